"""A plant survives power cuts: what was acknowledged is there, once, and the end content is the same.

The shim powercut.so plays the disk: what was written and not synced may be gone, sector by sector,
and a folder forgets names that were not synced. Every command of a plant under test runs on it, so
each is cut, in the middle (POWERCUT_AT) or right behind its end.
"""

import random
import signal

import pytest

from crash_plant import (PLANT_CONFIG, SOAK, Plant, Reference, assert_between, assert_same_plant, now_text, run_trials,
                         scratch, shim_environment, write_few_inputs, write_inputs, write_rolling_inputs)

SUITE = "test_powercut"
CUTS = 200 if SOAK else 20
TRIES_PER_FILE = 3  # cuts in the taking of one file, before it is let through


@pytest.fixture(scope="module")
def folder():
    with scratch() as path:
        yield path


def powercut(plant, seed, at=0, **more):
    return shim_environment("powercut", POWERCUT_DIR=plant.disk, POWERCUT_SEED=seed, POWERCUT_AT=at,
                            POWERCUT_LOG=plant.folder / "powercut.log", **more)


def calls_of(plant):
    """Watched calls and syncs of the last process that was not cut."""
    for line in reversed((plant.folder / "powercut.log").read_text().splitlines()):
        found = dict(part.split("=") for part in line.split())
        if found["cut"] == "0":
            return int(found["calls"]), int(found["syncs"])
    raise AssertionError("no process came to its end")


@pytest.fixture(scope="module")
def reference(folder):
    return Reference(folder, write_inputs(folder / "inputs"))


@pytest.fixture(scope="module")
def calls(folder, reference):
    """How many watched calls the first file makes (which makes the plant), and each later one."""
    plant = Plant(folder / "counted")
    found = []
    for file in reference.files:
        plant.must("ingest", file, environment=powercut(plant, 1))
        found.append(calls_of(plant)[0])
    return found


def take(plant, rng, arguments, calls, check):
    """Run until it is done, cut at random calls. Returns the number of cuts."""
    cuts = 0
    for attempt in range(TRIES_PER_FILE + 1):
        at = rng.randrange(1, int(calls * 1.1) + 2) if attempt < TRIES_PER_FILE else 0
        seed = rng.randrange(1 << 32)
        done = plant.run(*arguments, environment=powercut(plant, seed, at))
        what = f"{arguments[0]} with POWERCUT_SEED={seed} POWERCUT_AT={at}: exit {done.returncode}\n{done.stderr}"
        assert done.returncode in (0, -signal.SIGKILL), what
        try:
            check(done.returncode == 0)
        except AssertionError as error:
            raise AssertionError(f"{error}\nafter {what}") from error
        if done.returncode == 0:
            return cuts
        cuts += 1
    raise AssertionError("not done without a cut either")


def trial(folder, reference, calls, seed):
    rng = random.Random(seed)
    plant = Plant(folder / f"plant-{seed}")
    one_by_one = rng.random() < 0.7
    cuts, moments = 0, []
    steps = [[file] for file in reference.files] if one_by_one else [reference.files]
    for number, files in enumerate(steps):
        expected_calls = calls[number] if one_by_one else sum(calls)

        def check(acknowledged):
            assert_between(plant, reference, number + 1 if acknowledged and one_by_one else
                           len(reference.files) if acknowledged else number)

        cuts += take(plant, rng, ["ingest", *files], expected_calls, check)
        moments.append(now_text())
    assert_same_plant(plant, reference, moments if one_by_one else (), environment=powercut(plant, seed))
    return cuts


def test_ingest(folder, reference, calls):
    assert run_trials(SUITE, lambda seed: trial(folder, reference, calls, seed), CUTS) >= CUTS


def test_segments_begin_anew(folder):
    """The same while the log rolls to new segment files."""
    reference = Reference(folder / "rolling", write_rolling_inputs(folder / "rolling-inputs"))
    segments = list((reference.plant.data / "log").glob("p*/*.seg"))
    assert len(segments) > 4, f"no segment was begun anew: {segments}"
    plant = Plant(folder / "rolling-counted")
    calls = []
    for file in reference.files:
        plant.must("ingest", file, environment=powercut(plant, 1))
        calls.append(calls_of(plant)[0])
    enough = CUTS // 4
    assert run_trials(SUITE, lambda seed: trial(folder / "rolling", reference, calls, seed), enough) >= enough
