"""The examples that look beside their channel, on real meters: held against the same formulas, worked out in another way.

The weather of these meters is not in the sets, so it is made up; the uses are those of two homes in Britain.
"""

import csv
import datetime
import gzip
import json
import math
import os
import pathlib
import subprocess
from fractions import Fraction

import pytest
from conftest import HEADER
from test_rules import PYTHON, backtest, pytestmark  # noqa: F401  without numpy there is nothing to do

SET = pathlib.Path(os.environ.get("BUSBAR_DATA_SETS", "/nonexistent")) / "ami-opendsm"
EXAMPLES = pathlib.Path(__file__).parents[2] / "examples/rules"
pytestmark = [pytestmark, pytest.mark.skipif(not SET.is_dir(), reason="the data set ami-opendsm is not there")]
DAYS = 70


def hours_of(name, first):
    """(end, value) of DAYS days of hours from a date on."""
    start = datetime.datetime.fromisoformat(f"{first}T00:00:00+00:00")
    with gzip.open(SET / name, "rt") as lines:
        for row in csv.DictReader(lines):
            begin = datetime.datetime.fromisoformat(row["start"])
            if start <= begin < start + datetime.timedelta(days=DAYS):
                yield begin + datetime.timedelta(hours=1), row["value"]


def stamp(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def celsius(moment):
    hours = moment.timestamp() / 3600
    return round(7 + 6 * math.sin(hours / 24 / 9) - 4 * math.cos(2 * math.pi * (hours % 24 - 3) / 24) + 2 * math.sin(hours / 61), 2)


def stored(plant, lines, registry):
    plant.run("registry", "apply", plant.file("registry.yaml", registry), expect=0)
    plant.ingest(plant.file("history.csv", "\n".join([HEADER, *lines]) + "\n"))


# The same model as one great least squares problem: a column for each hour of the week, none eliminated.
DENSE = """
import json, sys
import numpy as np
given = json.load(sys.stdin)
hour, t, y, fit = (np.array(given[name]) for name in ("hour", "temperature", "use", "fit"))
age, knots = np.array(given["age"]), [0, 5, 10, 15, 20]
w = np.sqrt(14 / (14 + age))
plain = np.array([[1, max(10 - x, 0), max(x - 18.3, 0)] for x in t])
b = np.linalg.lstsq(plain[fit] * w[fit, None], y[fit] * w[fit], rcond=None)[0]
above = (y > plain @ b)[fit]
busy = {h for h in range(168) if (hour[fit] == h).any() and above[hour[fit] == h].mean() > 0.65}
rows = []
for h, x in zip(hour, t):
    parts, low = [], None
    for knot in [*knots, None]:
        top = x if knot is None else min(x, knot)
        parts.append(top if low is None else max(top - low, 0))
        low = knot
    there = h in busy
    rows.append([float(h == k) for k in range(168)] + [p * there for p in parts] + [p * (not there) for p in parts])
x = np.array(rows)
beta = np.linalg.lstsq(x[fit] * w[fit, None], y[fit] * w[fit], rcond=None)[0]
json.dump({"expected": (x @ beta).tolist(), "busy": len(busy)}, sys.stdout)
"""

EXPECTED = '''
@rule(inputs="1-1:1.29.0", window="56d", lane="raw", side={"temperature": "temperature.csv"})
def expected_use(w):
    found = explained(w, "0, 5, 10, 15, 20")
    if found is not None:
        w.correct(w.new & np.isfinite(found[1]), found[1], "expected")
'''


def test_hour_and_weather_explain_what_a_dense_fit_does(plant):
    hours = list(hours_of("uk-electricity-hdd-only-hourly-sample-0.csv.gz", "2021-01-04"))
    stored(plant, [f"A,1-1:1.29.0,{stamp(end)},{value},kWh,interval,1h" for end, value in hours],
           "usage_points: [{name: A, zone: Europe/London}]\n")
    plant.file("temperature.csv", "".join(f"{stamp(end)},{celsius(end)}\n" for end, _ in hours))
    path = plant.file("towt.py", (EXAMPLES / "weather_normalised_use.py").read_text() + EXPECTED)
    last = hours[-1][0]
    day = last - datetime.timedelta(days=1)
    told = backtest(plant, path, "--rule", "expected_use", "--from", stamp(day), "--to", stamp(last))
    assert told["failed_windows"] == 0, told["failures"]
    got = {row["end"]: row["after"] for row in told["rows"]}
    # The window that judges the day: midnight ends the day before it, and is judged with that.
    reach = [(end, value) for end, value in hours if day + datetime.timedelta(hours=1 - 56 * 24) < end]
    given = {"hour": [int((end.timestamp() // 3600 - 1 - 96) % 168) for end, _ in reach],
             "temperature": [celsius(end) for end, _ in reach], "use": [float(value) for _, value in reach],
             "fit": [end <= day for end, _ in reach], "age": [(last - end).total_seconds() / 86400 for end, _ in reach]}
    done = subprocess.run([PYTHON, "-I", "-c", DENSE], input=json.dumps(given), capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    dense = json.loads(done.stdout)
    expected = {stamp(end): value for (end, _), value in zip(reach, dense["expected"]) if end > day}
    assert len(expected) == 24 and 0 < dense["busy"] < 168
    assert got == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_what_the_weather_does_not_explain_is_flagged(plant):
    """Nine kilowatt-hours more than a real home used, for three hours."""
    hours = list(hours_of("uk-electricity-hdd-only-hourly-sample-0.csv.gz", "2021-01-04"))
    odd = {stamp(end) for end, _ in hours[-40:-37]}
    stored(plant, [f"A,1-1:1.29.0,{stamp(end)},{float(value) + 9 if stamp(end) in odd else value},kWh,interval,1h" for end, value in hours],
           "usage_points: [{name: A, zone: Europe/London}]\n")
    plant.file("temperature.csv", "".join(f"{stamp(end)},{celsius(end)}\n" for end, _ in hours))
    path = plant.file("towt.py", (EXAMPLES / "weather_normalised_use.py").read_text())
    told = backtest(plant, path, "--from", stamp(hours[-1][0] - datetime.timedelta(days=7)))
    assert {row["end"] for row in told["rows"] if row["verdict"] == "flag"} == odd


def test_gas_in_base_conditions(plant):
    hours = [(end, value) for end, value in hours_of("uk-gas-hdd-only-hourly-sample-0.csv.gz", "2021-01-04")][:24 * 10]
    gauge = {end: celsius(end) for end, _ in hours if end.hour % 2 == 0 and not 100 < (end - hours[0][0]).total_seconds() / 3600 < 130}
    stored(plant, [f"G,7-0:3.29.0,{stamp(end)},{value},m3,interval,1h" for end, value in hours]
           + [f"G,7-0:41.7.0,{stamp(end)},{value},°C,gauge," for end, value in gauge.items()],
           "usage_points: [{name: G, commodity: gas}]\n")
    told = backtest(plant, EXAMPLES / "gas_temperature_correction.py", "--parameters", '{"bar": 1.05, "z_ratio": 1.001}')
    assert told["failed_windows"] == 0, told["failures"]
    expected = {}
    for end, value in hours:
        before = [at for at in gauge if at <= end and end - at <= datetime.timedelta(hours=3)]
        if before:
            kelvin = Fraction("273.15") + Fraction(str(gauge[max(before)]))
            factor = Fraction("1.05") / Fraction("1.01325") * Fraction("273.15") / kelvin * Fraction("1.001")
            expected[stamp(end)] = float(Fraction(value) * factor)
    assert {row["end"]: row["after"] for row in told["rows"]} == pytest.approx(expected)
    assert len(hours) - 30 < len(expected) < len(hours) and told["exceptions"] > 0 and told["unit"] == "m³"
