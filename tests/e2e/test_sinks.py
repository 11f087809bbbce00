"""Sinks by the configuration: who follows the changes has what `query` tells, and each change once."""

import json
import subprocess

import cluster
import crash_plant
import pytest
from follower import Receiver, of_topic, of_warehouse, sinks, told
from server import wait_until


@pytest.fixture(scope="module")
def servers():
    with cluster.servers("kafka", "postgres") as started:
        yield started


def config(servers, receiver, name):
    return servers.config(name, more="derive: {commit: {freshness: 1ms}}\n" + sinks(receiver, servers.kafka.address, servers.postgres.address, name))


def expect_followed(plant, servers, receiver, name):
    wanted = told(plant, crash_plant.USAGE_POINTS)
    assert len(wanted) > 1000
    assert of_warehouse(servers.sql, f"{name}_facts") == wanted
    topic = of_topic(servers.kafka, f"{name}.changes")
    for mirror in (receiver, topic):
        assert not mirror.wrong, mirror.wrong[:3]
        assert mirror.told() == wanted
        assert mirror.repeated == 0


def test_every_sink_has_what_queries_tell(servers, tmp_path):
    """Files, corrections, late readings: each file is ingested, and all who follow have its changes."""
    receiver = Receiver()
    try:
        plant = crash_plant.Plant(tmp_path, config(servers, receiver, "follow"))
        for file in crash_plant.write_inputs(tmp_path / "inputs"):
            plant.must("ingest", file)
        expect_followed(plant, servers, receiver, "follow")
        checked = [one for one in json.loads(plant.must("--json", "check").stdout) if one["what"] == "sink"]
        assert [one["text"].split(";")[0] for one in checked] == ["webhook", "kafka", "redshift"]
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
        with open(tmp_path / "worker.log", "w") as log:
            worker = subprocess.Popen(plant.command("worker", "--stage", "derive", "--live"), stderr=log)
        try:
            for file in files[1:]:
                plant.run("ingest", file)  # the sink that is away is no failure of it
            wait_until(lambda: of_warehouse(servers.sql, "away_facts") == told(plant, crash_plant.USAGE_POINTS), 60, 1)
            assert of_warehouse(servers.sql, "away_facts") == told(plant, crash_plant.USAGE_POINTS)
            receiver.away = False
            wait_until(lambda: receiver.told() == told(plant, crash_plant.USAGE_POINTS), 90, 1)
            assert receiver.told() == told(plant, crash_plant.USAGE_POINTS)
        finally:
            worker.terminate()
            assert worker.wait(60) == 0
    finally:
        receiver.close()
