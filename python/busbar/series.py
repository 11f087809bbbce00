"""Series beside a window: other channels of the usage point, and side inputs such as the weather."""

from __future__ import annotations

from typing import Any, Iterator, Mapping

import numpy as np

from .rule import duration_ms


class _Line:
    """Values at ascending moments, `ts` (datetime64[ms], UTC) and `value` (NaN: nobody knows), asked about others."""

    __slots__ = ()
    ts: np.ndarray
    value: np.ndarray

    def __len__(self) -> int:
        return len(self.ts)

    @property
    def known(self) -> np.ndarray:
        """Mask: what has a value."""
        return np.isfinite(self.value)

    def on(self, ts: Any) -> np.ndarray:
        """The values that stand at these very moments; NaN where there is none."""
        ts = _moments(ts)
        if not len(self.ts):
            return np.full(ts.shape, np.nan)
        at = np.minimum(np.searchsorted(self.ts, ts), len(self.ts) - 1)
        return np.where(self.ts[at] == ts, self.value[at], np.nan)

    def last(self, ts: Any, within: Any = None) -> np.ndarray:
        """The last value that is known at each moment, or nearer than `within` ("3h", or a timedelta64) before it; else NaN."""
        ts, known = _moments(ts), self.known
        told, value = (self.ts, self.value) if known.all() else (self.ts[known], self.value[known])
        if not len(told):
            return np.full(ts.shape, np.nan)
        at = np.searchsorted(told, ts, side="right") - 1
        there = at >= 0
        if within is not None:
            longest = np.timedelta64(duration_ms(within), "ms") if isinstance(within, str) else within
            there = there & (ts - told[at] <= longest)
        return np.where(there, value[at], np.nan)

    def at(self, ts: Any) -> np.ndarray:
        """On the line between the values before and behind each moment; NaN outside, and beside what nobody knows."""
        ts = _moments(ts)
        if not len(self.ts):
            return np.full(ts.shape, np.nan)
        return np.interp(ts.astype("i8"), self.ts.astype("i8"), self.value, left=np.nan, right=np.nan)


def _moments(ts: Any) -> np.ndarray:
    return np.asarray(ts, "datetime64[ms]")


class Series(_Line):
    """Values of another channel, from where the window begins to where it ends.

    ts, value, quality    as a window's; empty where the usage point has no such channel
    unit, channel         of it; "" where there is none
    """

    __slots__ = ("ts", "value", "quality", "unit", "channel")

    def __init__(self, ts: np.ndarray, value: np.ndarray, quality: np.ndarray, unit: str = "", channel: str = ""):
        self.ts, self.value, self.quality, self.unit, self.channel = ts, value, quality, unit, channel


class Side(_Line):
    """A side input: ts and value. All windows have the same one."""

    __slots__ = ("ts", "value")

    def __init__(self, ts: np.ndarray, value: np.ndarray):
        object.__setattr__(self, "ts", ts)
        object.__setattr__(self, "value", value)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError("a side input belongs to all windows: it cannot be changed")


class Named(Mapping):
    """Series by the names that the rule gave them; what it did not name is an error that says which there are."""

    __slots__ = ("_items", "_what")

    def __init__(self, items: Mapping[str, Any], what: str):
        self._items, self._what = dict(items), what

    def __getitem__(self, name: str) -> Any:
        try:
            return self._items[name]
        except KeyError:
            there = ", ".join(self._items) or "none"
            raise KeyError(f"@rule({self._what}={{...}}) does not name {name!r}; it names {there}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)
