"""What a rule sees, and how it answers.

A Window is one channel of one usage point; Windows are many of the same length, as 2-D arrays. Arrays are views of
memory that the rule cannot write to. Methods that answer take a mask (or indices) of points and collect verdicts;
the latest verdict about a point holds.
"""

from __future__ import annotations

import sys
from typing import Any, Mapping

import numpy as np

from .series import Named, Series, Side

#: Verdicts, as the host reads them.
NOTHING, FLAG, ESTIMATE, CORRECT, MAKE = 0, 1, 2, 3, 4
REASON_LENGTH, TEXT_LENGTH = 63, 500
#: Of one window. A window says the same alone and among others: so what a rule may say is counted by window.
REASONS_MOST, EVIDENCE_MOST, EXCEPTIONS_MOST, TAGS_MOST = 100, 8, 100, 20
#: Of a batch. One that has more is cut by the host and asked again, so that no verdict hangs on it.
BATCH_REASONS_MOST, BATCH_EVIDENCE_MOST = 60_000, 64


class Quality:
    """Bits of the column `quality`."""

    MEASURED, ESTIMATED, EDITED, MISSING, SUSPECT = 1, 2, 4, 8, 16


class Crowded(BaseException):
    """What the windows of a batch say together does not fit: fewer at a time do. No fault of the rule, which does not see it."""


class Verdicts:
    """What rules said of a batch: one verdict, value and reason per point; evidence, exceptions, tags."""

    def __init__(self, verdict: np.ndarray, value: np.ndarray, reason: np.ndarray):
        self.verdict, self.value, self.reason = verdict, value, reason
        self.reasons: dict[str, int] = {"": 0}
        self.evidence: dict[str, np.ndarray] = {}
        self.exceptions: list[dict[str, Any]] = []
        self.tags: list[dict[str, Any]] = []
        self.outputs: Mapping[str, str] = {}
        self.said: dict[tuple[str, int], set[str]] = {}
        self.crowded = False

    def _crowd(self) -> None:
        self.crowded = True  # also for those who swallow it
        raise Crowded

    def _note(self, what: str, who: "_Answers", name: str, most: int, refusal: str) -> None:
        """A window says one thing more of this kind."""
        said = self.said.setdefault((what, who.number), set())
        if name not in said and len(said) >= most:
            if not who.is_alone:
                self._crowd()
            raise ValueError(refusal)
        said.add(name)

    def code_of(self, reason: str, who: "_Answers") -> int:
        if not isinstance(reason, str) or not 0 < len(reason) <= REASON_LENGTH:
            raise ValueError(f"a reason is a text of 1 to {REASON_LENGTH} characters, not {reason!r}")
        self._note("reason", who, reason, REASONS_MOST,
                   f"more than {REASONS_MOST} different reasons of one window: put numbers into evidence columns")
        if reason not in self.reasons and len(self.reasons) >= BATCH_REASONS_MOST:
            self._crowd()
        return self.reasons.setdefault(reason, len(self.reasons))

    def column(self, name: str, who: "_Answers") -> np.ndarray:
        if not name.isidentifier() or len(name) > REASON_LENGTH:
            raise ValueError(f"{name!r} cannot name an evidence column")
        self._note("evidence", who, name, EVIDENCE_MOST, f"more than {EVIDENCE_MOST} evidence columns of one window")
        if name not in self.evidence:
            if len(self.evidence) >= BATCH_EVIDENCE_MOST:
                self._crowd()
            self.evidence[name] = np.full(self.verdict.shape, np.nan)
        return self.evidence[name]

    def add(self, what: str, rows: list[dict[str, Any]], who: "_Answers", most: int, row: dict[str, Any]) -> None:
        """An exception or a tag of a window."""
        self._note(what, who, str(len(rows)), most, f"more than {most} {what}s of one window")
        rows.append({"window": who.number, **row})

    def forget(self, part: slice) -> None:
        """Nothing was said of these points after all: the rule failed."""
        self.verdict[part] = NOTHING
        for column in self.evidence.values():
            column[part] = np.nan


class _Answers:
    """The answering half of Window and Windows, over any shape."""

    shape: tuple[int, ...]
    value: np.ndarray
    number: int  # of the window, or the first of them
    is_alone: bool
    _verdicts: Verdicts
    _part: slice

    def _mask(self, where: Any) -> np.ndarray:
        where = np.asarray(where)
        if where.dtype == bool:
            if where.shape != self.shape:
                raise ValueError(f"a mask has the window's shape {self.shape}, not {where.shape}")
            return where
        if where.size and not np.issubdtype(where.dtype, np.integer):
            raise TypeError(f"points are told by a mask or by indices, not by {where.dtype}")
        mask = np.zeros(self.shape, bool)
        if where.size:
            mask[where] = True
        return mask

    def _view(self, column: np.ndarray) -> np.ndarray:
        return column[self._part].reshape(self.shape)

    def _tell(self, where: Any, verdict: int, reason: str, values: Any, evidence: Mapping[str, Any]) -> None:
        mask, v = self._mask(where), self._verdicts
        code = v.code_of(reason, self)
        if not mask.any():
            return
        self._view(v.verdict)[mask] = verdict
        self._view(v.reason)[mask] = code
        if values is not None:
            values = np.asarray(values, float)
            if values.shape == self.shape:
                values = values[mask]
            if verdict in (CORRECT, MAKE) and not np.isfinite(values).all():
                raise ValueError(f"a {'corrected' if verdict == CORRECT else 'made'} value is a finite number")
            self._view(v.value)[mask] = values
        for name, column in evidence.items():
            column = np.asarray(column, float)
            self._view(v.column(name, self))[mask] = column[mask] if column.shape == self.shape else column

    def flag(self, where: Any, reason: str, **evidence: Any) -> None:
        """These points are suspect. Evidence: numbers, or a column of the window's or the mask's length."""
        self._tell(where, FLAG, reason, None, evidence)

    def correct(self, where: Any, values: Any, reason: str, **evidence: Any) -> None:
        """These points have other values."""
        self._tell(where, CORRECT, reason, values, evidence)

    def make(self, name: str, where: Any, values: Any) -> None:
        """At these points the channel that the rule makes under that name (outputs=...) has these values."""
        if name not in self._verdicts.outputs:
            raise ValueError(f"outputs={{{name!r}: unit}} has to say what {name!r} is counted in")
        self._tell(where, MAKE, name, values, {})

    def estimate(self, where: Any, values: Any = None, reason: str = "estimated", *, method: str | None = None,
                 **evidence: Any) -> None:
        """These points are estimated: by the values given, or method="linear" between their neighbours."""
        mask = self._mask(where)
        if (values is None) == (method is None):
            raise ValueError("estimate: give values, or method=\"linear\"")
        if method is not None:
            if method != "linear":
                raise ValueError(f"method={method!r}: there is \"linear\"; for others give the values")
            values = self._between(mask)
        values = np.broadcast_to(np.asarray(values, float), self.shape) if np.ndim(values) == 0 else values
        self._tell(mask, ESTIMATE, reason, values, evidence)

    def _between(self, mask: np.ndarray) -> np.ndarray:
        out = np.array(self.value).reshape(-1, self.shape[-1])
        for row, gone in zip(out, (mask | ~np.isfinite(self.value)).reshape(out.shape)):
            if gone.any() and not gone.all():
                at = np.arange(len(row))
                row[gone] = np.interp(at[gone], at[~gone], row[~gone])
        return out.reshape(self.shape)


class Window(_Answers):
    """One channel of one usage point: what is new, and `window` before it.

    ts         ends of the readings, datetime64[ms], UTC
    local      the same on the clock of the usage point, datetime64[ms]
    value      float64, NaN where nothing is known
    quality    bits of Quality
    new        mask: the points that the rule is asked about; the others are its past
    interval   timedelta64[ms]; 0: irregular
    profile    what each interval weighs by the channel's profile, of which only proportions matter; None: it has none
    others     other channels, by the names of @rule(others=...): ts, value, quality, unit of their own
    side       side inputs, by the names of @rule(side=...): ts, value, at(ts), last(ts)
    usage_point, channel, unit, commodity, tags, master    of the usage point
    """

    def __init__(self, batch: "Batch", number: int):
        self._verdicts, self._batch, self.number, self.is_alone = batch.verdicts, batch, number, True
        first, last = int(batch.offset[number]), int(batch.offset[number + 1])
        self._part, self.shape = slice(first, last), (last - first,)
        self.value, self.quality = batch.value[first:last], batch.quality[first:last]
        self.interval = batch.interval[number]

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def ts(self) -> np.ndarray:
        return self._batch.ts[self._part]

    @property
    def local(self) -> np.ndarray:
        return self.ts + self._batch.utc_offset_s[self._part].astype("timedelta64[s]")

    @property
    def new(self) -> np.ndarray:
        return np.arange(len(self)) >= int(self._batch.judge[self.number])

    @property
    def known(self) -> np.ndarray:
        """Mask: the points that have a value."""
        return np.isfinite(self.value)

    @property
    def profile(self) -> np.ndarray | None:
        weights = None if self._batch.profile is None else self._batch.profile[self._part]
        return None if weights is None or np.isnan(weights).all() else weights

    @property
    def others(self) -> Named:
        if "_others" not in self.__dict__:
            self.__dict__["_others"] = Named(self._batch.others.of(self.number, self._about()["others"]), "others")
        return self.__dict__["_others"]

    @property
    def side(self) -> Named:
        return self._batch.side

    def aligned(self, name: str) -> np.ndarray:
        """Another channel's values at the window's own moments; NaN where nothing is known."""
        return self.others[name].on(self.ts)

    def deviation(self) -> np.ndarray:
        """How many median absolute deviations each value lies from the median; 0 where all are alike."""
        if not self.known.any():
            return np.zeros(len(self))
        median = np.nanmedian(self.value)
        spread = np.nanmedian(np.abs(self.value - median))
        return np.nan_to_num(np.abs(self.value - median) / spread) if spread > 0 else np.zeros(len(self))

    def deviates_from_median(self, k: float) -> np.ndarray:
        """Mask of the new points that lie more than k median absolute deviations away."""
        return self.new & (self.deviation() > k)

    def _about(self) -> dict[str, Any]:
        if "_told" not in self.__dict__:
            self.__dict__["_told"] = self._batch.about(self.number)
        return self.__dict__["_told"]

    def __getattr__(self, name: str) -> Any:
        try:
            return self._about()[name]
        except KeyError:
            raise AttributeError(f"a window has no {name!r}") from None

    def exception(self, text: str, where: Any = None) -> None:
        """Something for a person to look at; `where`: the points it is about, else all that is new."""
        mask = self.new if where is None else self._mask(where)
        at = np.flatnonzero(mask)
        if at.size:
            self._verdicts.add("exception", self._verdicts.exceptions, self, EXCEPTIONS_MOST,
                               {"first": int(at[0]), "last": int(at[-1]), "text": str(text)[:TEXT_LENGTH]})

    def tag(self, name: str, value: str) -> None:
        """The usage point is tagged, as of the first new point."""
        self._verdicts.add("tag", self._verdicts.tags, self, TAGS_MOST,
                           {"name": str(name)[:REASON_LENGTH], "value": str(value)[:TEXT_LENGTH]})

    def to_pandas(self) -> Any:
        """A pandas Series of the values by their moments in UTC; rules.imports has to name pandas."""
        if "pandas" not in sys.modules:
            raise ImportError("pandas is not there: a rule cannot import it by itself any more. Name it in the "
                              "configuration (rules: {imports: pandas}), and install it into rules.environment")
        pandas = sys.modules["pandas"]
        return pandas.Series(np.array(self.value), index=pandas.DatetimeIndex(self.ts, tz="UTC"), name=self.channel)


class Windows(_Answers):
    """Windows of one length: `value`, `quality`, `new`, `known` are [windows, points]."""

    def __init__(self, batch: "Batch", first: int, last: int):
        start, end = int(batch.offset[first]), int(batch.offset[last])
        self._batch, self._verdicts = batch, batch.verdicts
        self.first, self.last, self._part = first, last, slice(start, end)
        self.number, self.is_alone = first, last - first == 1
        self.shape = (last - first, (end - start) // (last - first))
        self.value, self.quality = self._view(batch.value), self._view(batch.quality)

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def ts(self) -> np.ndarray:
        return self._view(self._batch.ts)

    @property
    def local(self) -> np.ndarray:
        return self.ts + self._view(self._batch.utc_offset_s).astype("timedelta64[s]")

    @property
    def interval(self) -> np.ndarray:
        return self._batch.interval[self.first:self.last]

    @property
    def new(self) -> np.ndarray:
        return np.arange(self.shape[1]) >= self._batch.judge[self.first:self.last, None]

    @property
    def known(self) -> np.ndarray:
        return np.isfinite(self.value)

    @property
    def profile(self) -> np.ndarray:
        """[windows, points]; NaN of those that have no profile, whoever else has one."""
        return np.full(self.shape, np.nan) if self._batch.profile is None else self._view(self._batch.profile)

    @property
    def side(self) -> Named:
        return self._batch.side

    def aligned(self, name: str) -> np.ndarray:
        """Another channel's values at the windows' own moments, [windows, points]; NaN where nothing is known."""
        return self._batch.others.aligned(name, self.ts, self.first)

    def __getitem__(self, i: int) -> Window:
        if not 0 <= i < len(self):
            raise IndexError(i)
        return Window(self._batch, self.first + i)


class Others:
    """Other channels in columns: series k of window i, number n = i * names + k, lies from offset[n] to offset[n + 1]."""

    def __init__(self, names: Mapping[str, str], offset: np.ndarray, end_ms: np.ndarray, value: np.ndarray,
                 quality: np.ndarray):
        self.names, self.offset, self.value, self.quality = list(names), offset, value, quality
        self.ts = end_ms.view("datetime64[ms]")

    @classmethod
    def none(cls, names: Mapping[str, str], windows: int) -> "Others":
        """Nobody has them."""
        return cls(names, np.zeros(windows * len(names) + 1, "u4"), np.empty(0, "i8"), np.empty(0), np.empty(0, "u4"))

    def _part(self, window: int, k: int) -> slice:
        n = window * len(self.names) + k
        return slice(int(self.offset[n]), int(self.offset[n + 1]))

    def of(self, window: int, told: Mapping[str, Mapping[str, str]]) -> dict[str, Series]:
        out = {}
        for k, name in enumerate(self.names):
            part, about = self._part(window, k), told.get(name) or {}
            out[name] = Series(self.ts[part], self.value[part], self.quality[part], about.get("unit", ""),
                               about.get("channel", ""))
        return out

    def aligned(self, name: str, ts: np.ndarray, first: int) -> np.ndarray:
        """Of the windows from `first` on, one a row of `ts`. What lies as the windows themselves do is not copied."""
        if name not in self.names:
            Named(dict.fromkeys(self.names), "others")[name]
        k = self.names.index(name)
        parts = [self._part(first + i, k) for i in range(len(ts))]
        start, end = parts[0].start, parts[-1].stop
        as_they_lie = len(self.names) == 1 and all(part.stop - part.start == ts.shape[1] for part in parts)
        if as_they_lie and (self.ts[start:end] == ts.ravel()).all():
            return self.value[start:end].reshape(ts.shape)
        return np.stack([Series(self.ts[part], self.value[part], self.quality[part]).on(row)
                         for part, row in zip(parts, ts)])


class Batch:
    """Windows in columns, as they lie in memory; `offset[i]` is where window i begins."""

    def __init__(self, offset: np.ndarray, judge: np.ndarray, interval_ms: np.ndarray, end_ms: np.ndarray,
                 utc_offset_s: np.ndarray, value: np.ndarray, quality: np.ndarray, meta: Mapping[str, Any],
                 verdicts: Verdicts, profile: np.ndarray | None, others: Others, side: Mapping[str, Side]):
        self.profile, self.others, self.side = profile, others, Named(side, "side")
        self.offset, self.judge, self.value, self.quality = offset, judge, value, quality
        self.ts, self.interval = end_ms.view("datetime64[ms]"), interval_ms.view("timedelta64[ms]")
        self.utc_offset_s, self.meta, self.verdicts = utc_offset_s, meta, verdicts

    def __len__(self) -> int:
        return len(self.offset) - 1

    def new(self) -> np.ndarray:
        """Mask: the points that are asked about."""
        length = np.diff(self.offset.astype("i8"))
        return np.arange(int(self.offset[-1])) >= np.repeat(self.offset[:-1].astype("i8") + self.judge, length)

    def about(self, number: int) -> dict[str, Any]:
        windows = self.meta.get("windows") or []
        about = dict(windows[number]) if number < len(windows) else {}
        for name, otherwise in (("usage_point", ""), ("channel", ""), ("unit", ""), ("commodity", ""), ("tags", {}),
                                ("master", {}), ("others", {})):
            about.setdefault(name, otherwise)
        return about

    def alike(self) -> "list[tuple[int, int]]":
        """Runs of windows that have the same number of points: (first, behind the last)."""
        length = np.diff(self.offset)
        edges = np.flatnonzero(np.diff(length)) + 1
        return [(int(a), int(b)) for a, b in zip([0, *edges], [*edges, len(length)]) if length[a] > 0]
