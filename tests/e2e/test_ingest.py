"""ingest and try: containers, folders, repeats, corrections, all or nothing, locks, rights."""

import gzip
import io
import json
import os
import pathlib
import pwd
import shutil
import subprocess
import time
import zipfile

import pytest
from conftest import BINARY, HEADER, quarter_hours

DAY = quarter_hours([f"{i}.25" for i in range(90)])
REPORT = {"files", "readings", "accepted", "duplicate", "changed", "rejected", "ignored", "exceptions", "seconds",
          "readings_per_second", "errors"}  # fmt: skip


def zstd(content):
    return subprocess.run(["zstd", "-q", "-c"], input=content, capture_output=True, check=True).stdout


def zipped(*members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()


def as_ndjson(text):
    keys = text.splitlines()[0].split(",")
    return "".join(json.dumps(dict(zip(keys, line.split(",")))) + "\n" for line in text.splitlines()[1:])


def test_the_report_has_its_fields(plant):
    report = plant.ingest(plant.file("a.csv", DAY))
    assert REPORT <= report.keys()
    assert (report["files"], report["readings"], report["accepted"]) == (1, 90, 90)
    assert (report["duplicate"], report["changed"], report["rejected"], report["errors"]) == (0, 0, 0, [])
    assert report["seconds"] > 0 and report["readings_per_second"] > 0


PACKED = {
    "plain.csv": lambda: DAY.encode(),
    "packed.csv.gz": lambda: gzip.compress(DAY.encode()),
    "packed.csv.zst": lambda: zstd(DAY.encode()),
    "packed.zip": lambda: zipped(("day.csv", DAY)),
    "nested.zip": lambda: zipped(("day.csv.gz", gzip.compress(DAY.encode()))),
    "plain.ndjson": lambda: as_ndjson(DAY).encode(),
    "array.json": lambda: ("[" + ",\n".join(as_ndjson(DAY).splitlines()) + "]").encode(),
    "semicolons.csv": lambda: DAY.replace(".", ";").replace(",", ".").replace(";", ",").replace(".", ";")
    .replace("1-1:1;29;0", "1-1:1.29.0").replace("1-1:1,29,0", "1-1:1.29.0").encode(),
    "bom.csv": lambda: b"\xef\xbb\xbf" + DAY.encode(),
    "crlf.csv": lambda: DAY.replace("\n", "\r\n").encode(),
}


@pytest.mark.parametrize("name", sorted(PACKED))
def test_the_same_readings_in_every_wrapping(plant, name):
    report = plant.ingest(plant.file(name, PACKED[name]()))
    assert (report["readings"], report["rejected"]) == (90, 0), report
    rows = plant.query("A")
    assert len(rows) == 90
    assert rows[-1]["end"] == "2026-03-01T22:30:00Z" and rows[-1]["value"].replace(",", ".") == "89.25"


def test_from_standard_input(plant):
    assert plant.ingest("-", stdin=DAY)["readings"] == 90
    again = plant.ingest("-", stdin=DAY)
    assert (again["readings"], again["files_skipped"]) == (0, 1), "known by its content"


def test_a_folder_is_read_with_all_below_it_in_order(plant):
    plant.file("in/b.csv", quarter_hours(["2"]))
    plant.file("in/a/deep.csv", quarter_hours(["1"], usage_point="B"))
    plant.file("in/.hidden.csv", "nonsense")
    plant.file("in/registry.yaml", "usage_points: []")
    plant.file("in/truth.json", "{}")
    report = plant.ingest(plant.folder / "in")
    assert (report["files"], report["readings"], report["rejected"]) == (2, 2, 0)
    empty = plant.folder / "empty"
    empty.mkdir()
    report = plant.ingest(empty, expect=1)
    assert report["errors"][0]["code"] == "BB-1001"


def test_a_second_run_repeats_nothing(plant):
    path = plant.file("a.csv", DAY)
    plant.ingest(path)
    renamed = plant.file("renamed.csv", DAY)
    for again in (path, renamed):
        report = plant.ingest(again)
        assert (report["files"], report["files_skipped"], report["readings"]) == (0, 1, 0)
    assert len(plant.query("A")) == 90


def test_files_that_look_alike_are_told_apart_by_their_content(plant):
    """Same size, same first bytes: more of them than anybody looks at before reading all."""
    filler = "\n" * (100 << 10)
    files = [plant.file(f"{value}.csv", f"{DAY}{filler}A,1-1:1.29.0,2026-03-02T00:15:00Z,{value},kWh,interval,15m\n")
             for value in ("1.5", "2.5")]
    for path in files:
        report = plant.ingest(path)
        assert (report["files"], report["files_skipped"], report["readings"]) == (1, 0, 91), report
    assert plant.query("A")[-1]["value"] == "2.5"
    for path in files:
        assert plant.ingest(path)["files_skipped"] == 1


def test_what_came_by_the_standard_input_is_known_as_a_file(plant):
    plant.ingest("-", stdin=DAY)
    path = plant.file("a.csv", DAY)
    report = plant.ingest(path)
    assert (report["files"], report["files_skipped"], report["readings"]) == (0, 1, 0), report
    assert len(plant.query("A")) == 90 and plant.query("A")[0]["value"] == DAY.splitlines()[1].split(",")[3]
    assert plant.ingest("-", stdin=DAY + "\n")["files_skipped"] == 0, "another content"


def test_again_gives_duplicates_only(plant):
    path = plant.file("a.csv", DAY)
    plant.ingest(path)
    report = plant.ingest("--again", path)
    assert (report["readings"], report["accepted"], report["duplicate"], report["changed"]) == (90, 0, 90, 0)
    assert len(plant.query("A")) == 90


def test_the_same_value_twice_in_a_file_is_one_reading(plant):
    report = plant.ingest(plant.file("a.csv", DAY + "\n".join(DAY.splitlines()[1:11]) + "\n"))
    assert (report["readings"], report["accepted"], report["duplicate"]) == (100, 90, 10)


def correction(value, issued):
    return (f"{HEADER},issued\n"
            f"A,1-1:1.29.0,2026-03-01T00:15:00Z,{value},kWh,interval,15m,{issued}\n")  # fmt: skip


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_the_latest_issue_wins_in_every_order(plant, order):
    files = [plant.file(f"{i}.csv", correction(f"{i}.5", f"2026-03-0{2 + i}T08:00:00Z")) for i in range(3)]
    reports = [plant.ingest(files[i]) for i in order]
    assert [r["accepted"] for r in reports] == [1, 0, 0]
    assert [r["changed"] for r in reports] == [0, 1, 1]
    assert [row["value"] for row in plant.query("A")] == ["2.5"]


def test_what_was_known_then(plant):
    plant.ingest(plant.file("1.csv", correction("1.0", "2026-03-02T08:00:00Z")))
    time.sleep(0.05)
    now_ms = time.time_ns() // 1000000  # asked once: between two questions a second may end
    between = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now_ms // 1000)) + f".{now_ms % 1000:03d}Z"
    time.sleep(0.05)
    plant.ingest(plant.file("2.csv", correction("2.0", "2026-03-03T08:00:00Z")))
    assert [row["value"] for row in plant.query("A")] == ["2.0"]
    for lane, value in (("raw", "1.0"), ("vee", "1"), ("day", "1")):
        assert [row["value"] for row in plant.query("A", "--lane", lane, "--as-of", between)] == [value], lane
    assert plant.query("A", "--as-of", "2020-01-01T00:00:00Z") == []


BAD_LINE = DAY + "A,1-1:1.29.0,2026-03-01T23:00:00Z,abc,kWh,interval,15m\n"


def test_a_file_with_a_bad_line_changes_nothing(plant):
    report = plant.ingest(plant.file("a.csv", BAD_LINE), expect=1)
    assert (report["files"], report["readings"], report["accepted"], report["rejected"]) == (0, 0, 0, 1)
    error = report["errors"][0]
    assert (error["line"], error["code"]) == (92, "BB-1005")
    assert error["file"].endswith("a.csv") and "abc" in error["reason"]
    assert plant.list("usage-points") == []


def test_partial_keeps_the_good_lines(plant):
    path = plant.file("a.csv", BAD_LINE)
    report = plant.ingest("--partial", path, expect=1)
    assert (report["files"], report["readings"], report["accepted"], report["rejected"]) == (1, 90, 90, 1)
    assert len(plant.query("A")) == 90


def test_one_bad_file_does_not_hold_up_the_others(plant):
    report = plant.ingest(plant.file("bad.csv", BAD_LINE), "missing.csv",
                          plant.file("good.csv", quarter_hours(["1"], usage_point="B")), expect=1)
    assert (report["files"], report["readings"]) == (1, 1)
    assert [error["code"] for error in report["errors"]] == ["BB-1005", "BB-1001"]
    assert [row["usage_point"] for row in plant.list("usage-points")] == ["B"]


def test_the_first_hundred_errors_are_told(plant):
    lines = "".join(f"A,E,2026-03-01T00:15:00Z,x{i},kWh,interval,15m\n" for i in range(250))
    report = plant.ingest(plant.file("a.csv", HEADER + "\n" + lines), expect=1)
    assert report["rejected"] == 250 and len(report["errors"]) == 100
    assert [error["line"] for error in report["errors"]] == list(range(2, 102))


def test_errors_for_people_name_file_line_reason_and_code(plant):
    plant.file("a.csv", BAD_LINE)
    outcome = plant.run("ingest", "a.csv", expect=1)
    line = outcome.err.splitlines()[0]
    assert line.startswith("error BB-1005: ") and "abc" in line and "a.csv line 92" in line
    assert line.endswith("busbar explain BB-1005")
    assert "next: busbar explain BB-1005" in outcome.out and "busbar try" in outcome.out


def test_a_question_is_answered_by_an_option(plant):
    path = plant.file("a.csv", "usage_point,channel,timestamp,value,unit\nA,flow,2026-03-01 00:15:00,1.5,m3/h\n")
    first = plant.ingest(path, expect=1)
    assert first["errors"][0]["code"] in ("BB-1007", "BB-1011")
    report = plant.ingest("--zone", "Europe/Amsterdam", "--kind", "gauge", path)
    assert report["readings"] == 1
    row = plant.query("A")[0]
    assert row["start"] == row["end"] == "2026-02-28T23:15:00Z" and row["unit"] == "m³/h"


def test_a_map_reads_a_wide_file(plant):
    wide = "moment;m1;m2\n01/03/2026 01:00;1,5;2,5\n01/03/2026 02:00;1,75;2,75\n"
    mapping = plant.file("map.yaml", """
format: csv
delimiter: ";"
decimal: ","
zone: Europe/Amsterdam
timestamp: {column: moment, format: "%d/%m/%Y %H:%M"}
channels:
  - {column: "*", name: energy, kind: interval, interval: 1h, unit: kWh, usage_point_from: header}
""")
    report = plant.ingest("--map", mapping, plant.file("wide.csv", wide))
    assert (report["readings"], report["rejected"]) == (4, 0)
    assert [row["value"] for row in plant.query("m2")] == ["2,5".replace(",", "."), "2.75"]
    broken = plant.file("broken.yaml", "format: csv\ncolour: blue\n")
    outcome = plant.run("ingest", "--map", broken, plant.folder / "wide.csv", expect=3)
    assert "BB-1019" in outcome.err


def test_tenants_do_not_see_each_other(plant):
    path = plant.file("a.csv", DAY)
    plant.ingest("--tenant", "north", path)
    plant.run("query", "--usage-point", "A", expect=1)
    assert len(plant.query("A", "--tenant", "north")) == 90
    assert [row["tenant"] for row in plant.list("tenants")] == ["north"]
    assert plant.list("usage-points") == []


# ---- one writer, and who may write ----------------------------------------------------------------


def is_locked(path):
    """Does somebody hold the file's lock? Asked without touching it."""
    try:
        inode = str(path.stat().st_ino)
        lines = pathlib.Path("/proc/locks").read_text().splitlines()
    except OSError:
        return False
    return any(line.split()[5].endswith(":" + inode) for line in lines if "->" not in line)


def test_a_second_writer_is_turned_away(plant):
    path = plant.file("a.csv", DAY)
    plant.ingest(path)
    writer = subprocess.Popen([BINARY, "--data", plant.data, "ingest", "-"], stdin=subprocess.PIPE,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + 10
        while not is_locked(plant.data / "log" / "lock"):
            assert time.monotonic() < deadline and writer.poll() is None
            time.sleep(0.01)
        outcome = plant.run("--json", "ingest", path, expect=3)
        assert outcome.json()["error"]["code"] == "BB-3004"
        assert len(plant.query("A")) == 90, "readers are not turned away"
    finally:
        writer.communicate(quarter_hours(["1"], usage_point="B").encode(), timeout=30)
    assert writer.returncode == 0
    assert len(plant.query("B")) == 1


def test_killed_in_the_middle_the_next_run_finishes(plant):
    city = plant.folder / "city"
    plant.run("generate", "--meters", "300", "--days", "10", "--format", "csv", "--out", city, expect=0)
    lines = sum(1 for _ in open(city / "readings-0001.csv")) - 1
    for delay_s in (0.05, 0.15, 0.3):
        victim = subprocess.Popen([BINARY, "--data", plant.data, "ingest", city], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL)
        time.sleep(delay_s)
        victim.kill()
        victim.wait()
    plant.ingest(city)
    check = plant.run("--json", "check", expect=0).json()
    assert "0 not yet derived" in check[2]["text"] and f"{lines:,} readings" in check[2]["text"]
    total = plant.ingest("--again", city)
    assert (total["readings"], total["duplicate"]) == (lines, lines)


def as_somebody_else():
    """Arguments for subprocess that give up root; nothing when there is none to give up."""
    if os.getuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


@pytest.fixture
def public(plant):
    """A plant in folders that everybody may pass through, and a binary that everybody may run."""
    for folder in [plant.folder, *plant.folder.parents]:
        if folder.stat().st_uid == os.getuid() and len(folder.parts) > 2:
            folder.chmod(folder.stat().st_mode | 0o055)
    plant.binary = plant.folder / "busbar"
    shutil.copy(BINARY, plant.binary)
    plant.binary.chmod(0o755)
    return plant


def run_as_somebody_else(plant, *arguments):
    return subprocess.run([plant.binary, "--data", plant.data, *arguments], capture_output=True, text=True,
                          timeout=30, cwd=plant.folder, **as_somebody_else())


def test_a_file_one_may_not_read_is_refused(public):
    path = public.file("secret.csv", DAY)
    path.chmod(0)
    public.data.mkdir(mode=0o777)
    public.data.chmod(0o777)
    done = run_as_somebody_else(public, "--json", "ingest", str(path))
    assert done.returncode == 1, done
    error = json.loads(done.stdout)["errors"][0]
    assert error["code"] == "BB-3009" and error["file"].endswith("secret.csv")


def test_a_plant_one_may_not_write_is_exit_3(public):
    path = public.file("a.csv", DAY)
    public.data.mkdir()
    public.data.chmod(0o555)
    done = run_as_somebody_else(public, "--json", "ingest", str(path))
    assert done.returncode == 3, done
    assert json.loads(done.stdout)["error"]["code"] == "BB-3009"


# ---- a worker beside it ---------------------------------------------------------------------------


def test_a_worker_finds_nothing_to_do_and_leaves(filled):
    report = filled.run("--json", "worker", "--stage", "derive", "--idle-exit", "1s", expect=0).json()
    assert report["readings"] == 0


def test_ingest_goes_on_beside_a_running_worker(filled):
    worker = subprocess.Popen([BINARY, "--data", filled.data, "--json", "worker", "--live"], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
    try:
        for i in range(5):
            filled.ingest(filled.file(f"more-{i}.csv", quarter_hours([i] * 8, usage_point=f"B{i}")))
        for i in range(5):
            assert len(filled.query(f"B{i}")) == 8
    finally:
        worker.terminate()
        out, err = worker.communicate(timeout=30)
    assert worker.returncode == 0, err
    json.loads(out)


# ---- try ----------------------------------------------------------------------------------------


def test_try_stores_nothing(plant):
    path = plant.file("a.csv", quarter_hours(["1", None, "2", "-3"]))
    report = plant.run("--json", "try", path, expect=0).json()
    assert report["format"] == "csv" and report["readings"] == 3 and report["whole_file"]
    assert [(c["usage_point"], c["channel"], c["kind"], c["unit"]) for c in report["channels"]] == [
        ("A", "1-1:1.29.0", "interval", "kWh")]  # fmt: skip
    assert [row["value"] for row in report["rows"]] == [1, 2, -3]
    assert report["rows"][0]["start"] == "2026-03-01T00:00:00Z"
    assert "negative" in {finding["check"] for finding in report["exceptions"]}
    assert report["next"].endswith(f"ingest {path}") or str(path) in report["next"]
    assert not plant.data.exists()


def test_try_on_a_plant_leaves_it_alone(filled):
    before = {path: path.stat().st_mtime_ns for path in filled.data.rglob("*.seg")}
    filled.run("try", filled.file("b.csv", quarter_hours(["1"], usage_point="B")), expect=0)
    assert {path: path.stat().st_mtime_ns for path in filled.data.rglob("*.seg")} == before
    assert [row["usage_point"] for row in filled.list("usage-points")] == ["A"]


def test_try_says_what_is_wrong_and_what_to_do(plant):
    outcome = plant.run("try", plant.file("a.csv", BAD_LINE), expect=1)
    assert "a.csv line 92" in outcome.err
    assert "busbar ingest" in outcome.out and "--partial" in outcome.out
    outcome = plant.run("--json", "try", plant.file("z.csv", ""), expect=1)
    assert outcome.json()["error"]["code"] == "BB-1002"


def test_the_next_command_of_try_works(plant):
    path = plant.file("some file.csv", "usage_point,channel,timestamp,value,unit\nA,level,2026-03-01 00:15,1,m3\n")
    text = plant.run("try", "--zone", "UTC", "--kind", "gauge", path, expect=0).out
    command = text[text.index("next: ") + 6:].strip()
    assert command.startswith("busbar ingest")
    done = subprocess.run(["bash", "-c", command.replace("busbar", BINARY, 1)], capture_output=True, timeout=30,
                          cwd=plant.folder)
    assert done.returncode == 0, done
    assert len(plant.query("A")) == 1
