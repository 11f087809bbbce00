"""query, list and registry: formats, zones, bounds, lanes, and the way of master data out and in."""

import csv
import datetime
import decimal
import io
import json
import subprocess

import pytest
from conftest import BINARY, HEADER, quarter_hours

COLUMNS = "usage_point,channel,lane,start,end,value,unit,quality"


def test_csv_has_its_columns(filled):
    text = filled.run("query", "--usage-point", "A", "--format", "csv", expect=0).out
    assert text.splitlines()[0] == COLUMNS
    assert text.splitlines()[1] == ("A,1-1:1.29.0,raw,2026-03-01T00:00:00Z,2026-03-01T00:15:00Z,0.125,kWh,measured")
    assert text.splitlines()[2].split(",")[5] == "0.250", "raw prints what was sent"
    assert filled.query("A", "--lane", "vee")[1]["value"] == "0.25", "other lanes without trailing zeros"


def test_the_formats_agree(filled):
    rows = filled.query("A")
    ndjson = filled.run("query", "--usage-point", "A", "--format", "ndjson", expect=0).out
    objects = [json.loads(line, parse_float=str) for line in ndjson.splitlines()]
    whole = json.loads(filled.run("--json", "query", "--usage-point", "A", expect=0).out, parse_float=str)
    assert objects == whole == rows
    table = filled.run("query", "--usage-point", "A", expect=0).out.splitlines()
    assert table[0].split() == COLUMNS.split(",")
    assert [line.split() for line in table[1:]] == [list(row.values()) for row in rows]


@pytest.mark.parametrize("begin, end, count", [
    ("2026-03-01T00:15:00Z", None, 3),                       # from < end
    (None, "2026-03-01T00:30:00Z", 2),                       # end <= to
    ("2026-03-01T00:15:00Z", "2026-03-01T00:30:00Z", 1),
    ("2026-03-01T01:15:00+01:00", "2026-03-01T01:30:00+01:00", 1),
    ("2026-03-01", "2026-03-02", 4),                         # a date is local midnight
    ("2026-03-02", None, 0),
])  # fmt: skip
def test_bounds(filled, begin, end, count):
    arguments = (["--from", begin] if begin else []) + (["--to", end] if end else [])
    assert len(filled.query("A", *arguments)) == count


def test_local_bounds_are_in_the_zone_that_is_asked_for(filled):
    # 01:15 in Amsterdam is 00:15 UTC
    rows = filled.query("A", "--from", "2026-03-01T01:15:00", "--zone", "Europe/Amsterdam")
    assert [row["end"] for row in rows] == ["2026-03-01T01:30:00+01:00", "2026-03-01T01:45:00+01:00",
                                            "2026-03-01T02:00:00+01:00"]  # fmt: skip
    assert len(filled.query("A", "--from", "2026-03-01T00:15:00")) == 3, "else in the channel's, here UTC"


def test_offsets_change_with_the_clock(plant):
    plant.ingest(plant.file("a.csv", quarter_hours([i for i in range(12)], day="2026-03-29")))
    ends = [row["end"] for row in plant.query("A", "--zone", "Europe/Amsterdam")]
    assert ends[3] == "2026-03-29T03:00:00+02:00" and ends[2] == "2026-03-29T01:45:00+01:00"


def test_limit(filled):
    assert len(filled.query("A", "--limit", "2")) == 2


def test_instants_have_start_and_end_alike(plant):
    plant.ingest(plant.file("a.csv", f"{HEADER}\nA,1-0:1.8.0,2026-03-01T00:00:00Z,123.40,kWh,register,\n"
                                     "A,1-0:1.8.0,2026-03-02T00:00:00Z,133.40,kWh,register,\n"
                                     "A,t,2026-03-01T12:00:00Z,20.5,C,gauge,\nA,t,2026-03-01T13:00:00Z,22.5,C,gauge,\n"))
    rows = plant.query("A")
    assert [row["channel"] for row in rows] == ["1-0:1.8.0"] * 2 + ["t"] * 2, "by channel, then end"
    assert all(row["start"] == row["end"] for row in rows)
    # from <= end < to
    assert len(plant.query("A", "--channel", "t", "--from", "2026-03-01T12:00:00Z",
                           "--to", "2026-03-01T13:00:00Z")) == 1
    by_obis = plant.query("A", "--channel", "1.8.0")
    assert [row["value"] for row in by_obis] == ["123.40", "133.40"]
    day = plant.run("query", "--usage-point", "A", "--channel", "t", "--lane", "day", "--format", "csv", expect=0).out
    assert day.splitlines()[0] == COLUMNS + ",min,max"
    row = next(csv.DictReader(io.StringIO(day)))
    assert (row["value"], row["min"], row["max"], row["unit"]) == ("21.5", "20.5", "22.5", "°C")
    energy = plant.run("query", "--usage-point", "A", "--channel", "1.8.0", "--lane", "day", "--format", "csv",
                       expect=0).out
    assert energy.splitlines()[0] == COLUMNS
    assert "10" in [row["value"] for row in csv.DictReader(io.StringIO(energy))]


def test_a_gap_is_estimated_or_told(plant):
    plant.ingest(plant.file("a.csv", quarter_hours(["1", "2", None, "4"] + [None] * 12 + ["5"])))
    rows = plant.query("A", "--lane", "vee")
    assert len(rows) == 17
    assert rows[2]["value"] == "3" and rows[2]["quality"].startswith("estimated|")
    assert "method:linear" in rows[2]["quality"]
    assert [row["value"] for row in rows[4:16]] == [""] * 12
    assert all("missing" in row["quality"].split("|") for row in rows[4:16])
    found = plant.list("exceptions")
    assert [(row["usage_point"], row["check"], row["state"]) for row in found] == [("A", "gap", "open")]
    assert (found[0]["from"], found[0]["to"]) == ("2026-03-01T01:00:00Z", "2026-03-01T04:00:00Z")
    # what closes the gap closes the exception
    fill = [None] * 4 + ["9"] * 12
    report = plant.ingest(plant.file("late.csv", quarter_hours(fill)))
    assert (report["accepted"], report["exceptions"]) == (12, 0)
    assert plant.list("exceptions") == []
    assert [row["state"] for row in plant.list("exceptions", "--all")] == ["resolved"]
    assert all(row["value"] for row in plant.query("A", "--lane", "vee"))


@pytest.mark.parametrize("arguments, code, said", [
    (["--usage-point", "B"], 1, "BB-2002"),
    (["--usage-point", "A", "--channel", "nope"], 1, "it has 1-1:1.29.0"),
    (["--usage-point", "A", "--lane", "wishes"], 2, "raw"),
    (["--usage-point", "A", "--from", "soon"], 2, "2026-03-01"),
    (["--usage-point", "A", "--as-of", "2026-02-31"], 2, "as-of"),
    (["--usage-point", "A", "--zone", "Mars/Olympus"], 2, "Europe/Amsterdam"),
    (["--usage-point", "A", "--format", "xml"], 2, "table, csv, ndjson"),
])  # fmt: skip
def test_questions_without_an_answer(filled, arguments, code, said):
    outcome = filled.run("query", *arguments, expect=code)
    assert said in outcome.err and outcome.out == ""


def test_names_are_quoted(plant):
    name = 'Main St. 5, "left"'
    plant.ingest(plant.file("a.ndjson", json.dumps({"usage_point": name, "channel": "a,b", "time": "2026-03-01T00:15Z",
                                                    "value": 1, "unit": "kWh", "kind": "interval",
                                                    "interval": "15m"}) + "\n"))
    row = plant.query(name)[0]
    assert row["usage_point"] == name and row["channel"] == "a,b"
    assert plant.list("channels")[0]["usage_point"] == name


def test_a_reader_that_goes_away_ends_a_query(plant):
    plant.run("generate", "--meters", "1", "--days", "400", "--from", "2024-01-01", "--format", "csv", "--out", plant.folder / "city",
              expect=0)
    plant.ingest(plant.folder / "city")
    name = plant.list("usage-points")[0]["usage_point"]
    pipe = subprocess.Popen([BINARY, "--data", plant.data, "query", "--usage-point", name, "--format", "csv"],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    pipe.stdout.readline()
    pipe.stdout.close()
    assert pipe.wait(30) == 0 and pipe.stderr.read() == b""


def test_lists_of_an_empty_plant(plant):
    plant.run("registry", "apply", "-", stdin="tenants: [{name: demo, zone: Europe/Amsterdam}]", expect=0)
    for subject in ("usage-points", "channels", "exceptions", "rules"):
        assert plant.list(subject) == []
        assert plant.run("list", subject, expect=0).out == f"no {subject}\n"
    assert plant.list("tenants") == [{"tenant": "demo", "zone": "Europe/Amsterdam"}]


def test_lists_have_their_fields(filled):
    channel = filled.list("channels")[0]
    assert {"usage_point", "channel", "kind", "unit", "commodity", "zone"} <= channel.keys()
    assert channel["usage_point"] == "A" and channel["interval"] == "15m"
    assert filled.list("channels", "--usage-point", "B") == []
    point = filled.list("usage-points")[0]
    assert point["usage_point"] == "A" and point["channels"] == 1


# ---- registry -----------------------------------------------------------------------------------

REGISTRY = """\
tenants: [{name: default, zone: Europe/Amsterdam}]
usage_points:
  - name: "871685900012345678"
    commodity: electricity
    zone: Europe/Amsterdam
    tags: {district: north, transformer: T12}
    installations:
      - {device: E0012, from: 2025-01-01T00:00:00Z, to: 2026-03-04T10:00:00Z, multiplier: 1, dials: 6, closing: {"1.8.0": 84211.3}}
      - {device: E0990, from: 2026-03-04T10:00:00Z, multiplier: 1, dials: 6, opening: {"1.8.0": 0}}
    channels:
      - {name: "1.8.0", obis: "1-0:1.8.0", kind: register, unit: kWh, one_way: true}
      - {name: "1.29.0", obis: "1-1:1.29.0", kind: interval, interval: 15m, unit: kWh}
  - name: W
    commodity: water
    installations: [{device: W1, from: 2025-01-01T00:00:00Z, multiplier: 2}]
    channels: [{name: volume, kind: interval, interval: 1h, unit: L}]
calendars: [{name: nl, zone: Europe/Amsterdam, day_start: "00:00", holidays: [2026-04-27]}]
"""


def test_apply_shows_the_change_and_export_gives_it_back(plant):
    path = plant.file("registry.yaml", REGISTRY)
    dry = plant.run("registry", "apply", path, "--dry-run", expect=0)
    assert "871685900012345678" in dry.out and "4 added" in dry.out
    assert not plant.data.exists()
    applied = plant.run("registry", "apply", path, expect=0)
    assert "4 added" in applied.out
    again = plant.run("--json", "registry", "apply", path, expect=0).json()
    assert (again["added"], again["changed"], again["unchanged"]) == (0, 0, 4)
    exported = plant.run("registry", "export", expect=0).out
    back = plant.run("--json", "registry", "apply", "-", stdin=exported, expect=0).json()
    assert (back["added"], back["changed"], back["unchanged"]) == (0, 0, 4)
    assert plant.run("registry", "export", expect=0).out == exported
    entries = plant.run("--json", "registry", "export", expect=0).json()
    assert sorted(entry["entry"] for entry in entries) == ["calendar", "tenant", "usage_point", "usage_point"]


def test_show(plant):
    plant.run("registry", "apply", "-", stdin=REGISTRY, expect=0)
    text = plant.run("registry", "show", "871685900012345678", expect=0).out
    assert "E0990" in text and "transformer" in text
    entry = plant.run("--json", "registry", "show", "871685900012345678", expect=0).json()
    assert entry["installations"][0]["closing"] == {"1.8.0": 84211.3}
    assert entry["channels"][1]["interval"] == "15m"
    assert "BB-2002" in plant.run("registry", "show", "nobody", expect=1).err


def test_show_a_usage_point_that_only_readings_speak_of(filled):
    entry = filled.run("--json", "registry", "show", "A", expect=0).json()
    assert entry["channels"][0]["name"] == "1-1:1.29.0" and entry["channels"][0]["kind"] == "interval"


def test_the_registry_answers_what_a_file_leaves_open(plant):
    plant.run("registry", "apply", "-", stdin=REGISTRY, expect=0)
    bare = "usage_point,channel,timestamp,value\nW,volume,2026-03-01T01:00:00Z,100\n"
    plant.ingest(plant.file("a.csv", bare))
    row = plant.query("W")[0]
    assert (row["start"], row["value"], row["unit"]) == ("2026-03-01T00:00:00Z", "100", "L")


def test_what_a_change_touches_is_recomputed(plant):
    plant.ingest(plant.file("a.csv", quarter_hours(["1"] * 90)))
    starts = [row["start"] for row in plant.query("A", "--lane", "day")]
    assert starts == ["2026-03-01T00:00:00Z"], "without master data: UTC"
    zoned = "usage_points: [{name: A, zone: Europe/Amsterdam}]"
    outcome = plant.run("registry", "apply", "-", stdin=zoned, expect=0)
    assert "zone" in outcome.out and "recomputed" in outcome.out
    rows = plant.query("A", "--lane", "day")
    assert [(row["start"], row["value"]) for row in rows] == [("2026-02-28T23:00:00Z", "90")]
    assert len(plant.query("A")) == 90, "raw is as sent"


def test_hours_days_and_months_are_one_sum(plant):
    """Two weeks around the clock change of spring, and into April: 23 hours on the 29th, two months."""
    begin = datetime.datetime(2026, 3, 24, 23, tzinfo=datetime.timezone.utc)
    lines = ["usage_point,channel,timestamp,value,unit"]
    for n in range(14 * 96 - 4):
        end = begin + datetime.timedelta(minutes=15 * (n + 1))
        lines.append(f"A,1-1:1.29.0,{end:%Y-%m-%dT%H:%M:%SZ},0.{n % 997:03},kWh")
    plant.run("registry", "apply", "-", stdin="usage_points: [{name: A, zone: Europe/Amsterdam}]", expect=0)
    plant.run("ingest", "--interval", "15m", plant.file("a.csv", "\n".join(lines) + "\n"), expect=0)
    total = sum(decimal.Decimal(row["value"]) for row in plant.query("A"))
    rows = {lane: plant.query("A", "--lane", lane, "--zone", "Europe/Amsterdam") for lane in ("hour", "day", "month")}
    for lane in rows:
        assert sum(decimal.Decimal(row["value"]) for row in rows[lane]) == total, lane
    assert len(rows["day"]) == 14
    assert len(rows["hour"]) == 14 * 24 - 1
    assert sum(row["start"].startswith("2026-03-29") for row in rows["hour"]) == 23
    assert [(row["start"], row["end"], row["quality"]) for row in rows["month"]] == [
        ("2026-03-01T00:00:00+01:00", "2026-04-01T00:00:00+02:00", "partial"),
        ("2026-04-01T00:00:00+02:00", "2026-05-01T00:00:00+02:00", "partial"),
    ]
    april = [row for row in rows["day"] if row["start"] >= "2026-04-01"]
    assert sum(decimal.Decimal(row["value"]) for row in april) == decimal.Decimal(rows["month"][1]["value"])
    part = plant.query("A", "--lane", "hour", "--from", "2026-03-29T00:00:00Z", "--to", "2026-03-29T02:00:00Z")
    assert [row["start"] for row in part] == ["2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z"]


@pytest.mark.parametrize("text, code", [
    ("usage_points: [{nam: A}]", "BB-2001"),
    ("usage_points: [{name: A, zone: Europe/Atlantis}]", "BB-20"),
    ("usage_points: [{name: A}, {name: A}]", "BB-2001"),
    ("just some words", "BB-2001"),
    ("", "BB-1002"),
    ("usage_points: [{name: A, commodity: beer}]", "BB-2001"),
])  # fmt: skip
def test_a_wrong_registry_file_changes_nothing(plant, text, code):
    plant.run("registry", "apply", "-", stdin=REGISTRY, expect=0)
    before = plant.run("registry", "export", expect=0).out
    outcome = plant.run("registry", "apply", "-", stdin=text, expect=1)
    assert code in outcome.err
    assert plant.run("registry", "export", expect=0).out == before


def test_a_missing_registry_file(plant):
    assert "BB-1001" in plant.run("registry", "apply", "nowhere.yaml", expect=1).err
    assert not plant.data.exists()
