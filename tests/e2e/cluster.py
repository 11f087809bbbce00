"""Servers that others keep alive, for suites that run a plant on them: tools/cluster/NAME starts and ends them.

    with cluster.servers("kafka", "postgres") as c:      shared by the tests of a process
        plant = Plant(folder, config=c.config("name"))

Where a server cannot be had the tests are skipped by its name; in CI that is a failure. A run that was told of a server
(BUSBAR_TEST_KAFKA, BUSBAR_TEST_POSTGRES: addresses) uses that, but suites that harm servers have their own.
"""

import contextlib
import os
import pathlib
import secrets
import shutil
import subprocess
import tempfile

from conftest import lack

TOP = pathlib.Path(__file__).resolve().parents[2]
NOT_HERE = 77


class Server:
    """One of tools/cluster, in a folder of its own."""

    inside = ()  # the command under which it runs

    def __init__(self, name, *options):
        self.name = name
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"busbar-{name}-"))
        self.start(*options)

    def start(self, *options):
        done = self.script("start", *options, check=False)
        if done.returncode == NOT_HERE:
            self.stop()
            lack(f"{self.name} cannot be had here: {done.stderr.strip()}")
        assert done.returncode == 0, f"{self.name}: {done.stderr}"
        self.address = self.there("cat", "address").strip()

    def there(self, *command):
        """Run in its folder, as it sees that."""
        done = subprocess.run([*self.inside, "sh", "-c", 'cd "$0" && exec "$@"', self.folder, *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout

    def script(self, verb, *arguments, check=True):
        environment = dict(os.environ, BUSBAR_CLUSTER_OWNER=str(os.getpid()))
        # Not captured: who waits for the end of a pipe would wait for the servers, which hold it, too.
        with tempfile.TemporaryFile("w+") as said:
            done = subprocess.run([*self.inside, TOP / "tools/cluster" / self.name, verb, self.folder, *map(str, arguments)],
                                  stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT, env=environment, check=False)
            said.seek(0)
            done.stderr = said.read()
        assert done.returncode == 0 or not check, f"{self.name} {verb}: {done.stderr}"
        return done

    def stop(self):
        self.script("stop", check=False)
        shutil.rmtree(self.folder, ignore_errors=True)


class Given:
    """A server that the run was told of."""

    def __init__(self, address):
        self.address = address

    def stop(self):
        """Somebody else does."""


class Cluster:
    def __init__(self, servers):
        self.servers = servers

    def __getattr__(self, name):
        try:
            return self.servers[name]
        except KeyError:
            raise AttributeError(name) from None

    def sql(self, text):
        return subprocess.run(["psql", self.postgres.address, "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", text],
                              stdout=subprocess.PIPE, check=True, text=True).stdout.strip()

    def config(self, name=None, log="", more=""):
        """busbar.yaml of a plant on these servers, with topics and a schema of its own."""
        name = name or f"t{secrets.token_hex(4)}"
        kafka = f"kafka: {{brokers: \"{self.kafka.address}\", prefix: {name}, patience: 60s}}" if "kafka" in self.servers else ""
        postgres = f"postgres: \"{self.postgres.address}\", schema: {name}" if "postgres" in self.servers else ""
        return (f"log: {{partitions: 2{', ' if kafka else ''}{kafka}{log}}}\n"
                f"store: {{{postgres}{', ' if postgres else ''}takeover: 300ms}}\n"
                + (f"registry: {{schema: {name}_registry}}\n" if postgres else "") + more)


@contextlib.contextmanager
def servers(*names, shared=True, options=()):
    started = {}
    try:
        for name in names:
            told = os.environ.get(f"BUSBAR_TEST_{name.upper()}") if shared else None
            started[name] = Given(told) if told else Server(name, *(options if name == "kafka" else ()))
        yield Cluster(started)
    finally:
        for one in started.values():
            one.stop()
