"""What the weather and the hour of the week explain of a use: time of week and temperature (TOWT).

    y = alpha[hour of the week] + sum of beta_j * c_j(T)

after Mathieu, Price, Kiliccote and Piette, "Quantifying changes in building electricity use" (LBNL, 2011). c_j(T) is how
much of the temperature lies in the j-th segment between `knots`, so that the response is a line with bends. Hours of the week
in which the use is mostly above what the weather alone explains have betas of their own: somebody is there. Old days weigh
less: 14 / (14 + age in days). Least squares; the alphas are eliminated first, which leaves a handful of unknowns.

Points that neither hour nor temperature explain are flagged, with what was expected, and with the use as it would have been
at the temperature `normal`; gaps are estimated. temperature.csv beside this file is made up: replace it.
"""
import numpy as np
from busbar import Number, Quality, Text, rule

HOURS = 168


def per_hour(hour, weight, value):
    """Weighted mean of each hour of the week; NaN where there is no value."""
    total = np.bincount(hour, weight, HOURS)
    return np.divide(np.bincount(hour, weight * value, HOURS), total, out=np.full(HOURS, np.nan), where=total > 0)


def segments(temperature, knots):
    """[segments, points]: how much of each temperature lies in each segment."""
    low, high = np.r_[-np.inf, knots][:, None], np.r_[knots, np.inf][:, None]
    return np.clip(temperature, low, high) - np.where(np.isfinite(low), low, 0)


def occupied_hours(hour, temperature, use, weight):
    """Mask of the hours of the week that are mostly above what heating below 10 and cooling above 18.3 °C explain."""
    columns = np.stack([np.ones(len(use)), np.maximum(10 - temperature, 0), np.maximum(temperature - 18.3, 0)], axis=1)
    root = np.sqrt(weight)
    betas = np.linalg.lstsq(columns * root[:, None], use * root, rcond=None)[0]
    above = use > columns @ betas + 1e-9 * np.abs(use).max()
    return np.nan_to_num(per_hour(hour, np.ones(len(use)), above)) > 0.65


class Model:
    """Fitted to the points of `fit`; says what to expect at any of them."""

    def __init__(self, hour, temperature, use, weight, fit, knots):
        occupied = occupied_hours(hour[fit], temperature[fit], use[fit], weight[fit])
        self.hour, self.knots, self.busy = hour, knots, occupied[hour]
        columns, at, w = self.columns(temperature)[fit], hour[fit], weight[fit]
        means = np.stack([per_hour(at, w, column) for column in columns.T], axis=1)
        mean, root = per_hour(at, w, use[fit]), np.sqrt(w)
        self.betas = np.linalg.lstsq((columns - means[at]) * root[:, None], (use[fit] - mean[at]) * root, rcond=None)[0]
        self.alphas = mean - means @ self.betas
        self.spread = np.sqrt(np.average((use[fit] - self.expect(temperature)[fit]) ** 2, weights=w))

    def columns(self, temperature):
        c = segments(temperature, self.knots)
        return np.concatenate([c * self.busy, c * ~self.busy]).T

    def expect(self, temperature):
        return self.alphas[self.hour] + self.columns(temperature) @ self.betas


def explained(w, knots):
    """The model of a window's past, and what it expects of each point; None: there is too little past."""
    begin = (w.local - w.interval).astype("datetime64[h]").astype(int)
    hour = (begin - 96) % HOURS  # hour 0 of a week: 1970-01-05 was a Monday
    temperature = w.side["temperature"].at(w.ts)
    known = np.isfinite(temperature)
    fit = ~w.new & w.known & known & (w.quality & Quality.SUSPECT == 0)
    if fit.sum() < 2 * HOURS:
        return None
    age = (w.ts[-1] - w.ts) / np.timedelta64(1, "D")
    model = Model(hour, np.nan_to_num(temperature), np.nan_to_num(w.value), 14 / (14 + age), fit,
                  np.array([float(text) for text in knots.split(",")]))
    return model, np.where(known, model.expect(np.nan_to_num(temperature)), np.nan)


@rule(inputs="1-1:1.29.0", window="56d", side={"temperature": "temperature.csv"},
      params={"knots": Text("0, 5, 10, 15, 20", 100, "temperatures at which the response may bend, °C"),
              "k": Number(6, 2, 100, "how many times the usual deviation is too much"),
              "share": Number(0.25, 0, 10, "of the mean use: less of a deviation than this is nobody's concern"),
              "normal": Number(12, -50, 50, "the temperature that uses are normalised to, °C")})
def weather_normalised_use(w, knots, k, share, normal):
    """Uses that neither the hour of the week nor the temperature explain; gaps are filled by what they do explain."""
    found = explained(w, knots)
    if found is None:
        return
    model, expected = found
    w.estimate(w.new & ~w.known & np.isfinite(expected), np.maximum(expected, 0), "of_hour_and_weather")
    limit = max(k * model.spread, share * np.nanmean(w.value[~w.new]))
    odd = w.new & (np.abs(w.value - expected) > limit)
    w.flag(odd, "not_the_weather", expected=expected,
           normalised=w.value - expected + model.expect(np.full(len(w), normal)))
