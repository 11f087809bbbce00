"""The same pipeline on engines that others keep alive: Kafka for the log, PostgreSQL for store and registry."""

import gzip
import json
import subprocess

import cluster
import crash_plant
import pytest
from server import Server, wait_until

DERIVE = "derive: {commit: {freshness: 1ms}}\n"


@pytest.fixture(scope="module")
def servers():
    with cluster.servers("kafka", "postgres") as started:
        yield started


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Inputs, and what a plant in one folder makes of them."""
    folder = tmp_path_factory.mktemp("world")
    files = crash_plant.write_inputs(folder / "inputs")
    plant = crash_plant.Plant(folder / "embedded")
    counts = [plant.counts(file) for file in files]
    return files, counts, plant.content()


def expect_equal(content, expected):
    for key, text in expected.items():
        assert content[key] == text, key


def test_what_is_stored_and_told_is_the_same(servers, world, tmp_path):
    """File by file the same counts; in the end the same lanes, channels and exceptions, byte for byte."""
    files, counts, expected = world
    plant = crash_plant.Plant(tmp_path, servers.config(more=DERIVE))
    for file, count in zip(files, counts):
        assert plant.counts(file) == count, file.name
    expect_equal(plant.content(), expected)
    plant.check_deep()
    assert not (plant.data / "log").exists() and not (plant.data / "store").exists() and not (plant.data / "registry.db").exists()


@pytest.mark.parametrize("name", ["kafka", "postgres"])
def test_each_engine_alone(servers, world, tmp_path, name):
    """One of them beside the embedded others."""
    files, counts, expected = world
    alone = cluster.Cluster({name: servers.servers[name]})
    plant = crash_plant.Plant(tmp_path, alone.config(more=DERIVE))
    for file, count in zip(files, counts):
        assert plant.counts(file) == count, file.name
    expect_equal(plant.content(), expected)


def test_what_a_dead_worker_would_have_projected_another_one_does(servers, world, tmp_path):
    """Two share the partitions; one is killed, and what comes then reaches the registry whole, by the other."""
    files, _, expected = world
    config = servers.config(more=DERIVE).replace("patience: 60s", "patience: 60s, session: 3s")
    plant = crash_plant.Plant(tmp_path, config)
    plant.data.mkdir()
    (plant.data / "busbar.yaml").write_text(config)

    def post(server, file):
        body = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        kind = "application/x-ndjson" if ".ndjson" in file.suffixes else "text/csv"
        answer = server.post(body, content_type=kind)
        assert answer.status == 200, (file, answer)

    def start(name):
        """A worker that has been given partitions."""
        log = tmp_path / f"{name}.log"
        with open(log, "w", encoding="utf-8") as told:
            process = subprocess.Popen(plant.command("worker", "--stage", "derive", "--live"), stdout=subprocess.DEVNULL, stderr=told)
        assert wait_until(lambda: "partitions-gained" in log.read_text(encoding="utf-8"), 60), log.read_text(encoding="utf-8")
        return process

    with Server(plant, workers=0) as server:
        workers = []
        try:
            workers.append(start("first"))
            for file in files[:2]:
                post(server, file)
            workers.append(start("second"))
            workers[0].kill()
            for file in files[2:]:
                post(server, file)
            wait_until(lambda: plant.content() == expected, 60, 1)
            expect_equal(plant.content(), expected)
            workers[1].terminate()
            assert workers[1].wait(30) == 0
        finally:
            for worker in workers:
                worker.kill()
                worker.wait(30)


def test_old_values_in_files(servers, world, tmp_path):
    """Everything that is over goes to files while half of the inputs are still to come; nobody who asks sees a difference."""
    files, _, expected = world
    plant = crash_plant.Plant(tmp_path, servers.config("cold", more=f"{DERIVE}archive: {{folder: {tmp_path / 'cold'}, grace: 0s}}\n"))
    half = len(files) // 2
    for some in (files[:half], files[half:]):
        plant.must("ingest", *some)
        for lane in ("raw", "vee", "day"):
            told = json.loads(plant.must("--json", "archive", "--before", "2025-01", "--lane", lane).stdout)
            assert told["failed"] == 0 and told["files"] > 0, told
    assert servers.sql("SELECT count(*) FROM cold.block WHERE lane = 0 AND value IS NOT NULL") == "0"
    expect_equal(plant.content(), expected)
    assert json.loads(plant.must("--json", "archive", "verify").stdout)["damaged"] == 0


def test_check_says_where_everything_is(servers, world, tmp_path):
    plant = crash_plant.Plant(tmp_path, servers.config(more=DERIVE))
    plant.must("ingest", world[0][0])
    told = {one["what"]: one for one in json.loads(plant.must("--json", "check").stdout)}
    assert told["log"]["text"].startswith("kafka"), told["log"]
    assert told["store"]["text"].startswith("postgres"), told["store"]
    assert told["registry"]["text"].startswith("postgres"), told["registry"]


def test_what_is_copied_elsewhere_is_said(servers, world, tmp_path):
    """A backup is of a folder; what lies elsewhere has tools of its own."""
    plant = crash_plant.Plant(tmp_path, servers.config(more=DERIVE))
    plant.must("ingest", world[0][0])
    done = plant.run("backup", str(tmp_path / "copy"))
    assert done.returncode != 0 and "BB-7000" in done.stderr, done.stderr
    registry = tmp_path / "registry.yaml"
    registry.write_text("usage_points: [{name: E1, customer: c1}]\n")
    plant.must("registry", "apply", registry)
    erased = plant.run("registry", "erase", "c1", "--reason", "asked", "--yes")
    assert erased.returncode != 0 and "BB-7000" in erased.stderr, erased.stderr
