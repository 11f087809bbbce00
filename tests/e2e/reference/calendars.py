"""Days, months and hours of a zone and a start of day.

A day begins at the first moment at which the clock on the wall has reached its start: the first pass of a repeated
time, the change itself where a time is skipped. Months begin with their first day. Hours are counted from the day's
start, so that the last one is shorter where a day is not a whole number of them.
"""

import bisect
import datetime
import functools
import zoneinfo

WORKING, SATURDAY, SUNDAY = "working", "saturday", "sunday"
HOUR = 3600_000
DAY = 24 * HOUR
EPOCH = datetime.datetime(1970, 1, 1)
FIRST_YEAR, LAST_YEAR = 1989, 2028


def civil_ms(year, month, day, seconds=0):
    """A time on the wall as if it were UTC."""
    return ((datetime.datetime(year, month, day) - EPOCH).days * 86400 + seconds) * 1000


@functools.cache
def stretches(zone_name):
    """[(from, offset)] in milliseconds: each offset holds until the next one begins."""
    zone = zoneinfo.ZoneInfo(zone_name)

    def offset(second):
        moment = datetime.datetime.fromtimestamp(second, datetime.timezone.utc)
        return round(moment.astimezone(zone).utcoffset().total_seconds())

    first, last = civil_ms(FIRST_YEAR, 1, 1) // 1000, civil_ms(LAST_YEAR, 1, 1) // 1000
    found = [(first * 1000, offset(first) * 1000)]
    for second in range(first, last, 86400):
        below, above = second, second + 86400
        if offset(below) == offset(above):
            continue
        while above - below > 1:
            middle = (below + above) // 2
            below, above = (below, middle) if offset(middle) == offset(second + 86400) else (middle, above)
        found.append((above * 1000, offset(above) * 1000))
    return found


def changes(zone_name):
    """The moments at which the clock is put forward or back."""
    return [start for start, _ in stretches(zone_name)[1:]]


class Calendar:
    def __init__(self, zone_name, day_start_s):
        self.zone_name, self.day_start_s = zone_name, day_start_s
        self.stretches = stretches(zone_name)

    def local(self, moment):
        """Milliseconds on the wall, as if UTC."""
        at = bisect.bisect_right(self.stretches, moment, key=lambda stretch: stretch[0]) - 1
        return moment + self.stretches[max(at, 0)][1]

    def first_at(self, civil):
        """The first moment at which the clock has reached a time."""
        for i, (start, offset) in enumerate(self.stretches):
            end = self.stretches[i + 1][0] if i + 1 < len(self.stretches) else None
            moment = max(civil - offset, start)
            if end is None or moment < end:
                return moment
        raise AssertionError("the last stretch has no end")

    def bounds(self, lane, first, last):
        """The bounds of all periods of a lane that overlap (first, last], ascending."""
        return {"hour": self.hours, "day": self.days, "month": self.months}[lane](first, last)

    def days(self, first, last):
        day = EPOCH + datetime.timedelta(milliseconds=self.local(first) - 3 * DAY)
        bounds = [self.day_start(day.date())]
        while bounds[-1] < last:
            day += datetime.timedelta(days=1)
            bounds.append(self.day_start(day.date()))
        return clip(bounds, first)

    @functools.cache
    def day_start(self, date):
        return self.first_at(civil_ms(date.year, date.month, date.day, self.day_start_s))

    def local_day(self, moment):
        """The date of the day that holds a moment: start <= moment < end."""
        date = (EPOCH + datetime.timedelta(milliseconds=self.local(moment))).date() + datetime.timedelta(days=1)
        while self.day_start(date) > moment:
            date -= datetime.timedelta(days=1)
        return date

    def months(self, first, last):
        date = (EPOCH + datetime.timedelta(milliseconds=self.local(first) - 3 * DAY)).date().replace(day=1)
        bounds = [self.day_start(date)]
        while bounds[-1] < last:
            date = (date + datetime.timedelta(days=31)).replace(day=1)
            bounds.append(self.day_start(date))
        return clip(bounds, first)

    def hours(self, first, last):
        days = self.days(first, last)
        bounds = []
        for start, end in zip(days, days[1:]):
            bounds += range(start, end, HOUR)
        bounds.append(days[-1])
        while len(bounds) > 2 and bounds[-2] >= last:
            bounds.pop()
        return clip(bounds, first)


def kind(date, holidays):
    """The type of a day."""
    if date in holidays or date.weekday() == 6:
        return SUNDAY
    return SATURDAY if date.weekday() == 5 else WORKING


def clip(bounds, first):
    """Without periods of no length (a day that the zone skipped), from the one that `first` lies in."""
    distinct = sorted(set(bounds))
    return distinct[max(bisect.bisect_right(distinct, first) - 1, 0) :]
