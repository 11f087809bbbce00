"""The decorator, and what it makes of a function."""

from __future__ import annotations

import inspect
import re
from typing import Any, Callable, Mapping, Sequence

from .parameter import Choice, Flag, Number, Parameter, Text

LANES = ("raw", "vee", "hour", "day")
UNITS_MS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
NAME = re.compile(r"[a-z][a-z0-9_]{0,62}\Z")
SERIES_MOST = 8
UNIT_LENGTH = 20
FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}\Z")
LONGEST_WINDOW_MS = 400 * UNITS_MS["d"]


class RuleError(Exception):
    """A rule that is not stated as it must be, or says what it may not say. The text tells the author why."""


def duration_ms(text: str) -> int:
    """"7d", "36h", "1d12h"; RuleError when it is none."""
    parts = re.findall(r"(\d+)([smhd])", text) if isinstance(text, str) else []
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise RuleError(f"window={text!r} is no duration; write \"7d\", \"36h\" or \"1d12h\"")
    return sum(int(number) * UNITS_MS[unit] for number, unit in parts)


def _parameter(name: str, given: Any) -> Parameter:
    """`k=6.0` in short for Number(6.0), and so on."""
    if isinstance(given, Parameter):
        return given
    for kind, made in ((bool, Flag), ((int, float), Number), (str, Text)):
        if isinstance(given, kind):
            return made(given)
    if isinstance(given, (list, tuple)) and given:
        return Choice(given[0], given)
    raise RuleError(f"parameter {name}: give a Number, Flag, Text or Choice, or its default")


class Rule:
    """A rule as it is registered: what it wants to see, and the function."""

    def __init__(self, function: Callable[..., Any], inputs: str | Sequence[str], lane: str, window: str,
                 params: Mapping[str, Any], commodity: str | None, batch: bool,
                 others: Mapping[str, str], side: Mapping[str, str], outputs: Mapping[str, str]):
        self.function, self.batch = function, batch
        self.name = function.__name__
        self.inputs = [inputs] if isinstance(inputs, str) else list(inputs)
        self.lane, self.commodity = lane, commodity
        self.window_ms = duration_ms(window)
        self.others, self.side, self.outputs = dict(others), dict(side), dict(outputs)
        self.params = {name: _parameter(name, given) for name, given in params.items()}
        self.text = inspect.getdoc(function) or ""
        self._check()

    def _check(self) -> None:
        if not NAME.match(self.name):
            raise RuleError(f"rule {self.name!r}: a name is lower case letters, digits and _, 63 at most")
        if not self.inputs or not all(isinstance(name, str) and name for name in self.inputs):
            raise RuleError(f"rule {self.name}: inputs names the channels to see, by OBIS code or name")
        if self.lane not in LANES:
            raise RuleError(f"rule {self.name}: lane={self.lane!r} is none of {', '.join(LANES)}")
        if not 0 < self.window_ms <= LONGEST_WINDOW_MS:
            raise RuleError(f"rule {self.name}: a window is longer than nothing and at most 400d")
        self._check_series("others", self.others, "a channel, by OBIS code or name", lambda channel: bool(channel))
        self._check_series("side", self.side, "a file beside the module", FILE.match)
        self._check_series("outputs", self.outputs, "a unit, such as kWh", lambda unit: 0 < len(unit) <= UNIT_LENGTH)
        takes = list(inspect.signature(self.function).parameters.values())
        if not takes or takes[0].kind not in (takes[0].POSITIONAL_ONLY, takes[0].POSITIONAL_OR_KEYWORD):
            raise RuleError(f"rule {self.name}: the function takes the window first")
        names = {p.name for p in takes[1:] if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
        open_ended = any(p.kind == p.VAR_KEYWORD for p in takes)
        unknown = set(self.params) - names
        if unknown and not open_ended:
            raise RuleError(f"rule {self.name}: the function takes no {', '.join(sorted(unknown))}")
        missing = {p.name for p in takes[1:] if p.name in names and p.default is p.empty} - set(self.params)
        if missing:
            raise RuleError(f"rule {self.name}: params tells nothing of {', '.join(sorted(missing))}")

    def _check_series(self, what: str, given: Mapping[str, str], is_what: str, fits: Callable[[str], Any]) -> None:
        if len(given) > SERIES_MOST:
            raise RuleError(f"rule {self.name}: {what} names at most {SERIES_MOST}")
        for name, value in given.items():
            if not isinstance(name, str) or not NAME.match(name):
                raise RuleError(f"rule {self.name}: {what}: {name!r} is no name: lower case letters, digits and _")
            if not isinstance(value, str) or not fits(value):
                raise RuleError(f"rule {self.name}: {what}: {name} names {is_what}, not {value!r}")

    def arguments(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters as the function gets them; RuleError names the one that is not right."""
        unknown = set(given) - set(self.params)
        if unknown:
            raise RuleError(f"rule {self.name} has no parameter {', '.join(sorted(map(str, unknown)))}")
        out = {}
        for name, parameter in self.params.items():
            try:
                out[name] = parameter.check(given.get(name, parameter.default))
            except ValueError as error:
                raise RuleError(f"rule {self.name}, parameter {name}: {error}") from None
        return out

    def describe(self) -> dict[str, Any]:
        return {"name": self.name, "text": self.text, "inputs": self.inputs, "lane": self.lane,
                "commodity": self.commodity, "window_ms": self.window_ms, "batch": self.batch,
                "others": [[name, channel] for name, channel in self.others.items()],
                "side": [[name, file] for name, file in self.side.items()],
                "outputs": [[name, unit] for name, unit in self.outputs.items()],
                "params": {name: parameter.describe() for name, parameter in self.params.items()}}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)


#: Rules of the module that is being loaded, in its order.
registered: list[Rule] = []


def rule(*, inputs: str | Sequence[str], lane: str = "vee", window: str = "1d",
         params: Mapping[str, Any] | None = None, commodity: str | None = None,
         batch: bool = False, others: Mapping[str, str] | None = None,
         side: Mapping[str, str] | None = None,
         outputs: Mapping[str, str] | None = None) -> Callable[[Callable[..., Any]], Rule]:
    """Make a rule of a function.

    inputs     the channel it judges, by OBIS code or name
    lane       what it sees of them: raw (as sent), vee (validated), hour, day
    window     how far it looks back before what is new
    params     what people may set: {"k": Number(6, 1, 50, "...")}
    commodity  only usage points of it
    batch      True: it gets Windows, many meters as one 2-D array, instead of one Window after the other
    others     other channels of the usage point that it looks at: {"export": "1-1:2.29.0"}, then w.others["export"]
    side       series of no usage point, in files beside the module: {"temperature": "temperature.csv"}, then
               w.side["temperature"]
    outputs    channels that it makes, and their units: {"net": "kWh"}, then w.make("net", where, values)
    """
    def make(function: Callable[..., Any]) -> Rule:
        made = Rule(function, inputs, lane, window, params or {}, commodity, batch, others or {}, side or {},
                    outputs or {})
        if any(other.name == made.name for other in registered):
            raise RuleError(f"rule {made.name} is there twice")
        registered.append(made)
        return made
    return make
