"""Random profiles: degree days, factors of months, shapes by season and day type, each alone and together; with stretches
that weigh nothing.
"""

import dataclasses
import datetime
import random

from . import calendars, profiles

SHARE = 1 / 3  # of the usage points
PLACES = (0, 0, 1, 2, 6)
LARGEST = (1, 20, 20, 10_000)
FORMS = (("days",), ("days",), ("months",), ("shapes",), ("shapes",), ("days", "months"), ("days", "shapes"),
         ("months", "shapes"), ("days", "months", "shapes"))  # fmt: skip


def with_profiles(point):
    """The usage point, now and then with profiles; by dice of its own, so that the others are what they would be."""
    dice = random.Random(f"profiles of {point.seed}")
    if dice.random() >= SHARE:
        return point
    moments = [line.end for case in point.cases for _, told in case.all_channels() for line in told]
    holidays = point.holidays | {date_near(dice, moments) for _ in range(dice.randrange(12))}
    made = [profile(dice, f"{point.name}-{i}", moments) for i in range(dice.choice((1, 1, 2, 3)))]
    weighers = [profiles.Weigher(one, point.calendar, holidays) for one in made]
    common = weighers[0] if dice.random() < 0.85 else None

    def weighed(channel, registered):
        own = registered and dice.random() < (0.3 if common else 0.7)
        return dataclasses.replace(channel, holidays=holidays, weigher=dice.choice(weighers) if own else common)

    cases = [dataclasses.replace(case, channel=weighed(case.channel, case.registered),
                                 beside=tuple((weighed(channel, True), told) for channel, told in case.beside))
             for case in point.cases]
    return dataclasses.replace(point, holidays=frozenset(holidays), cases=tuple(cases), profiles=tuple(made),
                               profile=made[0].name if common else "")


def date_near(dice, moments):
    moment = dice.choice(moments) + dice.randrange(-9, 10) * calendars.DAY
    return (calendars.EPOCH + datetime.timedelta(milliseconds=moment)).date()


def profile(dice, name, moments):
    form = dice.choice(FORMS)
    return profiles.Profile(name, degree_days(dice, moments) if "days" in form else (),
                            weights(dice, 12) if "months" in form else (), shapes(dice) if "shapes" in form else ())


def weights(dice, count):
    places, largest = dice.choice(PLACES), dice.choice(LARGEST)
    made = [weight(dice.randrange(largest * 10**places + 1), places) for _ in range(count)]
    if count > 1 and dice.random() < 0.4:
        first = dice.randrange(count)
        for i in range(first, min(first + dice.randrange(1, count // 2 + 1), count)):
            made[i] = "0"
    return tuple(made)


def weight(mantissa, places):
    return f"{mantissa // 10**places}" + (f".{mantissa % 10**places:0{places}d}" if places else "")


def degree_days(dice, moments):
    """Dates around some of the readings, with and without holes."""
    dates = set()
    for _ in range(dice.randrange(1, 9)):
        middle = date_near(dice, moments)
        dates |= {middle + datetime.timedelta(days=n) for n in range(-dice.randrange(60), dice.randrange(1, 60))}
    share = dice.choice((1, 1, 0.7, 0.1))
    kept = sorted(date for date in dates if dice.random() < share) or sorted(dates)
    return tuple(zip(kept, weights(dice, len(kept))))


def shapes(dice):
    """The year in one to twelve seasons, of which one goes on in January."""
    begins = sorted(dice.sample(range(1, 13), dice.choice((1, 1, 2, 3, 4, 12))))
    ends = [begin - 1 for begin in begins[1:]] + [(begins[0] + 10) % 12 + 1]
    return tuple(profiles.Shape(first, last, day(dice), maybe_day(dice), maybe_day(dice))
                 for first, last in zip(begins, ends))


def day(dice):
    return weights(dice, dice.choice((1, 24, 48, 96)))


def maybe_day(dice):
    return day(dice) if dice.random() < 0.6 else ()


def yaml(one):
    """An entry of the registry file."""
    text = f"name: {one.name}"
    if one.days:
        text += f", days: {{{', '.join(f'{date}: {number}' for date, number in one.days)}}}"
    if one.months:
        text += f", months: {sequence(one.months)}"
    if one.shapes:
        text += f", shapes: [{', '.join(f'{{{shape_yaml(shape)}}}' for shape in one.shapes)}]"
    return text


def shape_yaml(shape):
    season = f"{shape.first}" if shape.first == shape.last else f"{shape.first}-{shape.last}"
    days = [(key, getattr(shape, key)) for key in ("working", "saturday", "sunday")]
    return f"season: {season}, " + ", ".join(f"{key}: {sequence(texts)}" for key, texts in days if texts)


def sequence(texts):
    return f"[{', '.join(texts)}]"
