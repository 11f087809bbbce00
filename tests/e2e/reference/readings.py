"""What is told of a channel, and what validation makes of it.

A gap is what lies between the end of one usable interval and the start of the next. Where it is a whole number of
intervals like that next one, and at most 62 days long, it gets rows: estimates, or missing ones where no estimator can.
It is cut at readings of the registers beside the channel. Values that were told to be missing stand as such where
nothing was put in their place.
"""

import dataclasses
import fractions

from . import calendars, estimators, profiles, registers, sums, values

GAP_ROWS = 62 * calendars.DAY

STATES = ("measured", "estimated", "edited", "substituted", "missing")


@dataclasses.dataclass(frozen=True)
class Channel:
    name: str
    kind: str
    unit: str  # of the derived lanes
    interval: int = 0  # nominal, milliseconds
    calendar: calendars.Calendar = None
    holidays: frozenset = frozenset()
    obis: str = ""
    commodity: str = "other"  # of which no register is judged
    installations: tuple = ()
    weigher: profiles.Weigher = None  # of its profile


@dataclasses.dataclass(frozen=True)
class Told:
    """A line that is sent. Instants have start = end."""

    start: int
    end: int
    text: str  # "": no value
    unit: str
    state: str = "measured"
    suspect: bool = False


@dataclasses.dataclass(frozen=True)
class Point:
    """A value of the lane vee, in the derived unit; None where it is missing."""

    start: int
    end: int
    value: values.Value
    state: str
    suspect: bool = False
    method: str = ""
    marks: tuple = ()


def point_of(channel, told):
    if told.text == "":
        return Point(told.start, told.end, None, "missing", told.suspect)
    value = value_of(channel, told)
    return Point(told.start, told.end, value, told.state, told.suspect)


def value_of(channel, told):
    """In the derived unit: of an interval with the factor of the installation at its end, of others as metered."""
    value = values.parse(told.text)
    if channel.kind == "interval":
        at = registers.installed(channel.installations, told.end - 1)
        if at and at.factor.number != 1:
            return values.convert(value, told.unit, channel.unit, at.factor)
    return values.convert(value, told.unit, channel.unit)


def validated(channel, lines, beside=()):
    """The points of the lane vee, by their ends. `beside`: [(channel, lines)] of the registers beside intervals."""
    points = sorted((point_of(channel, line) for line in lines), key=lambda point: point.end)
    if channel.kind == "register" and channel.commodity != "other":
        return judged(channel, points)
    if channel.kind != "interval":
        return points
    usable = [point for point in points if point.value is not None]
    filler = Filler(channel, lines, sums.totals(channel, beside))
    made = []
    for before, after in zip(usable, usable[1:]):
        made += filler.fill(before, after)
    ends = {point.end for point in made}
    told = [point for point in points if point.value is not None or point.end not in ends]
    return sorted(told + made, key=lambda point: point.end)


def judged(channel, points):
    marks, suspect = registers.judge(channel, [point for point in points if point.value is not None])
    return [dataclasses.replace(point, marks=(marks[point.end],) if marks.get(point.end) else (),
                                suspect=point.suspect or point.end in suspect) for point in points]


def past_of(channel, lines):
    """[(start, end, exact number, state)] of the values that can be used."""
    return [(line.start, line.end, exact_of(channel, line), line.state) for line in lines if line.text]


def exact_of(channel, line):
    at = registers.installed(channel.installations, line.end - 1)
    number = values.exact(values.parse(line.text), line.unit, channel.unit)
    return number * at.factor.number if at else number


def told_amounts(channel, lines):
    """[(start, end, number, state)] of the same, as the lane vee has them."""
    return [(line.start, line.end, point_of(channel, line).value.number, line.state) for line in lines if line.text]


class Filler:
    def __init__(self, channel, lines, totals):
        self.channel, self.totals, self.told = channel, totals, told_amounts(channel, lines)
        self.past = estimators.Past(channel, past_of(channel, lines))

    def fill(self, before, after):
        """The rows between two neighbours."""
        length, step = after.start - before.end, after.end - after.start
        if length <= 0 or length % step or length > GAP_ROWS:
            return []
        if length <= estimators.LINEAR_LIMIT:
            return self.piece(before, after, before.end, step, length // step, False)
        cuts = sorted({moment for total in self.totals for moment in (total.start, total.end)
                       if before.end < moment < after.start and (moment - before.end) % step == 0})
        bounds = [before.end, *cuts, after.start]
        rows = []
        for start, end in zip(bounds, bounds[1:]):
            rows += self.piece(before, after, start, step, (end - start) // step, True)
        return rows

    def piece(self, before, after, start, step, count, long):
        end = start + count * step
        exponent = values.derived_exponent(min(before.value.exponent, after.value.exponent))
        slots = [(start + i * step, start + (i + 1) * step) for i in range(count)]
        if long:
            weigher = self.channel.weigher
            found = estimators.fill(self.past, before.end, start, step, count, exponent, self.left_over(start, end, exponent),
                                    [weigher.between(*slot) for slot in slots] if weigher else ())
        else:
            found = "linear", estimators.straight_line(share(before, step), after.value, count, exponent)
        if not found:
            return [Point(*slot, None, "missing") for slot in slots]
        method, numbers = found
        return [Point(*slot, values.Value(number, exponent), "estimated", method=method)
                for slot, number in zip(slots, numbers)]

    def left_over(self, start, end, exponent):
        """What the registers say of (start, end]: its share, by time, of what is left over of the total around it;
        None when they say nothing."""
        for total in self.totals:
            if total.start <= start and end <= total.end:
                amount, covered = sums.told_within(self.told, total.start, total.end)
                share = fractions.Fraction(end - start, total.end - total.start - covered)
                return values.round_at((total.amount - amount) * share, exponent)
        return None


def share(point, step):
    """What an interval says about one of another length."""
    if point.end - point.start == step:
        return point.value
    exponent = values.derived_exponent(point.value.exponent)
    number = point.value.number * fractions.Fraction(step, point.end - point.start)
    return values.Value(values.round_at(number, exponent), exponent)
