"""Registers: which readings count, and how one ran between two of them.

This far: every reading counts, and a stretch over which the register falls adds nothing.
"""

import bisect
import dataclasses
import fractions

from . import calendars, values

# Readings that lie at most so far apart say of the time between them as much as it takes.
CLOSE = 2 * calendars.HOUR


@dataclasses.dataclass(frozen=True)
class Stretch:
    """Between two neighbouring readings, (start, end]: what the register was at both ends, and the later reading's
    quality, which is that of all that ran in between."""

    start: int
    end: int
    first: fractions.Fraction
    last: fractions.Fraction
    exponent: int  # of a value in between
    state: str
    suspect: bool

    @property
    def falls(self):
        return self.last < self.first

    def at(self, moment):
        """The register at a moment within: on a straight line, rounded once."""
        if moment <= self.start:
            return self.first
        if moment >= self.end:
            return self.last
        share = fractions.Fraction(moment - self.start, self.end - self.start)
        return values.round_at(self.first + (self.last - self.first) * share, self.exponent)

    def advance(self, start, end):
        return fractions.Fraction(0) if self.falls else self.at(end) - self.at(start)

    def cut_by(self, start, end):
        return self.start < start < self.end or self.start < end < self.end


class Register:
    def __init__(self, points):
        usable = [point for point in points if point.value is not None]
        self.stretches = []
        for a, b in zip(usable, usable[1:]):
            exponent = values.derived_exponent(min(a.value.exponent, b.value.exponent))
            falls = b.value.number < a.value.number
            self.stretches.append(Stretch(a.end, b.end, a.value.number, b.value.number, exponent, b.state,
                                          b.suspect or falls))

    @property
    def span(self):
        return (self.stretches[0].start, self.stretches[-1].end) if self.stretches else None

    def within(self, start, end):
        """The stretches that overlap (start, end]."""
        first = bisect.bisect_right(self.stretches, start, key=lambda stretch: stretch.end)
        found = []
        while first < len(self.stretches) and self.stretches[first].start < end:
            found.append(self.stretches[first])
            first += 1
        return found
