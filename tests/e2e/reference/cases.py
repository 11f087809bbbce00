"""Random usage points: a zone, a start of day, and channels that each are a case.

A seed is one usage point with CHANNELS channels, some with profiles; everything about it comes from the seed alone. Its readings lie
around a change of its zone's clock, or around a turn of the month.
"""

import dataclasses
import datetime
import random

from . import calendars, loads, meters, readings, values

DAY = calendars.DAY

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
    beside: tuple = ()  # ((channel, told), ...): the registers beside it

    def all_channels(self):
        return ((self.channel, self.told), *self.beside)

    def csv(self):
        for channel, told in self.all_channels():
            for line in told:
                length = (line.end - line.start) // 1000
                quality = line.state + ("|suspect" if line.suspect else "")
                yield (f"{self.usage_point},{channel.name},{stamp(line.end)},{line.text},{line.unit},"
                       f"{channel.kind},{length or ''},{quality}")


@dataclasses.dataclass(frozen=True)
class UsagePoint:
    seed: int
    name: str
    calendar: calendars.Calendar
    holidays: frozenset
    cases: tuple
    installations: tuple = ()
    profiles: tuple = ()
    profile: str = ""  # the name of its own; channels may have others


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
    return loads.with_profiles(bare_usage_point(seed))


def bare_usage_point(seed):
    dice = random.Random(seed)
    calendar = calendars.Calendar(dice.choice(ZONES), dice.choice(DAY_STARTS))
    name = f"R{seed:05d}"
    anchors = [moment for moment in calendars.changes(calendar.zone_name)
               if calendars.civil_ms(2004, 1, 1) < moment < calendars.civil_ms(2022, 6, 1)]
    if seed % 4 == 0:
        return with_devices(dice, seed, name, calendar, anchor_of(dice, anchors))
    places = [anchor_of(dice, anchors) for _ in range(CHANNELS)]
    near = [place + dice.randrange(-40, 10) * DAY for place in places for _ in range(dice.randrange(3))]
    holidays = frozenset((calendars.EPOCH + datetime.timedelta(milliseconds=moment)).date() for moment in near)
    cases = []
    for i, place in enumerate(places):
        make = dice.choice((intervals, intervals, registers, registers, gauges, long_gaps))
        cases.append(make(dice, seed, name, f"c{i:02d}", calendar, place, holidays))
    return UsagePoint(seed, name, calendar, holidays, tuple(cases))


def anchor_of(dice, anchors):
    if anchors and dice.random() < 0.7:
        return dice.choice(anchors)
    return calendars.civil_ms(dice.randrange(2004, 2022), dice.randrange(1, 13), 1)


def with_devices(dice, seed, name, calendar, anchor):
    """Installations are those of the usage point: all its channels lie around one moment."""
    plan = meters.installations(dice, meters.window(dice, anchor), anchor - 400 * DAY, anchor + 400 * DAY)
    made, readings_of = [], {}
    for i in range(CHANNELS):
        channel_name = f"c{i:02d}"
        if dice.random() < 0.7:
            channel, told, opening, closing = meters.register_case(dice, channel_name, calendar, plan, anchor)
            readings_of[channel_name] = opening, closing
            made.append(Case(seed, name, channel, told, True))
        else:
            made.append(intervals(dice, seed, name, channel_name, calendar, anchor, frozenset(), registered=True))
    installed = meters.build(plan, readings_of)
    made = tuple(dataclasses.replace(case, channel=dataclasses.replace(case.channel, installations=installed))
                 for case in made)
    return UsagePoint(seed, name, calendar, frozenset(), made, installed)


def case_of(dice, seed, name, channel, told, registered=False):
    registered = registered or channel.unit != values.canonical(channel.unit) or dice.random() < 0.5
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


def intervals(dice, seed, name, channel_name, calendar, anchor, holidays, registered=False):
    """A run of intervals that may not begin on the clock's quarters, with holes, rows without a value, and
    intervals of other lengths."""
    sent, unit = units(dice, (ENERGY, VOLUME))
    length = dice.choice(INTERVALS) * 60_000
    channel = readings.Channel(channel_name, "interval", unit, length, calendar, holidays)
    count = dice.randrange(2, 200)
    places, largest = dice.randrange(5), dice.choice((3, 50, 2000))
    if (sent, unit) == ("GJ", "Wh"):
        largest = 3  # with nine decimals 18 digits hold no more of them
    plain, irregular = dice.random() < 0.4, dice.random() < 0.25
    holes = dice.choice((0, 0.03, 0.1))
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
    return case_of(dice, seed, name, channel, told, registered)


def long_gaps(dice, seed, name, channel_name, calendar, anchor, holidays):
    """Weeks of readings with holes of hours and days; now and then the registers beside them, read at times of their
    own, that may disagree."""
    sent, unit = units(dice, (tuple(one for one in ENERGY if one != "Wh"),))
    step = dice.choice((60, 120, 180, 240, 360, 720, 1440)) * 60_000
    number = int(channel_name[1:])
    obis = f"1-1:{20 + number}.29.0"
    channel = readings.Channel(channel_name, "interval", unit, step, calendar, holidays, obis)
    count = min(dice.randrange(4, 40) * DAY // step, 500)
    places, largest, plain = dice.randrange(4), dice.choice((3, 50, 2000)), dice.random() < 0.5
    at = anchor - dice.randrange(count * step + 1) // 60_000 * 60_000
    if dice.random() < 0.7:
        at -= at % calendars.HOUR
    holes = dice.choice((0.005, 0.02, 0.05))
    told, moments, total = [], [at], 0
    counted = [0]
    while len(told) < count:
        if told and dice.random() < holes:
            skipped = dice.choice((1, 2, 3, 5, 12, dice.randrange(1, 9 * DAY // step + 2)))
            for _ in range(skipped):
                total += dice.randrange(largest * 10**places + 1)
                at += step
                moments.append(at)
                counted.append(total)
        state, suspect = quality(dice, plain)
        text = amount(dice, largest, places)
        if dice.random() < holes / 2:
            told.append(readings.Told(at, at + step, "", sent, "missing", False))
        else:
            told.append(readings.Told(at, at + step, text, sent, state, suspect))
        total += int(text.replace(".", ""))
        at += step
        moments.append(at)
        counted.append(total)
    beside = registers_beside(dice, channel, sent, moments, counted, places, calendar) if dice.random() < 0.6 else ()
    return Case(seed, name, channel, tuple(told), True, beside)


def registers_beside(dice, channel, sent, moments, counted, places, calendar):
    """One register of the same quantity, or two of its tariffs; read at bounds of intervals, or a while beside them."""
    c = channel.obis.split(":")[1].split(".")[0]
    tariffs = dice.choice((1, 1, 2))
    begin = [dice.randrange(10**6) for _ in range(tariffs)]
    every = dice.choice((3, 10, 30, 100))
    aside = 0 if dice.random() < 0.7 else dice.randrange(1, 60) * 1000
    chosen = [i for i in range(len(moments)) if dice.randrange(every) == 0]
    wrong, shift = dice.choice((0, 0, 0, 0.2)), 0
    lines = [[] for _ in range(tariffs)]
    for i in chosen:
        if dice.random() < wrong:
            shift += dice.choice((1, 3, 4, 10**places, max(counted[-1] // 50, 1)))
        share = counted[i] * 2 // 3 if tariffs == 2 else counted[i]
        for t, number in enumerate((share, counted[i] - share)[:tariffs]):
            if tariffs == 2 and dice.random() < 0.05:
                continue  # the other one alone was read
            mantissa = begin[t] + number + (shift if t == 0 else 0)
            text = f"{mantissa // 10**places}" + (f".{mantissa % 10**places:0{places}d}" if places else "")
            lines[t].append(readings.Told(moments[i] + aside, moments[i] + aside, text, sent))
    made = []
    for t in range(tariffs):
        name = f"{channel.name}r{t}"
        obis = f"1-0:{c}.8.{t + 1 if tariffs == 2 else 0}"
        made.append((readings.Channel(name, "register", channel.unit, 0, calendar, frozenset(), obis), tuple(lines[t])))
    return tuple(made)


def registers(dice, seed, name, channel_name, calendar, anchor, holidays):
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


def gauges(dice, seed, name, channel_name, calendar, anchor, holidays):
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
    """The registry files, of few hundred usage points each: [text]."""
    files = []
    for first in range(0, len(points), 300):
        calendar_lines, profile_lines, lines = ["calendars:"], [], ["usage_points:"]
        for point in points[first : first + 300]:
            zone, start = point.calendar.zone_name, point.calendar.day_start_s
            holidays = ", ".join(sorted(date.isoformat() for date in point.holidays))
            calendar_lines.append(f'  - {{name: {point.name}, zone: {zone}, day_start: "{start // 3600:02d}:'
                                  f'{start // 60 % 60:02d}", holidays: [{holidays}]}}')
            lines += [f"  - name: {point.name}", f"    zone: {zone}", f"    calendar: {point.name}",
                      "    commodity: other"]
            profile_lines += [f"  - {{{loads.yaml(one)}}}" for one in point.profiles]
            lines += [f"    profile: {point.profile}"] if point.profile else []
            if point.installations:
                lines.append("    installations:")
            lines += [f"      - {{{meters.yaml(one)}}}" for one in point.installations]
            entries = [channel for case in point.cases for channel, _ in case.all_channels()
                       if case.registered or channel is not case.channel]
            if entries:
                lines.append("    channels:")
            lines += [f"      - {{{entry(channel, point)}}}" for channel in entries]
        files.append("\n".join([*calendar_lines, *(["profiles:"] if profile_lines else []), *profile_lines, *lines]) + "\n")
    return files


def entry(channel, point):
    text = f"name: {channel.name}, kind: {channel.kind}, unit: {channel.unit}"
    if channel.interval:
        text += f", interval: {channel.interval // 1000}"
    if channel.commodity != "other":
        text += f", commodity: {channel.commodity}"
    if channel.weigher and channel.weigher.profile.name != point.profile:
        text += f", profile: {channel.weigher.profile.name}"
    return text + (f', obis: "{channel.obis}"' if channel.obis else "")
