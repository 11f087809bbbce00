"""`busbar serve`: readings over HTTP: durable, atomic or partial, once per key, whatever clients do."""

import gzip
import json
import os
import re
import signal
import socket
import struct
import subprocess
import threading
import time

import pytest
from conftest import BINARY
from server import HEADER, Server, children, readings, wait_until, zipped

BAD_LINE = "A,1-1:1.29.0,2026-03-01T12:00:00Z,many,kWh,interval,15m\n"


@pytest.fixture
def server(plant):
    with Server(plant) as running:
        yield running


# ---- taking readings in


def test_what_was_answered_is_there(plant, server):
    answer = server.post(readings(4), "wait=derived")
    assert answer.status == 200, answer
    assert answer.counts() == (4, 0, 0)
    assert answer.json() == {"accepted": 4, "duplicate": 0, "rejected": 0, "derived": True, "added": 4, "changed": 0}
    assert [row["value"] for row in plant.query("A")] == ["0.125"] * 4


def test_ndjson_and_a_format_by_name(plant, server):
    rows = [{"usage_point": "B", "channel": "1-1:1.29.0", "timestamp": f"2026-03-01T0{hour}:00:00Z", "value": hour, "unit": "kWh",
             "kind": "interval", "interval": "1h"} for hour in range(1, 5)]
    body = "\n".join(map(json.dumps, rows))
    assert server.post(body, content_type="application/x-ndjson").counts() == (4, 0, 0)
    assert server.post(json.dumps(rows), content_type="application/json").counts() == (4, 0, 0)
    assert server.post(body, "format=ndjson", content_type="image/png").counts() == (4, 0, 0)
    assert server.post(body, "wait=derived", content_type=None).counts() == (0, 4, 0), "told before"
    assert [row["value"] for row in plant.query("B")] == ["1", "2", "3", "4"]


def test_nem12(plant, server):
    day = ",".join(["0.5"] * 48)
    body = ("100,NEM12,202603011200,MDP1,Retailer\n200,NEM1201009,E1,E1,E1,N1,01009,kWh,30,\n"
            f"300,20260301,{day},A,,,20260302120000,\n900\n")
    answer = server.post(body, "wait=derived", content_type="text/plain")
    assert answer.counts() == (48, 0, 0), answer
    assert len(plant.query("NEM1201009")) == 48


def test_options_answer_what_the_body_leaves_open(plant, server):
    body = "usage_point,channel,timestamp,value,unit\nC,meter,2026-03-01 01:00,5,m3\n"
    refused = server.post(body)
    assert refused.status == 400 and refused.counts() == (0, 0, 1)
    assert refused.json()["rejected"] == len(refused.json()["errors"]) == 1
    assert "?zone=" in refused.json()["errors"][0]["reason"]
    answer = server.post(body, "zone=Europe/Amsterdam&kind=interval&interval=1h&wait=derived")
    assert answer.status == 200, answer
    assert plant.query("C")[0]["end"] == "2026-03-01T00:00:00Z"


def test_repetitions_in_a_body_are_counted(server):
    body = readings(3) + readings(2)[len(HEADER):]
    assert server.post(body).counts() == (3, 2, 0)


def test_changed_values_are_told_when_one_waits(plant, server):
    server.post(readings(4), "wait=derived")
    answer = server.post(readings(6, value="0.250"), "wait=derived")
    assert (answer.json()["added"], answer.json()["changed"]) == (2, 4), answer
    again = server.post(readings(6, value="0.250"), "wait=derived")
    assert (again.json()["added"], again.json()["changed"], again.json()["duplicate"]) == (0, 0, 6), again


def test_waiting_has_an_end(plant):
    with Server(plant, workers=0) as server:
        answer = server.post(readings(4), "wait=derived&timeout=1s")
        assert answer.status == 202 and answer.counts() == (4, 0, 0), answer
        assert answer.json()["derived"] is False


# ---- bad lines


def test_a_bad_line_stores_nothing(plant, server):
    answer = server.post(readings(4) + BAD_LINE)
    assert answer.status == 400 and answer.counts() == (0, 0, 1)
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert problem["code"] == "BB-1005" and problem["type"] == "urn:busbar:error:BB-1005"
    assert [(e["line"], e["code"]) for e in problem["errors"]] == [(6, "BB-1005")]
    assert "many" in problem["errors"][0]["reason"]
    server.post(readings(1, usage_point="Z"), "wait=derived")
    assert plant.list("usage-points") == [u for u in plant.list("usage-points") if u["usage_point"] == "Z"]


def test_the_first_hundred_bad_lines_are_listed(server):
    answer = server.post(readings(1) + BAD_LINE * 250)
    assert answer.counts() == (0, 0, 250)
    assert len(answer.json()["errors"]) == 100


def test_partial_keeps_the_good_lines(plant, server):
    answer = server.post(readings(4) + BAD_LINE, "partial=1&wait=derived")
    assert answer.status == 207 and answer.counts() == (4, 0, 1)
    assert answer.json()["errors"][0]["line"] == 6
    assert len(plant.query("A")) == 4


@pytest.mark.parametrize("body,code", [("", "BB-1002"), ("\n\n", "BB-1002"), ("\xff\xfea\x00", "BB-1016"), ("just words", "BB-1003"),
                                       ("{\"usage_point\":", "BB-1004")])
def test_bodies_that_are_nothing(server, body, code):
    answer = server.post(body.encode("latin-1"), content_type="text/plain")
    assert answer.status == 400, answer
    assert answer.code == code, answer


# ---- packed bodies


def test_gzip_and_zstd(plant, server):
    packed = zipped(readings(4))
    assert server.post(packed, Content_Encoding="gzip").counts() == (4, 0, 0)
    squeezed = subprocess.run(["zstd", "-c"], input=readings(4, "B").encode(), capture_output=True, check=True).stdout
    assert server.post(squeezed, Content_Encoding="zstd").counts() == (4, 0, 0)
    assert server.post(packed, content_type="application/gzip").counts() == (4, 0, 0)


@pytest.mark.parametrize("size", [2, 20, -8])
def test_a_truncated_packing(server, size):
    answer = server.post(zipped(readings(90))[:size], Content_Encoding="gzip")
    assert (answer.status, answer.code) == (400, "BB-1014"), answer


def test_a_packing_that_is_none(server):
    answer = server.post(readings(4), Content_Encoding="gzip")
    assert (answer.status, answer.code) == (400, "BB-1014"), answer
    answer = server.post(readings(4), Content_Encoding="br")
    assert (answer.status, answer.code) == (415, "BB-6009"), answer


def test_a_bomb_ends_its_request_alone(plant):
    plant.data.mkdir()
    (plant.data / "busbar.yaml").write_text("http:\n  unpacked: 1MiB\n")
    line = readings(1).splitlines()[1] + "\n"
    with Server(plant) as server:
        for copies in (20_000, 1_000_000):  # over the limit; and over the ratio as well
            answer = server.post(zipped(HEADER + line * copies), Content_Encoding="gzip")
            assert (answer.status, answer.code) == (413, "BB-1015"), answer
        assert server.post(readings(4)).status == 200


def test_wrong_types(server):
    answer = server.post(readings(4), content_type="image/png")
    assert (answer.status, answer.code, answer.counts()) == (415, "BB-6008", (0, 0, 0)), answer


def test_too_large_a_body(plant):
    plant.data.mkdir()
    (plant.data / "busbar.yaml").write_text("http:\n  body: 64KiB\n")
    body = readings(2000)
    with Server(plant) as server:
        answer = server.post(body)
        assert (answer.status, answer.code) == (413, "BB-6007"), answer
        connection = server.connect()
        connection.request("POST", "/v1/readings", body=iter([body.encode()[i:i + 5000] for i in range(0, len(body), 5000)]),
                           headers={"Content-Type": "text/csv"}, encode_chunked=True)
        assert connection.getresponse().status == 413
        assert server.post(readings(4)).status == 200


def test_a_large_post_and_small_ones_beside_it(plant, server):
    """More than fits in memory: it goes through a file, and to the log as it is read."""
    lines = [HEADER]
    for meter in range(3000):
        lines.append(readings(90, usage_point=f"M{meter:05d}", value=f"{meter}.123")[len(HEADER):])
    body = "".join(lines)
    assert len(body) > 12 << 20
    small = []
    stop = threading.Event()

    def post_small():
        while not stop.is_set():
            small.append(server.post(readings(1, usage_point="small")).status)

    thread = threading.Thread(target=post_small)
    thread.start()
    answer = server.post(body, "wait=derived&timeout=60s")
    stop.set()
    thread.join()
    assert answer.status == 200 and answer.counts() == (270_000, 0, 0), answer
    assert set(small) == {200}
    assert len(plant.query("M02999")) == 90


# ---- Idempotency-Key


def test_the_same_key_and_body_store_once(plant, server):
    first = server.post(readings(4), Idempotency_Key="delivery-1")
    again = server.post(readings(4), Idempotency_Key="delivery-1")
    assert (first.status, first.counts()) == (200, (4, 0, 0))
    assert (again.status, again.counts()) == (200, (0, 4, 0))
    assert again.json() == first.json()
    assert again.headers["Busbar-Repeated"] == "true"
    wait_until(lambda: plant.list("usage-points"))
    assert "\n      again " not in plant.run("explain", "--usage-point", "A", "--channel", "1-1:1.29.0", "--at", "2026-03-01T00:15:00Z").out
    server.post(readings(4), "wait=derived")
    assert "\n      again " in plant.run("explain", "--usage-point", "A", "--channel", "1-1:1.29.0", "--at", "2026-03-01T00:15:00Z").out


def test_another_body_under_the_same_key(server):
    server.post(readings(4), Idempotency_Key="k")
    answer = server.post(readings(5), Idempotency_Key="k")
    assert (answer.status, answer.code, answer.counts()) == (422, "BB-6012", (0, 0, 0)), answer
    assert server.post(readings(4), "partial=1", Idempotency_Key="k").status == 422, "another way of reading it"


def test_a_partial_answer_is_repeated_whole(server):
    body = readings(4) + BAD_LINE
    first = server.post(body, "partial=1", Idempotency_Key="p")
    again = server.post(body, "partial=1", Idempotency_Key="p")
    assert first.status == again.status == 207
    assert again.json() == first.json()


def test_a_refused_post_uses_no_key(server):
    assert server.post(readings(4) + BAD_LINE, Idempotency_Key="r").status == 400
    assert server.post(readings(4), Idempotency_Key="r").counts() == (4, 0, 0)


def test_keys_outlive_the_server(plant):
    with Server(plant) as server:
        first = server.post(readings(4), Idempotency_Key="k")
        server.kill()
    with Server(plant) as server:
        again = server.post(readings(4), Idempotency_Key="k")
        assert again.counts() == (0, 4, 0) and again.json() == first.json()


def test_the_same_key_at_the_same_time(server):
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(server.post(readings(4), Idempotency_Key="race"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [a.status for a in answers] == [200] * 8
    assert sorted(a.counts() for a in answers) == [(0, 4, 0)] * 7 + [(4, 0, 0)]


@pytest.mark.parametrize("key", ["", '""', "x" * 256])
def test_keys_that_are_none(server, key):
    assert server.post(readings(1), Idempotency_Key=key).status in (200 if key == '""' else 400, 400)


# ---- clients that misbehave


def head(length, extra=""):
    return (f"POST /v1/readings HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/csv\r\nContent-Length: {length}\r\n{extra}\r\n").encode()


def test_a_client_that_vanishes_leaves_nothing(plant, server):
    body = readings(96).encode()
    for cut in (0, 10, len(body) - 1):
        connection = server.raw()
        connection.sendall(head(len(body)) + body[:cut])
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    answer = server.post(readings(1, usage_point="Z"), "wait=derived")
    assert answer.status == 200
    assert [u["usage_point"] for u in plant.list("usage-points")] == ["Z"]


def test_a_client_that_does_not_wait_for_its_answer(plant, server):
    body = readings(4).encode()
    connection = server.raw()
    connection.sendall(head(len(body)) + body)
    connection.close()
    assert wait_until(lambda: len(plant.list("usage-points")) == 1)
    assert len(plant.query("A")) in (0, 4)


def test_slow_heads_and_bodies(plant):
    plant.data.mkdir()
    (plant.data / "busbar.yaml").write_text("http:\n  head: 1s\n  idle: 2s\n")
    with Server(plant) as server:
        slow = server.raw()
        slow.sendall(b"POST /v1/readings HTTP/1.1\r\nHost: loc")
        idle = server.raw()
        began = time.monotonic()
        assert server.post(readings(4)).status == 200, "others are not held up"
        said = b""
        while chunk := slow.recv(4096):
            said += chunk
        assert said.startswith(b"HTTP/1.1 408 ") and b"BB-6010" in said, said
        assert idle.recv(1) == b""
        assert time.monotonic() - began < 10


def test_many_that_drip_do_not_stop_others(plant):
    plant.data.mkdir()
    (plant.data / "busbar.yaml").write_text("http:\n  head: 5s\n")
    with Server(plant) as server:
        drips = []
        for _ in range(500):
            connection = server.raw()
            connection.sendall(b"GET /livez HTTP/1.1\r\nHost: loc")
            drips.append(connection)
        for i in range(20):
            began = time.monotonic()
            assert server.post(readings(1)).status == 200
            assert time.monotonic() - began < 2
            for connection in drips:
                try:
                    connection.sendall(b"a")
                except OSError:
                    pass
        for connection in drips:
            connection.close()


def test_broken_requests(server):
    for words in (b"\r\n\r\n\r\n", b"NONSENSE\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00", b"\x00" * 200,
                  b"POST /v1/readings HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
                  b"POST /v1/readings HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999999\r\n\r\n",
                  b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
                  b"POST /v1/readings HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"):
        connection = server.raw()
        try:
            connection.sendall(words)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass
        except OSError:
            pass
        connection.close()
    assert server.post(readings(4)).status == 200


# ---- addresses and parameters


@pytest.mark.parametrize("method,path,status,code", [
    ("GET", "/nothing", 404, "BB-6001"), ("GET", "/v1/readings", 405, "BB-6002"), ("PUT", "/livez", 405, "BB-6002"),
    ("POST", "/v1/readings?formt=csv", 400, "BB-6003"), ("POST", "/v1/readings?format=xml", 400, "BB-6003"),
    ("POST", "/v1/readings?interval=0", 400, "BB-6003"), ("POST", "/v1/readings?zone=%ff", 400, "BB-6003"),
    ("POST", "/v1/readings?partial=1&partial=1", 400, "BB-6003"), ("POST", "/v1/readings?zone=Nowhere/City", 400, "BB-2006"),
])
def test_what_is_refused(server, method, path, status, code):
    answer = server.request(method, path, body=readings(1).encode() if method == "POST" else None, Content_Type="text/csv")
    assert (answer.status, answer.code) == (status, code), answer


def test_the_nearest_parameter_is_named(server):
    assert "did you mean format?" in server.post(readings(1), "formt=csv").json()["detail"]


def test_a_connection_is_kept(server):
    connection = server.connect()
    for _ in range(3):
        assert server.request("POST", "/v1/readings", readings(2).encode(), connection, Content_Type="text/csv").status == 200
        assert server.request("GET", "/nothing", None, connection).status == 404
        assert server.request("HEAD", "/livez", None, connection).body == b""


def test_an_early_refusal_for_who_expects_one(server):
    connection = server.raw()
    connection.sendall(head(10_000_000, "Expect: 100-continue\r\n").replace(b"text/csv", b"image/png"))
    assert connection.recv(4096).startswith(b"HTTP/1.1 415 ")


def test_nothing_inside_leaks(plant, server):
    for answer in (server.get("/nothing/" + "x" * 100), server.post(b"\x00\x01"), server.post(zipped("x")[:9], Content_Encoding="gzip")):
        assert str(plant.data) not in answer.body.decode() and "src/" not in answer.body.decode(), answer


# ---- the plant behind it


def test_other_commands_are_told(plant, server):
    server.post(readings(4), "wait=derived")
    for command in (["ingest", str(plant.file("a.csv", readings(1)))], ["tick"],
                    ["edit", "--usage-point", "A", "--channel", "1-1:1.29.0", "--at", "2026-03-01T00:15:00Z", "--value", "1", "--reason", "x"]):
        outcome = plant.run(*command, expect=3)
        assert "BB-6023" in outcome.err and server.url in outcome.err, outcome
    assert len(plant.query("A")) == 4, "questions are answered beside it"


def test_a_second_server_does_not_start(plant, server):
    outcome = plant.run("serve", "--port", "0", expect=3)
    assert "BB-6023" in outcome.err


def test_a_port_that_is_taken(plant, tmp_path):
    holder = socket.socket()
    holder.bind(("127.0.0.1", 0))
    holder.listen()
    outcome = plant.run("serve", "--port", holder.getsockname()[1], expect=3)
    assert "BB-6020" in outcome.err


def test_the_unix_socket(plant, server):
    path = plant.data / "busbar.sock"
    assert path.stat().st_mode & 0o077 == 0
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(path))
    connection.sendall(b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")


def test_a_worker_that_dies_is_started_again(plant, server):
    server.post(readings(4), "wait=derived")
    os.kill(children(server.process.pid)[0], signal.SIGKILL)
    answer = server.post(readings(4, first=5), "wait=derived")
    assert answer.json()["derived"] is True, answer
    assert any("a worker ended" in line for line in server.lines)


def test_workers_end_with_a_server_that_is_killed(plant):
    with Server(plant, workers=2) as server:
        server.post(readings(4), "wait=derived")
        workers = children(server.process.pid)
        assert len(workers) == 2
        server.kill()
    assert wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in workers))


def test_days_that_are_over_are_told(plant):
    """A meter that tells nothing more is missing from the tick on, which a server writes by itself."""
    plant.data.mkdir()
    (plant.data / "busbar.yaml").write_text("derive:\n  tick: 0s\n")
    yesterday = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 2 * 86400))
    with Server(plant) as server:
        server.post(readings(4, day=yesterday), "wait=derived")
        server.stop()
    assert len(plant.query("A", "--lane", "vee")) == 4
    with Server(plant):
        assert wait_until(lambda: len(plant.query("A", "--lane", "vee")) > 96)


def test_history_is_not_late(plant):
    """Where every channel has been silent for more than 45 days nobody waits: no tick, nothing missing, no exception."""
    plant.data.mkdir()
    (plant.data / "busbar.yaml").write_text("derive:\n  tick: 0s\n")
    with Server(plant) as server:
        server.post(readings(4, day="2026-03-20"), "wait=derived")
        time.sleep(2)
    with Server(plant):
        time.sleep(2)
    assert len(plant.query("A", "--lane", "vee")) == 4
    assert plant.list("exceptions") == []


def test_the_console_or_how_to_get_it(plant):
    """Each header once: the page is looked at again each time, files whose names change with their content are kept."""
    with Server(plant) as server:
        page = server.get("/")
        assert page.status == 200 and server.get("/livez").headers.get_all("Cache-Control") == ["no-store"]
        assert server.get("/assets/none.js").code == "BB-6001"
        if page.headers["Content-Type"].startswith("text/plain"):
            assert b"make console" in page.body
            pytest.skip("the binary was built without the console")
        assert page.headers.get_all("Cache-Control") == ["no-cache"]
        assert page.headers.get_all("X-Content-Type-Options") == ["nosniff"]
        assert server.get("/", If_None_Match=page.headers["ETag"]).status == 304
        script = re.search(rb'src="\./(assets/[^"]+)"', page.body)[1].decode()
        plain, packed = server.get(f"/{script}"), server.get(f"/{script}", Accept_Encoding="gzip")
        assert plain.headers.get_all("Cache-Control") == ["public, max-age=31536000, immutable"]
        assert gzip.decompress(packed.body) == plain.body


def test_a_plant_that_is_behind_takes_nothing_new(plant):
    plant.data.mkdir()
    (plant.data / "busbar.yaml").write_text("http:\n  backlog: 1s\n")
    with Server(plant, workers=0) as server:
        assert server.post(readings(4)).status == 200
        refused = wait_until(lambda: (answer := server.post(readings(4))).status == 429 and answer)
        assert refused.code == "BB-6011" and refused.counts() == (0, 0, 0)
        assert 1 <= int(refused.headers["Retry-After"]) <= 600
        worker = subprocess.Popen([BINARY, "--data", str(plant.data), "worker", "--stage", "derive", "--live"])
        assert wait_until(lambda: server.post(readings(4)).status == 200)
        worker.terminate()
        assert worker.wait(30) == 0


# ---- the end


def test_sigterm_answers_what_has_begun(plant):
    server = Server(plant).start()
    body = readings(96).encode()
    half = server.raw()
    half.sendall(head(len(body)) + body[:1000])
    idle = server.raw()
    time.sleep(0.3)
    server.process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    with pytest.raises(OSError):
        server.raw()
    half.sendall(body[1000:])
    said = half.recv(65536)
    assert said.startswith(b"HTTP/1.1 200 ") and b"Connection: close" in said, said
    assert server.process.wait(30) == 0
    assert idle.recv(1) == b""
    again = Server(plant)
    with again:
        assert again.post(readings(96), "wait=derived").counts() == (0, 96, 0)
        assert len(plant.query("A")) == 96


def test_sigterm_does_not_wait_for_who_waits(plant):
    server = Server(plant, workers=0).start()
    answers = []
    thread = threading.Thread(target=lambda: answers.append(server.post(readings(4), "wait=derived&timeout=50s")))
    thread.start()
    time.sleep(0.5)
    began = time.monotonic()
    server.stop()
    thread.join()
    assert time.monotonic() - began < 10
    assert answers[0].status == 202
