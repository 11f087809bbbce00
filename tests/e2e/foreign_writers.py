"""Writers of line protocol and of Prometheus remote write, from their public specifications, for tests.

They share nothing with the readers: the line protocol reference of InfluxDB, Protocol Buffers' encoding,
the remote write specifications 1.0 and 2.0, and snappy's format description.
"""

import struct

STALE_NAN = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]


# ---- line protocol --------------------------------------------------------------------------------


def escaped(name, special):
    return "".join("\\" + c if c in special else c for c in name)


def field_text(value):
    """A str is written as it is when it is a number's text; ("text", s) is a string field."""
    if isinstance(value, tuple):
        return '"' + value[1].replace("\\", "\\\\").replace('"', '\\"') + '"'
    return str(value)


def line(measurement, tags, fields, timestamp):
    text = escaped(measurement, ", ")
    for key, value in sorted(tags.items()):
        text += f",{escaped(key, ',= ')}={escaped(value, ',= ')}"
    text += " " + ",".join(f"{escaped(key, ',= ')}={field_text(value)}" for key, value in fields.items())
    return text + (f" {timestamp}\n" if timestamp is not None else "\n")


# ---- protobuf -------------------------------------------------------------------------------------


def varint(value):
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def chunk(number, content):
    content = content.encode() if isinstance(content, str) else content
    return varint(number << 3 | 2) + varint(len(content)) + content


def sample(value, time_ms):
    """Fields that are zero are left out, as proto3 does."""
    text = b"" if struct.pack("<d", value) == bytes(8) else b"\x09" + struct.pack("<d", value)
    return text + (b"\x10" + varint(time_ms) if time_ms else b"")


def write_request(series, metadata=()):
    """Version 1.0: series are (labels, [(value, time)]) or (labels, samples, {"histograms": n, "exemplars": n})."""
    out = b""
    for labels, samples, *more in series:
        counts = more[0] if more else {}
        text = b"".join(chunk(1, chunk(1, k) + chunk(2, v)) for k, v in sorted(labels.items()))
        text += b"".join(chunk(2, sample(*s)) for s in samples)
        text += chunk(3, b"\x11" + bytes(8)) * counts.get("exemplars", 0)
        text += chunk(4, b"\x08\x01") * counts.get("histograms", 0)
        out += chunk(1, text)
    return out + b"".join(chunk(3, b"\x08\x01" + chunk(2, name)) for name in metadata)


def write_request_2(series):
    """Version 2.0: labels are references to symbols."""
    symbols, out = {"": 0}, b""
    for labels, samples, *more in series:
        counts = more[0] if more else {}
        refs = b""
        for pair in sorted(labels.items()):
            refs += b"".join(varint(symbols.setdefault(text, len(symbols))) for text in pair)
        text = chunk(1, refs) + b"".join(chunk(2, sample(*s)) for s in samples)
        text += chunk(3, b"\x08\x01") * counts.get("histograms", 0)
        text += chunk(4, b"\x11" + bytes(8)) * counts.get("exemplars", 0)
        text += chunk(5, b"\x08\x01") * counts.get("metadata", 0)
        out += chunk(5, text)
    return b"".join(chunk(4, text) for text in symbols) + out


# ---- snappy ---------------------------------------------------------------------------------------


def literal(piece):
    size = len(piece) - 1
    if size < 60:
        return bytes([size << 2]) + piece
    width = (size.bit_length() + 7) // 8
    return bytes([(59 + width) << 2]) + size.to_bytes(width, "little") + piece


def copies(offset, size):
    out = b""
    while size > 0:
        piece = min(size, 64)
        if piece < size < piece + 4:  # leave enough for another one
            piece = size - 4
        out += bytes([(piece - 1) << 2 | 2]) + offset.to_bytes(2, "little")
        size -= piece
    return out


def snappy(content):
    """A block: greedy matches of at least four bytes within 64 KiB."""
    out, last, start, at = varint(len(content)), {}, 0, 0
    while at + 4 <= len(content):
        key = content[at:at + 4]
        found = last.get(key)
        last[key] = at
        if found is None or at - found > 0xFFFF:
            at += 1
            continue
        size = 4
        while at + size < len(content) and content[found + size] == content[at + size]:
            size += 1
        if at > start:
            out += literal(content[start:at])
        out += copies(at - found, size)
        at += size
        start = at
    return out + (literal(content[start:]) if start < len(content) else b"")
