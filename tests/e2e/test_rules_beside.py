"""What rules see beside their channel: other channels of the usage point, side inputs, the profile; held against plain Python."""

import datetime
import os
import random
import subprocess

import pytest
from conftest import HEADER
from test_rules import PYTHON, backtest, module, pytestmark  # noqa: F401  without numpy there is nothing to do

START = datetime.datetime(2026, 3, 1, tzinfo=datetime.timezone.utc)
DAYS, PER_DAY = 3, 96
REGISTRY = f"""\
usage_points:
  - {{name: A, zone: Europe/Amsterdam, profile: noon}}
  - {{name: B, zone: Europe/Amsterdam}}
  - {{name: C, zone: Europe/Amsterdam}}
profiles:
  - {{name: noon, shapes: [{{season: 1-12, working: {[1] * 12 + [3] * 12}}}]}}
"""


def stamp(minutes):
    return (START + datetime.timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


def imported(meter, i):
    return round(0.2 + (i * 7 + meter) % 13 / 100, 3)


def exported(meter, i):
    """Meter A sends every quarter-hour, B every hour (so that three of four stand alone), C none."""
    return round((i * 5 + meter) % 7 / 10, 3) if meter == 0 or (meter == 1 and i % 4 == 3) else None


@pytest.fixture
def history(plant):
    plant.run("registry", "apply", plant.file("registry.yaml", REGISTRY), expect=0)
    lines = [HEADER]
    for meter, name in enumerate("ABC"):
        for i in range(DAYS * PER_DAY):
            lines.append(f"{name},1-1:1.29.0,{stamp(15 * (i + 1))},{imported(meter, i)},kWh,interval,15m")
            value = exported(meter, i)
            if value is not None:
                lines.append(f"{name},1-1:2.29.0,{stamp(15 * (i + 1))},{value},kWh,interval,{'15m' if meter == 0 else '1h'}")
        lines.append(f"{name},temperature,{stamp(720 + meter)},{10 + meter},°C,gauge,")
    plant.ingest(plant.file("history.csv", "\n".join(lines) + "\n"))
    return plant


def rows(told):
    return {(row["usage_point"], row["end"]): row["after"] for row in told["rows"]}


NET = '''
@rule(inputs="1-1:1.29.0", window="1d", lane="raw", others={"export": "1-1:2.29.0"})
def net(w):
    there = np.isfinite(w.aligned("export"))
    w.correct(w.new & there, w.value - w.aligned("export"), "net")

@rule(inputs="1-1:1.29.0", window="1d", lane="raw", others={"export": "1-1:2.29.0"}, batch=True)
def all_net(ws):
    export = ws.aligned("export")
    assert export.shape == ws.value.shape
    ws.correct(ws.new & np.isfinite(export), ws.value - export, "net")
'''


@pytest.mark.parametrize("rule", ["net", "all_net"])
def test_another_channel_stands_beside(history, rule):
    told = backtest(history, module(history, NET), "--rule", rule)
    assert told["failed_windows"] == 0, told["failures"]
    assert rows(told) == pytest.approx({
        ("ABC"[meter], stamp(15 * (i + 1))): imported(meter, i) - exported(meter, i)
        for meter in range(3) for i in range(DAYS * PER_DAY) if exported(meter, i) is not None})


def test_it_has_times_and_a_unit_of_its_own_and_may_be_absent(history):
    path = module(history, '''
@rule(inputs="1-1:1.29.0", window="12h", lane="raw", others={"export": "1-1:2.29.0", "warmth": "temperature"})
def seen(w):
    export, warmth = w.others["export"], w.others["warmth"]
    assert not export.value.flags.writeable and len(export) == len(export.ts) == len(export.value) == len(export.quality)
    if w.usage_point == "C":
        assert len(export) == 0 and export.unit == "" and np.isnan(w.aligned("export")).all()
    else:
        assert export.unit == "kWh" and export.channel == "1-1:2.29.0" and (export.quality & 1).all()
        # what lies in the reach of the day's first value, and up to its last one
        first, last = w.ts[w.new][0] - np.timedelta64(12, "h"), w.ts[-1]
        ends = np.datetime64("2026-03-01") + np.arange(1, 289) * np.timedelta64(15, "m")
        ends = ends[3::4] if w.usage_point == "B" else ends
        assert (export.ts == ends[(ends > first) & (ends <= last)]).all() and len(export) > 10
    assert warmth.unit in ("°C", "") and set(warmth.value) <= {{"A": 10, "B": 11, "C": 12}[w.usage_point]}
    if len(warmth):
        w.tag("warmth", "seen")
    try:
        w.others["heat"]
    except KeyError as error:
        assert "names export, warmth" in str(error)
''')
    told = backtest(history, path)
    assert told["failed_windows"] == 0, told["failures"]
    assert told["tags"] >= 3


SIDE = '''
@rule(inputs="1-1:1.29.0", window="1d", lane="raw", side={"temperature": "temperature.csv"})
def line(w):
    known = w.side["temperature"].at(w.ts)
    w.correct(w.new & np.isfinite(known), known, "line")

@rule(inputs="1-1:1.29.0", window="1d", lane="raw", side={"warm": "temperature.csv"}, batch=True)
def last(ws):
    known = ws.side["warm"].last(ws.ts)
    ws.correct(ws.new & np.isfinite(known), known, "last")
'''


def test_a_side_input_is_read_from_beside_the_module(history):
    given = {0: 4.0, 90: 7.0, 600: -2.5, 1440: None, 1500: 0.0, 1560: 6.0}
    text = "time,degrees\n" + "".join(f"{stamp(at)},{'' if v is None else v}\n" for at, v in given.items())
    path = module(history, SIDE)
    history.file("temperature.csv", text)
    line, last = (backtest(history, path, "--rule", rule, "--usage-point", "A") for rule in ("line", "last"))
    expected_line, expected_last = {}, {}
    for i in range(DAYS * PER_DAY):
        t = 15 * (i + 1)
        before, after = max(at for at in given if at <= t), min((at for at in given if at >= t), default=None)
        expected_last["A", stamp(t)] = given[max(at for at in given if at <= t and given[at] is not None)]
        if after is not None and given[before] is not None and given[after] is not None:
            share = (t - before) / (after - before) if after > before else 0
            expected_line["A", stamp(t)] = given[before] + share * (given[after] - given[before])
    assert rows(line) == pytest.approx(expected_line) and rows(last) == pytest.approx(expected_last)


def naive(known, kind, ts, within=None):
    """What `on`, `last` and `at` say, by their definition."""
    here = [v for at, v in known if at == ts]
    if kind == "on":
        return here[0] if here else None
    if kind == "last":
        before = [(at, v) for at, v in known if at <= ts and v is not None and (within is None or ts - at <= within)]
        return before[-1][1] if before else None
    if here:
        return here[0]
    before, behind = [p for p in known if p[0] < ts], [p for p in known if p[0] > ts]
    if not before or not behind or before[-1][1] is None or behind[0][1] is None:
        return None
    (a, u), (b, v) = before[-1], behind[0]
    return u + (v - u) * (ts - a) / (b - a)


@pytest.mark.parametrize("kind,call,within", [("on", "on(w.ts)", None), ("last", "last(w.ts)", None),
                                              ("last", 'last(w.ts, within="40m")', 40), ("at", "at(w.ts)", None)])
@pytest.mark.parametrize("entries", [0, 1, 40])
def test_on_last_and_at_by_their_definition(history, kind, call, within, entries):
    """Random entries, some unknown; each quarter-hour of a day is asked about."""
    generator = random.Random(entries)
    known = [(t, None if generator.random() < 0.2 else round(generator.uniform(-9, 9), 3))
             for t in sorted(generator.sample(range(0, 1440, 5), entries))]
    path = module(history, f'''
@rule(inputs="1-1:1.29.0", window="1d", lane="raw", side={{"s": "s.csv"}})
def ask(w):
    value = w.side["s"].{call}
    w.correct(w.new & np.isfinite(value), value[w.new & np.isfinite(value)], "told")
''', "ask")
    history.file("s.csv", "".join(f"{stamp(t)},{'' if v is None else v}\n" for t, v in known))
    expected = {("A", stamp(t)): naive(known, kind, t, within) for t in range(15, 1441, 15)}
    told = rows(backtest(history, path, "--usage-point", "A", "--to", stamp(1440)))
    assert told == pytest.approx({key: value for key, value in expected.items() if value is not None})


def test_it_is_part_of_the_version(history):
    path = module(history, SIDE)
    versions = []
    for text in ("2026-03-01T00:00:00Z,1\n", "2026-03-01T00:00:00Z,2\n"):
        history.file("temperature.csv", text)
        versions += [backtest(history, path, "--rule", rule)["version"] for rule in ("line", "last")]
    assert versions[0] == versions[1] != versions[2] == versions[3]


@pytest.mark.parametrize("text,line,says", [
    ("2026-03-01T00:00:00Z,1\n2026-03-01T01:00:00,2\n", 2, "with its offset"),
    ("time,value\n2026-03-01T00:00:00Z,1\n\n2026-03-01T00:00:00Z,2\n", 4, "none is there twice"),
    ("2026-03-01T00:00:00Z,warm\n", 1, "a number"), ("2026-03-01T00:00:00Z,nan\n", 1, "a number"),
    ("2026-03-01T00:00:00Z\n", 1, "TIME,VALUE"), ("time;value\n", 1, "TIME,VALUE"),
    ("2026-03-01T00:00:00Z,1,2\n", 1, "a number"), ("\0" * 1000, 1, "TIME,VALUE")],
    ids=["local", "twice", "word", "nan", "one-column", "semicolon", "three-columns", "zeros"])
def test_one_that_is_not_right_says_where(history, text, line, says):
    path = module(history, SIDE)
    history.file("temperature.csv", text)
    refused = history.run("rules", "backtest", path, "--rule", "line", expect=4)
    assert "BB-5009" in refused.err and says in refused.err and f"temperature.csv line {line} " in refused.err, refused.err


def test_one_that_is_not_there_says_so(history):
    refused = history.run("rules", "test", module(history, SIDE), expect=1)
    assert "BB-1001" in refused.err and "temperature.csv" in refused.err
    (history.folder / "temperature.csv").mkdir()
    assert "is no file" in history.run("rules", "test", history.folder / "mine.py", expect=1).err


@pytest.mark.parametrize("file", ["../temperature.csv", "/etc/passwd", ".hidden", "a/b.csv", ""])
def test_it_lies_beside_the_module_and_nowhere_else(history, file):
    path = module(history, f'''
@rule(inputs="x", side={{"t": {file!r}}})
def r(w): pass
''')
    refused = history.run("rules", "test", path, expect=4)
    assert "BB-5003" in refused.err and "a file beside the module" in refused.err, refused.err


def test_the_profile_of_those_that_have_one(history):
    """The hours before noon weigh 1, the others 3, on the clock of Amsterdam (UTC+1 in March)."""
    path = module(history, '''
@rule(inputs="1-1:1.29.0", window="1d", lane="raw")
def weight(w):
    if w.profile is not None:
        w.correct(w.new, w.profile, "weight")

@rule(inputs="1-1:1.29.0", window="1d", lane="raw", batch=True)
def weights(ws):
    if ws.profile is not None:
        ws.correct(ws.new & np.isfinite(ws.profile), np.nan_to_num(ws.profile), "weight")
''')
    expected = {("A", stamp(15 * (i + 1))): 0.25 * (1 if (15 * i + 60) % 1440 < 720 else 3) for i in range(DAYS * PER_DAY)}
    for rule in ("weight", "weights"):
        assert rows(backtest(history, path, "--rule", rule)) == pytest.approx(expected)


PANDAS = '''
@rule(inputs="1-1:1.29.0", window="1d", lane="raw")
def smooth(w):
    series = w.to_pandas()
    w.correct(w.new, (series.rolling(2).mean().fillna(0) + series.index.hour).to_numpy(), "smooth")
'''


def test_without_pandas_it_says_how_to_get_it(history):
    told = backtest(history, module(history, PANDAS), "--usage-point", "A", expect=1)
    assert "imports: pandas" in told["failures"][0]["text"] and "rules.environment" in told["failures"][0]["text"]


if os.environ.get("BUSBAR_SOAK"):  # it fetches a package

    def test_pandas_works_in_the_cage(history, tmp_path):
        environment = tmp_path / "environment"
        for command in ([PYTHON, "-m", "venv", environment], [environment / "bin/pip", "install", "-q", "pandas"]):
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode != 0:
                pytest.skip(f"no package is to be had here: {done.stderr[-300:]}")
        config = history.file("rules.yaml", f"rules: {{environment: {environment}, imports: pandas}}\n")
        told = history.run("--config", config, "rules", "backtest", module(history, PANDAS), "--json", "--rows", "100000",
                           "--usage-point", "A", "--to", stamp(1440), expect=0).json()
        for row in told["rows"]:
            i = next(i for i in range(PER_DAY) if stamp(15 * (i + 1)) == row["end"])
            mean = (imported(0, i - 1) + imported(0, i)) / 2 if i > 0 else 0
            assert row["after"] == pytest.approx(mean + int(row["end"][11:13]))
        assert len(told["rows"]) == PER_DAY


CASED = '''
@rule(inputs="x", window="1d", others={"export": "y"}, side={"temperature": "temperature.csv"})
def cased(w):
    export = w.aligned("export") if len(w.others["export"]) else 0.0
    w.correct(w.new & w.known & np.isfinite(export), w.value - np.nan_to_num(export)
              + np.nan_to_num(w.side["temperature"].at(w.ts)), "cased")
'''
CASES = """\
cases:
  - {name: beside, past: [1, 1], given: [2, 3, 4], others: {export: [9, 9, 1, ~, 0.5]}, side: {temperature: [[0, 3], [10, 2]]},
     expect: [{correct: 1}, ~, {correct: 13.5}]}
  - {name: one for all, given: [2, 3], others: {export: 1}, side: {temperature: 5}, expect: [{correct: 6}, {correct: 7}]}
  - {name: none, given: [2, 3], others: {export: []}, side: {temperature: []}, expect: [{correct: 2}, {correct: 3}]}
  - {name: of the file, start: 2026-03-01T00:00:00Z, given: [2, 3], expect: [{correct: 42}, {correct: 43}]}
  - {name: a wrong one, given: [2], others: {export: 1}, side: {temperature: 5}, expect: [{correct: 7}]}
"""


@pytest.fixture
def cased(plant):
    """A module, its side input and its cases; nothing is stored."""
    plant.run("registry", "apply", plant.file("registry.yaml", REGISTRY), expect=0)
    plant.file("temperature.csv", "2026-03-01T00:00:00Z,40\n2026-03-02T00:00:00Z,40\n")
    plant.file("mine.test.yaml", CASES)
    plant.path = module(plant, CASED)
    return plant


def told_of(plant, expect=0):
    return {case["case"]: case for case in plant.run("rules", "test", plant.path, "--json", expect=expect).json()}


def test_cases_give_what_lies_beside(cased):
    told = told_of(cased, expect=1)
    assert [name for name, case in told.items() if not case["passed"]] == ["a wrong one"], told
    assert told["a wrong one"]["reason"] == "value 1 (2): expected correct 7, the rule says correct 6"
    assert {"other channels without a known value", "other channels that are not there", "side inputs without a known value",
            "side inputs that are empty", "it resumes after its process was ended", "a window alone and among others"} < set(told)


@pytest.mark.parametrize("text,line,says", [
    ("cases:\n  - given: [1, 2]\n    others: {export: [1]}\n    expect: [~, ~]\n", 3, "here are 1 values; past and given have 2"),
    ("cases:\n  - given: [1]\n    others: {import: 1}\n    expect: [~]\n", 3, 'names no "import"'),
    ("cases:\n  - given: [1]\n    side: {temperature: cold}\n    expect: [~]\n", 3, "a number, or a list"),
    ("cases:\n  - given: [1]\n    side: 4\n    expect: [~]\n", 3, "a mapping"),
    ("cases:\n  - given: [1]\n    side: {temperature: [[1, 1e9]]}\n    expect: [~]\n", 3, "at most")])
def test_cases_that_are_not_right_say_where(cased, text, line, says):
    cased.file("mine.test.yaml", text)
    refused = cased.run("rules", "test", cased.path, expect=4)
    assert "BB-5004" in refused.err and says in refused.err and f"yaml line {line} " in refused.err, refused.err


@pytest.mark.parametrize("text,fails", [
    ('''
seen = []
@rule(inputs="x")
def counts(w):
    seen.append(w)
    w.flag(w.new & (len(seen) > 12), "late")
''', {"it resumes after its process was ended"}),
    ('''
best = [0.0]
@rule(inputs="x")
def climbs(w):
    if w.value[0] == 0.1:
        best[0] = 0.0
    w.flag(w.new & (w.value[0] < best[0]), "below")
    best[0] = np.fmax(best[0], w.value[0])
''', {"a window alone and among others"}),
    ('''
@rule(inputs="x", others={"export": "y"})
def trusts_it_is_there(w):
    w.correct(w.new & w.known, np.nan_to_num(w.value - w.others["export"].value), "net")
''', {"other channels that are not there"}),
    ('''
@rule(inputs="x", others={"export": "y"})
def trusts_it_is_known(w):
    if len(w.others["export"]):
        w.correct(w.new & w.known, w.value - w.others["export"].value, "net")
''', {"other channels without a known value"}),
    ('''
@rule(inputs="x", side={"temperature": "temperature.csv"})
def reads_the_first(w):
    w.flag(w.new & (w.value > w.side["temperature"].value[0]), "cold")
''', {"side inputs that are empty"}),
    ('''
@rule(inputs="x", side={"temperature": "temperature.csv"})
def trusts_the_weather(w):
    w.correct([0] if len(w.side["temperature"]) else [], w.side["temperature"].value[:1], "cold")
''', {"side inputs without a known value"})], ids=lambda value: value.split("def ")[1].split("(")[0] if isinstance(value, str) else "")
def test_rules_that_cannot_bear_it_are_found(cased, text, fails):
    cased.path = module(cased, text, "careless")
    told = told_of(cased, expect=1)
    assert {name for name, case in told.items() if not case["passed"]} == fails, told
