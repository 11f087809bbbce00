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
    """Between two neighbouring readings, (start, end]: how far the register ran, and the later reading's quality, which
    is that of all that ran in between."""

    start: int
    end: int
    ran: fractions.Fraction  # 0 where it falls
    exponent: int  # of a value in between
    state: str
    suspect: bool

    def until(self, moment):
        """What has run by a moment within: on a straight line, rounded once."""
        share = fractions.Fraction(moment - self.start, self.end - self.start)
        return self.ran if share >= 1 else values.round_at(self.ran * max(share, 0), self.exponent)

    def advance(self, start, end):
        return self.until(end) - self.until(start)

    def cut_by(self, start, end):
        return self.start < start < self.end or self.start < end < self.end


class Register:
    def __init__(self, points):
        usable = [point for point in points if point.value is not None]
        self.stretches = []
        for a, b in zip(usable, usable[1:]):
            exponent = values.derived_exponent(min(a.value.exponent, b.value.exponent))
            ran = b.value.number - a.value.number
            self.stretches.append(Stretch(a.end, b.end, max(ran, fractions.Fraction(0)), exponent, b.state,
                                          b.suspect or ran < 0))

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
