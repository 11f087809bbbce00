"""Engines that are away for a while: who asks is told, posts are taken as long as the log is there, and nothing is missing afterwards."""

import threading

import cluster
import pytest
from server import HEADER, Server, wait_until

READINGS = 96


@pytest.fixture
def servers():
    with cluster.servers("kafka", "postgres", shared=False) as started:
        yield started


def day(day_of_month, value):
    return HEADER + "".join(f"M{meter},1.29.0,2026-03-{day_of_month:02d}T{i // 4:02d}:{i % 4 * 15:02d}:00Z,{value},kWh,interval,15m\n"
                            for meter in range(5) for i in range(READINGS))


def ready(server):
    answer = server.get("/readyz")
    return answer.status, answer.json().get("away")


def resident_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def values(plant):
    """Of one meter, as queries have them; none while they cannot be asked."""
    told = plant.run("query", "--usage-point", "M3", "--lane", "raw", "--format", "csv")
    return [row["value"] for row in told.rows()] if told.code == 0 else None


def test_postgres_is_away(plant, servers):
    """Posts are durable in the log meanwhile, memory does not grow with them, and all of them count when it is back."""
    plant.data.mkdir(exist_ok=True)
    (plant.data / "busbar.yaml").write_text(servers.config(more="derive: {commit: {freshness: 20ms}}\n"))
    with Server(plant) as server:
        assert server.post(day(1, 1)).status == 200
        wait_until(lambda: len(values(plant) or []) == READINGS)
        assert ready(server) == (200, None)
        servers.postgres.script("kill")
        wait_until(lambda: ready(server)[1] is not None, 30)
        assert ready(server) == (200, "BB-7020"), ready(server)
        before = resident_kib(server.process.pid)
        for number in range(2, 30):
            assert server.post(day(number, number)).status == 200
        assert resident_kib(server.process.pid) < before + 64 * 1024
        asked = server.get("/v1/values?usage_point=M3")
        assert asked.status in (500, 503), asked
        servers.postgres.script("restart")
        wait_until(lambda: ready(server) == (200, None), 60)
        wait_until(lambda: len(values(plant) or []) == 29 * READINGS, 60)
        assert values(plant) == [str(number) for number in range(1, 30) for _ in range(READINGS)]


def test_kafka_is_away(plant, servers):
    """It is not ready for posts; who posts all the same waits, and is answered when it is back."""
    plant.data.mkdir(exist_ok=True)
    (plant.data / "busbar.yaml").write_text(servers.config(more="derive: {commit: {freshness: 20ms}}\n"))
    with Server(plant) as server:
        assert server.post(day(1, 1)).status == 200
        servers.kafka.script("kill")
        answers = []
        waiting = threading.Thread(target=lambda: answers.append(
            server.post(day(2, 2), connection=server.connect(100)).status))
        waiting.start()
        wait_until(lambda: ready(server)[0] == 503, 60)
        assert ready(server)[1] == "BB-7001", (server.get("/readyz").json(), server.lines[-5:])
        servers.kafka.script("restart")
        waiting.join(100)
        assert answers == [200]
        wait_until(lambda: ready(server) == (200, None), 60)
        wait_until(lambda: len(values(plant) or []) == 2 * READINGS, 60)
        assert values(plant) == ["1"] * READINGS + ["2"] * READINGS
