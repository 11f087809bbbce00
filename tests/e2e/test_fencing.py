"""Two workers on one partition: the slower one is fenced, a stopped one is ended when it is in the way.

A worker that is stopped outside a store transaction holds nothing. It is passed over, and when it is
woken it finds a higher epoch and stands back. One that is stopped inside a transaction (here by the
shim fault.so, in front of a chosen write of LMDB's data file) holds the right to write: whoever
comes next ends it after store.takeover and goes on. Nothing is lost either way, and nothing twice.
"""

import fcntl
import json
import os
import random
import shutil
import signal
import struct
import time

import pytest

from crash_plant import (SEED, SOAK, TIME_OUT_S, WORKER, Plant, Reference, assert_between, assert_same_plant,
                         land_without_deriving, run_trials, scratch, shim_environment, write_few_inputs)
from server import is_stopped, stand_still

SUITE = "test_fencing"
TAKEOVER_S = 0.3  # store.takeover of these plants
SETTLE_S = 2.0  # much longer than a worker's wait for the log


@pytest.fixture(scope="module")
def folder():
    with scratch() as path:
        yield path


@pytest.fixture(scope="module")
def reference(folder):
    return Reference(folder, write_few_inputs(folder / "inputs"))


def await_true(condition, what, limit_s=TIME_OUT_S):
    until = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < until, f"{what}: not within {limit_s} s"
        time.sleep(0.005)


def holds_the_right_to_write(plant, process):
    """Somewhere in the store: byte 0 of a partition's file `writer` is locked."""
    for path in (plant.data / "store").glob("p*/writer"):
        with open(path, "rb+") as file:
            asked = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 1, 0)
            kind, _, _, _, pid = struct.unpack("hhqqi4x", fcntl.fcntl(file, fcntl.F_GETLK, asked))
            if kind != fcntl.F_UNLCK and pid == process.pid:
                return True
    return False


def stop_outside(plant, process):
    """SIGSTOP, at a moment at which the process is in no store transaction."""
    for _ in range(1000):
        stand_still(process)
        if not holds_the_right_to_write(plant, process):
            return
        process.send_signal(signal.SIGCONT)
        time.sleep(0.01)
    raise AssertionError("the worker is never outside a transaction")


def all_derived(plant):
    log = next(one["text"] for one in json.loads(plant.must("--json", "check").stdout) if one["what"] == "log")
    return " readings, 0 not yet derived" in log


def end_and_report(process):
    """SIGTERM ends a worker after the work at hand; its report."""
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=TIME_OUT_S)
    assert process.returncode == 0, f"exit {process.returncode}\n{err}"
    return json.loads(out)


def start_idle_worker(plant):
    """A worker that has derived all there is and waits for more."""
    worker = plant.start("--json", "worker", "--stage", "derive")
    await_true(lambda: all_derived(plant), "the worker derives what is there")
    time.sleep(0.1)
    return worker


# ---- stopped outside a transaction ---------------------------------------------------------------


@pytest.mark.parametrize("successor", ["ingest", "worker"])
def test_stopped_outside(folder, reference, successor):
    plant = Plant(folder / f"outside-{successor}")
    plant.must("ingest", reference.files[0])
    worker = start_idle_worker(plant)
    try:
        stop_outside(plant, worker)
        if successor == "ingest":
            plant.must("ingest", reference.files[1])
        else:
            land_without_deriving(plant, reference.files[1])
            plant.must(*WORKER)
        assert_between(plant, reference, 2)
        worker.send_signal(signal.SIGCONT)
        time.sleep(SETTLE_S)  # it has tried by then, and has seen the higher epoch
        assert_between(plant, reference, 2)
        plant.must("ingest", reference.files[2])
        report = end_and_report(worker)
    finally:
        worker.kill()
    assert report["fenced"] >= 1, f"the woken worker was not fenced: {report}"
    assert_same_plant(plant, reference)


def test_two_workers_side_by_side(folder, reference):
    """Neither is stopped: they take the partitions from each other, and `ingest` from both."""
    plant = Plant(folder / "side-by-side")
    plant.must("ingest", reference.files[0])
    workers = [start_idle_worker(plant) for _ in range(2)]
    try:
        for number, file in enumerate(reference.files[1:], start=2):
            plant.must("ingest", file)
            assert_between(plant, reference, number)
        time.sleep(SETTLE_S)
        reports = [end_and_report(worker) for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
    assert sum(report["fenced"] for report in reports) >= 1, reports
    assert_same_plant(plant, reference)


def fenced_worker_returns(folder, reference):
    """Its successor is gone for good: after a minute of standing still the fenced worker takes over."""
    plant = Plant(folder / "returns")
    plant.must("ingest", reference.files[0])
    worker = start_idle_worker(plant)
    try:
        stop_outside(plant, worker)
        plant.must("ingest", reference.files[1])
        worker.send_signal(signal.SIGCONT)
        land_without_deriving(plant, reference.files[2])
        await_true(lambda: all_derived(plant), "the fenced worker returns")
        report = end_and_report(worker)
    finally:
        worker.kill()
    assert report["fenced"] >= 1, report
    assert_same_plant(plant, reference)


if SOAK:  # takes the minute that a fenced worker stands by

    def test_a_fenced_worker_returns(folder, reference):
        fenced_worker_returns(folder, reference)


# ---- stopped inside a transaction ----------------------------------------------------------------


def fault(plant, **values):
    return shim_environment("fault", FAULT_DIR=plant.disk, FAULT_LOG=plant.folder / "fault.log", **values)


@pytest.fixture(scope="module")
def landed(folder, reference):
    """A plant with something to derive, and how often a worker that does so changes the store's data."""
    plant = Plant(folder / "landed")
    plant.must("ingest", reference.files[0])
    land_without_deriving(plant, *reference.files[1:])
    counted = Plant(folder / "landed-counted")
    shutil.copytree(plant.data, counted.data)
    counted.must(*WORKER, environment=fault(counted, FAULT_MATCH="data.mdb"))
    return plant, len((counted.folder / "fault.log").read_text().splitlines())


def stop_inside(folder, landed, reference, seed):
    landed_plant, calls = landed
    rng = random.Random(seed)
    at = 1 + (seed - SEED) % calls if SOAK else rng.randrange(1, calls + 1)
    plant = Plant(folder / f"inside-{seed}")
    shutil.copytree(landed_plant.data, plant.data)
    worker = plant.start(*WORKER, environment=fault(plant, FAULT_MATCH="data.mdb", FAULT_KIND="stop", FAULT_AT=at))
    try:
        await_true(lambda: is_stopped(worker), f"the worker stops at call {at} of {calls}")
        assert holds_the_right_to_write(plant, worker)
        assert_between(plant, reference, 1)  # readers are not kept waiting
        began = time.monotonic()
        if rng.random() < 0.5:
            plant.must(*WORKER)
        else:
            plant.must("ingest", *reference.files)
        took_s = time.monotonic() - began
        assert_between(plant, reference, len(reference.files))
        code = worker.wait(timeout=1)
    finally:
        worker.kill()
        worker.communicate()
    assert code == -signal.SIGKILL, f"stopped at call {at}, the worker ended with {code}"
    assert TAKEOVER_S * 0.9 < took_s < TAKEOVER_S * 2 + 20, f"the takeover took {took_s} s"
    assert_same_plant(plant, reference)
    shutil.rmtree(plant.folder)
    return 1


def test_stopped_inside(folder, landed, reference):
    run_trials(SUITE, lambda seed: stop_inside(folder, landed, reference, seed), landed[1] if SOAK else 6)
