"""Hours, days and months of a channel from what is validated.

    interval  the sum of the parts of intervals inside the period. One that straddles boundaries is split by time:
              what it is up to a boundary is rounded there, a part is the difference, the last takes the remainder
    register  R(end) - R(start)
    gauge     mean, min and max of the readings with start < time <= end

The state is the worst of what the period is made of; measured, then substituted (or edited), then estimated. A period
that is not wholly covered is partial, and says besides when something of it is estimated.
"""

import bisect
import dataclasses
import fractions

from . import registers, values

WORSE = {"measured": 0, "substituted": 1, "edited": 1, "estimated": 2}
NAMES = ("measured", "substituted", "estimated")


@dataclasses.dataclass(frozen=True)
class Period:
    start: int
    end: int
    value: fractions.Fraction  # None: all of it is missing
    state: str
    estimated: bool = False  # of a partial one
    suspect: bool = False
    marks: frozenset = frozenset()
    least: fractions.Fraction = None
    most: fractions.Fraction = None


def periods(channel, lane, points):
    if not points:
        return []
    make = {"interval": of_intervals, "register": of_registers, "gauge": of_gauges}[channel.kind]
    return make(channel, lane, points)


def judged(start, end, value, worst, covered, suspect):
    value = settled(value)
    if covered:
        return Period(start, end, value, NAMES[worst], False, suspect)
    return Period(start, end, value, "partial", worst == 2, suspect)


def settled(number):
    """A value has 18 digits: a sum of finer ones loses the last."""
    return values.rounded_to_fit(number, -values.places(number)).number


def of_intervals(channel, lane, points):
    first, last = min(point.start for point in points), max(point.end for point in points)
    bounds = channel.calendar.bounds(lane, first, last)
    found = {}
    for point in points:
        at = bisect.bisect_right(bounds, point.start) - 1
        while at + 1 < len(bounds) and bounds[at] < point.end:
            found.setdefault(at, []).append(point)
            at += 1
    return [interval_period(bounds[at], bounds[at + 1], found[at]) for at in sorted(found)]


def interval_period(start, end, points):
    present = [point for point in points if point.value is not None]
    suspect = any(point.suspect for point in points)
    if not present:
        return Period(start, end, None, "missing", False, suspect)
    total = sum(part(point, start, end) for point in present)
    covered = sum(min(point.end, end) - max(point.start, start) for point in present) == end - start
    return judged(start, end, total, max(WORSE[point.state] for point in present), covered, suspect)


def part(point, start, end):
    return up_to(point, end) - up_to(point, start)


def up_to(point, moment):
    """What an interval amounts to from its start to a moment."""
    if moment <= point.start:
        return fractions.Fraction(0)
    if moment >= point.end:
        return point.value.number
    share = fractions.Fraction(moment - point.start, point.end - point.start)
    return values.round_at(point.value.number * share, values.derived_exponent(point.value.exponent))


def of_registers(channel, lane, points):
    register = registers.Register(channel, points)
    if not register.span:
        return []
    first, last = register.span
    bounds = channel.calendar.bounds(lane, first, last)
    return [register_period(register, start, end) for start, end in zip(bounds, bounds[1:])]


def register_period(register, start, end):
    first, last = register.span
    lines = register.within(start, end)
    total = sum(line.advance(max(start, first), min(end, last)) for line in lines)
    worst = max(WORSE[line.state] for line in lines)
    if any(line.estimated_in(start, end) for line in lines):
        worst = 2
    made = judged(start, end, total, worst, first <= start and end <= last, any(line.suspect for line in lines))
    return dataclasses.replace(made, marks=frozenset().union(*(line.marks for line in lines)))


def of_gauges(channel, lane, points):
    bounds = channel.calendar.bounds(lane, points[0].end - 1, points[-1].end)
    found = {}
    for point in points:
        found.setdefault(bisect.bisect_left(bounds, point.end) - 1, []).append(point)
    return [gauge_period(bounds[at], bounds[at + 1], found[at]) for at in sorted(found)]


def gauge_period(start, end, points):
    present = [point for point in points if point.value is not None]
    suspect = any(point.suspect for point in points)
    if not present:
        return Period(start, end, None, "missing", False, suspect)
    numbers = [point.value.number for point in present]
    exponent = values.derived_exponent(min(point.value.exponent for point in present))
    mean = values.round_at(sum(numbers) / len(numbers), exponent)
    worst = max(WORSE[point.state] for point in present)
    return Period(start, end, mean, NAMES[worst], False, suspect, least=min(numbers), most=max(numbers))
