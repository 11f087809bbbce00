"""Series beside a window: other channels of the usage point, and side inputs such as the weather."""

from __future__ import annotations

from typing import Any, Iterator, Mapping

import numpy as np


def moments(ts: Any) -> np.ndarray:
    """Times as they stand in windows: datetime64[ms], UTC."""
    return np.asarray(ts, "datetime64[ms]")


class Series:
    """Values of another channel, from where the window begins to where it ends.

    ts, value, quality    as a window's; empty where the usage point has no such channel
    unit, channel         of it; "" where there is none
    """

    __slots__ = ("ts", "value", "quality", "unit", "channel")

    def __init__(self, ts: np.ndarray, value: np.ndarray, quality: np.ndarray, unit: str = "", channel: str = ""):
        self.ts, self.value, self.quality, self.unit, self.channel = ts, value, quality, unit, channel

    def __len__(self) -> int:
        return len(self.ts)

    @property
    def known(self) -> np.ndarray:
        """Mask: what has a value."""
        return np.isfinite(self.value)

    def on(self, ts: Any) -> np.ndarray:
        """The values that stand at these very moments; NaN where there is none."""
        ts = moments(ts)
        out = np.full(ts.shape, np.nan)
        if len(self.ts):
            at = np.minimum(np.searchsorted(self.ts, ts), len(self.ts) - 1)
            there = self.ts[at] == ts
            out[there] = self.value[at[there]]
        return out


class Side:
    """A side input: ts (ascending, datetime64[ms], UTC) and value (NaN: nobody knows)."""

    __slots__ = ("ts", "value")

    def __init__(self, ts: np.ndarray, value: np.ndarray):
        object.__setattr__(self, "ts", ts)
        object.__setattr__(self, "value", value)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError("a side input belongs to all windows: it cannot be changed")

    def __len__(self) -> int:
        return len(self.ts)

    def at(self, ts: Any) -> np.ndarray:
        """On the line between the entries before and behind each moment; NaN outside, and beside what nobody knows."""
        ts = moments(ts)
        if not len(self.ts):
            return np.full(ts.shape, np.nan)
        return np.interp(ts.astype("i8"), self.ts.astype("i8"), self.value, left=np.nan, right=np.nan)

    def last(self, ts: Any) -> np.ndarray:
        """What was told last, at each moment or before it; NaN before the first entry."""
        ts = moments(ts)
        if not len(self.ts):
            return np.full(ts.shape, np.nan)
        at = np.searchsorted(self.ts, ts, side="right") - 1
        return np.where(at >= 0, self.value[np.maximum(at, 0)], np.nan)


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
