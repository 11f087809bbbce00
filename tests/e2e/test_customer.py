"""What is kept about a customer is told as one value; what is another one's is not."""

import json

from conftest import quarter_hours

ENTRY = """usage_points:
  - name: A
    zone: Europe/Amsterdam
    {customer}
    tags: {{door: "{tag}"}}
    installations: [{{device: D1, from: 2025-01-01T00:00:00Z}}]
"""


def apply(plant, customer, tag):
    text = ENTRY.format(customer=f"customer: {customer}" if customer else "", tag=tag)
    plant.run("registry", "apply", "-", stdin=text, expect=0)


def exported(plant, customer):
    return plant.run("registry", "export", "--customer", customer, expect=0).json()


def edit(plant, at, value, reason, person="Vera"):
    plant.run("edit", "--usage-point", "A", "--channel", "1-1:1.29.0", "--at", at, "--value", value, "--reason", reason,
              "--by", person, expect=0)


def test_all_that_is_kept_is_told(plant):
    apply(plant, "C-1004", "blue")
    apply(plant, "C-1004", "red")
    plant.ingest(plant.file("first.csv", quarter_hours(["0.125", "0.250", "-7", "0.500"])))
    edit(plant, "2026-03-01T00:15:00Z", "0.3", "called by C-1004")
    edit(plant, "2026-03-01T00:15:00Z", "0.4", "misheard")
    plant.run("edit", "--usage-point", "A", "--channel", "1-1:1.29.0", "--at", "2026-03-01T00:15:00Z", "--withdraw",
              "--reason", "not so", "--by", "Wim", expect=0)
    told = exported(plant, "C-1004")
    assert (told["customer"], told["tenant"]) == ("C-1004", "default")
    (one,) = told["usage_points"]
    assert one["usage_point"] == "A" and not one["shared"]
    assert [version["entry"]["tags"]["door"] for version in one["versions"]] == ["blue", "red"]
    assert one["versions"][0]["until"] == one["versions"][1]["recorded"] and "until" not in one["versions"][1]
    people = [(told["act"], told.get("value"), told["by"], told["reason"]) for told in one["told_by_people"]]
    assert sorted(people, key=str) == sorted([("edit", 0.3, "Vera", "called by C-1004"),
                                              ("edit", 0.4, "Vera", "misheard"),
                                              ("withdraw", None, "Wim", "not so")], key=str)
    assert one["readings"] == "busbar --tenant default query --usage-point A --lane raw --format csv"
    assert [row["id"] for row in one["exceptions"]] == [row["id"] for row in plant.list("exceptions", "--all")]


def test_what_is_another_customers_is_not(plant):
    apply(plant, "C-1", "of one")
    plant.ingest(plant.file("first.csv", quarter_hours(["0.125", "0.250"])))
    edit(plant, "2026-03-01T00:15:00Z", "0.3", "one called")
    apply(plant, "", "of nobody")
    apply(plant, "C-2", "of two")
    edit(plant, "2026-03-01T00:30:00Z", "0.7", "two called")
    one, two = (exported(plant, name) for name in ("C-1", "C-2"))
    for told, tag, reason, other in ((one, "of one", "one called", "two"), (two, "of two", "two called", "one")):
        (point,) = told["usage_points"]
        assert point["shared"]
        assert [version["entry"]["tags"]["door"] for version in point["versions"]] == [tag]
        assert [row["reason"] for row in point["told_by_people"]] == [reason]
        assert f"of {other}" not in json.dumps(told) and f"{other} called" not in json.dumps(told)
    assert " --from " in one["usage_points"][0]["readings"] and " --to " in one["usage_points"][0]["readings"]
    assert " --to " not in two["usage_points"][0]["readings"]


def test_nobody_knows_the_customer(plant):
    apply(plant, "C-1", "blue")
    outcome = plant.run("--json", "registry", "export", "--customer", "C-9", expect=1)
    assert outcome.json()["error"]["code"] == "BB-2027"
    outcome = plant.run("--json", "registry", "export", "--customer", "C-1", "--as-of", "2026-01-01T00:00:00Z", expect=2)
    assert outcome.json()["error"]["code"] == "BB-4002"
