"""Topics that others write: every reading once, while the consumer is killed; and what cannot be used is put aside."""

import base64
import json
import os
import pathlib
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


def dlq(plant, *arguments, expect=0):
    return plant.run("--json", "dlq", *arguments, expect=expect).json()


def test_what_cannot_be_used_is_put_aside_and_replayed(plant, topic):
    """Bytes that are no JSON, a unit nobody knows, a time out of range, a message without a value: each a letter, and the others count."""
    odd = json.dumps({"meter": "A", "time": "2026-03-01T01:00:00Z", "kwh": 4, "unit": "kwx"})
    plain = JSON_MAP.replace("unit: kWh", "columns: {unit: unit}")
    mapped = plant.file("map.yaml", plain)
    topic.config(plant, source=f"map: {mapped}")
    topic.put(b"\xff\xfe not json", odd, reading("A", 8, 8).replace("2026", "1926"), None, reading("A", 12, 12).replace("}", ', "unit": "kWh"}'),
              partition=3, key="k", headers=[["trace", "t-1"]])
    with Server(plant) as server:
        assert wait_until(lambda: landed(server, 5)), server.lines
        letters = dlq(plant, "ls")
        assert [(letter["offset"], letter["code"]) for letter in letters] == [(3, "BB-7103"), (2, "BB-1008"), (1, "BB-1010"), (0, "BB-1016")], letters
        assert {letter["topic"] for letter in letters} == {topic.name} and {letter["partition"] for letter in letters} == {3}
        shown = dlq(plant, "show", letters[3]["id"])
        assert base64.b64decode(shown["value"]) == b"\xff\xfe not json" and shown["key"] == "k" and shown["headers"] == [{"name": "trace", "value": "t-1"}]
        answer = server.get("/v1/dead-letters").json()
        assert answer["messages"] == letters and answer["messages_before"] is None
        assert [letter["id"] for letter in server.get("/v1/dead-letters?code=BB-1008").json()["messages"]] == [letters[1]["id"]]
        paged = server.get("/v1/dead-letters?limit=3").json()
        assert paged["messages"] == letters[:3]
        assert server.get(f"/v1/dead-letters?limit=3&before={paged['messages_before']}").json()["messages"] == letters[3:]
        assert server.get(f"/v1/dead-letters/{letters[3]['id']}").json() == shown
        unit = letters[2]["id"]
        refused = server.request("POST", f"/v1/dead-letters/{unit}/replay")
        assert (refused.status, refused.code) == (400, "BB-1010"), "nothing has become better by itself"
        mapped.write_text(plain + "units: {kwx: kWh}\n")
        done = server.request("POST", f"/v1/dead-letters/{unit}/replay")
        assert done.status == 200 and done.json()["readings"] == 1, done
        assert wait_until(lambda: values(plant, "A") == [4.0, 12.0]), ("in its right place", values(plant, "A"))
        assert server.request("POST", f"/v1/dead-letters/{unit}/replay").code == "BB-7101", "never twice"
        assert plant.run("dlq", "drop", letters[3]["id"], "--by", "Kim").code == 0
        assert server.get("/v1/dead-letters/d99999999999").code == "BB-7100"
    assert [letter["code"] for letter in dlq(plant, "ls")] == ["BB-7103", "BB-1008"], "without a server, too"
    assert {letter["state"] for letter in dlq(plant, "ls", "--all")} == {"open", "replayed", "dropped"}
    done = dlq(plant, "drop", "--matching", "--topic", topic.name)
    assert [one["done"] for one in done] == [True, True] and dlq(plant, "ls") == []
    assert any(entry["verb"] == "dlq" for entry in plant.list("audit"))


def test_dead_letters_stand_on_a_topic_of_their_own(plant, topic, broker):
    """Each once, with its bytes, while who delivers is killed at random moments; `dlq ls` lists the same."""
    seed = int(os.environ.get("BUSBAR_TEST_SEED") or random.randrange(1 << 32))
    print(f"BUSBAR_TEST_SEED={seed}")
    rng = random.Random(seed)
    prefix = "dlq-" + topic.name
    topic.config(plant, source=f"map: {plant.file('map.yaml', JSON_MAP)}", more=f"sinks: {{kafka: {{brokers: '{broker.address}', prefix: {prefix}}}}}\n")
    written = []
    parked = Topic(broker, name=f"{prefix}.dead-letters")

    def told():
        return sorted(base64.b64decode(value).decode() for value in parked.read())

    for kill in range(4):
        with Server(plant) as server:
            bad = [f"no JSON {kill}.{i}" for i in range(40)]
            topic.put(*bad, reading("A", kill + 1, kill), partition=kill)
            written += bad
            if kill == 0: # the others go on behind what was told, and do not begin anew
                assert wait_until(lambda: len(told()) == len(written), 30, 0.5)
            time.sleep(rng.uniform(0.1, 1.5))
            server.kill()
    with Server(plant) as server:
        assert wait_until(lambda: caught_up(server)), server.lines
        assert wait_until(lambda: len(told()) >= len(written), 30, 1)
        assert told() == sorted(written), "each once"
    assert sorted(letter["offset"] for letter in dlq(plant, "ls")) == sorted(list(range(40)) * 4)
    assert values(plant, "A") == [0, 1, 2, 3]


def test_dead_letters_are_told_from_the_first_on_once_they_are_to_be(plant, topic, broker):
    """Switched off, a sink tells changes and makes no topic of letters; switched on, it begins with the first one."""
    prefix = "late-" + topic.name
    changes, parked = (Topic(broker, name=f"{prefix}.{kind}") for kind in ("changes", "dead-letters"))

    def configure(switch):
        topic.config(plant, source=f"map: {plant.file('map.yaml', JSON_MAP)}",
                     more=f"sinks: {{kafka: {{brokers: '{broker.address}', prefix: {prefix}, dead_letters: {switch}}}}}\n")

    configure("off")
    topic.put("no JSON", reading("A", 1, 5))
    with Server(plant) as server:
        assert wait_until(lambda: values(plant, "A") == [5] and len(changes.read()) == 1, 30, 0.5), server.lines
        assert len(dlq(plant, "ls")) == 1
    assert parked.read() == []
    configure("on")
    with Server(plant) as server:
        assert wait_until(lambda: len(parked.read()) == 1, 30, 0.5), server.lines
    assert base64.b64decode(parked.read()[0]) == b"no JSON" and len(changes.read()) == 1


def unsigned_token():
    """Of subject busbar, good for an hour; the brokers of --secure take it."""
    def part(fields):
        return base64.urlsafe_b64encode(json.dumps(fields).encode()).decode().rstrip("=")

    now = int(time.time())
    return part({"alg": "none"}) + "." + part({"sub": "busbar", "iat": now, "exp": now + 3600}) + "."


@pytest.fixture(scope="module")
def secure_broker():
    with Broker("--secure") as one:
        yield one


@pytest.mark.parametrize("mechanism", ["PLAIN", "OAUTHBEARER", "nobody"])
def test_who_is_who(plant, secure_broker, mechanism):
    """A source and a sink, each with a way in of its own, by TLS; who has none is told so, and takes nothing."""
    topic = Topic(secure_broker)
    secure = pathlib.Path(secure_broker.folder, "secure").read_text().strip()
    prefix = "secure-" + topic.name
    known = plant.file("known", "sasl.username=busbar\nsasl.password=meters\n")
    guessed = plant.file("guessed", "sasl.username=busbar\nsasl.password=guessed\n")
    asked = plant.file("token.sh", f"echo {unsigned_token()}; echo 60")
    ways = {"PLAIN": f"secrets: {known}", "OAUTHBEARER": f"token: {{command: 'sh {asked}'}}", "nobody": f"secrets: {guessed}"}
    properties = f"properties: security.protocol=SASL_SSL sasl.mechanisms={mechanism.replace('nobody', 'PLAIN')} ssl.ca.location={secure_broker.folder}/ca.pem"
    way = f"{properties}\n{ways[mechanism]}"
    sink = "".join(f"    {line}\n" for line in [f"brokers: '{secure}'", f"prefix: {prefix}", *way.splitlines()])
    topic.config(plant, source=f"map: {plant.file('map.yaml', JSON_MAP)}\n{way}", address=secure, more=f"sinks:\n  kafka:\n{sink}")
    topic.put(reading("A", 1, 5), "no JSON")
    with Server(plant) as server:
        if mechanism == "nobody":
            assert wait_until(lambda: source_of(server).get("code") == "BB-7002"), (source_of(server), server.lines)
            assert counted(server, "busbar_source_messages_total") == 0 and values(plant, "A") == []
            return
        assert wait_until(lambda: landed(server, 2)), (source_of(server), server.lines)
        assert wait_until(lambda: values(plant, "A") == [5])
        for kind, count in (("changes", 1), ("dead-letters", 1)):
            told = Topic(secure_broker, name=f"{prefix}.{kind}")
            assert wait_until(lambda: len(told.read()) >= count, 30, 1), kind


def test_a_replay_does_not_overrule_what_came_later(plant, topic):
    """A value was put aside, a correction of it came; replayed, the older value is a version below it, and told as of now."""
    mapped = plant.file("map.yaml", JSON_MAP)
    topic.config(plant, source=f"map: {mapped}")
    early = json.dumps({"house": "A", "time": "2026-03-01T01:00:00Z", "kwh": 1})
    topic.put(early)
    with Server(plant) as server:
        assert wait_until(lambda: landed(server, 1))
        topic.put(reading("A", 4, 2))
        assert wait_until(lambda: values(plant, "A") == [2.0])
        before = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 1))
        time.sleep(2)
        mapped.write_text(JSON_MAP.replace("column: meter", "column: house"))
        letter, = dlq(plant, "ls")
        assert dlq(plant, "replay", letter["id"])[0]["readings"] == 1

        def explained():
            return plant.run("--json", "explain", "--usage-point", "A", "--channel", "1-1:1.29.0", "--at", "2026-03-01T01:00:00Z", expect=0).json()

        assert wait_until(lambda: len(explained()["versions"]) == 2), "the replayed value is derived"
        assert values(plant, "A") == [2.0], "the correction stays on top"
        told = explained()
        assert [(version["value"], version["stands"]) for version in told["versions"]] == [(2, True), (1, False)], told
        assert f"dead letter {letter['id']} of kafka topic {topic.name}" in told["versions"][1]["source"]
        as_of = [row["value"] for row in plant.query("A", "--lane", "raw", "--as-of", before)]
        assert as_of == ["2"], "nobody knew of it then"


def test_an_unknown_schema_is_parked(plant, topic):
    (plant.folder / "schemas").mkdir()
    topic.config(plant, source="map: " + str(plant.file("map.yaml", f"format: avro\navro:\n  framing: confluent\n  schemas: schemas\n{COLUMNS}")))
    plant.file("schemas/1.avsc", json.dumps(SCHEMA))
    topic.ask({"do": "avro", "schema": SCHEMA, "id": 7, "meters": 2, "readings": 3, "every_ms": 0})
    with Server(plant) as server:
        assert wait_until(lambda: landed(server, 6)), server.lines
        letters = dlq(plant, "ls", "--code", "BB-1025")
        assert len(letters) == 6 and "7" in letters[0]["reason"]
        plant.file("schemas/7.avsc", json.dumps(SCHEMA))
        done = dlq(plant, "replay", "--matching", "--code", "BB-1025")
        assert [one["readings"] for one in done] == [1] * 6
        assert wait_until(lambda: values(plant, "M001") == [125.0, 125.125, 125.25]), values(plant, "M001")
        assert dlq(plant, "ls") == []


def test_a_flood_of_poison_does_not_fill_the_disk(plant, topic):
    topic.config(plant, source=f"map: {plant.file('map.yaml', JSON_MAP)}", more="dead_letters:\n  daily: 4KiB\n")
    topic.put(*["{" + "x" * 200] * 300)
    with Server(plant) as server:
        assert wait_until(lambda: landed(server, 300)), server.lines
        assert wait_until(lambda: counted(server, "busbar_dead_letters_left_out_total") > 200)
        letters = dlq(plant, "ls")
        assert sum(letter["messages"] for letter in letters) == 300, "each is counted"
        assert any(letter["code"] == "BB-7097" for letter in letters) and sum(letter["kept"] for letter in letters) < 4096
        assert dlq(plant, "replay", next(letter["id"] for letter in letters if letter["code"] == "BB-7097"), expect=1)[0]["code"] == "BB-7102"


def test_tenants_by_header(plant, topic):
    topic.config(plant, source=f"map: {plant.file('map.yaml', JSON_MAP)}\ntenant_header: tenant\ntenants: north, south")
    topic.put(reading("A", 4, 1), headers=[["tenant", "north"]])
    topic.put(reading("A", 4, 2), headers=[["tenant", "south"]])
    topic.put(reading("A", 4, 3), headers=[["tenant", "elsewhere"]])
    topic.put(reading("A", 4, 4))
    with Server(plant) as server:
        assert wait_until(lambda: landed(server, 4)), server.lines
        assert [letter["code"] for letter in dlq(plant, "ls")] == ["BB-7099", "BB-7099"]
        for tenant, value in (("north", "1"), ("south", "2")):
            assert wait_until(lambda: [row["value"] for row in plant.run("--tenant", tenant, "query", "--usage-point", "A", "--lane", "raw", "--format", "csv").rows()] == [value])


def test_messages_that_are_gone_are_told(plant, topic):
    topic.config(plant, source=f"map: {plant.file('map.yaml', JSON_MAP)}")
    topic.put(reading("A", 1, 1))
    with Server(plant) as server:
        assert wait_until(lambda: landed(server, 1))
    topic.put(reading("A", 2, 2), reading("A", 3, 3), reading("A", 4, 4))
    topic.ask({"do": "delete", "partition": 0, "before": 3})
    with Server(plant) as server:
        assert wait_until(lambda: values(plant, "A") == [1.0, 4.0]), server.lines
        letter, = dlq(plant, "ls")
        assert (letter["code"], letter["offset"], letter["messages"]) == ("BB-7098", 1, 2)
        assert any("BB-7098" in line for line in server.lines)


def test_a_broker_that_is_away_comes_back(plant):
    """A broker of this test's own dies: readiness tells, posts go on, and what was written is taken when it is back."""
    own = Broker()
    own.start()
    try:
        topic = Topic(own)
        topic.config(plant, source=f"map: {plant.file('map.yaml', JSON_MAP)}")
        topic.put(reading("A", 1, 1))
        with Server(plant) as server:
            assert wait_until(lambda: landed(server, 1)), server.lines
            own.do("kill")
            assert wait_until(lambda: source_of(server)["state"] == "tries", 30), server.lines
            assert server.get("/readyz").status == 200 and source_of(server)["code"] == "BB-7001"
            own.do("restart")
            topic.put(reading("A", 2, 2))
            assert wait_until(lambda: landed(server, 2), 60), server.lines
            assert wait_until(lambda: values(plant, "A") == [1.0, 2.0])
    finally:
        own.do("stop")
