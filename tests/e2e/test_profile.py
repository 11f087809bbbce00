"""Profiles: heat registers by degree days, gaps by a load profile, what a changed profile changes, and as of when.

Numbers are worked out by hand, or by a few lines of plain Python from the profile as it is written.
"""

import csv
import datetime
import os
import pathlib
import zoneinfo
from fractions import Fraction

import pytest
from clock import now

SET = pathlib.Path(os.environ.get("BUSBAR_DATA_SETS", "/nonexistent")) / "profiles-bdew-2025"
ZONE = zoneinfo.ZoneInfo("Europe/Amsterdam")
UTC = datetime.timezone.utc

HEAT = """\
usage_points:
  - name: H
    commodity: heat
    zone: Europe/Amsterdam
    {profile}
    channels: [{{name: heat, kind: register, unit: kWh}}]
profiles:
  - {{name: degree-days, days: {days}}}
"""


def local(year, month, day, hour=0):
    return datetime.datetime(year, month, day, hour, tzinfo=ZONE)


def stamp(moment):
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def days_text(weights):
    return "{" + ", ".join(f"{day}: {weight}" for day, weight in weights.items()) + "}"


def heat_registry(weights, profile="profile: degree-days"):
    return HEAT.format(profile=profile, days=days_text(weights))


def heat_readings(*readings):
    lines = ["usage_point,channel,timestamp,value,unit,kind"]
    return "\n".join(lines + [f"H,heat,{stamp(at)},{value},kWh,register" for at, value in readings]) + "\n"


def values(rows):
    return [Fraction(row["value"]) for row in rows]


def day_values(plant, *arguments):
    return values(plant.query("H", "--lane", "day", *arguments))


def month_weights(year, month):
    """31 days that weigh 1 to 31 tenths, the coldest last."""
    first = datetime.date(year, month, 1)
    days = [first + datetime.timedelta(n) for n in range(31) if (first + datetime.timedelta(n)).month == month]
    return {day: Fraction(n + 1, 10) for n, day in enumerate(days)}


def as_text(weights):
    return {day: f"{float(weight):.1f}" for day, weight in weights.items()}


# ---- registers ----------------------------------------------------------------------------------

FOUR = {"2026-01-11": 1, "2026-01-12": 2, "2026-01-13": 3, "2026-01-14": 4}


def test_four_days_by_hand(plant):
    plant.run("registry", "apply", "-", stdin=heat_registry(FOUR), expect=0)
    plant.ingest(plant.file("a.csv", heat_readings((local(2026, 1, 11), 0), (local(2026, 1, 15), 100))))
    rows = plant.query("H", "--lane", "day")
    assert values(rows) == [10, 20, 30, 40]
    assert {row["quality"] for row in rows} == {"estimated"}
    # 00:00 to 01:00 of the third day: a 24th of 30
    hour = plant.query("H", "--lane", "hour", "--from", stamp(local(2026, 1, 13)), "--to", stamp(local(2026, 1, 13, 1)))
    assert values(hour) == [Fraction("1.25")]


def test_the_story_of_a_day(plant):
    plant.run("registry", "apply", "-", stdin=heat_registry(FOUR), expect=0)
    plant.ingest(plant.file("a.csv", heat_readings((local(2026, 1, 11), 0), (local(2026, 1, 15), 100))))
    asked = ("explain", "--usage-point", "H", "--channel", "heat", "--lane", "day", "--at", "2026-01-12T12:00:00Z")
    text = plant.run(*asked, expect=0).out
    assert "  20 kWh  estimated" in text and "cut like profile degree-days and rounded" in text
    assert "register at its start 10 kWh" in text and "register at its end   30 kWh" in text
    story = plant.run("--json", *asked, expect=0).json()
    assert story["profile"] == "degree-days"
    assert [part["amount"] for part in story["period"]["parts"]] == [20]
    assert (story["period"]["register_at_start"], story["period"]["register_at_end"]) == (10, 30)


def test_a_register_read_monthly(plant):
    """Two months of degree days; at every boundary the register is rounded once to three decimals more."""
    weights = month_weights(2026, 1) | month_weights(2026, 2)
    readings = [(local(2026, 1, 1), Fraction(1000)), (local(2026, 2, 1), Fraction(1777)), (local(2026, 3, 1), Fraction(2001))]
    plant.run("registry", "apply", "-", stdin=heat_registry(as_text(weights)), expect=0)
    plant.ingest(plant.file("a.csv", heat_readings(*readings)))
    expected = []
    for (start, before), (end, after) in zip(readings, readings[1:]):
        days = {day: weight for day, weight in weights.items() if start.date() <= day < end.date()}
        running, whole, until = Fraction(0), sum(days.values()), Fraction(0)
        for weight in days.values():
            running += weight
            boundary = Fraction(round((after - before) * running / whole * 1000), 1000)  # half to even, as busbar
            expected.append(boundary - until)
            until = boundary
    assert day_values(plant) == expected
    assert len(expected) == 59 and sum(expected) == 1001
    assert values(plant.query("H", "--lane", "month")) == [777, 224]


def test_a_day_of_23_hours_counts_23(plant):
    """2026-03-29: the weight of a day holds for each of its hours."""
    weights = {"2026-03-28": 6, "2026-03-29": 6}
    plant.run("registry", "apply", "-", stdin=heat_registry(weights), expect=0)
    plant.ingest(plant.file("a.csv", heat_readings((local(2026, 3, 28), 0), (local(2026, 3, 30), 47))))
    assert day_values(plant) == [24, 23]


def test_days_without_degrees_are_shared_by_time(plant):
    weights = {f"2026-07-0{n}": 0 for n in range(1, 5)}
    plant.run("registry", "apply", "-", stdin=heat_registry(weights), expect=0)
    plant.ingest(plant.file("a.csv", heat_readings((local(2026, 7, 1), 0), (local(2026, 7, 5), 100))))
    assert day_values(plant) == [25] * 4


# ---- what a change changes ----------------------------------------------------------------------


def test_a_profile_is_given_corrected_and_taken_away(plant):
    plant.ingest(plant.file("a.csv", heat_readings((local(2026, 1, 11), 0), (local(2026, 1, 15), 100))))
    plant.run("registry", "apply", "-", stdin=heat_registry(FOUR, profile=""), expect=0)
    assert day_values(plant) == [25] * 4
    plant.run("registry", "apply", "-", stdin=heat_registry(FOUR), expect=0)
    given = plant.query("H", "--lane", "vee")
    assert day_values(plant) == [10, 20, 30, 40]
    turned = dict(zip(FOUR, [4, 3, 2, 1]))
    outcome = plant.run("registry", "apply", "-", stdin=heat_registry(turned), expect=0)
    assert "profile degree-days days 2026-01-11: 1 → 4" in outcome.out and "recomputed" in outcome.out
    assert day_values(plant) == [40, 30, 20, 10]
    assert plant.query("H", "--lane", "vee") == given, "the readings stay what they are"
    again = plant.run("--json", "registry", "apply", "-", stdin=heat_registry(turned), expect=0).json()
    assert (again["added"], again["changed"], again["unchanged"]) == (0, 0, 2)
    plant.run("registry", "apply", "-", stdin=heat_registry(turned, profile=""), expect=0)
    assert day_values(plant) == [25] * 4


def test_as_of_sees_the_profile_of_then(plant):
    def apply(text):
        plant.run("registry", "apply", "-", stdin=text, expect=0)
        return now()

    plant.ingest(plant.file("a.csv", heat_readings((local(2026, 1, 11), 0), (local(2026, 1, 15), 100))))
    without = apply(heat_registry(FOUR, profile=""))
    first = apply(heat_registry(FOUR))
    apply(heat_registry(dict(zip(FOUR, [4, 3, 2, 1]))))
    assert day_values(plant) == [40, 30, 20, 10]
    assert day_values(plant, "--as-of", first) == [10, 20, 30, 40]
    assert day_values(plant, "--as-of", without) == [25] * 4


def test_a_channels_profile_goes_before_the_usage_points(plant):
    text = heat_registry(FOUR).replace("unit: kWh", "unit: kWh, profile: even") + "  - {name: even}\n"
    plant.run("registry", "apply", "-", stdin=text, expect=0)
    plant.ingest(plant.file("a.csv", heat_readings((local(2026, 1, 11), 0), (local(2026, 1, 15), 100))))
    assert day_values(plant) == [25] * 4
    exported = plant.run("registry", "export", expect=0).out
    back = plant.run("--json", "registry", "apply", "-", stdin=exported, expect=0).json()
    assert (back["added"], back["changed"], back["unchanged"]) == (0, 0, 3)
    entries = plant.run("--json", "registry", "export", expect=0).json()
    profile = next(entry for entry in entries if entry["name"] == "degree-days")
    assert (profile["entry"], profile["days"]) == ("profile", FOUR)


def test_a_profile_that_nobody_told(plant):
    refused = plant.run("registry", "apply", "-", stdin="usage_points: [{name: H, profile: nobody}]", expect=1)
    assert "BB-2001" in refused.err and "the profile 'nobody'" in refused.err


# ---- gaps ---------------------------------------------------------------------------------------

LOAD = """\
usage_points:
  - name: M
    zone: Europe/Amsterdam
    profile: h0
    channels:
      - {{name: load, obis: "1-1:1.29.0", kind: interval, interval: 15m, unit: kWh}}
      - {{name: counter, obis: "1-0:1.8.0", kind: register, unit: kWh}}
profiles:
  - name: h0
    shapes:
      - {shape}
"""
QUARTER = datetime.timedelta(minutes=15)


def shape_text(working, saturday, sunday, season=None):
    parts = [f"season: {season}"] if season else []
    parts += [f"{key}: [{', '.join(map(str, numbers))}]"
              for key, numbers in (("working", working), ("saturday", saturday), ("sunday", sunday))]
    return "{" + ", ".join(parts) + "}"


def slot_weight(moment, working, saturday, sunday):
    at = moment.astimezone(ZONE)
    numbers = (working, working, working, working, working, saturday, sunday)[at.weekday()]
    return Fraction(str(numbers[at.hour * 4 + at.minute // 15]))


def load_readings(start, gap_from, gap_to, end, each, total):
    """Quarter hours of `each`, or what it says of a moment, but for the gap; the counter at the gap's ends says what it amounts to."""
    lines = ["usage_point,channel,timestamp,value,unit,kind,interval"]
    at = start
    while at < end:
        if not gap_from <= at < gap_to:
            value = each(at) if callable(each) else each
            lines.append(f"M,load,{stamp(at + QUARTER)},{value},kWh,interval,15m")
        at += QUARTER
    lines.append(f"M,counter,{stamp(gap_from)},500,kWh,register,")
    lines.append(f"M,counter,{stamp(gap_to)},{500 + total},kWh,register,")
    return "\n".join(lines) + "\n"


def spread(total, weights, digits):
    """Parts in proportion to the weights, their running sum rounded half to even."""
    parts, running, until = [], Fraction(0), Fraction(0)
    for weight in weights:
        running += weight
        boundary = Fraction(round(total * running / sum(weights) * 10**digits), 10**digits)
        parts.append(boundary - until)
        until = boundary
    return parts


def gap_rows(plant, gap_from, gap_to):
    return plant.query("M", "--channel", "load", "--lane", "vee", "--from", stamp(gap_from), "--to", stamp(gap_to))


WORKING = [1 + n % 7 for n in range(96)]
SATURDAY = [2] * 48 + [3] * 48
SUNDAY = [Fraction(1, 2)] * 96


def test_ten_days_without_quarter_hours(plant):
    """Over the clock change of autumn: an hour comes twice. The counter says 300 kWh for the gap."""
    start, gap_from = local(2025, 10, 18).astimezone(UTC), local(2025, 10, 20).astimezone(UTC)
    gap_to, end = local(2025, 10, 30).astimezone(UTC), local(2025, 10, 31).astimezone(UTC)
    shape = shape_text(WORKING, SATURDAY, [0.5] * 96)
    plant.run("registry", "apply", "-", stdin=LOAD.format(shape=shape), expect=0)
    plant.ingest(plant.file("a.csv", load_readings(start, gap_from, gap_to, end, "0.250", 300)))
    rows = gap_rows(plant, gap_from, gap_to)
    assert len(rows) == 10 * 96 + 4
    moments = [gap_from + n * QUARTER for n in range(len(rows))]
    weights = [slot_weight(at, WORKING, SATURDAY, SUNDAY) for at in moments]
    assert values(rows) == spread(Fraction(300), weights, 6)
    assert sum(values(rows)) == 300
    assert {row["quality"].split("|")[0] for row in rows} == {"estimated"}
    assert all("profile" in row["quality"] for row in rows)
    days = plant.query("M", "--channel", "load", "--lane", "day")
    assert sum(values(days)) == 300 + 3 * 24
    text = plant.run("explain", "--usage-point", "M", "--channel", "load", "--at", stamp(gap_from + QUARTER), expect=0).out
    assert "method profile h0" in text and "300 kWh" in text


def test_a_shorter_gap_is_closed_by_like_days(plant):
    """Profiles are for gaps that like days do not close."""

    def usual(moment):
        return f"0.{200 + moment.hour * 7 + moment.minute}"

    start, gap_from = local(2025, 6, 1).astimezone(UTC), local(2025, 6, 17).astimezone(UTC)
    gap_to, end = local(2025, 6, 18).astimezone(UTC), local(2025, 6, 20).astimezone(UTC)
    plant.run("registry", "apply", "-", stdin=LOAD.format(shape=shape_text(WORKING, SATURDAY, [1])), expect=0)
    plant.ingest(plant.file("a.csv", load_readings(start, gap_from, gap_to, end, usual, 48)))
    rows = gap_rows(plant, gap_from, gap_to)
    assert len(rows) == 96 and sum(values(rows)) == 48
    assert all("method:average_like_day_scaled" in row["quality"] for row in rows)
    assert values(rows) == spread(Fraction(48), [Fraction(usual(gap_from + n * QUARTER)) for n in range(96)], 6)


# ---- the profiles of 2025 -----------------------------------------------------------------------

MONTHS = ["Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November",
          "Dezember"]


@pytest.mark.skipif(not SET.is_dir(), reason="BUSBAR_DATA_SETS has no profiles-bdew-2025")
def test_a_published_profile(plant):
    """H25, households: a shape for each month. A gap from January into February, over the last day of one."""
    with open(SET / "h25.csv", newline="", encoding="utf-8") as lines:
        months, types, *rows = list(csv.reader(lines))
    columns = {(MONTHS.index(months[i]) + 1, types[i]): [row[i] for row in rows] for i in range(1, len(months))}
    assert len(columns) == 36 and all(len(numbers) == 96 for numbers in columns.values())
    shapes = "\n      - ".join(
        shape_text(columns[month, "WT"], columns[month, "SA"], columns[month, "FT"], season=month) for month in range(1, 13))
    start, gap_from = local(2025, 1, 23).astimezone(UTC), local(2025, 1, 25).astimezone(UTC)
    gap_to, end = local(2025, 2, 8).astimezone(UTC), local(2025, 2, 9).astimezone(UTC)
    plant.run("registry", "apply", "-", stdin=LOAD.format(shape=shapes), expect=0)
    plant.ingest(plant.file("a.csv", load_readings(start, gap_from, gap_to, end, "0.100", 140)))
    rows = gap_rows(plant, gap_from, gap_to)
    assert len(rows) == 14 * 96

    def weight(moment):
        month = moment.astimezone(ZONE).month
        return slot_weight(moment, columns[month, "WT"], columns[month, "SA"], columns[month, "FT"])

    weights = [weight(gap_from + n * QUARTER) for n in range(len(rows))]
    assert values(rows) == spread(Fraction(140), weights, 6)
    friday = [row for row in rows if stamp(local(2025, 1, 31)) <= row["start"] < stamp(local(2025, 2, 1))]
    share = sum(map(Fraction, columns[1, "WT"])) / sum(weights)
    assert abs(sum(values(friday)) - 140 * share) < Fraction(1, 10**5)
    exported = plant.run("registry", "export", expect=0).out
    back = plant.run("--json", "registry", "apply", "-", stdin=exported, expect=0).json()
    assert (back["changed"], back["unchanged"]) == (0, 2)
