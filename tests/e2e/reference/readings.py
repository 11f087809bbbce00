"""What is told of a channel, and what validation makes of it.

A gap is what lies between the end of one usable interval and the start of the next. One of at most two hours is
XX Only a gap of a whole number of the channel's intervals can be
filled. Values that were told to be missing stand as such where nothing was put in their place.
"""

import dataclasses

from . import calendars, estimators, values

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
    past, made = estimators.Past(channel, past_of(channel, lines)), []
    for before, after in zip(usable, usable[1:]):
        made += fill(channel, past, before, after)
    ends = {point.end for point in made}
    told = [point for point in points if point.value is not None or point.end not in ends]
    return sorted(told + made, key=lambda point: point.end)


def past_of(channel, lines):
    return [(line.start, line.end, values.exact(values.parse(line.text), line.unit, channel.unit), line.state)
            for line in lines if line.text]


def fill(channel, past, before, after):
    length = after.start - before.end
    step = channel.interval
    if length <= 0 or not step or length % step or length > GAP_ROWS:
        return []
    count = length // step
    slots = [(before.end + i * step, before.end + (i + 1) * step) for i in range(count)]
    found = estimators.fill(past, before.value, after.value, before.end, step, count)
    if not found:
        return [Point(*slot, None, "missing") for slot in slots]
    method, numbers = found
    exponent = values.derived_exponent(min(before.value.exponent, after.value.exponent))
    return [Point(*slot, values.Value(number, exponent), "estimated", method=method)
            for slot, number in zip(slots, numbers)]
