"""Spikes by median deviation: robust, since neither the spike nor a few others move the median."""
from busbar import Number, rule


@rule(inputs="1-1:1.29.0", window="7d",
      params={"k": Number(30, 3, 1000, "how many median deviations are too many"),
              "least": Number(1, 0, 1e6, "kWh an interval below which nothing is a spike")})
def spikes(w, k, least):
    """Values that stand out of the last seven days."""
    far = w.deviates_from_median(k) & (w.value > least)
    w.flag(far, "spike", deviation=w.deviation())
