"""Every kind of input that must not get in: a plain error with its code, fast, in bounded memory."""

import gzip
import io
import os
import random
import subprocess
import threading
import time
import zipfile

import pytest
from conftest import BINARY, HEADER, quarter_hours

GOOD = quarter_hours(["1", "2", "3", "4"])
MEMORY_LIMIT_KB = 400 * 1024


def line(value="1", stamp="2026-03-01T00:15:00Z", unit="kWh", kind="interval", interval="15m", name="A"):
    return f"{HEADER}\n{name},E,{stamp},{value},{unit},{kind},{interval}\n"


NEM12_DAY = "300,20260301," + ",".join(["1.0"] * 48) + ",A,,,20260302120000,\n"
NEM12 = "100,NEM12,202603021200,MDP,RETAILER\n200,NMI0000001,E1,E1,E1,N1,METER1,KWH,30,\n{}900\n"


def garbage():
    return random.Random(7).randbytes(100000)


BAD = {
    # name: (content, code, line that is named; None: no line)
    "garbage": (garbage(), {"BB-1003", "BB-1016"}, None),
    "elf": (b"\x7fELF" + garbage(), {"BB-1003", "BB-1016"}, None),
    "empty": (b"", {"BB-1002"}, None),
    "blanks": (b" \n\r\n\t\n", {"BB-1002"}, None),
    "prose": (b"Dear colleagues,\nplease find the readings attached.\n", {"BB-1003", "BB-1020"}, None),
    "header_only_unknown": (b"a,b,c\n1,2,3\n", {"BB-1003", "BB-1020"}, None),
    "utf16": (GOOD.encode("utf-16"), {"BB-1016"}, None),
    "utf16_be_without_mark": (GOOD.encode("utf-16-be"), {"BB-1016", "BB-1003"}, None),
    "latin1_name": (line(name="M\xfcller").encode("latin-1"), {"BB-1016", "BB-1022"}, None),
    "nul_byte": (GOOD.replace("A,", "A\0,", 1).encode(), {"BB-1016", "BB-1022"}, None),
    "huge_exponent": (line("1e999"), {"BB-1005"}, 2),
    "tiny_exponent": (line("1e-999"), {"BB-1005"}, 2),
    "nan": (line("NaN"), {"BB-1005"}, 2),
    "infinity": (line("-inf"), {"BB-1005"}, 2),
    "hex": (line("0x1p4"), {"BB-1005"}, 2),
    "too_many_digits": (line("1234567890123456789.5"), {"BB-1005"}, 2),
    "words": (line("twelve"), {"BB-1005"}, 2),
    "two_points": (line("1.2.3"), {"BB-1005"}, 2),
    "february_31": (line(stamp="2026-02-31T00:15:00Z"), {"BB-1006"}, 2),
    "february_29": (line(stamp="2026-02-29T00:15:00Z"), {"BB-1006"}, 2),
    "hour_25": (line(stamp="2026-03-01T25:15:00Z"), {"BB-1006"}, 2),
    "no_time": (line(stamp="yesterday"), {"BB-1006"}, 2),
    "no_zone": (line(stamp="2026-03-01T00:15:00"), {"BB-1007"}, None),
    "before_1990": (line(stamp="1989-12-31T00:15:00Z"), {"BB-1008"}, 2),
    "far_ahead": (line(stamp="2199-01-01T00:15:00Z"), {"BB-1008"}, 2),
    "no_usage_point": (line(name=""), {"BB-1009", "BB-1022"}, 2),
    "long_name": (line(name="A" * 201), {"BB-1022"}, 2),
    "control_character": (line(name="A\x07"), {"BB-1022", "BB-1003"}, None),
    "unknown_unit": (line(unit="bananas"), {"BB-1010"}, 2),
    "unknown_kind": (line(kind="guess"), {"BB-1011"}, 2),
    "no_kind": (line(kind=""), {"BB-1011"}, None),
    "no_interval": (line(interval=""), {"BB-1012"}, None),
    "short_line": (GOOD + "A,E\n", {"BB-1004", "BB-1009"}, 6),
    "open_quote": (GOOD + '"A,E,2026-03-01T02:00:00Z,1,kWh,interval,15m\n', {"BB-1004", "BB-1009", "BB-1013"}, None),
    "broken_json": ('{"usage_point":"A","channel":"E","timestamp":"2026-03-01T00:15:00Z","value":1\n',
                    {"BB-1004"}, None),
    "json_scalar": ("42\n", {"BB-1003", "BB-1004"}, None),
    "truncated_gzip": (gzip.compress(GOOD.encode() * 50)[:-20], {"BB-1014"}, None),
    "corrupt_gzip": (gzip.compress(GOOD.encode())[:-6] + b"\xff\xff\xff\xff\xff\xff", {"BB-1014"}, None),
    "nem12_one_too_few": (NEM12.format(NEM12_DAY.replace("1.0,", "", 1)), {"BB-1017"}, 3),
    "nem12_one_too_many": (NEM12.format(NEM12_DAY.replace("1.0,", "1.0,1.0,", 1)), {"BB-1017"}, 3),
    "nem12_no_such_day": (NEM12.format(NEM12_DAY.replace("20260301", "20260231")), {"BB-1006"}, 3),
    "nem12_400_gap": (NEM12.format(NEM12_DAY.replace(",A,", ",V,") + "400,1,10,A,,\n400,20,48,A,,\n"),
                      {"BB-1017"}, None),
    "nem12_300_first": ("100,NEM12,202603021200,MDP,RETAILER\n" + NEM12_DAY + "900\n", {"BB-1018"}, None),
    "nem12_cut_off": (NEM12.format(NEM12_DAY)[:-4], {"BB-1018", "BB-1004"}, None),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(BAD))
def test_is_refused_by_name_and_changes_nothing(plant, name):
    content, codes, number = BAD[name]
    plant.ingest(plant.file("good.csv", quarter_hours(["9"], usage_point="KEPT")))
    path = plant.file(f"{name}.gz" if "gzip" in name else name, content)
    report = plant.ingest(path, expect=1)
    assert report["errors"], report
    error = report["errors"][0]
    assert error["code"] in codes, error
    assert name in error["file"] and error["reason"]
    if number:
        assert error["line"] == number, error
    assert (report["readings"], report["accepted"]) == (0, 0)
    assert [row["usage_point"] for row in plant.list("usage-points")] == ["KEPT"]
    # `try` says the same and exits alike
    assert plant.run("--json", "try", path).code == 1


@pytest.mark.parametrize("name", sorted(BAD))
def test_partial_takes_no_more_than_the_good_lines(plant, name):
    content, _, _ = BAD[name]
    outcome = plant.run("--json", "ingest", "--partial", plant.file(f"{name}.gz" if "gzip" in name else name, content))
    assert outcome.code == 1, outcome
    report = outcome.json()
    assert report["rejected"] >= 1 and report["readings"] <= 192


def test_things_that_are_no_files(plant):
    os.mkfifo(plant.folder / "pipe")
    for path in ("/dev/null", plant.folder / "nowhere" / "a.csv", plant.folder / "pipe"):
        report = plant.ingest(path, expect=1)
        assert report["errors"][0]["code"] in ("BB-1001", "BB-1002"), report


# ---- large things: fast, and in bounded memory ------------------------------------------------------


def measured(plant, *arguments, feed=None):
    """Exit code, report, seconds and peak memory of a run that is fed from a generator."""
    process = subprocess.Popen([BINARY, "--data", plant.data, "--json", "ingest", *map(str, arguments)],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def pour():
        try:
            for piece in feed or ():
                process.stdin.write(piece)
            process.stdin.close()
        except BrokenPipeError:
            pass

    began = time.monotonic()
    pourer = threading.Thread(target=pour)
    pourer.start()
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    pourer.join(10)
    return process.returncode, out.decode(), seconds, usage.ru_maxrss


def endless_line(begin):
    yield begin.encode()
    piece = b"x" * (1 << 20)
    for _ in range(2048):
        yield piece


@pytest.mark.parametrize("begin", [HEADER + "\n", '{"usage_point":"', ""], ids=["csv", "ndjson", "nothing"])
def test_a_line_of_two_gigabytes(plant, begin):
    code, out, seconds, memory_kb = measured(plant, "-", feed=endless_line(begin))
    assert code == 1, out
    assert any(f in out for f in ("BB-1013", "BB-1003"))
    assert seconds < 5 and memory_kb < MEMORY_LIMIT_KB, (seconds, memory_kb)


def test_a_file_of_two_gigabytes_of_nothing(plant):
    path = plant.file("sparse.csv", "")
    os.truncate(path, 2 << 30)
    code, out, seconds, memory_kb = measured(plant, path)
    assert code == 1 and "BB-1016" in out
    assert seconds < 60 and memory_kb < MEMORY_LIMIT_KB, (seconds, memory_kb)


def bomb_gzip():
    """A good head, then 600 MB of the same line: far more than 200 times what it is packed in."""
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=9) as packed:
        packed.write(GOOD.encode())
        blanks = b"\n" * (1 << 20)
        for _ in range(600):
            packed.write(blanks)
    return buffer.getvalue()


def bomb_zip():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        with archive.open("day.csv", "w", force_zip64=True) as member:
            member.write(GOOD.encode())
            for _ in range(600):
                member.write(b"\n" * (1 << 20))
    return buffer.getvalue()


@pytest.mark.parametrize("name, make", [("bomb.csv.gz", bomb_gzip), ("bomb.zip", bomb_zip)])
def test_a_bomb_ends_as_an_error(plant, name, make):
    code, out, seconds, memory_kb = measured(plant, plant.file(name, make()))
    assert code == 1 and "BB-1015" in out, out
    assert seconds < 20 and memory_kb < MEMORY_LIMIT_KB, (seconds, memory_kb)
    assert plant.list("usage-points") == []


def test_millions_of_bad_lines_end(plant):
    def lines():
        yield (HEADER + "\n").encode()
        piece = b"A,E,2026-03-01T00:15:00Z,x,kWh,interval,15m\n" * 10000
        for _ in range(150):
            yield piece

    code, out, seconds, memory_kb = measured(plant, "--partial", "-", feed=lines())
    assert code == 1 and '"rejected":1' in out
    assert seconds < 60 and memory_kb < MEMORY_LIMIT_KB, (seconds, memory_kb)
