"""Parameters of rules: what a person may set, with its range and a sentence; forms are made of them."""

from __future__ import annotations

import math
from typing import Any, Sequence


class Parameter:
    """`default` is what holds when nobody sets another; `help` is shown beside the field."""

    kind = "text"

    def __init__(self, default: Any, help: str = ""):
        self.help = help
        self.default = self.check(default)

    def check(self, value: Any) -> Any:
        """The value as the rule gets it; ValueError says what is allowed."""
        return value

    def describe(self) -> dict[str, Any]:
        return {"kind": self.kind, "default": self.default, "help": self.help}


class Number(Parameter):
    """A finite float from `least` to `most`."""

    kind = "number"

    def __init__(self, default: float, least: float = -math.inf, most: float = math.inf, help: str = ""):
        self.least, self.most = float(least), float(most)
        super().__init__(default, help)

    def check(self, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise ValueError(f"{value!r} is not a number")
        if not self.least <= value <= self.most:
            raise ValueError(f"{value!r} is not between {self.least:g} and {self.most:g}")
        return float(value)

    def describe(self) -> dict[str, Any]:
        return {**super().describe(), "min": None if math.isinf(self.least) else self.least,
                "max": None if math.isinf(self.most) else self.most}


class Flag(Parameter):
    """True or False."""

    kind = "flag"

    def check(self, value: Any) -> bool:
        if not isinstance(value, bool):
            raise ValueError(f"{value!r} is neither true nor false")
        return value


class Text(Parameter):
    """A text of at most `longest` characters."""

    def __init__(self, default: str = "", longest: int = 200, help: str = ""):
        self.longest = longest
        super().__init__(default, help)

    def check(self, value: Any) -> str:
        if not isinstance(value, str) or len(value) > self.longest:
            raise ValueError(f"{value!r} is not a text of at most {self.longest} characters")
        return value

    def describe(self) -> dict[str, Any]:
        return {**super().describe(), "longest": self.longest}


class Choice(Parameter):
    """One of some texts."""

    kind = "choice"

    def __init__(self, default: str, choices: Sequence[str], help: str = ""):
        self.choices = list(choices)
        super().__init__(default, help)

    def check(self, value: Any) -> str:
        if value not in self.choices:
            raise ValueError(f"{value!r} is none of {', '.join(self.choices)}")
        return value

    def describe(self) -> dict[str, Any]:
        return {**super().describe(), "choices": self.choices}
