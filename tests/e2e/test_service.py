"""busbar as a service: the unit is one that systemd takes, and the server tells systemd what it should."""

import json
import pathlib
import re
import shutil
import socket
import subprocess
import time

import pytest
from conftest import BINARY
from server import Server, readings

UNIT = pathlib.Path(__file__).parents[2] / "deploy/systemd/busbar.service"
ANALYZE = shutil.which("systemd-analyze")


class Systemd:
    """The socket that systemd would have, and what is told on it."""

    def __init__(self, path):
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path if path[0] == "/" else "\0" + path[1:])

    def next(self, seconds=20):
        self.socket.settimeout(seconds)
        return dict(line.split("=", 1) for line in self.socket.recv(4096).decode().splitlines())


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_is_told_when_it_is_ready_alive_and_ending(filled, abstract):
    path = f"@busbar-test-{filled.folder}" if abstract else str(filled.folder / "notify")
    systemd = Systemd(path)
    with Server(filled, environment={"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "2000000"}) as server:
        ready = systemd.next()
        assert ready["READY"] == "1" and ready["STATUS"]
        assert server.get("/readyz").status == 200
        beats = []
        for _ in range(3):
            assert systemd.next() == {"WATCHDOG": "1"}
            beats.append(time.monotonic())
        assert beats[2] - beats[0] < 2 * 2, "more often than it is asked for"
        server.stop()
        told = [systemd.next()]
        while "STOPPING" not in told[-1]:
            told.append(systemd.next())
        assert told[-1]["STOPPING"] == "1"


def test_a_watchdog_of_another_process_is_not_ours(filled):
    path = str(filled.folder / "notify")
    systemd = Systemd(path)
    with Server(filled, environment={"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "400000", "WATCHDOG_PID": "1"}):
        assert "READY" in systemd.next()
        with pytest.raises(TimeoutError):
            systemd.next(2)


def unit_with_the_binary(folder):
    text = UNIT.read_text()
    assert "ExecStart=/usr/bin/busbar " in text
    path = folder / "busbar.service"
    path.write_text(text.replace("/usr/bin/busbar", BINARY))
    return path


@pytest.mark.skipif(not ANALYZE, reason="there is no systemd-analyze here")
def test_systemd_takes_the_unit(tmp_path):
    done = subprocess.run([ANALYZE, "verify", "--man=no", unit_with_the_binary(tmp_path)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 and not done.stderr, done
    done = subprocess.run([ANALYZE, "security", "--offline=true", "--no-pager", "--threshold=20", unit_with_the_binary(tmp_path)],
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout


def test_the_units_command_is_one(plant):
    """Its options are those of the binary: a server started like that runs."""
    command = re.search(r"ExecStart=/usr/bin/busbar (.*)", UNIT.read_text())[1].split()
    command[command.index("--data") + 1] = str(plant.data)
    plant.ingest(plant.file("first.csv", readings(4)))
    server = Server(plant)
    server.arguments = [*command, "--port", "0"]
    process = subprocess.Popen([BINARY, *server.arguments], stderr=subprocess.PIPE, text=True)
    try:
        first = json.loads(process.stderr.readline())
        assert first["message"] == "busbar serves" and first["level"] == "info" and first["url"].startswith("http://127.0.0.1:")
    finally:
        process.terminate()
        assert process.wait(60) == 0


def test_log_lines_have_stable_fields(plant):
    """Every line of a server in JSON is an object with time, level and message; errors have their code."""
    (plant.data / "drop").mkdir(parents=True)
    (plant.data / "busbar.yaml").write_text(f"drop:\n  folder: {plant.data / 'drop'}\n  quiet: 1s\n")
    plant.ingest(plant.file("first.csv", readings(4)))
    server = Server(plant)
    server.arguments[2:2] = ["--log-format", "json"]
    process = subprocess.Popen([BINARY, *server.arguments], stderr=subprocess.PIPE, text=True)
    try:
        lines = [json.loads(process.stderr.readline())]
        (plant.data / "drop" / "late.csv").write_text(readings(3, usage_point="B"))
        lines.append(json.loads(process.stderr.readline()))
        with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="ascii") as file:
            subprocess.run(["kill", "-9", *file.read().split()], check=True)
        lines.append(json.loads(process.stderr.readline()))
    finally:
        process.terminate()
        process.communicate(timeout=60)
    assert [line["message"] for line in lines] == ["busbar serves", "a file was dropped", "a worker ended"]
    for line in lines:
        assert list(line)[:3] == ["time", "level", "message"] and line["level"] in ("debug", "info", "warning", "error")
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
    assert (lines[1]["outcome"], lines[1]["readings"], lines[1]["rejected"]) == ("taken", 3, 0)
    assert lines[2]["signal"] == 9 and lines[2]["worker"] == 1
