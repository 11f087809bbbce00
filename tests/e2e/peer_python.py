"""Pythons with packages of others, each in an environment of its own that is made once and kept in the user's cache."""

import hashlib
import os
import pathlib
import subprocess
import sys

from conftest import lack

CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "busbar"


def with_packages(*packages):
    """The interpreter; where it cannot be had, the test is skipped, and in CI failed."""
    folder = CACHE / ("python-" + hashlib.sha256(" ".join(packages).encode()).hexdigest()[:12])
    python = folder / "bin/python"
    if not (folder / "done").exists():
        for command in ([sys.executable, "-m", "venv", "--clear", folder], [python, "-m", "pip", "install", "-q", *packages]):
            made = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
            if made.returncode != 0:
                lack(f"no Python with {' '.join(packages)}: {made.stderr.strip()[-300:]}")
        (folder / "done").touch()
    return python
