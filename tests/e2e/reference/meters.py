"""Random usage points with devices: registers that roll over, are exchanged, begin again, run backwards, and whose
readings are now and then another's; and intervals that their installation's multiplier applies to.

What goes wrong keeps clear of what is plausible: a usual advance is at most 2 kWh (0.1 m3) a reading, all that is odd
is far more or far less, comes after some days that tell what is usual, and has quiet readings around it.
"""

import datetime

from . import calendars, readings, registers

DAY = calendars.DAY
QUIET = 8  # readings between two oddities
MULTIPLIERS = ("1", "1", "1", "10", "40", "2.5", "0.5", "1.25")
UNITS = {"electricity": ("kWh", "kWh", "Wh", "MJ"), "water": ("m3", "m3", "L")}
SMALL = ("Wh", "L")  # with dials, a round of them would be all but plausible
PLAUSIBLE = {"kWh": 2, "Wh": 2000, "MJ": 7, "m3": 0.1, "L": 100}


def window(dice, anchor):
    """Moments at which devices are exchanged, around the anchor."""
    count = dice.choice((0, 0, 1, 1, 2, 3))
    return sorted({anchor + dice.randrange(-4 * DAY, 4 * DAY) // 60_000 * 60_000 for _ in range(count)})


def installations(dice, moments, begin, end):
    """[(from, to, multiplier, dials, device, with readings?)]; where multipliers alone change there are none."""
    bounds = [begin, *moments, end]
    dials, told, made = dice.choice((0, 5, 6, 6)), dice.random() < 0.8, []
    for i, (start, stop) in enumerate(zip(bounds, bounds[1:])):
        made.append((start, stop, dice.choice(MULTIPLIERS), dials, f"E{i}", i > 0 and told))
    return made


def mantissa_text(mantissa, places):
    sign, mantissa = "-" if mantissa < 0 else "", abs(mantissa)
    return sign + f"{mantissa // 10**places}" + (f".{mantissa % 10**places:0{places}d}" if places else "")


class Simulated:
    """A register on its devices: what it shows, and how it is read."""

    def __init__(self, dice, plan, unit):
        self.dice, self.plan, self.unit = dice, plan, unit
        self.places = dice.randrange(1 if unit == "m3" else 0, 4)
        self.most = max(int(PLAUSIBLE[unit] * 10**self.places), 1)
        dials = plan[0][3]
        self.top = 10 ** (dials + self.places) if dials else None
        # A fall beside an exchange of which no readings were told may be either.
        near_top = self.top and all(row[5] for row in plan[1:]) and dice.random() < 0.8
        self.count = self.top - dice.randrange(1, 40 * self.most + 2) if near_top else (
            dice.randrange(20_000, 90_000) * 10**self.places)
        self.quiet, self.turned, self.opening, self.closing = 3, False, {}, {}

    def advance(self):
        self.count += self.dice.randrange(self.most + 1)
        if self.top and self.count >= self.top:
            self.count -= self.top
            self.quiet, self.turned = QUIET, True
        self.quiet -= 1

    def change_device(self, i):
        """To device i; are there readings of the exchange?"""
        if self.plan[i][5]:
            self.closing[i - 1] = self.text(self.count)
            self.count = self.dice.choice((0, 0, self.dice.randrange(90_000) * 10**self.places))
            self.opening[i] = self.text(self.count)
            self.quiet, self.turned = QUIET, True

    def read(self, may_be_odd):
        """The text of a reading."""
        if self.quiet > 0 or not may_be_odd or self.dice.random() > 0.2:
            return self.text(self.count)
        scale, oddity = 10**self.places, self.dice.choice(("dip", "foreign", "jump", "reset", "back", "far back"))
        far = self.dice.randrange(4, 9) * (10**4 if self.top else 10**7) * scale
        room = not self.top or self.count + far + 100 * self.most < self.top
        self.quiet = QUIET
        if oddity == "dip":
            return self.text(self.dice.choice((0, self.count // 3)))
        if oddity == "back":
            self.count -= min(self.most // 20, self.count)
        elif self.turned:
            return self.text(self.count)  # what is usual may not be what it was
        if oddity in ("foreign", "jump") and room:
            self.turned = True
            if oddity == "foreign":
                return self.text(self.count + far)
            self.count += far
        if oddity == "reset" and (self.top or self.unit not in SMALL):  # else it might be a plausible rollover
            self.turned, self.count = True, self.dice.randrange(self.most + 1)
        if oddity == "far back" and self.count > 40_000 * scale and self.unit not in SMALL:
            self.turned, self.count = True, self.count * 3 // 4
        return self.text(self.count)

    def text(self, mantissa):
        return mantissa_text(mantissa, self.places)


def register_case(dice, name, calendar, plan, anchor):
    """(channel, told, plan with its opening and closing readings)"""
    commodity = dice.choice(("electricity", "electricity", "water"))
    units = UNITS[commodity]
    sent = unit = dice.choice([one for one in units if one not in SMALL] if plan[0][3] else units)
    one = Simulated(dice, plan, unit)
    count, step = dice.randrange(10, 120), dice.choice((3, 4, 6, 12)) * calendars.HOUR
    at = anchor - dice.randrange(count * step + 1)
    if dice.random() < 0.5:
        at -= at % step
    device, told = None, []
    for _ in range(count):
        here = next(i for i, row in enumerate(plan) if row[0] <= at < row[1])
        if device is not None and here != device:
            for passed in range(device + 1, here + 1):
                one.advance()
                one.change_device(passed)
            one.quiet = max(one.quiet, 4)
        device = here
        one.advance()
        soon = any(at < row[1] <= at + 5 * step for row in plan)
        near_top = one.top and one.count + QUIET * one.most >= one.top
        text = one.read(not soon and not near_top and told and at - told[0].end > 5 * DAY)
        told.append(readings.Told(at, at, text, sent))
        at += step if dice.random() < 0.9 else dice.randrange(60_000, step)
    channel = readings.Channel(name, "register", unit, 0, calendar, frozenset(), "", commodity)
    return channel, tuple(told), one.opening, one.closing


def build(plan, readings_of):
    """The installations, with the readings of all channels: {channel: (opening, closing)}."""
    return tuple(
        registers.Installation(start, stop, multiplier, dials, device,
                               tuple((name, opening[i]) for name, (opening, _) in readings_of.items() if i in opening),
                               tuple((name, closing[i]) for name, (_, closing) in readings_of.items() if i in closing))
        for i, (start, stop, multiplier, dials, device, _) in enumerate(plan))


def yaml(installation):
    """An entry of the registry file."""
    text = f"device: {installation.device}, from: {stamp(installation.start)}, to: {stamp(installation.end)}"
    text += f", multiplier: {installation.multiplier}"
    if installation.dials:
        text += f", dials: {installation.dials}"
    for key in ("opening", "closing"):
        pairs = getattr(installation, key)
        if pairs:
            text += f", {key}: {{{', '.join(f'{name}: {number}' for name, number in pairs)}}}"
    return text


def stamp(moment):
    return (calendars.EPOCH + datetime.timedelta(milliseconds=moment)).isoformat(timespec="milliseconds") + "Z"
