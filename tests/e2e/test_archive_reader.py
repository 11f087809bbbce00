"""python/busbar_archive reads archived files without busbar, and tells what `busbar query --lane raw` told."""

import json
import pathlib
import subprocess

import pytest
from conftest import HEADER, PYTHON, needs_numpy
from peer_python import with_packages
from test_archive import POINTS, configure, order, readings

READER = """
import json, sys
sys.path.insert(0, sys.argv[1])
import busbar_archive
wanted = json.loads(sys.argv[3])
c = busbar_archive.Folder(sys.argv[2]).columns(**wanted)
stamp = lambda t: str(t) + "Z" if "." not in str(t) or not str(t).endswith(".000") else str(t)[:-4] + "Z"
def exact(m, e):
    digits = str(abs(int(m))).rjust(1 - int(e), "0")
    text = digits if e == 0 else digits[:int(e)] + "." + digits[int(e):] if e < 0 else digits + "0" * int(e)
    return ("-" if m < 0 else "") + text
for i in range(len(c["end"])):
    value = "" if c["value"][i] != c["value"][i] else exact(c["mantissa"][i], c["exponent"][i])
    if value: assert abs(float(value) - c["value"][i]) <= 1e-12 * abs(float(value))
    print(json.dumps([c["usage_point"][i], c["channel"][i], stamp(c["start"][i]), stamp(c["end"][i]), value, c["unit"][i], c["quality"][i]]))
"""


def read(plant, **wanted):
    done = subprocess.run([PYTHON, "-c", READER, pathlib.Path(__file__).parents[2] / "python", plant.folder / "archive", json.dumps(wanted)],
                          capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def told(plant, point):
    rows = plant.query(point, "--lane", "raw")
    return [[r["usage_point"], r["channel"], r["start"], r["end"], r["value"], r["unit"], r["quality"]] for r in rows]


@pytest.fixture
def archived(plant):
    configure(plant)
    values = {0: lambda at: at % 977, 1: lambda at: -(at * 7919 % 10**15), 2: lambda at: at % 3}
    plant.ingest(plant.file("a.csv", readings(POINTS, "2023-01-20", 60, 15, value=lambda p, at: values[p](at))))
    odd = [HEADER.replace("kind", "quality,kind"),
           *(f"{POINTS[0]},1-1:1.8.0,2023-02-{d:02d}T03:{d:02d}:07Z,{d * 1.25:.{d % 5}f},kWh,{'estimated' if d % 3 else 'measured|final'},register,"
             for d in range(1, 28))]
    plant.ingest(plant.file("b.csv", "\n".join(odd) + "\n"))
    assert order(plant, "2023-04")["failed"] == 0
    return plant


@needs_numpy
def test_columns_are_what_queries_tell(archived):
    for point in POINTS:
        rows = told(archived, point)
        assert len(rows) >= 60 * 96
        assert read(archived, usage_point=point) == rows
    everybody = [row for point in sorted(POINTS) for row in told(archived, point)]
    assert read(archived) == everybody
    assert read(archived, months=["2023-02", "2023-02"], usage_point=POINTS[1]) == [
        r for r in told(archived, POINTS[1]) if "2023-02-01T00:00:00Z" < r[3] <= "2023-03-01T00:00:00Z"]
    assert read(archived, tenant="nobody") == [] and read(archived, usage_point="nobody") == []


@needs_numpy
def test_the_newest_version_counts(archived):
    archived.ingest(archived.file("late.csv", f"{HEADER}\n{POINTS[0]},1-1:1.29.0,2023-02-03T10:00:00Z,4711.5,kWh,interval,15m\n"))
    assert "4711.5" not in {r[4] for r in read(archived, usage_point=POINTS[0])}
    order(archived, "2023-04")
    assert read(archived, usage_point=POINTS[0]) == told(archived, POINTS[0])
    assert "4711.5" in {r[4] for r in read(archived, usage_point=POINTS[0])}


def test_frames_and_tables(archived):
    script = ("import sys; sys.path.insert(0, sys.argv[1]); import busbar_archive; f = busbar_archive.Folder(sys.argv[2])\n"
              "a, t = f.frame(), f.arrow()\nassert list(a.columns) == t.column_names, (a.columns, t.column_names)\nprint(len(a), t.num_rows, a['value'].sum())\n")
    done = subprocess.run([with_packages("pandas==2.3.3", "pyarrow==22.0.0"), "-c", script, pathlib.Path(__file__).parents[2] / "python",
                           archived.folder / "archive"], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    rows = [row for point in POINTS for row in told(archived, point)]
    frame, table, total = done.stdout.split()
    assert int(frame) == int(table) == len(rows)
    assert abs(float(total) - sum(float(row[4]) for row in rows)) <= 1e-9 * abs(float(total))
