"""Every NEM12 and NEM13 file of the market's set, through the real binary: what went in comes out.

Each file is held against two things: what nem-reader made of it (expected.json: counts, sums, first
and last, quality), but for the deviations of nem12_expectations.py; and the text of its own records,
value by value, digits as sent.
"""

import csv
import io
import json
import os
import re
import subprocess
from collections import Counter
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from functools import lru_cache
from pathlib import Path

import pytest

from nem12_expectations import DEVIATIONS

BINARY = os.environ.get("BUSBAR_BIN", "busbar")
SET = Path(os.environ.get("BUSBAR_DATA_SETS", "/nonexistent")) / "nem12-nem13"
MARKET = timezone(timedelta(hours=10))
TIME_OUT_S = 60

pytestmark = pytest.mark.skipif(not SET.is_dir(), reason="BUSBAR_DATA_SETS has no nem12-nem13")
EXPECTED = json.loads((SET / "expected.json").read_text()) if SET.is_dir() else {}
AGREED = sorted(EXPECTED.keys() - DEVIATIONS.keys())
# A zip holds the same as the file that the set took out of it.
PACKED = {"zip/Example_different_intervals.zip": "examples/NEM12#C123_20040402_20040402#None#C123.csv"}

# nem-reader's letter of a quality, from busbar's state; other letters stand in the source's code.
LETTERS = {"measured": "A", "missing": "N"}


# ---- the binary ---------------------------------------------------------------------------------


def busbar(data, *arguments):
    return subprocess.run(
        [BINARY, "--data", str(data), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=TIME_OUT_S,
        check=False,
    )


def ingest(data, path, *options):
    """The exit code and the report."""
    done = busbar(data, "--json", "ingest", *options, path)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def channels(data):
    done = busbar(data, "--json", "list", "channels")
    if done.returncode == 3:  # nothing was ever stored
        return set()
    assert done.returncode == 0, done.stderr
    return {(row["usage_point"], row["channel"]) for row in json.loads(done.stdout)}


def raw_rows(data, usage_point, channel):
    done = busbar(data, "query", "--usage-point", usage_point, "--channel", channel,
                  "--lane", "raw", "--format", "csv")  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert all(row["lane"] == "raw" for row in rows)
    return rows


def all_rows(data):
    """Rows by "usage point/channel"."""
    return {f"{up}/{channel}": raw_rows(data, up, channel) for up, channel in channels(data)}


# ---- what the rows say --------------------------------------------------------------------------


def market_time(text):
    assert text.endswith("Z")
    return datetime.fromisoformat(text[:-1] + "+00:00").astimezone(MARKET).replace(tzinfo=None)


def quality_letter(row):
    words = row["quality"].split("|")
    codes = [word.split(":", 1)[1].split()[0] for word in words if word.startswith("source:")]
    return codes[0] if codes else LETTERS[words[0]]


def number(text):
    return Decimal(text or 0)


def summary(rows):
    """As expected.json has it."""
    return {
        "readings": len(rows),
        "unit": rows[0]["unit"].lower(),
        "sum": sum(number(row["value"]) for row in rows),
        "first_start": str(market_time(rows[0]["start"])),
        "last_end": str(market_time(rows[-1]["end"])),
        "first_value": number(rows[0]["value"]),
        "last_value": number(rows[-1]["value"]),
        "quality_counts": dict(Counter(map(quality_letter, rows))),
    }


def expected_summary(channel):
    want = {key: channel[key] for key in channel if key != "meter"}
    want["unit"] = want["unit"].lower() or "1"
    for key in ("sum", "first_value", "last_value"):
        want[key] = Decimal(str(want[key]))
    return want


def is_register(name):
    return name.endswith(".register")


def check_summaries(rows, wanted):
    got = {name: summary(r) for name, r in rows.items() if not is_register(name)}
    assert got == {name: expected_summary(channel) for name, channel in wanted.items()}


# ---- the file's own text ------------------------------------------------------------------------


def as_written(text):
    """A number as busbar prints it: the digits as sent, without leading zeros."""
    sign, digits = ("-", text[1:]) if text.startswith("-") else ("", text)
    whole, point, decimals = digits.partition(".")
    return sign + (whole.lstrip("0") or "0") + (point + decimals if decimals else "")


def market_moment(text):
    return datetime.strptime(text, "%Y%m%d%H%M%S" if len(text) == 14 else "%Y%m%d")


@lru_cache(maxsize=None)
def own_values(path):
    """{channel: {(start, end): value text}} of records that are well formed."""
    values = {}
    nmi = suffix = minutes = None
    for line in path.read_text().splitlines():
        field = [text.strip() for text in line.split(",")]
        if field[0] == "200":
            nmi, suffix, minutes = field[1], field[4], int(field[8])
        elif field[0] == "300":
            count = 1440 // minutes
            day = field[2 : 2 + count]
            if len(field) > 2 + count and re.fullmatch(r"[AEFNSV]\d*", field[2 + count]):
                channel = values.setdefault(f"{nmi}/{suffix}", {})
                for i, text in enumerate(day):
                    start = market_moment(field[1]) + timedelta(minutes=i * minutes)
                    channel[start, start + timedelta(minutes=minutes)] = as_written(text)
        elif field[0] == "250":
            name = f"{field[1]}/{field[4]}"
            before, now = market_moment(field[9]), market_moment(field[14])
            values.setdefault(name, {})[before, now] = as_written(field[18])
            reads = values.setdefault(name + ".register", {})
            reads[before, before] = as_written(field[8])
            reads[now, now] = as_written(field[13])
    return values


def check_own_values(rows, path):
    own = own_values(path)
    for name, channel in rows.items():
        for row in channel:
            span = market_time(row["start"]), market_time(row["end"])
            if row["quality"].split("|")[0] == "missing":
                assert row["value"] == ""
            else:
                assert row["value"] == own[name][span], f"{name} {span}"


# ---- tests --------------------------------------------------------------------------------------


def check_agreed(data, path, text_path, want):
    code, report = ingest(data, path)
    assert (code, report["errors"], report["rejected"]) == (0, [], 0)
    assert report["files"] == 1
    rows = all_rows(data)
    check_summaries(rows, want["channels"])
    check_own_values(rows, text_path)
    assert rows.keys() == own_values(text_path).keys()
    assert {name: len(r) for name, r in rows.items()} == {
        name: len(values) for name, values in own_values(text_path).items()
    }


@pytest.mark.parametrize("name", AGREED)
def test_a_file_comes_out_as_it_went_in(name, tmp_path):
    check_agreed(tmp_path / "data", SET / name, SET / name, EXPECTED[name])


@pytest.mark.parametrize("name", sorted(PACKED))
def test_a_zip_comes_out_as_its_file(name, tmp_path):
    text_name = PACKED[name]
    check_agreed(tmp_path / "data", SET / name, SET / text_name, EXPECTED[text_name])


@pytest.mark.parametrize("name", sorted(DEVIATIONS))
def test_a_bad_file_is_refused_whole_and_by_line(name, tmp_path):
    code, report = ingest(tmp_path / "data", SET / name)
    assert code == 1
    got = [(error["line"], int(error["code"].split("-")[1])) for error in report["errors"]]
    assert got == DEVIATIONS[name]["errors"]
    assert all(error["file"].endswith(Path(name).name) for error in report["errors"])
    assert report["accepted"] == 0
    assert channels(tmp_path / "data") == set()


@pytest.mark.parametrize("name", sorted(n for n, d in DEVIATIONS.items() if "partial" in d))
def test_partial_keeps_what_is_good(name, tmp_path):
    deviation = DEVIATIONS[name]
    wanted = {key: dict(channel) for key, channel in EXPECTED[name].get("channels", {}).items()}
    for key, changes in deviation["partial"].items():
        if changes is None:
            wanted.pop(key, None)
        else:
            wanted[key].update(changes)
    code, report = ingest(tmp_path / "data", SET / name, "--partial")
    assert code == 1
    assert len(report["errors"]) == len(deviation["errors"])
    rows = all_rows(tmp_path / "data")
    check_summaries(rows, wanted)
    check_own_values(rows, SET / name)


def test_every_file_of_the_set_is_looked_at():
    files = {str(path.relative_to(SET)) for path in SET.glob("*/*.csv")}
    assert files == set(AGREED) | set(DEVIATIONS)
    assert {str(path.relative_to(SET)) for path in SET.glob("*/*.zip")} == set(PACKED)


def test_a_month_twice_is_a_month(tmp_path):
    """The same file again, and the same readings in another file, change nothing."""
    path = SET / "examples/Example_NEM12_month_solar.csv"
    copy = tmp_path / "copy.csv"
    copy.write_text(path.read_text().replace("\n900", "\n\n900"))
    data = tmp_path / "data"
    assert ingest(data, path)[0] == 0
    before = all_rows(data)
    for again in (path, copy):
        code, report = ingest(data, again)
        assert (code, report["accepted"], report["changed"]) == (0, 0, 0)
        assert all_rows(data) == before
