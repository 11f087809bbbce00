"""A plant survives power cuts: what was acknowledged is there, once, and the end content is the same.

The shim powercut.so plays the disk: what was written and not synced may be gone, sector by sector,
and a folder forgets names that were not synced. Every command that writes runs on it, with one of
these fates: cut in the middle; killed in the middle, so that what it had not synced is at stake in
the processes after it, too; done, and cut right behind its end; done, and what it had not synced
stays at stake.
"""

import random
import shutil
import signal

import pytest

from crash_plant import (SEED, SOAK, WORKER, Plant, Reference, assert_between, assert_same_plant, draw_ingest,
                         land_without_deriving, now_text, run_cases, run_trials, scratch, shim_environment,
                         write_few_inputs, write_inputs, write_rolling_inputs)


SUITE = "test_powercut"
CUTS = 200 if SOAK else 20
TRIES_PER_FILE = 4  # cuts and kills in the taking of one file, before it is let through


@pytest.fixture(scope="module")
def folder():
    with scratch() as path:
        yield path


def powercut(plant, seed, at=0, **more):
    return shim_environment("powercut", POWERCUT_DIR=plant.disk, POWERCUT_SEED=seed, POWERCUT_AT=at,
                            POWERCUT_LOG=plant.folder / "powercut.log", POWERCUT_CARRY=plant.folder / "carry", **more)


def calls_of(plant):
    """Watched calls and syncs of the last process that came to its end."""
    for line in reversed((plant.folder / "powercut.log").read_text().splitlines()):
        found = dict(part.split("=") for part in line.split())
        if found["end"] == "ended":
            return int(found["calls"]), int(found["syncs"])
    raise AssertionError("no process came to its end")


def count_calls(plant, steps):
    """Of each step, in an undisturbed plant."""
    found = []
    for files in steps:
        plant.must("ingest", *files, environment=powercut(plant, 1))
        found.append(calls_of(plant)[0])
    return found


class Harm:
    """A drawn fate of one process, as environment and in words."""

    def __init__(self, rng, calls, spare=False):
        self.fate = "spare" if spare else rng.choice(["cut", "cut", "kill"])
        self.seed = rng.randrange(1 << 32)
        self.at = 0 if spare else rng.randrange(1, int(calls * 1.1) + 2)
        self.cut_at_end = self.fate != "kill" and rng.random() < 0.5

    def environment(self, plant):
        more = {"POWERCUT_KILL": 1} if self.fate == "kill" else {}
        if self.cut_at_end:
            more["POWERCUT_END"] = 1
        return powercut(plant, self.seed, self.at, **more)

    def __str__(self):
        return f"{self.fate} with POWERCUT_SEED={self.seed} POWERCUT_AT={self.at} POWERCUT_END={int(self.cut_at_end)}"


def derive_the_rest(plant, rng, story):
    """Now and then a worker is the first to come after a cut, before anyone has opened the log to append."""
    if rng.random() < 0.7:
        return
    harm = Harm(rng, 0, spare=True)
    done = plant.run(*WORKER, environment=harm.environment(plant))
    story.append(f"worker, {harm}: exit {done.returncode} {done.stderr.strip()}")
    assert done.returncode in (0, 3), "a worker after the cut"


def take(plant, rng, arguments, calls, check, **more):
    """Run until it is done. Returns the number of cuts."""
    cuts, story = 0, []
    for attempt in range(TRIES_PER_FILE + 1):
        harm = Harm(rng, calls, spare=attempt == TRIES_PER_FILE)
        done = plant.run(*arguments, environment=harm.environment(plant), **more)
        story.append(f"{harm}: exit {done.returncode} {done.stderr.strip()}")
        try:
            assert done.returncode in (0, -signal.SIGKILL), "neither done nor cut"
            check(done.returncode == 0)
            if done.returncode != 0:
                derive_the_rest(plant, rng, story)
                check(False)
        except AssertionError as error:
            raise AssertionError(f"{error}\nafter {arguments}:\n  " + "\n  ".join(story)) from None
        cuts += harm.fate == "cut" and done.returncode != 0
        if done.returncode == 0:
            return cuts
    raise AssertionError("not done without a cut either")


def trial(folder, reference, steps, calls, seed):
    """All steps under harm, then everything compared. Returns the number of cuts."""
    rng = random.Random(seed)
    plant = Plant(folder / f"plant-{seed}")
    cuts, moments, taken = 0, [], 0
    for files, expected_calls in zip(steps, calls):
        def check(acknowledged):
            assert_between(plant, reference, taken + (len(files) if acknowledged else 0))

        arguments, more = draw_ingest(rng, files)
        cuts += take(plant, rng, arguments, expected_calls, check, **more)
        taken += len(files)
        moments.append(now_text())
    one_by_one = len(steps) == len(reference.files)
    assert_same_plant(plant, reference, moments if one_by_one else (), powercut(plant, seed, POWERCUT_END=1))
    return cuts


# ---- the suites ----------------------------------------------------------------------------------


def run_steps(folder, reference, steps, enough):
    calls = count_calls(Plant(folder / f"counted-{len(steps)}"), steps)
    assert run_trials(SUITE, lambda seed: trial(folder, reference, steps, calls, seed), enough) >= enough


@pytest.fixture(scope="module")
def reference(folder):
    return Reference(folder, write_inputs(folder / "inputs"))


def test_files_one_by_one(folder, reference):
    run_steps(folder, reference, [[file] for file in reference.files], CUTS * 3 // 4)


def test_files_in_one_run(folder, reference):
    run_steps(folder, reference, [reference.files[:2], reference.files[2:]], CUTS // 4)


def test_segments_begin_anew(folder):
    """The same while the log rolls to new segment files."""
    folder = folder / "rolling"
    reference = Reference(folder, write_rolling_inputs(folder / "inputs"))
    segments = list((reference.plant.data / "log").glob("p*/*.seg"))
    assert len(segments) > 4, f"no segment was begun anew: {segments}"
    run_steps(folder, reference, [[file] for file in reference.files], CUTS // 5)


def test_worker(folder, reference):
    """A worker that derives what `ingest` has landed, a commit per record."""
    landed = Plant(folder / "landed")
    landed.must("ingest", reference.files[0])
    land_without_deriving(landed, *reference.files[1:])
    arguments = [*WORKER, "--live"]

    def copy(name):
        plant = Plant(folder / name)
        shutil.copytree(landed.data, plant.data)
        return plant

    def worker_trial(calls, seed):
        plant = copy(f"worker-{seed}")
        cuts = take(plant, random.Random(seed), arguments, calls, lambda _: assert_between(plant, reference, 1))
        assert_same_plant(plant, reference, environment=powercut(plant, seed, POWERCUT_END=1))
        return cuts

    counted = copy("worker-counted")
    counted.must(*arguments, environment=powercut(counted, 1))
    calls, _ = calls_of(counted)
    enough = CUTS // 5
    assert run_trials(SUITE, lambda seed: worker_trial(calls, seed), enough) >= enough


@pytest.fixture(scope="module")
def few(folder):
    """Three files in one run: the reference, and how many watched calls and syncs the run makes."""
    folder = folder / "few"
    reference = Reference(folder, write_few_inputs(folder / "inputs"))
    plant = Plant(folder / "counted")
    plant.must("ingest", *reference.files, environment=powercut(plant, 1))
    return folder, reference, *calls_of(plant)


def finish(plant, reference, seed):
    """After the harm: the same command goes through, and all is there."""
    plant.must("ingest", *reference.files, environment=powercut(plant, seed, POWERCUT_END=1))
    assert_between(plant, reference, len(reference.files))
    plant.check_deep()


@pytest.mark.parametrize("how", ["cut", "killed"])
def test_every_call(few, how):
    """Harmed once at each call of the first run of a plant, its making included. After a kill it is the second run
    that is cut, right behind its end: it may not rely on what the first had written and not synced."""
    folder, reference, calls, _ = few
    harm = {"POWERCUT_KILL": 1} if how == "killed" else {"POWERCUT_END": 1}

    def harm_at(at, seed):
        plant = Plant(folder / f"{how}-{at}-{seed}")
        done = plant.run("ingest", *reference.files, environment=powercut(plant, seed, at, **harm))
        assert done.returncode in (0, -signal.SIGKILL), done.stderr
        assert_between(plant, reference, 0 if done.returncode else len(reference.files))
        finish(plant, reference, seed)

    step = 1 if SOAK else 12
    seeds = range(SEED, SEED + (4 if SOAK else 1))
    run_cases(SUITE, harm_at, [(at, seed) for seed in seeds for at in range(1 + SEED % step, calls + 2, step)])


def test_failed_syncs(few):
    """A sync fails with EIO and the kernel forgets what it should have written: nobody may build on that."""
    folder, reference, _, syncs = few

    def fail(number, seed):
        plant = Plant(folder / f"sync-{number}-{seed}")
        harm = powercut(plant, seed, POWERCUT_FAIL_SYNC=number, POWERCUT_END=seed % 2)
        done = plant.run("ingest", *reference.files, environment=harm)
        assert done.returncode in (0, 3, 4), f"exit {done.returncode}\n{done.stderr}"
        assert done.returncode == 0 or "BB-" in done.stderr, done.stderr
        assert_between(plant, reference, 0 if done.returncode else len(reference.files))
        finish(plant, reference, seed)

    step = 1 if SOAK else 4
    seeds = range(SEED, SEED + (4 if SOAK else 1))
    run_cases(SUITE, fail, [(number, seed) for seed in seeds for number in range(1 + SEED % step, syncs + 1, step)])


def test_a_disk_that_lies_is_noticed(few):
    """The proof of the harness: when syncs make nothing durable, what was acknowledged is missed."""
    folder, reference, _, _ = few
    for seed in range(SEED, SEED + 20):
        plant = Plant(folder / f"lie-{seed}")
        plant.must("ingest", *reference.files, environment=powercut(plant, seed, POWERCUT_LIE=1, POWERCUT_END=1))
        try:
            assert_between(plant, reference, len(reference.files))
        except AssertionError:
            return
    raise AssertionError("nothing was missed: this harness proves nothing")
