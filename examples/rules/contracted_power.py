"""Contracted power: intervals whose mean power is above what the connection or the contract allows."""
import numpy as np
from busbar import Number, rule

VOLTS = 230.0


def allowed_kw(w, limit_kw):
    """What the parameter says, else the connection of the usage point; None: nobody knows."""
    if limit_kw > 0:
        return limit_kw
    value, unit = w.master.get("connection"), w.master.get("connection_unit")
    if unit == "A":
        return value * VOLTS * w.master["connection_phases"] / 1000
    return value if unit == "kW" else None


@rule(inputs="1-1:1.29.0", window="1d",
      params={"limit_kw": Number(0, 0, 1e6, "the contracted power; 0: the connection's")})
def contracted_power(w, limit_kw):
    """More power than the contract allows."""
    limit, hours = allowed_kw(w, limit_kw), w.interval / np.timedelta64(1, "h")
    if limit is None or hours <= 0:
        return
    over = w.new & (w.value / hours > limit)
    if over.any():
        w.flag(over, "above_contract", kw=w.value / hours, limit_kw=limit)
        w.exception(f"{over.sum()} intervals above {limit:g} kW, {w.value[over].max() / hours:.1f} kW at most", over)
