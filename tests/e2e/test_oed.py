"""Open Energy Dashboard's upload cases and charts: read through a map, held against OED's own expected numbers.

OED keeps readings; so does busbar, and where the two differ by policy the table says what busbar has to hold and
why. OED's charts are sums and rates: bars over N days are sums of lane day, lines are lane raw, hour or day as a
rate.
"""

import csv
import datetime
import functools
import json
import os
import pathlib
from dataclasses import dataclass, field
from fractions import Fraction

import pytest
from conftest import Plant
from register_periods import moment, utc_text

SET = pathlib.Path(os.environ.get("BUSBAR_DATA_SETS", "/nonexistent")) / "oed-csv-ingest-and-charts"
INGEST, CHARTS = SET / "ingest", SET / "charts"
MAPS = pathlib.Path(__file__).parents[2] / "examples/maps"
DAY_S, HOUR_S = 86400, 3600

pytestmark = pytest.mark.skipif(not SET.is_dir(), reason="BUSBAR_DATA_SETS has no oed-csv-ingest-and-charts")


def wall_clock(text):
    """OED's times have no zone; the maps read them as UTC."""
    return moment(text.replace(" ", "T") + "Z")


# ---- uploads ------------------------------------------------------------------------------------

READINGS, CUMULATIVE, END_ONLY = "oed-readings.yaml", "oed-cumulative.yaml", "oed-end-only.yaml"
# A counter with end times alone: the example map for end times with two lines changed.
CUMULATIVE_END_ONLY = (END_ONLY, {"kind: interval": "kind: register", "interval: 1d\n": ""})
FIRST_DAY = [("24", "2021-06-01 00:00:00", "2021-06-02 00:00:00")]


@dataclass
class Case:
    """What busbar makes of an upload. `lane`: where OED's readings are found again; `more`: rows that busbar has
    before OED's; `raw`: readings kept; `error`: the code and line of a refusal; `found`: {end: checks}."""

    map: object
    lane: str
    raw: int
    more: list = field(default_factory=list)
    duplicate: int = 0
    error: tuple = None
    found: dict = field(default_factory=dict)
    why: str = "as OED"


# 72 and 96 kWh in a day are more than 50, and fewer than three days are known before
DOUBTED = {"2021-06-04T00:00:00Z": "register", "2021-06-05T00:00:00Z": "register"}

CASES = {
    "pipe1": Case(READINGS, "raw", 5),
    "pipe3": Case(CUMULATIVE, "day", 5, found=DOUBTED, why="a counter's first reading is no amount: OED drops it, busbar"
                  " keeps it as the register's beginning; the days are the same"),
    "pipe15": Case(READINGS, "raw", 5, found={
        "2021-06-03T00:01:00Z": "interval_size", "2021-06-04T00:00:00Z": "interval_size",
        "2021-06-04T23:58:00Z": "interval_size", "2021-06-06T00:00:00Z": "interval_size"},
                   why="OED holds each length against the one before it and warns from 60 s on (`lengthVariation`); busbar"
                   " holds all against the channel's own, 24 hours"),
    "pipe19": Case(READINGS, "raw", 5, found={
        "2021-06-03T00:00:00Z": "gap interval_size", "2021-06-05T00:00:00Z": "gap interval_size"},
                   why="OED allows gaps of two minutes here (`lengthGap`) and says nothing; busbar's tolerance is none, so"
                   " that two days are partial; the readings are the same"),
    "pipe21": Case(CUMULATIVE, "day", 5, duplicate=10, found=DOUBTED, why="three times the same is once (`duplications`); as pipe3"),
    "pipe23": Case(END_ONLY, "raw", 5, more=FIRST_DAY, why="OED takes a reading's start from the one before it and drops"
                   " the first; the map says that readings last a day, so the first one has its start"),
    "pipe25": Case(CUMULATIVE_END_ONLY, "day", 5, found=DOUBTED, why="order does not matter; as pipe3"),
    "pipe27": Case(READINGS, "raw", 0, error=("BB-1006", 2)),
    "pipe29": Case(CUMULATIVE, "day", 0, error=("BB-1005", 4), why="1.44e2 is a number, 240.x is none"),
    "pipe73": Case(READINGS, "raw", 5, found={
        "2021-06-03T00:00:00Z": "gap interval_size", "2021-06-05T00:00:00Z": "gap interval_size",
        "2021-06-06T00:04:00Z": "interval_size"}, why="as pipe15 and pipe19"),
    "pipe75": Case(READINGS, "raw", 5, why="order does not matter (`timeSort`)"),
}


def upload(case_name):
    """OED's upload of the readings of a case, and the file of what it has to hold afterwards."""
    case = json.loads((INGEST / "expected.json").read_text())[case_name]
    readings = [part for part in case["uploads"] if part["endpoint"] == "readings"]
    assert len(readings) == 1
    return INGEST / readings[0]["file"], INGEST / case["expected_readings_file"]


def map_file(plant, which):
    if isinstance(which, str):
        return MAPS / which
    text = (MAPS / which[0]).read_text()
    for old, new in which[1].items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    return plant.file("map.yaml", text)


@pytest.mark.parametrize("name", CASES)
def test_upload(plant, name):
    case = CASES[name]
    path, expected_path = upload(name)
    report = plant.ingest("--map", map_file(plant, case.map), path, expect=1 if case.error else 0)
    with open(expected_path, newline="") as lines:
        oed = [tuple(row) for row in csv.reader(lines)]
    if case.error:
        assert oed == [] and report["files"] == report["readings"] == 0, report
        assert [(error["code"], error["line"]) for error in report["errors"]] == [case.error]
        return
    assert (report["accepted"], report["duplicate"], report["rejected"]) == (case.raw, case.duplicate, 0), report
    point = path.name.removesuffix("Input.csv")
    assert len(plant.query(point)) == case.raw
    held = [(Fraction(row["value"]), row["start"], row["end"]) for row in plant.query(point, "--lane", case.lane)]
    assert held == [(Fraction(value), utc_text(wall_clock(start)), utc_text(wall_clock(end)))
                    for value, start, end in case.more + oed], case.why
    checks = {row["end"]: " ".join(part.removeprefix("check:") for part in row["quality"].split("|")
                                   if part.startswith("check:")) for row in plant.query(point, "--lane", "vee")}
    assert {end: names for end, names in checks.items() if names} == case.found, case.why


def test_a_bad_row_costs_itself_alone_when_asked(plant):
    """OED refuses the file; busbar does too unless --partial says that the good rows count."""
    path, _ = upload("pipe27")
    report = plant.ingest("--map", MAPS / READINGS, "--partial", path, expect=1)
    assert (report["accepted"], report["rejected"]) == (4, 1)
    assert [row["value"] for row in plant.query("pipe27")] == ["24", "72", "96", "120"]


def test_a_second_upload_with_other_values_is_a_correction(plant):
    """pipe51: OED keeps what it had unless `update` is set; busbar takes the later telling and keeps the earlier one
    as history, so that what OED holds is what busbar held as of the first upload, plus the two new days."""
    before = None
    for part in ("A", "B"):
        path = INGEST / f"pipe51{part}Input.csv"
        copy = plant.file(f"{part}/pipe51Input.csv", path.read_text())
        report = plant.ingest("--map", MAPS / READINGS, copy)
        if part == "A":
            before = {row["end"]: Fraction(row["value"]) for row in plant.query("pipe51")}
    assert report["changed"] == 2
    held = {row["end"]: Fraction(row["value"]) for row in plant.query("pipe51")}
    with open(INGEST / "pipe51BInput.csv", newline="") as lines:
        told = {utc_text(wall_clock(end)): Fraction(value) for value, _, end in csv.reader(lines)}
    with open(INGEST / "pipe51Expected.csv", newline="") as lines:
        oed = {utc_text(wall_clock(end)): Fraction(value) for value, _, end in csv.reader(lines)}
    assert held == before | told
    assert oed == told | before


# ---- charts -------------------------------------------------------------------------------------

METERS = {"15": "readings_ri_15_days_75.csv", "20": "readings_ri_20_days_75.csv"}
FIFTEEN_DIGITS = 1e-12  # OED prints fifteen, of sums in floating point
PER_UNIT = {  # (meter's unit, graph's unit): how many of the graph's unit are one of the meter's, as OED has it
    ("kWh", "kWh"): 1,
    ("kWh", "MJ"): Fraction("3.6"),
    ("kWh", "BTU"): Fraction("3412.08"),  # busbar has no BTU: its kWh times OED's factor
    ("kW", "kW"): Fraction(1, 4),  # the same numbers read as kW: a quarter of an hour of each
    ("Thing36", "thing"): 25,  # an invented unit: 100 an hour, a quarter of an hour of each
}


@dataclass
class Chart:
    kind: str
    meters: list
    unit: tuple
    rows: list

    def __init__(self, path):
        name = path.name.removesuffix(".csv").removeprefix("expected_")
        words = name.replace("_group", "").split("_")
        said = dict(zip(words[1::2], words[2::2]))
        self.kind = words[0]
        self.meters = [METERS[minutes] for minutes in said["ri"].split("-")]
        self.unit = (said["mu"], said["gu"])
        with open(path, newline="") as lines:
            self.rows = [(float(value), wall_clock(start), wall_clock(end))
                         for value, start, end in list(csv.reader(lines))[1:]]


def charts(kind):
    return sorted(CHARTS.glob(f"expected_{kind}_*.csv")) if CHARTS.is_dir() else []


def chart_name(path):
    """None, without charts: pytest skips the case and finds a name of its own."""
    return path.stem.removeprefix("expected_") if isinstance(path, pathlib.Path) else None


class Content:
    def __init__(self, folder):
        self.plant = Plant(folder)

    @functools.lru_cache(maxsize=None)
    def lane(self, file, lane, zone="UTC"):
        """[(start, end, value, quality)] of a meter's lane."""
        point = "_".join(file.split("_")[1:3])
        return [(moment(row["start"]), moment(row["end"]), Fraction(row["value"]), row["quality"])
                for row in self.plant.query(point, "--lane", lane, "--zone", zone)]


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    content = Content(tmp_path_factory.mktemp("oed"))
    report = content.plant.ingest("--map", MAPS / "oed-charts.yaml", *(CHARTS / name for name in METERS.values()))
    assert (report["readings"], report["rejected"], report["exceptions"]) == (75 * (96 + 72), 0, 0)
    return content


def sum_over(rows, start, end):
    """What lies in (start, end], which has to be covered from end to end."""
    inside = [row for row in rows if start <= row[0] and row[1] <= end]
    assert sum(row[1] - row[0] for row in inside) == end - start
    return sum(row[2] for row in inside)


@pytest.mark.parametrize("path", charts("bar"), ids=chart_name)
def test_bars_are_sums_of_days(content, path):
    chart = Chart(path)
    assert chart.rows or path.stem.endswith("bd_76"), "76 days do not fit into 75"
    for value, start, end in chart.rows:
        ours = sum(sum_over(content.lane(file, "day"), start, end) for file in chart.meters)
        assert float(ours * PER_UNIT[chart.unit]) == pytest.approx(value, rel=FIFTEEN_DIGITS), (start, end)


LANES_OF_LINES = {DAY_S: "day", HOUR_S: "hour", 900: "raw"}


@pytest.mark.parametrize("path", charts("line"), ids=chart_name)
def test_lines_are_rates(content, path):
    """kWh an hour, at the resolution that OED chose for the span of the chart."""
    chart = Chart(path)
    start, end = chart.rows[0][1:]
    lane = LANES_OF_LINES[end - start]
    for value, start, end in chart.rows:
        ours = sum(sum_over(content.lane(file, lane), start, end) for file in chart.meters) * HOUR_S / (end - start)
        assert float(ours) == pytest.approx(value, rel=FIFTEEN_DIGITS), (start, end)


def test_every_chart_is_read():
    read = len(charts("bar")) + len(charts("line"))
    assert read == len(list(CHARTS.glob("expected_*"))) == 19
    assert {Chart(path).unit for path in charts("bar")} == PER_UNIT.keys()


def test_a_channel_in_another_unit(tmp_path):
    """Master data says MJ: the lanes behind raw are in MJ, each value right to the last digit that was sent."""
    plant = Plant(tmp_path)
    plant.run("registry", "apply", "-", expect=0, stdin="""
usage_points:
  - name: ri_15
    commodity: electricity
    channels: [{name: energy, kind: interval, interval: 15m, unit: MJ}]
""")
    plant.ingest("--map", MAPS / "oed-charts.yaml", CHARTS / METERS["15"])
    raw = [row["value"] for row in plant.query("ri_15")]
    vee, day = ([(row["unit"], Fraction(row["value"] or 0)) for row in plant.query("ri_15", "--lane", lane)]
                for lane in ("vee", "day"))
    for text, (unit, value) in zip(raw, vee, strict=True):
        last_digit = Fraction(1, 10 ** len(text.partition(".")[2]))
        assert unit == "MJ" and abs(value - Fraction(text) * Fraction("3.6")) <= last_digit / 2, (text, value)
    chart = Chart(next(CHARTS.glob("expected_bar_ri_15_mu_kWh_gu_MJ_*")))
    assert [unit for unit, _ in day] == ["MJ"] * 75
    for (_, value), (expected, _, _) in zip(day, chart.rows):
        assert float(value) == pytest.approx(expected, rel=FIFTEEN_DIGITS)


def test_power_as_a_gauge(tmp_path):
    """The same numbers told as kW: a day's mean times its hours is OED's bar."""
    plant = Plant(tmp_path)
    text = (MAPS / "oed-charts.yaml").read_text()
    for old, new in {"kind: interval": "kind: gauge\ninterval: 15m", "unit: kWh": "unit: kW",
                     "{start: start time, end: end time}": "{column: end time}"}.items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    plant.ingest("--map", plant.file("kw.yaml", text), CHARTS / METERS["15"])
    days = [(moment(row["start"]), moment(row["end"]), Fraction(row["value"]) * 24)
            for row in plant.query("ri_15", "--lane", "day")]
    for value, start, end in Chart(next(CHARTS.glob("expected_bar_ri_15_mu_kW_gu_kW_*"))).rows:
        assert float(sum_over(days, start, end)) == pytest.approx(value, rel=FIFTEEN_DIGITS)


def split_by_time(start, end, text, boundary):
    """The parts of a reading before and behind a boundary inside it."""
    decimals = len(text.partition(".")[2])
    step = Fraction(1, 10 ** max(decimals, min(decimals + 3, 9)))
    whole = Fraction(text)
    before = round(whole * (boundary - start) / (end - start) / step) * step
    return before, whole - before


@pytest.mark.parametrize("file", METERS.values())
def test_readings_over_a_boundary_are_split_by_time(tmp_path, file):
    """Hours of a zone that is half an hour off cut 20-minute readings in half, and 15-minute readings not at all:
    the part before the boundary is rounded, half to even, the one behind it takes what is left."""
    plant = Plant(tmp_path)
    point = "_".join(file.split("_")[1:3])
    plant.run("registry", "apply", "-", expect=0,
              stdin=f"usage_points: [{{name: {point}, commodity: electricity, zone: Asia/Kolkata}}]\n")
    plant.ingest("--map", MAPS / "oed-charts.yaml", CHARTS / file)
    hours, cut = {}, 0
    for row in plant.query(point):
        start, end, text = moment(row["start"]), moment(row["end"]), row["value"]
        boundary = (end - 1 - HOUR_S // 2) // HOUR_S * HOUR_S + HOUR_S // 2  # the last one before the end
        parts = [(boundary, Fraction(text))]
        if start < boundary:
            before, behind = split_by_time(start, end, text, boundary)
            parts, cut = [(boundary - HOUR_S, before), (boundary, behind)], cut + 1
        for hour, amount in parts:
            hours[hour] = hours.get(hour, 0) + amount
    found = [(moment(row["start"]), Fraction(row["value"])) for row in plant.query(point, "--lane", "hour")]
    assert found == sorted(hours.items())
    assert cut == (75 * 24 if "ri_20" in file else 0)
    days = plant.query(point, "--lane", "day")
    assert {row["start"][11:] for row in days} == {"18:30:00Z"} and len(days) == 76
    assert sum(Fraction(row["value"]) for row in days) == sum(hours.values())
