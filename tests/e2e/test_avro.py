"""Avro of other hands: what fastavro wrote is what is stored, what busbar writes fastavro reads; schemas from a registry."""

import base64
import contextlib
import datetime
import http.server
import json
import os
import pathlib
import random
import struct
import subprocess
import threading
from decimal import Decimal

import pytest
from conftest import Plant, lack
from peer_python import with_packages
from server import Server

TOP = pathlib.Path(__file__).parents[2]
PEER = pathlib.Path(__file__).with_name("avro_peer.py")
PACKAGES = ["fastavro==1.13.1", "cramjam", "backports.zstd"]
BEGIN_MS = 1772323200000
#: Seeds of this run: other ones each time in a soak. One by itself: BUSBAR_AVRO_SEED=N pytest -k random
SEEDS = ([int(os.environ["BUSBAR_AVRO_SEED"])] if os.environ.get("BUSBAR_AVRO_SEED") else
         [random.randrange(10**9) for _ in range(400)] if os.environ.get("BUSBAR_SOAK", "0") not in ("", "0") else list(range(60)))


@pytest.fixture(scope="session")
def peer():
    """An interpreter that has fastavro."""
    return with_packages(*PACKAGES)


def run_peer(peer, *arguments):
    done = subprocess.run([peer, PEER, *map(str, arguments)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def moment(text):
    return round(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)


def read_back(plant, usage_point):
    return {moment(row["end"]): row["value"] for row in plant.query(usage_point, "--lane", "raw")}


@pytest.mark.parametrize("part", range(6))
def test_random_schemas(peer, tmp_path, part):
    for seed in SEEDS[part::6]:
        plant = Plant(tmp_path / str(seed))
        plant.folder.mkdir()
        about = run_peer(peer, "write", seed, plant.folder).strip()
        again = f"seed {seed} ({about}): BUSBAR_AVRO_SEED={seed} pytest tests/e2e/test_avro.py -k random"
        print(again)
        expected = json.loads((plant.folder / "expected.json").read_text())
        run = plant.run("--json", "ingest", "--map", "map.yaml", "messages")
        assert run.code == 0, f"{again}\n{run}"
        assert run.json()["readings"] == len(expected), again
        for meter in {row[0] for row in expected}:
            wanted = {ms: value for name, ms, value in expected if name == meter}
            got = read_back(plant, meter)
            assert got.keys() == wanted.keys(), f"{again}: {meter}"
            for ms, value in wanted.items():
                same = got[ms] == "" if value is None else Decimal(got[ms]) == Decimal(value)
                assert same, f"{again}: {meter} at {ms}: stored {got[ms]!r}, written {value!r}"


def test_changes_are_read_by_fastavro(peer, tmp_path):
    """The unit test writes what it made; fastavro reads it by the published schema."""
    tests = pathlib.Path(os.environ.get("BUSBAR_BUILD", TOP / "build")) / "tests/unit_codec"
    if not tests.exists():
        lack("the unit tests are not built")
    path = tmp_path / "changes"
    done = subprocess.run([tests, "--filter", "avro_write/changes_for_another_reader"], capture_output=True, timeout=60,
                          env={**os.environ, "BUSBAR_AVRO_CHANGES": str(path)})
    assert done.returncode == 0, done
    read = [json.loads(line) for line in run_peer(peer, "changes", path, TOP / "deploy/schemas/changes.avsc").splitlines()]
    wrote = [json.loads(line) for line in (tmp_path / "changes.json").read_text().splitlines()]
    assert len(wrote) == 200
    assert read == wrote


def test_the_snippets_of_the_documentation(peer, plant):
    page = (TOP / "docs/formats.md").read_text().split("## Avro (`avro`)")[1].split("# Map files")[0]
    yaml, python = (page.split(f"```{language}\n")[1].split("```")[0] for language in ("yaml", "python"))
    plant.file("map.yaml", yaml)
    done = subprocess.run([peer, "-c", python], cwd=plant.folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    report = plant.ingest("--map", "map.yaml", "messages")
    assert (report["readings"], report["rejected"]) == (24, 0)
    got = read_back(plant, "871685900012345678")
    assert got == {BEGIN_MS + hour * 3600000: "0.125" if hour != 3 else "" for hour in range(24)}


# ---- by hand: no package needed --------------------------------------------------------------------

SCHEMA = {"type": "record", "name": "R", "fields": [
    {"name": "meter", "type": "string"}, {"name": "channel", "type": "string"},
    {"name": "time", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    {"name": "value", "type": "double"}, {"name": "kind", "type": "string"}]}


def number(value):
    value = value << 1 if value >= 0 else ~(value << 1)
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7f | 0x80])
        value >>= 7
    return out + bytes([value])


def text(value):
    value = value if isinstance(value, bytes) else value.encode()
    return number(len(value)) + value


def reading(meter, step, value):
    return text(meter) + text("e") + number(BEGIN_MS + step * 1000) + struct.pack("<d", value) + text("gauge")


def container(*records):
    marker = b"0123456789abcdef"
    body = b"".join(records)
    return (b"Obj\1" + number(1) + text("avro.schema") + text(json.dumps(SCHEMA)) + number(0) + marker +
            number(len(records)) + text(body) + marker)


def test_a_container_is_recognised(plant):
    path = plant.file("day.avro", container(reading("A", 0, 1.5), reading("A", 1, 2.25)))
    assert plant.run("--json", "try", path, expect=0).json()["format"] == "avro"
    report = plant.ingest(path)
    assert (report["readings"], report["rejected"]) == (2, 0)
    assert read_back(plant, "A") == {BEGIN_MS: "1.5", BEGIN_MS + 1000: "2.25"}


def test_what_is_damaged_is_told_and_the_rest_may_be_kept(plant):
    good = container(reading("A", 0, 1.5))
    path = plant.file("day.avro", good + number(1) + text(reading("A", 1, 2)[:-1]) + b"0123456789abcdef")
    report = plant.ingest(path, expect=1)
    assert report["readings"] == 0
    assert [(e["line"], e["code"]) for e in report["errors"]] == [(2, "BB-1027")]
    assert plant.ingest("--partial", path, expect=1)["accepted"] == 1


def test_posts(plant):
    with Server(plant) as server:
        for kind in ("avro/binary", "application/avro", "application/octet-stream"):
            answer = server.post(container(reading(kind, 0, 1.5)), content_type=kind)
            assert (answer.status, answer.counts()) == (200, (1, 0, 0)), answer
        answer = server.post(reading("A", 0, 1), content_type="avro/binary")
        assert answer.status == 422 or answer.status == 400, answer
        assert answer.code == "BB-1025"


def test_raw_messages_with_a_map(plant):
    plant.file("maps/schema.avsc", json.dumps(SCHEMA))
    plant.file("maps/map.yaml", "format: avro\navro: {schema: schema.avsc}\n")
    path = plant.file("messages", reading("A", 0, 1) + reading("A", 1, 2))
    assert plant.ingest("--map", "maps/map.yaml", path)["accepted"] == 2


def test_maps_name_what_is_wrong(plant):
    path = plant.file("messages", reading("A", 0, 1))
    for body, says in [("framing: raw", "needs a `schema:`"), ("schema: nowhere.avsc", "nowhere.avsc"),
                       ("schema: '{}'", 'no "type"'), ("schemas: nowhere", "nowhere"), ("sceme: x", "did you mean schema"),
                       ("registry: {user: x}", "url"), ("registry: ftp://x", "https://")]:
        plant.file("map.yaml", f"format: avro\navro:\n  {body}\n")
        run = plant.run("ingest", "--map", "map.yaml", path)
        assert run.code != 0
        assert says in run.err, (body, run)


# ---- a registry ------------------------------------------------------------------------------------


@contextlib.contextmanager
def registry(schemas, login=None):
    """A registry of schemas on the loopback; gives its address and what was asked of it."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            wanted = "Basic " + base64.b64encode(login.encode()).decode() if login else None
            status, body = 404, {"error_code": 40403, "message": "Schema not found"}
            if self.headers.get("Authorization") != wanted:
                status, body = 401, {"error_code": 401}
            elif self.path.startswith("/schemas/ids/") and int(self.path[13:]) in schemas:
                status, body = 200, {"schema": json.dumps(schemas[int(self.path[13:])])}
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def framed(schema_id, *records):
    return b"".join(b"\0" + schema_id.to_bytes(4, "big") + record for record in records)


def test_schemas_from_a_registry(plant):
    with registry({7: SCHEMA}, login="busbar:secret word") as (address, asked):
        plant.file("password", "secret word\n")
        plant.file("map.yaml", f"format: avro\navro:\n  registry: {{url: {address}/, user: busbar, password_file: password}}\n")
        path = plant.file("messages", framed(7, *(reading("A", i, i) for i in range(50))))
        assert plant.ingest("--map", "map.yaml", path)["accepted"] == 50
        assert asked == ["/schemas/ids/7"]

        report = plant.ingest("--map", "map.yaml", plant.file("unknown", framed(8, reading("A", 99, 1))), expect=1)
        assert [e["code"] for e in report["errors"]] == ["BB-1025"]
        assert "schema id 8" in report["errors"][0]["reason"]

        plant.file("password", "wrong")
        run = plant.run("ingest", "--map", "map.yaml", plant.file("again", framed(7, reading("A", 98, 1))))
        assert run.code != 0
        assert "BB-6046" in run.err and "401" in run.err
        assert "wrong" not in run.err


def test_a_registry_that_is_gone_refuses_nothing_for_good(plant):
    with registry({7: SCHEMA}) as (address, _):
        plant.file("map.yaml", f"format: avro\navro: {{registry: '{address}'}}\n")
        port = int(address.rsplit(":", 1)[1])
    path = plant.file("messages", framed(7, reading("A", 0, 1)))
    run = plant.run("ingest", "--map", "map.yaml", path)
    assert run.code != 0
    assert "BB-6046" in run.err, (port, run)
    with registry({7: SCHEMA}) as (address, _):
        plant.file("map.yaml", f"format: avro\navro: {{registry: '{address}'}}\n")
        assert plant.ingest("--map", "map.yaml", path)["accepted"] == 1
