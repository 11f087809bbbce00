"""A plant on Kafka and PostgreSQL under load, and what is done to it.

    clients ──posts, each until it is answered──► serve ──► Kafka ──► workers ──► PostgreSQL
                                                   ▲           ▲         ▲            ▲
                                                   └───────────┴─ faults ┴────────────┤
                                                                         └──► sinks: a webhook, a topic, a warehouse

Every batch says when it was issued, so that what is stored does not depend on which of two came first. After the last fault
everything is let run until nothing is left to do; then the plant has to hold what one process makes of the same batches in
one folder, byte for byte, and who follows its changes what its queries tell, having been told each change once.
"""

import contextlib
import datetime
import http.client
import os
import random
import re
import signal
import subprocess
import threading
import time
import urllib.parse

import cluster
import crash_plant
import follower
from crash_plant import BINARY

CLIENTS = 3
SESSION_S = 3  # a worker that is not heard of for so long is taken for dead
HEADER = "usage_point,channel,kind,interval,unit,timestamp,value,quality,issued\n"
START = datetime.datetime(2024, 3, 1, tzinfo=datetime.timezone.utc)
USAGE_POINTS = [f"U{i}" for i in range(12)]


def stamp(minutes):
    return (START + datetime.timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


def batch_of(client, number):
    """The same for each who asks: two hours of a few meters, and now and then a correction of older ones."""
    rng = random.Random(client * 1000003 + number)
    issued = stamp(100000 + number * CLIENTS + client)
    lines = [HEADER]
    for point in USAGE_POINTS[client::CLIENTS]:
        first = number * 8
        times = range(first + 1, first + 9) if rng.random() < 0.8 else range(max(1, first - 40), first + 1)
        for i in times:
            if rng.random() < 0.97:
                lines.append(f"{point},1.29.0,interval,15m,kWh,{stamp(i * 15)},{rng.randrange(1, 900) / 100},measured,{issued}\n")
        if number % 12 == 0:
            lines.append(f"{point},1.8.0,register,,kWh,{stamp(first * 15)},{1000 + number * 30},measured,{issued}\n")
    return "".join(lines).encode()


class Client(threading.Thread):
    def __init__(self, number, world):
        super().__init__(daemon=True)
        self.number, self.world = number, world
        self.batches = 0  # answered
        self.tries = 0

    def post(self, number):
        host, port = self.world.address
        connection = http.client.HTTPConnection(host, port, timeout=90)
        try:
            connection.request("POST", "/v1/readings", body=batch_of(self.number, number),
                               headers={"Content-Type": "text/csv", "Idempotency-Key": f"{self.number}/{number}"})
            answer = connection.getresponse()
            body = answer.read()
            assert answer.status == 200 or answer.status >= 429, (answer.status, body)
            return answer.status == 200
        finally:
            connection.close()

    def run(self):
        while not self.world.over:
            self.tries += 1
            try:
                answered = self.post(self.batches)
            except (OSError, http.client.HTTPException):
                answered = False
            self.batches += answered
            time.sleep(0.02 if answered else 0.2)


class World:
    """The plant, its servers and its processes."""

    def __init__(self, folder, seed, brokers, stop_budget="20s"):
        self.folder, self.seed = folder, seed
        self.rng = random.Random(seed)
        self.over = False
        self.address = ("127.0.0.1", 1)
        self.kafka = cluster.Server("kafka", "--brokers", brokers)
        self.brokers = brokers
        self.postgres = cluster.Server("postgres")
        both = cluster.Cluster({"kafka": self.kafka, "postgres": self.postgres})
        self.receiver = follower.Receiver()
        sinks = follower.sinks(self.receiver, self.kafka.address, self.postgres.address, "chaos", brokers)
        replicas = f", replication: {brokers}, min_insync: {min(2, brokers)}" if brokers > 1 else ""
        config = both.config("chaos", more=f"derive: {{commit: {{freshness: 200ms}}, stop: {stop_budget}}}\n{sinks}")
        self.sql = both.sql
        self.plant = crash_plant.Plant(folder, config.replace("prefix: chaos,", f"prefix: chaos{replicas}, session: {SESSION_S}s,", 1))
        self.server = None
        self.workers = {}
        self.zombies = []
        self.wanted = 2
        self.told = []
        self.restarts = 0

    def tell(self, text):
        self.told.append(f"{time.monotonic() - self.began:6.1f} s  {text}")

    # ---- processes

    def spawn(self, name, *arguments):
        log = open(self.folder / f"{name}.log", "ab")
        return subprocess.Popen(self.plant.command(*arguments), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log)

    def start_server(self):
        at = (self.folder / "server.log").stat().st_size if (self.folder / "server.log").exists() else 0
        self.server = self.spawn("server", "serve", "--port", "0", "--workers", "0")
        until = time.monotonic() + 60
        while time.monotonic() < until and self.server.poll() is None:
            with open(self.folder / "server.log", encoding="utf-8", errors="replace") as file:
                file.seek(at)
                found = re.search(r"busbar serves.*url=(\S+)", file.read())
            if found:
                url = urllib.parse.urlsplit(found.group(1))
                self.address = (url.hostname, url.port)
                return True
            time.sleep(0.05)
        return False

    def worker_arguments(self):
        return ["worker", "--stage", "derive", "--live"]

    def start_worker(self, number):
        self.workers[number] = self.spawn(f"worker{number}", *self.worker_arguments())

    def look_after(self):
        """What a supervisor does: who has ended on its own is started again."""
        while not self.over_looking:
            if self.server is None or self.server.poll() is not None:
                self.restarts += 1
                self.start_server()
            for number, process in list(self.workers.items()):
                if process.poll() is not None and number in self.workers:
                    self.restarts += 1
                    self.start_worker(number)
            time.sleep(0.1)

    # ---- faults: each leaves things as they were, or for the supervisor

    def kill_worker(self):
        number = self.rng.choice(sorted(self.workers))
        self.workers[number].kill()
        return f"kill -9 of worker {number}"

    def zombie(self):
        """A worker is stopped until the group has given its partitions to others, which go on; then it comes back."""
        number = self.rng.choice(sorted(self.workers))
        process = self.workers.pop(number)
        process.send_signal(signal.SIGSTOP)
        self.start_worker(number)
        seconds = SESSION_S + self.rng.uniform(1, 4)
        self.zombies.append(process)
        time.sleep(seconds)
        process.send_signal(signal.SIGCONT)
        threading.Timer(self.rng.uniform(1, 5), process.send_signal, [signal.SIGTERM]).start()
        return f"worker {number} is stopped for {seconds:.1f} s, others have its partitions, and it comes back"

    def retire_worker(self):
        """SIGTERM ends it within its budget, exit code 0."""
        number = self.rng.choice(sorted(self.workers))
        process = self.workers.pop(number)
        process.send_signal(signal.SIGTERM)
        code = process.wait(40)
        said = (self.folder / f"worker{number}.log").read_text(errors="replace")[-2000:]
        assert code in (0, -signal.SIGKILL), f"a worker that was told to end ended with {code}\n{said}"
        self.start_worker(number)
        return f"worker {number} retires"

    def more_workers(self):
        """Another number of workers under load: the group shares out anew."""
        before = self.wanted
        self.wanted = self.rng.choice([n for n in (1, 2, 3, 4) if n != before])
        for number in range(before, self.wanted):
            self.start_worker(number)
        for number in range(self.wanted, before):
            process = self.workers.pop(number)
            process.send_signal(signal.SIGTERM)
            self.zombies.append(process)
        return f"{before} workers become {self.wanted}"

    def kill_server(self):
        self.server.kill()
        return "kill -9 of the server"

    def kill_broker(self):
        number = self.rng.randrange(1, self.brokers + 1)
        self.kafka.script("kill", number)
        seconds = self.rng.uniform(0.5, 4)
        time.sleep(seconds)
        self.kafka.script("restart", number)
        return f"broker {number} is killed and comes back after {seconds:.1f} s"

    def pause_broker(self):
        number = self.rng.randrange(1, self.brokers + 1)
        self.kafka.script("pause", number)
        seconds = self.rng.uniform(1, 5)
        time.sleep(seconds)
        self.kafka.script("resume", number)
        return f"broker {number} stands still for {seconds:.1f} s"

    def kill_postgres(self):
        self.postgres.script("kill")
        seconds = self.rng.uniform(0, 3)
        time.sleep(seconds)
        self.postgres.script("restart")
        return f"PostgreSQL is killed and comes back after {seconds:.1f} s"

    def cut_connections(self):
        """In the middle of transactions: as many times as it takes to hit some."""
        count = 0
        for _ in range(20):
            with contextlib.suppress(subprocess.CalledProcessError):
                count += int(self.sql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                                      "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend' AND random() < 0.5"))
            time.sleep(self.rng.uniform(0, 0.1))
        return f"{count} connections to PostgreSQL are cut"

    FAULTS = (kill_worker, kill_worker, zombie, retire_worker, more_workers, kill_server, kill_broker, pause_broker, kill_postgres,
              cut_connections, cut_connections)

    def faults(self, count):
        """All kinds come before one comes again."""
        order = []
        while len(order) < count:
            some = list(self.FAULTS)
            self.rng.shuffle(some)
            order += some
        return order[:count]

    # ---- a run

    def run(self, faults):
        self.began = time.monotonic()
        self.over_looking = False
        assert self.start_server(), "the server did not start"
        for number in range(self.wanted):
            self.start_worker(number)
        supervisor = threading.Thread(target=self.look_after, daemon=True)
        supervisor.start()
        clients = [Client(number, self) for number in range(CLIENTS)]
        for client in clients:
            client.start()
        for fault in self.faults(faults):
            time.sleep(self.rng.uniform(0.3, 2))
            self.tell(fault(self))
        time.sleep(2)
        self.over = True
        for client in clients:
            client.join(120)
            assert not client.is_alive(), "a post was never answered"
        self.finish_posts(clients)
        self.wait_until_quiet()
        self.over_looking = True
        supervisor.join(90)
        return [client.batches for client in clients]

    def finish_posts(self, clients):
        """The post at hand when time was over may count or not: now it does."""
        for client in clients:
            until = time.monotonic() + 90
            while True:
                try:
                    if client.post(client.batches):
                        break
                except (OSError, http.client.HTTPException):
                    pass
                assert time.monotonic() < until, "the server does not answer after the last fault"
                time.sleep(0.2)
            client.batches += 1

    def lag(self):
        host, port = self.address
        connection = http.client.HTTPConnection(host, port, timeout=20)
        try:
            connection.request("GET", "/metrics")
            text = connection.getresponse().read().decode()
        finally:
            connection.close()
        return sum(float(value) for value in re.findall(r"^busbar_backlog_records\{[^}]*\} (\S+)$", text, re.M))

    def wait_until_quiet(self):
        until, still = time.monotonic() + 120, 0
        while still < 3:
            assert time.monotonic() < until, "the backlog does not go away"
            try:
                still = still + 1 if self.lag() == 0 else 0
            except (OSError, http.client.HTTPException):
                still = 0
            time.sleep(0.5)

    def followed(self):
        """What each sink holds, once it has all; or what it holds after a long while."""
        wanted = follower.told(self.plant, USAGE_POINTS)
        until = time.monotonic() + 120
        while True:
            topic = follower.of_topic(self.kafka, "chaos.changes")
            found = {"webhook": self.receiver.told(), "warehouse": follower.of_warehouse(self.sql, "chaos_facts"), "topic": topic.told()}
            if all(one == wanted for one in found.values()) or time.monotonic() > until:
                return wanted, found, {"webhook": self.receiver, "topic": topic}
            time.sleep(1)

    def said(self, lines=40):
        """The last words of each process: for one who wants to know why."""
        return "\n".join(f"---- {log.name}\n" + "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
                         for log in sorted(self.folder.glob("*.log")))

    def stop(self):
        self.receiver.close()
        self.over = self.over_looking = True
        for process in [self.server, *self.workers.values(), *self.zombies]:
            if process and process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
                process.wait(30)
        self.kafka.stop()
        self.postgres.stop()


def expected(folder, batches):
    """What one process makes of the same batches in one folder."""
    plant = crash_plant.Plant(folder, "log: {partitions: 2}\n")
    files = []
    for client, count in enumerate(batches):
        for number in range(count):
            file = folder / f"{client}-{number}.csv"
            file.write_bytes(batch_of(client, number))
            files.append(file)
    for at in range(0, len(files), 200):
        plant.must("ingest", *files[at:at + 200])
    return plant


def content(plant):
    found = {}
    for point in USAGE_POINTS:
        for lane in ("raw", "vee", "hour", "day", "month"):
            found[f"{point} {lane}"] = plant.query(point, lane).stdout
    found["channels"] = plant.must("list", "channels").stdout
    found["exceptions"] = plant.exceptions()
    return found
