"""Clients that mean harm, or that are broken: each ends its own request and nothing else, leaves nothing behind, and learns nothing."""

import gzip
import json
import os
import resource
import signal
import socket
import struct
import threading
import time

import pytest
from conftest import HEADER, Plant, quarter_hours
from server import Server, readings, wait_until

SECRET = "TENANT-NOBODY-NAMES"
IDLE = 2000
SLOW = 1000


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One server for all of it: whatever a test does to it, the others find it well."""
    plant = Plant(tmp_path_factory.mktemp("hostile-folder"))
    plant.data.mkdir()
    (plant.data / "busbar.yaml").write_text("http: {head: 2s, body: 4MiB, unpacked: 16MiB}\n")
    plant.ingest(plant.file("first.csv", quarter_hours(["0.125"] * 96)))
    plant.run("--tenant", SECRET, "ingest", plant.file("other.csv", quarter_hours(["7"] * 4, usage_point=f"{SECRET}-UP")), expect=0)
    with Server(plant) as running:
        yield running


@pytest.fixture(autouse=True)
def all_is_well_afterwards(server):
    """After every test: it runs, it takes posts, no socket and no body of the test is left with it."""
    before = open_files(server)
    yield
    assert server.process.poll() is None, server.lines
    assert server.post(readings(4), "wait=derived").json()["derived"] is True
    assert wait_until(lambda: open_files(server) <= before + 4, 15), (before, open_files(server))


def open_files(server):
    """Sockets, and bodies: files without a name."""
    folder = f"/proc/{server.process.pid}/fd"
    targets = []
    for entry in os.listdir(folder):
        try:
            targets.append(os.readlink(f"{folder}/{entry}"))
        except OSError:
            pass
    return sum(target.startswith("socket:") or target.endswith("(deleted)") for target in targets)


def resident(server):
    with open(f"/proc/{server.process.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:")) * 1024


def head(length=None, path="/v1/readings", extra=""):
    size = f"Content-Length: {length}\r\n" if length is not None else ""
    return f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/csv\r\n{size}{extra}\r\n".encode()


def say(server, *words, pause=0.0, half_close=False, wait=10):
    """Send it, and hear all that is answered until the server closes, or falls silent."""
    connection = server.raw()
    heard = b""
    try:
        for part in words:
            connection.sendall(part)
            if pause:
                time.sleep(pause)
        if half_close:
            connection.shutdown(socket.SHUT_WR)
        connection.settimeout(wait)
        while chunk := connection.recv(65536):
            heard += chunk
    except OSError:
        pass
    finally:
        connection.close()
    return heard


def reset(connection):
    """Gone without a good-bye: RST instead of FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def stored(server, usage_point):
    return server.plant.run("query", "--usage-point", usage_point, "--format", "csv").code == 0


# ---- bodies


def zstd_bomb():
    """A zstd frame of a gigabyte of noughts: run-length blocks of 128 KiB."""
    block = struct.pack("<I", (131072 << 3) | (1 << 1))[:3] + b"0"
    last = struct.pack("<I", (131072 << 3) | (1 << 1) | 1)[:3] + b"0"
    return struct.pack("<I", 0xFD2FB528) + b"\x00\x88" + block * 8191 + last


BODIES = [
    ("too large", b"x" * (5 << 20), {}, {413}),
    ("gzip bomb", gzip.compress(b"0" * (64 << 20)), {"Content_Encoding": "gzip"}, {413}),
    ("gzip bomb unsaid", gzip.compress(b"0" * (64 << 20)), {}, {413}),
    ("bomb in a bomb", gzip.compress(gzip.compress(b"0" * (256 << 20), 9), 9), {"Content_Encoding": "gzip"}, {400, 413, 415}),
    ("zstd bomb", zstd_bomb(), {"Content_Encoding": "zstd"}, {413}),
    ("truncated gzip", gzip.compress(readings(96).encode())[:-20], {"Content_Encoding": "gzip"}, {400}),
    ("damaged gzip", gzip.compress(readings(96).encode())[:40] + b"\xff" * 60, {"Content_Encoding": "gzip"}, {400}),
    ("no gzip at all", readings(96).encode(), {"Content_Encoding": "gzip"}, {400}),
    ("truncated zstd", b"\x28\xb5\x2f\xfd\x24", {"Content_Encoding": "zstd"}, {400}),
    ("unknown coding", readings(96).encode(), {"Content_Encoding": "br"}, {415}),
    ("two codings", gzip.compress(gzip.compress(readings(96).encode())), {"Content_Encoding": "gzip, gzip"}, {415}),
    ("an image", b"\x89PNG\r\n\x1a\n" + b"\0" * 100, {"Content_Type": "image/png"}, {415}),
    ("a program", b"\x7fELF" + bytes(range(256)) * 20, {}, {400}),
    ("JSON said, CSV sent", readings(96).encode(), {"Content_Type": "application/json"}, {400}),
    ("CSV said, JSON sent", b'{"usage_point":"A"}\n', {"Content_Type": "text/csv"}, {400}),
    ("deep JSON", b"[" * 100_000, {"Content_Type": "application/json"}, {400}),
    ("an endless line", b"a" * (3 << 20), {}, {400}),
    ("NUL bytes", HEADER.encode() + b"\n" + b"\0" * 1000, {}, {400}),
    ("no UTF-8", HEADER.encode() + b"\n\xff\xfe,1-1:1.29.0,2026-03-01T00:15:00Z,1,kWh,interval,15m\n", {}, {400}),
    ("nothing", b"", {}, {400}),
]


@pytest.mark.parametrize("name,body,headers,statuses", BODIES, ids=[row[0] for row in BODIES])
def test_bodies(server, name, body, headers, statuses):
    before = resident(server)
    began = time.monotonic()
    answer = server.post(body, **headers) if "Content_Type" not in headers else server.request("POST", "/v1/readings", body=body, **headers)
    assert answer.status in statuses, (name, answer)
    assert answer.headers["Content-Type"] == "application/problem+json" and answer.code.startswith("BB-")
    assert time.monotonic() - began < 20
    assert resident(server) - before < 150 << 20, "memory is bounded whatever comes"


# ---- chunks


@pytest.mark.parametrize("chunks", [
    b"zz\r\nabc\r\n0\r\n\r\n", b"5\r\nabc\r\n0\r\n\r\n", b"ffffffffffffffff\r\nabc", b"fffffffffffffffff\r\nabc", b"-5\r\nabcde\r\n0\r\n\r\n",
    b"5;" + b"x" * 50_000 + b"\r\nabcde\r\n0\r\n\r\n", b"5 5\r\nabcde\r\n0\r\n\r\n", b"\r\n\r\n\r\n", b"5\r\nabcdeXX0\r\n\r\n", b"0x5\r\nabcde\r\n0\r\n\r\n"], ids=range(10))
def test_broken_chunks(server, chunks):
    """Never taken for a whole body."""
    heard = say(server, head(extra="Transfer-Encoding: chunked\r\n"), chunks, half_close=True)
    assert b" 200 " not in heard.split(b"\r\n")[0], heard


def test_good_chunks(server):
    body = readings(8, usage_point="CHUNKED").encode()
    parts = [b"%x\r\n%s\r\n" % (len(body[i:i + 7]), body[i:i + 7]) for i in range(0, len(body), 7)] + [b"0\r\n\r\n"]
    heard = say(server, head(extra="Transfer-Encoding: chunked\r\nConnection: close\r\n"), b"".join(parts))
    assert heard.startswith(b"HTTP/1.1 200 "), heard


def test_chunks_that_end_early_store_nothing(server):
    body = readings(8, usage_point="EARLY").encode()
    say(server, head(extra="Transfer-Encoding: chunked\r\n"), b"%x\r\n%s\r\n" % (len(body), body), half_close=True, wait=3)
    assert not stored(server, "EARLY")


@pytest.mark.parametrize("extra", ["Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", "Content-Length: 0\r\nContent-Length: 4\r\n",
                                   "Content-Length: 4\r\nContent-Length: 4\r\n", "Transfer-Encoding: xchunked\r\n",
                                   "Transfer-Encoding: chunked, identity\r\n", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                                   "Content-Length: +4\r\n", "Content-Length: 4, 4\r\n"], ids=range(8))
def test_no_second_request_is_smuggled_in(server, extra):
    """Where it is in doubt how long a body is, what follows is never run as a request of its own."""
    body = readings(1, usage_point="SMUGGLED").encode()
    heard = say(server, head(extra=extra) + b"0\r\n\r\n" + head(len(body)) + body, half_close=True, wait=3)
    assert b" 200 " not in heard and b"accepted" not in heard, heard
    assert heard.count(b"HTTP/1.1 ") - heard.count(b"HTTP/1.1 400 ") == 0, heard
    assert not stored(server, "SMUGGLED")


# ---- connections


def test_a_pipeline_is_answered_in_order(server):
    asked = [f"GET /v1/explain/BB-{1000 + i % 4 + 1} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() for i in range(40)]
    body = readings(2, usage_point="PIPED").encode()
    asked.insert(20, head(len(body)) + body)
    heard = say(server, b"".join(asked) + b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert heard.count(b"HTTP/1.1 200 ") == 42, heard[:2000]
    codes = [int(part[:4]) for part in heard.split(b'"code":"BB-')[1:]]
    assert codes == [1000 + i % 4 + 1 for i in range(40)]


def test_half_closed(server):
    """Whoever says all he has to say may close his half, and hears the answer."""
    body = readings(4, usage_point="HALF").encode()
    assert say(server, head(len(body)), body, half_close=True).startswith(b"HTTP/1.1 200 ")
    assert b" 200 " not in say(server, head(len(body)), body[:20], half_close=True, wait=3)
    assert say(server, b"", half_close=True) == b""


@pytest.mark.parametrize("flood", [
    "".join(f"X-{i}: {i}\r\n" for i in range(10_000)), f"X-Long: {'a' * 200_000}\r\n", "Cookie: " + "; ".join(["a=b"] * 30_000) + "\r\n",
    "A" * 70_000 + ": b\r\n", " folded: x\r\n" * 3000, "X: \0\r\n", ": none\r\n", "Authorization: Bearer " + "b" * 60_000 + "\r\n"], ids=range(8))
def test_heads(server, flood):
    heard = say(server, f"GET /v1/overview HTTP/1.1\r\nHost: localhost\r\n{flood}Connection: close\r\n\r\n".encode(), half_close=True)
    assert len(heard) < 10_000, "a refusal, or an answer, but no echo"
    assert b"aaaaaaaaaa" not in heard and b"bbbbbbbbbb" not in heard


def test_a_client_that_vanishes(server):
    """In the head, in the body, before the answer, in the middle of it; by FIN and by RST."""
    body = readings(96, usage_point="VANISHED").encode()
    for end in (socket.socket.close, reset):
        for words in (b"POST /v1/re", head(len(body)), head(len(body)) + body[:-1], head(3 << 20) + b"x" * (2 << 20),
                      head(extra="Transfer-Encoding: chunked\r\n") + b"ff\r\nabc"):
            connection = server.raw()
            connection.sendall(words)
            time.sleep(0.02)
            end(connection)
        for path in ("/v1/values?usage_point=A", "/v1/openapi.json", "/v1/overview", "/v1/explain?usage_point=A&channel=1.29.0&at=2026-03-01T12:00:00Z"):
            connection = server.raw()
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() * 50)
            connection.recv(10)
            end(connection)
    assert not stored(server, "VANISHED")


def test_a_client_that_does_not_read(server):
    """Its answers stop in the kernel's buffers; others are answered."""
    stuck = [server.raw() for _ in range(20)]
    for connection in stuck:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(b"GET /v1/openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 200)
    for _ in range(10):
        began = time.monotonic()
        assert server.get("/v1/values?usage_point=A").status == 200 and server.post(readings(1)).status == 200
        assert time.monotonic() - began < 5
    for connection in stuck:
        reset(connection)


def test_two_thousand_idle_connections(server):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, IDLE + 500)), hard))
    before = resident(server)
    idle = [server.raw() for _ in range(IDLE)]
    for connection in idle:
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
    silent = []
    for number, connection in enumerate(idle):
        connection.settimeout(10 if not silent else 0.1)
        try:
            assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")
        except TimeoutError:
            silent.append(number)
    assert not silent, f"{len(silent)} were not answered: {silent[:20]}"
    grown = resident(server) - before
    print(f"{IDLE} idle connections: {grown / 1e6:.1f} MB")
    assert grown < 100e6
    assert server.post(readings(4)).status == 200
    for connection in idle:
        connection.close()


def test_more_than_may_come_in_wait(tmp_path):
    """Whoever is one too many is neither refused nor forgotten: he waits until somebody leaves."""
    plant = Plant(tmp_path)
    plant.data.mkdir()
    (plant.data / "busbar.yaml").write_text("http: {connections: 16}\n")
    with Server(plant) as small:
        question = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
        crowd = [small.raw() for _ in range(40)]
        for connection in crowd:
            connection.sendall(question)
        answered = []

        def look():
            for connection in set(crowd) - set(answered):
                connection.setblocking(False)
                try:
                    assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")
                    answered.append(connection)
                except BlockingIOError:
                    pass
            return len(answered)

        assert wait_until(lambda: look() >= 12, 5)
        time.sleep(0.5)
        assert look() <= 16
        gone = 0
        while gone < 40:
            assert wait_until(lambda: look() > gone, 5), (gone, len(answered))
            answered[gone].close()
            gone += 1


def test_told_to_end_while_many_knock(tmp_path):
    """Connections that come and go at the very moment at which the door is closed."""
    plant = Plant(tmp_path)
    plant.data.mkdir()

    def knock(server):
        while True:
            try:
                with socket.create_connection((server.host, server.port), timeout=5) as connection:
                    connection.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    connection.recv(4096)
            except OSError:
                if server.process.poll() is not None:
                    return

    for _ in range(4):
        with Server(plant, workers=0) as knocked_at:
            crowd = [threading.Thread(target=knock, args=(knocked_at,)) for _ in range(4)]
            for one in crowd:
                one.start()
            time.sleep(0.1)
            knocked_at.stop(expect=0)
            for one in crowd:
                one.join(20)
                assert not one.is_alive()


@pytest.mark.parametrize("count", [127, 128, 256])
def test_a_burst_is_answered_whole(tmp_path, count):
    """libmicrohttpd takes 128 events at a time, and when there are just as many waits for one more before it looks at them."""
    plant = Plant(tmp_path)
    plant.data.mkdir()
    (plant.data / "busbar.yaml").write_text("http: {threads: 1}\n")
    with Server(plant) as alone:
        crowd = [alone.raw() for _ in range(count)]
        question = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
        for connection in crowd:
            connection.sendall(question)
            assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")
        for _ in range(3):
            os.kill(alone.process.pid, signal.SIGSTOP)
            for connection in crowd:
                connection.sendall(question)
            os.kill(alone.process.pid, signal.SIGCONT)
            began = time.monotonic()
            for connection in crowd:
                connection.settimeout(5)
                assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")
            assert time.monotonic() - began < 4
        for connection in crowd:
            connection.close()


def test_slow_ones_are_cut_off_and_stop_nobody(server):
    slow = [server.raw() for _ in range(SLOW)]
    for connection in slow:
        connection.sendall(b"POST /v1/readings HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
    times = []
    until = time.monotonic() + 5
    while time.monotonic() < until:
        for connection in slow[len(times) % 10::10]:
            try:
                connection.sendall(b"a")
            except OSError:
                pass
        began = time.monotonic()
        assert server.post(readings(1)).status == 200
        times.append(time.monotonic() - began)
    print(f"{len(times)} posts beside {SLOW} slow connections, the slowest in {max(times) * 1000:.0f} ms")
    assert max(times) < 3

    def is_cut(connection):
        connection.setblocking(False)
        try:
            while chunk := connection.recv(4096):
                assert chunk.startswith(b"HTTP/1.1 408 ")
            return True
        except BlockingIOError:
            return False
        except OSError:
            return True

    assert wait_until(lambda: all(is_cut(connection) for connection in slow), 15), "their time is over"
    for connection in slow:
        connection.close()


# ---- what is said


HOSTILE_TEXTS = ["%00", "../../etc/passwd", "..%2f..%2fbusbar.yaml", "%ff%fe", "'", '"', "<script>", "%s%n", "A" * 3000, SECRET, f"{SECRET}-UP",
                 "-1", "1e999", "9" * 40, "2026-99-99", "{{}}", "$(id)", "%0d%0aSet-Cookie:x", "\x7f"]


def test_nothing_is_given_away(server):
    """Every route with every odd text in every parameter: no path, no source, no other tenant, no 500."""
    folder = str(server.plant.folder)
    described = server.get("/v1/openapi.json").json()["paths"]
    connection = server.connect()
    asked = 0

    def look(answer, what):
        assert answer.status < 500 or answer.status == 503, (what, answer)
        text = answer.body.decode("utf-8", "replace") + str(answer.headers)
        for secret in (folder, "busbar-test-", "/proc/", ".c:", "src/", SECRET):
            found = secret in text and not (secret == SECRET and SECRET in what) and not (secret in what)
            assert not found, (what, secret, answer)
        assert "Set-Cookie" not in answer.headers

    def ask(method, path, **more):
        nonlocal connection, asked
        asked += 1
        try:
            return server.request(method.upper(), path, connection=connection, **more)
        except OSError:
            connection = server.connect()
            raise

    for path, methods in described.items():
        for method, operation in methods.items():
            for parameter in operation["parameters"]:
                for text in HOSTILE_TEXTS:
                    place = path.replace("{" + parameter["name"] + "}", text.replace("/", "%2f")) if parameter["in"] == "path" else path
                    place = place.replace("{", "").replace("}", "")
                    query = f"?{parameter['name']}={text}" if parameter["in"] != "path" else ""
                    body = b"{}" if "requestBody" in operation else None
                    place = (place + query).replace(" ", "%20").replace("\x7f", "%7f").replace('"', "%22").replace("<", "%3c")
                    more = {"body": body, "Content_Type": "application/json"} if body else {}
                    if "openapi" not in path:
                        look(ask(method, place, **more), place)
    for body in ({"usage_point": SECRET + "-UP", "channel": "1.29.0", "at": "2026-03-01T00:15:00Z", "value": 1, "reason": "x"},
                 {"usage_point": ["A"]}, [], 1, None, {"action": "accept", "ids": [10**30], "reason": "x"}, {"ids": "x" * 10_000}):
        for path in ("/v1/edits", "/v1/exceptions"):
            look(ask("POST", path, body=json.dumps(body), Content_Type="application/json"), f"{path} {json.dumps(body)}")
    assert asked > 500


def test_the_log_may_know_more(server):
    """What went wrong inside is for who runs the server; nothing of it was a fault."""
    assert not any("BB-9001" in line or "panic" in line for line in server.lines), server.lines[-20:]


# ---- the end


def test_readiness_goes_first(tmp_path):
    """SIGTERM: the post in flight is answered, on a connection that stays; readiness is off, other posts are refused."""
    plant = Plant(tmp_path)
    server = Server(plant).start()
    body = readings(96).encode()
    half, kept = server.raw(), server.connect()
    half.sendall(head(len(body)) + body[:1000])
    assert server.request("GET", "/readyz", connection=kept).status == 200
    time.sleep(0.2)
    server.process.send_signal(signal.SIGTERM)
    time.sleep(0.4)
    assert server.request("GET", "/readyz", connection=kept).status == 503
    try:
        refused = server.request("POST", "/v1/readings", body=readings(1).encode(), connection=kept, Content_Type="text/csv")
        assert refused.status == 503 and refused.headers["Retry-After"], refused
    except (OSError, Exception) as gone:  # pylint: disable=broad-except
        assert not isinstance(gone, AssertionError), gone  # the connection was closed behind the answer before: refused, too
    with pytest.raises(OSError):
        server.raw()
    half.sendall(body[1000:])
    assert half.recv(65536).startswith(b"HTTP/1.1 200 ")
    assert server.process.wait(30) == 0
    plant.ingest(plant.file("b.csv", readings(1, usage_point="B")))  # what its workers had no time for is derived, too
    assert len(plant.query("A")) == 96


def test_it_ends_in_time(tmp_path):
    """http.drain: who never sends his body does not keep a server that shall end."""
    plant = Plant(tmp_path)
    plant.data.mkdir()
    (plant.data / "busbar.yaml").write_text("http: {drain: 1s}\n")
    server = Server(plant).start()
    stuck = server.raw()
    stuck.sendall(head(1000) + b"x")
    time.sleep(0.3)
    began = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(20) == 0
    assert 0.9 < time.monotonic() - began < 10
    assert any("not answered within the time" in line for line in server.lines), server.lines
    stuck.close()


def test_posts_while_it_ends(tmp_path):
    """Many clients post all the time: each answer of 200 is in the store, though the server was told to end."""
    plant = Plant(tmp_path)
    server = Server(plant).start()
    good, lock = [], threading.Lock()

    def post(number):
        for i in range(1000):
            try:
                if server.post(readings(2, usage_point=f"E{number}-{i}")).status != 200:
                    return
            except Exception:  # pylint: disable=broad-except
                return
            with lock:
                good.append(f"E{number}-{i}")

    threads = [threading.Thread(target=post, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    assert server.stop() == 0
    for thread in threads:
        thread.join(30)
    plant.ingest(plant.file("last.csv", readings(1)))
    known = {row["usage_point"] for row in plant.list("usage-points")}
    assert good and set(good) <= known, set(good) - known
