"""Intervals against the registers beside them.

Beside an interval channel stand the registers of the same quantity (OBIS A, C and E alike), or those of its tariffs
together. What they say is a total: k (R1 - R0) over each stretch between two moments at which all of them were read.
The check speaks when the intervals that were told cover such a stretch wholly and

    |sum - total| > max(1 % of |total|, 3 least digits of the registers)
"""

import dataclasses
import fractions

from . import calendars, values

PERCENT, DIGITS = 1, 3
LONGEST = 62 * calendars.DAY


@dataclasses.dataclass(frozen=True)
class Total:
    start: int
    end: int
    amount: fractions.Fraction  # in the interval channel's unit
    digit: fractions.Fraction


def totals(channel, registers):
    """`registers`: [(channel, told)] that stand beside it."""
    if not registers:
        return []
    readings = [(register, {line.end: line for line in told if line.text}) for register, told in registers]
    moments = sorted(set.intersection(*(set(one) for _, one in readings)))
    found = []
    for start, end in zip(moments, moments[1:]):
        if end - start > LONGEST:
            continue
        amount = sum(read(channel, register, one[end]) - read(channel, register, one[start])
                     for register, one in readings)
        digit = sum(least_digit(channel, one[end]) for _, one in readings)
        found.append(Total(start, end, amount, digit))
    return found


def read(channel, register, line):
    """A register counts as its lane vee has it."""
    return values.exact(values.convert(values.parse(line.text), line.unit, register.unit), register.unit, channel.unit)


def least_digit(channel, line):
    exponent = values.parse(line.text).exponent
    return values.exact(values.Value(fractions.Fraction(10) ** exponent, 0), line.unit, channel.unit)


def told_within(told, start, end):
    """(sum, time covered) of what was told of (start, end]; a value that straddles an end counts by time."""
    total, covered = fractions.Fraction(0), 0
    for first, last, number, _ in told:
        overlap = min(last, end) - max(first, start)
        if overlap > 0:
            total += number * overlap / (last - first)
            covered += overlap
    return total, covered


def findings(told, all_totals):
    """[(start, end)] of the stretches about which the check speaks; not where a person edited the last value in it."""
    found = []
    for total in all_totals:
        ends = max((row for row in told if row[1] <= total.end), key=lambda row: row[1], default=None)
        if ends and ends[3] == "edited":
            continue
        amount, covered = told_within(told, total.start, total.end)
        allowed = max(abs(total.amount) * PERCENT / 100, DIGITS * total.digit)
        if covered == total.end - total.start and abs(amount - total.amount) > allowed:
            found.append((total.start, total.end))
    return found
