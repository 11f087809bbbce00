"""The console in a real browser over a real server: console/walk.mjs walks, one test here per step. Screenshots are
kept in <build>/test-results/console/."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import time

import console_city
import pytest
from conftest import HAS_NUMPY, Plant
from issuer import Key, configure, key_set, token
from server import Server, readings

TOP = pathlib.Path(__file__).resolve().parents[2]
WALK = TOP / "tests/e2e/console/walk.mjs"
STEPS = re.findall(r"^    async '?([\w ,-]+?)'?\(", WALK.read_text(), re.MULTILINE)
BUDGET = 100 * 1024 # bytes of all files, packed: what the console may cost
WALK_TIMEOUT_S = 400


def lacking():
    """What has to be there to walk; None: all is."""
    if not shutil.which("node"):
        return "no node: apt-get install npm"
    if not shutil.which("chromium"):
        return "no chromium: apt-get install chromium"
    if not (TOP / "web/node_modules/playwright-core").is_dir() or not (TOP / "web/dist/index.html").is_file():
        return "the console is not built: make console"
    if not HAS_NUMPY:
        return "no numpy for rules: apt-get install python3-numpy"
    return None


def ready():
    reason = lacking()
    if reason and os.environ.get("CI"):
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)


@pytest.fixture(scope="module")
def city(tmp_path_factory):
    ready()
    plant = Plant(tmp_path_factory.mktemp("console"))
    console_city.make(plant)
    with Server(plant) as server:
        yield server


@pytest.fixture(scope="module")
def keyed(tmp_path_factory):
    """A small plant that wants keys: its server, a key to read, and a person's token that may do all."""
    plant = Plant(tmp_path_factory.mktemp("keyed"))
    plant.file("a.csv", readings(96))
    plant.ingest("a.csv")
    console_city.deploy(plant, "far_peaks", "--by", "ann", "--reason", "the only one")
    reader = plant.run("--json", "keys", "create", "--role", "ro", "--label", "ro", expect=0).json()["key"]
    person = Key("one", "ES256")
    (plant.folder / "keys.json").write_text(key_set(person))
    configure(plant, plant.folder / "keys.json")
    with Server(plant) as server:
        yield server, reader, token(person, exp=int(time.time()) + 3600)


@pytest.fixture(scope="module")
def walked(city, keyed):
    server, reader, admin = keyed
    shots = pathlib.Path(os.environ.get("BUSBAR_BUILD", TOP / "build")) / "test-results/console"
    environment = {**os.environ, "CONSOLE_URL": city.url, "CONSOLE_KEYED": server.url, "CONSOLE_READER": reader, "CONSOLE_ADMIN": admin,
                   "CONSOLE_SHOTS": str(shots)}
    done = subprocess.run(["node", str(WALK)], env=environment, capture_output=True, text=True, timeout=WALK_TIMEOUT_S, check=False)
    results = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert results, done.stderr
    return {result["step"]: result for result in results}


@pytest.mark.parametrize("step", STEPS)
def test_step(walked, step):
    result = walked.get(step)
    assert result, f"the walk ended before it: {list(walked)}"
    assert result["ok"], result.get("error")




def test_pure_parts():
    ready()
    done = subprocess.run(["npx", "--no-install", "vitest", "run"], cwd=TOP / "web", capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_types():
    ready()
    done = subprocess.run(["npx", "--no-install", "tsc", "--noEmit"], cwd=TOP / "web", capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout


def test_budget(city):
    page = city.get("/", Accept_Encoding="gzip")
    assert page.status == 200 and page.headers["Content-Encoding"] == "gzip"
    names = [path for path in (TOP / "web/dist").rglob("*") if path.is_file()]
    sizes = {}
    for path in names:
        name = "/" + path.relative_to(TOP / "web/dist").as_posix()
        answer = city.get("/" if name == "/index.html" else name, Accept_Encoding="gzip")
        assert answer.status == 200, name
        sizes[name] = len(answer.body)
    assert sum(sizes.values()) <= BUDGET, sizes


def test_lock_file_names_no_registry():
    text = (TOP / "web/package-lock.json").read_text()
    assert '"resolved"' not in text
