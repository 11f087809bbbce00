"""Rules over HTTP: looked at, tried on what is stored, deployed; and what that may not hold up."""

import json
import subprocess
import threading
import time

import pytest
from conftest import needs_numpy
from server import Server, readings
from test_rules_deploy import CAPPED, CASES, DAYS, FROM, METERS, PER_DAY, deployed, fill, rules
from test_serve_keys import bearer, make_key

pytestmark = needs_numpy

SLOW = '''import math
from busbar import rule


@rule(inputs="1-1:1.29.0", window="1d")
def slow(w):
    for i in range(30_000_000):
        math.sqrt(i)
    w.flag(w.new & (w.value > 2), "high")
'''


def module(source=CAPPED, name="capped"):
    return {"name": name, "source": source}


class Desk:
    """A server with keys, and what one asks it about rules."""

    def __init__(self, plant, server, keys):
        self.plant, self.server, self.keys = plant, server, keys

    def post(self, path, body, role="adm"):
        return self.server.request("POST", path, body=body if isinstance(body, str) else json.dumps(body), Content_Type="application/json",
                                   **self.keys[role])

    def backtest(self, role="adm", **body):
        return self.post("/v1/rules/backtest", body, role)

    def deploy(self, role="adm", **body):
        return self.post("/v1/rules", {"reason": "because", **body}, role)

    def get(self, path, role="ro"):
        return self.server.get(path, **self.keys[role])

    def versions(self):
        return [(row["rule"], row["version"]) for row in self.get("/v1/rules").json()["items"]]


def keyed(plant):
    return {role: bearer(make_key(plant, role)) for role in ("ing", "ro", "adm")}


@pytest.fixture
def desk(plant):
    fill(plant)
    keys = keyed(plant)
    with Server(plant) as server:
        yield Desk(plant, server, keys)


# ---- trying


def test_a_posted_module_is_tried_and_nothing_is_changed(desk):
    told = desk.backtest(module=module(), **{"from": FROM}, rows=3)
    assert told.status == 200, told
    told = told.json()
    assert (told["values"], told["changed"], told["channels"]) == (METERS * DAYS * PER_DAY, 2 * METERS, METERS)
    assert told["difference"] == pytest.approx(-4 * METERS) and told["unit"] == "kWh" and len(told["rows"]) == 3
    assert (told["rule"], told["from"], told["to"], told["cut_short"], told["through"], told["failed_windows"]) == (
        "capped", FROM, None, False, None, 0)
    shown = rules(desk.plant, "diff", "capped", "--from", FROM, "--rows", "3")  # as the command line has it
    assert {key: told[key] for key in shown if key in told and key not in ("rule_seconds",)} == {
        key: shown[key] for key in shown if key in told and key not in ("rule_seconds",)}
    assert told["version"] == shown["version"]
    assert desk.versions() == []
    one = desk.backtest(module=module(), **{"from": FROM, "to": "2026-03-02T00:00:00Z"}, usage_point="M3", parameters={"most": 4}).json()
    assert [(row["usage_point"], row["before"], row["after"]) for row in one["rows"]] == [("M3", 5, 4)] and one["values"] == PER_DAY
    share = desk.backtest(module=module(), **{"from": FROM}, canary=0.25).json()
    assert 0 < share["channels"] < METERS


def test_a_deployed_rule_is_tried_with_other_parameters(desk):
    assert desk.deploy(module=module(), **{"from": FROM}, parameters={"most": 4}).status == 200
    told = desk.backtest(rule="capped", **{"from": FROM}, parameters={"most": 2}).json()
    assert told["changed"] == 2 * METERS and told["difference"] == pytest.approx(-3 * METERS)
    assert {(row["before"], row["after"]) for row in told["rows"]} == {(4, 2), (3, 2)}
    same = desk.backtest(rule="capped", **{"from": FROM}).json()  # as it is deployed: its own parameters
    assert same["changed"] == 0 and same["version"] == desk.versions()[0][1]


@pytest.mark.parametrize("body,status,code,says", [
    ("{", 400, "BB-6003", "no JSON"), ("[]", 400, "BB-6003", "JSON object"), ({}, 400, "BB-6003", "rule"),
    ({"rul": "capped"}, 400, "BB-6003", "did you mean rule"), ({"rule": 3}, 400, "BB-6003", "rule"),
    ({"rule": "nobody"}, 404, "BB-5012", "nobody"),
    ({"module": "text"}, 400, "BB-6003", "module"), ({"module": {"name": "a"}}, 400, "BB-6003", "source"),
    ({"module": {"name": "a\nimport os", "source": "x"}}, 400, "BB-6003", "module.name"),
    ({"module": {"name": "../a", "source": "x"}}, 400, "BB-6003", "module.name"),
    ({"module": {**module(), "side": ["t.csv"]}}, 400, "BB-6003", "module.side"), ({"module": {**module(), "sides": {}}}, 400, "BB-6003", "did you mean side"),
    ({"module": {**module(CAPPED.replace('window="1d"', 'window="1d", side={"t": "t.csv"}')), "side": {"t.csv": "time,c\nnever,1\n"}}}, 422, "BB-5009", "t.csv"),
    ({"module": module(CAPPED.replace('window="1d"', 'window="1d", side={"t": "t.csv"}'))}, 422, "BB-5009", "t.csv"),
    ({"module": module("import os, busbar\nraise SystemExit")}, 422, "BB-5003", "SystemExit"),
    ({"module": module("def (:")}, 422, "BB-5003", "SyntaxError"),
    ({"module": module(CAPPED + CAPPED.replace("def capped", "def other")), "rule": "third"}, 400, "BB-6003", "several rules"),
    ({"module": module(), "function": "other"}, 400, "BB-6003", "no rule other"),
    ({"module": module(), "parameters": {"most": 1000}}, 422, "BB-5011", "from 0 to 100"),
    ({"module": module(), "parameters": []}, 400, "BB-6003", "parameters"),
    ({"module": module(), "canary": 0}, 400, "BB-6003", "canary"), ({"module": module(), "canary": "5%"}, 400, "BB-6003", "canary"),
    ({"module": module(), "rows": 10001}, 400, "BB-6003", "rows"), ({"module": module(), "from": "yesterday"}, 400, "BB-6003", "from"),
    ({"module": module(), "usage_point": "nobody"}, 404, "BB-2002", "nobody"),
    ({"module": module(CAPPED.replace('window="1d"', 'window="1d", lane="hour"'))}, 422, "BB-5010", "hour"),
])
def test_what_is_not_right_is_refused_by_name(desk, body, status, code, says):
    told = desk.post("/v1/rules/backtest", body)
    assert (told.status, told.code) == (status, code), told
    assert says in told.json()["detail"]
    if isinstance(body, dict) and not {"rows", "usage_point"} & body.keys():
        told = desk.post("/v1/rules", {**body, "reason": "because"})
        assert (told.status, told.code) == (status, code) and says in told.json()["detail"]
    assert desk.versions() == []


HOSTILE = {
    "crashes": ("import os\n", "os._exit(3)"), "raises": ("", "w.value[0] / 0 if False else 1 / 0"),
    "spins": ("", "exec('while True: pass')"), "eats": ("", "bytearray(8 << 30)"),
    "files": ("", "open('/etc/passwd').read()"), "sockets": ("import socket\n", "socket.create_connection(('127.0.0.1', 1))"),
    "lies": ("", "w.correct(w.new, float('nan'), 'x')"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_rule_that_fails_costs_its_windows_and_nothing_else(plant, kind):
    fill(plant)
    (plant.data / "busbar.yaml").write_text("rules: {deadline: 500ms}\n")
    above, does = HOSTILE[kind]
    source = f'{above}from busbar import rule\n\n\n@rule(inputs="1-1:1.29.0", window="1d")\ndef bad(w):\n    if w.usage_point == "M7":\n        {does}\n' \
             '    w.flag(w.new & (w.value > 4), "high")\n'
    keys = keyed(plant)
    with Server(plant) as server:
        desk = Desk(plant, server, keys)
        told = desk.backtest(module=module(source, "bad"), **{"from": FROM})
        assert told.status == 200, told
        told = told.json()
        assert told["failed_windows"] == DAYS and {row["usage_point"] for row in told["failures"]} == {"M7"} and told["failures"][0]["text"] is not None
        assert {row["usage_point"] for row in told["rows"]} == {f"M{i}" for i in range(METERS)} - {"M7"}
        assert desk.get("/v1/rules").json()["items"] == [] and desk.get("/readyz").status == 200
    assert not leftovers(server)


def leftovers(server):
    """Processes that the server left behind."""
    listed = subprocess.run(["ps", "-eo", "ppid,args"], capture_output=True, text=True).stdout
    return [line for line in listed.splitlines() if line.split()[0] == str(server.process.pid)]


# ---- deploying


def test_deployed_promoted_and_who_did_it(desk):
    assert desk.deploy("ro", module=module()).status == 403 and desk.backtest("ro", module=module()).status == 403
    assert desk.post("/v1/rules", {"module": module()}).code == "BB-6003"
    first = desk.deploy(module=module(), **{"from": FROM}, canary=0.25, cases=CASES, reason="try it")
    assert first.status == 200, first
    version = first.json()["version"]
    assert first.json() == {"rule": "capped", "version": version, "replaced": None, "derived": True}
    [row] = deployed(desk.plant)
    assert (row["version"], row["state"], row["share"], row["reason"], row["from"]) == (version, "canary", 0.25, "try it", FROM)
    assert row["by"].startswith("key bb_adm_")
    again = desk.deploy(module=module(), **{"from": FROM}, canary=0.25)
    assert again.json() == {"rule": "capped", "version": version, "replaced": None, "derived": True, "same": True}
    promoted = desk.deploy(rule="capped", **{"from": FROM})
    assert promoted.json() == {"rule": "capped", "version": version, "replaced": version, "derived": True}
    [row] = deployed(desk.plant)
    assert (row["state"], row["share"]) == ("deployed", 1)
    named = desk.deploy(rule="capped", name="second", before="capped", parameters={"most": 3})
    assert named.status == 200 and [row["rule"] for row in deployed(desk.plant)] == ["second", "capped"]
    told = [(row["verb"], row["reason"], row["outcome"]) for row in desk.plant.list("audit") if row["origin"] != "command line"]
    assert ("rules deploy", "try it", "done") in told and ("rules backtest", "", "refused") in told


def test_cases_that_fail_refuse(desk):
    wrong = CASES.replace("{correct: 2}", "flag")
    told = desk.deploy(module=module(), cases=wrong)
    assert (told.status, told.code) == (422, "BB-5013") and "a high value is capped" in told.json()["detail"]
    assert desk.deploy(module=module(), cases="cases: [").code == "BB-5004" and desk.versions() == []
    assert desk.deploy(module=module(), cases=wrong, force=True).status == 200 and len(desk.versions()) == 1


def test_what_lies_beside_a_module_is_posted_with_it(desk):
    source = '''from busbar import rule


@rule(inputs="1-1:1.29.0", window="1d", side={"limit": "limit.csv"})
def limited(w):
    w.flag(w.new & (w.value > w.side["limit"].at(w.ts)), "above")
'''
    beside = {"name": "limited", "source": source, "side": {"limit.csv": "time,most\n2026-01-01T00:00:00Z,4\n2026-12-31T00:00:00Z,4\n"}}
    told = desk.backtest(module=beside, **{"from": FROM}).json()
    assert (told["flags_changed"], told["changed"]) == (METERS, 0) and {row["before"] for row in told["rows"]} == {5}
    assert desk.deploy(module=beside, **{"from": FROM}).status == 200
    assert desk.backtest(rule="limited", **{"from": FROM}).json()["flags_changed"] == 0
    assert desk.get("/v1/rules/limited").json()["parameters"] == {}


def test_two_at_once_lose_nothing(desk):
    answers = {}

    def deploy(name):
        answers[name] = desk.deploy(module=module(), name=name)

    threads = [threading.Thread(target=deploy, args=(f"rule_{i}",)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert {answer.status for answer in answers.values()} <= {200, 202}, answers
    assert sorted(name for name, _ in desk.versions()) == sorted(answers)


# ---- what it may not hold up


def test_a_long_back_test_holds_nobody_up_and_says_that_it_was_cut_short(plant):
    fill(plant)
    (plant.data / "busbar.yaml").write_text("rules: {trial: 4s}\n")
    keys = keyed(plant)
    with Server(plant) as server:
        desk, told = Desk(plant, server, keys), []
        thread = threading.Thread(target=lambda: told.append(desk.backtest(module=module(SLOW, "slow"), **{"from": FROM})))
        thread.start()
        time.sleep(0.7)
        refused = desk.backtest(module=module())
        assert (refused.status, refused.code) == (429, "BB-5016") and int(refused.headers["Retry-After"]) > 0
        began = time.monotonic()
        for _ in range(10):
            assert desk.get("/v1/rules").status == 200
            assert server.post(readings(4, usage_point="POSTED"), **keys["ing"]).status in (200, 202)
        assert desk.deploy(module=module()).status in (200, 202)
        assert time.monotonic() - began < 10 and thread.is_alive()
        thread.join(60)
        assert told[0].status == 200, told
        told = told[0].json()
        assert told["cut_short"] and told["values"] < METERS * DAYS * PER_DAY and 3 < told["seconds"] < 9
        assert all(row["usage_point"] <= (told["through"] or "") for row in told["rows"])
        assert desk.backtest(module=module()).status == 200


def test_a_server_that_ends_does_not_wait_for_a_back_test(plant):
    fill(plant)
    (plant.data / "busbar.yaml").write_text("rules: {deadline: 1s}\n")
    keys = keyed(plant)
    with Server(plant) as server:
        told = []
        thread = threading.Thread(target=lambda: told.append(Desk(plant, server, keys).backtest(module=module(SLOW, "slow"), **{"from": FROM})))
        thread.start()
        time.sleep(1)
        began = time.monotonic()
        server.stop()
        assert time.monotonic() - began < 15
        thread.join(10)
    assert told[0].status == 200 and told[0].json()["cut_short"], told


# ---- looking


def test_one_rule_with_its_form_its_text_its_versions_and_what_it_costs(desk):
    desk.deploy(module=module(), **{"from": FROM}, reason="first")
    desk.deploy(rule="capped", **{"from": FROM}, parameters={"most": 4}, reason="second")
    told = desk.get("/v1/rules/capped").json()
    assert {key: told[key] for key in ("rule", "lane", "channel", "module", "function", "description", "source")} == {
        "rule": "capped", "lane": "vee", "channel": "1-1:1.29.0", "module": "capped", "function": "capped",
        "description": "Nothing above a limit.", "source": CAPPED}
    assert told["parameters"] == {"most": {"kind": "number", "default": 2.0, "min": 0, "max": 100, "help": "no value is greater"}}
    assert [row["reason"] for row in told["versions"]] == ["second", "first"] and told["versions"] == desk.get("/v1/rules").json()["items"]
    cost = told["cost"]
    assert cost["windows"] >= 2 * METERS * DAYS and cost["points"] >= cost["windows"] and cost["failures"] == 0 and cost["seconds"] > 0
    assert desk.get("/v1/rules").json()["costs"] == {"capped": cost}
    assert desk.get("/v1/rules/nobody").code == "BB-5012" and desk.get("/v1/rules/capped", "ing").status == 403
    before = desk.get(f"/v1/rules/capped?as_of={told['versions'][1]['deployed']}")
    assert before.status in (200, 404) and desk.get("/v1/rules/capped?as_of=2001-01-01T00:00:00Z").status == 404


def test_a_module_that_does_not_load_any_more_has_a_fault(plant):
    fill(plant)
    keys = keyed(plant)
    config = plant.data / "busbar.yaml"
    config.write_text("rules: {imports: wave}\n")
    with Server(plant) as server:
        desk = Desk(plant, server, keys)
        assert desk.deploy(module=module("import wave\n" + CAPPED), **{"from": FROM}).status == 200
        assert desk.get("/v1/rules/capped").json()["parameters"]["most"]["max"] == 100
    config.write_text("rules: {}\n")
    with Server(plant) as server:
        desk = Desk(plant, server, keys)
        for _ in range(2):
            told = desk.get("/v1/rules/capped").json()
            assert told["parameters"] is None and "wave" in told["fault"] and "import wave" in told["source"]
        assert desk.backtest(rule="capped").code == "BB-5003"


def test_the_history_says_who_did_what_and_why(desk):
    desk.deploy(module=module(), **{"from": FROM}, reason="try it")
    desk.plant.run("rules", "deploy", "capped", "--parameters", '{"most": 4}', "--from", FROM, "--by", "ann", "--reason", "less", "--yes", expect=0)
    desk.post("/v1/rules/capped/rollback", {"reason": "too few"})
    desk.plant.run("rules", "rollback", "capped", "--by", "bob", "--reason", "away", "--yes", expect=0)
    told = desk.get("/v1/rules?history=true").json()
    rows = told["items"]
    one, two = rows[3]["version"], rows[2]["version"]
    assert [(row["done"], row["version"], row.get("speaks"), row["reason"]) for row in rows] == [
        ("rolled back", one, None, "away"), ("rolled back", two, one, "too few"), ("deployed", two, two, "less"), ("deployed", one, one, "try it")]
    assert [row["by"].split()[0] for row in rows] == ["bob", "key", "ann", "key"]
    assert [row["at"] for row in rows] == sorted((row["at"] for row in rows), reverse=True)
    page = desk.get("/v1/rules?history=true&limit=3").json()
    assert page["items"] == rows[:3]
    assert desk.get(f"/v1/rules?history=true&limit=3&cursor={page['next']}").json()["items"] == rows[3:]
    assert desk.get(f"/v1/rules?history=true&as_of={rows[2]['at']}").json()["items"] == rows[2:]
    lines = desk.server.get("/v1/rules?history=true", Accept="text/csv", **desk.keys["ro"]).body.decode().splitlines()
    assert len(lines) == 5 and lines[0].startswith("at,done,rule,version")


def test_what_rules_cost_is_counted_across_processes(plant):
    fill(plant)
    keys = keyed(plant)
    other = bearer(make_key(plant, "ro", tenant="other"))
    with Server(plant, workers=2) as server:
        desk = Desk(plant, server, keys)
        desk.deploy(module=module(), **{"from": FROM})

        def of(key, name):
            lines = server.get("/metrics", **key).body.decode().splitlines()
            return {line.split(" ")[0]: float(line.split(" ")[1]) for line in lines if line.startswith(f"busbar_rule_{name}_total")}

        sample = 'busbar_rule_windows_total{tenant="default",rule="capped"}'
        assert of(keys["ro"], "windows")[sample] == desk.get("/v1/rules/capped").json()["cost"]["windows"] >= METERS * DAYS
        assert of(keys["ro"], "windows")["busbar_rule_windows_total"] == 0
        assert of(keys["ro"], "seconds")[sample.replace("windows", "seconds")] > 0
        theirs = of(other, "windows")
        assert theirs == {"busbar_rule_windows_total": of(keys["ro"], "windows")[sample]}  # no name of another tenant
