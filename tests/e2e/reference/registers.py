"""Registers: which readings count, and how one ran between two of them.

Each usable reading is held against the last accepted one, a:

    exchange   another device is installed by then     (closing - a) + (b - opening), each with its own factor, and each
                                                       over its top where that is the shorter way round
    dip        it falls, and one of the next three readings within two days is back at a or more: set aside
    rollover   it falls, over the top of its digits    10^dials - a + b
    reverse    it fell by less than 1 % of a plausible day's advance, or to a reading that is no new beginning: b - a
    reset      it began again at 0                     b
    foreign    it rises implausibly, and one of the next three within two days is back near a: set aside
    otherwise                                          b - a

Plausible are 10 x the usual advance of a day, at least 50 kWh or 2 m3; the cases keep far from that bound, so that only
its lower limit is worked out here. Between two accepted readings a register runs like its channel's profile, on a straight
line without one; per device.
"""

import bisect
import dataclasses
import fractions

from . import calendars, profiles, values

# Readings that lie at most so far apart say of the time between them as much as it takes.
CLOSE = 2 * calendars.HOUR
READS, WITHIN = 3, 2 * calendars.DAY
LEAST_DAILY = {"energy": (fractions.Fraction(50), "kWh"), "volume": (fractions.Fraction(2), "m3")}
ASIDE = ("dip", "foreign")


@dataclasses.dataclass(frozen=True)
class Installation:
    start: int
    end: int  # None: still there
    multiplier: str
    dials: int  # 0: unknown
    device: str
    opening: tuple = ()  # ((channel, text), ...)
    closing: tuple = ()

    @property
    def factor(self):
        return values.parse(self.multiplier)


def installed(installations, moment):
    """Whose factor and dials hold at a moment: the latest that has begun, before all the first."""
    begun = [one for one in installations if one.start <= moment]
    return begun[-1] if begun else installations[0] if installations else None


@dataclasses.dataclass(frozen=True)
class Line:
    """A stretch that a register ran through, (start, end], and the quality of all that ran along it."""

    start: int
    end: int
    ran: fractions.Fraction
    exponent: int  # of a value in between
    state: str
    suspect: bool
    marks: frozenset
    readings: tuple  # the moments of the two around it
    told: frozenset  # the moments between them at which a device was read when it went or came
    weigher: profiles.Weigher = None

    def until(self, moment):
        """What has run by a moment within, rounded once."""
        if moment >= self.end:
            return self.ran
        come = profiles.come_by(self.weigher, self.ran, self.start, self.end, max(moment, self.start))
        return values.round_at(come, self.exponent)

    def advance(self, start, end):
        return self.until(end) - self.until(start)

    def estimated_in(self, start, end):
        """Does a period end between two readings that lie far from each other?"""
        first, last = self.readings
        return last - first > CLOSE and any(first < edge < last and edge not in self.told for edge in (start, end))


def plausible(channel, elapsed):
    amount, unit = LEAST_DAILY[values.UNITS[channel.unit][0]]
    daily = amount * values.UNITS[unit][1] / values.UNITS[channel.unit][1]
    return daily * max(fractions.Fraction(elapsed, calendars.DAY), 1)


def judge(channel, points):
    """{end: mark} of the points with a value, "" where there is none to tell; {end} of those that are suspect."""
    marks, suspect, a = {}, set(), None
    for i, b in enumerate(points):
        mark, doubted = ("", False) if a is None else verdict(channel, a, b, points[i + 1 : i + 1 + READS])
        marks[b.end] = mark
        if doubted:
            suspect.add(b.end)
        if mark not in ASIDE:
            a = b
    return marks, suspect


def verdict(channel, a, b, behind):
    """(mark, is it suspect)"""
    behind = [point for point in behind if point.end - b.end <= WITHIN]
    other = installed(channel.installations, b.end)
    fall, most = a.value.number - b.value.number, plausible(channel, b.end - a.end)
    if exchanges(channel, a.end, b.end):
        return "exchange", False
    if fall > 0:
        if any(point.value.number >= a.value.number for point in behind):
            return "dip", False
        if other and other.dials and 10**other.dials - fall <= most:
            return "rollover", False
        if fall * 100 < plausible(channel, 0):
            return "reverse", False
        return ("reset", True) if b.value.number <= most else ("reverse", True)
    if -fall <= most:
        return "", False
    near = [point for point in behind
            if 0 <= point.value.number - a.value.number <= plausible(channel, point.end - a.end)]
    return ("foreign", False) if near else ("", True)


def passed_by(channel, start, end):
    """The installations that have some of (start, end]."""
    return [one for one in channel.installations if one.start < end and (one.end is None or one.end > start)]


def exchanges(channel, start, end):
    """Does another device take over, with readings of it or of the one before?"""
    passed = passed_by(channel, start, end)
    return any(channel.name in dict(one.closing) for one in passed[:-1]) or any(
        channel.name in dict(one.opening) for one in passed[1:])


def over_the_top(installation, counts):
    turn = 10**installation.dials if installation.dials else 0
    return counts + turn if -counts * 2 > turn > 0 else counts


def lines_between(channel, a, b, mark):
    """[(start, end, what ran, exponent)] between two accepted readings."""
    passed, source = passed_by(channel, a.end, b.end), min(a.value.exponent, b.value.exponent)
    ran = {"rollover": b.value.number - a.value.number + 10 ** passed[-1].dials if mark == "rollover" else 0,
           "reset": b.value.number}.get(mark, b.value.number - a.value.number)
    if not passed:
        return [(a.end, b.end, ran, source)]
    bounds = [a.end, *(one.end for one in passed[:-1]), b.end]
    if mark == "exchange":
        closing = [values.parse(dict(one.closing)[channel.name]) for one in passed[:-1]] + [b.value]
        opening = [a.value] + [values.parse(dict(one.opening)[channel.name]) for one in passed[1:]]
        counts = [over_the_top(one, last.number - first.number) for one, first, last in zip(passed, opening, closing)]
        source = min(value.exponent for value in closing + opening)
    else:
        come = [profiles.come_by(channel.weigher, ran, a.end, b.end, bound) for bound in bounds]
        until = [values.round_at(part, source - 3) for part in come]
        counts = [last - first for first, last in zip(until, until[1:])]
    if len(passed) > 1:
        source -= 3
    exponent = source + min(one.factor.exponent for one in passed)
    return [(start, end, count * one.factor.number, exponent)
            for start, end, count, one in zip(bounds, bounds[1:], counts, passed)]


class Register:
    def __init__(self, channel, points):
        accepted = [point for point in points if point.value is not None and not set(point.marks) & set(ASIDE)]
        self.lines = []
        for a, b in zip(accepted, accepted[1:]):
            mark = next(iter(point_marks(b)), "")
            lines = lines_between(channel, a, b, mark)
            told = frozenset(line[1] for line in lines[:-1]) if mark == "exchange" else frozenset()
            for start, end, ran, source in lines:
                falls = ran < 0 and mark != "reverse"
                self.lines.append(Line(start, end, fractions.Fraction(0) if falls else ran, values.derived_exponent(source),
                                       b.state, b.suspect or falls, point_marks(b), (a.end, b.end), told, channel.weigher))

    @property
    def span(self):
        return (self.lines[0].start, self.lines[-1].end) if self.lines else None

    def within(self, start, end):
        """The lines that overlap (start, end]."""
        first = bisect.bisect_right(self.lines, start, key=lambda line: line.end)
        found = []
        while first < len(self.lines) and self.lines[first].start < end:
            found.append(self.lines[first])
            first += 1
        return found


def point_marks(point):
    return frozenset(point.marks) & {"exchange", "rollover", "reset", "reverse"}
