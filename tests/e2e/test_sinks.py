"""Sinks by the configuration: who follows the changes has what `query` tells, and each change once."""

import http.server
import json
import threading
import time

import cluster
import crash_plant
import pytest
from server import Server, wait_until


@pytest.fixture(scope="module")
def servers():
    with cluster.servers("kafka", "postgres") as started:
        yield started


class Receiver:
    """A webhook: keeps what it is told, and is away when it is told to be."""

    def __init__(self):
        self.changes, self.ids, self.repeated, self.away = {}, set(), 0, False
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if receiver.away:
                    self.send_response(503)
                    self.end_headers()
                    return
                for change in body["changes"]:
                    receiver.take(change)
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/changes"

    def take(self, change):
        if change["id"] in self.ids:
            self.repeated += 1
            return
        self.ids.add(change["id"])
        if change["type"] != "value":
            return
        key = (change["usage_point"], change["channel"], change["lane"], change["end"], change["statistic"])
        before = self.changes.get(key)
        assert (before is not None) == ("before" in change), (change, before)
        if before is not None:
            assert before == change["before"]["value"], (change, before)
        if change.get("removed"):
            del self.changes[key]
        else:
            self.changes[key] = change["value"]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def told(plant, lane="vee"):
    """What queries tell, as a sink should have it."""
    rows = {}
    for usage_point in crash_plant.USAGE_POINTS:
        done = plant.query(usage_point, lane)
        lines = done.stdout.splitlines()
        for line in lines[1:]:
            fields = line.split(",")
            rows[(fields[0], fields[1], fields[4])] = float(fields[5]) if fields[5] else None
    return rows


def config(servers, receiver, name, more=""):
    return servers.config(name, more=(
        "derive: {commit: {freshness: 1ms}}\nchanges: {lanes: vee}\n"
        f"sinks:\n  webhook: {{url: \"{receiver.url}\"}}\n"
        f"  kafka: {{brokers: \"{servers.kafka.address}\", prefix: {name}}}\n"
        f"  redshift: {{connection: \"{servers.postgres.address}\", schema: {name}_facts, dialect: postgres}}\n" + more))


def facts(servers, name):
    rows = servers.sql(
        "SELECT usage_point, channel, to_char(interval_end, 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), value "
        f"FROM {name}_facts.fact_reading WHERE lane = 'vee' AND statistic = 'value'")
    found = {}
    for line in rows.splitlines():
        usage_point, channel, end, value = line.split("|")
        found[(usage_point, channel, end)] = float(value) if value else None
    return found


def expect_followed(plant, servers, receiver, name):
    wanted = told(plant)
    assert len(wanted) > 1000
    assert facts(servers, name) == wanted
    web = {(key[0], key[1], key[3]): value for key, value in receiver.changes.items()}
    assert {key: None if value is None else float(value) for key, value in web.items()} == wanted


def test_every_sink_has_what_queries_tell(servers, tmp_path):
    """Files, corrections, late readings: each file is ingested, and all who follow have its changes."""
    receiver = Receiver()
    try:
        plant = crash_plant.Plant(tmp_path, config(servers, receiver, "follow"))
        for file in crash_plant.write_inputs(tmp_path / "inputs"):
            plant.must("ingest", file)
        expect_followed(plant, servers, receiver, "follow")
        assert receiver.repeated == 0
        sinks = [one for one in json.loads(plant.must("--json", "check").stdout) if one["what"] == "sink"]
        assert [one["text"].split(";")[0] for one in sinks] == ["webhook", "kafka", "redshift"]
    finally:
        receiver.close()


def test_one_that_is_away_holds_up_nobody(servers, tmp_path):
    """The others go on; what the one lacks is kept, and it has all of it when it is back."""
    receiver = Receiver()
    try:
        files = crash_plant.write_few_inputs(tmp_path / "inputs")
        plant = crash_plant.Plant(tmp_path, config(servers, receiver, "away"))
        plant.must("ingest", files[0])
        receiver.away = True
        worker = None
        plant.folder_for_server = tmp_path
        with open(tmp_path / "worker.log", "w") as log:
            import subprocess
            worker = subprocess.Popen(plant.command("worker", "--stage", "derive", "--live"), stderr=log)
        try:
            for file in files[1:]:
                plant.run("ingest", file)  # the sink that is away is no failure of it
            wait_until(lambda: facts(servers, "away") == told(plant), 60, 1)
            assert facts(servers, "away") == told(plant)
            receiver.away = False
            web = lambda: {(key[0], key[1], key[3]): None if value is None else float(value) for key, value in receiver.changes.items()}
            wait_until(lambda: web() == told(plant), 90, 1)
            assert web() == told(plant)
        finally:
            worker.terminate()
            assert worker.wait(60) == 0
    finally:
        receiver.close()
