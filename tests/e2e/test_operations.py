"""deploy/: what tools/operations makes is what is committed, and means what a running server and a real Prometheus have."""

import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request

import pytest
from server import Server, readings, wait_until
from test_metrics import metrics

TOP = pathlib.Path(__file__).parents[2]
RULES = TOP / "deploy/prometheus/busbar-rules.yaml"
SCRAPE = TOP / "deploy/prometheus/busbar-scrape.yaml"
OPERATIONS = TOP / "deploy/grafana/busbar-operations.json"
METERS = TOP / "deploy/grafana/busbar-meters.json"
PROMETHEUS, PROMTOOL = shutil.which("prometheus"), shutil.which("promtool")
needs_prometheus = pytest.mark.skipif(not PROMETHEUS or not PROMTOOL, reason="there is no Prometheus here (Debian: prometheus)")
NAME = re.compile(r"\b(?:busbar|process)_[a-z_]+")


def rule_expressions():
    found = re.findall(r"""expr: (['"])(.*)\1$""", RULES.read_text(), re.M)
    assert len(found) > 40
    return [json.loads(f'"{text}"') if quote == '"' else text for quote, text in found]


def dashboard_expressions(path):
    """Of every panel; each has a title, a place and a data source."""
    board = json.loads(path.read_text())
    assert board["uid"] and len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    expressions = []
    for panel in board["panels"]:
        assert panel["title"] and panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
        for target in panel.get("targets", []):
            assert target["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
            expressions.append(target["expr"])
    assert len(expressions) >= 9
    return expressions


def filled_in(expression):
    """As Grafana would send it."""
    for name, text in {"$__rate_interval": "1m", "$usage_point": ".+", "$channel": ".+"}.items():
        expression = expression.replace(name, text)
    assert "$" not in expression
    return expression


def test_the_files_are_what_the_tool_makes(tmp_path):
    done = subprocess.run([sys.executable, TOP / "tools/operations", "--check"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    subprocess.run([sys.executable, TOP / "tools/operations", "--to", tmp_path], check=True, timeout=60)
    made = {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()}
    committed = {path.relative_to(TOP) for folder in ("prometheus", "grafana") for path in (TOP / "deploy" / folder).rglob("*") if path.is_file()}
    assert made == committed


def test_every_metric_that_is_named_is_told(plant):
    with Server(plant) as server:
        assert server.post(readings(4)).status == 200
        samples, _ = metrics(server)
    told = {re.split(r"[{ ]", name)[0] for name in samples}
    named = set()
    for expression in rule_expressions() + dashboard_expressions(OPERATIONS):
        named |= set(NAME.findall(expression))
    assert len(named) > 25
    assert named <= told, named - told
    recorded = set(re.findall(r"record: (\S+)", RULES.read_text()))
    for expression in rule_expressions() + dashboard_expressions(OPERATIONS):
        assert set(re.findall(r"busbar:[a-z_:0-9]+", expression)) <= recorded, expression


def test_labels_that_rules_name_have_such_values(plant):
    """route="/v1/readings", stage, state, result: what is selected exists."""
    with Server(plant) as server:
        assert server.post(readings(4)).status == 200
        samples, _ = metrics(server)
    for expression in rule_expressions() + dashboard_expressions(OPERATIONS):
        for name, inside in re.findall(r"((?:busbar|process)_[a-z_]+)\{([^}]*)\}", expression):
            for label, value in re.findall(r'([a-z_]+)="([^"]*)"', inside):
                if label != "job":
                    assert any(sample.startswith(name + "{") and f'{label}="{value}"' in sample for sample in samples), (name, label, value)


def test_every_alert_is_in_the_runbook():
    headings = {re.sub(r"[^a-z]", "", line.strip("# ").lower()) for line in (TOP / "docs/operations.md").read_text().splitlines() if line.startswith("#")}
    named = set(re.findall(r'runbook: "docs/operations.md#(\w+)"', RULES.read_text()))
    assert named and named <= headings, named - headings


def test_busbar_answers_every_panel_of_the_meters(plant):
    """The dashboard on meters asks busbar itself."""
    plant.ingest(plant.file("a.csv", readings(192)))
    plant.ingest(plant.file("r.csv", "usage_point,channel,timestamp,value,unit,kind,interval\n" + "".join(
        f"A,1-0:1.8.0,2026-03-01T{hour:02d}:00:00Z,{100 + hour},kWh,register,1h\nA,temp,2026-03-01T{hour:02d}:00:00Z,{hour},°C,gauge,1h\n"
        f"A,water,2026-03-01T{hour:02d}:00:00Z,{hour},L,interval,1h\n" for hour in range(24))))
    with Server(plant, workers=0) as server:
        for expression in dashboard_expressions(METERS):
            fields = urllib.parse.urlencode({"query": filled_in(expression), "start": "2026-03-01T00:00:00Z", "end": "2026-03-03T00:00:00Z", "step": "900"})
            answer = server.request("POST", "/api/v1/query_range", body=fields, Content_Type="application/x-www-form-urlencoded")
            assert answer.status == 200, (expression, answer)
            assert answer.json()["data"]["result"], expression
        for variable in json.loads(METERS.read_text())["templating"]["list"][1:]:
            query = re.fullmatch(r"label_values\((?:(.*), )?(\w+)\)", variable["query"]["query"])
            match = f"?match[]={urllib.parse.quote(filled_in(query[1]))}" if query[1] else ""
            assert server.get(f"/api/v1/label/{query[2]}/values{match}").json()["data"], variable["name"]


# ---- a real Prometheus


@needs_prometheus
def test_promtool_takes_rules_configuration_and_metrics(plant):
    for arguments in (["check", "rules", RULES], ["check", "config", SCRAPE]):
        done = subprocess.run([PROMTOOL, *arguments], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0 and "duplicate" not in done.stdout + done.stderr, done
    with Server(plant) as server:
        assert server.post(readings(4)).status == 200
        done = subprocess.run([PROMTOOL, "check", "metrics"], input=server.get("/metrics").body, capture_output=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@needs_prometheus
def test_a_real_prometheus_scrapes_alerts_and_writes(plant):
    with Server(plant) as server:
        assert server.post(readings(4)).status == 200
        port = free_port()
        address = f"127.0.0.1:{port}"
        config = plant.file("prometheus/prometheus.yml", f"""
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: ["{RULES}"]
scrape_configs:
  - job_name: busbar
    static_configs: [{{targets: ["{server.host}:{server.port}"]}}]
remote_write:
  - url: {server.url}/v1/readings?kind=gauge
    write_relabel_configs:
      - {{source_labels: [__name__], regex: up, action: keep}}
      - {{target_label: usage_point, replacement: watched}}
""")
        process = subprocess.Popen([PROMETHEUS, f"--config.file={config}", f"--storage.tsdb.path={plant.folder}/prometheus/data",
                                    f"--web.listen-address={address}"], stderr=subprocess.DEVNULL, env={**os.environ, "GOMAXPROCS": "1"})
        try:
            def ask(path, **parameters):
                url = f"http://{address}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
                try:
                    with urllib.request.urlopen(url, timeout=10) as answer:
                        return json.load(answer)["data"]
                except OSError:
                    return None

            def scraped():
                targets = (ask("targets") or {}).get("activeTargets")
                return targets and targets[0]["health"] == "up" and targets[0]
            target = wait_until(scraped, 60)
            assert target and not target["lastError"], target
            assert wait_until(lambda: (ask("query", query='sum(busbar_readings_total{result="accepted"})') or {}).get("result"), 30)
            assert ask("query", query='busbar_readings_total{result="accepted"}')["result"][0]["value"][1] == "4"
            for expression in dashboard_expressions(OPERATIONS):
                assert ask("query", query=filled_in(expression)) is not None, expression
            types = ask("metadata")
            assert types["busbar_derive_delay_seconds"][0]["type"] == "histogram"
            # rules are evaluated, and a healthy plant raises no alert
            wait_until(lambda: all(rule["health"] == "ok" for group in ask("rules")["groups"] for rule in group["rules"]), 30)
            groups = ask("rules")["groups"]
            assert {rule["health"] for group in groups for rule in group["rules"]} == {"ok"}, groups
            assert not ask("alerts")["alerts"]
            # what Prometheus scraped comes back from busbar, through its own API
            def written():
                told = server.get("/api/v1/query?" + urllib.parse.urlencode({"query": 'busbar_value{usage_point="watched",channel="up"}', "time": time.time()})).json()
                return told["data"]["result"]
            assert wait_until(written, 60), server.lines
            assert written()[0]["value"][1] == "1"
        finally:
            process.terminate()
            process.wait(60)
