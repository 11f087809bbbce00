"""A real server on a free port of the loopback, and what clients do to it."""

import gzip
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import threading
import time
import urllib.parse

from conftest import BINARY

START_S = 20
HEADER = "usage_point,channel,timestamp,value,unit,kind,interval\n"


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        return self.json().get("code")

    def counts(self):
        """accepted, duplicate, rejected, as the headers have it."""
        return tuple(int(self.headers[f"Busbar-{name}"]) for name in ("Accepted", "Duplicate", "Rejected"))

    def __repr__(self):
        return f"{self.status}\n{self.headers}\n{self.body[:2000]!r}"


class Server:
    """`busbar serve` as a process that this test started, and ends by its own pid."""

    def __init__(self, plant, *arguments, workers=1, environment=None, prefix=()):
        self.plant = plant
        self.arguments = ["--data", str(plant.data), "serve", "--port", "0", "--workers", str(workers), *arguments]
        self.environment = environment
        self.prefix = prefix # a command that becomes the server
        self.lines = []
        self.process = None

    def start(self):
        self.process = subprocess.Popen([*self.prefix, BINARY, *self.arguments], stderr=subprocess.PIPE, text=True, cwd=self.plant.folder,
                                        env={**os.environ, **(self.environment or {})})
        listening = threading.Event()

        def read():
            for line in self.process.stderr:
                self.lines.append(line)
                if "busbar serves" in line:
                    listening.set()
            listening.set()

        self.reader = threading.Thread(target=read, daemon=True)
        self.reader.start()
        assert listening.wait(START_S), self.lines
        said = next((line for line in self.lines if "busbar serves" in line), None)
        assert said, self.lines
        self.url = re.search(r"url=(\S+)", said).group(1)
        address = urllib.parse.urlsplit(self.url)
        self.host, self.port = address.hostname, address.port
        return self

    def connect(self, timeout=30):
        return http.client.HTTPConnection(self.host, self.port, timeout=timeout)

    def request(self, method, path, body=None, connection=None, **headers):
        """One request; header names are written with _ for -."""
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        own = connection or self.connect()
        own.request(method, path, body=body, headers=headers)
        answer = Answer(own.getresponse())
        if connection is None:
            own.close()
        return answer

    def get(self, path, **headers):
        return self.request("GET", path, **headers)

    def post(self, body, query="", content_type="text/csv", **headers):
        if isinstance(body, str):
            body = body.encode()
        if content_type:
            headers["Content_Type"] = content_type
        return self.request("POST", "/v1/readings" + (f"?{query}" if query else ""), body=body, **headers)

    def raw(self):
        """A bare connection, for what no proper client does."""
        return socket.create_connection((self.host, self.port), timeout=30)

    def stop(self, expect=0, timeout=60):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout)
        self.reader.join(10)
        if expect is not None:
            assert code == expect, self.lines
        return code

    def kill(self):
        self.process.kill()
        self.process.wait(30)

    def __enter__(self):
        return self.start()

    def __exit__(self, *failure):
        if self.process and self.process.poll() is None:
            if failure[0]:
                self.kill()
            else:
                self.stop()


def children(pid):
    """Process ids of those that it started."""
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(child) for child in file.read().split()]


def readings(count, usage_point="A", first=1, value=0.125, day="2026-03-01"):
    """CSV lines of so many quarter hours from the first-th of a day on (it may run into the next days)."""
    lines = [HEADER.strip()]
    for i in range(first, first + count):
        day_number, end = divmod(i * 15, 24 * 60)
        stamp = f"{day[:8]}{int(day[8:]) + day_number:02d}T{end // 60:02d}:{end % 60:02d}:00Z"
        lines.append(f"{usage_point},1-1:1.29.0,{stamp},{value},kWh,interval,15m")
    return "\n".join(lines) + "\n"


def zipped(text):
    return gzip.compress(text.encode())


def wait_until(check, seconds=30, step=0.05):
    """The first true answer of `check`."""
    end = time.monotonic() + seconds
    while True:
        answer = check()
        if answer or time.monotonic() > end:
            return answer
        time.sleep(step)


def is_stopped(process):
    """All of its threads are."""
    threads = pathlib.Path(f"/proc/{process.pid}/task").glob("*/stat")
    return all(stat.read_text().rpartition(")")[2].split()[0] == "T" for stat in threads)


def stand_still(process):
    """SIGSTOP, and until it has taken effect: a thread that waits for the disk stops only behind that."""
    process.send_signal(signal.SIGSTOP)
    assert wait_until(lambda: is_stopped(process), step=0.005)
