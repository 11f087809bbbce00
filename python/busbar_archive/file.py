"""One archived file: its index, its frames, and the blocks in them."""

import json
import struct

import numpy

from busbar_archive.bytes_ import Cursor, Damaged, column, unzstd

TRAILER = struct.Struct("<QIIIIQQHHI8s")
HEAD, END = b"BBARCH01", b"BBARCHND"
LANES = ("raw", "history", "vee", "day", "hour", "month", "stat", "rules")
WITHOUT_VALUES = ("stat", "rules")  # in forms of their own
STATE_MISSING = "missing"


class Names:
    """What numbers in blocks mean; each file says it itself."""

    def __init__(self, text):
        told = json.loads(text)
        self.units, self.states, self.marks = told["units"], told["states"], told["marks"]
        self.checks, self.methods = told["checks"], told["methods"]

    def quality(self, state, method, marks, checks, source):
        parts = [self.states[state]] + [name for i, name in enumerate(self.marks) if marks >> i & 1]
        parts += [f"method:{self.methods[method]}"] if method else []
        parts += [f"check:{name}" for i, name in enumerate(self.checks) if checks >> i & 1]
        return "|".join(parts + ([f"source:{source}"] if source else []))


class Frame:
    def __init__(self, cursor, offset):
        self.offset, self.packed, self.size = offset, cursor.varint(), cursor.varint()
        self.crc = int.from_bytes(cursor.bytes(4), "little")
        self.blocks, self.readings = cursor.varint(), cursor.varint()
        self.first, self.last = (cursor.text(), cursor.text()), (cursor.text(), cursor.text())


class Block:
    """Of one channel, lane and span: columns as arrays."""

    def __init__(self, data, names):
        cursor = Cursor(data)
        version, self.lane, count = cursor.byte(), LANES[cursor.byte()], cursor.varint()
        if version != 1:
            raise Damaged(f"a block has format version {version}")
        attributes = [self._attribute(cursor, names) for _ in range(cursor.varint())]
        self.end_ms = column(cursor, count)
        self.mantissa = column(cursor, count)
        attribute = column(cursor, count)
        self.recorded_ms = column(cursor, count)
        if count and not 0 <= attribute.min() <= attribute.max() < len(attributes):
            raise Damaged("a block names an attribute that it does not have")
        length_s, unit, exponent, quality, missing = zip(*attributes) if attributes else ((),) * 5
        self.start_ms = self.end_ms - numpy.array(length_s, dtype=numpy.int64)[attribute] * 1000
        self.exponent = numpy.array(exponent, dtype=numpy.int8)[attribute]
        self.unit = numpy.array(unit, dtype=object)[attribute]
        self.quality = numpy.array(quality, dtype=object)[attribute]
        self.missing = numpy.array(missing, dtype=bool)[attribute]

    @staticmethod
    def _attribute(cursor, names):
        state, method, marks, checks = cursor.byte(), cursor.byte(), cursor.varint(), cursor.varint()
        length_s, unit, exponent, _statistic = cursor.varint(), cursor.byte(), cursor.signed_byte(), cursor.byte()
        quality = names.quality(state, method, marks, checks, cursor.text())
        return length_s, names.units[unit], exponent, quality, names.states[state] == STATE_MISSING


class File:
    """A file on disk. Reads what is asked for: the index, and the frames that hold it."""

    def __init__(self, path):
        self.path = path
        with open(path, "rb") as file:
            size = file.seek(0, 2)
            if size < TRAILER.size + len(HEAD):
                raise Damaged(f"{path} is too short")
            file.seek(size - TRAILER.size)
            offset, packed, whole, _, _, self.blocks, self.readings, version, _, _, end = TRAILER.unpack(file.read())
            if end != END or version != 1 or offset + packed + TRAILER.size != size:
                raise Damaged(f"{path} is no archived file, or not all of it")
            file.seek(offset)
            cursor = Cursor(unzstd(file.read(packed), whole))
        self.lane, self.month = LANES[cursor.byte()], cursor.zigzag()
        self.partition, self.tenant = cursor.varint(), cursor.text()
        self.frames, at = [], len(HEAD)
        for _ in range(cursor.varint()):
            self.frames.append(Frame(cursor, at))
            at += self.frames[-1].packed
        self.names = Names(cursor.text())

    def entries(self, usage_point=None):
        """(usage point, channel, lane, span, bytes) of all blocks, or of one usage point's, in the file's order."""
        with open(self.path, "rb") as file:
            for frame in self.frames:
                if usage_point is not None and not frame.first[0].encode() <= usage_point.encode() <= frame.last[0].encode():
                    continue
                file.seek(frame.offset)
                yield from self._of_frame(unzstd(file.read(frame.packed), frame.size), usage_point)

    @staticmethod
    def _of_frame(data, usage_point):
        cursor, listed = Cursor(data), []
        for _ in range(cursor.varint()):
            name, channel = cursor.text(), cursor.text()
            for _ in range(cursor.varint()):
                listed.append((name, channel, LANES[cursor.byte()], cursor.zigzag(), cursor.varint()))
        for name, channel, lane, span, size in listed:
            packed = cursor.bytes(size)
            if usage_point is None or name == usage_point:
                yield name, channel, lane, span, packed

    def blocks_of(self, lane=None, usage_point=None):
        """(usage point, channel, Block); `lane` raw unless the file is another one's."""
        wanted = lane or self.lane
        if wanted in WITHOUT_VALUES:
            raise ValueError(f"the lane {wanted} has a form of its own")
        for name, channel, of, _span, packed in self.entries(usage_point):
            if of == wanted:
                yield name, channel, Block(packed, self.names)
