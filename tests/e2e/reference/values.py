"""Decimals, units, and the two ways in which values are rounded.

A value is a fraction with the exponent at which it was written: "1.50" is 3/2 at -2. The exponent matters
because values that are made (interpolated, split, averaged, estimated) have exponent max(source - 3, -9), and
never a coarser one than their source.
"""

import fractions
import typing

DIGITS_MAX = 18
CONVERTED = -9


class Value(typing.NamedTuple):
    number: fractions.Fraction
    exponent: int


def parse(text):
    """A decimal as it is written: "-1.50"."""
    return Value(fractions.Fraction(text), -len(text.partition(".")[2]))


def derived_exponent(source):
    return min(source, max(source - 3, -9))


def round_at(number, exponent):
    """Half to even."""
    scale = 10 ** abs(exponent)
    up, down = number.numerator, number.denominator
    up, down = (up * scale, down) if exponent < 0 else (up, down * scale)
    whole, rest = divmod(up, down)
    if 2 * rest > down or (2 * rest == down and whole % 2):
        whole += 1
    return fractions.Fraction(whole, scale) if exponent < 0 else fractions.Fraction(whole * scale)


def places(number):
    """How many decimals a number has; None when it does not end."""
    rest, twos, fives = number.denominator, 0, 0
    while rest % 2 == 0:
        rest, twos = rest // 2, twos + 1
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    return max(twos, fives) if rest == 1 else None


# The factor to the base of the dimension (J, L, W); gallon and cubic foot by their legal definitions, 231 cubic
# inches and (0.3048 m)^3.
INCH_IN_DM = fractions.Fraction("0.254")
UNITS = {
    "Wh": ("energy", fractions.Fraction(3600)),
    "kWh": ("energy", fractions.Fraction(3600 * 10**3)),
    "MWh": ("energy", fractions.Fraction(3600 * 10**6)),
    "kJ": ("energy", fractions.Fraction(10**3)),
    "MJ": ("energy", fractions.Fraction(10**6)),
    "GJ": ("energy", fractions.Fraction(10**9)),
    "L": ("volume", fractions.Fraction(1)),
    "m3": ("volume", fractions.Fraction(1000)),
    "gal": ("volume", 231 * INCH_IN_DM**3),
    "ft3": ("volume", (12 * INCH_IN_DM) ** 3),
    "W": ("power", fractions.Fraction(1)),
    "kW": ("power", fractions.Fraction(1000)),
    "V": ("voltage", fractions.Fraction(1)),
}
CANONICAL = {"energy": "kWh", "volume": "m3", "power": "kW", "voltage": "V"}
SHOWN = {"m3": "m³", "ft3": "ft³"}


TENS = {fractions.Fraction(10) ** n: n for n in range(-18, 1)}


def canonical(unit):
    return CANONICAL[UNITS[unit][0]]


def exact(value, unit, into):
    return value.number * UNITS[unit][1] / UNITS[into][1]


def convert(value, unit, into, by=None):
    """Into a unit larger by a power of ten: its digits as they are. Else exact where nine decimals hold it (or as many
    as it has), at the greatest exponent up to the value's; else rounded there, with fewer decimals only where 18 digits
    do not hold those. `by`: a factor to be applied; what it makes more digits of is exact, too."""
    number, factor = exact(value, unit, into), UNITS[unit][1] / UNITS[into][1]
    if factor in TENS and not by:
        return Value(number, value.exponent + TENS[factor])
    coarsest = value.exponent
    if by:
        number, coarsest = number * by.number, coarsest + by.exponent
    finest = min(value.exponent, CONVERTED)
    ends = places(number)
    if ends is not None and -ends >= min(finest, coarsest):
        exponent = min(coarsest, -ends)
        if fits(number, exponent):
            return Value(number, exponent)
    return rounded_to_fit(number, finest)


def fits(number, exponent):
    return abs(round_at(number, exponent)) < fractions.Fraction(10) ** (DIGITS_MAX + exponent)


def rounded_to_fit(number, finest):
    while not fits(number, finest):
        finest += 1
    return Value(round_at(number, finest), finest)


def text(number):
    """A decimal without trailing zeros, as busbar prints those of the derived lanes."""
    ends = places(number)
    mantissa = abs(int(number * 10**ends))
    digits = str(mantissa).rjust(ends + 1, "0")
    whole, part = digits[: len(digits) - ends], digits[len(digits) - ends :]
    return ("-" if number < 0 else "") + whole + ("." + part if part else "")

