"""Retention: the log gives up what everybody has read and is old enough, and nothing that was promised goes with it."""

import datetime
import os
import pathlib
import random
import shutil

import pytest
from conftest import HEADER, Plant
from server import Server, wait_until

SHIMS = pathlib.Path(os.environ.get("BUSBAR_SHIMS") or pathlib.Path(__file__).parents[2] / "build/tests/shim")
SOAK = bool(os.environ.get("BUSBAR_SOAK"))
CONFIG = """log: {partitions: 2, segment: 1MiB, retention: 1h}
http: {backlog: 1d}
derive: {commit: {freshness: 1ms}}
"""
DAYS = 28
METERS = 240
LATER_S = 7200


def later(**faults):
    """An environment two hours on, with faults of the disk where they are given."""
    preload = [str(SHIMS / "clock.so")] + ([str(SHIMS / "fault.so")] if faults else [])
    return {**os.environ, "LD_PRELOAD": " ".join(preload), "CLOCK_AHEAD_S": str(LATER_S),
            **{f"FAULT_{name.upper()}": str(value) for name, value in faults.items()}}


def month(seed, name="M"):
    """Values of much entropy, so that the log gets several segments a partition."""
    draw = random.Random(seed)
    start = datetime.datetime(2026, 2, 1)
    ends = [(start + datetime.timedelta(minutes=15 * i)).isoformat() + "Z" for i in range(1, 96 * DAYS + 1)]
    lines = [f"{name}{meter},1-1:1.29.0,{end},{draw.randrange(10**17)}e-17,kWh,interval,15m"
             for meter in range(METERS) for end in ends]
    return "\n".join([HEADER, *lines]) + "\n"


def segments(plant):
    """Bytes of the data partitions' segments."""
    return {path: path.stat().st_size for path in plant.data.glob("log/p000[01]/*.seg")}


def answers(plant):
    """What people ask of a plant, and what they are told."""
    return [plant.run(*question, expect=0).out for question in (
        ("query", "--usage-point", "M3", "--format", "csv"),
        ("query", "--usage-point", "M17", "--lane", "raw", "--format", "csv"),
        ("query", "--usage-point", "M17", "--lane", "day", "--format", "csv"),
        ("explain", "--usage-point", "M3", "--channel", "1-1:1.29.0", "--at", "2026-02-07T12:00:00Z"),
        ("--json", "list", "channels"),
        ("--json", "list", "completeness", "--usage-point", "M3"),
        ("--json", "list", "exceptions"))]


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """A plant with several segments in each partition, all of them read."""
    plant = Plant(tmp_path_factory.mktemp("full"))
    plant.data.mkdir()
    (plant.data / "busbar.yaml").write_text(CONFIG)
    plant.ingest(plant.file("month.csv", month(1)))
    assert len(segments(plant)) > 4, segments(plant)
    return plant


@pytest.fixture
def aged(full, tmp_path):
    """A copy of it."""
    shutil.copytree(full.folder, tmp_path, dirs_exist_ok=True)
    return Plant(tmp_path)


def test_what_is_young_stays(aged):
    before = segments(aged)
    aged.ingest(aged.file("more.csv", f"{HEADER}\nX,1-1:1.29.0,2026-02-01T00:15:00Z,1,kWh,interval,15m\n"))
    assert set(before) <= set(segments(aged))


def test_what_is_old_and_read_goes(aged):
    before, told = segments(aged), answers(aged)
    done = aged.run("--json", "ingest", "month.csv", env=later(), expect=0)
    assert done.json()["files_skipped"] == 1, "the ledger still knows the file"
    after = segments(aged)
    print(f"log: {sum(before.values())} bytes before, {sum(after.values())} after")
    assert "given up" in done.err
    assert len(after) == 2, "the last segment of a partition says where it ends"
    assert sum(after.values()) < sum(before.values()) / 2
    assert answers(aged) == told
    aged.run("check", "--deep", expect=0)


def test_a_backup_of_what_is_left(aged, tmp_path):
    aged.run("ingest", "month.csv", env=later(), expect=0)
    told = answers(aged)
    aged.run("backup", tmp_path / "copy", expect=0)
    restored = Plant(tmp_path / "restored")
    restored.folder.mkdir()
    restored.run("restore", tmp_path / "copy", expect=0)
    assert answers(restored) == told
    # and it goes on from there
    restored.ingest(restored.file("more.csv", f"{HEADER}\nX,1-1:1.29.0,2026-02-01T00:15:00Z,1,kWh,interval,15m\n"))
    assert restored.query("X")[0]["value"] == "1"


def test_late_readings_and_edits_still_work(aged):
    aged.run("ingest", "month.csv", env=later(), expect=0)
    aged.ingest(aged.file("late.csv", f"{HEADER}\nM3,1-1:1.29.0,2026-02-07T12:00:00Z,0.5,kWh,interval,15m\n"))
    aged.run("edit", "--usage-point", "M3", "--channel", "1-1:1.29.0", "--at", "2026-02-08T12:00:00Z", "--value", "0.25",
             "--reason", "display", "--by", "ann", expect=0)
    values = {row["end"]: row["value"] for row in aged.query("M3")}
    assert values["2026-02-07T12:00:00Z"] == "0.5" and values["2026-02-08T12:00:00Z"] == "0.25"


def test_what_is_not_read_stays(aged):
    """Posts that nobody derives: their frames lie below the log's end, and stay until a worker has passed them."""
    with Server(aged, workers=0) as server:
        assert server.post(month(2, "P")).status == 200
    before = segments(aged)
    with Server(aged, workers=0, environment=later()) as server:
        assert server.post(f"{HEADER}\nX,1-1:1.29.0,2026-02-01T00:15:00Z,1,kWh,interval,15m\n").status == 200
        decisions = wait_until(lambda: server.get("/v1/log?decision=1").json()["items"])
        assert decisions and decisions[0]["decision"] == "retention" and decisions[0]["bytes"] > 0, server.lines
    kept = set(segments(aged))
    gone = set(before) - kept
    assert gone, "what was read before is given up"
    aged.run("ingest", "month.csv", env=later(), expect=0)
    for meter in (0, 23, METERS - 1):
        assert len(aged.query(f"P{meter}", "--lane", "raw")) == 96 * DAYS, "nothing was lost"
    assert len(segments(aged)) < len(kept), "now it goes"


def test_a_server_gives_up_by_itself(aged):
    before, told = segments(aged), answers(aged)
    with Server(aged, environment=later()) as server:
        assert wait_until(lambda: len(segments(aged)) == 2, 20), segments(aged)
        body = f"{HEADER}\nX,1-1:1.29.0,2026-02-01T00:15:00Z,1,kWh,interval,15m\n"
        assert server.post(body, "wait=derived").json()["derived"] is True
        assert server.get("/v1/values?usage_point=M3&from=2026-02-07T00:00:00Z&to=2026-02-08T00:00:00Z").status == 200
    assert len(segments(aged)) < len(before)
    assert answers(aged)[:4] == told[:4]


def test_killed_at_every_step(full, tmp_path):
    """kill -9 in front of every write, sync and rename of the log while it gives up segments."""
    told = answers(full)

    def run(number, **faults):
        shutil.copytree(full.folder, tmp_path / str(number), dirs_exist_ok=True)
        plant = Plant(tmp_path / str(number))
        return plant, plant.run("ingest", "month.csv", env=later(dir=plant.data, match="/log/", no_sync=1, **faults))

    log = tmp_path / "calls"
    _, done = run(0, log=log)
    assert done.code == 0, done
    calls = len(log.read_text().splitlines())
    assert calls > 4, "the trim is what is counted"
    step = 1 if SOAK else max(1, calls // 6)
    for number in range(1, calls + 1, step):
        plant, done = run(number, at=number, kind="kill")
        assert done.code == -9, (number, done)
        assert answers(plant) == told, number
        plant.run("ingest", "month.csv", env=later(), expect=0)
        assert len(segments(plant)) == 2 and answers(plant) == told, number
        plant.run("check", "--deep", expect=0)
        shutil.rmtree(plant.folder)
    print(f"{calls} steps")
