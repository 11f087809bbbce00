"""A year of 92 water meters, 674,019 rows, as they came: what busbar says, against plain arithmetic.

The rows are in local time with both clock changes, each meter reads at its own drifting minute, registers fall
by a litre or by a quarter of a million. Every number is held against the file itself (daiad_file.py: moments;
register_periods.py: the straight line between readings, in fractions); what the publisher of the set counted
(expected.json) is held against both.
"""

import datetime
import functools
import json
import os
import pathlib
import random
from decimal import Decimal

import daiad_file
import pytest
from conftest import Plant
from daiad_file import MADRID, REPEATED, ZONE
from register_periods import moment, periods, utc_text

SETS = pathlib.Path(os.environ.get("BUSBAR_DATA_SETS", "/nonexistent"))
SET = SETS / "water-daiad-swm"
FILE = SET / "swm_trialA.zip"
MAP = pathlib.Path(__file__).parents[2] / "examples/maps/water-daiad-swm.yaml"
LITRE = 1000  # amounts are whole millilitres here: the last digit of values at boundaries, three behind that of readings
STEP = 1
REFUSED = {"dip", "foreign"}
FALLEN = {"reverse", "dip", "reset", "rollover", "exchange"}

pytestmark = pytest.mark.skipif(not FILE.is_file(), reason="BUSBAR_DATA_SETS has no water-daiad-swm")
EXPECTED = json.loads((SET / "expected.json").read_text()) if FILE.is_file() else {}
ALL = EXPECTED.get("all_92_meters", {})
PICKED = EXPECTED.get("picked_meters", {})

FOREIGN_METER = "9348c9bb-e66e-4970-94c8-609ba5461ef2"
# Readings of another counter: too high by more than could flow, and gone at the next reading.
FOREIGN = {
    FOREIGN_METER: ["2017-01-17 12:34:08", "2017-01-17 13:34:08", "2017-01-17 14:34:08", "2017-01-17 15:34:08"],
}
IMPLAUSIBLE = {  # 6,154 l in nine hours, of a home that uses 400 a day
    "a3eee6b3-b6d4-44a7-89dc-8215947cffc4": ["2016-12-02 22:33:20"],
}
LEAKS = {  # meter: readings in a row with flow, how many of them are not marked
    "da98dc95-8126-487f-95ab-1f89fd5d463a": (2890, 33),
    "be4c16fa-197d-4006-a240-23275ea308fd": (632, 2),
}


class Source:
    """The file, read here."""

    def __init__(self):
        self.header, self.rows, self.meters = daiad_file.read(FILE)
        self.told = {meter: daiad_file.told(rows) for meter, rows in self.meters.items()}


def millilitres(text):
    """A number of m3, which the lanes behind raw are in, with at most six digits behind the point."""
    whole, _, digits = text.partition(".")
    assert len(digits) <= 6
    return int(whole + digits.ljust(6, "0"))


class Content:
    """What a plant holds, asked once per meter and lane."""

    def __init__(self, folder):
        self.plant = Plant(folder)
        self.asked = {}

    def text(self, meter, lane):
        if (meter, lane) not in self.asked:
            self.asked[meter, lane] = self.plant.run("query", "--usage-point", meter, "--lane", lane, "--format",
                                                     "csv", expect=0).out
        return self.asked[meter, lane]

    def rows(self, meter, lane):
        """(start, end, value, quality) in the order of time; none of the fields holds a comma."""
        unit = "L" if lane == "raw" else "m³"
        for line in self.text(meter, lane).splitlines()[1:]:
            fields = line.split(",")
            assert (fields[0], fields[1], fields[2], fields[6]) == (meter, "volume", lane, unit)
            yield fields[3], fields[4], fields[5], fields[7].split("|")

    @functools.lru_cache(maxsize=None)
    def readings(self, meter):
        """[(moment, mL, names of quality)] of lane vee: the readings as they were judged."""
        return [(moment(end), millilitres(value), quality) for _, end, value, quality in self.rows(meter, "vee")]

    @functools.lru_cache(maxsize=None)
    def told(self, meter):
        """[(moment, litres, names of quality)] of lane raw."""
        return [(moment(end), int(value), quality) for _, end, value, quality in self.rows(meter, "raw")]

    def accepted(self, meter):
        return [(at, amount) for at, amount, quality in self.readings(meter) if not REFUSED & set(quality)]


@pytest.fixture(scope="module")
def source():
    return Source()


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    content = Content(tmp_path_factory.mktemp("daiad"))
    content.report = content.plant.ingest("--map", MAP, FILE)
    return content


def local(at):
    return datetime.datetime.fromtimestamp(at, MADRID).strftime("%Y-%m-%d %H:%M:%S")


# ---- what was read ------------------------------------------------------------------------------


def test_every_row_is_kept_at_its_moment(source, content):
    """All rows, at the moments that the zone's rules and the order of rows give them, with their own digits."""
    report = content.report
    assert (report["readings"], report["rejected"], report["errors"]) == (ALL["rows"], 0, [])
    assert {meter: len(rows) for meter, rows in source.meters.items()} == ALL["rows_per_meter"]
    kept = 0
    for meter, told in source.told.items():
        rows = [(at, litres, "ambiguous_time" in quality) for at, litres, quality in content.told(meter)]
        assert rows == [(at, row.amount, row.unsure) for at, row in sorted(told.items())], meter
        kept += len(rows)
    assert (kept, report["accepted"]) == (674009, 674009)
    assert report["changed"] == ALL["rows"] - kept


def test_the_repeated_stamps_of_autumn_are_both_kept(source, content):
    """A stamp that stands twice is the same clock an hour later; a drifting clock is a guess, and says so."""
    twice = unsure = 0
    for meter, rows in source.meters.items():
        held = {at: quality for at, _, quality in content.told(meter) if REPEATED[0] <= at < REPEATED[1]}
        stamps = [row.stamp for row in rows if row.stamp.startswith(daiad_file.REPEATED_STAMP)]
        for stamp in set(stamps):
            passes = [at for at in held if local(at)[11:] == stamp[11:]]
            if stamps.count(stamp) == 2 and len(set(stamps)) == 1:
                assert len(passes) == 2 and passes[1] - passes[0] == 3600, (meter, stamp)
                twice += 1
            else:
                assert passes, (meter, stamp)
        unsure += sum("ambiguous_time" in quality for quality in held.values())
    assert (twice, unsure) == (59, 21)
    for meter, facts in PICKED.items():
        for stamp in facts["duplicate_timestamps"]:
            assert any(local(at) == stamp for at, _, _ in content.told(meter)), (meter, stamp)


def test_the_gaps_between_readings(content):
    """Holes of more than 2 and 24 hours on the clock, as the publisher counted them."""
    for meter, facts in PICKED.items():
        clock = [datetime.datetime.fromtimestamp(at, MADRID).replace(tzinfo=None)
                 for at, _, _ in content.told(meter)]
        hours = [(b - a).total_seconds() / 3600 for a, b in zip(clock, clock[1:])]
        assert sum(h > 2 for h in hours) == facts["gaps_over_2h"], meter
        assert sum(h > 24 for h in hours) == facts["gaps_over_24h"], meter
        assert max(hours) == pytest.approx(facts["longest_gap_h"], abs=0.005), meter


# ---- shuffled -----------------------------------------------------------------------------------


@pytest.mark.parametrize("ordered_hour", [True, False], ids=["repeated_hour_in_order", "no_order_at_all"])
def test_shuffled_rows_end_in_the_same_content(source, content, tmp_path, ordered_hour):
    """The rows in a random order. Where a meter's rows of the repeated hour keep theirs, everything is the same to
    the last byte. Where they do not, nobody can know which pass they belong to: those readings are marked; all
    other readings stay the same, and every day and month whose ends do not lie beside such a reading."""
    seed = int(os.environ.get("BUSBAR_SEED", 0)) or random.SystemRandom().randrange(1, 1 << 32)
    print(f"again: BUSBAR_SEED={seed} tools/run-tests e2e/test_daiad")
    other = Content(tmp_path)
    rows = daiad_file.shuffled(source.rows, seed, ordered_hour)
    path = other.plant.file("shuffled.csv", "\n".join([source.header] + [row.text for row in rows]) + "\n")
    report = other.plant.ingest("--map", MAP, path)
    assert (report["readings"], report["rejected"]) == (ALL["rows"], 0)
    for meter in source.meters:
        for lane in ("raw", "vee", "day") if ordered_hour else ():
            assert other.text(meter, lane) == content.text(meter, lane), (seed, meter, lane)
        if not ordered_hour:
            held_against_unordered(content, other, meter, seed)


def beside_the_repeated_hour(content, meter):
    """(first, last): periods that begin or end between these moments rest on a reading of the repeated hour."""
    moments = [at for at, _ in content.accepted(meter)]
    inside = [i for i, at in enumerate(moments) if REPEATED[0] <= at < REPEATED[1]]
    return (moments[max(inside[0] - 1, 0)], moments[min(inside[-1] + 1, len(moments) - 1)]) if inside else (1, 0)


def held_against_unordered(content, other, meter, seed):
    apart = [[row for row in side.told(meter) if not REPEATED[0] <= row[0] < REPEATED[1]] for side in (content, other)]
    assert apart[0] == apart[1], (seed, meter)
    for lane in ("day", "month"):
        values = [[row[:3] for row in side.rows(meter, lane)] for side in (content, other)]
        assert [row[:2] for row in values[0]] == [row[:2] for row in values[1]], (seed, meter, lane)
        assert sum(Decimal(row[2]) for row in values[0]) == sum(Decimal(row[2]) for row in values[1]), (seed, meter)
        first, last = beside_the_repeated_hour(content, meter)
        differ = [row for row, there in zip(*values) if row != there]
        assert all(any(first < moment(end) < last for end in row[:2]) for row in differ), (seed, meter, lane, differ)
    sure = {(at, value) for at, value, _ in content.told(meter)}
    for at, value, quality in other.told(meter):
        if REPEATED[0] <= at < REPEATED[1]:
            # A shuffle may leave a few rows in an order that decides; then it has to decide rightly.
            assert "ambiguous_time" in quality or (at, value) in sure, (seed, meter, local(at))


# ---- sums and periods ---------------------------------------------------------------------------


@pytest.mark.parametrize("lane", ["hour", "day", "month"])
def test_periods_sum_to_last_minus_first_accepted_reading(source, content, lane):
    for meter in source.meters:
        accepted = content.accepted(meter)
        total = sum(millilitres(value) for _, _, value, _ in content.rows(meter, lane))
        assert total == accepted[-1][1] - accepted[0][1], meter


def test_the_net_volume_is_the_publishers(source, content):
    """No first or last reading was refused, so that nothing differs from the last minus the first row."""
    for meter, told in source.told.items():
        accepted = content.accepted(meter)
        assert accepted[0][0] == min(told) and accepted[-1][0] == max(told), meter
        assert accepted[-1][1] - accepted[0][1] == int(ALL["net_l_per_meter"][meter]) * LITRE, meter


@pytest.mark.parametrize("lane", ["hour", "day", "month"])
def test_every_period_is_the_straight_line_between_readings(source, content, lane):
    """Each hour, day (23, 24, 25 hours) and month of each meter; the first and the last one are partial."""
    for meter in source.meters:
        theirs = [(start, end, millilitres(value), "partial" in quality)
                  for start, end, value, quality in content.rows(meter, lane)]
        ours = [(utc_text(start), utc_text(end), amount, partial)
                for start, end, amount, partial in periods(content.accepted(meter), lane, ZONE, STEP)]
        assert theirs == ours, meter


# ---- what was found -----------------------------------------------------------------------------


def test_foreign_readings_are_found_and_not_used(source, content):
    """Four readings of some other counter, 248,541 l too high, in between the meter's own."""
    found = {}
    for meter in source.meters:
        stamps = [local(at) for at, _, quality in content.readings(meter) if "foreign" in quality]
        if stamps:
            found[meter] = stamps
    assert found == FOREIGN
    jumps = {jump["at"] for jump in
             PICKED[FOREIGN_METER]["jumps_over_5000_l"]}
    assert jumps == set(FOREIGN[FOREIGN_METER])


def test_every_fall_says_what_it_is(source, content):
    """Wherever a register is below the reading accepted before it, the reading says why; nothing else does."""
    counted = {"dip": 0, "reverse": 0}
    for meter in source.meters:
        judged = content.readings(meter)
        usable = [(at, amount) for at, amount, quality in judged if "foreign" not in quality]
        expected = daiad_file.falls(usable)
        found = {at: kind for at, _, quality in judged for kind in FALLEN & set(quality)}
        assert found == expected, meter
        for at, _, quality in judged:
            explained = at in expected or "foreign" in quality or local(at) in IMPLAUSIBLE.get(meter, [])
            assert ("check:register" in quality) == explained, (meter, local(at), quality)
        for kind in expected.values():
            counted[kind] += 1
    assert counted == {"dip": 213, "reverse": 29}


def test_rises_that_nobody_would_believe_are_used_and_doubted(content):
    """More than the plausible advance of a day within hours, and no way back: that is told, and counted."""
    for meter, stamps in IMPLAUSIBLE.items():
        used = [reading for reading in content.readings(meter) if not REFUSED & set(reading[2])]
        rises = {local(b[0]): (b[1] - a[1], b[2]) for a, b in zip(used, used[1:])}
        for stamp in stamps:
            rise, quality = rises[stamp]
            assert rise > 2000 * LITRE and "suspect" in quality, (meter, stamp, quality)


def test_the_falls_that_the_publisher_listed(content):
    for meter, facts in PICKED.items():
        judged = content.readings(meter)
        below = {}  # the reading at which the register stands below the one right before it
        for (_, before, earlier), (at, amount, quality) in zip(judged, judged[1:]):
            if amount < before:
                below[local(at)] = (before, amount, earlier, quality)
        assert len(below) == facts["counter_drops"], meter
        for drop in facts["counter_drop_samples"]:
            before, amount, earlier, quality = below[drop["at"]]
            assert (before, amount) == (int(drop["from"]) * LITRE, int(drop["to"]) * LITRE)
            assert FALLEN & set(quality) or "foreign" in earlier, (meter, drop, quality)


def test_leaks_are_found(source, content):
    """Every reading that belongs to a day or more of unbroken flow says so, and no other, on all meters."""
    for meter, told in source.told.items():
        litres = [(at, row.amount) for at, row in sorted(told.items())]
        marked = {at for at, _, quality in content.readings(meter) if "check:leak" in quality}
        assert marked == daiad_file.leaking(litres), meter


@pytest.mark.parametrize("meter", LEAKS)
def test_the_leaks_that_the_publisher_counted(content, meter):
    """The two homes where water never stopped for weeks. Where three hours or more went by without a reading
    nobody knows, and the day is counted anew; every other reading of the run is marked."""
    count, unmarked = LEAKS[meter]
    first, last, readings = max(daiad_file.runs_with_flow(content.accepted(meter)), key=lambda run: run[2])
    fact = PICKED[meter]["longest_continuous_flow"]
    assert (readings, fact["readings_in_a_row_with_flow"]) == (count, count)
    assert [local(first), local(last)] == fact["from_to"]
    marked = {at for at, _, quality in content.readings(meter) if "check:leak" in quality}
    run = {at for at, _ in content.accepted(meter) if first <= at <= last}
    assert len(run - marked) == unmarked
