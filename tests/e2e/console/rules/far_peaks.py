"""Peaks far from the median of the last seven days, and what becomes of them."""
from busbar import Choice, Flag, Number, Text, rule


@rule(inputs="1-1:1.29.0", window="7d",
      params={"k": Number(30, 3, 1000, "how many median deviations are too many"),
              "least": Number(1, 0, 1e6, "kWh an interval below which nothing is a peak"),
              "then": Choice("flag", ["flag", "line"], "flag: it is suspect; line: what lies between its neighbours stands in its place"),
              "nights": Flag(True, "judge values between midnight and 6 o'clock, too"),
              "note": Text("far_peak", 40, "the reason that is told; fail: to see how that is told")})
def far_peaks(w, k, least, then, nights, note):
    """Single values that stand far out of the last seven days of their meter.

    They are flagged, or replaced by what lies between their neighbours."""
    hour = (w.local - w.local.astype("datetime64[D]")).astype("timedelta64[m]").astype(int) / 60
    far = w.deviates_from_median(k) & (w.value > least)
    if not nights:
        far &= hour > 6
    if note == "fail" and far.any():
        raise ValueError(f"{far.sum()} values of {w.usage_point} are far")
    if then == "line":
        w.estimate(far, reason=note, method="linear")
    else:
        w.flag(far, note, deviation=w.deviation())
