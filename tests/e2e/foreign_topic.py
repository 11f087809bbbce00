"""Topics that others write: a broker for the run, and what a producer in Python puts there.

The producer is confluent-kafka's, with fastavro, in an environment of its own: what busbar reads was written by code that
knows nothing of it.
"""

import base64
import json
import os
import pathlib
import subprocess
import tempfile
import uuid

from conftest import lack
from peer_python import with_packages

ROOT = pathlib.Path(__file__).parents[2]
SCRIPT = ROOT / "tools/cluster/kafka"
PRODUCER = pathlib.Path(__file__).with_name("foreign_producer.py")
PACKAGES = ("confluent-kafka==2.16.1", "fastavro==1.13.1")
NOT_HERE = 77


def producer_python():
    return with_packages(*PACKAGES)


class Broker:
    """The broker that the run was told of, or one of this module, which has options of its own."""

    def __init__(self, *options):
        self.folder = None
        self.options = options
        self.address = None if options else os.environ.get("BUSBAR_TEST_KAFKA")

    def start(self):
        self.folder = tempfile.mkdtemp(prefix="busbar-kafka-")
        done = subprocess.run([SCRIPT, "start", self.folder, *self.options], capture_output=True, text=True, check=False, timeout=180)
        if done.returncode == NOT_HERE:
            lack(done.stderr.strip())
        assert done.returncode == 0, done
        self.address = (pathlib.Path(self.folder) / "address").read_text().strip()

    def do(self, verb):
        subprocess.run([SCRIPT, verb, self.folder], check=True, capture_output=True, timeout=180)

    def __enter__(self):
        if not self.address:
            self.start()
        return self

    def __exit__(self, *failure):
        if self.folder:
            self.do("stop")


class Topic:
    """A topic of this test alone, with a map and a configuration that read it."""

    def __init__(self, broker, partitions=5, name=None):
        """`name`: one that is there."""
        self.broker = broker
        self.name = name or "readings-" + uuid.uuid4().hex[:10]
        self.group = "busbar-" + self.name
        if not name:
            self.ask({"do": "create", "partitions": partitions})

    def _command(self):
        return [producer_python(), "-I", PRODUCER, self.broker.address, self.name]

    def ask(self, *orders):
        """Run the producer with these orders; what it answered to each."""
        done = subprocess.run(self._command(), input="\n".join(json.dumps(order) for order in orders) + "\n", capture_output=True, text=True,
                              check=False, timeout=120)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def begin(self, order):
        """The same for one order, beside the test; wait for it with finish()."""
        process = subprocess.Popen(self._command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        process.stdin.write(json.dumps(order) + "\n")
        process.stdin.close()
        return process

    def put(self, *values, partition=0, key=None, headers=None):
        """Values as they are; the offset of each."""
        return self.ask(*({"do": "put", "value": None if value is None else base64.b64encode(value if isinstance(value, bytes) else value.encode()).decode(),
                           "partition": partition, "key": key, "headers": headers or []} for value in values))

    def read(self):
        """All committed values, each partition from its beginning to its end, in base64."""
        return self.ask({"do": "read"})[0]["values"]

    def committed(self):
        return self.ask({"do": "committed", "group": self.group})[0]

    def config(self, plant, more="", source="", address=None):
        plant.data.mkdir(exist_ok=True)
        lines = "".join(f"    {line}\n" for line in source.splitlines())
        (plant.data / "busbar.yaml").write_text(
            f"sources:\n  kafka:\n    brokers: {address or self.broker.address}\n    topics: {self.name}\n    group: {self.group}\n    freshness: 50ms\n"
            f"    session: 6s\n{lines}{more}")
