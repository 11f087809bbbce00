"""A full disk: a plain error, nothing acknowledged is lost, and after some room was made the same command
goes on.

The disk is a small tmpfs in a mount namespace of its own; where the kernel does not allow one, the limit on
the size of files stands in for it.
"""

import json
import os
import resource
import signal
import subprocess

import pytest
from conftest import BINARY, quarter_hours

SMALL, LARGE = "10m", "400m"


def namespace():
    """The command that gives a process mounts of its own; None where that is not allowed."""
    command = ["unshare", "-m"] if os.getuid() == 0 else ["unshare", "-rm"]
    probe = [*command, "sh", "-c", "mount -t tmpfs -o size=1m none /mnt"]
    try:
        return command if subprocess.run(probe, capture_output=True, timeout=10).returncode == 0 else None
    except OSError:
        return None


SCRIPT = """
set -u
mount -t tmpfs -o size={small} none "$DISK"
"$BIN" --data "$DISK/data" ingest "$FIRST" >/dev/null || exit 90
"$BIN" --data "$DISK/data" --json ingest "$FILE" >"$OUT/full.json" 2>"$OUT/full.err"; echo $? >"$OUT/full.code"
"$BIN" --data "$DISK/data" query --usage-point FIRST --format csv >"$OUT/kept.csv"; echo $? >"$OUT/kept.code"
mount -o remount,size={large} "$DISK"
"$BIN" --data "$DISK/data" --json ingest "$FILE" >"$OUT/again.json" 2>"$OUT/again.err"; echo $? >"$OUT/again.code"
"$BIN" --data "$DISK/data" --json ingest --again "$FILE" >"$OUT/twice.json" 2>&1; echo $? >"$OUT/twice.code"
"$BIN" --data "$DISK/data" check --deep >"$OUT/check.txt" 2>&1; echo $? >"$OUT/check.code"
"""


def large_file(plant):
    path = plant.folder / "large.csv"
    with open(path, "wb") as out:
        subprocess.run([BINARY, "generate", "--meters", "1500", "--days", "10", "--format", "csv"], stdout=out,
                       check=True, timeout=120)
    with open(path, "rb") as lines:
        return path, sum(1 for _ in lines) - 1


def test_a_disk_that_fills_up(plant):
    command = namespace()
    if not command:
        pytest.skip("no mount namespace here; the limit on file sizes is tested below")
    path, lines = large_file(plant)
    first = plant.file("first.csv", quarter_hours(["1", "2"], usage_point="FIRST"))
    disk = plant.folder / "disk"
    disk.mkdir()
    environment = dict(os.environ, DISK=str(disk), FILE=str(path), FIRST=str(first), BIN=BINARY, OUT=str(plant.folder))
    done = subprocess.run([*command, "sh", "-c", SCRIPT.format(small=SMALL, large=LARGE)], env=environment, timeout=300)
    assert done.returncode == 0

    def said(name):
        return (plant.folder / name).read_text()

    assert said("full.code").strip() == "4", said("full.err")
    assert json.loads(said("full.json"))["error"]["code"] == "BB-3008"
    assert "BB-3008" in said("full.err")
    assert said("kept.code").strip() == "0" and len(said("kept.csv").splitlines()) == 3, "what was told is there"
    assert said("again.code").strip() == "0", said("again.err")
    twice = json.loads(said("twice.json"))
    assert (twice["readings"], twice["duplicate"]) == (lines, lines), "all of it is there, once"
    assert said("check.code").strip() == "0", said("check.txt")


@pytest.mark.parametrize("limit", [64 << 10, 1 << 20])
def test_a_limit_on_the_size_of_files(plant, limit):
    path, lines = large_file(plant)
    plant.ingest(plant.file("first.csv", quarter_hours(["1", "2"], usage_point="FIRST")))

    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)

    outcome = plant.run("--json", "ingest", path, preexec_fn=limited)
    assert outcome.code in (3, 4), outcome
    assert outcome.json()["error"]["code"].startswith("BB-3"), outcome
    assert len(plant.query("FIRST")) == 2
    plant.ingest(path)
    twice = plant.ingest("--again", path)
    assert (twice["readings"], twice["duplicate"]) == (lines, lines)
