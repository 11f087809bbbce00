"""What is told of a channel, and what validation makes of it.

A gap is what lies between the end of one usable interval and the start of the next. One of at most two hours is
filled with a straight line between the values at its ends; of a longer one the intervals are missing, up to
GAP_ROWS; of a still longer one nothing is made. Only a gap of a whole number of the channel's intervals can be
filled. Values that were told to be missing stand as such where nothing was put in their place.
"""

import dataclasses
import fractions

from . import calendars, values

LINEAR_LIMIT = 2 * calendars.HOUR
GAP_ROWS = 7 * calendars.DAY

STATES = ("measured", "estimated", "edited", "substituted", "missing")


@dataclasses.dataclass(frozen=True)
class Channel:
    name: str
    kind: str
    unit: str  # of the derived lanes
    interval: int = 0  # nominal, milliseconds
    calendar: calendars.Calendar = None


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


def point_of(channel, told):
    if told.text == "":
        return Point(told.start, told.end, None, "missing", told.suspect)
    value = values.convert(values.parse(told.text), told.unit, channel.unit)
    return Point(told.start, told.end, value, told.state, told.suspect)


def validated(channel, lines):
    """The points of the lane vee, by their ends."""
    points = sorted((point_of(channel, line) for line in lines), key=lambda point: point.end)
    if channel.kind != "interval":
        return points
    usable = [point for point in points if point.value is not None]
    made = []
    for before, after in zip(usable, usable[1:]):
        made += fill(channel, before, after)
    ends = {point.end for point in made}
    told = [point for point in points if point.value is not None or point.end not in ends]
    return sorted(told + made, key=lambda point: point.end)


def fill(channel, before, after):
    length = after.start - before.end
    step = channel.interval
    if length <= 0 or not step or length % step or length > GAP_ROWS:
        return []
    count = length // step
    bounds = [before.end + i * step for i in range(count + 1)]
    if length > LINEAR_LIMIT:
        return [Point(start, end, None, "missing") for start, end in zip(bounds, bounds[1:])]
    line = straight_line(before.value, after.value, count)
    return [Point(bounds[i], bounds[i + 1], line[i], "estimated", method="linear") for i in range(count)]


def straight_line(before, after, count):
    """x_i = before + (after - before) i / (n + 1), i = 1..n."""
    exponent = values.derived_exponent(min(before.exponent, after.exponent))
    slope = (after.number - before.number) / fractions.Fraction(count + 1)
    return [values.Value(values.round_at(before.number + slope * i, exponent), exponent)
            for i in range(1, count + 1)]
