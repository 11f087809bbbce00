"""Avro by another hand: files of random schemas, written by fastavro. Run by an interpreter that has it.

    avro_peer.py write SEED FOLDER     map.yaml, messages (and schemas/), expected.json: [[meter, end in ms, value or null], ...]
    avro_peer.py changes FILE          what the single-object messages of a file say, a line of JSON each

One seed gives the same files each time.
"""

import datetime
import io
import json
import pathlib
import random
import struct
import sys
import uuid
from decimal import Decimal

import fastavro

BEGIN_MS = 1772323200000  # 2026-03-01T00:00:00Z
CODECS = ["null", "deflate", "snappy", "zstandard"]
LETTERS = "abcdefghij éß漢-._/ "


# ---- what nobody asks for --------------------------------------------------------------------------


class Schemas:
    """Random types and values of them; names are used once."""

    def __init__(self, rng):
        self.rng = rng
        self.names = 0

    def name(self):
        self.names += 1
        return f"X{self.names}"

    def type(self, depth):
        simple = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"]
        kinds = simple + (["record", "enum", "array", "map", "union", "fixed", "chain"] * 2 if depth > 0 else [])
        kind = self.rng.choice(kinds)
        if kind in simple:
            return kind
        if kind == "record":
            return {"type": "record", "name": self.name(),
                    "fields": [{"name": self.name(), "type": self.type(depth - 1)} for _ in range(self.rng.randrange(4))]}
        if kind == "enum":
            return {"type": "enum", "name": self.name(), "symbols": [self.name() for _ in range(1 + self.rng.randrange(4))]}
        if kind == "array":
            return {"type": "array", "items": self.type(depth - 1)}
        if kind == "map":
            return {"type": "map", "values": self.type(depth - 1)}
        if kind == "fixed":
            return {"type": "fixed", "name": self.name(), "size": self.rng.randrange(20)}
        if kind == "chain":  # a type that holds itself
            name = self.name()
            return {"type": "record", "name": name,
                    "fields": [{"name": "load", "type": "double"}, {"name": "next", "type": ["null", name]}]}
        branches = self.rng.sample(["null", "boolean", "long", "double", "string"], 1 + self.rng.randrange(4))
        if self.rng.random() < 0.5:
            branches.append({"type": "array", "items": self.type(depth - 1)})
        return branches

    def text(self):
        return "".join(self.rng.choice(LETTERS) for _ in range(self.rng.choice([0, 1, 5, 40, 300])))

    def value(self, kind):
        rng = self.rng
        if isinstance(kind, list):
            return self.value(rng.choice(kind))
        if isinstance(kind, str):
            return {"null": lambda: None, "boolean": lambda: rng.random() < 0.5, "int": lambda: rng.randrange(-2**31, 2**31),
                    "long": lambda: rng.randrange(-2**63, 2**63) >> rng.randrange(64), "float": lambda: rng.uniform(-1, 1),
                    "double": lambda: rng.uniform(-1e9, 1e9), "bytes": lambda: rng.randbytes(rng.randrange(30)),
                    "string": self.text}[kind]()
        if kind["type"] == "record" and any(f["name"] == "next" for f in kind["fields"]):
            chain = None
            for _ in range(1 + rng.randrange(20)):
                chain = {"load": rng.random(), "next": chain}
            return chain
        return {"record": lambda: {f["name"]: self.value(f["type"]) for f in kind["fields"]},
                "enum": lambda: rng.choice(kind["symbols"]),
                "array": lambda: [self.value(kind["items"]) for _ in range(rng.choice([0, 1, 3]))],
                "map": lambda: {self.text() + str(i): self.value(kind["values"]) for i in range(rng.choice([0, 1, 3]))},
                "fixed": lambda: rng.randbytes(kind["size"])}[kind["type"]]()


# ---- what is asked for -----------------------------------------------------------------------------


def short_float(value):
    """The shortest decimal that reads back as the 32-bit float."""
    for digits in range(1, 10):
        text = f"{value:.{digits}g}"
        if struct.pack("<f", float(text)) == struct.pack("<f", value):
            return text
    raise AssertionError(value)


def float32(value):
    return struct.unpack("<f", struct.pack("<f", value))[0]


def meters(rng, schemas):
    """A type of names, three names as they are written, and the same as they are read."""
    names = [f"M{rng.randrange(10**6)}", "meter é " + str(rng.randrange(10)), "x" * (1 + rng.randrange(150))]
    kind = rng.choice(["string", "enum", "uuid", "fixed", "int", "nullable"])
    if kind == "enum":
        names = [f"S_{i}" for i in range(3)]
        return {"type": "enum", "name": schemas.name(), "symbols": ["other", *names]}, names, names
    if kind == "uuid":
        wrote = [uuid.UUID(int=rng.getrandbits(128)) for _ in range(3)]
        return {"type": "string", "logicalType": "uuid"}, wrote, [str(u) for u in wrote]
    if kind == "fixed":
        wrote = [f"F{rng.randrange(10**9):09d}".encode() for _ in range(3)]
        return {"type": "fixed", "name": schemas.name(), "size": 10}, wrote, [w.decode() for w in wrote]
    if kind == "int":
        wrote = rng.sample(range(-1000, 10**9), 3)
        return "int", wrote, [str(w) for w in wrote]
    return (["string", "null"] if kind == "nullable" else "string"), names, names


def times(rng):
    """A type, the function from milliseconds to what is written, and how the map says it."""
    by_map = rng.choice(["epoch_s", "epoch_ms", "epoch_us", None, None, None])
    per = {"epoch_s": 1 / 1000, "epoch_ms": 1, "epoch_us": 1000}.get(by_map)
    if by_map:
        return "long", lambda ms: int(ms * per), by_map
    kind, factor = rng.choice([("timestamp-millis", 1), ("timestamp-micros", 1000), ("local-timestamp-millis", 1),
                               ("local-timestamp-micros", 1000)])
    return {"type": "long", "logicalType": kind}, lambda ms: ms * factor, "column"


def iso(ms):
    return datetime.datetime.fromtimestamp(ms / 1000, datetime.timezone.utc).isoformat()


def values(rng, schemas):
    """A type, and a function that gives what is written and what is read."""
    def double():
        value = rng.choice([lambda: round(rng.uniform(-1e5, 1e5), rng.randrange(6)), rng.random, lambda: float(rng.randrange(10**15)),
                            lambda: struct.unpack("<d", struct.pack("<Q", rng.getrandbits(52) | rng.randrange(1000, 1050) << 52))[0]])()
        return value, repr(value)

    def single():
        value = float32(rng.choice([round(rng.uniform(-1e4, 1e4), 2), rng.random(), float(rng.randrange(10**6))]))
        return value, short_float(value)

    def whole(limit):
        value = rng.randrange(-limit, limit) >> rng.randrange(20)
        return value, str(value)

    def decimal(scale):
        value = Decimal(rng.randrange(-10**12, 10**12)).scaleb(-scale)
        return value, str(value)

    scale = rng.randrange(6)
    kind, draw = rng.choice([
        ("double", double), ("float", single), ("int", lambda: whole(2**31)), ("long", lambda: whole(10**18)),
        ("string", lambda: (lambda v: (v, v))(str(Decimal(rng.randrange(-10**9, 10**9)).scaleb(-3)))),
        ({"type": "bytes", "logicalType": "decimal", "precision": 18, "scale": scale}, lambda: decimal(scale)),
        ({"type": "fixed", "name": schemas.name(), "size": 9, "logicalType": "decimal", "precision": 18, "scale": scale},
         lambda: decimal(scale)),
    ])
    if rng.random() < 0.5:
        branches = [kind, "null"] if rng.random() < 0.5 else ["null", kind]
        return branches, lambda: draw() if rng.random() < 0.8 else (None, None)
    return kind, draw


def shuffled(rng, items):
    items = list(items)
    rng.shuffle(items)
    return items


def reader_of(rng, schema, value_name):
    """The schema as it may have become since: fields gone, one renamed, promoted, a new one with a default."""
    promote = {"int": ["long", "double", "float"], "long": ["double"], "float": ["double"], "string": ["bytes"]}
    fields = []
    for field in schema["fields"]:
        field = dict(field)
        if field["name"].startswith("X") and rng.random() < 0.6:
            continue
        if field["name"] == value_name:
            if isinstance(field["type"], str) and rng.random() < 0.7:
                field["type"] = rng.choice(promote.get(field["type"], [field["type"]]))
            field["aliases"] = [value_name]
            field["name"] = "renamed"
        fields.append(field)
    fields.append({"name": "unit", "type": "string", "default": "kWh"})
    return {**schema, "fields": shuffled(rng, fields)}


def datum(schema, record):
    out = io.BytesIO()
    fastavro.schemaless_writer(out, schema, record)
    return out.getvalue()


def fingerprint(schema):
    return bytes.fromhex(fastavro.schema.fingerprint(fastavro.schema.to_parsing_canonical_form(schema), "CRC-64-AVRO"))


def write(seed, folder):
    rng = random.Random(seed)
    schemas = Schemas(rng)
    meter_type, wrote_meters, read_meters = meters(rng, schemas)
    time_type, to_time, time_key = times(rng)
    value_type, draw = values(rng, schemas)
    as_rows = rng.random() < 0.3
    inner = [{"name": "at", "type": time_type}, {"name": "amount", "type": value_type}]
    junk = [{"name": schemas.name(), "type": schemas.type(3)} for _ in range(rng.randrange(6))]
    if as_rows:
        outer = [{"name": "list", "type": {"type": "array", "items": {"type": "record", "name": "Item", "fields": shuffled(
            rng, inner + [{"name": schemas.name(), "type": schemas.type(2)} for _ in range(rng.randrange(3))])}}}]
    else:
        outer = inner
    schema = {"type": "record", "name": "Message", "namespace": "a.test",
              "fields": shuffled(rng, [{"name": "who", "type": meter_type}, *outer, *junk])}
    reader = reader_of(rng, schema, "amount") if not as_rows and rng.random() < 0.5 else None

    records, expected, step = [], [], 0
    for _ in range(rng.choice([1, 20, 300])):
        which = rng.randrange(3)
        record = {f["name"]: schemas.value(f["type"]) for f in junk}
        record["who"] = wrote_meters[which]
        items = []
        for _ in range(rng.choice([0, 1, 5, 40]) if as_rows else 1):
            step += 1
            ms = BEGIN_MS + step * 60000
            wrote, read = draw()
            item = {"at": to_time(ms), "amount": wrote}
            items.append(item)
            expected.append([read_meters[which], ms, read])
        if as_rows:
            fields = schema["fields"][[f["name"] for f in schema["fields"]].index("list")]["type"]["items"]["fields"]
            for item in items:
                item.update({f["name"]: schemas.value(f["type"]) for f in fields if f["name"] not in item})
            record["list"] = items
        else:
            record.update(items[0])
        records.append(record)

    parsed = fastavro.parse_schema(json.loads(json.dumps(schema)))
    if reader:  # fastavro, too, reads it so
        again = fastavro.parse_schema(json.loads(json.dumps(reader)))
        for record in records[:20]:
            fastavro.schemaless_reader(io.BytesIO(datum(parsed, record)), parsed, again)

    prefix = "list." if as_rows else ""
    framing = rng.choice(["container", "container", "raw", "single", "confluent"])
    about = {"framing": rng.choice([framing, "auto"])}
    if framing == "container":
        with open(folder / "messages", "wb") as out:
            fastavro.writer(out, parsed, records, codec=rng.choice(CODECS), sync_interval=rng.choice([100, 16000]))
    else:
        head = {"raw": b"", "single": b"\xc3\x01" + fingerprint(parsed), "confluent": b"\0" + (4711).to_bytes(4, "big")}[framing]
        (folder / "messages").write_bytes(b"".join(head + datum(parsed, r) for r in records))
        if framing == "raw":
            (folder / "writer.avsc").write_text(json.dumps(schema))
            about["schema"] = "writer.avsc"
        else:
            (folder / "schemas").mkdir()
            (folder / "schemas/1.avsc").write_text('"int"')
            (folder / "schemas" / ("4711.avsc" if framing == "confluent" else "any.json")).write_text(json.dumps(schema))
            about["schemas"] = "schemas"
    if reader:
        about["reader"] = json.dumps(reader)
    value_name = "renamed" if reader else prefix + "amount"
    (folder / "map.yaml").write_text(json.dumps({
        "format": "avro", "zone": "UTC", "usage_point": {"column": "who"}, "timestamp": {time_key: prefix + "at"},
        "columns": {"value": value_name}, "channels": [{"name": "e", "kind": "gauge"}], "avro": about}))
    (folder / "expected.json").write_text(json.dumps(expected))
    print(framing, "reader" if reader else "", "rows" if as_rows else "", len(expected), json.dumps(value_type))


def changes(path, schema_path):
    schema = fastavro.parse_schema(json.loads(pathlib.Path(schema_path).read_text()))
    data = io.BytesIO(pathlib.Path(path).read_bytes())
    while head := data.read(10):
        assert head == b"\xc3\x01" + fingerprint(schema), head
        change = fastavro.schemaless_reader(data, schema, None)
        ms = [round(change[key].timestamp() * 1000) for key in ("start", "end")]
        assert change["recorded"].timestamp() == 1772330000.123
        assert (change["tenant"], change["usage_point"], change["channel"], change["lane"], change["unit"]) == (
            "demo", "871685900012345678", "1-1:1.29.0 é", "vee", "kWh")
        assert change["quality"] == ["estimated", "suspect", "final"][:len(change["quality"])]
        print(json.dumps([*ms, change["old"], change["new"], len(change["quality"]), change["why"], change["sequence"]]))


if __name__ == "__main__":
    if sys.argv[1] == "write":
        write(int(sys.argv[2]), pathlib.Path(sys.argv[3]))
    else:
        changes(sys.argv[2], sys.argv[3])
