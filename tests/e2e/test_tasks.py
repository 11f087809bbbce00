"""Tasks: put, watched, cancelled, tried again; workers killed at random moments, stopped and woken again.

The end of a disturbed run is that of an undisturbed one, byte for byte: what the plant answers, and every file that a task wrote.
Every random choice comes from one seed (BUSBAR_CRASH_SEED; fixed in a test, fresh in a soak), which stands in the message of each
failure. Where RabbitMQ can be had, the same is done with its queues.
"""

import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import time

import pytest

import cluster
from conftest import BINARY, Plant, needs_numpy
from server import Server, stand_still

SOAK = os.environ.get("BUSBAR_SOAK", "") not in ("", "0")
SEED = int(os.environ.get("BUSBAR_CRASH_SEED") or (random.SystemRandom().randrange(1 << 31) if SOAK else 20260301))
KILLS = 60 if SOAK else 12
LEASE_S = 1
CONFIG = f"tasks:\n  lease: {LEASE_S}s\n  attempts: 100\n"
USAGE_POINTS, DAYS = 24, 70


def write_readings(folder, files=3):
    """Quarter hours of some meters from January on, a spike now and then, in several files."""
    paths = []
    for number in range(files):
        lines = ["usage_point,channel,kind,interval,unit,timestamp,value"]
        for u in range(number, USAGE_POINTS, files):
            for i in range(96 * DAYS):
                minutes = 15 * (i + 1)
                day, rest = divmod(minutes, 1440)
                stamp = time.strftime("%Y-%m-%d", time.gmtime(1767225600 + day * 86400))
                value = 9 if (i + u) % 611 == 5 else (i * 7 + u) % 50 / 100
                lines.append(f"U{u:02d},1-1:1.29.0,interval,15m,kWh,{stamp}T{rest // 60:02d}:{rest % 60:02d}:00Z,{value}")
        path = folder / f"meters-{number}.csv"
        path.write_text("\n".join(lines) + "\n")
        paths.append(path)
    return paths


def new_plant(folder, more=""):
    folder.mkdir(parents=True)
    plant = Plant(folder)
    plant.data.mkdir()
    (plant.data / "busbar.yaml").write_text(CONFIG + more)
    return plant


def add(plant, *arguments):
    return plant.run("--json", "tasks", "add", *arguments, expect=0).json()["task"]


def tasks(plant, state="all"):
    return plant.run("--json", "tasks", "ls", "--state", state, expect=0).json()


def show(plant, task):
    return plant.run("--json", "tasks", "show", task, expect=0).json()


def worker(plant, *arguments):
    return subprocess.Popen([BINARY, "--data", str(plant.data), "--json", "worker", "--stage", "tasks", *arguments],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=plant.folder, text=True)


def wait_for(what, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = what()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("it did not come")


def files_of(folder):
    """Every file below it, and nothing half done."""
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert not [name for name in found if ".part-" in name], found.keys()
    return found


def answers_of(plant):
    return {(u, lane): plant.run("query", "--usage-point", f"U{u:02d}", "--lane", lane, "--format", "csv", expect=0).out
            for u in range(0, USAGE_POINTS, 5) for lane in ("raw", "vee", "day")}


# ---- one task ----------------------------------------------------------------------------------


def test_a_task_is_put_taken_and_done(plant):
    write_readings(plant.folder, files=1)
    task = add(plant, "import", "meters-0.csv")
    assert [(t["task"], t["kind"], t["state"]) for t in tasks(plant)] == [(task, "import", "queued")]
    done = plant.run("--json", "tasks", "run", expect=0).json()
    assert done == {"tasks": 1, "done": 1, "failed": 0}
    found = show(plant, task)
    assert found["state"] == "done" and found["attempts"] == 1
    assert found["result"] == {"files": 1, "refused": 0, "readings": USAGE_POINTS * 96 * DAYS, "rejected": 0, "errors": []}
    assert len(plant.query("U03")) == 96 * DAYS
    assert tasks(plant, "open") == []
    assert plant.run("--json", "tasks", "run", expect=0).json()["tasks"] == 0


def test_what_cannot_be_done_is_refused_at_once_or_fails(plant):
    assert "BB-7050" in plant.run("tasks", "add", "juggle", expect=4).err
    assert "BB-7052" in plant.run("tasks", "add", "export", expect=4).err
    assert "--partial" in plant.run("tasks", "add", "export", "--to-folder", "x", "--partial", expect=4).err
    assert "BB-1001" in plant.run("tasks", "add", "import", "nothing.csv", expect=1).err
    assert "BB-4002" in plant.run("tasks", "add", "import", plant.file("a.csv", "x"), "--format", "runes", expect=2).err
    assert "BB-7048" in plant.run("tasks", "show", "7", expect=4).err
    task = add(plant, "export", "--to-folder", "out")
    assert plant.run("--json", "tasks", "run", expect=1).json()["failed"] == 1
    found = show(plant, task)
    assert found["state"] == "failed" and found["error"]["code"].startswith("BB-3"), found
    assert "BB-7049" in plant.run("tasks", "cancel", task, expect=4).err
    plant.run("tasks", "retry", task, expect=0)
    assert show(plant, task)["state"] == "queued"
    plant.run("tasks", "cancel", task, expect=0)
    assert show(plant, task)["state"] == "cancelled"
    assert plant.run("--json", "tasks", "run", expect=0).json()["tasks"] == 0


def test_a_refused_file_is_told_with_its_reason(plant):
    bad = plant.file("bad.csv", "usage_point,channel,timestamp,value,unit,kind,interval\nA,1-1:1.29.0,2026-03-01T00:15:00Z,x,kWh,interval,15m\n")
    task = add(plant, "import", bad)
    plant.run("tasks", "run", expect=0)
    result = show(plant, task)["result"]
    assert (result["refused"], result["readings"], result["rejected"]) == (1, 0, 1)
    assert "BB-1005" in result["errors"][0] and "line 2" in result["errors"][0]


def test_what_is_urgent_is_taken_first(plant):
    order = {name: add(plant, "export", "--to-folder", name, "--priority", name) for name in ("low", "normal", "high")}
    plant.run("tasks", "run", expect=1)  # there is no plant yet: each fails
    ended = sorted(tasks(plant), key=lambda t: (t["ended"], t["epoch"] if "epoch" in t else 0))
    assert [t["task"] for t in ended] == [order["high"], order["normal"], order["low"]]


# ---- ends and pauses ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stocked(tmp_path_factory):
    """A plant with readings, to be exported."""
    plant = new_plant(tmp_path_factory.mktemp("stocked") / "p")
    plant.run("--quiet", "ingest", *write_readings(plant.folder), expect=0)
    return plant


def begun(plant, task):
    """It runs and has passed a checkpoint or two."""
    return wait_for(lambda: (plant.folder / f"out-{task}").exists() and len(list((plant.folder / f"out-{task}").rglob("*.csv"))) > 3)


def put_export(plant):
    task = len(tasks(plant)) + 1
    assert add(plant, "export", "--to-folder", f"out-{task}", "--lane", "vee") == task
    return task


def expected_export(plant):
    task = put_export(plant)
    plant.run("tasks", "run", expect=0)
    return files_of(plant.folder / f"out-{task}"), show(plant, task)["result"]


def test_sigterm_gives_the_task_back(stocked):
    expected, result = expected_export(stocked)
    task = put_export(stocked)
    process = worker(stocked)
    begun(stocked, task)
    process.send_signal(signal.SIGTERM)
    asked = time.monotonic()
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert time.monotonic() - asked < 10
    found = show(stocked, task)
    if found["state"] != "done":  # it was quicker than the signal
        assert (found["state"], found["attempts"]) == ("queued", 0), found
        assert "given back" in err
        stocked.run("tasks", "run", expect=0)
    found = show(stocked, task)
    assert found["state"] == "done"
    assert files_of(stocked.folder / f"out-{task}") == expected
    assert {k: v for k, v in found["result"].items() if k != "folder"} == {k: v for k, v in result.items() if k != "folder"}


def test_a_running_task_is_cancelled(stocked):
    task = put_export(stocked)
    process = worker(stocked, "--idle-exit", "1")
    begun(stocked, task)
    stocked.run("tasks", "cancel", task)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert show(stocked, task)["state"] in ("cancelled", "done")


def stop_between_transactions(plant, process):
    """One that is stopped with SQLite's write lock in its hand would stop everybody (docs/tasks.md)."""
    for _ in range(50):
        stand_still(process)
        try:
            with contextlib.closing(sqlite3.connect(plant.data / "queue.db", timeout=0.2, isolation_level=None)) as db:
                db.execute("BEGIN IMMEDIATE")
                db.execute("ROLLBACK")
            return
        except sqlite3.OperationalError:
            process.send_signal(signal.SIGCONT)
            time.sleep(0.01)
    raise AssertionError("it holds the lock all the time")


def test_a_worker_that_was_stopped_cannot_write(stocked):
    """Its lease is over, another one takes the task; woken, it is told so and leaves everything alone."""
    expected, _ = expected_export(stocked)
    task = put_export(stocked)
    zombie = worker(stocked, "--idle-exit", "1")
    begun(stocked, task)
    stop_between_transactions(stocked, zombie)
    try:
        if show(stocked, task)["state"] == "done":
            pytest.skip("it was quicker than the signal")
        heir = worker(stocked, "--idle-exit", "3")
        _, err = heir.communicate(timeout=60)
        assert heir.returncode == 0, err
        found = show(stocked, task)
        assert found["state"] == "done" and found["worker"].endswith(f":{heir.pid}"), (found, err)
        before = files_of(stocked.folder / f"out-{task}") if not leftovers(stocked, task) else None
    finally:
        zombie.send_signal(signal.SIGCONT)
    _, err = zombie.communicate(timeout=60)
    assert zombie.returncode == 0, err
    assert "left to another worker" in err
    assert show(stocked, task) == found
    assert before is None or files_of(stocked.folder / f"out-{task}") == before
    assert files_of(stocked.folder / f"out-{task}") == expected


def leftovers(plant, task):
    return list((plant.folder / f"out-{task}").rglob(".*.part-*"))


def test_a_task_that_kills_its_workers_has_failed(plant):
    plant.data.mkdir()
    (plant.data / "busbar.yaml").write_text("tasks:\n  lease: 1s\n  attempts: 2\n")
    plant.run("--quiet", "ingest", *write_readings(plant.folder), expect=0)
    task = put_export(plant)
    for _ in range(2):
        process = worker(plant)
        wait_for(lambda: show(plant, task)["state"] != "queued" and show(plant, task).get("worker", "").endswith(f":{process.pid}"))
        process.kill()
        process.communicate()
        if show(plant, task)["state"] == "done":
            pytest.skip("it was quicker than the signal")
    process = worker(plant, "--idle-exit", "3")
    _, err = process.communicate(timeout=60)
    found = show(plant, task)
    assert found["state"] == "failed" and found["error"]["code"] == "BB-7053", (found, err)
    plant.run("tasks", "retry", task, expect=0)
    plant.run("tasks", "run", expect=0)
    assert show(plant, task)["state"] == "done"


def test_tasks_beside_a_server(plant):
    """The server owns the log: an import goes through it, and its workers derive."""
    paths = write_readings(plant.folder)
    with Server(plant) as _:
        task = add(plant, "import", *paths)
        plant.run("tasks", "run", expect=0)
        assert show(plant, task)["result"]["readings"] == USAGE_POINTS * 96 * DAYS
        task = put_export(plant)
        plant.run("tasks", "run", expect=0)
        assert show(plant, task)["result"]["rows"] == USAGE_POINTS * 96 * DAYS


# ---- kill -9 -------------------------------------------------------------------------------------


def put_all(plant, paths):
    """One of each kind that can wait for the one before; they are taken in this order by one worker."""
    plant.run("--quiet", "rules", "new", "far_values", expect=0)
    yield ["import", *paths]
    yield ["report", "--to-folder", "reports", "--from", "2026-01", "--to", "2026-03"]
    yield ["export", "--to-folder", "exports", "--lane", "vee", "--zone", "Europe/Amsterdam"]
    yield ["export", "--to-folder", "exports", "--lane", "day", "--format", "ndjson"]
    yield ["backtest", "far_values", "--to-folder", "tests"]
    yield ["backfill", "far_values", "--from", "2026-02-20", "--reason", "history, too"]


def until_done(plant, rng, task, kills, span_s):
    """Workers, each killed after a random while, until the task is over. The moments at which one had the task."""
    moments, struck = [], []
    while show(plant, task)["state"] not in ("done", "failed", "cancelled"):
        process = worker(plant, "--idle-exit", "4")
        if len(struck) < kills:
            moments.append(rng.uniform(0.02, span_s))
            try:
                process.wait(moments[-1])
            except subprocess.TimeoutExpired:
                pass
            process.kill()
            process.wait(60)
            found = show(plant, task)
            if found["state"] == "running" and found["worker"].endswith(f":{process.pid}"):
                struck.append(moments[-1])
        else:
            wait_for(lambda: show(plant, task)["state"] in ("done", "failed", "cancelled"), 100)
            process.terminate()
        process.communicate(timeout=60)
    return struck


def run_all(plant, folder, rng=None):
    """The files, answers and results after all tasks; with `rng` workers are killed."""
    results, kills = [], []
    for arguments in put_all(plant, write_readings(folder)):
        if arguments[0] == "backfill":
            plant.run("--quiet", "rules", "deploy", "far_values", "--yes", "--rows", "0", expect=0)
        task = add(plant, *arguments)
        if rng:
            kills += until_done(plant, rng, task, KILLS // 6, 0.45)
        else:
            plant.run("tasks", "run", expect=0)
        found = show(plant, task)
        assert found["state"] == "done", (found, kills)
        results.append({k: v for k, v in found["result"].items() if k not in ("folder", "version")})
    files = {name: files_of(plant.folder / name) for name in ("reports", "exports", "tests")}
    return files, answers_of(plant), results, kills


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    return run_all(new_plant(folder / "p"), folder)


def assert_equal(found, expected):
    kills = found[3]
    what = f"seed {SEED}, killed after {kills} s: BUSBAR_CRASH_SEED={SEED} tools/run-tests e2e/test_tasks"
    for name in expected[0]:
        assert found[0][name].keys() == expected[0][name].keys(), what
        for path in expected[0][name]:
            assert found[0][name][path] == expected[0][name][path], f"{name}/{path}: {what}"
    assert found[1] == expected[1], what
    assert found[2] == expected[2], what
    assert len(kills) >= KILLS // 4, f"too few kills struck a task: {what}"


@needs_numpy
def test_killed_workers_leave_what_undisturbed_ones_do(tmp_path, undisturbed):
    assert_equal(run_all(new_plant(tmp_path / "p"), tmp_path, random.Random(SEED)), undisturbed)


# ---- RabbitMQ --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rabbitmq():
    with cluster.servers("rabbitmq") as started:
        yield started.rabbitmq.address


@needs_numpy
def test_killed_workers_and_a_broker(tmp_path, undisturbed, rabbitmq):
    prefix = f"e2e-{random.SystemRandom().randrange(1 << 32):x}"
    plant = new_plant(tmp_path / "p", f"  broker: {rabbitmq}\n  prefix: {prefix}\n")
    assert_equal(run_all(plant, tmp_path, random.Random(SEED + 1)), undisturbed)
