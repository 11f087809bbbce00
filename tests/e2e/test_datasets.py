"""Real files through map files: what was read, and what the days say, against their expected facts.

The data sets are found through BUSBAR_DATA_SETS and are not part of the project; without them these
tests are skipped, and say so.
"""
import csv
import datetime
import decimal
import gzip
import json
import os
import pathlib
import subprocess

import pytest

BUSBAR = os.environ.get("BUSBAR_BIN", "build/busbar")
MAPS = pathlib.Path(__file__).resolve().parents[2] / "examples" / "maps"
SETS = pathlib.Path(os.environ.get("BUSBAR_DATA_SETS", "/nonexistent"))

pytestmark = pytest.mark.skipif(not SETS.is_dir(), reason="the data sets are not here")


def busbar(data, *arguments):
    run = subprocess.run([BUSBAR, "--data", str(data), *map(str, arguments)],
                         capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, f"busbar {arguments}: {run.stdout} {run.stderr}"
    return run.stdout


def ingest(data, map_name, *files):
    return json.loads(busbar(data, "--json", "ingest", "--map", MAPS / map_name, *files))


def query(data, point, channel, lane, *more):
    text = busbar(data, "query", "--usage-point", point, "--channel", channel, "--lane", lane,
                  "--format", "csv", *more)
    return list(csv.DictReader(text.splitlines()))


def expected(name):
    return json.loads((SETS / name / "expected.json").read_text())


def instant(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def total(rows):
    return sum(decimal.Decimal(row["value"]) for row in rows if row["value"])


def test_hourly_days_equal_the_daily_file(tmp_path):
    """The hourly meter's local days equal its daily sibling on every day, 23 and 25 hours too."""
    folder = SETS / "ami-opendsm"
    report = ingest(tmp_path, "ami-opendsm-hourly.yaml",
                    folder / "il-electricity-cdd-hdd-hourly.csv.gz")
    facts = expected("ami-opendsm")["il-electricity-cdd-hdd-hourly.csv.gz"]
    assert report["readings"] == facts["rows"]
    raw = query(tmp_path, "il-electricity-cdd-hdd", "energy", "raw")
    assert abs(float(total(raw)) - facts["sum"]) < 0.005
    days = {row["start"]: row for row in query(tmp_path, "il-electricity-cdd-hdd", "energy", "day",
                                               "--zone", "America/Chicago")}
    lengths = set()
    compared = 0
    with gzip.open(folder / "il-electricity-cdd-hdd-daily.csv.gz", "rt") as text:
        for row in csv.DictReader(text):
            if row["value"] in ("", "nan"):
                continue
            day = days[row["start"]]
            lengths.add((instant(day["end"]) - instant(day["start"])).total_seconds() / 3600)
            assert day["quality"] == "measured", day
            assert abs(float(day["value"]) - float(row["value"])) <= 0.05, (row, day)
            compared += 1
    assert compared == 809
    assert lengths == {23.0, 24.0, 25.0}


def test_daily_file_reads_with_its_long_and_short_days(tmp_path):
    folder = SETS / "ami-opendsm"
    ingest(tmp_path, "ami-opendsm-daily.yaml", folder / "il-electricity-cdd-hdd-daily.csv.gz")
    rows = query(tmp_path, "il-electricity-cdd-hdd", "energy-daily", "raw")
    facts = expected("ami-opendsm")["il-electricity-cdd-hdd-daily.csv.gz"]
    assert len(rows) == facts["rows"]
    assert sum(row["quality"] == "missing" for row in rows) == facts["missing_values"]
    assert abs(float(total(rows)) - facts["sum"]) < 0.005
    hours = [(instant(r["end"]) - instant(r["start"])).total_seconds() / 3600 for r in rows]
    assert sorted(set(hours)) == [23.0, 24.0, 25.0]


def test_wide_file_of_four_power_meters(tmp_path):
    facts = expected("building-acep-15min")
    ingest(tmp_path, "building-acep-15min.yaml",
           SETS / "building-acep-15min" / "15m_downsampled.csv")
    for meter in ("PQ", "Wat1", "Wat2", "Wat3"):
        fact = facts["15m_downsampled.csv"][meter]
        rows = query(tmp_path, meter, "power", "raw")
        assert len(rows) == fact["rows"], meter
        assert sum(row["quality"] == "missing" for row in rows) == fact["missing_values"], meter
        assert rows[0]["end"] == fact["first"] + "Z"
        assert rows[-1]["end"] == fact["last"] + "Z"
        assert abs(float(total(rows)) - fact["sum"]) < 0.01, meter
        values = [float(row["value"]) for row in rows if row["value"]]
        assert min(values) == pytest.approx(fact["min"], abs=1e-12)
        assert max(values) == pytest.approx(fact["max"], abs=1e-12)


def test_highest_quarter_hour_of_every_day(tmp_path):
    """The daily file says the highest demand of each UTC day: the day lane's max (meter PQ)."""
    folder = SETS / "building-acep-15min"
    ingest(tmp_path, "building-acep-15min.yaml", folder / "15m_downsampled.csv")
    peaks = {row["start"][:10]: row["max"] for row in query(tmp_path, "PQ", "power", "day")
             if row["value"]}
    compared = 0
    with open(folder / "day_downsampled.csv", newline="") as text:
        for row in csv.DictReader(text):
            if row["PQ"] in ("", "NaN"):
                continue
            assert float(peaks[row["time"][:10]]) == pytest.approx(float(row["PQ"]), abs=1e-6)
            compared += 1
    assert compared == expected("building-acep-15min")["day_downsampled.csv"]["PQ"]["rows"]


def test_json_array_newest_first(tmp_path):
    facts = expected("json-obis-15min")
    ingest(tmp_path, "json-obis-15min.yaml",
           SETS / "json-obis-15min" / "measurements_09a2bc02.json")
    for channel, fact in facts.items():
        rows = query(tmp_path, "09a2bc02-2f88-4d01-ae59-a7f60c4a0dd1", channel, "raw")
        assert len(rows) == fact["rows"]
        assert instant(rows[0]["end"]) == instant(fact["last"])
        assert instant(rows[-1]["end"]) == instant(fact["first"])
        assert float(total(rows)) == pytest.approx(fact["sum"], abs=1e-6)
        values = [float(row["value"]) for row in rows]
        assert sum(value == 0 for value in values) == fact["zero"]
        assert min(values) == pytest.approx(fact["min"], abs=1e-12)
        assert max(values) == pytest.approx(fact["max"], abs=1e-12)


@pytest.mark.parametrize("name, map_name, point, channel", [
    ("feed_WholeHouse.MYD.csv", "water-weusedto-flow.yaml", "WholeHouse", "flow"),
    ("feed_Washingmachine.MYD.csv", "water-weusedto-flow.yaml", "Washingmachine", "flow"),
    ("feed.Toilet.csv", "water-weusedto-events.yaml", "Toilet", "volume"),
])
def test_water_feeds(tmp_path, name, map_name, point, channel):
    fact = expected("water-weusedto")[name]
    ingest(tmp_path, map_name, SETS / "water-weusedto" / name)
    rows = query(tmp_path, point, channel, "raw")
    assert len(rows) == fact["rows"]
    assert instant(rows[0]["start"]) == instant(fact["first"])
    assert instant(rows[-1]["start"]) == instant(fact["last"])
    assert float(total(rows)) == pytest.approx(fact["sum_second_column"], rel=1e-12)
    assert sum(float(row["value"]) != 0 for row in rows) == fact["nonzero"]
