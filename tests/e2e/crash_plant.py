"""What the crash suites share: small inputs, a plant, its content, and a reference to compare with.

    inputs ──► reference plant, run once without any harm ──► expected content after each file
       └─────► plant under test: killed, cut, failed, fenced ──► the same content, or the seed is told

An `ingest` that has exited with 0 has acknowledged its files. From then on each of their readings
has to be found after every later crash: `assert_between` checks that after each one. At the end
`assert_equal_content` compares everything a plant shows, byte for byte.

Every random choice comes from one seed (BUSBAR_CRASH_SEED; fixed in a test, fresh in a soak), which
stands in the message of each failure together with the command that repeats it.
"""

import contextlib
import csv
import datetime
import gzip
import io
import json
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
BINARY = os.environ.get("BUSBAR_BIN", str(TOP / "build/busbar"))
SHIMS = Path(os.environ.get("BUSBAR_SHIMS", TOP / "build/tests/shim"))
SOAK = os.environ.get("BUSBAR_SOAK", "") not in ("", "0")
SEED = int(os.environ.get("BUSBAR_CRASH_SEED") or (random.SystemRandom().randrange(1 << 31) if SOAK else 20240310))
PARALLEL = 2
TIME_OUT_S = 120

LANES = ("raw", "vee", "hour", "day", "month")
AS_OF_LANES = ("raw", "day")
USAGE_POINTS = ("E1", "E2", "G1", "W1", "W2")


# ---- inputs --------------------------------------------------------------------------------------

START = datetime.datetime(2024, 3, 1, tzinfo=datetime.timezone.utc)
COLUMNS = ("usage_point", "channel", "kind", "interval", "unit", "timestamp", "value", "quality", "issued")


def moment(minutes):
    return (START + datetime.timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


def row(usage_point, channel, kind, interval, unit, minutes, value, quality="measured", issued=""):
    return dict(zip(COLUMNS, (usage_point, channel, kind, interval, unit, moment(minutes), str(value), quality, issued)))


def energy(usage_point, minutes, value, **more):
    return row(usage_point, "1.29.0", "interval", "15m", "kWh", minutes, value, **more)


def water(usage_point, hour, value, **more):
    return row(usage_point, "volume", "register", "", "m3", hour * 60 + 7, value, **more)


def counter(usage_point, minutes, value, **more):
    """The register beside the intervals: what they add up to."""
    return row(usage_point, "1.8.0", "register", "", "kWh", minutes, value, **more)


def quarter_hours(day):
    return range(day * 1440 + 15, (day + 1) * 1440 + 1, 15)


def wobble(minutes, scale=100):
    """A value that looks like one, the same in every run."""
    return (minutes * 2654435761 % 1009) / scale


FIRST_ISSUE, SECOND_ISSUE, OLD_ISSUE = moment(5 * 1440), moment(9 * 1440), moment(3 * 1440)


def counted(minutes):
    """What E1 has used until then, with what its gap hides."""
    return round(500 + sum(wobble(t) for t in range(15, minutes + 1, 15)), 2)


def base_rows():
    """Two days of everything. E1 has a gap, and a register that dips once; W1 runs backwards once, W2 tells a
    reading of another meter; E2 says when it was issued."""
    for day in (0, 1):
        for t in quarter_hours(day):
            if not 300 <= t < 480:
                yield energy("E1", t, wobble(t))
            yield energy("E2", t, wobble(t + 3), issued=FIRST_ISSUE)
    for t in range(0, 2881, 360):
        yield counter("E1", t, 3 if t == 720 else counted(t))
    yield row("W2", "volume", "register", "", "m3", 30 * 60 + 20, 77777)
    for hour in range(49):
        yield water("W1", hour, 1000 + hour / 4 - (30 if hour == 20 else 0))
        yield water("W2", hour, 50 + hour / 8)
        yield row("G1", "temperature", "gauge", "", "C", hour * 60, 20 + wobble(hour, 500))


def overlap_rows():
    """The second day again (some of it told otherwise, without an issue: the later word wins), and a third."""
    for t in quarter_hours(1):
        yield energy("E1", t, wobble(t) + (1 if t % 120 == 0 else 0))
        yield energy("E2", t, wobble(t + 3), issued=FIRST_ISSUE)
    for t in quarter_hours(2):
        yield energy("E1", t, wobble(t))
        yield energy("E1", t, wobble(t))
    for hour in range(40, 73):
        yield water("W2", hour, 50 + hour / 8)


def correction_rows():
    """Newer issues win, older ones are kept and lose."""
    for t in quarter_hours(0):
        if t % 60 == 0:
            yield energy("E2", t, wobble(t + 3) + 5, quality="substituted", issued=SECOND_ISSUE)
        elif t % 45 == 0:
            yield energy("E2", t, 99, issued=OLD_ISSUE)


def late_rows():
    """What was missing at first, and the fall of W1 told again."""
    for t in range(300, 480, 15):
        yield energy("E1", t, wobble(t))
    yield water("W1", 20, 1005)
    yield counter("E1", 720, counted(720))  # no dip any more
    yield counter("E1", 2880, counted(2880) + 40)  # and now the sum of the intervals is wrong
    for hour in range(49, 73):
        yield water("W1", hour, 1000 + hour / 4)
        yield row("G1", "temperature", "gauge", "", "C", hour * 60, 20 + wobble(hour, 500))


def quality_rows():
    """A difference in quality alone is a change, too."""
    for t in quarter_hours(2):
        if t % 75 == 0:
            yield energy("E1", t, wobble(t), quality="estimated")
    for hour in range(0, 24, 5):
        yield water("W2", hour, 50 + hour / 8, quality="substituted")
    yield energy("E2", 3 * 1440, -4, issued=SECOND_ISSUE)


def minute_rows(first_day, days):
    """Enough for several frames of one file in one partition: a minute meter."""
    for t in range(first_day * 1440 + 1, (first_day + days) * 1440 + 1):
        yield row("E1", "minutes", "interval", "1m", "kWh", t, wobble(t, 100000))


def digits_rows(first_day, days):
    """Readings that do not pack: a mebibyte of log with some ninety thousand of them."""
    for t in range(first_day * 1440 + 1, (first_day + days) * 1440 + 1):
        value = (t * 0x9E3779B97F4A7C15 & (1 << 64) - 1) % 10**15
        yield row("E1", "digits", "interval", "1m", "kWh", t, value, issued=moment(10**6 + value % 10**5))


def write_csv(path, rows):
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "wt") as file:
        file.write(text.getvalue())
    return path


def write_ndjson(path, rows):
    with open(path, "w") as file:
        for one in rows:
            file.write(json.dumps({key: value for key, value in one.items() if value != ""}) + "\n")
    return path


def write_inputs(folder):
    """Six files, in the order in which they are taken."""
    folder.mkdir(parents=True, exist_ok=True)
    return [
        write_csv(folder / "1-base.csv", base_rows()),
        write_ndjson(folder / "2-overlap.ndjson", overlap_rows()),
        write_csv(folder / "3-corrections.csv", correction_rows()),
        write_csv(folder / "4-late.csv.gz", late_rows()),
        write_ndjson(folder / "5-quality.ndjson", quality_rows()),
        write_csv(folder / "6-minutes.csv", minute_rows(0, 12)),
    ]


def write_few_inputs(folder):
    """Three small files: what the fixed run of the faults takes."""
    folder.mkdir(parents=True, exist_ok=True)
    return [
        write_csv(folder / "1-base.csv", base_rows()),
        write_ndjson(folder / "2-overlap.ndjson", overlap_rows()),
        write_csv(folder / "3-corrections.csv", correction_rows()),
    ]


def write_rolling_inputs(folder):
    """Two files that make the log begin a new segment, and one small one between them."""
    folder.mkdir(parents=True, exist_ok=True)
    return [
        write_csv(folder / "1-digits.csv", digits_rows(0, 60)),
        write_csv(folder / "2-base.csv", base_rows()),
        write_csv(folder / "3-digits.csv", digits_rows(50, 60)),
    ]


# ---- a plant -------------------------------------------------------------------------------------

PLANT_CONFIG = """log: {partitions: 2, segment: 1MiB}
derive: {commit: {freshness: 1ms}}
store: {takeover: 300ms}
"""


@contextlib.contextmanager
def scratch(on_disk=False):
    """A folder that goes away; in memory, unless the time that a real disk takes is part of the test."""
    base = "/dev/shm" if not on_disk and os.access("/dev/shm", os.W_OK) else None
    path = Path(tempfile.mkdtemp(prefix="busbar-crash-", dir=base)).resolve()
    try:
        yield path
    finally:
        if not os.environ.get("BUSBAR_CRASH_KEEP"):
            shutil.rmtree(path, ignore_errors=True)


class Plant:
    """One data folder, `disk`/plant, and the binary that works on it."""

    def __init__(self, folder, config=PLANT_CONFIG):
        self.folder = Path(folder)
        self.disk = self.folder / "disk"  # what the shims watch
        self.disk.mkdir(parents=True, exist_ok=True)
        self.data = self.disk / "plant"
        self.config = self.folder / "busbar.yaml"
        self.config.write_text(config)

    def command(self, *arguments):
        return [BINARY, "--data", str(self.data), "--config", str(self.config), "--no-progress", *map(str, arguments)]

    def start(self, *arguments, environment=None, stdin=os.devnull):
        with open(stdin) as source:
            return subprocess.Popen(self.command(*arguments), stdin=source, stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True)

    def run(self, *arguments, **more):
        with self.start(*arguments, **more) as process:
            try:
                out, err = process.communicate(timeout=TIME_OUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                out, err = process.communicate()
                raise AssertionError(f"not done after {TIME_OUT_S} s: {' '.join(process.args)}\n{out}{err}")
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def must(self, *arguments, **more):
        done = self.run(*arguments, **more)
        assert done.returncode == 0, f"exit {done.returncode}: {' '.join(done.args)}\n{done.stdout}{done.stderr}"
        return done

    def run_killed(self, delay_s, *arguments, **more):
        """Run, and SIGKILL it after `delay_s` unless it has ended by then."""
        with self.start(*arguments, **more) as process:
            time.sleep(delay_s)
            process.send_signal(signal.SIGKILL)
            out, err = process.communicate(timeout=TIME_OUT_S)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    # what it shows

    def query(self, usage_point, lane, as_of=None):
        more = ["--as-of", as_of] if as_of else []
        return self.run("query", "--usage-point", usage_point, "--lane", lane, "--format", "csv", *more)

    def raw(self):
        """{(usage point, channel, end): line}; nothing for what the plant does not know (yet)."""
        rows, notes = {}, []
        for usage_point in USAGE_POINTS:
            done = self.query(usage_point, "raw")
            assert done.returncode >= 0, f"query ended by signal {-done.returncode}\n{done.stderr}"
            if done.returncode != 0:
                notes.append(done.stderr.strip())
                continue
            for line in done.stdout.splitlines()[1:]:
                fields = line.split(",")
                key = (fields[0], fields[1], fields[4])
                assert key not in rows, f"twice in lane raw: {rows[key]} and {line}"
                rows[key] = line
        return rows, notes

    def content(self, as_of=None):
        """All that people see of it; what tells the moment of an event or a running number is left out."""
        found = {}
        for usage_point in USAGE_POINTS:
            for lane in AS_OF_LANES if as_of else LANES:
                done = self.query(usage_point, lane, as_of)
                found[f"{usage_point} {lane}"] = done.stdout if done.returncode == 0 else f"exit {done.returncode}"
        if not as_of:
            found["channels"] = self.must("list", "channels").stdout
            found["exceptions"] = self.exceptions()
        return found

    def exceptions(self):
        rows = json.loads(self.must("--json", "list", "exceptions").stdout)
        for one in rows:
            # which delivery opened it depends on what had been derived before it came
            for name in ("id", "opened", "closed", "opened_by", "closed_by"):
                one.pop(name, None)
        return "\n".join(sorted(json.dumps(one, sort_keys=True) for one in rows))

    def check_deep(self):
        done = self.must("--json", "check", "--deep")
        bad = [one for one in json.loads(done.stdout) if one["state"] != "ok"]
        assert not bad, f"check --deep: {bad}"

    def counts(self, *arguments, environment=None):
        """What `ingest` said it did, but for the time it took."""
        report = json.loads(self.must("--json", "ingest", *arguments, environment=environment).stdout)
        return {key: value for key, value in report.items() if key not in ("seconds", "readings_per_second")}


def draw_ingest(rng, files):
    """How files are handed over: by their names, or one now and then through the standard input."""
    if len(files) == 1 and rng.random() < 0.25:
        return ["ingest", "-"], {"stdin": files[0]}
    return ["ingest", *files], {}


def now_text():
    """A moment that lies behind all that was received so far and before all that comes."""
    time.sleep(0.002)
    now = datetime.datetime.now(datetime.timezone.utc)
    time.sleep(0.002)
    return now.isoformat(timespec="milliseconds").replace("+00:00", "Z")


# ---- the reference -------------------------------------------------------------------------------


class Reference:
    """What an undisturbed plant shows after each file, and at the end."""

    def __init__(self, folder, files, config=PLANT_CONFIG):
        self.files = files
        self.plant = plant = Plant(folder / "reference", config)
        self.raw_after = [{}]
        self.content_as_of = []
        moments, spans = [], []
        for file in files:
            began = time.monotonic()
            plant.must("ingest", file)
            spans.append(time.monotonic() - began)
            moments.append(now_text())
            self.raw_after.append(plant.raw()[0])
        self.span_s = sum(spans) / len(spans)
        self.spans_s = spans
        self.content = plant.content()
        self.content_as_of = [plant.content(as_of) for as_of in moments]
        plant.check_deep()
        self.again_counts = plant.counts("--again", *files)
        self.again_content = plant.content()
        assert len(self.raw_after[-1]) > 100
        assert any(self.raw_after[k] != self.raw_after[k + 1] for k in range(len(files)))


def assert_between(plant, reference, acknowledged):
    """Every reading of the first `acknowledged` files is there, once; nothing is there that no file said."""
    rows, notes = plant.raw()
    known = reference.raw_after[acknowledged:]
    missing = [line for key, line in known[0].items() if key not in rows]
    assert not missing, f"{len(missing)} acknowledged readings are gone, first {missing[0]}; notes: {notes}"
    for key, line in rows.items():
        assert any(after.get(key) == line for after in known), \
            f"nobody said {line}; expected one of {[after.get(key) for after in known]}"


def assert_equal_content(expected, found, what):
    for name, text in expected.items():
        if found[name] == text:
            continue
        old, new = text.splitlines(), found[name].splitlines()
        lines = [f"- {line}" for line in old if line not in new][:8] + [f"+ {line}" for line in new if line not in old][:8]
        raise AssertionError(f"{what}: {name} differs ({len(old)} lines expected, {len(new)} found)\n" + "\n".join(lines))


def assert_same_plant(plant, reference, moments=(), environment=None):
    """The end of each trial: content, history, and that a repeated delivery is recognised."""
    assert_equal_content(reference.content, plant.content(), "current content")
    for as_of, expected in zip(moments, reference.content_as_of):
        assert_equal_content(expected, plant.content(as_of), f"as of {as_of}")
    plant.check_deep()
    counts = plant.counts(*reference.files, environment=environment)
    assert (counts["files"], counts["files_skipped"], counts["accepted"]) == (0, len(reference.files), 0), counts
    assert plant.counts("--again", *reference.files, environment=environment) == reference.again_counts
    assert_equal_content(reference.again_content, plant.content(), "content after --again")
    plant.check_deep()


# ---- trials --------------------------------------------------------------------------------------


def shim_environment(name, **values):
    shim = SHIMS / f"{name}.so"
    assert shim.is_file(), f"{shim} is missing: build the target `tests`"
    environment = dict(os.environ, LD_PRELOAD=str(shim))
    environment["ASAN_OPTIONS"] = environment.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
    environment.update({key: str(value) for key, value in values.items()})
    return environment


def land_without_deriving(plant, *files):
    """Each `ingest` is killed at its first write to the store: landed, decided, not derived."""
    environment = shim_environment("fault", FAULT_DIR=plant.disk, FAULT_MATCH="/store/", FAULT_AT=1, FAULT_KIND="kill")
    for file in files:
        done = plant.run("ingest", file, environment=environment)
        assert done.returncode == -signal.SIGKILL, f"exit {done.returncode}\n{done.stderr}"


WORKER = ("worker", "--stage", "derive", "--idle-exit", "100ms")


def reproduce(suite, seed):
    return (f"seed {seed}; again with: BUSBAR_CRASH_SEED={SEED} BUSBAR_CRASH_ONLY={seed} BUSBAR_BIN={BINARY} "
            f"BUSBAR_SHIMS={SHIMS} /usr/bin/python3 -m pytest -q -s tests/e2e/{suite}.py")


def run_cases(suite, trial, cases):
    """trial(*case) for each, two at a time; all that fail are counted, the first ones told."""

    def guarded(case):
        try:
            trial(*case)
        except AssertionError as error:
            return f"{error}\ncase {case}"
        return None

    with ThreadPoolExecutor(PARALLEL) as pool:
        failed = [text for text in pool.map(guarded, cases) if text]
    assert not failed, "\n".join([f"{len(failed)} of {len(cases)} cases failed", *failed[:5], reproduce(suite, SEED)])


def run_trials(suite, trial, enough, limit=10000):
    """trial(seed) -> harms done, two at a time, until `enough` harms are done. Tells the seed of a failure."""

    def guarded(seed):
        try:
            return trial(seed)
        except Exception as error:
            raise AssertionError(f"{error}\n{reproduce(suite, seed)}") from None

    only = os.environ.get("BUSBAR_CRASH_ONLY")
    if only:
        return guarded(int(only))
    done, next_seed = 0, SEED
    with ThreadPoolExecutor(PARALLEL) as pool:
        while done < enough:
            assert next_seed - SEED < limit, f"only {done} of {enough} harms in {limit} trials"
            seeds = range(next_seed, next_seed + PARALLEL)
            next_seed += PARALLEL
            done += sum(pool.map(guarded, seeds))
    print(f"{suite}: {done} harms in {next_seed - SEED} trials, seeds from {SEED}")
    return done
