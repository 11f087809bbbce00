"""Customers' rules: made, listed, tested, and run over stored history; what they say is held against plain arithmetic.

Rules need numpy beside /usr/bin/python3; where it is missing these tests are skipped.
"""

import datetime
import os
import pathlib
import statistics
import subprocess

import pytest
from conftest import PYTHON, needs_numpy

pytestmark = needs_numpy

DAYS, PER_DAY = 10, 96
START = datetime.datetime(2026, 3, 1, tzinfo=datetime.timezone.utc)


def values_of(meter):
    """Ten days that repeat, with a spike of its own on the eighth."""
    values = [round(0.1 + (i * 7 + meter * 3) % 11 / 100, 3) for i in range(DAYS * PER_DAY)]
    values[7 * PER_DAY + 40 + meter] = 5.0 + meter
    return values


def end_of(i):
    return (START + datetime.timedelta(minutes=15 * (i + 1))).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture
def history(plant):
    lines = ["usage_point,channel,timestamp,value,unit,interval"]
    lines += [f"M{meter},1-1:1.29.0,{end_of(i)},{value},kWh,15m"
              for meter in range(3) for i, value in enumerate(values_of(meter))]
    plant.ingest(plant.file("history.csv", "\n".join(lines) + "\n"))
    return plant


def module(plant, text, name="mine"):
    return plant.file(f"{name}.py", "from busbar import Choice, Flag, Number, Text, rule\nimport numpy as np\n" + text)


def backtest(plant, path, *arguments, expect=0):
    return plant.run("rules", "backtest", path, "--json", "--rows", "100000", *arguments, expect=expect).json()


CAPPED = '''
@rule(inputs="1-1:1.29.0", window="1d", params={"most": Number(1.0, 0, 100)})
def capped(w, most):
    """Nothing above a limit."""
    w.correct(w.new & (w.value > most), most, "capped")
'''


def test_a_new_rule_passes_its_own_tests_and_finds_the_spikes(history):
    made = history.run("rules", "new", "far_values", expect=0)
    assert "rules/far_values.py" in made.out and "rules test far_values" in made.out
    assert history.run("rules", "new", "far_values", expect=2).err  # never written over
    [row] = history.run("rules", "list", "--json", expect=0).json()
    assert (row["module"], row["rule"], row["channel"], row["lane"]) == ("far_values", "far_values", "1-1:1.29.0", "vee")
    assert row["parameters"]["k"] == {"kind": "number", "default": 8.0, "help": "how many median deviations are too many",
                                      "min": 1.0, "max": 100.0}
    cases = history.run("rules", "test", "far_values", "--json", expect=0).json()
    assert len(cases) == 7 and all(case["passed"] for case in cases)
    told = backtest(history, "far_values", "--parameters", '{"k": 20}')
    assert told["version"] == row["version"]
    assert {(r["usage_point"], r["before"]) for r in told["rows"]} == {("M0", 5), ("M1", 6), ("M2", 7)}
    assert (told["values"], told["changed"], told["flag"], told["channels"]) == (3 * DAYS * PER_DAY, 0, 3, 3)


def test_what_would_change_by_how_much(history):
    path = module(history, CAPPED)
    before = {meter: history.query(f"M{meter}", "--lane", "vee") for meter in range(3)}
    told = backtest(history, path)
    assert (told["changed"], told["correct"], told["touched_channels"], told["unit"]) == (3, 3, 3, "kWh")
    assert told["difference"] == pytest.approx(-(4 + 5 + 6)) and told["reasons"] == {"capped": 3}
    one = backtest(history, path, "--usage-point", "M1", "--parameters", '{"most": 0.15}')
    high = [v for v in values_of(1) if v > 0.15]
    assert one["changed"] == len(high) == len(one["rows"])
    assert one["difference"] == pytest.approx(sum(0.15 - v for v in high))
    day = backtest(history, path, "--from", "2026-03-08T00:00:00Z", "--to", "2026-03-09T00:00:00Z")
    assert (day["values"], day["changed"]) == (3 * PER_DAY, 3)
    assert backtest(history, path, "--from", "2026-03-09", "--zone", "UTC")["changed"] == 0
    assert {meter: history.query(f"M{meter}", "--lane", "vee") for meter in range(3)} == before  # nothing was changed


def test_a_window_is_the_day_and_what_was_before_it(history):
    """Each point says how many points its window has, and the median of them, by evidence-free corrections."""
    path = module(history, '''
@rule(inputs="1-1:1.29.0", window="2d", lane="raw")
def median(w):
    assert not w.value.flags.writeable and w.usage_point == "M2" and w.unit == "kWh"
    assert len(w.ts) == len(w) and w.interval == np.timedelta64(15, "m")
    w.correct(w.new, np.nanmedian(w.value), f"of_{len(w)}")
''')
    told = backtest(history, path, "--usage-point", "M2")
    values, out = values_of(2), {}
    for day in range(DAYS):
        first = max(0, day * PER_DAY + 1 - 2 * PER_DAY)  # (end of the day's first - 2 d, end of its last]
        window = values[first:(day + 1) * PER_DAY]
        for i in range(day * PER_DAY, (day + 1) * PER_DAY):
            out[end_of(i)] = (statistics.median(window), f"of_{len(window)}")
    assert {row["end"]: (row["after"], row["reason"]) for row in told["rows"]} == out


def test_many_meters_at_once_say_the_same(history):
    one = CAPPED + '''
@rule(inputs="1-1:1.29.0", window="1d", params={"most": 1.0}, batch=True)
def all_capped(ws, most):
    ws.correct(ws.new & (ws.value > most), most, "capped")
'''
    path = module(history, one)
    assert "several rules" in history.run("rules", "backtest", path, expect=2).err
    told = [backtest(history, path, "--rule", name) for name in ("capped", "all_capped")]
    assert told[0]["rows"] == told[1]["rows"] != []


@pytest.mark.parametrize("fails,how", [
    ("raise KeyError('M1 is special')", "raised"), ("os._exit(3)", "ended its process"),
    ("np.zeros(1 << 33)", "raised"), ("open('/etc/passwd')", "raised"), ("import socket; socket.socket()", "raised")])
def test_a_window_that_fails_is_told_and_costs_no_other(history, fails, how):
    path = module(history, f'''
import os
@rule(inputs="1-1:1.29.0", window="1d")
def fussy(w):
    w.flag(w.new & (w.value > 1), "high")
    if w.usage_point == "M1" and w.value.max() > 1:
        {fails}
''')
    told = backtest(history, path, expect=1)
    assert {(row["usage_point"], row["before"]) for row in told["rows"]} == {("M0", 5), ("M2", 7)}
    assert 1 <= told["failed_windows"] <= 2  # the spike is in the window of its day, and may be in the next one's past
    assert {(f["usage_point"], f["how"]) for f in told["failures"]} == {("M1", how)}
    if "KeyError" in fails:
        assert "M1 is special" in told["failures"][0]["text"] and "line" in told["failures"][0]["text"]


@pytest.mark.parametrize("text,says", [
    ("@rule(inputs='x')\ndef Big(w): pass", "a name is lower case"),
    ("@rule(inputs='x', window='week')\ndef a(w): pass", "is no duration"),
    ("@rule(inputs='x', lane='other')\ndef a(w): pass", "is none of raw, vee"),
    ("@rule(inputs='x', params={'k': 1})\ndef a(w): pass", "takes no k"),
    ("@rule(inputs='x')\ndef a(w, k): pass", "params tells nothing of k"),
    ("@rule(inputs='x', params={'k': Number(9, 1, 5)})\ndef a(w, k): pass", "is not between 1 and 5"),
    ("x = 1", "has no rule"), ("def f(:", "SyntaxError"), ("1/0", "ZeroDivisionError"),
    ("import os; os._exit(0)", "ended while the module was loaded")])
def test_a_module_that_is_not_right_says_why(history, text, says):
    refused = history.run("rules", "backtest", module(history, text), expect=4)
    assert "BB-5003" in refused.err and says in refused.err, refused.err


def test_parameters_have_their_ranges(history):
    path = module(history, CAPPED)
    for parameters, says in (('{"most": 101}', "not between"), ('{"least": 1}', "has no parameter least")):
        told = backtest(history, path, "--parameters", parameters, expect=1)
        assert told["changed"] == 0 and says in told["failures"][0]["text"]


def test_cases_are_held_against_the_rule(history):
    path = module(history, CAPPED)
    cases = path.parent / "mine.test.yaml"
    cases.write_text("""
parameters: {most: 2}
cases:
  - {name: right, given: [1, 3, ~], expect: [~, {correct: 2}, ~]}
  - {name: wrong value, given: [3], expect: [{correct: 1}]}
  - {name: wrong verdict, given: [3, 1], expect: [flag, ~]}
""")
    told = history.run("rules", "test", path, "--json", expect=1).json()
    mine = {case["case"]: case for case in told if case["rule"] == "cases"}
    assert [mine[name]["passed"] for name in ("right", "wrong value", "wrong verdict")] == [True, False, False]
    assert mine["wrong value"]["reason"] == "value 1 (3): expected correct 1, the rule says correct 2"
    assert "3 passed" not in history.run("rules", "test", path, expect=1).err
    for text, line in (("cases:\n  - {given: [1]}\n", 2), ("cases:\n  - {given: [1], expect: [~, ~]}\n", 2), ("case: []\n", 1),
                       ("cases:\n  - given: [1]\n    expect: [maybe]\n", 3)):
        cases.write_text(text)
        refused = history.run("rules", "test", path, expect=4)
        assert "BB-5004" in refused.err and f"yaml line {line} " in refused.err, refused.err


def test_a_rule_that_says_two_things_is_found(history):
    path = module(history, '''
@rule(inputs="x")
def moody(w):
    if int.from_bytes(__import__("os").urandom(8), "little") % 2: w.flag(w.new, "odd")
@rule(inputs="x")
def steady(w):
    import random
    if np.random.random() + random.random() > 1: w.flag(w.new, "odd")
''')
    told = history.run("rules", "test", path, "--json").json()
    assert all(case["passed"] for case in told if case["rule"] == "steady"), told


def test_what_a_window_may_say_is_counted_by_window(history):
    """Each of eight windows says as much as one may: together that is more than one may."""
    path = module(history, '''
@rule(inputs="x")
def talks(w):
    at = int(w.ts[0].astype("i8")) + int(np.nan_to_num(w.value[0]) * 10)
    for i in range(20):
        w.tag(f"tag_{i}", str(at))
    for i in range(90):
        w.exception(f"{at}: the {i}th thing")
        w.flag(np.array([i % len(w)]), f"reason_{at}_{i}", **{f"column_{at % 100}_{i % 8}": i})
''')
    told = history.run("rules", "test", path, "--json").json()
    assert all(case["passed"] for case in told), told
    for says, refused in (("w.tag(str(i), 'x')", "20 tags"), ("w.exception(str(i))", "100 exceptions"), ("w.flag(w.new, f'r{i}')", "100 different reasons"),
                          ("w.flag(w.new, 'r', **{f'c{i}': i})", "8 evidence columns")):
        path = module(history, f'''
@rule(inputs="x")
def floods(w):
    for i in range(101):
        {says}
''')
        told = history.run("rules", "test", path, "--json", expect=1).json()
        assert all(refused in case["reason"] and "of one window" in case["reason"] for case in told), told


def test_a_rule_that_remembers_in_its_words_alone_is_found(history):
    for says in ("w.exception(f'the {seen[0]}th window')", "w.tag('seen', str(seen[0]))", "w.flag(w.new, f'seen_{seen[0]}')", "w.flag(w.new, 'seen', n=seen[0])"):
        path = module(history, f'''
seen = [0]
@rule(inputs="x")
def counts(w):
    seen[0] += 1
    {says}
''')
        told = {case["case"]: case["passed"] for case in history.run("rules", "test", path, "--json", expect=1).json()}
        assert not told["a window alone and among others"], (says, told)


def test_an_environment_of_its_own(history, tmp_path):
    """A virtual environment's packages are seen, and nothing of it is run to find that out."""
    environment = tmp_path / "environment"
    made = subprocess.run([PYTHON, "-m", "venv", "--without-pip", "--system-site-packages", environment],
                          capture_output=True, text=True)
    if made.returncode != 0:
        pytest.skip(f"no virtual environment can be made here: {made.stderr}")
    site = next((environment / "lib").glob("python*/site-packages"))
    (site / "ours.py").write_text("LIMIT = 1.0\n")
    config = history.file("rules.yaml", f"rules: {{environment: {environment}, imports: ours}}\n")
    path = module(history, "import ours\n" + CAPPED)
    assert "ours" in history.run("rules", "backtest", path, expect=4).err
    told = history.run("--config", config, "rules", "backtest", path, "--json", expect=0)
    assert told.json()["changed"] == 3


def test_without_numpy_it_says_what_is_missing(history, tmp_path):
    environment = tmp_path / "environment"
    (environment / "bin").mkdir(parents=True)
    (environment / "bin/python3").symlink_to(PYTHON)
    (environment / "pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.11.2\n")
    config = history.file("rules.yaml", f"rules: {{environment: {environment}}}\n")
    refused = history.run("--config", config, "rules", "backtest", module(history, CAPPED), expect=4)
    assert "BB-5002" in refused.err and "numpy" in refused.err


EXAMPLES = sorted((pathlib.Path(__file__).parents[2] / "examples/rules").glob("*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=[path.stem for path in EXAMPLES])
def test_examples_pass_their_cases(history, path):
    told = history.run("rules", "test", path, "--json", expect=0).json()
    assert sum(case["rule"] == "cases" for case in told) >= 2 and all(case["passed"] for case in told)


def test_a_rule_knows_the_usage_point_but_not_its_customer(history):
    history.run("registry", "apply", history.file("registry.yaml", """
usage_points:
  - name: M1
    commodity: electricity
    customer: K-17
    connection: 3x25A
    tags: {district: north}
"""), expect=0)
    path = module(history, """
@rule(inputs="1-1:1.29.0", window="1d")
def knows(w):
    assert "K-17" not in repr(w._batch.meta)
    if w.usage_point == "M1":
        assert (w.commodity, w.tags, w.master["connection"], w.master["connection_unit"]) == (
            "electricity", {"district": "north"}, 25, "A"), repr(w._batch.meta)
        w.flag(w.new & (w.value > 1), "seen")
""")
    told = backtest(history, path)
    assert (told["flag"], told["failed_windows"]) == (1, 0), told["failures"]
