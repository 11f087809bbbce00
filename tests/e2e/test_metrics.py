"""/metrics: every row of the table is told by a running server, and counts what happened."""

import contextlib
import os
import pathlib
import re
import signal
import threading
import time
import urllib.parse

import pytest
from conftest import quarter_hours
from server import Server, children, readings, wait_until
from test_serve_keys import bearer, make_key

TABLE = pathlib.Path(__file__).parents[2] / "src/service/metric.def"
SAMPLE = re.compile(r'([a-z_]+)(\{.*\})? (\S+)$')


def rows():
    """{name: type} of the table."""
    found = re.findall(r'BB_METRIC\(\w+,\s*"(\w+)",\s*(\w+),', re.sub(r"(?s)/\*.*?\*/", "", TABLE.read_text()))
    assert len(found) > 25
    return {name: kind.lower() for name, kind in found}


def metrics(server, **headers):
    """{name with labels: value} and {family: type}, of a page whose lines are what they should be."""
    answer = server.get("/metrics", **headers)
    assert answer.status == 200, answer
    samples, types, helps = {}, {}, set()
    family = None
    for line in answer.body.decode().splitlines():
        if line.startswith("# HELP "):
            family = line.split()[2]
            assert family not in helps, "each family is told once"
            helps.add(family)
        elif line.startswith("# TYPE "):
            assert line.split()[2] == family
            types[family] = line.split()[3]
        elif not line.startswith("#"):
            match = SAMPLE.match(line)
            assert match, line
            assert match[1].startswith(family), (line, family)
            assert match[1] + (match[2] or "") not in samples, "each sample is told once"
            samples[match[1] + (match[2] or "")] = float(match[3])
    return samples, types


def value(server, name, **headers):
    return metrics(server, **headers)[0][name]


def test_every_row_of_the_table_is_told(filled):
    with Server(filled) as server:
        assert server.get("/v1/overview").status == 200
        samples, types = metrics(server)
        told = {name.removesuffix("_total") if kind == "counter" else name: kind for name, kind in types.items()}
        assert told == rows()
        for name, kind in types.items():
            some = [sample for sample in samples if re.match(name + (r"(_bucket|_sum|_count)" if kind == "histogram" else "") + r"(\{|$)", sample)]
            assert some, name
        assert not any(label in sample for sample in samples for label in ("usage_point", "tenant", "channel"))


def test_open_metrics(filled):
    with Server(filled) as server:
        answer = server.get("/metrics", Accept="application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1")
        assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
        text = answer.body.decode()
        assert text.endswith("\n# EOF\n") and "# TYPE busbar_readings counter\n" in text and "# UNIT busbar_log_bytes bytes\n" in text
        assert server.get("/metrics").headers["Content-Type"].startswith("text/plain; version=0.0.4")
        assert server.get("/metrics", Accept="application/json").status == 406


def test_readings_are_counted_by_what_came_of_them(plant):
    plant.ingest(plant.file("first.csv", quarter_hours(["1"] * 4)))
    with Server(plant) as server:
        before, _ = metrics(server)
        assert before["busbar_log_readings_total"] == 4, "what came before the server is not forgotten"
        assert server.get("/v1/overview").json()["readings_total"] == 4
        assert before['busbar_http_request_duration_seconds_count{route="/v1/readings",method="POST",status="5xx"}'] == 0
        assert server.post(readings(10, usage_point="B"), "wait=derived").status == 200
        key = {"Idempotency_Key": "k"}
        for _ in range(2):
            assert server.post(readings(3, usage_point="C"), **key).status == 200
        assert server.post(readings(3, usage_point="C") + "C,x,never,1,kWh,interval,15m\n").status == 400
        assert server.post(readings(3, usage_point="D") + "D,x,never,1,kWh,interval,15m\n", "partial=1").status == 207
        after, _ = metrics(server)
        assert after['busbar_readings_total{result="accepted"}'] == 10 + 3 + 3
        assert after['busbar_readings_total{result="duplicate"}'] == 3
        assert after['busbar_readings_total{result="rejected"}'] == 2
        assert after['busbar_http_request_duration_seconds_count{route="/v1/readings",method="POST",status="2xx"}'] == 4
        assert after['busbar_http_request_duration_seconds_count{route="/v1/readings",method="POST",status="4xx"}'] == 1
        assert after['busbar_log_sync_duration_seconds_count'] >= 3
        assert after["busbar_post_body_bytes_total"] > 500
        assert wait_until(lambda: value(server, 'busbar_derived_readings_total{result="added"}') == 16), "what workers took, who counts too"
        derived, _ = metrics(server)
        assert derived["busbar_derive_delay_seconds_count"] == 16 and 0 < derived["busbar_derive_delay_seconds_sum"] < 16 * 30
        assert derived["busbar_derive_commits_total"] >= 1 and derived["busbar_derive_blocks_total"] >= 1
        assert wait_until(lambda: value(server, "busbar_log_readings_total") == 4 + 16)


def test_times_of_requests_are_in_buckets_that_add_up(filled):
    with Server(filled) as server:
        for _ in range(5):
            assert server.get("/livez").status == 200
        assert server.get("/nowhere").status == 404
        counted = [f"busbar_http_request_duration_seconds_count{{{labels}}}" for labels in
                   ('route="/livez",method="GET",status="2xx"', 'route="none",method="none",status="4xx"')]

        def counts():
            samples, _ = metrics(server)
            return [samples.get(name) for name in counted]

        assert wait_until(lambda: counts() == [5, 1]), counts() # a request is counted when its answer is on its way
        samples, _ = metrics(server)
        prefix = 'busbar_http_request_duration_seconds_bucket{route="/livez",method="GET",status="2xx",le="'
        buckets = [(float(name[len(prefix):-2]), count) for name, count in samples.items() if name.startswith(prefix)]
        assert [bound for bound, _ in buckets] == sorted(bound for bound, _ in buckets) and buckets[-1] == (float("inf"), 5)
        assert [count for _, count in buckets] == sorted(count for _, count in buckets)


def test_backlog_and_workers(plant):
    """Without workers readings wait; with one that is killed, it is told and what it counted is kept."""
    with Server(plant, workers=0) as server:
        assert server.post(readings(50)).status == 200
        assert wait_until(lambda: value(server, 'busbar_backlog_records{stage="derive"}') == 50)
        time.sleep(1.1)
        samples, _ = metrics(server)
        assert samples['busbar_backlog_age_seconds{stage="derive"}'] > 0.5
        lags = [count for name, count in samples.items() if name.startswith("busbar_partition_lag_readings")]
        assert sum(lags) == 50 and max(lags) == 50, "all of one usage point are in one partition"
        assert samples["busbar_workers_wanted"] == 0 == samples['busbar_workers{state="running"}']
    with Server(plant, workers=1) as server:
        assert wait_until(lambda: value(server, 'busbar_derived_readings_total{result="added"}') == 50)
        assert value(server, 'busbar_workers{state="running"}') == 1 == value(server, "busbar_workers_wanted")
        assert value(server, "busbar_workers_resident_memory_bytes") > 1e6
        os.kill(children(server.process.pid)[0], signal.SIGKILL)
        assert wait_until(lambda: value(server, "busbar_worker_ends_total") == 1)
        assert wait_until(lambda: value(server, 'busbar_workers{state="running"}') == 1)
        assert server.post(readings(5, usage_point="B"), "wait=derived").status == 200
        assert value(server, 'busbar_derived_readings_total{result="added"}') == 55, "the killed one's count is kept"
        assert wait_until(lambda: value(server, 'busbar_backlog_records{stage="deliver"}') == 0)


def test_exceptions_open_by_check(plant):
    plant.run("generate", "--meters", 12, "--days", 16, "--faults", "0.5", "--seed", 3, "--out", "city", expect=0)
    plant.run("registry", "apply", plant.folder / "city/registry.yaml", expect=0)
    plant.ingest(*sorted((plant.folder / "city").glob("readings*")))
    with Server(plant, workers=0) as server:
        expected = {}
        for row in plant.list("exceptions"):
            expected[row["check"]] = expected.get(row["check"], 0) + 1
        assert len(expected) > 1
        samples, _ = metrics(server)
        assert {name.split('"')[1]: count for name, count in samples.items() if name.startswith("busbar_exceptions_open") and count} == expected


def test_the_process_is_what_the_kernel_says(filled):
    with Server(filled) as server:
        samples, _ = metrics(server)
        pid = server.process.pid
        resident = int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")
        assert samples["process_resident_memory_bytes"] == pytest.approx(resident, rel=0.3)
        assert samples["process_open_fds"] == pytest.approx(len(os.listdir(f"/proc/{pid}/fd")), abs=4)
        assert abs(samples["process_start_time_seconds"] - time.time()) < 30
        assert samples['busbar_build_info{version="' + filled.run("--json", "version").json()["version"] + '"}'] == 1
        assert samples["busbar_log_writable"] == 1


def test_who_may_read_it(filled):
    keys = {role: make_key(filled, role) for role in ("ro", "adm", "ing")}
    with Server(filled) as server:
        assert server.get("/metrics").status == 401
        assert server.get("/metrics", **bearer(keys["ing"])).status == 403
        for role in ("ro", "adm"):
            assert server.get("/metrics", **bearer(keys[role])).status == 200


def test_the_overview_says_how_fast_budgets_burn(filled):
    """A request is counted once its answer is on its way, on the thread of its connection: by the next one of the same connection it is,
    whatever the machine's pace."""
    with Server(filled) as server, contextlib.closing(server.connect()) as connection:
        def burn():
            answer = server.get("/v1/overview", connection=connection)
            return {row["name"]: (row["objective"], row["burn"]) for row in answer.json()["slo"]}
        told = burn()
        assert told.keys() == {"posts", "questions", "durable", "fresh"}
        assert told["posts"] == (0.999, {"1h": 0, "6h": 0}) and told["fresh"][0] == 0.99
        slow = urllib.parse.quote(" + ".join(f'sum(rate(busbar_energy_kilowatt_hours{{lane="hour"}}[{days}d]))' for days in range(80, 92)))
        statuses = [server.get(f"/api/v1/query_range?query={slow}&start=2026-03-01T00:00:00Z&end=2026-03-02T00:00:00Z&step=10&timeout=1ms",
                               connection=connection).status for _ in range(3)]
        assert statuses == [503] * 3
        samples, _ = metrics(server, connection=connection)
        names = [name for name in samples if name.startswith("busbar_http_request_duration_seconds_count") and "/v1/readings" not in name and '"none",method' not in name]
        errors, everything = sum(samples[name] for name in names if 'status="5xx"' in name), sum(samples[name] for name in names)
        assert (errors, everything) == (3, 4)
        asked = everything + 1  # the page of metrics
        assert burn()["questions"][1] == pytest.approx({"1h": errors / asked / 0.001, "6h": errors / asked / 0.001})
        assert burn()["posts"][1] == {"1h": 0, "6h": 0}


QUESTIONS = 40


def test_long_questions_do_not_hold_it_up(plant):
    """With one thread for questions, and many that wait for it, Prometheus is answered before them."""
    plant.ingest(plant.file("long.csv", readings(96 * 20)))
    (plant.data / "busbar.yaml").write_text("http:\n  handlers: 1\n")
    with Server(plant, workers=0) as server:
        term = 'sum(busbar_energy_kilowatt_hours{lane="hour"})'
        question = urllib.parse.urlencode({"query": " + ".join([term] * 300), "start": "2026-03-01T00:00:00Z", "end": "2026-03-20T00:00:00Z", "step": "1h"})
        answered = []

        def ask():
            answered.append(server.request("POST", "/api/v1/query_range", body=question,
                                           Content_Type="application/x-www-form-urlencoded").status)
        askers = [threading.Thread(target=ask) for _ in range(QUESTIONS)]
        for asker in askers:
            asker.start()
        while not answered:
            time.sleep(0.005)
        assert server.get("/metrics").status == 200
        left = QUESTIONS - len(answered)
        for asker in askers:
            asker.join()
        assert left > 0, "it came behind every question"
        assert set(answered) <= {200, 503}
