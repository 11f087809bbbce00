"""Writes COUNT readings to the topic `readings` (5 partitions, as those between the stages in Python): a message each, Avro, keyed by meter, in the order of time.

    produce.py BROKERS SCHEMA COUNT METERS

Values are quarter hours of homes: a daily shape and noise, two decimals; the same for everybody who asks for as many.
"""

import io
import json
import math
import sys

import fastavro
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

FROM_MS, STEP_MS = 1767225600000, 900_000  # 2026-01-01


def main(brokers, schema_file, count, meters):
    admin = AdminClient({"bootstrap.servers": brokers})
    topics = [NewTopic(name, num_partitions=5, replication_factor=1) for name in ("readings", "preprocessed", "processed")]
    for made in admin.create_topics(topics).values():
        made.result()
    schema = fastavro.parse_schema(json.load(open(schema_file)))
    producer = Producer({"bootstrap.servers": brokers, "linger.ms": 50, "batch.num.messages": 10000,
                         "queue.buffering.max.messages": 500000, "compression.type": "lz4"})
    names = [f"8716859{i:011d}" for i in range(meters)]
    keys = [name.encode() for name in names]
    random = 88172645463325252
    for i in range(count):
        meter, step = i % meters, i // meters
        random ^= random << 13 & 0xFFFFFFFFFFFFFFFF
        random ^= random >> 7
        random ^= random << 17 & 0xFFFFFFFFFFFFFFFF
        shape = 0.4 + 0.3 * math.sin(step % 96 / 96 * 6.283)
        out = io.BytesIO()
        fastavro.schemaless_writer(out, schema, {"meter": names[meter], "end": FROM_MS + (step + 1) * STEP_MS,
                                                 "value": round(shape * (random >> 40) / 0x800000, 2), "unit": "kWh"})
        while True:
            try:
                producer.produce("readings", key=keys[meter], value=out.getvalue())
                break
            except BufferError:
                producer.poll(0.1)
        if i % 10000 == 0:
            producer.poll(0)
    producer.flush()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
