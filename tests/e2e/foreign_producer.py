"""A producer that knows nothing of busbar: run by foreign_topic.py in an environment with confluent-kafka and fastavro.

Orders come as JSON, a line each, from the standard input; an answer a line goes to the standard output:

    {"do": "create", "partitions": 5}
    {"do": "put", "value": BASE64 or null, "partition": 0, "key": TEXT or null, "headers": [[NAME, TEXT], ...]}
    {"do": "avro", "schema": {...}, "id": 7 or null, "meters": 20, "readings": 100, "every_ms": 1}
    {"do": "committed", "group": NAME}
    {"do": "read"}
    {"do": "delete", "partition": 0, "before": 3}

`avro` writes one reading a message, keyed by meter, like the many small producers in the field: raw with id null, else behind
Confluent's header. Meter m's i-th value is (m * 1000 + i) / 8.
"""

import base64
import io
import json
import struct
import sys
import time

import fastavro
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

BEGIN_S = 1772323200  # 2026-03-01T00:00:00Z
STEP_S = 900

BROKERS, TOPIC = sys.argv[1:3]
PRODUCER = Producer({"bootstrap.servers": BROKERS, "enable.idempotence": True, "linger.ms": 5})


def create(order):
    admin = AdminClient({"bootstrap.servers": BROKERS})
    for future in admin.create_topics([NewTopic(TOPIC, order["partitions"], 1)]).values():
        future.result(30)
    return {}


def deliver(answer, **message):
    def told(error, record):
        assert error is None, error
        answer.update(partition=record.partition(), offset=record.offset())
    PRODUCER.produce(TOPIC, on_delivery=told, **message)


def put(order):
    answer = {}
    value = None if order["value"] is None else base64.b64decode(order["value"])
    deliver(answer, value=value, partition=order["partition"], key=order["key"], headers=[(name, text.encode()) for name, text in order["headers"]])
    PRODUCER.flush(30)
    return answer


def avro(order):
    schema = fastavro.parse_schema(order["schema"])
    header = b"" if order["id"] is None else struct.pack(">bI", 0, order["id"])
    for i in range(order["readings"]):
        for meter in range(order["meters"]):
            body = io.BytesIO()
            fastavro.schemaless_writer(body, schema, {"meter": f"M{meter:03d}", "time": (BEGIN_S + (i + 1) * STEP_S) * 1000, "kwh": (meter * 1000 + i) / 8})
            deliver({}, value=header + body.getvalue(), key=f"M{meter:03d}")
        PRODUCER.poll(0)
        time.sleep(order["every_ms"] / 1000)
    assert PRODUCER.flush(60) == 0
    return {"messages": order["readings"] * order["meters"]}


def delete(order):
    admin = AdminClient({"bootstrap.servers": BROKERS})
    for future in admin.delete_records([TopicPartition(TOPIC, order["partition"], order["before"])]).values():
        future.result(30)
    return {}


def committed(order):
    consumer = Consumer({"bootstrap.servers": BROKERS, "group.id": order["group"]})
    partitions = consumer.list_topics(TOPIC, timeout=30).topics[TOPIC].partitions
    places = consumer.committed([TopicPartition(TOPIC, number) for number in partitions], timeout=30)
    ends = {number: consumer.get_watermark_offsets(TopicPartition(TOPIC, number), timeout=30)[1] for number in partitions}
    consumer.close()
    return {"committed": {place.partition: place.offset for place in places}, "end": ends}


def read(order):
    consumer = Consumer({"bootstrap.servers": BROKERS, "group.id": "unused", "isolation.level": "read_committed",
                         "enable.auto.commit": False, "enable.partition.eof": True, "auto.offset.reset": "earliest"})
    left = set(consumer.list_topics(TOPIC, timeout=30).topics[TOPIC].partitions)
    consumer.assign([TopicPartition(TOPIC, number, OFFSET_BEGINNING) for number in left])
    values = []
    while left:
        message = consumer.poll(60)
        assert message is not None, f"{TOPIC} {left} has no end"
        if message.error() and message.error().code() == KafkaError._PARTITION_EOF:
            left.discard(message.partition())
        elif message.error():
            raise SystemExit(str(message.error()))
        else:
            values.append(base64.b64encode(message.value()).decode())
    consumer.close()
    return {"values": values}


DOES = {"read": read, "create": create, "put": put, "avro": avro, "committed": committed, "delete": delete}

for line in sys.stdin:
    order = json.loads(line)
    print(json.dumps(DOES[order["do"]](order)), flush=True)
PRODUCER.flush(30)
