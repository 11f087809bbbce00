"""Varints, packed columns, zstd: the bytes that blocks and files are made of."""

import subprocess

import numpy

CONSTANT, LINEAR, FRAME, DELTA, RUNS = range(5)
MASK = (1 << 64) - 1


class Damaged(ValueError):
    """Bytes that do not fit together."""


class Cursor:
    """Reads forward, and never behind the end."""

    def __init__(self, data, at=0):
        self.data, self.at = data, at

    def byte(self):
        if self.at >= len(self.data):
            raise Damaged("the bytes end too early")
        self.at += 1
        return self.data[self.at - 1]

    def signed_byte(self):
        value = self.byte()
        return value - 256 if value > 127 else value

    def varint(self):
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value & MASK
            shift += 7
            if shift > 63:
                raise Damaged("a number is too long")

    def zigzag(self):
        value = self.varint()
        return (value >> 1) ^ -(value & 1)

    def bytes(self, size):
        if size > len(self.data) - self.at:
            raise Damaged("the bytes end too early")
        self.at += size
        return self.data[self.at - size:self.at]

    def text(self):
        return bytes(self.bytes(self.varint())).decode()


def frame_of_reference(cursor, count):
    least, width = cursor.zigzag(), cursor.byte()
    if width > 64:
        raise Damaged("a column's width is more than 64 bits")
    packed = numpy.frombuffer(cursor.bytes((count * width + 7) // 8), dtype=numpy.uint8)
    if width == 0:
        return numpy.full(count, least, dtype=numpy.int64)
    bits = numpy.unpackbits(packed, bitorder="little")[:count * width].reshape(count, width)
    wide = numpy.zeros((count, 64), dtype=numpy.uint8)
    wide[:, :width] = bits
    values = numpy.packbits(wide, axis=1, bitorder="little").view("<u8").reshape(count)
    return (values + numpy.uint64(least & MASK)).view(numpy.int64)


def column(cursor, count, depth=0):
    """`count` integers, as model/pack.h packs them."""
    if count == 0:
        return numpy.empty(0, dtype=numpy.int64)
    form = cursor.byte()
    if form == CONSTANT:
        return numpy.full(count, cursor.zigzag(), dtype=numpy.int64)
    if form == LINEAR:
        first, stride = cursor.zigzag(), cursor.zigzag()
        steps = numpy.arange(count, dtype=numpy.uint64) * numpy.uint64(stride & MASK)
        return (steps + numpy.uint64(first & MASK)).view(numpy.int64)
    if form == FRAME:
        return frame_of_reference(cursor, count)
    if form == DELTA and depth == 0:
        first = numpy.array([cursor.zigzag()], dtype=numpy.int64)
        return numpy.cumsum(numpy.concatenate([first, column(cursor, count - 1, 1)]))
    if form == RUNS and depth < 2:
        runs = cursor.zigzag()
        if not 1 <= runs <= count:
            raise Damaged("a column has more runs than values")
        lengths = column(cursor, runs, 2)
        values = column(cursor, runs, depth + 1)
        if lengths.min() < 1 or lengths.sum() != count:
            raise Damaged("a column's runs do not add up")
        return numpy.repeat(values, lengths)
    raise Damaged(f"a column has the unknown form {form}")


def unzstd(data, size):
    """A zstd frame of a known size, by what is there."""
    try:
        import zstandard

        return zstandard.ZstdDecompressor().decompress(data, max_output_size=size)
    except ImportError:
        pass
    try:
        import pyarrow

        return pyarrow.Codec("zstd").decompress(data, size).to_pybytes()
    except ImportError:
        return subprocess.run(["zstd", "-dcq"], input=bytes(data), stdout=subprocess.PIPE, check=True).stdout
