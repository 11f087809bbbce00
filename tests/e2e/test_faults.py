"""A disk that fails: each write, sync, truncation and rename of a fixed run, with each kind of failure.

The shim fault.so lets one call fail, whichever library makes it: EIO, ENOSPC, a write that does half,
or a disk that is full from then on. The run ends with a plain error or an abort, never by another
signal, and never with exit 0 unless everything is there. Opened again, nothing is damaged, and the
same command goes through to the same content.
"""

import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from crash_plant import (PARALLEL, SEED, SOAK, Plant, Reference, assert_between, assert_equal_content, reproduce, scratch,
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


@pytest.fixture(scope="module")
def fixed_run(folder):
    """The reference, and the calls that taking its three files in one run makes."""
    reference = Reference(folder, write_few_inputs(folder / "inputs"))
    plant = Plant(folder / "counted")
    plant.must("ingest", *reference.files, environment=fault(plant))
    calls = read_log(plant)
    stores = {path for _, _, _, path in calls if path.startswith("store/") and path.endswith("/data.mdb")}
    assert {"store/p0000/data.mdb", "store/p0001/data.mdb"} <= stores, f"not the two commits it should have: {stores}"
    assert len(calls) <= 300, f"{len(calls)} calls are more than this suite was made for"
    return folder, reference, calls


def assert_clean_end(done):
    assert done.returncode in (0, 3, 4, -signal.SIGABRT), f"exit {done.returncode}\n{done.stderr}"
    assert done.returncode == 0 or "BB-" in done.stderr or done.returncode == -signal.SIGABRT, done.stderr


def assert_undamaged(plant):
    """Looked at without repair: the plant is whole, or there is none yet."""
    done = plant.run("check", "--deep")
    assert done.returncode in (0, 3), f"check: exit {done.returncode}\n{done.stdout}{done.stderr}"
    assert not any(word in done.stdout + done.stderr for word in DAMAGED), done.stdout + done.stderr


def fail_once(folder, reference, kind, at, thoroughly):
    plant = Plant(folder / f"{kind}-{at}")
    done = plant.run("ingest", *reference.files, environment=fault(plant, FAULT_KIND=kind, FAULT_AT=at))
    assert_clean_end(done)
    assert_between(plant, reference, 0 if done.returncode else len(reference.files))
    assert_undamaged(plant)
    plant.must("ingest", *reference.files, environment=fault(plant))
    if thoroughly:
        assert_equal_content(reference.content, plant.content(), "content after the second run")
    else:
        assert_between(plant, reference, len(reference.files))
    plant.check_deep()


@pytest.mark.parametrize("kind", KINDS)
def test_each_call_fails(fixed_run, kind):
    folder, reference, calls = fixed_run
    first = (SEED + KINDS.index(kind) * 3) % STEP
    cases = [number for number, call, size, _ in calls
             if kind not in ("short", "full") or (call in WRITES and size > 1)][first::STEP]

    def guarded(at):
        try:
            fail_once(folder, reference, kind, at, thoroughly=at % 10 == 0)
        except AssertionError as error:
            number, call, size, path = calls[at - 1]
            raise AssertionError(f"{error}\n{kind} at {call} of {size} bytes, {path}, FAULT_AT={number}; "
                                 f"{reproduce(SUITE, SEED)}") from None

    with ThreadPoolExecutor(PARALLEL) as pool:
        list(pool.map(guarded, cases))
    print(f"{SUITE}: {kind} at {len(cases)} of {len(calls)} calls")
