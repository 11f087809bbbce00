"""The worker: loads a rules module and runs its rules over batches in shared memory.

Two regions, laid out as src/adapter/rules_layout_internal.h says: the request, which this process can only read,
and the answer, which the host reads as the word of a stranger.
"""

from __future__ import annotations

import json
import os
import random
import struct
import sys
import time
import traceback
import types
import zlib
from typing import Any

import numpy as np


from .rule import Rule, RuleError, registered
from .series import Side
from .window import Batch, Crowded, Others, Verdicts, Window, Windows

# magic, operation, rule, windows, points, meta bytes, seed, now in ms, other channels, has a profile, their points,
# windows after which to end
REQUEST = struct.Struct("<IIIIQQQHHII12x")
SIDE = struct.Struct("<IIQ")  # magic, series, bytes of their names
ANSWER = struct.Struct("<IIIIQ")  # magic, state, at window, reserved, told bytes
MAGIC = 0x31524242
LOAD, RUN = 1, 2
DONE, REFUSED = 1, 2
COLUMNS_AT, ALIGN = 64, 64
TELL_MOST = 1 << 20
TRACE_MOST, PRINTED_MOST = 2000, 4000


def _aligned(size: int) -> int:
    return (size + ALIGN - 1) // ALIGN * ALIGN


class _Reader:
    """Columns of a region, one behind the other."""

    def __init__(self, region: memoryview):
        self.region, self.at = region, COLUMNS_AT

    def column(self, kind: str, count: int) -> np.ndarray:
        out = np.frombuffer(self.region, kind, count, self.at)
        self.at += _aligned(out.nbytes)
        return out


def _side_inputs(region: memoryview | None) -> dict[str, Side]:
    if region is None:
        return {}
    _, count, names_bytes = SIDE.unpack_from(region)
    read = _Reader(region)
    points, names = read.column("<u8", count), read.column("u1", names_bytes)
    out = {}
    for name, size in zip(bytes(names).decode().split("\0"), points):
        ts, value = read.column("<i8", int(size)), read.column("<f8", int(size))
        out[name] = Side(ts.view("datetime64[ms]"), value)
    return out


NO_SIDE = Side(np.empty(0, "datetime64[ms]"), np.empty(0))


class _Printed:
    """What the rule prints: the first of it, for its author."""

    encoding, errors = "utf-8", "replace"

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> int:
        self.text += text[:PRINTED_MOST - len(self.text)]
        return len(text)

    def flush(self) -> None:
        pass

    def isatty(self) -> bool:
        return False


def _trace(error: BaseException) -> str:
    """The part of a traceback that is the author's."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith("<busbar")]
    text = "".join(traceback.format_list(frames) + traceback.format_exception_only(type(error), error))
    return text[-TRACE_MOST:]


class Worker:
    def __init__(self, request: memoryview, answer: memoryview, side: memoryview | None = None):
        self.request, self.answer = request, answer
        self.side = _side_inputs(side)
        self.rules: list[Rule] = []

    # ---- loading

    def load(self, source: str, name: str) -> dict[str, Any]:
        """Run a module's body: it registers its rules."""
        registered.clear()
        module = types.ModuleType("rules")
        module.__file__ = name
        sys.modules["rules"] = module
        exec(compile(source, name, "exec", dont_inherit=True), module.__dict__)
        self.rules = list(registered)
        if not self.rules:
            raise RuleError(f"{name} has no rule: a rule is a function under @rule(...)")
        return {"rules": [rule.describe() for rule in self.rules]}

    # ---- running

    def _batch(self, rule: Rule, windows: int, points: int, meta_bytes: int, others: int, has_profile: int,
               other_points: int) -> Batch:
        read, tell = _Reader(self.request), _Reader(self.answer)
        offset, judge = read.column("<u4", windows + 1), read.column("<u4", windows)
        interval, end = read.column("<i8", windows), read.column("<i8", points)
        utc_offset, value, quality = read.column("<i4", points), read.column("<f8", points), read.column("<u4", points)
        profile = read.column("<f8", points) if has_profile else None
        beside = Others(rule.others, read.column("<u4", windows * others + 1), read.column("<i8", other_points),
                        read.column("<f8", other_points), read.column("<u4", other_points)) if others else None
        meta = json.loads(bytes(self.request[read.at:read.at + meta_bytes]) or b"{}")
        verdict, reason, out = tell.column("u1", points), tell.column("<u2", points), tell.column("<f8", points)
        verdict[:], reason[:], out[:] = 0, 0, np.nan
        self.failed, self.tell_at = tell.column("u1", windows), tell.at
        self.failed[:] = 0
        side = {name: self.side.get(file, NO_SIDE) for name, file in rule.side.items()}
        return Batch(offset, judge, interval, end, utc_offset, value, quality, meta, Verdicts(verdict, out, reason),
                     profile, beside or Others.none(rule.others, windows), side)

    def _at_window(self, number: int) -> None:
        struct.pack_into("<I", self.answer, 8, number)  # read by the host when this process dies

    def _judged(self, windows: int) -> None:
        if 0 < self.abort_at <= windows:
            os._exit(0)  # as if somebody had ended it here

    def _one_by_one(self, rule: Rule, batch: Batch, arguments: dict[str, Any], seed: int) -> list[dict[str, Any]]:
        failures, seeds = [], _seeds(batch, seed)
        for number in range(len(batch)):
            self._at_window(number)
            _seed(seeds[number])
            _freeze_clock(batch, number)
            window = Window(batch, number)
            try:
                rule.function(window, **arguments)
            except (KeyboardInterrupt, SystemExit, Exception) as error:
                if isinstance(error, MemoryError) and len(batch) > 1:
                    raise Crowded from None  # others had it, too: alone it may have enough
                batch.verdicts.forget(window._part)
                self.failed[number] = 1
                failures.append({"window": number, "text": _trace(error)})
            if batch.verdicts.crowded:
                raise Crowded
            self._judged(number + 1)
        return failures

    def _all_at_once(self, rule: Rule, batch: Batch, arguments: dict[str, Any], seed: int) -> list[dict[str, Any]]:
        seeds = _seeds(batch, seed)
        for first, last in batch.alike():
            self._at_window(first)
            _seed(seeds[first])
            _freeze_clock(batch, first)
            rule.function(Windows(batch, first, last), **arguments)
            if batch.verdicts.crowded:
                raise Crowded
            self._judged(last)
        return []

    def run(self, number: int, windows: int, points: int, meta_bytes: int, seed: int, others: int,
            has_profile: int, other_points: int, abort_at: int) -> dict[str, Any]:
        rule, self.abort_at = self.rules[number], abort_at
        batch = self._batch(rule, windows, points, meta_bytes, others, has_profile, other_points)
        batch.verdicts.outputs = rule.outputs
        arguments = rule.arguments(batch.meta.get("params") or {})
        failures = (self._all_at_once if rule.batch else self._one_by_one)(rule, batch, arguments, seed)
        verdicts = batch.verdicts
        evidence, heard = {}, (verdicts.verdict != 0) & batch.new() if verdicts.evidence else None
        for name, column in verdicts.evidence.items():
            at = np.flatnonzero(np.isfinite(column) & heard)
            evidence[name] = [at.tolist(), column[at].tolist()]
        return {"reasons": list(verdicts.reasons), "evidence": evidence, "failures": failures,
                "exceptions": [e for e in verdicts.exceptions if not self.failed[e["window"]]],
                "tags": [t for t in verdicts.tags if not self.failed[t["window"]]]}

    # ---- answering

    def handle(self) -> None:
        _, operation, *asked = REQUEST.unpack_from(self.request)
        printed = sys.stdout = sys.stderr = _Printed()
        ANSWER.pack_into(self.answer, 0, MAGIC, 0, 0, 0, 0)
        self.tell_at, state = COLUMNS_AT, DONE
        try:
            if operation == LOAD:
                meta_bytes = asked[3]
                source = bytes(self.request[COLUMNS_AT:COLUMNS_AT + meta_bytes])
                name, _, text = source.decode().partition("\n")
                told = self.load(text, name)
            else:
                told = self.run(*asked)
        except (KeyboardInterrupt, SystemExit, Crowded, Exception) as error:
            told, state = {"failures": [{"window": 0, "text": _trace(error)}]}, REFUSED
        if printed.text:
            told["printed"] = printed.text
        text = json.dumps(told, allow_nan=False).encode()
        if len(text) > TELL_MOST or self.tell_at + len(text) > len(self.answer):
            text, state = b'{"failures":[{"window":0,"text":"the rule says more than fits"}]}', REFUSED
        self.answer[self.tell_at:self.tell_at + len(text)] = text
        at = struct.unpack_from("<I", self.answer, 8)[0]
        ANSWER.pack_into(self.answer, 0, MAGIC, state, at, 0, len(text))

    def serve(self, wake_fd: int, done_fd: int) -> None:
        while os.read(wake_fd, 8):
            self.handle()
            os.write(done_fd, b"\1\0\0\0\0\0\0\0")


def _seeds(batch: Batch, seed: int) -> list[int]:
    """The same window, the same random numbers, in whatever batch it comes: by whose it is and when it ends."""
    ends = batch.ts[batch.offset[1:] - 1].astype("i8").tolist()
    told = batch.meta.get("windows") or [{}] * len(ends)
    return [seed ^ zlib.crc32(f"{about.get('usage_point')}\0{about.get('channel')}\0{end}".encode())
            for end, about in zip(ends, told)]


def _seed(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed & 0xFFFFFFFF)


def _freeze_clock(batch: Batch, number: int) -> None:
    """The clock stands at the end of the window, however long it takes: the same window, the same time."""
    now_ms = int(batch.ts[batch.offset[number + 1] - 1].astype("i8"))
    time.time = lambda: now_ms / 1000
    time.time_ns = lambda: now_ms * 1_000_000
