"""Topics that others write: every reading once, while the consumer is killed; and what cannot be used is put aside."""

import json
import os
import random
import struct
import time

import pytest
from foreign_topic import Broker, Topic
from server import Server, wait_until

SCHEMA = {"type": "record", "name": "Reading", "namespace": "field", "fields": [
    {"name": "meter", "type": "string"}, {"name": "time", "type": {"type": "long", "logicalType": "timestamp-millis"}}, {"name": "kwh", "type": "double"}]}
COLUMNS = "usage_point: {column: meter}\ntimestamp: {column: time}\nkind: interval\ninterval: 15m\nunit: kWh\nchannels: [{column: kwh, name: 1-1:1.29.0}]\n"
FILE_COMMIT = 3  # a kind of record of the log
JSON_MAP = "format: ndjson\n" + COLUMNS


@pytest.fixture(scope="module")
def broker():
    with Broker() as one:
        yield one


@pytest.fixture
def topic(broker):
    return Topic(broker)


def reading(meter, quarter, value):
    return json.dumps({"meter": meter, "time": f"2026-03-01T{quarter // 4:02d}:{quarter % 4 * 15:02d}:00Z", "kwh": value})


def source_of(server):
    return server.get("/readyz").json()["source"]


def caught_up(server):
    source = source_of(server)
    return source["state"] == "reads" and source["backlog"] == 0 and server.get("/v1/overview").json()["stages"][0]["lag_readings"] == 0


def counted(server, name):
    """A counter's or gauge's samples, summed."""
    lines = server.get("/metrics").body.decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith((name + "{", name + " ")))


def landed(server, messages):
    """Everything that was written so far has been taken, and derived."""
    return counted(server, "busbar_source_messages_total") >= messages and caught_up(server)


def values(plant, meter):
    """As they stand in lane raw; none while the meter is not known."""
    told = plant.run("query", "--usage-point", meter, "--lane", "raw", "--format", "csv")
    return [float(row["value"]) for row in told.rows()] if told.code == 0 else []


def landed_readings(plant):
    """Readings of all rounds that came to count, by the log's own marks: a mark may stand twice after a crash, a round may not."""
    rounds = {}
    for path in plant.data.glob("log/p*/*.seg"):
        data = path.read_bytes()
        at = data.find(b"BBRL")
        while 0 <= at <= len(data) - 64 and data[at:at + 4] == b"BBRL":
            kind, partition, readings, size = struct.unpack_from("<BHII", data, at + 9)
            file_id, = struct.unpack_from("<Q", data, at + 40)
            if kind == FILE_COMMIT:
                rounds[partition, file_id] = readings
            at += 64 + (size + 7 & ~7)
    return sum(rounds.values())


def test_json_messages_become_readings(plant, topic):
    topic.config(plant, source=f"map: {plant.file('map.yaml', JSON_MAP)}")
    topic.put(*(reading("A", quarter, quarter / 4) for quarter in range(1, 9)), partition=2)
    with Server(plant) as server:
        assert wait_until(lambda: landed(server, 8)), server.lines
        assert wait_until(lambda: values(plant, "A") == [quarter / 4 for quarter in range(1, 9)])
        topic.put(reading("A", 9, 7), partition=2)
        assert wait_until(lambda: landed(server, 9))
        assert wait_until(lambda: topic.committed()["committed"]["2"] == 9), "a hint for those who watch lag"
        assert counted(server, "busbar_source_readings_total") == 9
    with Server(plant) as server:
        assert wait_until(lambda: caught_up(server))
        assert counted(server, "busbar_source_messages_total") == 0, "nothing is taken twice"


@pytest.mark.parametrize("confluent", [False, True])
def test_avro_messages_while_the_consumer_is_killed(plant, topic, confluent):
    """The seed's case: a producer in Python, one Avro reading a message, five partitions; busbar is killed at random moments."""
    seed = int(os.environ.get("BUSBAR_TEST_SEED") or random.randrange(1 << 32))
    print(f"BUSBAR_TEST_SEED={seed}")
    rng = random.Random(seed)
    plant.file("schemas/7.avsc", json.dumps(SCHEMA))
    how = "framing: confluent\n  schemas: schemas" if confluent else f"framing: raw\n  schema: '{json.dumps(SCHEMA)}'"
    topic.config(plant, source="map: " + str(plant.file("map.yaml", f"format: avro\navro:\n  {how}\n{COLUMNS}")))
    meters, readings = 20, 150
    producer = topic.begin({"do": "avro", "schema": SCHEMA, "id": 7 if confluent else None, "meters": meters, "readings": readings, "every_ms": 40})
    kills = 0
    while producer.poll() is None or kills < 3:
        server = Server(plant).start()
        time.sleep(rng.uniform(0.1, 2))
        server.kill()
        kills += 1
    assert producer.returncode == 0
    with Server(plant) as server:
        assert wait_until(lambda: caught_up(server) and server.get("/v1/overview").json()["channels"] == meters, 60), server.lines
        for meter in range(meters):
            written = [(meter * 1000 + i) / 8 for i in range(readings)]
            assert wait_until(lambda: values(plant, f"M{meter:03d}") == written), f"M{meter:03d} after {kills} kills"
        assert landed_readings(plant) == meters * readings, "nothing was landed twice, not even to fall away in merging"
        assert plant.list("dead-letters") == []
