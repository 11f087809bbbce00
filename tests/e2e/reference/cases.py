"""Random usage points: a zone, a start of day, and channels that each are a case.

A seed is one usage point with CHANNELS channels; everything about it comes from the seed alone. Its readings lie
around a change of its zone's clock, or around a turn of the month.
"""

import dataclasses
import datetime
import random

from . import calendars, readings, values

CHANNELS = 20

ZONES = (
    "Europe/Amsterdam", "Europe/Madrid", "Australia/Lord_Howe", "Australia/Adelaide", "America/St_Johns",
    "Asia/Kathmandu", "Asia/Kolkata", "America/Sao_Paulo", "Pacific/Apia", "Africa/Casablanca", "UTC",
    "Europe/Dublin", "America/Havana", "Pacific/Chatham", "Atlantic/Azores",
)  # fmt: skip
DAY_STARTS = (0, 0, 0, 6 * 3600, 6 * 3600, 9 * 3600, 5 * 3600 + 1800, 2 * 3600, 1800, 23 * 3600 + 45 * 60)
INTERVALS = (5, 10, 15, 15, 30, 30, 60, 60, 120, 1440)
ENERGY = ("Wh", "kWh", "kWh", "MWh", "MJ", "GJ", "kJ")
VOLUME = ("L", "L", "m3", "m3", "gal", "ft3")
# (state, suspect, share)
QUALITIES = ((("measured", False), 90), (("estimated", False), 3), (("substituted", False), 3),
             (("edited", False), 1), (("measured", True), 2), (("estimated", True), 1))  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Case:
    seed: int
    usage_point: str
    channel: readings.Channel
    told: tuple
    registered: bool  # its channel stands in the registry file

    def csv(self):
        for line in self.told:
            length = (line.end - line.start) // 1000
            quality = line.state + ("|suspect" if line.suspect else "")
            yield (f"{self.usage_point},{self.channel.name},{stamp(line.end)},{line.text},{line.unit},"
                   f"{self.channel.kind},{length or ''},{quality}")


@dataclasses.dataclass(frozen=True)
class UsagePoint:
    seed: int
    name: str
    calendar: calendars.Calendar
    cases: tuple


# What marks values as suspect, or looks further than a case goes, is off where it is not the case's subject.
OTHER_CHECKS = ("high", "low", "zero", "spike", "stuck", "leak", "inactive", "prolonged", "late", "outlier", "jump")
CONFIG = "pipelines:\n" + "".join(
    f"  {commodity}:\n    checks: {{{', '.join(f'{check}: off' for check in checks)}}}\n"
    for commodity, checks in (("other", (*OTHER_CHECKS, "register")), ("electricity", OTHER_CHECKS),
                              ("water", OTHER_CHECKS), ("heat", OTHER_CHECKS), ("gas", OTHER_CHECKS)))

CSV_HEADER = "usage_point,channel,timestamp,value,unit,kind,interval,quality"


def stamp(moment):
    text = (calendars.EPOCH + datetime.timedelta(milliseconds=moment)).isoformat(timespec="milliseconds")
    return text.removesuffix(".000") + "Z"


def usage_point(seed):
    dice = random.Random(seed)
    calendar = calendars.Calendar(dice.choice(ZONES), dice.choice(DAY_STARTS))
    name = f"R{seed:05d}"
    anchors = [moment for moment in calendars.changes(calendar.zone_name)
               if calendars.civil_ms(2004, 1, 1) < moment < calendars.civil_ms(2026, 6, 1)]
    cases = []
    for i in range(CHANNELS):
        if anchors and dice.random() < 0.7:
            anchor = dice.choice(anchors)
        else:
            anchor = calendars.civil_ms(dice.randrange(2004, 2026), dice.randrange(1, 13), 1)
        make = dice.choice((intervals, intervals, registers, registers, gauges))
        cases.append(make(dice, seed, name, f"c{i:02d}", calendar, anchor))
    return UsagePoint(seed, name, calendar, tuple(cases))


def case_of(dice, seed, name, channel, told):
    registered = channel.unit != values.canonical(channel.unit) or dice.random() < 0.5
    return Case(seed, name, channel, tuple(told), registered)


def units(dice, families):
    """The unit that is sent, the one of the derived lanes."""
    family = dice.choice(families)
    sent = dice.choice(family)
    return sent, dice.choice(family) if dice.random() < 0.5 else values.canonical(sent)


def amount(dice, largest, places, negative=False):
    number = dice.randrange(largest * 10**places + 1)
    if dice.random() < 0.1:
        number = dice.choice((0, 1, 10**places))
    text = f"{number // 10**places}" + (f".{number % 10**places:0{places}d}" if places else "")
    return ("-" if negative and number and dice.random() < 0.3 else "") + text


def quality(dice, plain):
    if plain:
        return "measured", False
    return dice.choices([row[0] for row in QUALITIES], [row[1] for row in QUALITIES])[0]


def intervals(dice, seed, name, channel_name, calendar, anchor):
    """A run of intervals that may not begin on the clock's quarters; with holes and rows without a value, or with
    intervals of other lengths. Not with both: no document says into what a gap between unlike intervals is cut."""
    sent, unit = units(dice, (ENERGY, VOLUME))
    length = dice.choice(INTERVALS) * 60_000
    channel = readings.Channel(channel_name, "interval", unit, length, calendar)
    count = dice.randrange(2, 200)
    places, largest = dice.randrange(5), dice.choice((3, 50, 2000))
    plain, irregular = dice.random() < 0.4, dice.random() < 0.25
    holes = 0 if irregular else dice.choice((0, 0.03, 0.1))
    grid = dice.choice((length, 60_000, 60_000 * 7, 1000))
    at = anchor - dice.randrange(count * length + 1) // grid * grid
    told = []
    while len(told) < count:
        if told and dice.random() < holes:
            at += length * dice.choice((1, 1, 2, 3, 5, 8, 9, 20))
            if length > 60_000 and dice.random() < 0.1:
                at += dice.randrange(1, length // 60_000) * 60_000  # not a whole number of intervals
            if dice.random() < 0.02:
                at += dice.randrange(5, 12) * calendars.DAY // length * length
        this = length * dice.choice((1, 1, 1, 2)) // dice.choice((1, 1, 1, 1, 5)) if irregular and told else length
        state, suspect = quality(dice, plain)
        text = amount(dice, largest, places, negative=False)
        if holes and dice.random() < holes:
            text, state = "", "missing"
        told.append(readings.Told(at, at + this, text, sent, state, suspect and bool(text)))
        at += this
    return case_of(dice, seed, name, channel, told)


def registers(dice, seed, name, channel_name, calendar, anchor):
    """Readings at times of their own, now and then some hours or weeks apart."""
    sent, unit = units(dice, (ENERGY, VOLUME))
    channel = readings.Channel(channel_name, "register", unit, 0, calendar)
    count = dice.randrange(2, 60)
    places, most = dice.randrange(5), dice.choice((2, 100, 5000))
    plain, even = dice.random() < 0.4, dice.random() < 0.3
    typical = dice.choice((600, 1800, 3600, 3600, 4 * 3600, 24 * 3600)) * 1000
    if typical == calendars.DAY * 1 and dice.random() < 0.3:
        count, typical = dice.randrange(2, 8), dice.choice((7, 31)) * calendars.DAY
    at = anchor - dice.randrange(count * typical + 1)
    if even:
        at -= at % typical
    number, told = dice.randrange(10 ** dice.randrange(1, 8)), []
    for _ in range(count):
        state, suspect = quality(dice, plain)
        text = f"{number // 10**places}" + (f".{number % 10**places:0{places}d}" if places else "")
        if not plain and dice.random() < 0.03:
            text, state, suspect = "", "missing", False
        told.append(readings.Told(at, at, text, sent, state, suspect))
        number += 0 if dice.random() < 0.1 else dice.randrange(most * 10**places)
        at += typical if even and dice.random() < 0.95 else 1 + dice.randrange(2 * typical) // 1000 * 1000
    return case_of(dice, seed, name, channel, told)


def gauges(dice, seed, name, channel_name, calendar, anchor):
    sent, unit = dice.choice((("W", "kW"), ("kW", "kW"), ("V", "V"), ("W", "W")))
    channel = readings.Channel(channel_name, "gauge", unit, 0, calendar)
    count = dice.randrange(2, 150)
    places, largest = dice.randrange(4), dice.choice((3, 400, 9000))
    plain = dice.random() < 0.5
    step = dice.choice((60, 300, 900, 3600, 6 * 3600)) * 1000
    at = anchor - dice.randrange(count * step + 1) // 1000 * 1000
    if dice.random() < 0.5:
        at -= at % step
    told = []
    for _ in range(count):
        state, suspect = quality(dice, plain)
        text = amount(dice, largest, places, negative=True)
        if not plain and dice.random() < 0.03:
            text, state, suspect = "", "missing", False
        told.append(readings.Told(at, at, text, sent, state, suspect))
        at += step if dice.random() < 0.9 else 1000 * dice.randrange(1, 2 + 3 * step // 1000)
    return case_of(dice, seed, name, channel, told)


def registry(points):
    """The registry file, in entries of at most a thousand: [text]."""
    files = []
    for first in range(0, len(points), 500):
        some = points[first : first + 500]
        calendar_lines = {}
        lines = ["usage_points:"]
        for point in some:
            zone, start = point.calendar.zone_name, point.calendar.day_start_s
            key = f"{zone}-{start}".replace("/", "-")
            calendar_lines[key] = (f'  - {{name: {key}, zone: {zone}, '
                                   f'day_start: "{start // 3600:02d}:{start // 60 % 60:02d}"}}')
            lines += [f"  - name: {point.name}", f"    zone: {zone}", f"    calendar: {key}", "    commodity: other"]
            entries = [case.channel for case in point.cases if case.registered]
            if entries:
                lines.append("    channels:")
            for channel in entries:
                interval = f", interval: {channel.interval // 1000}" if channel.interval else ""
                lines.append(f"      - {{name: {channel.name}, kind: {channel.kind}, unit: {channel.unit}{interval}}}")
        files.append("\n".join(["calendars:", *calendar_lines.values(), *lines]) + "\n")
    return files
