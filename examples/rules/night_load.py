"""Night-load alarm: what runs while everybody sleeps is what is paid for all year."""
import numpy as np
from busbar import Number, rule


@rule(inputs="1-1:1.29.0", window="7d",
      params={"share": Number(0.8, 0, 1, "of the mean power of the week that the quietest hours may need"),
              "least_kw": Number(0.3, 0, 1e6, "night loads below this are nobody's concern")})
def night_load(w, share, least_kw):
    """The hours from 1 to 5 o'clock need nearly as much as the whole day."""
    hour = (w.local - w.local.astype("datetime64[D]")).astype("timedelta64[m]").astype(int) / 60
    night = w.new & w.known & (hour > 1) & (hour <= 5)
    hours = w.interval / np.timedelta64(1, "h")
    if not night.any() or hours <= 0 or w.known.sum() < 3 * 96:
        return
    power, mean = w.value[night].mean() / hours, w.value[w.known].mean() / hours
    if power > least_kw and power > share * mean:
        w.exception(f"the night needs {power:.2f} kW, the mean of the week is {mean:.2f} kW", night)
        w.flag(night, "night_load", night_kw=power, mean_kw=mean)
