"""Backups of a plant that is at work, and plants restored from them.

A file counts as a whole (the ledger decides), so whatever the moment of a backup, what is restored must show
in every lane of every channel what the undisturbed plant showed after the first k files, for one k between
what was acknowledged before the backup and what had begun by its end.
"""

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import threading
import time

import pytest
from crash_plant import (BINARY, SOAK, Plant, Reference, assert_equal_content, assert_same_plant,
                         land_without_deriving, now_text, run_trials, scratch, write_inputs, write_rolling_inputs)
from test_full_disk import namespace

SUITE = "test_backup"
TRIALS = 40 if SOAK else 4
KILLS = 100 if SOAK else 8


@pytest.fixture(scope="module")
def folder():
    with scratch() as path:
        yield path


class StepByStep(Reference):
    """A reference that also knows all lanes after each file."""

    def __init__(self, folder, files):
        super().__init__(folder, files)
        plant = Plant(folder / "steps")
        self.content_after = [plant.content() if plant.data.exists() else {}]
        for file in files:
            plant.must("ingest", file)
            self.content_after.append(plant.content())


@pytest.fixture(scope="module")
def reference(folder):
    return StepByStep(folder, write_inputs(folder / "inputs"))


@pytest.fixture(scope="module")
def filled(folder, reference):
    """A plant with a few files, and a backup of it."""
    plant = Plant(folder / "filled")
    plant.must("ingest", *reference.files[:3])
    backup = folder / "filled-backup"
    plant.must("backup", backup)
    return plant, backup


def restored(folder, backup):
    """A plant of its own out of a backup."""
    plant = Plant(folder)
    report = json.loads(plant.must("--json", "restore", backup).stdout)
    return plant, report


def error_code(done):
    assert done.returncode > 0, f"exit {done.returncode}\n{done.stdout}{done.stderr}"
    return json.loads(done.stdout)["error"]["code"]


def files_of(backup):
    return sorted(path for path in backup.rglob("*") if path.is_file())


# ---- what is restored ----------------------------------------------------------------------------


def test_a_restored_plant_is_the_plant(folder, reference, filled):
    source, backup = filled
    moment = now_text()
    copy, report = restored(folder / "quiet", backup)
    assert report["derived"] == 0
    assert_equal_content(source.content(), copy.content(), "restored")
    assert_equal_content(source.content(moment), copy.content(moment), f"as of {moment}")
    exported = ("registry", "export")
    assert source.must(*exported).stdout == copy.must(*exported).stdout
    stories = ("--json", "list", "exceptions")
    assert source.must(*stories).stdout == copy.must(*stories).stdout, "with their numbers and what opened them"
    again = Plant(folder / "source-goes-on")
    shutil.copytree(source.data, again.data)
    for plant in (again, copy):
        plant.must("ingest", *reference.files[3:])
    assert_equal_content(again.content(), copy.content(), "after more files")
    assert_same_plant(copy, reference)


def test_verify_changes_nothing(filled):
    _, backup = filled
    before = {path: path.read_bytes() for path in files_of(backup)}
    report = json.loads(Plant(backup.parent / "nobody").must("--json", "backup", "--verify", backup).stdout)
    assert report["files"] == len(before) - 1
    assert {path: path.read_bytes() for path in files_of(backup)} == before


def test_a_backup_can_be_read_and_is_not_written(folder, reference, filled):
    source, backup = filled
    reader = Plant(folder / "reader")
    reader.data = backup
    before = {path: path.read_bytes() for path in files_of(backup)}
    assert_equal_content(source.content(), reader.content(), "read from the backup")
    assert error_code(reader.run("--json", "ingest", reference.files[4])) == "BB-3009"
    assert error_code(reader.run("--json", "worker", "--stage", "derive")) == "BB-3009"
    assert {path: path.read_bytes() for path in files_of(backup)} == before


def test_the_configuration_comes_along(folder, reference):
    plant = Plant(folder / "configured")
    plant.must("ingest", reference.files[0])
    plant.must("backup", folder / "configured-backup")
    kept = (folder / "configured-backup/busbar.yaml").read_text()
    assert kept == plant.config.read_text(), "the one that --config named"
    command = [BINARY, "--data", str(folder / "configured-restored"), "restore", str(folder / "configured-backup")]
    assert subprocess.run(command, capture_output=True, timeout=60).returncode == 0
    assert (folder / "configured-restored/busbar.yaml").read_text() == kept


# ---- while the plant is at work ------------------------------------------------------------------


def at_work_trial(folder, reference, seed):
    """Files are ingested one after the other beside a worker, and backups are made all the while."""
    rng = random.Random(seed)
    plant = Plant(folder / f"work-{seed}")
    plant.must("ingest", reference.files[0])
    acknowledged, begun, failures = [1], [1], []

    def ingest():
        for file in reference.files[1:]:
            begun[0] += 1
            done = plant.run("ingest", file)
            if done.returncode != 0:
                failures.append(done.stderr)
                return
            acknowledged[0] += 1
            time.sleep(rng.choice((0, 0.02)))

    worker = plant.start("worker", "--stage", "derive", "--live")
    thread = threading.Thread(target=ingest)
    thread.start()
    backups = []
    while thread.is_alive() or not backups:
        least = acknowledged[0]
        backup = plant.folder / f"backup-{len(backups)}"
        done = plant.run("backup", backup)
        assert done.returncode == 0, done.stderr
        backups.append((backup, least, begun[0]))
        time.sleep(rng.uniform(0, 0.05))
    thread.join()
    worker.kill()
    worker.communicate()
    assert not failures, failures
    for number, (backup, least, most) in enumerate(backups):
        plant.must("backup", "--verify", backup)
        copy, _ = restored(plant.folder / f"restored-{number}", backup)
        found = copy.content()
        at = [k for k in range(least, most + 1) if found == reference.content_after[k]]
        if not at:
            for k in range(least, most + 1):
                assert_equal_content(reference.content_after[k], found, f"seed {seed}, backup {number}, {k} files")
        copy.check_deep()
        copy.must("ingest", *reference.files)
        assert_same_plant(copy, reference)
    plant.must("ingest", *reference.files)
    assert_same_plant(plant, reference)
    shutil.rmtree(plant.folder)
    return 1


def test_a_plant_at_work(folder, reference):
    run_trials(SUITE, lambda seed: at_work_trial(folder, reference, seed), TRIALS)


def test_what_is_left_in_the_log_is_derived(folder, reference):
    plant = Plant(folder / "landed")
    plant.must("ingest", reference.files[0])
    land_without_deriving(plant, *reference.files[1:3])
    plant.must("backup", folder / "landed-backup")
    copy, report = restored(folder / "landed-restored", folder / "landed-backup")
    assert report["derived"] > 0
    assert_equal_content(reference.content_after[3], copy.content(), "restored and derived")


def test_many_segments(folder):
    files = write_rolling_inputs(folder / "rolling")
    plant = Plant(folder / "rolling-plant")
    plant.must("ingest", files[0], files[2])
    backup = folder / "rolling-backup"
    plant.must("backup", backup)
    assert [path for path in files_of(backup) if path.suffix == ".seg" and path.stem.strip("0")], "none but the first"
    (empty,) = [path for path in backup.rglob("*") if path.is_dir() and not any(path.iterdir())]
    empty.rmdir()  # as some tools do that copy files
    assert_refused(folder, backup, "an empty folder is missing")
    empty.mkdir()
    copy, _ = restored(folder / "rolling-restored", backup)
    for one in (plant, copy):
        one.must("ingest", files[1], "--again", files[0])
    assert_equal_content(plant.content(), copy.content(), "after another segment")
    copy.check_deep()


# ---- killed --------------------------------------------------------------------------------------


def run_killed_or_done(plant, rng, span_s, *arguments):
    done = plant.run_killed(rng.uniform(0.001, span_s * 1.2), *arguments)
    assert done.returncode in (0, -signal.SIGKILL), f"exit {done.returncode}\n{done.stderr}"
    return done.returncode == 0


def timed(run):
    began = time.monotonic()
    run()
    return time.monotonic() - began


def test_a_backup_is_whole_or_none(folder, filled):
    source, _ = filled
    span_s = timed(lambda: source.must("backup", folder / "timed-backup"))
    kills = 0
    for seed in range(1000):
        backup = folder / f"killed-backup-{seed}"
        done = run_killed_or_done(source, random.Random(seed), span_s, "backup", backup)
        kills += not done
        assert done <= backup.exists()
        if backup.exists():
            source.must("backup", "--verify", backup)
        else:
            source.must("backup", backup)
            source.must("backup", "--verify", backup)
        assert not (folder / f"killed-backup-{seed}.unfinished").exists()
        shutil.rmtree(backup)
        if kills >= KILLS:
            break
    assert kills >= KILLS
    source.check_deep()


def test_a_restored_plant_is_whole_or_none(folder, filled):
    source, backup = filled
    expected = source.content()
    span_s = timed(lambda: restored(folder / "timed-restore", backup))
    kills = 0
    for seed in range(1000):
        plant = Plant(folder / f"killed-restore-{seed}")
        done = run_killed_or_done(plant, random.Random(seed), span_s, "restore", backup)
        kills += not done
        assert done <= plant.data.exists()
        if not plant.data.exists():
            plant.must("restore", backup)
        assert_equal_content(expected, plant.content(), f"seed {seed}")
        assert not plant.data.with_name("plant.restoring").exists()
        shutil.rmtree(plant.folder)
        if kills >= KILLS:
            break
    assert kills >= KILLS


def test_somebody_elses_files_are_left_alone(folder, filled):
    source, backup = filled
    occupied = folder / "occupied"
    occupied.mkdir()
    (occupied / "letter.txt").write_text("dear")
    assert error_code(source.run("--json", "backup", occupied)) == "BB-3015"
    assert error_code(source.run("--json", "backup", occupied / "letter.txt")) == "BB-3015"
    assert error_code(source.run("--json", "restore", backup)) == "BB-3015", "the plant is there"
    other = folder / "named.unfinished"
    other.mkdir()
    (other / "letter.txt").write_text("dear")
    assert error_code(source.run("--json", "backup", folder / "named")) == "BB-3015"
    assert [(path.name, path.read_text()) for path in (occupied / "letter.txt", other / "letter.txt")] == [
        ("letter.txt", "dear"), ("letter.txt", "dear")]
    empty = folder / "empty"
    empty.mkdir()
    source.must("backup", f"{empty}/")
    source.must("backup", "--verify", empty)


# ---- damaged -------------------------------------------------------------------------------------


def assert_refused(folder, backup, what):
    plant = Plant(folder / "refused")
    assert error_code(plant.run("--json", "backup", "--verify", backup)) == "BB-3014", what
    assert error_code(plant.run("--json", "restore", backup)) == "BB-3014", what
    assert not plant.data.exists() and not plant.data.with_name("plant.restoring").exists(), what


def test_a_flipped_bit_is_found_in_every_file(folder, filled):
    _, backup = filled
    rng = random.Random(7)
    for path in files_of(backup):
        kept = path.read_bytes()
        if not kept:
            continue
        for _ in range(8 if SOAK or path.name == "MANIFEST" else 1):
            damaged = bytearray(kept)
            damaged[rng.randrange(len(kept))] ^= 1 << rng.randrange(8)
            path.write_bytes(damaged)
            assert_refused(folder, backup, f"a bit of {path}")
        path.write_bytes(kept)
    Plant(folder / "refused").must("backup", "--verify", backup)


def test_what_is_cut_or_missing_is_found(folder, filled):
    _, backup = filled
    for path in files_of(backup):
        kept = path.read_bytes()
        if kept:
            path.write_bytes(kept[:-1])
            assert_refused(folder, backup, f"{path} is cut")
        path.unlink()
        assert_refused(folder, backup, f"{path} is missing")
        path.write_bytes(kept)
    stranger = backup / "log/p0000/extra.seg"
    stranger.write_text("?")
    done = Plant(folder / "refused").run("--json", "backup", "--verify", backup)
    assert error_code(done) == "BB-3014" and "extra.seg" in done.stdout
    stranger.unlink()
    assert error_code(Plant(folder / "refused").run("--json", "restore", folder / "nowhere")) == "BB-3014"


def test_a_damaged_plant_is_not_backed_up(folder, reference):
    plant = Plant(folder / "damaged")
    plant.must("ingest", *reference.files[:2])
    segment = max(plant.data.glob("log/p000[01]/*.seg"), key=lambda path: path.stat().st_size)
    damaged = bytearray(segment.read_bytes())
    damaged[len(damaged) // 2] ^= 4
    segment.write_bytes(damaged)
    assert error_code(plant.run("--json", "backup", folder / "damaged-backup")) == "BB-3002"
    assert not (folder / "damaged-backup").exists() and not (folder / "damaged-backup.unfinished").exists()


def test_another_version_is_refused(folder, filled):
    source, _ = filled
    plant = Plant(folder / "newer")
    shutil.copytree(source.data, plant.data)
    with sqlite3.connect(plant.data / "registry.db") as registry:
        registry.execute("UPDATE schema_version SET version = version + 1")
    registry.close()
    assert error_code(plant.run("--json", "backup", folder / "newer-backup")) == "BB-3010"
    assert not (folder / "newer-backup").exists()


# ---- a full disk ---------------------------------------------------------------------------------

SCRIPT = """
set -u
mount -t tmpfs -o size={size}k none "$DISK"
"$BIN" --data "$DATA" --json {first} >"$OUT/full.json" 2>&1; echo $? >"$OUT/full.code"
ls "$DISK" >"$OUT/left"
mount -o remount,size=64m "$DISK"
"$BIN" --data "$DATA" --json {first} >"$OUT/again.json" 2>&1; echo $? >"$OUT/again.code"
"""


@pytest.mark.parametrize("size_k", [40, 120, 200])
@pytest.mark.parametrize("verb", ["backup", "restore"])
def test_a_full_disk(folder, filled, verb, size_k):
    command = namespace()
    if not command:
        pytest.skip("no mount namespace here")
    source, backup = filled
    out = folder / f"full-{verb}-{size_k}"
    disk = out / "disk"
    disk.mkdir(parents=True)
    first = f'backup "{disk}/copy"' if verb == "backup" else f'restore "{backup}"'
    data = source.data if verb == "backup" else disk / "copy"
    environment = dict(os.environ, DISK=str(disk), DATA=str(data), BIN=BINARY, OUT=str(out))
    script = SCRIPT.format(size=size_k, first=first)
    assert subprocess.run([*command, "sh", "-c", script], env=environment, timeout=100).returncode == 0
    full = (out / "full.json").read_text()
    assert (out / "full.code").read_text().strip() == "4", full
    assert '"BB-3008"' in full, full
    assert (out / "left").read_text() == "", "what was begun is removed, so that there is room again"
    assert (out / "again.code").read_text().strip() == "0", (out / "again.json").read_text()
