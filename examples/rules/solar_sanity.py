"""Solar sanity: no panel gives more than a clear sky does, and none at night.

The sun's elevation follows the usual textbook formulas (declination by Cooper, equation of time by Spencer); clear-sky
radiation is that of Haurwitz. Both are good to some per cent, so the bound has a margin.
"""
import numpy as np
from busbar import Number, rule


def elevation_sine(ts, latitude, longitude):
    """Sine of the sun's elevation at moments in UTC."""
    day = (ts - ts.astype("datetime64[Y]")) / np.timedelta64(1, "D")
    angle = 2 * np.pi * (day - 1) / 365
    minutes = 229.18 * (0.000075 + 0.001868 * np.cos(angle) - 0.032077 * np.sin(angle)
                        - 0.014615 * np.cos(2 * angle) - 0.040849 * np.sin(2 * angle))
    declination = np.radians(23.45) * np.sin(2 * np.pi * (284 + day) / 365)
    hour = (ts - ts.astype("datetime64[D]")) / np.timedelta64(1, "h") + longitude / 15 + minutes / 60
    turn, north = np.radians(15 * (hour - 12)), np.radians(latitude)
    return np.sin(north) * np.sin(declination) + np.cos(north) * np.cos(declination) * np.cos(turn)


def clear_sky(sine):
    """Global radiation on the level in W/m², after Haurwitz (1945)."""
    up = np.maximum(sine, 1e-6)
    return np.where(sine > 0, 1098 * up * np.exp(-0.057 / up), 0.0)


@rule(inputs="1-1:2.29.0", window="1d",
      params={"peak_kw": Number(4, 0.1, 1e6, "what the panels give at 1,000 W/m²"),
              "latitude": Number(52, -90, 90, "degrees north"), "longitude": Number(5, -180, 180, "degrees east"),
              "margin": Number(1.5, 1, 10, "times the clear sky: panels are tilted, clouds reflect"),
              "dark_kw": Number(0.02, 0, 1e3, "what inverters may report in the dark")})
def solar_sanity(w, peak_kw, latitude, longitude, margin, dark_kw):
    """More production than a clear sky allows."""
    hours = w.interval / np.timedelta64(1, "h")
    if hours <= 0:
        return
    # the sun is highest somewhere in the interval: its ends and its middle tell where
    ends = [elevation_sine(w.ts - w.interval * k // 2, latitude, longitude) for k in (0, 1, 2)]
    sky = clear_sky(np.max(ends, axis=0))
    limit = np.maximum(dark_kw, peak_kw * sky / 1000 * margin + 0.1 * peak_kw * (sky > 0))
    over = w.new & (w.value / hours > limit)
    w.flag(over, "beyond_clear_sky", kw=w.value / hours, limit_kw=limit)
