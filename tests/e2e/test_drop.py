"""The drop folder: files that anything may put there count once, whole, and end in done/ or failed/ with a report."""

import ftplib
import io
import json
import os
import pathlib
import pwd
import random
import shutil
import signal
import socket
import stat
import subprocess
import time

import pytest
from conftest import BINARY, Plant, quarter_hours
from server import Server
from test_ingest import public, run_as_somebody_else  # noqa: F401 (a fixture)

SOAK = os.environ.get("BUSBAR_SOAK", "") not in ("", "0")
KILLS = 100 if SOAK else 10
SEED = int(os.environ.get("BUSBAR_CRASH_SEED") or 20260301)
SHIMS = pathlib.Path(os.environ.get("BUSBAR_SHIMS", pathlib.Path(__file__).parents[2] / "build/tests/shim"))
QUIET_S = 0.3


def day(number, usage_point="A", count=96):
    return quarter_hours([f"{i}.{number:02d}" for i in range(count)], usage_point, day=f"2026-03-{number:02d}")


BAD = day(1).replace(",3.01,kWh", ",much,kWh")


def wait_until(condition, timeout=20):
    """Its value as soon as it is true."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError("it did not happen in time")


class Drop:
    def __init__(self, plant):
        self.plant = plant
        self.folder = plant.folder / "drop"
        self.folder.mkdir(exist_ok=True)
        self.process = None

    def put(self, name, content):
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def put_whole(self, name, content):
        """As a careful sender does: under another name first."""
        self.put(name + ".part", content).rename(self.folder / name)

    def arguments(self, *more, quiet=QUIET_S):
        return ["watch", "--quiet-time", f"{int(quiet * 1000)}ms", *more, str(self.folder)]

    def once(self, *more, expect=0):
        return self.plant.run("--json", *self.arguments("--once", *more), expect=expect).json()

    def start(self, *more, quiet=QUIET_S):
        self.process = subprocess.Popen([BINARY, "--data", str(self.plant.data), "--json", *self.arguments(*more, quiet=quiet)],
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=self.plant.folder)
        wait_until(lambda: (self.folder / "failed").is_dir() or self.process.poll() is not None)
        return self.process

    def stop(self, expect=0):
        """Ctrl-C; the report."""
        self.process.send_signal(signal.SIGINT)
        out, err = self.process.communicate(timeout=60)
        assert self.process.returncode == expect, err.decode()
        return json.loads(out)

    def names(self, shelf="."):
        """Of files, without those that are hidden and without reports."""
        folder = self.folder / shelf
        if not folder.is_dir():
            return []
        return sorted(p.name for p in folder.iterdir()
                      if not p.is_dir() and p.name[0] != "." and not p.name.endswith(".report.json"))

    def report(self, shelf, name):
        report = json.loads((self.folder / shelf / f"{name}.report.json").read_text())
        assert report.keys() == {"file", "outcome", "at", "readings", "rejected", "errors"}
        return report


@pytest.fixture
def drop(plant):
    dropped = Drop(plant)
    yield dropped
    if dropped.process and dropped.process.poll() is None:
        dropped.process.kill()
        dropped.process.communicate()


# ---- what is there -------------------------------------------------------------------------------


def test_what_is_there_is_taken_and_put_away(drop):
    drop.put("good.csv", day(1))
    drop.put("again.csv", day(1))
    drop.put("bad.csv", BAD)
    drop.put("empty.csv", "")
    report = drop.once(expect=1)
    assert (report["files"], report["files_skipped"], report["files_refused"]) == (1, 1, 2)
    assert (report["readings"], report["accepted"], report["duplicate"]) == (96, 96, 0)
    assert (drop.names(), drop.names("done"), drop.names("failed")) == ([], ["again.csv", "good.csv"], ["bad.csv", "empty.csv"])
    assert (drop.folder / "done/good.csv").read_text() == day(1)
    assert (drop.folder / "failed/bad.csv").read_text() == BAD
    outcomes = {name: drop.report("done", name) for name in ("again.csv", "good.csv")}
    assert sorted(report["outcome"] for report in outcomes.values()) == ["taken", "taken before"]
    assert {report["readings"] for report in outcomes.values()} == {96}
    bad = drop.report("failed", "bad.csv")
    assert (bad["outcome"], bad["readings"], bad["rejected"]) == ("refused", 0, 1)
    assert [(e["line"], e["code"]) for e in bad["errors"]] == [(5, "BB-1005")]
    assert bad["errors"][0]["file"] == str(drop.folder / "bad.csv"), "by the name it was dropped under"
    assert drop.report("failed", "empty.csv")["errors"][0]["code"] == "BB-1002"
    assert len(drop.plant.query("A")) == 96
    story = drop.plant.run("--json", "explain", "--usage-point", "A", "--channel", "1-1:1.29.0", "--at", "2026-03-01T00:15:00Z",
                           expect=0).out
    assert "drop/again.csv" in story or "drop/good.csv" in story
    assert ".taking" not in story


def test_the_mended_file_counts(drop):
    drop.put("day.csv", BAD)
    drop.once(expect=1)
    drop.put("day.csv", day(1))
    assert drop.once()["readings"] == 96
    assert (drop.names("done"), drop.names("failed")) == (["day.csv"], ["day.csv"])


def test_partial_keeps_the_good_lines(drop):
    drop.put("bad.csv", BAD)
    report = drop.once("--partial", expect=1)
    assert (report["files"], report["readings"], report["rejected"]) == (1, 95, 1)
    assert drop.report("done", "bad.csv")["outcome"] == "taken in part"


def test_nothing_that_was_put_away_is_overwritten(drop):
    for number in range(1, 5):
        drop.put("day.csv", day(number))
        drop.once()
    assert drop.names("done") == ["day.csv", "day.csv.2", "day.csv.3", "day.csv.4"]
    for number, name in enumerate(drop.names("done"), 1):
        assert (drop.folder / "done" / name).read_text() == day(number)
        assert drop.report("done", name)["file"] == "day.csv"


PASSED_OVER = ["x.csv.tmp", "x.csv.part", "x.csv.partial", "x.csv.filepart", "X.CSV.PART", ".x.csv", ".in.x.csv", "x.csv~",
               "x.csv.crdownload", "x.csv.report.json"]


def test_what_is_under_way_or_no_file_is_left(drop):
    for name in PASSED_OVER:
        drop.put(name, day(1))
    (drop.folder / "folder.csv").mkdir()
    drop.plant.file("secret.csv", day(2))
    (drop.folder / "link.csv").symlink_to(drop.plant.folder / "secret.csv")
    os.mkfifo(drop.folder / "pipe.csv")
    report = drop.once()
    assert (report["files"], report["readings"]) == (0, 0)
    left = {path.name for path in drop.folder.iterdir()} - {"done", "failed", ".taking"}
    assert left == {*PASSED_OVER, "folder.csv", "link.csv", "pipe.csv"}


@pytest.mark.parametrize("name", ["with blanks.csv", "ünïcode.csv", "-dash.csv", "quote'\".csv", "x" * 251 + ".csv", "no-ending"])
def test_any_name_will_do(drop, name):
    drop.put(name, day(1))
    assert drop.once()["readings"] == 96
    [path] = [p for p in (drop.folder / "done").iterdir() if not p.name.endswith(".report.json")]
    assert path.name == name[:len(path.name)]
    assert drop.report("done", path.name)["file"] == name


def test_maps_and_containers(drop):
    drop.plant.file("map.yaml", "usage_point: {file: \"^meter_(.*)\\\\.csv\"}\nchannels: [{name: x, kind: gauge}]\n")
    drop.put("meter_17.csv", "timestamp,value\n2026-03-01T00:00:00Z,1.5\n")
    assert drop.once("--map", drop.plant.folder / "map.yaml")["readings"] == 1
    assert [row["value"] for row in drop.plant.query("17")] == ["1.5"]


def test_a_file_that_cannot_be_read_fails(public):  # noqa: F811
    drop = Drop(public)
    drop.folder.chmod(0o777)
    public.data.mkdir()
    public.data.chmod(0o777)
    drop.put("secret.csv", day(1)).chmod(0)
    done = run_as_somebody_else(public, *drop.arguments("--once"))
    assert done.returncode == 1, done
    assert drop.report("failed", "secret.csv")["errors"][0]["code"] == "BB-3009"


def test_a_folder_that_cannot_be_used_is_refused(public):  # noqa: F811
    drop = Drop(public)
    public.data.mkdir()
    public.data.chmod(0o777)
    drop.folder.chmod(0o555)
    drop.put("day.csv", day(1))
    done = run_as_somebody_else(public, *drop.arguments("--once"))
    assert done.returncode == 3, done
    assert "BB-3009" in done.stderr and str(drop.folder) in done.stderr
    missing = public.run("watch", "--once", "nowhere")
    assert missing.code == 3 and "BB-3016" in missing.err and "nowhere" in missing.err
    assert drop.names() == ["day.csv"]


# ---- as they come --------------------------------------------------------------------------------


def test_a_renamed_file_is_taken_at_once(drop):
    drop.start(quiet=3600)
    drop.put_whole("day.csv", day(1))
    wait_until(lambda: drop.names("done") == ["day.csv"])
    drop.put("slow.csv", day(2))
    time.sleep(1)
    assert drop.names() == ["slow.csv"], "its quiet time is an hour"
    outside = drop.plant.file("day3.csv", day(3))
    outside.rename(drop.folder / "day3.csv")
    wait_until(lambda: drop.names("done") == ["day.csv", "day3.csv"])
    assert drop.stop()["readings"] == 192


def test_a_file_is_taken_when_its_writer_is_done(drop):
    drop.start()
    text = day(1).encode()
    with open(drop.folder / "day.csv", "wb") as file:
        file.write(text[:1000])
        file.flush()
        time.sleep(4 * QUIET_S)
        assert drop.names() == ["day.csv"], "somebody writes to it"
        file.write(text[1000:])
    wait_until(lambda: drop.names("done") == ["day.csv"])
    assert drop.report("done", "day.csv")["readings"] == 96
    # In pieces, closed in between, each within the quiet time.
    for at in range(0, len(text), 1000):
        with open(drop.folder / "pieces.csv", "ab") as file:
            file.write(day(2).encode()[at:at + 1000])
        time.sleep(QUIET_S / 4)
    wait_until(lambda: "pieces.csv" in drop.names("done"))
    assert drop.stop()["readings"] == 192


def test_old_times_of_a_copy_do_not_count(drop):
    """rsync and cp -p give a file that is under way the time of its source."""
    drop.start(quiet=1.5)
    drop.put("day.csv", day(1)[:2000])
    os.utime(drop.folder / "day.csv", (10**9, 10**9))
    time.sleep(0.7)
    with open(drop.folder / "day.csv", "a", encoding="ascii") as file:
        file.write(day(1)[2000:])
    os.utime(drop.folder / "day.csv", (10**9, 10**9))
    time.sleep(0.7)
    assert drop.names() == ["day.csv"]
    wait_until(lambda: drop.names("done") == ["day.csv"])
    assert drop.stop()["readings"] == 96


def test_lost_events_lose_no_file(drop):
    """More happens than the queue holds while the process cannot look."""
    limit = int(pathlib.Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    if limit > 100000:
        pytest.skip(f"the queue holds {limit} events here")
    process = drop.start()
    process.send_signal(signal.SIGSTOP)
    for i in range(limit // 2 + 100):
        drop.put(f"{i % 2}.part", "x").rename(drop.folder / f".{i % 2}")
    for number in range(1, 4):
        drop.put_whole(f"{number}.csv", day(number))
    process.send_signal(signal.SIGCONT)
    wait_until(lambda: len(drop.names("done")) == 3)
    assert drop.stop()["readings"] == 3 * 96


def test_two_may_not_watch_one_plant(drop):
    drop.start()
    second = drop.plant.run(*drop.arguments("--once"))
    assert second.code == 3 and "BB-3004" in second.err


def test_a_server_takes_what_is_dropped(plant):
    drop = Drop(plant)
    plant.data.mkdir()
    plant.file("data/busbar.yaml", f"drop: {{folder: {drop.folder}, quiet: 300ms}}\n")
    with Server(plant) as server:
        drop.put_whole("day.csv", day(1))
        drop.put("slow.csv", day(2))
        drop.put("bad.csv", BAD)
        wait_until(lambda: len(drop.names("done")) == 2 and drop.names("failed") == ["bad.csv"])
        assert drop.report("done", "slow.csv")["readings"] == 96
        assert server.post(day(3), "wait=derived").counts() == (96, 0, 0), "it goes on"
        wait_until(lambda: len(plant.query("A")) == 3 * 96)
    assert str(drop.folder) in plant.run("check", expect=0).out
    plant.file("data/busbar.yaml", "drop: {folder: /nowhere}\n")
    refused = plant.run("serve", "--port", "0")
    assert refused.code == 3 and "BB-3016" in refused.err
    assert "BB-3016" in plant.run("check").err


BIG_BYTES = 200 << 20


def write_big(path):
    """One day of many meters over and over: what is derived of it is little, what is read of it is much."""
    head, *lines = "".join(day(1, f"M{meter:03d}").split("\n", 1)[1] for meter in range(400)).splitlines(keepends=True)
    block = (head + "".join(lines)).encode()
    with open(path, "wb") as file:
        file.write(day(1).split("\n", 1)[0].encode() + b"\n")
        while file.tell() < BIG_BYTES:
            file.write(block)


def test_posts_do_not_wait_for_a_big_file(plant):
    """They go between the pieces of the file: counted by order, many are answered while it is under way. Without
    workers, as only landing is meant."""
    drop, answered = Drop(plant), 0
    plant.data.mkdir()
    plant.file("data/busbar.yaml", f"drop: {{folder: {drop.folder}, quiet: 300ms}}\n")
    big, taking = plant.folder / "big.csv", drop.folder / ".taking/big.csv"
    write_big(big)
    with Server(plant, workers=0) as server:
        assert server.post(day(3, "BEFORE")).status == 200
        shutil.move(big, drop.folder / "big.csv")
        wait_until(taking.exists)
        while True:
            assert server.post(day(3, f"P{answered}")).status == 200
            if not taking.exists():
                break
            answered += 1
        wait_until(lambda: drop.names("done") == ["big.csv"], 60)
        assert answered >= 10, f"{answered} posts were answered while the file was under way"
        file, = server.get("/v1/files").json()["items"]
        assert (file["state"], file["rejected"]) == ("done", 0)
        assert drop.report("done", "big.csv")["readings"] == file["readings"] > BIG_BYTES // 80
    names = {"BEFORE", "P0", f"P{answered - 1}", "M000", "M399"}
    with Server(plant):
        wait_until(lambda: names <= {row["usage_point"] for row in plant.list("usage-points")}, 180)
        for name in names:
            assert len(plant.query(name)) == 96, f"{name}: whole, once"


# ---- kill -9 -------------------------------------------------------------------------------------


def watch_with(plant, folder, **faults):
    """One `watch --once` with the shim in front of its system calls. Its exit code."""
    environment = {**os.environ, "LD_PRELOAD": str(SHIMS / "fault.so"), "FAULT_DIR": str(plant.folder), "FAULT_NO_SYNC": "1",
                   **{f"FAULT_{name.upper()}": str(value) for name, value in faults.items()}}
    done = subprocess.run([BINARY, "--data", str(plant.data), "watch", "--quiet-time", "1ms", "--once", str(folder)],
                          capture_output=True, timeout=60, env=environment, check=False)
    return done.returncode


def plant_to_kill(folder):
    folder.mkdir()
    dropped = Drop(Plant(folder))
    dropped.put("day.csv", day(1))
    dropped.put("again.csv", day(2))
    dropped.put("bad.csv", BAD)
    time.sleep(0.01)
    return dropped


def assert_put_away(dropped, when):
    """Each file counts once and is where it belongs, with a report that tells the truth."""
    assert (dropped.names(), dropped.names(".taking")) == ([], []), when
    assert (dropped.names("done"), dropped.names("failed")) == (["again.csv", "day.csv"], ["bad.csv"]), when
    for number, name in enumerate(("day.csv", "again.csv"), 1):
        assert (dropped.folder / "done" / name).read_text() == day(number), when
        assert dropped.report("done", name)["readings"] == 96, when
    assert dropped.report("failed", "bad.csv")["rejected"] == 1, when
    # not the log's own count: killed between a mark and the record that says so, the mark is written twice
    dropped.plant.run("check", expect=0)
    assert len(dropped.plant.query("A")) == 192, when


def test_kill_9_at_every_step(tmp_path):
    """In front of every write, sync and rename; sampled in a short run."""
    calls = tmp_path / "calls"
    first = plant_to_kill(tmp_path / "counted")
    assert watch_with(first.plant, first.folder, log=calls) == 1
    assert_put_away(first, "undisturbed")
    names = [line.split()[1] for line in calls.read_text().splitlines()]
    moves = [number for number, name in enumerate(names, 1) if name.startswith("renameat")]
    assert len(moves) == 3 * 3, "into .taking, a report, out of it"
    steps = range(1, len(names) + 1)
    if not SOAK:
        near = {number + more for number in moves for more in (0, 1) if number + more <= len(names)}
        steps = sorted(near | set(random.Random(SEED).sample(steps, min(len(steps), 25))))
    for step in steps:
        dropped = plant_to_kill(tmp_path / f"at-{step}")
        assert watch_with(dropped.plant, dropped.folder, at=step, kind="kill") == -signal.SIGKILL, step
        assert watch_with(dropped.plant, dropped.folder) in (0, 1), step
        assert_put_away(dropped, step)
        shutil.rmtree(dropped.plant.folder)


@pytest.mark.parametrize("kind", ["eio", "enospc"])
def test_a_failing_disk_loses_no_file(tmp_path, kind):
    """What could not be put away is tried again by the next run."""
    calls = tmp_path / "calls"
    first = plant_to_kill(tmp_path / "counted")
    watch_with(first.plant, first.folder, log=calls)
    names = [line.split()[1] for line in calls.read_text().splitlines()]
    for step in [number for number, name in enumerate(names, 1) if name.startswith("renameat")]:
        dropped = plant_to_kill(tmp_path / f"at-{step}")
        assert watch_with(dropped.plant, dropped.folder, at=step, kind=kind) == 4, step
        assert watch_with(dropped.plant, dropped.folder) in (0, 1), step
        assert_put_away(dropped, step)
        shutil.rmtree(dropped.plant.folder)


def test_kill_9_while_it_watches(drop):
    """Killed again and again at random moments, with files coming in meanwhile."""
    rng = random.Random(SEED)
    names = []
    for kill in range(KILLS):
        drop.start()
        for i in range(2):
            names.append(f"{kill}-{i}.csv")
            drop.put_whole(names[-1], day(kill % 27 + 1, f"M{kill}-{i}"))
        time.sleep(rng.uniform(0, 0.15))
        drop.process.kill()
        drop.process.communicate()
    drop.once()
    assert drop.names("done") == sorted(names) and not drop.names(".taking")
    for name in names:
        assert len(drop.plant.query(f"M{name.removesuffix('.csv')}")) == 96, name


# ---- a real FTP server ---------------------------------------------------------------------------


def find_vsftpd(folder):
    """Debian's vsftpd: the one that is installed, or its package unpacked (installing it starts a server)."""
    if shutil.which("vsftpd", path="/usr/sbin:/usr/bin:/sbin"):
        return shutil.which("vsftpd", path="/usr/sbin:/usr/bin:/sbin")
    try:
        subprocess.run(["apt-get", "-q", "download", "vsftpd"], cwd=folder, check=True, capture_output=True, timeout=60)
        [package] = folder.glob("vsftpd_*.deb")
        subprocess.run(["dpkg-deb", "-x", package, folder / "vsftpd"], check=True, capture_output=True, timeout=60)
        binary = folder / "vsftpd/usr/sbin/vsftpd"
        subprocess.run(["ldd", binary], check=True, capture_output=True)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        pytest.skip(f"vsftpd is neither installed nor to be had: {error}")
    return str(binary)


CONFIGURATION = """
listen=YES
listen_address=127.0.0.1
listen_port={port}
background=NO
anonymous_enable=YES
no_anon_password=YES
ftp_username={user}
anon_root={root}
local_enable=NO
write_enable=YES
anon_upload_enable=YES
anon_other_write_enable=YES
anon_umask=022
allow_writeable_chroot=YES
secure_chroot_dir={empty}
pasv_address=127.0.0.1
seccomp_sandbox=NO
xferlog_enable=NO
"""


def anonymous():
    """Whom a visitor is: vsftpd wants somebody without rights whose home is there."""
    homes = {entry.pw_name: entry.pw_dir for entry in pwd.getpwall() if entry.pw_uid != 0 and os.path.isdir(entry.pw_dir)}
    user = next((name for name in ("ftp", "nobody", "daemon", *homes) if name in homes), None)
    return user or pytest.skip("nobody here has a home, which vsftpd wants")


@pytest.fixture
def ftp(drop, tmp_path):
    """Logs in anew at every call. The server is this test's own and ends by its pid."""
    if os.getuid() != 0:
        pytest.skip("vsftpd wants to be started by root")
    binary = find_vsftpd(tmp_path)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    root, empty = tmp_path / "ftp", tmp_path / "empty"
    root.mkdir()
    empty.mkdir()
    drop.folder = root / "drop"
    drop.folder.mkdir()
    drop.folder.chmod(0o777)
    user = anonymous()
    configuration = tmp_path / "vsftpd.conf"
    configuration.write_text(CONFIGURATION.format(port=port, root=root, empty=empty, user=user).lstrip())
    process = subprocess.Popen([binary, configuration], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def login():
        client = ftplib.FTP(timeout=20)
        client.connect("127.0.0.1", port)
        client.login()
        client.cwd("drop")
        return client

    def answers():
        if process.poll() is not None:
            pytest.skip(f"vsftpd does not run here: {process.stdout.read().decode()}")
        try:
            login().quit()
            return True
        except OSError:
            return False

    try:
        wait_until(answers)
        yield login
    finally:
        process.terminate()
        process.wait(10)


def test_an_ftp_server_drops_files(drop, ftp):
    drop.start(quiet=1)
    with ftp() as client:
        client.storbinary("STOR day.csv", io.BytesIO(day(1).encode()))
        client.storbinary("STOR later.csv.part", io.BytesIO(day(2).encode()))
        client.storbinary("STOR bad.csv", io.BytesIO(BAD.encode()))
        wait_until(lambda: drop.names("done") == ["day.csv"] and drop.names("failed") == ["bad.csv"])
        assert drop.names() == ["later.csv.part"]
        client.rename("later.csv.part", "later.csv")
        wait_until(lambda: "later.csv" in drop.names("done"))
        # Sent again under the same name, by a sender that did not get its answer.
        client.storbinary("STOR day.csv", io.BytesIO(day(1).encode()))
        wait_until(lambda: "day.csv.2" in drop.names("done"))
        assert drop.report("done", "day.csv.2")["outcome"] == "taken before"
        listing = client.nlst()
        assert {"done", "failed"} <= set(listing)
    report = drop.stop(expect=1)
    assert (report["files"], report["files_skipped"], report["files_refused"], report["readings"]) == (2, 1, 1, 192)


def test_an_upload_that_breaks_off_is_resumed(drop, ftp):
    text = day(1).encode()
    drop.start(quiet=2)
    client = ftp()
    data = client.transfercmd("STOR day.csv")
    data.sendall(text[:1500])
    data.shutdown(socket.SHUT_RDWR)  # the line is cut: the server closes what it has
    data.close()
    client.close()
    wait_until(lambda: (drop.folder / "day.csv").exists())
    time.sleep(0.5)
    with ftp() as client:
        there = client.size("day.csv")
        assert 0 < there <= 1500
        client.storbinary("STOR day.csv", io.BytesIO(text[there:]), rest=there)
    wait_until(lambda: drop.names("done") == ["day.csv"])
    assert (drop.folder / "done/day.csv").read_bytes() == text
    # A slow one is not taken while it is under way, however quiet.
    client = ftp()
    data = client.transfercmd("STOR slow.csv")
    data.sendall(day(2).encode()[:1500])
    time.sleep(4)
    assert drop.names() == ["slow.csv"]
    data.sendall(day(2).encode()[1500:])
    data.close()
    client.voidresp()
    client.close()
    wait_until(lambda: "slow.csv" in drop.names("done"))
    assert drop.stop()["readings"] == 192


def test_put_away_files_are_the_plants_own(drop):
    drop.put("day.csv", day(1))
    drop.once()
    assert stat.S_IMODE((drop.folder / ".taking").stat().st_mode) == 0o700
