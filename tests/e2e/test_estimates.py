"""Estimates follow what they were made from: like days, whatever the order in which their readings come."""

import datetime

from conftest import HEADER

BEGIN = datetime.datetime(2026, 3, 2)  # a Monday


def stamp(minutes):
    return (BEGIN + datetime.timedelta(minutes=minutes)).isoformat() + "Z"


def hourly(value, hours, issued="2026-04-01T00:00:00Z"):
    return [f"A,load,{stamp(60 * hour + 60)},{value(hour)},kWh,interval,1h,{issued}" for hour in hours]


def told(plant, name, lines, *arguments):
    plant.ingest(*arguments, plant.file(name, "\n".join([HEADER + ",issued", *lines]) + "\n"))


def estimates(plant):
    return [(row["start"], row["value"], row["quality"]) for row in plant.query("A", "--lane", "vee")
            if "estimated" in row["quality"].split("|")]


def pattern(hour):
    return f"{1 + hour % 24 / 100 + hour // 24 / 1000:.3f}"


def test_a_corrected_like_day_corrects_the_estimate(plant):
    """Friday's from 05:00 goes from 1.061 to 1.070: that day's statistics stay, Monday's estimate has a third of it."""
    gap = range(14 * 24 + 3, 14 * 24 + 8)
    told(plant, "days.csv", hourly(pattern, [hour for hour in range(16 * 24) if hour not in gap]))
    # Wednesday, Thursday, Friday: 1.03 + 0.009, 0.010, 0.011
    assert [value for _, value, _ in estimates(plant)] == ["1.04", "1.05", "1.06", "1.07", "1.08"]
    told(plant, "correction.csv", hourly(lambda _: "1.070", [11 * 24 + 5], issued="2026-05-01T00:00:00Z"))
    assert [value for _, value, _ in estimates(plant)] == ["1.04", "1.05", "1.063", "1.07", "1.08"]


def test_an_interval_that_ends_in_the_next_day_belongs_to_the_day_it_begins(plant):
    """Daily values from 09:00 UTC, 14:30 in Kolkata: those of like days end in UTC days behind their own, which nothing
    else looks at when no check looks far back."""
    off = ", ".join(f"{check}: off" for check in ("high", "low", "zero", "spike", "stuck", "inactive", "prolonged"))
    plant.file("data/busbar.yaml", f"pipelines: {{unknown: {{checks: {{{off}}}}}}}\n")
    lines = [f"A,load,{stamp((day + 1) * 1440 + 540)},{100 + day},kWh,interval,24h,2026-04-01T00:00:00Z"
             for day in range(31) if day != 28]
    # a rival of Friday's, told before it: the UTC day on which both end is no part of a like day
    lines.insert(25, lines[25].replace(",125,", ",500,"))
    told(plant, "days.csv", lines[:29], "--zone", "Asia/Kolkata")
    told(plant, "more.csv", lines[29:])
    # a Monday after Friday 125, Thursday 124, Wednesday 123
    assert [(value, quality.split("|")[1]) for _, value, quality in estimates(plant)] == [
        ("124", "method:average_like_day")]  # fmt: skip
