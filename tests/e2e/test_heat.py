"""A Danish district-heating meter, hourly, eighteen months: four registers with up to fourteen digits, whose
publisher interpolated them to full hours. Nothing has to be rounded, so every period is exact.
"""

import csv
import datetime
import json
import os
import pathlib
import zoneinfo
from fractions import Fraction

import pytest
from conftest import Plant
from register_periods import moment, periods, utc_text

SET = pathlib.Path(os.environ.get("BUSBAR_DATA_SETS", "/nonexistent")) / "heat-denmark"
FILE = SET / "heat_meter_660.csv"
MAP = pathlib.Path(__file__).parents[2] / "examples/maps/heat-denmark.yaml"
ZONE = "Europe/Copenhagen"
CHANNELS = {  # of the map: column, unit
    "energy": ("energy_heat_kwh", "kWh"),
    "volume": ("volume_flow_m3", "m³"),
    "E8": ("inlet_flow_energy_m3xC", "m³·K"),
    "E9": ("back_flow_energy_m3xC", "m³·K"),
}
NO_STEP = Fraction(1, 10**18)  # every boundary is a full hour, at which the meter was read

pytestmark = pytest.mark.skipif(not FILE.is_file(), reason="BUSBAR_DATA_SETS has no heat-denmark")
EXPECTED = json.loads((SET / "expected.json").read_text()) if FILE.is_file() else {}


@pytest.fixture(scope="module")
def told():
    """{channel: [(moment, amount, text)]}, read from the file."""
    with open(FILE, newline="") as lines:
        rows = list(csv.DictReader(lines))
    return {channel: [(moment(row["time_rounded"]), Fraction(row[column]), row[column]) for row in rows]
            for channel, (column, _) in CHANNELS.items()}


@pytest.fixture(scope="module")
def plant(tmp_path_factory):
    plant = Plant(tmp_path_factory.mktemp("heat"))
    report = plant.ingest("--map", MAP, FILE)
    assert (report["readings"], report["rejected"]) == (4 * EXPECTED["series"]["rows"], 0)
    return plant


def rows_of(plant, channel, lane):
    rows = plant.query("660", "--channel", channel, "--lane", lane)
    assert {(row["usage_point"], row["unit"]) for row in rows} == {("660", CHANNELS[channel][1])}
    return rows


@pytest.mark.parametrize("channel", CHANNELS)
def test_the_readings_as_they_stand(plant, told, channel):
    rows = rows_of(plant, channel, "raw")
    assert [(row["end"], row["value"]) for row in rows] == [(utc_text(at), text) for at, _, text in told[channel]]
    fact = EXPECTED[CHANNELS[channel][0]]
    values = [Fraction(row["value"]) for row in rows]
    steps = [b - a for a, b in zip(values, values[1:])]
    assert (float(values[0]), float(values[-1])) == (fact["first"], fact["last"])
    assert sum(step < 0 for step in steps) == fact["decreases"] == 0
    assert sum(step == 0 for step in steps) == fact["flat_steps"]
    assert float(max(steps)) == pytest.approx(fact["largest_step"], abs=1e-9)


@pytest.mark.parametrize("lane", ["hour", "day", "month"])
@pytest.mark.parametrize("channel", CHANNELS)
def test_every_period_is_the_difference_at_its_ends(plant, told, channel, lane):
    rows = rows_of(plant, channel, lane)
    readings = [(at, amount) for at, amount, _ in told[channel]]
    expected = [(utc_text(start), utc_text(end), amount, "partial" if partial else "measured")
                for start, end, amount, partial in periods(readings, lane, ZONE, NO_STEP)]
    assert [(row["start"], row["end"], Fraction(row["value"]), row["quality"].split("|")[0])
            for row in rows] == expected
    total = sum(Fraction(row["value"]) for row in rows)
    assert total == readings[-1][1] - readings[0][1]
    assert float(total) == pytest.approx(EXPECTED[CHANNELS[channel][0]]["net"], abs=1e-4)


def test_days_are_those_of_copenhagen(plant):
    """Three clock changes lie in the file: days of 23 and 25 hours, and no hour twice or never."""
    zone = zoneinfo.ZoneInfo(ZONE)
    odd = {}
    for row in rows_of(plant, "energy", "day"):
        start = datetime.datetime.fromtimestamp(moment(row["start"]), zone)
        assert (start.hour, start.minute) == (0, 0)
        hours = (moment(row["end"]) - moment(row["start"])) // 3600
        if hours != 24:
            odd[start.date().isoformat()] = hours
    assert odd == {"2018-03-25": 23, "2018-10-28": 25, "2019-03-31": 23}
    hours = rows_of(plant, "energy", "hour")
    assert len(hours) == EXPECTED["series"]["rows"] - 1
    assert all(a["end"] == b["start"] for a, b in zip(hours, hours[1:]))


def test_no_reading_is_refused_or_doubted(plant):
    """The publisher's interpolation leaves nothing to find: checks stay silent."""
    for channel in CHANNELS:
        assert {row["quality"] for row in rows_of(plant, channel, "vee")} == {"measured"}, channel
    assert plant.list("exceptions", "--usage-point", "660") == []
