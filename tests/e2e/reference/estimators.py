"""Estimators: what fills a gap. The first one that can, in this order:

    linear    at most two hours: on a straight line between the values at its ends
    like_day  at most seven days: the mean of the same local times on the three latest like days; of a single one the mean
              of it and of the readings beside it on that day; scaled to what the registers say when they say it
    profile   what the registers say, spread like the channel's profile, where that weighs anything
    flat      what the registers say, spread evenly

A like day is one before the gap's first local day, within 28 days, of the same type (Monday to Friday; Saturday;
Sunday or holiday), whole, measured and sound. Past values are levels: 10^-9 of the unit, what is finer is cut off.
"""

import datetime
import fractions

from . import calendars, values

LINEAR_LIMIT = 2 * calendars.HOUR
LIKE_LIMIT = 7 * calendars.DAY
LIKE_DAYS, LIKE_KNOWN, LIKE_WITHIN = 3, 6, 28


def straight_line(before, after, count, exponent):
    """x_i = before + (after - before) i / (n + 1), i = 1..n."""
    slope = (after.number - before.number) / fractions.Fraction(count + 1)
    return [values.round_at(before.number + slope * i, exponent) for i in range(1, count + 1)]


def spread(total, shares, exponent):
    """Parts in proportion to the shares that sum to the total: part i is the rounded running share less the parts
    before it."""
    whole, running, parts, given = sum(shares), fractions.Fraction(0), [], fractions.Fraction(0)
    for share in shares:
        running += share
        until = values.round_at(total * running / whole, exponent)
        parts.append(until - given)
        given = until
    return parts


def level(number):
    return fractions.Fraction(int(number * 10**9), 10**9)


class Past:
    """What was told of an interval channel: [(start, end, exact number, state)] of the values that can be used."""

    def __init__(self, channel, told):
        self.calendar, self.holidays, self.told = channel.calendar, channel.holidays, told
        self.by_start = {start: (end, number) for start, end, number, _ in told}
        self.by_utc_day = {}
        for row in told:
            self.by_utc_day.setdefault((row[1] - 1) // calendars.DAY, []).append(row)
        self.sound_days = {day for day, rows in self.by_utc_day.items() if whole_and_measured(day, rows)}

    def kind(self, date):
        return calendars.kind(date, self.holidays)

    def usable(self, date):
        """Are the UTC days that the local one lies in whole and measured?"""
        start, end = self.calendar.day_start(date), self.calendar.day_start(date + datetime.timedelta(days=1))
        return all(day in self.sound_days
                   for day in range(start // calendars.DAY, (end - 1) // calendars.DAY + 1)) and start < end

    def like_days(self, first_day, kind):
        """Latest first."""
        dates = [first_day - datetime.timedelta(days=back) for back in range(1, LIKE_WITHIN + 1)]
        return [date for date in dates if self.kind(date) == kind and self.usable(date)][:LIKE_KNOWN]

    def like_value(self, date, time_of_day, step):
        """The level of the interval that begins at a time of a local day; None: there is none."""
        civil = calendars.civil_ms(date.year, date.month, date.day) + time_of_day
        return self.level_at(self.calendar.first_at(civil), step)

    def level_at(self, start, step):
        end, number = self.by_start.get(start, (None, None))
        return None if end is None or end - start != step else level(number)

    def calm_value(self, date, time_of_day, step):
        """The same, taken together with the readings beside it on that day."""
        at = self.calendar.first_at(calendars.civil_ms(date.year, date.month, date.day) + time_of_day)
        first, last = self.calendar.day_start(date), self.calendar.day_start(date + datetime.timedelta(days=1))
        found = [self.level_at(start, step) for start in (at - step, at, at + step)
                 if start == at or (start >= first and start + step <= last)]
        found = [number for number in found if number is not None]
        return sum(found) / len(found)


def whole_and_measured(day, rows):
    """The readings that end in a UTC day: are all measured, and does one follow the other from its beginning until less
    than the longest of them is left of it?"""
    rows = sorted(rows)
    begin, longest = day * calendars.DAY, max(end - start for start, end, _, _ in rows)
    return (rows[0][0] <= begin and begin + calendars.DAY - rows[-1][1] < longest
            and all(a[1] == b[0] for a, b in zip(rows, rows[1:]))
            and all(state in ("measured", "edited") for _, _, _, state in rows))


def like_day(past, gap_start, start, step, count):
    """(method, means) of the slots from `start` on, in a gap that began at `gap_start`; or None."""
    if count * step > LIKE_LIMIT:
        return None
    first_day = past.calendar.local_day(gap_start)
    most, means, chosen = 0, [], {}
    for at in range(start, start + count * step, step):
        date = past.calendar.local_day(at)
        time_of_day = past.calendar.local(at) - calendars.civil_ms(date.year, date.month, date.day)
        kind = past.kind(date)
        if kind not in chosen:
            chosen[kind] = past.like_days(first_day, kind)
        found = [day for day in chosen[kind] if past.like_value(day, time_of_day, step) is not None][:LIKE_DAYS]
        if not found:
            return None
        most = max(most, len(found))
        value_of = past.like_value if len(found) > 1 else past.calm_value
        means.append(sum(value_of(day, time_of_day, step) for day in found) / len(found))
    return ("like_day" if most == 1 else "average_like_day"), means


def fill(past, gap_start, start, step, count, exponent, total=None, weights=()):
    """(method, numbers) of `count` slots, from `start` on, of a gap longer than two hours that began at `gap_start`; or
    None. `total`: what the registers say of them; `weights`: what they weigh in the channel's profile."""
    found = like_day(past, gap_start, start, step, count)
    if found:
        method, means = found
        if total is not None and total >= 0 and sum(means) > 0:
            return method + "_scaled", spread(total, means, exponent)
        return method, [values.round_at(mean, exponent) for mean in means]
    if total is not None and total >= 0:
        if sum(weights) > 0:
            return "profile", spread(total, weights, exponent)
        return "flat", spread(total, [1] * count, exponent)
    return None
