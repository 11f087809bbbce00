"""InfluxDB line protocol and Prometheus remote write: what independent writers send is what is stored."""

import gzip
import json
import random
import struct
from decimal import Decimal

import pytest
from foreign_writers import STALE_NAN, line, snappy, write_request, write_request_2
from server import Server

BEGIN_S = 1772323200  # 2026-03-01T00:00:00Z
UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def stamp(seconds):
    return f"2026-03-01T{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}Z"


def read_back(plant, usage_point):
    """{(channel, end): (value, unit)} of the raw lane."""
    return {(row["channel"], row["end"]): (row["value"], row["unit"])
            for row in plant.query(usage_point, "--lane", "raw")}


# ---- line protocol --------------------------------------------------------------------------------

NAMES = ["A", "meter 17", "a,b", "c=d", "back\\slash", "quote\"d", "é", "x\\ y", "#1"]


def test_line_protocol_round_trip(plant):
    """Every name and every digit comes back."""
    rng = random.Random(1)
    text, wanted = "# written for a test\n", {}
    for name in NAMES:
        for step in range(20):
            digits = f"{rng.randrange(10**6)}.{rng.randrange(1000):03d}"
            whole = rng.randrange(10**9)
            tags = {"meter": name, "unit": "kWh", "kind": "gauge", "firm ware": "1,2 = 3"}
            fields = {"value": digits, "l 1,=x": f"{whole}i", "note": ("text", 'a "b" \\ c, d=e f'), "ok": "true"}
            text += line("po wer,=1", tags, fields, (BEGIN_S + step * 60) * 10**9)
            wanted[name, "po wer,=1", stamp(step * 60)] = digits
            wanted[name, "po wer,=1.l 1,=x", stamp(step * 60)] = str(whole)
    report = plant.ingest(plant.file("a.lp", text))
    assert (report["readings"], report["rejected"]) == (len(wanted), 0)
    assert report["ignored"] == {"fields": 2 * 20 * len(NAMES)}
    for name in NAMES:
        got = read_back(plant, name)
        assert got == {key[1:]: (value, "kWh") for key, value in wanted.items() if key[0] == name}
    again = plant.ingest(plant.file("copy.lp", text))
    assert (again["files"], again["files_skipped"]) == (0, 1)


def test_line_protocol_in_a_container_and_from_a_pipe(plant):
    text = line("energy", {"meter": "A", "unit": "kWh"}, {"1.8.0": "84211.30"}, BEGIN_S * 10**9)
    assert plant.ingest(plant.file("a.gz", gzip.compress(text.encode())))["accepted"] == 1
    more = line("energy", {"meter": "A", "unit": "kWh"}, {"1.8.0": "84211.40"}, (BEGIN_S + 900) * 10**9)
    assert plant.ingest("--format", "lineprotocol", "-", stdin=more)["accepted"] == 1
    assert read_back(plant, "A") == {("1.8.0", stamp(0)): ("84211.30", "kWh"), ("1.8.0", stamp(900)): ("84211.40", "kWh")}


@pytest.mark.parametrize("unit", UNITS)
def test_line_protocol_precision_is_told(plant, unit):
    text = line("energy", {"meter": "A", "unit": "kWh"}, {"1.8.0": "1"}, BEGIN_S * UNITS[unit])
    path = plant.file("a.lp", text)
    plain = plant.run("--json", "ingest", path)
    if unit == "ns":
        assert plain.code == 0
    else:  # never guessed; the hint names the option
        assert plain.code == 1
        assert plain.json()["errors"][0]["code"] == "BB-1008"
        assert f"--precision {unit}" in plain.json()["errors"][0]["reason"]
        plant.ingest("--precision", unit, path)
    assert list(read_back(plant, "A")) == [("1.8.0", stamp(0))]


def test_line_protocol_without_a_time_is_refused(plant):
    text = line("energy", {"meter": "A"}, {"1.8.0": "1"}, BEGIN_S * 10**9) + line("energy", {"meter": "A"}, {"1.8.0": "2"}, None)
    report = plant.ingest(plant.file("a.lp", text), expect=1)
    assert report["readings"] == 0
    assert [(e["line"], e["code"]) for e in report["errors"]] == [(2, "BB-1009")]
    assert "no timestamp" in report["errors"][0]["reason"]
    assert plant.ingest("--partial", plant.file("b.lp", text), expect=1)["accepted"] == 1


def test_line_protocol_with_a_map(plant):
    plant.file("map.yaml", "format: lineprotocol\nusage_point: {column: host}\ntimestamp: {epoch_s: _time}\n"
                           "channels:\n  - {column: usage, name: power, kind: gauge, unit: W, multiplier: 1000}\n")
    text = line("cpu", {"host": "house-7"}, {"usage": "1.25", "idle": "98"}, BEGIN_S)
    trial = plant.run("--json", "try", "--map", "map.yaml", plant.file("a.lp", text), expect=0).json()
    assert (trial["format"], trial["readings"]) == ("lineprotocol", 1)
    plant.ingest("--map", "map.yaml", "a.lp")
    assert read_back(plant, "house-7") == {("power", stamp(0)): ("1250", "W")}


# ---- remote write ---------------------------------------------------------------------------------


def labels(meter, name="power", **more):
    return {"__name__": name, "meter": meter, "unit": "W", "kind": "gauge", "instance": "gw:9100", **more}


def draw_value(rng):
    return rng.choice([
        lambda: round(rng.uniform(-1e5, 1e5), rng.randrange(6)),
        lambda: float(rng.randrange(10**15)),
        lambda: rng.random(),
        lambda: struct.unpack("<d", struct.pack("<Q", rng.getrandbits(52) | rng.randrange(1000, 1050) << 52))[0],
    ])()


@pytest.mark.parametrize("write", [write_request, write_request_2], ids=["1.0", "2.0"])
def test_remote_write_round_trip(plant, write):
    """The stored decimal is the shortest that reads back as the very double."""
    rng = random.Random(2)
    series = [(labels(f"M{m}"), [(draw_value(rng), (BEGIN_S + 15 * i) * 1000) for i in range(40)]) for m in range(10)]
    report = plant.ingest(plant.file("body", snappy(write(series))))
    assert (report["readings"], report["rejected"], report["ignored"]) == (400, 0, {})
    for tags, samples in series:
        got = read_back(plant, tags["meter"])
        assert len(got) == len(samples)
        for value, time_ms in samples:
            text, unit = got["power", stamp(time_ms // 1000 - BEGIN_S)]
            assert (float(text), unit) == (value, "W")
            assert Decimal(text) == Decimal(repr(value)), (text, value)


@pytest.mark.parametrize("write", [write_request, write_request_2], ids=["1.0", "2.0"])
def test_remote_write_counts_what_are_no_readings(plant, write):
    series = [(labels("A"), [(1.5, BEGIN_S * 1000), (STALE_NAN, (BEGIN_S + 15) * 1000)]),
              (labels("A", "latency"), [], {"histograms": 2, "exemplars": 1})]
    report = plant.ingest(plant.file("body", snappy(write(series))))
    assert (report["readings"], report["rejected"]) == (1, 0)
    assert report["ignored"] == {"stale": 1, "histograms": 2, "exemplars": 1}
    assert "stale marks 1, histograms 2, exemplars 1" in plant.run("try", "body", expect=0).out
    only = plant.ingest(plant.file("metadata", snappy(write_request([], ["power", "energy"]))))
    assert (only["readings"], only["ignored"]) == (0, {"metadata": 2})


def test_remote_write_refuses_what_it_cannot_keep(plant):
    series = [(labels("A"), [(float("nan"), BEGIN_S * 1000), (float("-inf"), (BEGIN_S + 1) * 1000), (1e300, (BEGIN_S + 2) * 1000),
                             (2.0, (BEGIN_S + 3) * 1000), (3.0, 0)]),
              (labels("A", phase="L2"), [(4.0, BEGIN_S * 1000)]),
              ({"__name__": "up", "instance": "x"}, [(1.0, BEGIN_S * 1000)])]
    path = plant.file("body", snappy(write_request(series)))
    report = plant.ingest(path, expect=1)
    assert report["readings"] == 0
    assert [(e["line"], e["code"]) for e in report["errors"]] == [
        (1, "BB-1005"), (2, "BB-1005"), (3, "BB-1005"), (5, "BB-1008"), (6, "BB-1004"), (7, "BB-1009")]
    assert "phase" not in report["errors"][4]["reason"] and "series 2 (power)" in report["errors"][4]["reason"]
    assert plant.ingest("--partial", path, expect=1)["accepted"] == 1


def test_remote_write_damage_is_told(plant):
    whole = snappy(write_request([(labels("A"), [(1.0, BEGIN_S * 1000)])]))
    bodies = {"cut": (whole[:-3], "BB-1014"), "bomb": (b"\xff\xff\xff\xff\x0f" + whole, "BB-1015"),
              "small-bomb": (b"\x80\x80\x80\x10" + whole[2:], "BB-1014"), "other": (snappy(b"\x08\x01"), "BB-1004")}
    for name, (body, code) in bodies.items():
        report = plant.ingest("--format", "remotewrite", plant.file(name, body), expect=1)
        assert (report["readings"], [e["code"] for e in report["errors"]]) == (0, [code]), name
    assert plant.ingest("--format", "remotewrite", plant.file("empty", b"\0"))["readings"] == 0


def test_remote_write_with_a_map(plant):
    plant.file("map.yaml", json.dumps({"format": "remotewrite", "usage_point": {"column": "instance"}, "kind": "gauge",
                                       "columns": {"channel": "phase"}}))
    series = [({"__name__": "power", "instance": "house", "phase": phase}, [(230.5, BEGIN_S * 1000)]) for phase in ("L1", "L2")]
    plant.ingest("--map", "map.yaml", plant.file("body", snappy(write_request(series))))
    assert sorted(read_back(plant, "house")) == [("L1", stamp(0)), ("L2", stamp(0))]


# ---- over HTTP ------------------------------------------------------------------------------------


@pytest.fixture
def server(plant):
    with Server(plant) as running:
        yield running


def test_line_protocol_is_posted(plant, server):
    text = line("energy", {"meter": "A", "unit": "kWh"}, {"1.8.0": "84211.30", "2.8.0": "7i"}, BEGIN_S)
    wrong = server.post(text, content_type="text/plain")
    assert (wrong.status, wrong.counts()) == (400, (0, 0, 1))
    answer = server.post(text, "precision=s&wait=derived", content_type="text/plain; charset=utf-8")
    assert (answer.status, answer.counts()) == (200, (2, 0, 0)), answer
    again = server.post(text, "precision=s&format=lineprotocol&wait=derived", content_type="image/png")
    assert again.counts() == (0, 2, 0), again
    assert read_back(plant, "A")["1.8.0", stamp(0)] == ("84211.30", "kWh")


@pytest.mark.parametrize("write, proto", [(write_request, ""), (write_request_2, ";proto=io.prometheus.write.v2.Request")],
                         ids=["1.0", "2.0"])
def test_remote_write_is_posted(plant, server, write, proto):
    """As Prometheus sends it; twice, as it does when the answer was lost."""
    series = [(labels(f"M{m}"), [(230.5 + m, (BEGIN_S + 15 * i) * 1000) for i in range(3)] + [(STALE_NAN, (BEGIN_S + 60) * 1000)])
              for m in range(20)]
    headers = {"content_type": "application/x-protobuf" + proto, "Content_Encoding": "snappy",
               "X_Prometheus_Remote_Write_Version": "2.0.0" if proto else "0.1.0"}
    for counts in ((60, 0, 0), (0, 60, 0)):
        answer = server.post(snappy(write(series)), "wait=derived", **headers)
        assert (answer.status, answer.counts()) == (200, counts), answer
        assert answer.headers["X-Prometheus-Remote-Write-Samples-Written"] == "60"
        assert answer.headers["X-Prometheus-Remote-Write-Histograms-Written"] == "0"
    assert len(read_back(plant, "M7")) == 3
    refused = server.post(snappy(write([(labels("A"), [(float("nan"), BEGIN_S * 1000)])])), **headers)
    assert (refused.status, refused.headers["X-Prometheus-Remote-Write-Samples-Written"]) == (400, "0")
    assert server.post(b"\x05\x10hell", **headers).status == 400
    assert server.post(b"\xff\xff\xff\xff\x0f\x00x", **headers).status == 413
