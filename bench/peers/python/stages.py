"""The design of the article: three consumers, Avro between them, a message at a time, rows to PostgreSQL.

    preprocess   topic readings -> topic preprocessed: decode, check that fields are there, encode
    process      topic preprocessed -> topic processed: decode, validate, encode
    write        topic processed -> PostgreSQL: decode, upsert, commit

    stages.py STAGE BROKERS CONNINFO SCHEMA COUNT     ends when COUNT messages are through
"""

import io
import json
import sys

import fastavro
import psycopg2
from kafka import KafkaConsumer, KafkaProducer

TOPICS = {"preprocess": ("readings", "preprocessed"), "process": ("preprocessed", "processed"), "write": ("processed", None)}
MOST_PER_QUARTER_HOUR = 50


def read_avro(schema, message):
    return fastavro.schemaless_reader(io.BytesIO(message), schema)


def create_avro(schema, value):
    out = io.BytesIO()
    fastavro.schemaless_writer(out, schema, value)
    return out.getvalue()


def preprocess(message, state):
    if not message["meter"] or message["unit"] not in ("kWh", "Wh"):
        return None
    return message


def process(message, state):
    """Validate against the value before."""
    previous = state.get(message["meter"])
    state[message["meter"]] = message["value"]
    message["suspect"] = (message["value"] < 0 or message["value"] > MOST_PER_QUARTER_HOUR
                          or previous is not None and abs(message["value"] - previous) > 10 * max(1, previous))
    return message


class Writer:
    def __init__(self, conninfo):
        self.connection = psycopg2.connect(conninfo)

    def write(self, message):
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO reading (meter, period_end, value, unit, suspect) VALUES (%s, %s, %s, %s, %s) "
                "ON CONFLICT (meter, period_end) DO UPDATE SET value = excluded.value, unit = excluded.unit, "
                "suspect = excluded.suspect",
                (message["meter"], message["end"], message["value"], message["unit"], message["suspect"]))


def main(stage, brokers, conninfo, schema_file, count):
    plain = fastavro.parse_schema(json.load(open(schema_file)))
    judged = json.load(open(schema_file))
    judged["name"] = "JudgedReading"
    judged["fields"].append({"name": "suspect", "type": "boolean"})
    judged = fastavro.parse_schema(judged)
    source, target = TOPICS[stage]
    consumer = KafkaConsumer(source, bootstrap_servers=brokers, group_id=stage, auto_offset_reset="earliest")
    producer = KafkaProducer(bootstrap_servers=brokers) if target else None
    writer = Writer(conninfo) if stage == "write" else None
    state, done = {}, 0
    for record in consumer:
        if stage == "write":
            writer.write(read_avro(judged, record.value))
        else:
            message = read_avro(plain, record.value)
            message = (preprocess if stage == "preprocess" else process)(message, state)
            if message:
                producer.send(target, key=record.key,
                              value=create_avro(judged if stage == "process" else plain, message))
        done += 1
        if done == count:
            break
    if producer:
        producer.flush()
    consumer.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4], int(sys.argv[5]))
