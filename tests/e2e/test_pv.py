"""Solar power with hand-set labels: what the checks `stuck` and `outlier` find of them, in exact counts.

The values are mean power, normalised, every quarter of an hour. Both checks judge intervals (stuck does not look at
gauges), so the power is told as energy of its quarter of an hour: `kind: interval`, one for each row, unit kWh;
neither check cares for the scale. What the numbers mean is in docs/decisions/pv-labels.md; here they are held fast,
each twice: against the labels, and against the checks done again in plain Python.
"""

import csv
import datetime
import json
import os
import pathlib
from fractions import Fraction

import pytest
from conftest import Plant
from register_periods import moment

SET = pathlib.Path(os.environ.get("BUSBAR_DATA_SETS", "/nonexistent")) / "pv-quality-labels"
WEEK_S, HOUR_S = 7 * 86400, 3600

pytestmark = pytest.mark.skipif(not SET.is_dir(), reason="BUSBAR_DATA_SETS has no pv-quality-labels")
EXPECTED = json.loads((SET / "expected.json").read_text()) if SET.is_dir() else {}

MAP = """
timestamp: {{column: {time}}}
usage_point: {{value: pv}}
kind: interval
interval: 15m
unit: kWh
commodity: solar
channels: [{{column: {value}, name: energy}}]
"""
STUCK, OUTLIERS, UNLABELLED = (
    "ac_power_inv_2173_stale_data.csv", "ac_power_inv_7539_outliers.csv", "serf_east_15min_ac_power.csv")
COLUMNS = {  # time, value, label
    STUCK: ("timestamp", "value_normalized", "stale_data_mask"),
    OUTLIERS: ("timestamp", "value_normalized", "outlier"),
    UNLABELLED: ("measured_on", "ac_power", None),
}


def read(name):
    """[(moment, value or None, labelled)]"""
    time, value, label = COLUMNS[name]
    with open(SET / name, newline="") as lines:
        return [(int(datetime.datetime.fromisoformat(row[time]).timestamp()),
                 Fraction(row[value]) if row[value] else None, label is not None and row[label].lower() == "true")
                for row in csv.DictReader(lines)]


class Judged:
    """A file as busbar judged it."""

    def __init__(self, folder, name, outlier=None):
        self.plant = Plant(folder)
        time, value, _ = COLUMNS[name]
        self.options = ()
        if outlier:
            config = f"pipelines: {{solar: {{checks: {{outlier: {outlier}}}}}}}\n"
            self.options = ("--config", self.plant.file("busbar.yaml", config))
        path = self.plant.file("map.yaml", MAP.format(time=time, value=value))
        report = self.plant.run(*self.options, "--json", "ingest", "--map", path, SET / name, expect=0).json()
        assert (report["readings"], report["rejected"]) == (EXPECTED[name]["rows"], 0), report

    def rows(self, lane):
        return self.plant.run(*self.options, "query", "--usage-point", "pv", "--lane", lane, "--format", "csv",
                              expect=0).rows()

    def spoken(self, check):
        return {moment(row["end"]) for row in self.rows("vee") if f"check:{check}" in row["quality"].split("|")}


def score(name, found):
    """How labels and findings agree: both, found alone, labelled alone; precision and recall as they come out."""
    labelled = {at for at, _, label in read(name) if label}
    both, alone, missed = len(found & labelled), len(found - labelled), len(labelled - found)
    precision = f"{both / len(found):.3f}" if found else "none found"
    print(f"{name}: {both} found, {alone} found without a label, {missed} missed; "
          f"precision {precision}, recall {both / len(labelled):.3f}")
    return both, alone, missed


# ---- the checks again, from docs/validation.md alone --------------------------------------------


def equal_in_a_row(rows, least=24):
    """Moments of values, not zero, that are equal `least` times in a row or more."""
    told = [(at, value) for at, value, _ in rows if value is not None]
    found, run = set(), []
    for at, value in told + [(None, None)]:
        if run and value != run[-1][1]:
            found |= {moment for moment, _ in run} if len(run) >= least else set()
            run = []
        if value:
            run.append((at, value))
    return found


def median(values):
    ordered, half = sorted(values), len(values) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def far_from_the_hour_of_the_week(rows, values, mads=7, weeks=8):
    """Moments of values further than `mads` median deviations from the median of the same hour of the week in the
    weeks before, where at least `values` are known and they are not nearly all the same; and how many were judged."""
    told = [(at, value) for at, value, _ in rows if value is not None]
    found, judged = set(), 0
    for at, value in told:
        hour = (at - 1) // HOUR_S * HOUR_S
        usual = [v for t, v in told for w in range(1, weeks + 1) if hour < t + w * WEEK_S <= hour + HOUR_S]
        if len(usual) < values:
            continue
        middle = median(usual)
        deviation = median([abs(v - middle) for v in usual])
        judged += deviation > 0
        if deviation > 0 and abs(value - middle) > mads * deviation:
            found.add(at)
    return found, judged


# ---- tests --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", COLUMNS)
def test_what_was_read(tmp_path, name):
    """Offsets of -07:00 and none, 1.66E-06, empty values, negative power at night: all kept as told."""
    rows = Judged(tmp_path, name).rows("raw")
    assert [(moment(row["end"]), Fraction(row["value"]) if row["value"] else None) for row in rows] == [
        (at, value) for at, value, _ in read(name)]
    facts = EXPECTED[name]
    values = [Fraction(row["value"]) for row in rows if row["value"]]
    assert len(rows) - len(values) == facts["missing_values"]
    assert (sum(v < 0 for v in values), sum(v == 0 for v in values)) == (facts["negative"], facts["zero"])
    assert (float(min(values)), float(max(values))) == (facts["min"], facts["max"])
    assert float(sum(values)) == pytest.approx(facts["sum"], abs=1e-6)
    assert (moment(rows[0]["end"]), moment(rows[-1]["end"])) == (moment(facts["first"]), moment(facts["last"]))


def test_stuck_values_against_the_labels(tmp_path):
    found = Judged(tmp_path, STUCK).spoken("stuck")
    assert found == equal_in_a_row(read(STUCK))
    assert score(STUCK, found) == (245, 0, 0)
    assert EXPECTED[STUCK]["labelled_true"] == 245


@pytest.mark.parametrize("outlier, values, judged, counts", [
    ("on", 8, 0, (0, 0, 6)),
    ("{values: 4}", 4, 109, (0, 31, 6)),
])
def test_outliers_against_the_labels(tmp_path, outlier, values, judged, counts):
    """Ten days hold an hour of the week twice at most: with the check's own demand for eight values it cannot judge
    anything, and with half of that it judges by a single day of other weather. All labels are in the first week."""
    found = Judged(tmp_path, OUTLIERS, outlier).spoken("outlier")
    assert (found, judged) == far_from_the_hour_of_the_week(read(OUTLIERS), values)
    assert score(OUTLIERS, found) == counts
    assert EXPECTED[OUTLIERS]["labelled_true"] == sum(counts[::2])


def test_power_below_zero_at_night_is_no_stuck_value(tmp_path):
    """Half of the unlabelled year is tare loss below zero; nothing in it stands still."""
    judged = Judged(tmp_path, UNLABELLED)
    assert judged.spoken("stuck") == equal_in_a_row(read(UNLABELLED)) == set()
