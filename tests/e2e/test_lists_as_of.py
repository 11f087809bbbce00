"""`list ... --as-of T`: what was known at T, and not what came to be known since. Each test is a story."""

import pytest
from clock import now
from conftest import HEADER, quarter_hours

C = "1-1:1.29.0"
LONG_AGO = "2026-01-01T00:00:00Z"
QUARTERS = [f"2026-03-01T00:{minute}:00Z" for minute in (15, 30, 45)] + ["2026-03-01T01:00:00Z"]
WRONG = QUARTERS[3]


def states(plant, *arguments):
    return [(row["check"], row["state"], row["by"]) for row in plant.list("exceptions", *arguments)]


def found(plant, *arguments):
    return [(row["check"], row["at"], row["hard"]) for row in plant.list("findings", *arguments)]


def edit(plant, *arguments, reason):
    plant.run("edit", "--usage-point", "A", "--channel", C, "--at", WRONG, "--by", "Mo", "--reason", reason, *arguments, expect=0)


def test_a_wrong_value_is_edited_and_comes_back(plant):
    """Minus two is told, Mo makes it two, and takes that back."""
    before = now()
    plant.ingest(plant.file("day.csv", quarter_hours(["1", "1", "1", "-2"])))
    (opened,) = plant.list("exceptions")
    (suspect,) = plant.list("findings")
    wrong = now()
    edit(plant, "--value", "2", reason="digits mixed up")
    edited = now()
    edit(plant, "--withdraw", reason="it was right")
    withdrawn = now()
    edit(plant, "--value", "3", reason="it was not")

    assert states(plant) == [] and states(plant, "--all") == [("negative", "edited", "Mo")]

    # exceptions, open ones alone and all of them, with the state of then
    for moment, open_then, all_then in (
            (before, [], []),
            (wrong, [("negative", "open", "")], [("negative", "open", "")]),
            (edited, [], [("negative", "edited", "Mo")]),
            (withdrawn, [("negative", "open", "")], [("negative", "open", "")]),
            (now(), [], [("negative", "edited", "Mo")])):
        assert states(plant, "--as-of", moment) == open_then
        assert states(plant, "--all", "--as-of", moment) == all_then
    assert plant.list("exceptions", "--as-of", wrong) == [opened]
    (first,) = plant.list("exceptions", "--all", "--as-of", edited)
    (last,) = plant.list("exceptions", "--all")
    assert (first["id"], first["opened"], first["opened_by"]) == (opened["id"], opened["opened"], opened["opened_by"])
    assert (first["reason"], last["reason"]) == ("digits mixed up", "it was not")
    assert wrong < first["closed"] < edited and last["closed"] > withdrawn
    assert plant.list("exceptions", "--usage-point", "B", "--as-of", wrong) == []

    # findings
    assert found(plant, "--as-of", before) == []
    assert plant.list("findings", "--as-of", wrong) == plant.list("findings", "--as-of", withdrawn) == [suspect]
    assert suspect["hard"] and "suspect" in suspect["quality"].split("|")
    assert found(plant, "--as-of", edited) == found(plant) == []

    # the same through the other door, and for people
    door = plant.run("--json", "exceptions", "list", "--all", "--as-of", edited, expect=0)
    assert door.json() == [first]
    assert "Mo" in plant.run("list", "exceptions", "--all", "--as-of", edited, expect=0).out
    assert plant.run("list", "exceptions", "--as-of", edited, expect=0).out == "no exceptions\n"


def test_an_accepted_value_keeps_its_finding(plant):
    """What was hard is evidence alone once somebody has accepted it; before, it was hard."""
    plant.ingest(plant.file("day.csv", quarter_hours(["1", "1", "1", "-2"])))
    (exception,) = plant.list("exceptions")
    opened = now()
    plant.run("exceptions", "accept", exception["id"], "--by", "Mo", "--reason", "panels", expect=0)
    assert found(plant) == [("negative", WRONG, False)]
    assert found(plant, "--as-of", opened) == [("negative", WRONG, True)]
    (then,) = plant.list("exceptions", "--all", "--as-of", opened)
    assert (then["state"], then["closed"], then["reason"]) == ("open", None, "")
    assert states(plant, "--all", "--as-of", now()) == [("negative", "accepted", "Mo")]


def test_a_late_file_fills_one_gap_of_two(plant):
    """Two days lack a value each; the second one's comes late, and B with it."""
    gaps = quarter_hours(["1", None, "1", "1"]) + quarter_hours(["1", "1", None, "1"], day="2026-03-02").removeprefix(HEADER + "\n")
    plant.ingest(plant.file("gaps.csv", gaps))
    both = [row for row in found(plant) if row[0] == "gap"]
    gappy = now()
    plant.ingest(plant.file("late.csv", quarter_hours(["1", "1", "1", "1"], day="2026-03-02")))
    plant.ingest(plant.file("b.csv", quarter_hours(["1", None, "1"], "B")))

    assert [at for _, at, _ in both] == [QUARTERS[2], "2026-03-02T00:15:00Z", "2026-03-02T01:00:00Z"]
    assert found(plant, "--check", "gap", "--as-of", gappy) == both, "the third gap is open again, and B had told nothing"
    assert plant.list("findings", "--usage-point", "B", "--as-of", gappy) == []
    assert len(found(plant, "--check", "gap", "--usage-point", "B", "--as-of", now())) == 1
    assert plant.list("findings", "--usage-point", "nobody", "--as-of", gappy) == []
    assert plant.run("list", "findings", "--as-of", LONG_AGO, expect=0).out == "no findings\n"


def test_master_data_is_that_of_then(plant):
    """A negative value is one while the channel is one-way; then master data says that it is not."""
    plant.run("registry", "apply", "-", stdin="usage_points:\n  - name: A\n    channels:\n"
                                              f"      - name: '{C}'\n        one_way: true\n", expect=0)
    plant.ingest(plant.file("day.csv", quarter_hours(["1", "1", "1", "-2"])))
    one_way = now()
    plant.run("registry", "apply", "-", stdin="usage_points:\n  - name: A\n    channels:\n"
                                              f"      - name: '{C}'\n        one_way: false\n", expect=0)
    assert found(plant) == [] and states(plant) == []
    assert states(plant, "--all") == [("negative", "resolved", "")]
    assert found(plant, "--as-of", one_way) == [("negative", WRONG, True)]
    assert states(plant, "--as-of", one_way) == [("negative", "open", "")]
    assert plant.list("exceptions", "--all")[0]["closed"] > one_way


def test_a_gap_is_one_when_a_tick_has_said_so(plant):
    plant.ingest(plant.file("day.csv", quarter_hours(["1"] * 4)))
    waiting = now()
    plant.run("tick", "--at", "2026-03-02T00:00:00Z", expect=0)
    ticked = now()
    (gap,) = plant.list("exceptions")
    assert gap["check"] == "gap" and waiting < gap["opened"] < ticked
    assert plant.list("exceptions", "--as-of", waiting) == [] and plant.list("exceptions", "--as-of", ticked) == [gap]
    assert found(plant, "--as-of", waiting) == [] and found(plant, "--as-of", ticked) == found(plant) != []


def test_a_register_tells_what_the_intervals_cannot_have_been(plant):
    """A reading comes that the intervals do not sum up to; the register is read anew, and they do."""
    plant.run("registry", "apply", "-", stdin="usage_points:\n  - name: A\n    channels:\n"
              "      - {name: load, obis: '1-1:1.29.0', kind: interval, interval: 1h, unit: kWh}\n"
              "      - {name: total, obis: '1-0:1.8.0', kind: register, unit: kWh}\n", expect=0)

    def read(name, value, issued):
        plant.ingest(plant.file(name, f"{HEADER},issued\nA,total,2026-03-01T12:00:00Z,{value},kWh,register,,{issued}\n"))

    hours = [f"A,load,2026-03-01T{hour:02d}:00:00Z,1,kWh,interval,1h" for hour in range(1, 13)]
    plant.ingest(plant.file("day.csv", "\n".join([HEADER, "A,total,2026-03-01T00:00:00Z,100.000,kWh,register,", *hours]) + "\n"))
    unread = now()
    read("read.csv", "115.000", "2026-03-01T13:00:00Z")
    differs = now()
    read("again.csv", "112.000", "2026-03-01T14:00:00Z")

    (closed,) = plant.list("exceptions", "--all")
    assert (closed["check"], closed["channel"], closed["state"]) == ("sum", "load", "resolved")
    assert unread < closed["opened"] < differs < closed["closed"]
    assert closed["opened_by"].endswith("read.csv") and closed["closed_by"].endswith("again.csv")
    assert states(plant, "--as-of", unread) == [] and states(plant, "--as-of", differs) == [("sum", "open", "")]
    assert [row["check"] for row in plant.list("findings", "--as-of", differs) if row["channel"] == "load"] == ["sum"]
    assert found(plant, "--as-of", unread) == []


def test_a_city_as_of_now_is_the_city(plant):
    """Nothing has happened since: every list says what it says without --as-of."""
    plant.run("generate", "--meters", 40, "--days", 21, "--faults", "0.5", "--seed", 7, "--out", "city", expect=0)
    before = now()
    plant.run("registry", "apply", "city/registry.yaml", expect=0)
    empty = now()
    plant.ingest("city/readings-0001.ndjson")
    moment = now()
    for subject, *more in (["channels"], ["usage-points"], ["exceptions"], ["exceptions", "--all"]):
        assert plant.list(subject, *more, "--as-of", moment) == plant.list(subject, *more), subject
    findings = plant.list("findings")
    assert len({row["check"] for row in findings}) > 5, "a city with faults of many kinds"

    def in_order(rows):
        return sorted(rows, key=lambda row: (row["usage_point"], row["channel"], row["at"], row["check"], row["from"]))

    assert in_order(plant.list("findings", "--as-of", moment)) == in_order(findings)

    for subject in ("channels", "exceptions", "findings"):
        assert plant.list(subject, "--as-of", empty) == [], subject
    then, today = plant.list("usage-points", "--as-of", empty), plant.list("usage-points")
    assert [row["usage_point"] for row in then] == [row["usage_point"] for row in today]
    assert {row["channels"] for row in then} == {0} and 0 not in {row["channels"] for row in today}
    assert plant.list("usage-points", "--as-of", before) == []


def test_what_a_channel_was_taken_for(plant):
    """Readings come first, then master data, then readings of another channel."""
    plant.ingest(plant.file("day.csv", quarter_hours(["1", "1"])))
    told = now()
    plant.run("registry", "apply", "-", stdin="usage_points:\n  - name: A\n    zone: Europe/Amsterdam\n    customer: ACME\n", expect=0)
    described = now()
    plant.ingest(plant.file("more.csv", quarter_hours(["1", "1"], channel="2.29.0")))

    def known(*arguments):
        channels = plant.list("channels", *arguments)
        (up,) = plant.list("usage-points", *arguments)
        assert up["channels"] == len(channels)
        return [row["channel"] for row in channels], {row["zone"] for row in channels} | {up["zone"]}, up["customer"]

    assert known("--as-of", told) == ([C], {"UTC"}, "")
    assert known("--as-of", described) == ([C], {"Europe/Amsterdam"}, "ACME")
    assert known("--as-of", now()) == known() == ([C, "2.29.0"], {"Europe/Amsterdam"}, "ACME")
    assert plant.list("channels", "--as-of", LONG_AGO) == plant.list("usage-points", "--as-of", LONG_AGO) == []
    assert plant.list("channels", "--usage-point", "nobody", "--as-of", told) == []

    def shown(*arguments, expect=0):
        return plant.run("registry", "show", "A", *arguments, expect=expect)

    assert "ACME" in shown().out and "ACME" in shown("--as-of", described).out
    assert "ACME" not in shown("--as-of", told).out and C in shown("--as-of", told).out
    refused = shown("--as-of", LONG_AGO, expect=1)
    assert "was unknown then" in refused.err and "BB-2" in refused.err


@pytest.mark.parametrize("subject, text, said", [
    ("tenants", "2026-03-01T00:00:00Z", "keeps no history"),
    ("exceptions", "2026-03-01", "with offset"),
    ("findings", "yesterday", "with offset"),
])
def test_what_has_no_past_says_so(plant, subject, text, said):
    refused = plant.run("list", subject, "--as-of", text, expect=2)
    assert "as-of" in refused.err and said in refused.err
