"""Rules in a plant whose processes are killed at random: the worker, the interpreter that imports, those that run modules.

What is derived in the end is what an undisturbed plant derives, and no process is left behind.
"""

import os
import random
import shutil
import signal
import subprocess
import time

import pytest
from conftest import needs_numpy

from crash_plant import SOAK, WORKER, Plant, assert_equal_content, land_without_deriving, run_trials, scratch, write_inputs

SUITE = "test_rules_killed"
KILLS = 100 if SOAK else 10
pytestmark = needs_numpy

MODULE = '''import numpy as np
from busbar import rule


@rule(inputs="1.29.0", window="2d")
def tidy(w):
    """Says everything that a rule may say, and raises now and then."""
    known = w.value[w.known]
    if known.size and int(known.sum() * 1000) % 7 == 0:
        raise ValueError("it does not like this one")
    usual = np.median(known) if known.size else 0.0
    w.flag(w.new & (w.value > 1.02 * usual + np.random.random() * 0.001), "far", usual=usual)
    w.estimate(w.new & ~w.known, usual)
    if known.size:
        w.correct(w.new & (w.value == known.max()), usual, "the_greatest")
    if known.size and int(known[-1] * 1000) % 5 == 0:
        w.exception("look at this day")
'''


def descendants(pid):
    """Living processes below a process, from /proc."""
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat") as file:
                    parents[int(name)] = int(file.read().rsplit(")", 1)[1].split()[1])
            except (OSError, IndexError):
                pass
    found, new = [], [pid]
    while new:
        new = [child for child, parent in parents.items() if parent in new]
        found += new
    return found


@pytest.fixture(scope="module")
def landed():
    """A plant with a deployed rule, one file derived and the others in the log only."""
    with scratch() as folder:
        files = write_inputs(folder / "inputs")
        plant = Plant(folder / "landed")
        plant.must("ingest", files[0])
        (plant.data / "rules").mkdir()
        (plant.data / "rules" / "tidy.py").write_text(MODULE)
        plant.must("rules", "deploy", "tidy", "--from", "2024-01-01T00:00:00Z", "--yes")
        land_without_deriving(plant, *files[1:])
        reference = Plant(folder / "reference")
        shutil.copytree(plant.data, reference.data)
        reference.must(*WORKER)
        content = reference.content()
        assert "method:rule" in content["E1 vee"] and '"rule"' in content["exceptions"]
        reference.check_deep()
        yield folder, plant, content


def trial(landed, seed):
    folder, original, content = landed
    rng = random.Random(seed)
    plant = Plant(folder / f"trial-{seed}")
    shutil.copytree(original.data, plant.data)
    kills, seen = 0, set()
    for attempt in range(4):
        with plant.start(*WORKER, "--live") as process:
            while attempt < 3 and process.poll() is None and rng.random() < 0.8:
                time.sleep(rng.uniform(0.005, 0.25))
                below = descendants(process.pid)
                seen.update(below)
                target = rng.choice([*below, process.pid])
                try:
                    os.kill(target, signal.SIGKILL)
                    kills += 1
                except ProcessLookupError:
                    pass
            out, err = process.communicate(timeout=120)
        # an interpreter that is gone may end the worker: whoever runs it starts another
        assert process.returncode in (0, -signal.SIGKILL) or "BB-5002" in err, f"exit {process.returncode}\n{out}{err}"
    assert process.returncode == 0, err
    assert_equal_content(content, plant.content(), "content")
    plant.check_deep()
    deadline = time.monotonic() + 5
    while (left := [pid for pid in seen if os.path.exists(f"/proc/{pid}")]) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left, f"processes are left: {left}"
    shutil.rmtree(plant.folder)
    return kills


def test_killed_at_random(landed):
    assert run_trials(SUITE, lambda seed: trial(landed, seed), KILLS) >= KILLS
