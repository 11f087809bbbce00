"""What a register's periods come to, in plain fractions: the independent side of the tests.

A register is a list of accepted readings (moment, amount): seconds since 1970 and an exact number. Its value
at a boundary between two readings lies on the straight line between them, rounded once there, half to even;
a period is the difference of the values at its two ends, where the first and last reading end the register.
"""

import bisect
import datetime
import functools
import zoneinfo
from fractions import Fraction

UTC = datetime.timezone.utc


@functools.lru_cache(maxsize=None)
def _day_begins(text):
    return int(datetime.datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


@functools.lru_cache(maxsize=None)
def _day_text(days):
    return datetime.datetime.fromtimestamp(days * 86400, UTC).strftime("%Y-%m-%d")


def moment(text):
    """RFC 3339 to seconds since 1970."""
    if len(text) == 20 and text[19] == "Z":  # nearly all, a million times
        return _day_begins(text[:10]) + int(text[11:13]) * 3600 + int(text[14:16]) * 60 + int(text[17:19])
    return int(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp())


def utc_text(seconds):
    days, rest = divmod(seconds, 86400)
    return f"{_day_text(days)}T{rest // 3600:02d}:{rest % 3600 // 60:02d}:{rest % 60:02d}Z"


def _local_midnight(date, zone):
    return int(datetime.datetime(date.year, date.month, date.day, tzinfo=zone).timestamp())


def _next(date, lane):
    if lane == "day":
        return date + datetime.timedelta(days=1)
    return (date.replace(day=1) + datetime.timedelta(days=32)).replace(day=1)


def boundaries(lane, zone_name, first, last):
    """The ends of the periods that hold anything of (first, last], the beginning of the first one too. Hours
    are those of a zone whose offset is whole hours."""
    if lane == "hour":
        return list(range(first // 3600 * 3600, -(-last // 3600) * 3600 + 1, 3600))
    zone = zoneinfo.ZoneInfo(zone_name)
    date = datetime.datetime.fromtimestamp(first, zone).date()
    date = date.replace(day=1) if lane == "month" else date
    ends = [_local_midnight(date, zone)]
    while ends[-1] < last:
        date = _next(date, lane)
        ends.append(_local_midnight(date, zone))
    return ends


def at(readings, t, step):
    """The register at `t`, a whole number of `step`s behind the reading before it."""
    i = bisect.bisect_left(readings, (t,))
    if i == 0:
        return readings[0][1]
    if i == len(readings):
        return readings[-1][1]
    (from_t, from_value), (to_t, to_value) = readings[i - 1], readings[i]
    if to_t == t:
        return to_value
    run = Fraction((to_value - from_value) * (t - from_t), to_t - from_t)
    return from_value + round(run / step) * step


def periods(readings, lane, zone_name, step):
    """[(start, end, amount, partial)] of a register; `step`: what values at boundaries are rounded to."""
    first, last = readings[0][0], readings[-1][0]
    ends = boundaries(lane, zone_name, first, last)
    values = [at(readings, t, step) for t in ends]
    return [(ends[i], ends[i + 1], values[i + 1] - values[i], ends[i] < first or ends[i + 1] > last)
            for i in range(len(ends) - 1)]
