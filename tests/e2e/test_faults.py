"""A disk that fails: each write, sync, truncation and rename of a fixed run, with each kind of failure.

The shim fault.so lets one call fail, whichever library makes it: EIO, ENOSPC, a write that does half,
or a disk that is full from then on. The run ends with a plain error or an abort, never by another
signal, and never with exit 0 unless everything is there. Opened again, nothing is damaged, and the
same command goes through to the same content.
"""

import shutil
import signal

import pytest

from crash_plant import (SEED, SOAK, Plant, Reference, assert_between, assert_equal_content, run_cases, scratch,
                         shim_environment, write_few_inputs)


SUITE = "test_faults"
STEP = 1 if SOAK else 10
KINDS = ("eio", "enospc", "short", "full")
WRITES = ("write", "pwrite", "writev", "pwritev")
DAMAGED = ("BB-3002", "BB-3006", "BB-3011", "BB-9", "damaged", "corrupt")


@pytest.fixture(scope="module")
def folder():
    with scratch() as path:
        yield path


def fault(plant, **values):
    return shim_environment("fault", FAULT_DIR=plant.disk, FAULT_NO_SYNC=1, FAULT_LOG=plant.folder / "fault.log", **values)


def read_log(plant):
    """(number, call, bytes, path below the plant) of each counted call."""
    lines = (plant.folder / "fault.log").read_text().splitlines()
    found = (line.split(" ", 3) for line in lines)
    return [(int(number), call, int(size), path.removeprefix(f"{plant.data}/")) for number, call, size, path in found]


class FixedRun:
    """Taking three files into a new plant, or the last two of them into one that has the first."""

    def __init__(self, folder, reference, grown):
        self.folder, self.reference = folder, reference
        self.taken = 1 if grown else 0
        self.files = reference.files[self.taken:]
        self.before = Plant(folder / "before")
        if grown:
            self.before.must("ingest", reference.files[0])
        counted = self.plant("counted")
        counted.must("ingest", *self.files, environment=fault(counted))
        self.calls = read_log(counted)
        stores = {path for _, _, _, path in self.calls if path.startswith("store/") and path.endswith("/data.mdb")}
        assert {"store/p0000/data.mdb", "store/p0001/data.mdb"} <= stores, f"not the two commits it should have: {stores}"
        assert len(self.calls) <= 300, f"{len(self.calls)} calls are more than this suite was made for"

    def plant(self, name):
        plant = Plant(self.folder / name)
        if self.taken:
            shutil.copytree(self.before.data, plant.data)
        return plant

    def fail_once(self, number, kind, *_):
        plant = self.plant(f"{kind}-{number}")
        done = plant.run("ingest", *self.files, environment=fault(plant, FAULT_KIND=kind, FAULT_AT=number))
        assert_clean_end(done)
        assert_between(plant, self.reference, self.taken if done.returncode else len(self.reference.files))
        assert_undamaged(plant)
        plant.must("ingest", *self.files, environment=fault(plant))
        assert_between(plant, self.reference, len(self.reference.files))
        if number % 10 == 0:
            assert_equal_content(self.reference.content, plant.content(), "content after the second run")
        plant.check_deep()
        shutil.rmtree(plant.folder)


@pytest.fixture(scope="module")
def reference(folder):
    return Reference(folder, write_few_inputs(folder / "inputs"))


@pytest.fixture(scope="module", params=["new", "grown"])
def fixed_run(request, folder, reference):
    return FixedRun(folder / request.param, reference, request.param == "grown")


def assert_clean_end(done):
    assert done.returncode in (0, 3, 4, -signal.SIGABRT), f"exit {done.returncode}\n{done.stderr}"
    assert done.returncode == 0 or "BB-" in done.stderr or done.returncode == -signal.SIGABRT, done.stderr


def assert_undamaged(plant):
    """Looked at without repair: the plant is whole, or there is none yet."""
    done = plant.run("check", "--deep")
    assert done.returncode in (0, 3), f"check: exit {done.returncode}\n{done.stdout}{done.stderr}"
    assert not any(word in done.stdout + done.stderr for word in DAMAGED), done.stdout + done.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_each_call_fails(fixed_run, kind):
    first = (SEED + KINDS.index(kind) * 3) % STEP
    cases = [(number, kind, call, size, path) for number, call, size, path in fixed_run.calls
             if kind not in ("short", "full") or (call in WRITES and size > 1)][first::STEP]
    run_cases(SUITE, fixed_run.fail_once, cases)
    print(f"{SUITE}: {kind} at {len(cases)} of {len(fixed_run.calls)} calls")
