"""`list findings`: what checks say, about which readings, with the quality that the value got."""

from conftest import quarter_hours

CHANNEL = "1-1:1.29.0"


def fill(plant):
    """A has a gap of one interval; B a negative value; C nothing."""
    plant.ingest(plant.file("a.csv", quarter_hours(["0.1", None, "0.3", "0.4"], "A")))
    plant.ingest(plant.file("b.csv", quarter_hours(["0.1", "-0.025", "0.3"], "B")))
    plant.ingest(plant.file("c.csv", quarter_hours(["0.1", "0.2", "0.3"], "C")))


def test_findings_of_all_channels(plant):
    fill(plant)
    found = sorted(plant.list("findings"), key=lambda row: row["usage_point"])
    assert [(row["usage_point"], row["check"], row["from"], row["to"], row["at"]) for row in found] == [
        ("A", "gap", "2026-03-01T00:15:00Z", "2026-03-01T00:30:00Z", "2026-03-01T00:45:00Z"),
        ("B", "negative", "2026-03-01T00:30:00Z", "2026-03-01T00:30:00Z", "2026-03-01T00:30:00Z"),
    ]
    gap, negative = found
    assert gap["channel"] == CHANNEL and gap["hard"] is False and gap["a"] == 1
    assert "check:gap" in gap["quality"].split("|")
    assert negative["hard"] is True and (negative["a"], negative["exponent"]) == (-25, -3)
    assert {"suspect", "check:negative"} <= set(negative["quality"].split("|"))


def test_findings_of_one_check_or_usage_point(plant):
    fill(plant)
    assert [row["usage_point"] for row in plant.list("findings", "--check", "gap")] == ["A"]
    assert [row["check"] for row in plant.list("findings", "--usage-point", "B")] == ["negative"]
    assert plant.list("findings", "--usage-point", "B", "--check", "gap") == []
    assert plant.run("list", "findings", "--usage-point", "C", expect=0).out == "no findings\n"
    refused = plant.run("list", "findings", "--check", "nonsense", expect=2)
    assert "negative" in refused.err


def test_another_tenant_sees_nothing(plant):
    fill(plant)
    assert plant.run("--tenant", "other", "--json", "list", "findings", expect=0).json() == []
