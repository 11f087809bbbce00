"""docs/rules.md, done as it says: every snippet runs, in its order, in one folder."""

import pathlib
import re
import shlex
import subprocess

import pytest
from conftest import BINARY
from test_rules import pytestmark  # noqa: F401  without numpy there is nothing to do

PAGE = pathlib.Path(__file__).parents[2] / "docs/rules.md"
SNIPPETS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE.read_text(), re.M | re.S)


def test_the_page_has_snippets_of_every_kind():
    assert {kind for kind, _ in SNIPPETS} == {"sh", "python", "yaml", "csv"} and len(SNIPPETS) == 11


def run(plant, line, expect=0):
    words = shlex.split(line)
    assert words[0] == "busbar"
    done = subprocess.run([BINARY, *words[1:]], cwd=plant.folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == expect, (line, done.stdout, done.stderr)
    return done.stdout


def test_every_snippet_runs(plant):
    folder = plant.folder / "busbar-data/rules"
    name = None
    for kind, text in SNIPPETS:
        if kind == "sh":
            for line in text.splitlines():
                run(plant, line)
        elif kind == "python":
            name = re.search(r"^def (\w+)\(", text, re.M)[1]
            if name == "far_values":
                assert (folder / "far_values.py").read_text() == text  # what `rules new` makes
            (folder / f"{name}.py").write_text(text)
            told = run(plant, f"busbar rules backtest {name} --json --rows 0")
            assert '"failed_windows":0' in told, told
        elif kind == "csv":
            (folder / "temperature.csv").write_text(text)
        else:
            rule = re.search(r"^rule: (\w+)", text, re.M)[1]
            (folder / f"{rule}.test.yaml").write_text(text)
            told, case = run(plant, f"busbar rules test {rule}"), re.search(r"name: (.*)", text)[1]
            assert f"ok      cases: {case}" in told and " 0 failed" in told, told


@pytest.mark.parametrize("line,says", [("busbar rules list", "far_values"), ("busbar help rules", "NAME.test.yaml")])
def test_what_else_it_names(plant, line, says):
    run(plant, "busbar rules new far_values")
    if "list" in line:
        (plant.folder / "busbar-data").mkdir(exist_ok=True)
        run(plant, "busbar generate --meters 20 --days 1 --out city --quiet")
        run(plant, "busbar registry apply city/registry.yaml --quiet")
    assert says in run(plant, line)
