"""busbar's rules: a few lines of Python that run on every meter.

    from busbar import Number, rule

    @rule(inputs="1.29.0", window="7d", params={"k": Number(6, 1, 50, "how many median deviations are too many")})
    def spikes(w, k):
        bad = w.new & (w.deviation() > k)
        w.flag(bad, "spike", deviation=w.deviation()[bad])

A rule is a pure function of its window: it gets numpy arrays that it cannot write to, and says what it found through
the window's methods. It runs in a process without files, network or clock; see docs/rules.md.
"""

from .parameter import Choice, Flag, Number, Text
from .rule import Rule, RuleError, rule
from .window import Quality, Window, Windows

__all__ = ["Choice", "Flag", "Number", "Quality", "Rule", "RuleError", "Text", "Window", "Windows", "rule"]
__version__ = "0.1.0"
