"""Profiles: what a moment weighs, and what a stretch of time does.

    w(t) = day(date) x month(of the date) x shape(season of the month, day type, slot of the clock)
    W(a, b] = the integral of w over (a, b]

Date, month and day type are those of the calendar's day, slots those of the clock on the wall. Weights are whole
millionths: those of a day, and those of month x shape.
"""

import dataclasses
import fractions
import functools

from . import calendars, values

LONGEST = 36_600 * calendars.DAY
MILLIONTHS = -6
ONE = 10**6


@dataclasses.dataclass(frozen=True)
class Shape:
    first: int  # month of the season, 1 to 12; the last may lie before it
    last: int
    working: tuple  # texts
    saturday: tuple = ()  # as on working days when there is none
    sunday: tuple = ()  # as on Saturdays

    def of(self, kind):
        if kind == calendars.SUNDAY and self.sunday:
            return self.sunday
        return self.working if kind == calendars.WORKING else self.saturday or self.working

    def holds_in(self, month):
        if self.first <= self.last:
            return self.first <= month <= self.last
        return month >= self.first or month <= self.last


@dataclasses.dataclass(frozen=True)
class Profile:
    name: str
    days: tuple = ()  # ((date, text), ...)
    months: tuple = ()  # texts, January first
    shapes: tuple = ()


def millionths(number):
    return int(values.round_at(number, MILLIONTHS) * ONE)


def mean(weights):
    return millionths(fractions.Fraction(sum(weights), len(weights)))


class Weigher:
    """A profile in a calendar."""

    def __init__(self, profile, calendar, holidays):
        self.profile, self.calendar, self.holidays = profile, calendar, holidays
        self.listed = {date: fractions.Fraction(text) for date, text in profile.days}
        self.between = functools.lru_cache(maxsize=4096)(self.between)
        self.within_day = functools.cache(self.within_day)

    def of_date(self, date):
        if date in self.listed:
            return millionths(self.listed[date])
        alike = [weight for day, weight in self.listed.items() if day.month == date.month]
        return mean(alike or self.listed.values()) if self.listed else ONE

    def of_slots(self, date):
        """The weights of equal parts of the clock's 24 hours."""
        factor = fractions.Fraction(self.profile.months[date.month - 1] if self.profile.months else 1)
        shapes = [shape for shape in self.profile.shapes if shape.holds_in(date.month)]
        texts = shapes[0].of(calendars.kind(date, self.holidays)) if shapes else ("1",)
        return [millionths(factor * fractions.Fraction(text)) for text in texts]

    def between(self, start, end):
        """W(start, end]"""
        bounds = self.calendar.days(start, end) if start < end else []
        return sum(self.within_day(max(start, first), min(end, last))
                   for first, last in zip(bounds, bounds[1:]) if first < end)

    def within_day(self, start, end):
        """W of a stretch of one calendar day: slot by slot, and anew where the clock is changed."""
        date, changes = self.calendar.local_day(start), calendars.changes(self.calendar.zone_name)
        slots = self.of_slots(date)
        length, at, weight = calendars.DAY // len(slots), start, 0
        changes = [moment for moment in changes if start < moment < end]
        while at < end:
            clock = self.calendar.local(at) % calendars.DAY
            until = min(at + length - clock % length, end, *(moment for moment in changes if moment > at))
            weight += slots[clock // length] * (until - at)
            at = until
        return weight * self.of_date(date)


def come_by(weigher, amount, start, end, moment):
    """What of an amount that came over (start, end] has come by a moment within, not rounded: by time where it ran
    backwards, or where nothing weighs."""
    if weigher and amount >= 0 and end - start <= LONGEST:
        whole = weigher.between(start, end)
        if whole:
            return amount * fractions.Fraction(weigher.between(start, moment), whole)
    return amount * fractions.Fraction(moment - start, end - start)
