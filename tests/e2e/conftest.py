"""What the e2e suites share: a plant of its own per test, driven through the real binary."""

import csv
import io
import json
import os
import pathlib
import subprocess

import pytest

BINARY = os.environ.get("BUSBAR_BIN") or str(pathlib.Path(__file__).parents[2] / "build/busbar")
TIMEOUT_S = 120

PYTHON = "/usr/bin/python3"  # that of rules, unless something else is configured
HAS_NUMPY = subprocess.run([PYTHON, "-I", "-c", "import numpy"], capture_output=True, check=False).returncode == 0
#: In CI nothing that an issue asks for may be missing: there these tests run, and fail.
needs_numpy = pytest.mark.skipif(not HAS_NUMPY and not os.environ.get("CI"), reason=f"no numpy beside {PYTHON}")


def lack(reason):
    """Something is not to be had here: a failure in CI, a skipped test elsewhere."""
    (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)


HEADER = "usage_point,channel,timestamp,value,unit,kind,interval"


class Outcome:
    """Of one run: exit code, what it printed, what it complained about."""

    def __init__(self, done):
        self.code = done.returncode
        self.out = done.stdout.decode()
        self.err = done.stderr.decode()

    def json(self):
        return json.loads(self.out)

    def rows(self):
        return list(csv.DictReader(io.StringIO(self.out)))

    def __repr__(self):
        return f"exit {self.code}\n-- stdout\n{self.out[-3000:]}\n-- stderr\n{self.err[-3000:]}"


class Plant:
    """A data folder and the commands on it."""

    def __init__(self, folder):
        self.folder = folder
        self.data = folder / "data"

    def run(self, *arguments, stdin=b"", expect=None, **popen):
        """A command. `expect`: the exit code it has to have."""
        if isinstance(stdin, str):
            stdin = stdin.encode()
        done = subprocess.run([BINARY, "--data", str(self.data), *map(str, arguments)], input=stdin,
                              capture_output=True, timeout=TIMEOUT_S, cwd=self.folder, check=False, **popen)
        outcome = Outcome(done)
        if expect is not None:
            assert outcome.code == expect, outcome
        return outcome

    def file(self, name, content):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def ingest(self, *arguments, expect=0, stdin=b""):
        """The report; everything but a refusal is expected by default."""
        return self.run("--json", "ingest", *arguments, expect=expect, stdin=stdin).json()

    def query(self, usage_point, *arguments, expect=0):
        return self.run("query", "--usage-point", usage_point, "--format", "csv", *arguments, expect=expect).rows()

    def list(self, subject, *arguments):
        return self.run("--json", "list", subject, *arguments, expect=0).json()


def quarter_hours(values, usage_point="A", channel="1-1:1.29.0", day="2026-03-01", unit="kWh"):
    """A CSV of 15-minute intervals from midnight; None leaves an interval out."""
    lines = [HEADER]
    for i, value in enumerate(values):
        end = (i + 1) * 15
        stamp = f"{day}T{end // 60:02d}:{end % 60:02d}:00Z"
        if value is not None:
            lines.append(f"{usage_point},{channel},{stamp},{value},{unit},interval,15m")
    return "\n".join(lines) + "\n"


@pytest.fixture
def plant(tmp_path):
    return Plant(tmp_path)


@pytest.fixture
def filled(plant):
    """A plant with one usage point and an hour of readings."""
    plant.ingest(plant.file("first.csv", quarter_hours(["0.125", "0.250", "0.375", "0.500"])))
    return plant
