"""Commands that write, on a plant that a server has: they go through it, and say and answer what they would alone."""

import gzip
import json
import os
import re
import signal
import subprocess
import threading

import pytest
from conftest import BINARY, HEADER, Plant, quarter_hours
from server import Server, children, readings, wait_until

REGISTRY = """usage_points:
  A: {commodity: electricity, zone: Europe/Amsterdam, tags: {area: north}}
  B: {commodity: electricity, zone: Europe/Amsterdam, customer: C-1}
"""
CHANGED = REGISTRY.replace("area: north", "area: south").replace("C-1", "C-2")
MAP = """format: csv
zone: UTC
usage_point: {column: meter}
timestamp: {column: when}
channels:
  - {column: kwh, name: "1-1:1.29.0", kind: interval, interval: 15m, unit: kWh, commodity: electricity}
"""
BROKEN = quarter_hours(["1", "2"], usage_point="BROKEN").replace(",2,", ",two,")


def inputs(plant):
    day = [f"{i % 7}.25" for i in range(96)]
    plant.file("day.csv", quarter_hours(day) + quarter_hours(day, usage_point="B").split("\n", 1)[1])
    plant.file("more.csv.gz", gzip.compress(quarter_hours(["9"] * 3 + ["0.5"] * 93, usage_point="G").encode(), mtime=0))
    plant.file("gap.csv", quarter_hours(["1"] * 8 + [None] * 4 + ["1"] * 84, usage_point="GAP"))
    plant.file("broken.csv", BROKEN)
    plant.file("changed.csv", quarter_hours(["7.5"] * 4))
    plant.file("registry.yaml", REGISTRY)
    plant.file("changed.yaml", CHANGED)
    plant.file("odd.csv", "meter,when,kwh\nODD,2026-03-01 00:15:00,1.5\nODD,2026-03-01 00:30:00,2.5\n")
    plant.file("map.yaml", MAP)


COMMANDS = [
    (("--json", "ingest", "day.csv", "more.csv.gz"), ""),
    (("ingest", "day.csv"), ""),
    (("--json", "ingest", "--again", "day.csv"), ""),
    (("--json", "ingest", "broken.csv", "nowhere.csv"), ""),
    (("ingest", "broken.csv"), ""),
    (("--json", "ingest", "--partial", "broken.csv"), ""),
    (("--json", "ingest", "changed.csv", "gap.csv"), ""),
    (("--json", "ingest", "-"), quarter_hours(["3", "4"], usage_point="PIPE")),
    (("--json", "ingest", "--map", "map.yaml", "odd.csv"), ""),
    (("--json", "--tenant", "other", "ingest", "day.csv"), ""),
    (("registry", "apply", "--dry-run", "registry.yaml"), ""),
    (("--json", "registry", "apply", "registry.yaml"), ""),
    (("registry", "apply", "changed.yaml"), ""),
    (("--json", "registry", "apply", "changed.yaml"), ""),
    (("registry", "apply", "nowhere.yaml"), ""),
    (("--json", "tick", "--at", "2026-03-03T00:00:00Z"), ""),
    (("tick", "--at", "2026-03-03T00:00:00Z"), ""),
    (("tick", "--at", "2926-03-04T00:00:00Z"), ""),
    (("--json", "edit", "--usage-point", "A", "--channel", "1.29.0", "--at", "2026-03-01T06:00:00Z", "--value", "0.125",
      "--reason", "display", "--by", "ann"), ""),
    (("edit", "--usage-point", "A", "--channel", "1.29.0", "--at", "2026-03-01T07:00:00Z", "--value", "5", "--reason", "again",
      "--by", "ann"), ""),
    (("edit", "--usage-point", "A", "--channel", "1.29.0", "--at", "2026-03-01T07:00:00Z", "--withdraw", "--reason", "no",
      "--by", "bob"), ""),
    (("edit", "--usage-point", "A", "--channel", "1.29.0", "--at", "2026-03-01T07:00:00Z", "--withdraw", "--reason", "no",
      "--by", "bob"), ""),
    (("edit", "--usage-point", "NOBODY", "--channel", "1.29.0", "--at", "2026-03-01T07:00:00Z", "--value", "1", "--reason", "x",
      "--by", "bob"), ""),
    (("--json", "exceptions", "accept", "EXCEPTION", "424242", "--reason", "holiday", "--by", "ann"), ""),
    (("exceptions", "estimate", "424242", "--reason", "holiday", "--by", "ann"), ""),
]
QUESTIONS = [("--json", "list", "usage-points"), ("--json", "list", "channels"), ("query", "--usage-point", "A", "--format", "csv"),
             ("query", "--usage-point", "A", "--lane", "day", "--format", "csv"), ("query", "--usage-point", "GAP", "--format", "csv"),
             ("query", "--usage-point", "ODD", "--format", "csv"), ("registry", "export"),
             ("--tenant", "other", "query", "--usage-point", "A", "--format", "csv")]
# How long it took; moments; who has it; what only workers know.
VARYING = [(r'"(seconds|readings_per_second)": ?[0-9.e+-]+', '"T":0'), (r"in [0-9.]+ [mµu]?s(, [0-9.]+ ?[kM]? readings/s)?", "in T"),
           (r'"blocks": ?[0-9]+,', ""), (r"recomputed [0-9,]+ blocks", "recomputed"), (r"20\d\d-\d\d-\d\dT[0-9:.]+Z recorded", "")]


def steady(text):
    for pattern, by in VARYING:
        text = re.sub(pattern, by, text)
    return text


def run_all(plant):
    """Every command with its exit code and its words."""
    outcomes = []
    for arguments, stdin in COMMANDS:
        if "EXCEPTION" in arguments:
            number = min(row["id"] for row in plant.list("exceptions") if row["usage_point"] == "GAP")
            arguments = [str(number) if a == "EXCEPTION" else a for a in arguments]
        done = plant.run(*arguments, stdin=stdin)
        out = steady(done.out).replace(str(plant.folder), "DIR")
        if arguments[0] == "--json" and done.out:
            out = json.loads(out)
        outcomes.append((arguments, done.code, out, steady(done.err).replace(str(plant.folder), "DIR")))
    return outcomes


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """The same commands alone, and beside a server."""
    alone, served = Plant(tmp_path_factory.mktemp("alone")), Plant(tmp_path_factory.mktemp("served"))
    for plant in (alone, served):
        inputs(plant)
    expected = run_all(alone)
    with Server(served):
        found = run_all(served)
        answers = [served.run(*question, expect=0).out for question in QUESTIONS]
    return expected, found, [alone.run(*question, expect=0).out for question in QUESTIONS], answers


def test_the_same_words_and_codes(both):
    expected, found, _, _ = both
    assert {code for _, code, _, _ in expected} >= {0, 1}
    for alone, served in zip(expected, found, strict=True):
        # An exception's number is that of its opening, which the order of partitions decides.
        assert served[1] == alone[1], (alone, served)
        if "exceptions" not in alone[0]:
            assert served[2:] == alone[2:], alone[0]


def test_the_same_plant(both):
    _, _, expected, found = both
    assert found == expected


def test_it_was_there_when_the_command_ended(plant):
    """As alone: what a command told can be asked for at once, and the server's own clients see it."""
    plant.file("day.csv", readings(96))
    with Server(plant) as server:
        assert plant.ingest("day.csv")["accepted"] == 96
        assert len(plant.query("A")) == 96
        assert len(server.get("/v1/values?usage_point=A").json()["items"]) == 96
        files = server.get("/v1/files").json()["items"]
        assert [file["source"] for file in files] == ["day.csv"], files
        story = plant.run("explain", "--usage-point", "A", "--channel", "1-1:1.29.0", "--at", "2026-03-01T12:00:00Z", expect=0).out
        assert "day.csv" in story


def test_many_at_once(plant):
    """Commands and posts beside one another: each counts once, and no two people share a moment."""
    plant.file("day.csv", readings(96))
    with Server(plant) as server:
        plant.ingest("day.csv")
        failures = []

        def edit(hour):
            done = plant.run("edit", "--usage-point", "A", "--channel", "1.29.0", "--at", f"2026-03-01T{hour:02d}:00:00Z",
                             "--value", f"{hour}", "--reason", f"hour {hour}", "--by", f"person {hour}")
            if done.code != 0:
                failures.append(done)

        def post(number):
            if server.post(readings(96, usage_point=f"P{number}")).status != 200:
                failures.append(number)

        threads = [threading.Thread(target=edit, args=(hour,)) for hour in range(1, 9)]
        threads += [threading.Thread(target=post, args=(number,)) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures
        for hour in range(1, 9):
            story = plant.run("explain", "--usage-point", "A", "--channel", "1-1:1.29.0", "--at", f"2026-03-01T{hour:02d}:00:00Z",
                              expect=0).out
            assert f"person {hour}" in story and f"hour {hour}" in story, story
        plant.ingest(plant.file("last.csv", readings(1, usage_point="LAST")))
        assert all(len(plant.query(f"P{number}")) == 96 for number in range(16))


def test_only_the_owner(plant):
    """Files of the machine, and records as they are, only by the socket: for others there is nothing."""
    secret = plant.file("secret.csv", readings(4))
    body = json.dumps({"path": str(secret), "name": "x", "tenant": "default"})
    with Server(plant) as server:
        for path in ("/owner/files", "/owner/records"):
            answer = server.request("POST", path, body=body, Content_Type="application/json")
            assert answer.status == 404 and answer.code == "BB-6001", answer
            assert path not in json.dumps(server.get("/v1/openapi.json").json())
        assert server.get("/v1/files").json()["items"] == []


def test_broken_records(plant):
    """What is no record leaves nothing, and the server goes on."""
    with Server(plant) as server:
        for body in (b"\xff" * 40, b"\x06\x00\x00\x00\x00", b"\x01\x7f\x00\x00\x01x", b"\x01\x00\x00\x00\xff\xff\xff\xff\x7f"):
            done = subprocess.run(["curl", "-s", "--unix-socket", "data/busbar.sock", "-H", "Content-Type: application/octet-stream",
                                   "--data-binary", "@-", "http://localhost/owner/records"], input=body, capture_output=True,
                                  cwd=plant.folder, check=True, timeout=30)
            assert json.loads(done.stdout)["code"] == "BB-6003", done.stdout
        assert server.post(readings(4), "wait=derived").json()["derived"] is True


def hears(process, number):
    """Has the process a handler of that signal by now?"""
    assert process.poll() is None, process.communicate()
    with open(f"/proc/{process.pid}/status") as status:
        caught = next(int(line.split()[1], 16) for line in status if line.startswith("SigCgt"))
    return bool(caught >> (number - 1) & 1)


def test_nobody_derives(plant):
    """Without workers a command says that what it told is kept; interrupted, it says the same."""
    plant.file("day.csv", readings(96))
    with Server(plant, workers=0) as server:
        assert server.post(readings(96, usage_point="B")).status == 200
        process = subprocess.Popen([BINARY, "--data", str(plant.data), "ingest", "day.csv"], cwd=plant.folder,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert wait_until(lambda: hears(process, signal.SIGINT))
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
        assert process.returncode > 0 and "what was told is kept" in said, (process.returncode, said)
    plant.run("ingest", "day.csv", expect=0)
    assert len(plant.query("B")) == 96


def test_the_audit_log_has_it_once(plant):
    """What a command does through a server is in the audit log as if it had been alone: once, by who did it."""
    plant.ingest(plant.file("day.csv", readings(96)))
    with Server(plant):
        plant.run("edit", "--usage-point", "A", "--channel", "1-1:1.29.0", "--at", "2026-03-01T00:15:00Z", "--value", "0.5",
                  "--reason", "read off", "--by", "Kim", expect=0)
        plant.run("registry", "apply", plant.file("x.yaml", "usage_points: [{name: X, commodity: water}]\n"), expect=0)
    rows = plant.list("audit")
    assert [(row["verb"], row["outcome"]) for row in rows] == [("registry apply", "done"), ("edit", "done")], rows
    assert rows[1]["who"] == "Kim" and rows[1]["reason"] == "read off"


def test_a_second_server_is_still_refused(plant):
    with Server(plant):
        done = plant.run("serve", "--port", "0")
        assert done.code == 3 and "BB-6023" in done.err, done


def test_the_server_dies_meanwhile(plant):
    """kill -9 of the server while a file is landed: the command fails with a code, and run again it is whole."""
    plant.file("long.csv", "\n".join([HEADER, *(line for meter in range(60) for line in
                                              readings(96 * 20, usage_point=f"L{meter}").splitlines()[1:])]) + "\n")
    server = Server(plant).start()
    process = subprocess.Popen([BINARY, "--data", str(plant.data), "--json", "ingest", "long.csv"], cwd=plant.folder,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: any(path.stat().st_size for path in plant.data.glob("log/p000*/*.seg")), 10, 0.005)
    orphans = children(server.process.pid)
    server.kill()
    _, err = process.communicate(timeout=90)
    if process.returncode:
        assert "BB-" in err, err
    assert wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in orphans), 20), "workers end with it"
    plant.run("ingest", "long.csv", expect=0)
    for meter in (0, 31, 59):
        assert len(plant.query(f"L{meter}", "--lane", "raw")) == 96 * 20
