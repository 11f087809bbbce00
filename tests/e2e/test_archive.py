"""Old values in archived files: nobody who asks sees a difference, whatever happens on the way."""

import datetime
import os
import random
import shutil
import signal
import subprocess
import time

import pytest
from conftest import BINARY, HEADER, Plant

UTC = datetime.timezone.utc
POINTS = ["871685900000000001", "871685900000000002", "Zählpunkt 3"]


def readings(points, first, days, step_minutes=60, value=lambda point, at: at % 977):
    """A CSV of intervals; values are functions of the time, so that a day is no copy of another."""
    lines = [HEADER]
    begin = int(datetime.datetime.fromisoformat(first).replace(tzinfo=UTC).timestamp()) // 60
    for p, point in enumerate(points):
        for at in range(begin + step_minutes, begin + days * 1440 + 1, step_minutes):
            stamp = datetime.datetime.fromtimestamp(at * 60, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            lines.append(f"{point},1-1:1.29.0,{stamp},{value(p, at // step_minutes)}.{at % 7},kWh,interval,{step_minutes}m")
    return "\n".join(lines) + "\n"


def configure(plant, text="", folder=None):
    plant.data.mkdir(exist_ok=True)
    (plant.data / "busbar.yaml").write_text(
        f"archive:\n  folder: \"{folder or plant.folder / 'archive'}\"\n  grace: 0s\nlog:\n  partitions: 2\n{text}")


def files(plant):
    return sorted(p for p in (plant.folder / "archive").rglob("*.archive"))


def answers(plant, *more, points=POINTS):
    """All that is told of the lanes, byte for byte."""
    return {(point, lane): plant.run("query", "--usage-point", point, "--lane", lane, "--format", "csv", *more, expect=0).out
            for point in points for lane in ("raw", "vee", "day", "month")}


def order(plant, before, *more, expect=0):
    return plant.run("--json", "archive", "--before", before, *more, expect=expect).json()


def damaged(plant):
    told = plant.run("--json", "archive", "verify")
    assert told.code == (1 if told.json()["damaged"] else 0), told
    return told.json()["damaged"]


def edit_value(plant, stamp, value, name, point=POINTS[0]):
    plant.ingest(plant.file(name, f"{HEADER}\n{point},1-1:1.29.0,{stamp},{value},kWh,interval,60m\n"))


@pytest.fixture
def two_years(plant):
    configure(plant)
    plant.ingest(plant.file("all.csv", readings(POINTS, "2023-01-01", 730)))
    return plant


def test_questions_see_no_difference(two_years):
    plant = two_years
    before = answers(plant)
    told = order(plant, "2025-01")
    assert told["files"] >= 24 and told["failed"] == 0 and told["orders"] == told["files"], told
    assert len(files(plant)) == told["files"]
    assert answers(plant) == before
    listed = plant.run("--json", "archive", "ls", expect=0).json()
    assert sum(f["readings"] for f in listed) == 3 * 730 * 24
    assert {f["month"] for f in listed} == {f"{y}-{m:02d}" for y in (2023, 2024) for m in range(1, 13)}
    assert damaged(plant) == 0
    for lane in ("vee", "day", "stat"):
        order(plant, "2025-01", "--lane", lane)
    assert answers(plant) == before
    assert order(plant, "2025-01")["orders"] == 0, "nothing is left"


def test_a_late_reading_brings_its_day_back(two_years):
    plant = two_years
    order(plant, "2025-01")
    before, moment = answers(plant), datetime.datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    time.sleep(0.01)
    old = files(plant)
    edit_value(plant, "2023-05-10T10:00:00Z", "4711.5", "late.csv")
    changed = answers(plant)
    assert "4711.5" in changed[POINTS[0], "raw"] and changed[POINTS[0], "day"] != before[POINTS[0], "day"]
    assert answers(plant, points=POINTS[1:]) == {k: v for k, v in before.items() if k[0] != POINTS[0]}
    told = order(plant, "2025-01")
    assert (told["orders"], told["files"]) == (1, 1), told
    assert answers(plant) == changed, "sealed anew"
    new = files(plant)
    assert len(new) == len(old) + 1, "the older version is kept until the next order of its partition"
    as_of = answers(plant, "--as-of", moment)
    assert {k: v for k, v in as_of.items() if k[1] != "raw"} == {k: v for k, v in before.items() if k[1] != "raw"}
    assert "4711.5" not in as_of[POINTS[0], "raw"]
    edit_value(plant, "2023-05-11T10:00:00Z", "4712.5", "later.csv")
    assert order(plant, "2025-01")["files"] == 1
    assert len(files(plant)) == len(old) + 1, "and then it goes"
    assert "4711.5" not in plant.run("query", "--usage-point", POINTS[0], "--lane", "vee", "--format", "csv", "--as-of", moment, expect=0).out
    assert damaged(plant) == 0


def test_a_plant_without_archive_tells_the_same(two_years, tmp_path):
    """Order of things does not matter: archived and not, in the middle or at the end."""
    archived, plain = two_years, Plant(tmp_path / "plain")
    plain.data.mkdir(parents=True)
    order(archived, "2024-01")
    plain.ingest(plain.file("all.csv", readings(POINTS, "2023-01-01", 730)))
    for plant in (archived, plain):
        edit_value(plant, "2023-03-31T23:00:00Z", "99.25", "a.csv")
        edit_value(plant, "2023-04-01T00:00:00Z", "98.25", "b.csv", POINTS[2])
    order(archived, "2025-01", "--lane", "vee")
    order(archived, "2025-01")
    strip = lambda told: {k: [line.rsplit(",", 1)[0] if k[1] == "raw" else line for line in v.splitlines()] for k, v in told.items()}
    assert strip(answers(archived)) == strip(answers(plain))


def test_a_file_that_is_lost_or_damaged_is_named(two_years):
    plant = two_years
    before = answers(plant, "--from", "2024-02-01", "--to", "2024-03-01")
    order(plant, "2025-01")
    lost = next(f for f in files(plant) if "/2023-02/" in str(f))
    content = lost.read_bytes()
    lost.unlink()
    told = [plant.run("query", "--usage-point", point, "--lane", "raw", "--format", "csv") for point in POINTS]
    failed = [t for t in told if t.code != 0]
    assert failed and all("BB-7083" in t.err and lost.name in t.err for t in failed), told
    assert answers(plant, "--from", "2024-02-01", "--to", "2024-03-01") == before, "what is not in it is answered as before"
    assert damaged(plant) == 1
    lost.write_bytes(content[:-5])
    assert damaged(plant) == 1
    middle = len(content) // 2
    lost.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1:])
    verify = plant.run("archive", "verify", expect=1)
    assert "BB-7084" in verify.err and lost.name in verify.err
    lost.write_bytes(content)
    assert damaged(plant) == 0
    assert plant.run("explain", "BB-7083", expect=0).out


def test_an_archive_that_is_away_keeps_nobody_waiting(two_years):
    plant = two_years
    (plant.folder / "file").write_text("")
    configure(plant, folder=plant.folder / "file" / "below")
    before = answers(plant)
    told = order(plant, "2025-01", expect=1)
    assert told["failed"] == told["orders"] > 0 and told["files"] == 0
    edit_value(plant, "2024-12-31T10:00:00Z", "5.5", "next.csv")
    assert "5.5," in plant.run("query", "--usage-point", POINTS[0], "--lane", "raw", "--format", "csv", expect=0).out
    assert answers(plant, points=POINTS[1:]) == {k: v for k, v in before.items() if k[0] != POINTS[0]}
    configure(plant)
    assert order(plant, "2025-01")["failed"] == 0


def test_what_was_archived_needs_its_archive(two_years):
    plant = two_years
    order(plant, "2025-01")
    (plant.data / "busbar.yaml").write_text("log:\n  partitions: 2\n")
    told = plant.run("query", "--usage-point", POINTS[0], "--lane", "raw")
    assert told.code != 0 and "BB-7085" in told.err
    refused = plant.run("archive", "--before", "2025-01")
    assert refused.code != 0 and "BB-7085" in refused.err


def test_wrong_orders(plant):
    configure(plant)
    plant.ingest(plant.file("a.csv", readings(POINTS[:1], "2023-01-01", 2)))
    for arguments in (("--before", "2023"), ("--before", "2023-13"), ("--before", "2999-01"), ("--lane", "month", "--before", "2023-02"),
                      ("--lane", "history", "--before", "2023-02"), (), ("burn",)):
        assert plant.run("archive", *arguments).code == 2, arguments


def test_kill_while_archiving(two_years):
    """kill -9 at random moments: what is told never changes, nothing but orphans is left, and the next order ends it."""
    seed = int(os.environ.get("BUSBAR_TEST_SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"BUSBAR_TEST_SEED={seed}")
    chance, plant = random.Random(seed), two_years
    before = answers(plant)
    begin = time.monotonic()
    subprocess.run([BINARY, "--data", plant.data, "archive", "--before", "2023-02"], check=True, timeout=60, capture_output=True)
    whole_s = (time.monotonic() - begin) * 12
    for kill in range(8):
        done = subprocess.Popen([BINARY, "--data", plant.data, "--quiet", "archive", "--before", "2025-01"], stderr=subprocess.DEVNULL)
        time.sleep(chance.uniform(0, whole_s / 6))
        done.send_signal(signal.SIGKILL)
        done.wait()
        if kill % 3 == 2:
            assert answers(plant) == before, f"BUSBAR_TEST_SEED={seed}"
    order(plant, "2025-01")
    assert answers(plant) == before, f"BUSBAR_TEST_SEED={seed}"
    assert damaged(plant) == 0
    edit_value(plant, "2023-05-10T10:00:00Z", "4711.5", "late.csv")
    changed = answers(plant)
    order(plant, "2025-01")
    assert answers(plant) == changed


def test_the_server_orders_by_age(plant):
    from server import Server

    configure(plant, "  retention: 30d\n")
    text = (plant.data / "busbar.yaml").read_text().replace("  grace: 0s\n", "  grace: 0s\n  age:\n    raw: 400d\n")
    (plant.data / "busbar.yaml").write_text(text)
    today = datetime.datetime.now(UTC).date()
    plant.ingest(plant.file("a.csv", readings(POINTS, (today - datetime.timedelta(days=500)).isoformat(), 499)))
    before = answers(plant)
    with Server(plant) as server:
        deadline = time.monotonic() + 60
        while not files(plant) and time.monotonic() < deadline:
            time.sleep(0.2)
        assert files(plant), server
        time.sleep(1)
        raw = {k: v for k, v in answers(plant).items() if k[1] == "raw"}  # days become missing meanwhile in the others
        assert raw == {k: v for k, v in before.items() if k[1] == "raw"}
        edit_value(plant, (today - datetime.timedelta(days=480)).isoformat() + "T10:00:00Z", "4711.5", "late.csv")
        plant.run("archive", "--before", (today - datetime.timedelta(days=430)).strftime("%Y-%m"), expect=0)
        assert "4711.5" in plant.run("query", "--usage-point", POINTS[0], "--lane", "raw", "--format", "csv", expect=0).out
    assert damaged(plant) == 0


def test_a_backup_holds_what_was_archived(two_years, tmp_path):
    plant = two_years
    order(plant, "2024-06")
    edit_value(plant, "2023-05-10T10:00:00Z", "4711.5", "late.csv")
    before = answers(plant)
    backup = tmp_path / "backup"
    plant.run("backup", backup, expect=0)
    plant.run("backup", "--verify", backup, expect=0)
    assert len(list((backup / "archive").rglob("*.archive"))) == len(files(plant))
    shutil.rmtree(plant.folder / "archive")
    restored = Plant(tmp_path)
    restored.data = tmp_path / "restored"
    restored.run("restore", backup, expect=0)
    assert answers(restored) == before, "from what the backup brought"
    assert order(restored, "2025-01")["failed"] == 0
    assert answers(restored) == before
    assert damaged(restored) == 0 and files(plant), "new ones go where busbar.yaml says"
    missing = plant.run("backup", tmp_path / "another")
    assert missing.code != 0 and "BB-7083" in missing.err
