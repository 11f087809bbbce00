"""Engines whose disk is full: who asks is told, and nothing that was acknowledged is missing when there is room again.

The disk is a small tmpfs in a mount namespace of the server's own, in which a filler lies that leaves a little room.
"""

import contextlib
import os
import pathlib
import subprocess
import tempfile
import time

import cluster
import pytest
from server import Server as Busbar
from server import wait_until
from test_full_disk import namespace
from test_outage import READINGS, day, ready, values

DISK = "700m"


class OnSmallDisk(cluster.Server):
    """One of tools/cluster on a disk of its own."""

    def __init__(self, name):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"busbar-{name}-disk-"))
        self.holder = subprocess.Popen([*namespace(), "sh", "-c", f'mount -t tmpfs -o size={DISK},mode=755 none "{self.folder}" && echo there && exec sleep 900'],
                                       stdout=subprocess.PIPE, text=True)
        assert self.holder.stdout.readline() == "there\n"
        self.inside = ("nsenter", "-t", str(self.holder.pid), "-m")
        self.name = name
        self.start()

    def fill(self, left):
        """Leave so many KiB."""
        free = int(self.there("df", "--output=avail", "-k", ".").split()[1])
        self.there("fallocate", "-l", f"{free - left}K", "filler")

    def make_room(self):
        self.there("rm", "-f", "filler")

    def stop(self):
        super().stop()
        self.holder.kill()
        self.holder.wait()


@contextlib.contextmanager
def servers(full, *others):
    if not namespace() or os.getuid() != 0:
        pytest.skip("no mount namespace here")
    with contextlib.ExitStack() as stack:
        started = {}
        for name in (full, *others):
            started[name] = OnSmallDisk(name) if name == full else cluster.Server(name)
            stack.callback(started[name].stop)
        yield cluster.Cluster(started)


def post_until(busbar, given_up, patience=120):
    """Posts until `given_up`; the numbers of those that were acknowledged."""
    kept, number = [], 1
    until = time.monotonic() + patience
    while not given_up():
        assert time.monotonic() < until, "the disk never was full"
        number = number % 27 + 2
        with contextlib.suppress(OSError):
            if busbar.post(day(number, number), connection=busbar.connect(20)).status == 200:
                kept.append(number)
    return kept


def check_kept(plant, kept):
    """What was acknowledged is there; what was not may be."""
    def counts():
        there = values(plant) or []
        return {number: there.count(str(number)) for number in {1, *kept}}

    wait_until(lambda: set(counts().values()) == {READINGS}, 120)
    assert set(counts().values()) == {READINGS}, counts()


def test_the_disk_of_postgres_is_full(plant):
    """Posts are taken on, workers try again, and all of it is there when there is room."""
    with servers("postgres") as engines:
        plant.data.mkdir(exist_ok=True)
        (plant.data / "busbar.yaml").write_text(engines.config(more="derive: {commit: {freshness: 20ms}}\n"))
        with Busbar(plant) as busbar:
            assert busbar.post(day(1, 1)).status == 200
            wait_until(lambda: len(values(plant) or []) == READINGS)
            engines.postgres.fill(left=400)
            kept = post_until(busbar, lambda: ready(busbar)[1] is not None or any("BB-3008" in line or "BB-702" in line for line in busbar.lines))
            kept += [number for number in range(2, 29) if busbar.post(day(number, number)).status == 200]
            assert len(kept) >= 27, "posts do not wait for PostgreSQL"
            engines.postgres.make_room()
            engines.postgres.script("restart", check=False)  # it gave up, if it was the WAL that had no room
            wait_until(lambda: ready(busbar) == (200, None), 60)
            check_kept(plant, kept)


def says(busbar, status):
    """/readyz has that status; a server that has ended says nothing."""
    with contextlib.suppress(OSError):
        return ready(busbar)[0] == status
    return False


def test_the_disk_of_kafka_is_full(plant):
    """The broker gives up, posts are not acknowledged; what was is there when it is back. A server whose log gave up, too, ends
    with 4 and is started again by whoever keeps it."""
    with servers("kafka") as engines:
        plant.data.mkdir(exist_ok=True)
        (plant.data / "busbar.yaml").write_text(engines.config(more="derive: {commit: {freshness: 20ms}}\n"))
        with Busbar(plant) as busbar:
            assert busbar.post(day(1, 1)).status == 200
            engines.kafka.fill(left=60)
            kept = post_until(busbar, lambda: busbar.process.poll() is not None or says(busbar, 503))
            engines.kafka.make_room()
            engines.kafka.script("restart")
            wait_until(lambda: busbar.process.poll() is not None or says(busbar, 200), 90)
            assert busbar.process.poll() in (None, 4), busbar.lines[-5:]
        with Busbar(plant) as busbar:
            wait_until(lambda: ready(busbar) == (200, None), 60)
            assert busbar.post(day(30, 30)).status == 200
            check_kept(plant, [*kept, 30])
