"""kill -9 is the normal test: real processes, killed at random moments from the first millisecond on.

`ingest`, `worker` and `registry apply` are killed and run again until they are done. What was
acknowledged is found after each kill, nothing is found twice, and the end content is that of a plant
which nobody disturbed. These run on a real disk: how long a sync takes decides where a kill falls.
"""

import json
import math
import random
import shutil
import signal
import time

import pytest

from crash_plant import (SOAK, WORKER, Plant, Reference, assert_between, assert_equal_content, assert_same_plant,
                         draw_ingest, land_without_deriving, now_text, run_trials, scratch, write_inputs)

SUITE = "test_kill"
KILLS = 100 if SOAK else 10
TRIES = 3  # kills of one command, before it is let through


@pytest.fixture(scope="module")
def folder():
    with scratch(on_disk=True) as path:
        yield path


@pytest.fixture(scope="module")
def reference(folder):
    return Reference(folder, write_inputs(folder / "inputs"))


def draw_delay(rng, span_s):
    """Half of the moments are spread evenly over the run, half crowd at its beginning, from 1 ms on."""
    longest = max(span_s * 1.2, 0.004)
    if rng.random() < 0.5:
        return rng.uniform(0.001, longest)
    return math.exp(rng.uniform(math.log(0.001), math.log(longest)))


def run_until_done(plant, rng, span_s, arguments, check, **more):
    """Kill it at random moments until it is done. Returns the number of kills."""
    kills, delays = 0, []
    for attempt in range(TRIES + 1):
        if attempt == TRIES:
            done = plant.run(*arguments, **more)
        else:
            delays.append(draw_delay(rng, span_s))
            done = plant.run_killed(delays[-1], *arguments, **more)
        what = f"after {arguments}, killed after {delays} s: exit {done.returncode}\n{done.stderr}"
        assert done.returncode in (0, -signal.SIGKILL), what
        try:
            check(done.returncode == 0)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{what}") from None
        if done.returncode == 0:
            return kills
        kills += 1
    raise AssertionError("not done without a kill either")


# ---- ingest --------------------------------------------------------------------------------------


def ingest_trial(folder, reference, seed):
    rng = random.Random(seed)
    plant = Plant(folder / f"ingest-{seed}")
    steps = [[file] for file in reference.files] if rng.random() < 0.7 else [reference.files[:2], reference.files[2:]]
    kills, moments, taken = 0, [], 0
    for files in steps:
        def check(acknowledged):
            assert_between(plant, reference, taken + (len(files) if acknowledged else 0))

        span_s = sum(reference.spans_s[taken:taken + len(files)])
        arguments, more = draw_ingest(rng, files)
        kills += run_until_done(plant, rng, span_s, arguments, check, **more)
        taken += len(files)
        moments.append(now_text())
    assert_same_plant(plant, reference, moments if len(steps) == len(reference.files) else ())
    shutil.rmtree(plant.folder)
    return kills


def test_ingest(folder, reference):
    assert run_trials(SUITE, lambda seed: ingest_trial(folder, reference, seed), KILLS) >= KILLS


# ---- worker --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def landed(folder, reference):
    """A plant whose first file is derived and whose others lie in the log only; copied for each trial."""
    plant = Plant(folder / "landed")
    plant.must("ingest", reference.files[0])
    land_without_deriving(plant, *reference.files[1:])
    assert plant.raw()[0] == reference.raw_after[1]
    return plant


def worker_trial(folder, landed, reference, span_s, seed):
    rng = random.Random(seed)
    plant = Plant(folder / f"worker-{seed}")
    shutil.copytree(landed.data, plant.data)
    arguments = [*WORKER, "--live"] if rng.random() < 0.7 else WORKER  # live: a commit per record
    kills = run_until_done(plant, rng, span_s, arguments, lambda _: assert_between(plant, reference, 1))
    assert_same_plant(plant, reference)
    shutil.rmtree(plant.folder)
    return kills


def test_worker(folder, landed, reference):
    plant = Plant(folder / "worker-timed")
    shutil.copytree(landed.data, plant.data)
    began = time.monotonic()
    plant.must(*WORKER)
    span_s = max(time.monotonic() - began - 0.1, 0.02)  # without its idle end
    enough = KILLS // 2
    assert run_trials(SUITE, lambda seed: worker_trial(folder, landed, reference, span_s, seed), enough) >= enough


# ---- ingest beside a worker ----------------------------------------------------------------------


def beside_trial(folder, reference, seed):
    """Both go on at the same time, and both are killed; the partitions change hands all the while."""
    rng = random.Random(seed)
    plant = Plant(folder / f"beside-{seed}")
    plant.must("ingest", reference.files[0])
    kills = 0
    for number, file in enumerate(reference.files[1:], start=1):
        worker = plant.start("worker", "--stage", "derive", "--live")
        try:
            done = plant.run_killed(draw_delay(rng, reference.span_s), "ingest", file)
        finally:
            worker.kill()
            out, err = worker.communicate()
        assert worker.returncode == -signal.SIGKILL, f"the worker ended with {worker.returncode}\n{out}{err}"
        assert done.returncode in (0, -signal.SIGKILL), f"exit {done.returncode}\n{done.stderr}"
        kills += 1 + (done.returncode != 0)
        assert_between(plant, reference, number + (done.returncode == 0))
        plant.must("ingest", file)
        assert_between(plant, reference, number + 1)
    assert_same_plant(plant, reference)
    shutil.rmtree(plant.folder)
    return kills


def test_ingest_beside_a_worker(folder, reference):
    enough = KILLS // 2
    assert run_trials(SUITE, lambda seed: beside_trial(folder, reference, seed), enough) >= enough


# ---- registry apply ------------------------------------------------------------------------------

FIRST_REGISTRY = """tenants: [{name: default, zone: Europe/Amsterdam}]
usage_points:
  - name: E1
    commodity: electricity
    zone: Europe/Amsterdam
    installations: [{device: D1, from: 2024-01-01T00:00:00Z, multiplier: 40}]
    channels: [{name: "1.29.0", obis: "1-1:1.29.0", kind: interval, unit: kWh, interval: 15m}]
  - name: W1
    commodity: water
    channels: [{name: volume, kind: register, unit: m3, one_way: true}]
"""
SECOND_REGISTRY = FIRST_REGISTRY.replace("multiplier: 40", "multiplier: 80").replace("name: W1", "name: W2")


def registry_content(plant):
    return {**plant.content(), "registry": plant.must("registry", "export").stdout}


@pytest.fixture(scope="module")
def registry(folder, reference):
    """The two registry files, and the content after both, between the files of readings."""
    files = [folder / "first.yaml", folder / "second.yaml"]
    files[0].write_text(FIRST_REGISTRY)
    files[1].write_text(SECOND_REGISTRY)
    plant = Plant(folder / "registry-reference")
    spans = []
    plant.must("ingest", *reference.files[:2])
    for file in files:
        began = time.monotonic()
        plant.must("registry", "apply", file)
        spans.append(time.monotonic() - began)
    assert "multiplier: 80" in plant.must("registry", "export").stdout
    plant.must("ingest", *reference.files[2:])
    return files, max(spans), registry_content(plant)


def registry_trial(folder, reference, registry, seed):
    files, span_s, expected = registry
    rng = random.Random(seed)
    plant = Plant(folder / f"registry-{seed}")
    plant.must("ingest", *reference.files[:2])
    kills = 0
    for file in files:
        kills += run_until_done(plant, rng, span_s, ["registry", "apply", file],
                                lambda _: assert_between(plant, reference, 2))
    plant.must("ingest", *reference.files[2:])
    assert_equal_content(expected, registry_content(plant), "content after registry apply")
    again = json.loads(plant.must("--json", "registry", "apply", files[1]).stdout)
    assert (again["added"], again["changed"]) == (0, 0), again
    plant.check_deep()
    shutil.rmtree(plant.folder)
    return kills


def test_registry_apply(folder, reference, registry):
    enough = KILLS // 2
    assert run_trials(SUITE, lambda seed: registry_trial(folder, reference, registry, seed), enough) >= enough
