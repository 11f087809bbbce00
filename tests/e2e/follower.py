"""Who follows the changes: each holds what it was told, row by row, and wants every change once and in its place."""

import base64
import http.server
import json
import threading

from foreign_topic import Topic

LANE = "vee"


class Mirror:
    """What a follower has made of the changes it was told. A change says what stood there before: that has to be what is here."""

    def __init__(self):
        self.rows, self.ids, self.repeated, self.wrong = {}, set(), 0, []

    def take(self, change):
        if change["id"] in self.ids:
            self.repeated += 1
            return
        self.ids.add(change["id"])
        if change["type"] != "value":
            return
        key = (change["usage_point"], change["channel"], change["lane"], change["end"], change["statistic"])
        before = {"value": self.rows[key]} if key in self.rows else None
        told = change.get("before")
        if (before is None) != (told is None) or before and before["value"] != told["value"]:
            self.wrong.append((change, before))
        if change.get("removed"):
            self.rows.pop(key, None)
        else:
            self.rows[key] = change["value"]

    def told(self):
        """As `told` of a plant."""
        return {(key[0], key[1], key[3]): None if value is None else float(value) for key, value in self.rows.items() if key[2] == LANE}


class Receiver(Mirror):
    """A webhook: keeps what it is told, and is away when it is told to be."""

    def __init__(self):
        super().__init__()
        self.away = False
        receiver, one_at_a_time = self, threading.Lock()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if receiver.away:
                    self.send_response(503)
                    self.end_headers()
                    return
                with one_at_a_time:
                    for change in body["changes"]:
                        receiver.take(change)
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/changes"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def of_topic(broker, name):
    """What readers of committed records make of the topic of changes, from its beginning to its end."""
    mirror = Mirror()
    topic = Topic(broker, name=name)
    for value in topic.read():
        mirror.take(json.loads(base64.b64decode(value)))
    return mirror


def of_warehouse(sql, schema):
    rows = sql("SELECT usage_point, channel, to_char(interval_end, 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), value "
               f"FROM {schema}.fact_reading WHERE lane = '{LANE}' AND statistic = 'value'")
    found = {}
    for line in rows.splitlines():
        usage_point, channel, end, value = line.split("|")
        found[(usage_point, channel, end)] = float(value) if value else None
    return found


def told(plant, usage_points):
    """What queries tell, as a follower should have it."""
    rows = {}
    for usage_point in usage_points:
        for line in plant.query(usage_point, LANE).stdout.splitlines()[1:]:
            fields = line.split(",")
            rows[(fields[0], fields[1], fields[4])] = float(fields[5]) if fields[5] else None
    return rows


def sinks(receiver, kafka, postgres, name, replication=1):
    """Of busbar.yaml."""
    return (f"changes: {{lanes: {LANE}}}\n"
            f"sinks:\n  webhook: {{url: \"{receiver.url}\"}}\n"
            f"  kafka: {{brokers: \"{kafka}\", prefix: {name}, replication: {replication}}}\n"
            f"  redshift: {{connection: \"{postgres}\", schema: {name}_facts, dialect: postgres}}\n")
