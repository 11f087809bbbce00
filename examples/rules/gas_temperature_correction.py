"""Gas, metered as it flows, in base conditions: what is billed is the volume that it would have at 0 °C and 1.01325 bar.

    V_b = V_m * (p / p_b) * (T_b / T) * (Z_b / Z)

from the law of real gases, as DVGW G 486 and EN 12405 have it. T comes from a gauge beside the meter. A meter that corrects
temperatures itself does not need this rule; nor does busbar's own state number, which stands for a mean temperature.
"""
import numpy as np
from busbar import Number, rule

T_BASE, P_BASE = 273.15, 1.01325  # K, bar


@rule(inputs="7-0:3.29.0", window="2d", lane="raw", commodity="gas", others={"temperature": "7-0:41.7.0"},
      params={"bar": Number(1.03525, 0.5, 100, "absolute pressure at the meter: that of the air and the regulator's"),
              "z_ratio": Number(1, 0.5, 1.5, "Z_b / Z of the gas law; 1 is right below some bar"),
              "longest_h": Number(3, 0, 48, "hours for which a temperature holds")})
def gas_temperature_correction(w, bar, z_ratio, longest_h):
    """Volumes at the meter's temperature become volumes in base conditions."""
    celsius = w.others["temperature"].last(w.ts, within=np.timedelta64(int(longest_h * 3600), "s"))
    factor = bar / P_BASE * T_BASE / (T_BASE + celsius) * z_ratio
    told = w.new & w.known & (np.abs(celsius) < 100)
    w.correct(told, (w.value * factor)[told], "to_base_conditions", factor=factor)
    without = w.new & w.known & ~told
    if without.any():
        w.exception(f"of {without.sum()} volumes nobody knows the temperature: they stay as they were metered", without)
