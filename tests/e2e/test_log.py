"""The log over HTTP: the last lines, what the plant decided by itself, and who may read them."""

import datetime
import http.client
import os
import pathlib
import re
import signal
import socket
import subprocess

import pytest
from conftest import BINARY, Plant
from server import Server, children, readings, wait_until
from test_full_disk import namespace
from test_serve_keys import bearer, make_key

FIRST = ["serial", "process", "time", "level", "message"]


def log(server, query="", **headers):
    answer = server.get("/v1/log" + (f"?{query}" if query else ""), **headers)
    assert answer.status == 200, answer
    return answer.json()


def decisions(server, kind):
    return [line for line in log(server, "decision=1&limit=1000")["items"] if line["decision"] == kind]


@pytest.fixture
def server(plant):
    plant.ingest(plant.file("first.csv", readings(4)))
    with Server(plant) as server:
        yield server


def test_a_worker_that_was_killed_is_a_decision(server):
    worker, = children(server.process.pid)
    assert log(server, "decision=1") == {"items": [], "newest": 1, "next": None}
    os.kill(worker, signal.SIGKILL)
    assert wait_until(lambda: decisions(server, "worker-start"))
    start, end = log(server, "decision=1")["items"]
    assert list(end)[:5] == FIRST and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", end["time"])
    assert (end["decision"], end["message"], end["level"]) == ("worker-restart", "a worker ended", "warning")
    assert (end["worker"], end["pid"], end["signal"], end["process"]) == (1, worker, 9, server.process.pid)
    assert (start["decision"], start["level"], start["worker"]) == ("worker-start", "info", 1)
    assert wait_until(lambda: children(server.process.pid) == [start["pid"]])
    assert end["serial"] < start["serial"]


def test_lines_are_pages_from_the_newest_on(server):
    os.kill(children(server.process.pid)[0], signal.SIGKILL)
    assert wait_until(lambda: decisions(server, "worker-start"))
    whole = log(server)
    assert [line["message"] for line in whole["items"]] == ["a worker was started again", "a worker ended", "busbar serves"]
    assert whole["newest"] == whole["items"][0]["serial"] == 3 and whole["next"] is None
    assert whole["items"][2]["url"] == server.url, "the fields of the line as it was written"
    pages, cursor = [], ""
    while cursor is not None:
        page = log(server, f"limit=1{cursor and '&cursor=' + cursor}")
        pages += page["items"]
        cursor = page["next"]
    assert pages == whole["items"]
    assert log(server, "level=warning")["items"] == [whole["items"][1]]
    assert log(server, "level=error")["items"] == []
    assert log(server, "after=1")["items"] == whole["items"][:2]
    assert log(server, f"after={whole['newest']}")["items"] == []
    assert log(server, "after=1&level=warning")["items"] == [whole["items"][1]]
    for query in ("level=loud", "after=-1", "limit=0", "cursor=x"):
        assert server.get(f"/v1/log?{query}").code == "BB-6003", query


def test_lines_of_workers_are_there(plant, server):
    """What a worker says last outlives it; and the log can be read when the plant cannot."""
    registry = plant.data / "registry.db"
    kept = registry.read_bytes()
    registry.write_bytes(b"\0" * len(kept))
    server.post(readings(4, first=5))
    said = wait_until(lambda: [line for line in log(server, "level=error")["items"] if line["process"] != server.process.pid])
    assert said and said[0]["code"].startswith("BB-"), log(server)
    ended = wait_until(lambda: decisions(server, "worker-restart"))
    assert ended[-1]["pid"] == said[-1]["process"] and ended[-1]["exit"] > 0
    registry.write_bytes(kept)


def test_partitions_that_are_left_to_another_worker(plant, server):
    """A worker of one's own beside the server's takes over, and the server's one says so."""
    assert server.post(readings(4, first=5), "wait=derived").json()["derived"] is True
    own, = children(server.process.pid)
    other = subprocess.Popen([BINARY, "--data", str(plant.data), "worker", "--stage", "derive", "--live"])
    try:
        def said():
            server.post(readings(4, first=9))
            return decisions(server, "fenced")
        fenced = wait_until(said)
        assert fenced and fenced[0]["process"] in (own, *children(server.process.pid)) and fenced[0]["partitions"] >= 1
    finally:
        other.terminate()
        assert other.wait(30) == 0


def test_posts_that_are_refused_are_one_line(plant):
    plant.data.mkdir()
    (plant.data / "busbar.yaml").write_text("http:\n  backlog: 1s\n")
    with Server(plant, workers=0) as server:
        assert server.post(readings(4)).status == 200
        assert wait_until(lambda: server.post(readings(4)).status == 429)
        for _ in range(20):
            assert server.post(readings(4)).status == 429
        line, = log(server, "decision=1")["items"]
        assert (line["decision"], line["level"]) == ("backlog-refuse", "warning")
        assert sum("posts are refused" in text for text in server.lines) == 1


def test_a_full_disk_is_one_line(plant):
    """However many posts find no room. The disk is a tmpfs in a mount namespace of the server's own."""
    command = namespace()
    if not command:
        pytest.skip("no mount namespace here")
    plant.data.mkdir(parents=True)
    mount = f"mount -t tmpfs -o size=24m none {plant.data} && exec \"$@\""
    with Server(plant, workers=0, prefix=[*command, "sh", "-c", mount, "sh"]) as server:
        assert server.post(readings(4)).status == 200
        filler = pathlib.Path(f"/proc/{server.process.pid}/root{plant.data}/filler")
        with pytest.raises(OSError, match="No space"), open(filler, "wb", buffering=0) as file:
            while file.write(b"-" * 4096):
                pass
        numbers = iter(range(10**6))
        def is_full():
            return server.post(readings(96, usage_point=f"M{next(numbers)}")).status == 507
        assert wait_until(is_full)
        for _ in range(10):
            is_full() # others may find room in what is left of a page
        assert wait_until(lambda: decisions(server, "disk-refuse"))
        filler.unlink()
        assert not is_full()
        assert [line["decision"] for line in log(server, "decision=1")["items"]] == ["disk-refuse"]


def test_a_dropped_file_and_a_day_that_is_over(plant):
    """What nobody asked for: a file is taken from the drop folder, and the day before yesterday is said to be over."""
    (plant.data / "drop").mkdir(parents=True)
    (plant.data / "busbar.yaml").write_text(f"drop: {{folder: {plant.data / 'drop'}, quiet: 1s}}\nderive: {{tick: 0s}}\n")
    day = datetime.date.today() - datetime.timedelta(days=3)
    plant.ingest(plant.file("first.csv", readings(4, day=day.isoformat())))
    with Server(plant) as server:
        assert wait_until(lambda: decisions(server, "tick"))[0]["tenants"] == 1
        (plant.data / "drop" / "late.csv").write_text(readings(3, usage_point="B"))
        (plant.data / "drop" / "bad.csv").write_text("nothing that is known\n")
        files = wait_until(lambda: len(found := decisions(server, "drop-file")) == 2 and found)
        assert {(line["file"], line["outcome"], line["level"]) for line in files} == \
            {("late.csv", "taken", "info"), ("bad.csv", "refused", "warning")}


def test_quiet_is_for_stderr(plant):
    plant.ingest(plant.file("first.csv", readings(4)))
    server = Server(plant)
    server.arguments.insert(0, "--quiet")
    process = subprocess.Popen([BINARY, *server.arguments], stderr=subprocess.PIPE, text=True)
    try:
        path = plant.data / "busbar.url"
        assert wait_until(path.exists)
        server.host, server.port = re.search(r"//([^:]+):(\d+)", path.read_text()).groups()
        assert [line["message"] for line in log(server)["items"]] == ["busbar serves"]
    finally:
        process.terminate()
        assert process.communicate(timeout=60)[1] == ""


def test_who_may_read_it(plant):
    """Lines tell of the whole plant: an adm of another tenant is none of this server."""
    plant.ingest(plant.file("first.csv", readings(4)))
    keys = {role: make_key(plant, role) for role in ("ing", "ro", "adm")}
    other = make_key(plant, "adm", tenant="other")
    with Server(plant) as server:
        assert log(server, **bearer(keys["adm"]))["items"]
        for key in (keys["ing"], keys["ro"], other):
            answer = server.get("/v1/log", **bearer(key))
            assert (answer.status, answer.code) == (403, "BB-6006"), answer
            assert b"busbar serves" not in answer.body
        assert (server.get("/v1/log").status, server.get("/v1/log").code) == (401, "BB-6004")
        connection = http.client.HTTPConnection("socket")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(str(plant.data / "busbar.sock"))
        connection.request("GET", "/v1/log")
        assert b"busbar serves" in connection.getresponse().read()
        connection.close()
    with Server(Plant(plant.folder), "--tenant", "other") as server:
        assert log(server, **bearer(other))["items"]
        assert server.get("/v1/log", **bearer(keys["adm"])).status == 403
