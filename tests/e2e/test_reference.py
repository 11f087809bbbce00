"""busbar against a witness: the lanes of thousands of random channels, worked out a second time in plain Python.

    BUSBAR_SOAK=1   more than 10,000 cases          BUSBAR_SEED=17   the usage point of this seed alone

A seed is a usage point (a zone, a start of day) with twenty channels, each a case. See reference/__init__.py.
"""

import collections
import csv
import datetime
import fractions
import functools
import io
import os

import pytest
from reference import cases, loads, periods, readings, sums, values

LANES = ("hour", "day", "month")
REGISTER_MARKS = ("rollover", "exchange", "reset", "reverse", "dip", "foreign")
MARKS = ("suspect", "estimated", *REGISTER_MARKS)
# Each has to occur, or nothing was compared.
METHODS = ("linear", "like_day", "average_like_day", "like_day_scaled", "average_like_day_scaled", "profile", "flat")
SHOWN = 5  # differences that are told in full


def seeds():
    one = os.environ.get("BUSBAR_SEED")
    if one:
        return [int(one)]
    return range(1, 1 + (600 if os.environ.get("BUSBAR_SOAK", "0") not in ("", "0") else 50))


@functools.cache
def moment(text):
    return (datetime.datetime.fromisoformat(text.replace("Z", "+00:00")) -
            datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)) // datetime.timedelta(milliseconds=1)


def number(text):
    return fractions.Fraction(text) if text else None


@pytest.fixture(scope="module")
def points():
    return [cases.usage_point(seed) for seed in seeds()]


@pytest.fixture(scope="module")
def plant(points, tmp_path_factory):
    from conftest import Plant

    plant = Plant(tmp_path_factory.mktemp("reference"))
    plant.file("data/busbar.yaml", cases.CONFIG)
    for i, text in enumerate(cases.registry(points)):
        plant.run("registry", "apply", plant.file(f"registry-{i}.yaml", text), expect=0)
    lines = [cases.CSV_HEADER]
    for point in points:
        for case in point.cases:
            lines += case.csv()
    report = plant.ingest(plant.file("readings.csv", "\n".join(lines) + "\n"))
    assert report["accepted"] == len(lines) - 1
    return plant


def asked(plant, point, lane):
    """{channel: {(start, end): row}} of a lane, times in milliseconds."""
    found = collections.defaultdict(dict)
    text = plant.run("query", "--usage-point", point.name, "--lane", lane, "--format", "csv", expect=0).out
    for row in csv.DictReader(io.StringIO(text)):
        found[row["channel"]][moment(row["start"]), moment(row["end"])] = row
    return found


def told_row(row):
    """What of a row is compared: value, state, marks, method; least and most of a gauge's period."""
    state, *rest = row["quality"].split("|")
    return (row["value"], state, frozenset(set(rest) & set(MARKS)),
            next((name for name in rest if name.startswith("method:")), ""), row.get("min") or "", row.get("max") or "",
            row["unit"])


def vee_row(channel, point):
    marks = frozenset(["suspect"] if point.suspect else []) | frozenset(point.marks)
    method = f"method:{point.method}" if point.method else ""
    value = values.text(point.value.number) if point.value else ""
    return value, point.state, marks, method, "", "", values.SHOWN.get(channel.unit, channel.unit)


def period_row(channel, period):
    marks = frozenset(name for name in ("suspect", "estimated") if getattr(period, name)) | period.marks
    texts = [values.text(part) if part is not None else "" for part in (period.value, period.least, period.most)]
    return (texts[0], period.state, marks, "", texts[1], texts[2],
            values.SHOWN.get(channel.unit, channel.unit))


def differences(what, expected, got):
    found = []
    for key in sorted(expected.keys() | got.keys()):
        mine, its = expected.get(key), told_row(got[key]) if key in got else None
        if mine != its:
            period = f"{cases.stamp(key[0])} .. {cases.stamp(key[1])}"
            found.append(f"    {period}\n      expected {mine}\n      busbar   {its}")
    return [f"  {what}: {len(found)} rows of {len(expected)} differ"] + found[:3] if found else []


def describe(point, case, found):
    lines, weigher = "\n    ".join(list(case.csv())), case.channel.weigher
    return (f"seed {point.seed}, {point.name} {case.channel.name}: {point.calendar.zone_name}, day starts at "
            f"{point.calendar.day_start_s} s, {case.channel.kind}, interval {case.channel.interval // 1000} s, "
            f"shown in {case.channel.unit}, {'in' if case.registered else 'not in'} the registry\n"
            + "\n".join(found) + (f"\n  profile {{{loads.yaml(weigher.profile)}}}" if weigher else "") + f"\n  readings\n    {cases.CSV_HEADER}\n    {lines}\n"
            f"  again: BUSBAR_SEED={point.seed} tools/run-tests e2e/test_reference")


def differences_of(case, lanes, seen):
    """Of all channels of a case: (texts, number of periods). Counts in `seen` what occurred."""
    found, rows = [], 0
    for channel, told in case.all_channels():
        name = channel.name
        vee = readings.validated(channel, told, case.beside if channel is case.channel else ())
        seen.update(p.method for p in vee if p.method)
        seen.update(mark for p in vee for mark in p.marks)
        expected = {"vee": {(p.start, p.end): vee_row(channel, p) for p in vee}}
        for lane in LANES:
            made = periods.periods(channel, lane, vee)
            expected[lane] = {(p.start, p.end): period_row(channel, p) for p in made}
            rows += len(made)
        for lane, mine in expected.items():
            found += differences(f"{name} {lane}", mine, lanes[lane][name])
    return found, rows


def test_every_lane_agrees(plant, points):
    wrong, rows, compared, seen = [], 0, 0, collections.Counter()
    for point in points:
        lanes = {lane: asked(plant, point, lane) for lane in ("vee", *LANES)}
        for case in point.cases:
            found, more = differences_of(case, lanes, seen)
            rows += more
            compared += 1
            if found:
                wrong.append(describe(point, case, found))
    print(f"{compared} cases, {rows} periods, seeds {points[0].seed} to {points[-1].seed}; {dict(seen)}")
    assert not wrong, f"{len(wrong)} of {compared} cases differ\n\n" + "\n\n".join(wrong[:SHOWN])
    if len(points) > 1:
        assert not (set(METHODS) | set(REGISTER_MARKS)) - set(seen), f"never occurred; {dict(seen)}"


def test_sum_check_agrees(plant, points):
    """Exceptions of check sum: on the interval channel, one per stretch between two register readings."""
    expected, pairs, stretches = {}, 0, 0
    for point in points:
        for case in point.cases:
            if case.beside:
                pairs += 1
                totals = sums.totals(case.channel, case.beside)
                stretches += len(totals)
                for start, end in sums.findings(readings.told_amounts(case.channel, case.told), totals):
                    expected[point.name, case.channel.name, start, end] = (point, case)
    got = {(row["usage_point"], row["channel"], moment(row["from"]), moment(row["to"])): row
           for row in plant.list("exceptions") if row["check"] == "sum"}
    by_name = {(point.name, case.channel.name): (point, case) for point in points for case in point.cases}
    print(f"{pairs} channels with registers, {stretches} stretches, {len(expected)} findings")
    wrong = [(key, "expected" if key in expected else "busbar's alone") for key in expected.keys() ^ got.keys()]
    texts = [describe(*by_name[key[:2]], [f"    {cases.stamp(key[2])} .. {cases.stamp(key[3])} {whose}"])
             for key, whose in sorted(wrong)[:SHOWN]]
    assert not wrong, f"{len(wrong)} of {len(expected)} findings differ\n\n" + "\n\n".join(texts)
    assert len(points) == 1 or expected, "the check never spoke"
