"""One French household, a row a minute for 33 days: power, voltage and current as gauges, three sub-meters in Wh
a minute. Five minutes say "?".
"""

import csv
import datetime
import functools
import json
import os
import pathlib
import zoneinfo
from decimal import Decimal
from fractions import Fraction

import pytest
from conftest import Plant
from register_periods import boundaries, moment, utc_text

SET = pathlib.Path(os.environ.get("BUSBAR_DATA_SETS", "/nonexistent")) / "household-uci-minute"
FILE = SET / "household_power_consumption_2006-12-16_to_2007-01-19.csv"
MAP = pathlib.Path(__file__).parents[2] / "examples/maps/household-uci-minute.yaml"
ZONE = "Europe/Paris"
GAUGES = {  # of the map: column, unit
    "active-power": ("Global_active_power", "kW"),
    "reactive-power": ("Global_reactive_power", "kvar"),
    "voltage": ("Voltage", "V"),
    "current": ("Global_intensity", "A"),
}
METERS = {"kitchen": "Sub_metering_1", "laundry": "Sub_metering_2", "heating": "Sub_metering_3"}
PERIODS = ["hour", "day", "month"]

pytestmark = pytest.mark.skipif(not FILE.is_file(), reason="BUSBAR_DATA_SETS has no household-uci-minute")
EXPECTED = json.loads((SET / "expected.json").read_text()) if FILE.is_file() else {}


@pytest.fixture(scope="module")
def told():
    """[(moment, {column: text})]: local times of a winter without a clock change."""
    zone = zoneinfo.ZoneInfo(ZONE)
    with open(FILE, newline="") as lines:
        return [(int(datetime.datetime.strptime(f"{row['Date']} {row['Time']}", "%d/%m/%Y %H:%M:%S")
                     .replace(tzinfo=zone).timestamp()), row) for row in csv.DictReader(lines)]


@pytest.fixture(scope="module")
def plant(tmp_path_factory):
    plant = Plant(tmp_path_factory.mktemp("uci"))
    report = plant.ingest("--map", MAP, FILE)
    facts = EXPECTED["global_active_power_kW"]
    assert (report["readings"], report["rejected"]) == (7 * facts["rows"], 0)
    return plant


@functools.lru_cache(maxsize=None)
def rows_of(plant, channel, lane):
    return plant.query("uci-household", "--channel", channel, "--lane", lane)


def periods_of(told, lane):
    """[(start, end, the rows in it)]; the first row stands for the minute before it where it is an interval."""
    ends = boundaries(lane, ZONE, told[0][0] - 60, told[-1][0])
    out, i = [], 0
    for start, end in zip(ends, ends[1:]):
        first = i
        while i < len(told) and told[i][0] <= end:
            i += 1
        out.append((start, end, told[first:i]))
    return out


def decimals(text):
    return len(text.partition(".")[2])


def thousandths(text):
    """The file's values have at most three digits behind the point."""
    whole, _, digits = text.partition(".")
    assert len(digits) <= 3
    return int(whole + digits.ljust(3, "0"))


def state_of(start, end, rows, gap_is):
    """Of a period: partial when its minutes are not all there, `gap_is` when some say "?"."""
    if len(rows) < (end - start) // 60:
        return "partial"
    return gap_is if any(row["Voltage"] == "?" for _, row in rows) else "measured"


@pytest.mark.parametrize("channel", [*GAUGES, *METERS])
def test_the_minutes_as_they_stand(plant, told, channel):
    column = GAUGES[channel][0] if channel in GAUGES else METERS[channel]
    rows = rows_of(plant, channel, "raw")
    assert [(row["end"], row["value"]) for row in rows] == [
        (utc_text(at), row[column].replace("?", "")) for at, row in told]
    missing = [row["end"] for row in rows if row["quality"] == "missing"]
    assert len(missing) == EXPECTED["rows_with_question_mark"]
    length = 60 if channel in METERS else 0
    assert {moment(row["end"]) - moment(row["start"]) for row in rows} == {length}


def test_the_publishers_sums(plant):
    facts = EXPECTED["global_active_power_kW"]
    power = [Decimal(row["value"]) for row in rows_of(plant, "active-power", "raw") if row["value"]]
    assert float(sum(power)) == pytest.approx(facts["sum"], abs=0.005)
    assert (float(min(power)), float(max(power))) == (facts["min"], facts["max"])
    assert float(sum(power) / 60) == pytest.approx(EXPECTED["energy_kWh_from_power"], abs=5e-5)
    voltage = [Decimal(row["value"]) for row in rows_of(plant, "voltage", "raw") if row["value"]]
    assert (float(min(voltage)), float(max(voltage))) == (EXPECTED["voltage"]["min"], EXPECTED["voltage"]["max"])
    for channel, wh in zip(METERS, EXPECTED["sub_metering_Wh"]):
        values = [Decimal(row["value"]) for row in rows_of(plant, channel, "raw") if row["value"]]
        assert sum(values) == int(wh), channel


@pytest.mark.parametrize("lane", PERIODS)
@pytest.mark.parametrize("channel", GAUGES)
def test_gauges_have_mean_least_and_greatest(plant, told, channel, lane):
    """The mean of the values in (start, end], rounded at three digits behind those of the finest of them. A gauge
    has no estimates: minutes that say "?" leave a period partial."""
    column, unit = GAUGES[channel]
    expected = []
    for start, end, rows in periods_of(told, lane):
        texts = [row[column] for _, row in rows if row[column] != "?"]
        values = [thousandths(text) for text in texts]
        step = Fraction(1, 10 ** (max(map(decimals, texts)) + 3))
        mean = round(Fraction(sum(values), 1000 * len(values)) / step) * step
        expected.append((utc_text(start), utc_text(end), mean, Fraction(min(values), 1000), Fraction(max(values), 1000),
                         state_of(start, end, rows, "partial")))
    found = rows_of(plant, channel, lane)
    assert {row["unit"] for row in found} == {unit}
    assert [(row["start"], row["end"], Fraction(row["value"]), Fraction(row["min"]), Fraction(row["max"]),
             row["quality"].split("|")[0]) for row in found] == expected


@pytest.mark.parametrize("channel", METERS)
def test_missing_minutes_are_drawn_point_to_point(plant, told, channel):
    """x_i = before + (after - before) * i / (n + 1) Wh, rounded at a thousandth."""
    column = METERS[channel]
    expected = {}
    for i, (at, row) in enumerate(told):
        if row[column] in ("?", "") and told[i - 1][1][column] not in ("?", ""):
            n = next(k for k in range(1, 100) if told[i + k][1][column] not in ("?", ""))
            before, after = Fraction(told[i - 1][1][column]), Fraction(told[i + n][1][column])
            for k in range(n):
                drawn = before + (after - before) * (k + 1) / (n + 1)
                expected[utc_text(told[i + k][0])] = Fraction(round(drawn * 1000), 1000)
    found = {row["end"]: row for row in rows_of(plant, channel, "vee") if "estimated" in row["quality"].split("|")}
    assert {end: Fraction(row["value"]) * 1000 for end, row in found.items()} == expected
    assert len(expected) == EXPECTED["rows_with_question_mark"]
    for row in found.values():
        assert {"estimated", "method:linear", "check:gap"} <= set(row["quality"].split("|")), row


@pytest.mark.parametrize("lane", PERIODS)
@pytest.mark.parametrize("channel", METERS)
def test_sub_meters_sum_to_their_periods(plant, told, channel, lane):
    """Each period is the sum of its minutes as validated, exactly, and says where minutes are estimates."""
    minutes = {moment(row["end"]): Decimal(row["value"]) for row in rows_of(plant, channel, "vee")}
    expected = [(utc_text(start), utc_text(end), sum(minutes[at] for at, _ in rows),
                 state_of(start, end, rows, "estimated")) for start, end, rows in periods_of(told, lane)]
    found = rows_of(plant, channel, lane)
    assert {row["unit"] for row in found} == {"kWh"}
    assert [(row["start"], row["end"], Decimal(row["value"]), row["quality"].split("|")[0])
            for row in found] == expected
    assert sum(Decimal(row["value"]) for row in found) == sum(minutes.values())
