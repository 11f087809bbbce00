"""What people do, and what they ask: edit, exceptions accept and estimate, explain. Each test is a story."""

import decimal
import json
import os

import pytest
from clock import now
from conftest import HEADER, quarter_hours

C = "1-1:1.29.0"
AT = "2026-03-01T01:00:00Z"  # of the value that goes wrong


def number(value):
    return decimal.Decimal(value)


class Desk:
    """A plant, and what somebody does with channel C of usage point A."""

    def __init__(self, plant):
        self.plant = plant

    def edit(self, *arguments, at=AT, reason="read off the display", by="Mo", expect=0):
        outcome = self.plant.run("--json", "edit", "--usage-point", "A", "--channel", C, "--at", at, "--by", by, "--reason",
                                 reason, *arguments, expect=expect)
        return json.loads(outcome.out, parse_float=str, parse_int=str)

    def judge(self, act, *ids, reason="checked", by="Mo", expect=0):
        return self.plant.run("--json", "exceptions", act, *ids, "--by", by, "--reason", reason, expect=expect).json()

    def story(self, *arguments, at=AT, expect=0):
        outcome = self.plant.run("--json", "explain", "--usage-point", "A", "--channel", C, "--at", at, *arguments, expect=expect)
        return json.loads(outcome.out, parse_float=decimal.Decimal)

    def told(self, *arguments, at=AT):
        """The story for people."""
        return self.plant.run("explain", "--usage-point", "A", "--channel", C, "--at", at, *arguments, expect=0).out

    def value(self, *arguments, at=AT, lane="vee"):
        row = next(row for row in self.plant.query("A", "--lane", lane, *arguments) if row["end"] == at)
        return row["value"], row["quality"]

    def day(self, *arguments):
        return self.plant.query("A", "--lane", "day", *arguments)[0]["value"]

    def exceptions(self, *arguments):
        return self.plant.list("exceptions", *arguments)


@pytest.fixture
def desk(plant):
    return Desk(plant)


@pytest.fixture
def spiked(desk):
    """Eight quarter hours of 0.25 kWh; the fourth says 900."""
    values = ["0.25"] * 8
    values[3] = "900.0"
    desk.plant.ingest(desk.plant.file("day.csv", quarter_hours(values)))
    return desk


def test_a_wrong_value_is_edited_and_comes_back(spiked):
    wrong = now()
    report = spiked.edit("--value", "0.250")
    assert (report["before"]["value"], report["after"]["value"], report["told"]) == ("900", "0.25", True)
    assert report["after"]["quality"] == "edited"
    assert (report["start"], report["end"], report["unit"]) == ("2026-03-01T00:45:00Z", AT, "kWh")
    assert [(day["before"]["value"], day["after"]["value"]) for day in report["days"]] == [("901.75", "2")]

    assert spiked.value() == ("0.25", "edited")
    assert spiked.value(lane="raw") == ("0.250", "edited"), "raw prints what was told"
    assert spiked.day() == "2"
    assert spiked.value("--as-of", wrong)[0] == "900" and spiked.day("--as-of", wrong) == "901.75"
    edited = now()

    report = spiked.edit("--withdraw", reason="it was right")
    assert (report["before"]["value"], report["after"]["value"]) == ("0.25", "900")
    assert spiked.value() == ("900", "measured") and spiked.day() == "901.75"
    assert spiked.value("--as-of", edited) == ("0.25", "edited") and spiked.day("--as-of", edited) == "2"
    assert spiked.value("--as-of", wrong)[0] == "900"

    versions = spiked.story()["versions"]
    assert [(v["value"], v["stands"], v.get("by"), v.get("act"), v["line"]) for v in versions] == [
        (number("900.0"), True, None, None, 5),
        (number("0.250"), False, "Mo", "edit", 1),
        (None, False, "Mo", "withdraw", 1),
    ]
    assert [v["why"] for v in versions] == ["stands", "was withdrawn", "takes back what people told before"]
    assert versions[0]["source"].endswith("day.csv") and versions[1]["reason"] == "read off the display"
    then = spiked.story("--as-of", edited)
    assert then["value"] == number("0.25") and [v["stands"] for v in then["versions"]] == [False, True]
    assert then["versions"][0]["why"] == "a person's word stands over what sources tell"
    assert [v["stands"] for v in spiked.story("--as-of", wrong)["versions"]] == [True]
    assert spiked.story("--lane", "day", "--as-of", edited)["value"] == 2
    then = spiked.story("--lane", "day", "--as-of", wrong)
    assert then["value"] == number("901.75") == sum(part["amount"] for part in then["period"]["parts"])
    text = spiked.told()
    assert "edit by Mo: read off the display" in text and "was withdrawn" in text and "day.csv line 5" in text


def test_a_resent_file_loses_to_an_edit_and_wins_after_its_withdrawal(spiked):
    spiked.edit("--value", "0.3")
    header = HEADER + ",issued"
    resent = f"{header}\nA,{C},{AT},0.26,kWh,interval,15m,2026-03-02T00:00:00Z\n"
    report = spiked.plant.ingest(spiked.plant.file("resent.csv", resent))
    assert report["changed"] == 1
    assert spiked.value() == ("0.3", "edited")
    spiked.edit("--withdraw")
    # both files say what they say; 900 was told without a version time, thus of the moment it came
    assert spiked.value()[0] == "900"
    newer = f"{header}\nA,{C},{AT},0.27,kWh,interval,15m,2037-01-01T00:00:00Z\n"
    spiked.plant.ingest(spiked.plant.file("newer.csv", newer))
    assert spiked.value()[0] == "0.27"
    spiked.edit("--value", "0.31")
    assert spiked.value() == ("0.31", "edited"), "whatever version a sender claims"
    spiked.edit("--withdraw")
    assert spiked.value()[0] == "0.27"
    story = spiked.story()
    whys = {str(v["value"]): v["why"] for v in story["versions"] if v["value"] is not None}
    assert whys == {"900.0": "its sender's version is older", "0.3": "was withdrawn", "0.26": "its sender's version is older",
                    "0.27": "stands", "0.31": "was withdrawn"}  # fmt: skip
    assert next(v for v in story["versions"] if v["stands"])["issued"] == "2037-01-01T00:00:00Z"


def test_the_same_edit_again_is_no_version_more(spiked):
    def count():
        return len(spiked.story()["versions"])

    assert spiked.edit("--value", "0.3")["told"] is True
    assert count() == 2
    again = spiked.edit("--value", "0.30", reason="again", by="Jo")
    assert again["told"] is False and again["days"] == []
    assert count() == 2
    assert spiked.edit("--value", "300", "--unit", "Wh")["told"] is True, "another unit is another value as sent"
    assert count() == 3
    assert spiked.value()[0] == "0.3"
    assert spiked.edit("--value", "0.4")["told"] is True and count() == 4
    assert "check:duplicate" not in spiked.value()[1], "who edits again means the later one"


def test_an_edit_may_fill_a_gap(desk):
    desk.plant.ingest(desk.plant.file("a.csv", quarter_hours(["1"] * 3 + [None] * 12 + ["1"])))
    assert [row["check"] for row in desk.exceptions()] == ["gap"]
    report = desk.edit("--value", "5")
    assert (report["start"], report["end"]) == ("2026-03-01T00:45:00Z", AT), "as long as the row of the gap"
    assert report["before"]["value"] is None and report["after"]["value"] == "5"
    rest = desk.exceptions()
    assert [(row["from"], row["to"]) for row in rest] == [(AT, "2026-03-01T03:45:00Z")], "the rest of it is still missing"
    before = desk.exceptions("--all")[0]
    assert (before["state"], before["by"], before["reason"]) == ("edited", "Mo", "read off the display")
    desk.edit("--withdraw")
    assert desk.value()[0] == ""
    assert desk.story()["versions"][-1]["quality"] == "missing|withdrawn"


def test_registers_and_gauges_are_edited_at_their_instants(plant):
    plant.ingest(plant.file("a.csv", f"{HEADER}\nA,1-0:1.8.0,2026-03-01T00:00:00Z,100,kWh,register,\n"
                                     "A,1-0:1.8.0,2026-03-02T00:00:00Z,900,kWh,register,\n"
                                     "A,1-0:1.8.0,2026-03-03T00:00:00Z,120,kWh,register,\n"
                                     "A,t,2026-03-01T12:00:00Z,20.5,C,gauge,\n"))
    plant.run("edit", "--usage-point", "A", "--channel", "1.8.0", "--at", "2026-03-02T00:00:00Z", "--value", "110", "--reason",
              "digits mixed up", expect=0)
    days = plant.query("A", "--channel", "1.8.0", "--lane", "day")
    assert [row["value"] for row in days] == ["10", "10"]
    plant.run("edit", "--usage-point", "A", "--channel", "t", "--at", "2026-03-01T13:00", "--zone", "Europe/Amsterdam", "--value",
              "21", "--reason", "thermometer", expect=0)
    rows = plant.query("A", "--channel", "t")
    assert [(row["end"], row["value"], row["quality"]) for row in rows] == [("2026-03-01T12:00:00Z", "21", "edited")]
    # the instant nearest to what was asked
    outcome = plant.run("--json", "explain", "--usage-point", "A", "--channel", "t", "--at", "2026-03-01T18:00:00Z", expect=0)
    assert (outcome.json()["held"], outcome.json()["end"]) == ("nearest", "2026-03-01T12:00:00Z")


def test_a_negative_value_is_accepted(desk):
    desk.plant.ingest(desk.plant.file("a.csv", quarter_hours(["1", "1", "1", "-2", "1"])))
    (found,) = desk.exceptions()
    assert (found["check"], found["state"], found["opened_by"].endswith("a.csv")) == ("negative", "open", True)
    assert "suspect" in desk.value()[1]
    open_then = now()
    (done,) = desk.judge("accept", found["id"], reason="solar panels")
    assert (done["told"], done["state"]) == (1, "accepted")
    assert desk.value() == ("-2", "measured|accepted")
    assert desk.day() == "2"
    assert desk.exceptions() == []
    (closed,) = desk.exceptions("--all")
    assert (closed["id"], closed["state"], closed["by"]) == (found["id"], "accepted", "Mo")
    assert closed["reason"] == f"solar panels (exception {found['id']})"
    assert "suspect" in desk.value("--as-of", open_then)[1]
    story = desk.story()
    assert [(f["check"], f["hard"]) for f in story["findings"]] == [("negative", False)], "evidence is kept"
    assert story["findings"][0]["evidence"] == "the value -2 kWh"
    assert story["versions"][1]["act"] == "accept"

    refused = desk.judge("accept", found["id"], expect=1)
    assert refused[0]["code"] == "BB-2024" and "accepted" in refused[0]["refused"] and "Mo" in refused[0]["refused"]

    # taken back, it opens again, under its number
    desk.edit("--withdraw", reason="they were not")
    assert [row["id"] for row in desk.exceptions()] == [found["id"]]
    assert "suspect" in desk.value()[1]


def test_an_overlap_is_left_to_estimators(desk):
    desk.plant.ingest(desk.plant.file("a.csv", f"{HEADER}\nA,{C},2026-03-01T00:30:00Z,1,kWh,interval,15m\n"
                                               f"A,{C},2026-03-01T00:45:00Z,1,kWh,interval,15m\n"
                                               f"A,{C},{AT},7,kWh,interval,30m\n"
                                               f"A,{C},2026-03-01T01:15:00Z,1,kWh,interval,15m\n"))
    (found,) = desk.exceptions()
    assert found["check"] == "overlap"
    (done,) = desk.judge("estimate", found["id"], reason="the logger hung")
    assert (done["state"], done["missing"]) == ("estimated", 0)
    assert desk.value() == ("1", "estimated|method:linear|check:gap")
    assert desk.day() == "4"
    (closed,) = desk.exceptions("--all")
    assert (closed["state"], closed["by"]) == ("estimated", "Mo")

    story = desk.story(at="2026-03-01T00:50:00Z")
    assert (story["held"], story["start"], story["end"]) == ("inside", "2026-03-01T00:45:00Z", AT)
    estimate = story["estimate"]
    assert (estimate["method"], estimate["intervals"]) == ("linear", 1)
    assert (estimate["before"]["end"], estimate["after"]["end"]) == ("2026-03-01T00:45:00Z", "2026-03-01T01:15:00Z")
    assert [(v["value"], v["stands"], v["why"]) for v in story["versions"]] == [
        (7, False, "a person's word stands over what sources tell"),
        (None, True, "stands"),
    ]
    # the same again does not count; a value that nobody had told does, and the estimate gives way
    desk.plant.ingest(desk.plant.file("b.csv", f"{HEADER}\nA,{C},{AT},7,kWh,interval,30m\n"))
    assert desk.value()[0] == "1"
    desk.plant.ingest(desk.plant.file("c.csv", f"{HEADER}\nA,{C},{AT},1.5,kWh,interval,15m\n"))
    assert desk.value() == ("1.5", "measured|duplicate|check:duplicate")
    assert desk.exceptions() == []
    whys = [v["why"] for v in desk.story()["versions"]]
    assert whys == ["came earlier", "gave way to a value that nobody had told then", "stands"]


def test_what_no_estimator_fills_is_told(desk):
    """Three hours are set aside: an hour more than a line is drawn over."""
    header = HEADER + "\n"
    desk.plant.ingest(desk.plant.file("a.csv", header + f"A,{C},2026-03-01T00:15:00Z,1,kWh,interval,15m\n"
                                               f"A,{C},2026-03-01T03:15:00Z,-9,kWh,interval,3h\n"
                                               f"A,{C},2026-03-01T03:30:00Z,1,kWh,interval,15m\n"))
    (found,) = desk.exceptions()
    (done,) = desk.judge("estimate", found["id"])
    assert (done["told"], done["missing"], done["state"]) == (1, 1, "estimated")
    assert desk.value(at="2026-03-01T03:15:00Z")[0] == ""


def test_a_gap_is_accepted(desk):
    """Three days without values; of each day one row says that there are none."""
    values = quarter_hours(["1"] * 4) + quarter_hours([None] * 4 + ["1"], day="2026-03-04").split("\n", 1)[1]
    desk.plant.ingest(desk.plant.file("a.csv", values))
    (found,) = desk.exceptions()
    assert (found["check"], found["from"], found["to"]) == ("gap", AT, "2026-03-04T01:00:00Z")
    refused = desk.judge("estimate", found["id"], expect=1)
    assert refused[0]["code"] == "BB-2025" and "accept the gap" in refused[0]["refused"]
    (done,) = desk.judge("accept", found["id"], reason="the house stood empty")
    assert (done["told"], done["state"]) == (3, "accepted")
    assert desk.exceptions() == []
    assert [row["quality"] for row in desk.plant.query("A", "--lane", "raw") if not row["value"]] == ["missing|accepted"] * 3
    rows = desk.plant.query("A", "--lane", "vee")
    assert len(rows) == 4 + 3 * 96 + 1 and [row["value"] for row in rows].count("") == 3 * 96
    story = desk.story(at="2026-03-02T12:07:00Z")
    assert story["value"] is None and [(f["check"], f["hard"]) for f in story["findings"]] == [("gap", False)]
    assert story["findings"][0]["evidence"] == "288 intervals are missing, 3d"

    # what comes after all is used, every value of it. The row of the first day gave way to the value of its end, so that
    # the rest of that day is asked for again; the rest of the days behind is accepted still.
    late = quarter_hours(["2", "3"] * 48, day="2026-03-02")
    desk.plant.ingest(desk.plant.file("late.csv", late))
    assert [row["value"] for row in desk.plant.query("A", "--lane", "vee", "--from", "2026-03-02", "--to", "2026-03-03")] == ["2", "3"] * 48
    assert [(row["from"], row["to"]) for row in desk.exceptions()] == [(AT, "2026-03-02T00:00:00Z")]


def test_many_exceptions_at_once(desk):
    desk.plant.ingest(desk.plant.file("a.csv", quarter_hours(["-1", "1", "-2", "1", "-3"])))
    ids = [row["id"] for row in desk.exceptions()]
    assert len(ids) == 3
    done = desk.judge("accept", *ids, 99, ids[0], expect=1)
    assert [(row["id"], row.get("state"), row.get("code")) for row in done] == [
        *((number, "accepted", None) for number in ids),
        (99, None, "BB-2023"),
    ]
    assert [row["reason"] for row in desk.exceptions("--all")] == [f"checked (exception {number})" for number in ids]
    text = desk.plant.run("exceptions", "list", "--all", expect=0).out
    assert text == desk.plant.run("list", "exceptions", "--all", expect=0).out and "accepted" in text


def test_an_exception_that_the_data_resolves_is_nobodys(desk):
    desk.plant.ingest(desk.plant.file("a.csv", quarter_hours(["1", "-2", "1"])))
    desk.plant.ingest(desk.plant.file("b.csv", quarter_hours([None, "2"])))
    (closed,) = desk.exceptions("--all")
    assert (closed["state"], closed["by"], closed["reason"]) == ("resolved", "", "")
    assert closed["opened_by"].endswith("a.csv") and closed["closed_by"].endswith("b.csv")


# ---- the recipes of periods


def parts_sum(story):
    return sum(number(part["amount"]) for part in story["period"]["parts"] if part["amount"] is not None)


def test_the_recipe_of_a_day_of_intervals(desk):
    """An hour straddles local midnight (23:00 UTC): a quarter of it counts in the day before."""
    desk.plant.ingest("--zone", "Europe/Amsterdam",
                      desk.plant.file("a.csv", f"{HEADER}\nA,{C},2026-03-01T22:15:00Z,1,kWh,interval,1h\n"
                                               f"A,{C},2026-03-01T23:45:00Z,4,kWh,interval,1h\n"
                                               f"A,{C},2026-03-02T00:45:00Z,8,kWh,interval,1h\n"))
    story = desk.story("--lane", "day", "--zone", "Europe/Amsterdam", at="2026-03-01T12:00")
    period = story["period"]
    assert (story["start"], story["end"]) == ("2026-03-01T00:00:00+01:00", "2026-03-02T00:00:00+01:00")
    assert (period["zone"], period["day_start_seconds"], period["values"]) == ("Europe/Amsterdam", 0, 2)
    assert story["value"] == parts_sum(story)
    cut = period["parts"][-1]
    assert (cut["amount"], cut["whole"], cut["whole_end"]) == (1, 4, "2026-03-02T00:45:00+01:00")
    assert period["rounded_at_exponent"] == -3
    following = desk.story("--lane", "day", at="2026-03-02T12:00:00+01:00")
    assert following["period"]["parts"][0]["amount"] == 3, "the parts of a whole sum to it"
    text = desk.told("--lane", "day", at="2026-03-01T12:00:00Z")
    assert "15m of 1h" in text and "zone Europe/Amsterdam" in text and "rounded half to even at 10^-3" in text


@pytest.mark.parametrize("lane", ["hour", "day", "month"])
def test_parts_sum_to_every_period(desk, lane):
    desk.plant.run("generate", "--meters", "3", "--days", "40", "--seed", "5", "--from", "2026-03-01", "--format", "csv", "--faults",
                   "0.05", "--out", desk.plant.folder / "city", expect=0)
    desk.plant.ingest(desk.plant.folder / "city")
    checked = 0
    for channel in desk.plant.list("channels"):
        if channel["kind"] == "gauge":
            continue
        where = ["--usage-point", channel["usage_point"], "--channel", channel["channel"], "--lane", lane]
        rows = desk.plant.run("query", *where, "--format", "csv", expect=0).rows()
        for row in rows[:: max(1, len(rows) // 4)]:
            if not row["value"] or "suspect" in row["quality"]:
                continue
            outcome = desk.plant.run("--json", "explain", *where, "--at", row["end"], expect=0)
            story = json.loads(outcome.out, parse_float=decimal.Decimal)
            assert (story["start"], story["end"], story["held"]) == (row["start"], row["end"], "exact")
            assert story["value"] == number(row["value"]) == parts_sum(story), outcome.out
            checked += 1
    assert checked >= 5


def test_the_recipe_of_a_day_of_a_register(plant):
    plant.ingest(plant.file("a.csv", f"{HEADER}\nA,1-0:1.8.0,2026-03-01T12:00:00Z,100,kWh,register,\n"
                                     "A,1-0:1.8.0,2026-03-02T12:00:00Z,124,kWh,register,\n"
                                     "A,1-0:1.8.0,2026-03-03T12:00:00Z,172,kWh,register,\n"))
    outcome = plant.run("--json", "explain", "--usage-point", "A", "--channel", "1.8.0", "--lane", "day", "--at",
                        "2026-03-02T05:00:00Z", expect=0)
    story = json.loads(outcome.out, parse_float=decimal.Decimal)
    assert story["value"] == 36 == parts_sum(story)
    period = story["period"]
    assert (period["register_at_start"], period["register_at_end"]) == (112, 148)
    assert [(p["amount"], p["whole"], p["from_reading"], p["to_reading"], p["estimated"]) for p in period["parts"]] == [
        (12, 24, 100, 124, True),
        (24, 48, 124, 172, True),
    ]
    assert (period["covered_share"], period["measured_share"]) == (1, 0), "readings a day apart say little about its parts"


# ---- what cannot be


@pytest.mark.parametrize("arguments, code, said", [
    (["--usage-point", "B", "--channel", C, "--at", AT, "--value", "1"], 1, "BB-2002"),
    (["--usage-point", "A", "--channel", "nope", "--at", AT, "--value", "1"], 1, "BB-2003"),
    (["--usage-point", "A", "--channel", C, "--at", "2026-03-01T00:50:00Z", "--value", "1"], 1, "BB-2021"),
    (["--usage-point", "A", "--channel", C, "--at", "1980-01-01", "--value", "1"], 1, "BB-1008"),
    (["--usage-point", "A", "--channel", C, "--at", "2099-01-01", "--value", "1"], 1, "BB-1008"),
    (["--usage-point", "A", "--channel", C, "--at", "soon", "--value", "1"], 2, "2026-03-01"),
    (["--usage-point", "A", "--channel", C, "--at", AT, "--value", "a lot"], 1, "BB-1005"),
    (["--usage-point", "A", "--channel", C, "--at", AT, "--value", "1234567890123456789"], 1, "18 significant digits"),
    (["--usage-point", "A", "--channel", C, "--at", AT, "--value", "1", "--unit", "furlong"], 1, "BB-1010"),
    (["--usage-point", "A", "--channel", C, "--at", AT, "--value", "1", "--unit", "m3"], 1, "metered in kWh"),
    (["--usage-point", "A", "--channel", C, "--at", AT, "--withdraw"], 1, "BB-2022"),
    (["--usage-point", "A", "--channel", C, "--at", AT], 2, "either --value V or --withdraw"),
    (["--usage-point", "A", "--channel", C, "--at", AT, "--value", "1", "--withdraw"], 2, "either"),
    (["--usage-point", "A", "--channel", C, "--at", AT, "--value", "1", "--by", "a:b"], 2, "colon"),
    (["--usage-point", "A", "--channel", C, "--at", AT, "--value", "1", "--reason", "two\nlines"], 2, "control character"),
    (["--usage-point", "A", "--channel", C, "--at", AT, "--value", "1", "--reason", " "], 2, "empty"),
    (["--usage-point", "A", "--channel", C, "--at", AT, "--value", "1", "--reason", "x" * 1001], 2, "1001 bytes"),
])  # fmt: skip
def test_edits_that_cannot_be(filled, arguments, code, said):
    reason = [] if "--reason" in arguments else ["--reason", "why not"]
    outcome = filled.run("edit", *arguments, *reason, expect=code)
    assert said in outcome.err and outcome.out == ""
    assert [row["quality"] for row in filled.query("A")] == ["measured"] * 4, "nothing was told"


def test_a_reason_is_needed(filled):
    outcome = filled.run("edit", "--usage-point", "A", "--channel", C, "--at", AT, "--value", "1", expect=2)
    assert "--reason" in outcome.err
    assert "--reason" in filled.run("exceptions", "accept", "1", expect=2).err


def test_there_has_to_be_a_plant(plant):
    for arguments in (["edit", "--usage-point", "A", "--channel", C, "--at", AT, "--value", "1", "--reason", "x"],
                      ["exceptions", "accept", "1", "--reason", "x"], ["exceptions", "list"],
                      ["explain", "--usage-point", "A", "--channel", C, "--at", AT]):  # fmt: skip
        assert "BB-3013" in plant.run(*arguments, expect=3).err
        assert not plant.data.exists()


@pytest.mark.parametrize("arguments, code, said", [
    (["explain", "--usage-point", "A", "--channel", C], 2, "--at T"),
    (["explain", "--usage-point", "A", "--at", AT], 2, "--channel C"),
    (["explain", "BB-1004", "--usage-point", "A", "--channel", C, "--at", AT], 2, "one at a time"),
    (["explain", "--usage-point", "A", "--channel", C, "--at", "2026-03-05"], 1, "BB-2026"),
    (["explain", "--usage-point", "A", "--channel", C, "--at", AT, "--as-of", "2026-02-01"], 1, "BB-2026"),
    (["explain", "--usage-point", "B", "--channel", C, "--at", AT], 1, "BB-2002"),
    (["exceptions", "forgive", "1", "--reason", "x"], 2, "list, accept, estimate"),
    (["exceptions", "accept", "--reason", "x"], 2, "needs the numbers"),
    (["exceptions", "accept", "one", "--reason", "x"], 2, "no exception's number"),
    (["exceptions", "list", "1"], 2, "does not take"),
])  # fmt: skip
def test_questions_that_cannot_be_answered(filled, arguments, code, said):
    outcome = filled.run(*arguments, expect=code)
    assert said in outcome.err and outcome.out == ""


def test_who_does_it(filled):
    def who(environment):
        clean = {name: value for name, value in os.environ.items() if name not in ("USER", "LOGNAME")} | environment
        value = f"{len(environment) + 1}.5"
        outcome = filled.run("--json", "edit", "--usage-point", "A", "--channel", C, "--at", AT, "--value", value, "--reason", "x",
                             expect=0, env=clean)
        return outcome.json()["by"]

    assert who({"USER": "ada", "LOGNAME": "lovelace"}) == "ada"
    assert who({"LOGNAME": "lovelace"}) == "lovelace"
    assert who({}) == f"user {os.getuid()}"
