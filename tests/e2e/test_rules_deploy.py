"""Rules deployed by the command line: what is shown before, what stands then, and who did it."""

import contextlib
import datetime
import json
import re
import subprocess
import time

import pytest
from conftest import Plant, needs_numpy
from server import Server
from test_serve_keys import bearer, make_key

pytestmark = needs_numpy

METERS, DAYS, PER_DAY = 40, 2, 96
START = datetime.datetime(2026, 3, 1, tzinfo=datetime.timezone.utc)
CAPPED = '''from busbar import Number, rule


@rule(inputs="1-1:1.29.0", window="1d", params={"most": Number(2.0, 0, 100, "no value is greater")})
def capped(w, most):
    """Nothing above a limit."""
    w.correct(w.new & (w.value > most), most, "capped")
'''
FLAGGED = CAPPED.replace('w.correct(w.new & (w.value > most), most, "capped")', 'w.flag(w.new & (w.value > most), "high")')
CASES = "cases:\n  - name: a high value is capped\n    given: [1, 9]\n    expect: [~, {correct: 2}]\n"
FROM = "2026-03-01T00:00:00Z"


def end_of(i):
    return (START + datetime.timedelta(minutes=15 * (i + 1))).strftime("%Y-%m-%dT%H:%M:%SZ")


def fill(plant):
    """Every meter has one value of 5 and one of 3 on its first day, and 1 everywhere else."""
    lines = ["usage_point,channel,timestamp,value,unit,interval"]
    for meter in range(METERS):
        values = ["1"] * (DAYS * PER_DAY)
        values[10], values[20] = "5", "3"
        lines += [f"M{meter},1-1:1.29.0,{end_of(i)},{value},kWh,15m" for i, value in enumerate(values)]
    plant.ingest(plant.file("history.csv", "\n".join(lines) + "\n"))
    (plant.data / "rules").mkdir()
    (plant.data / "rules" / "capped.py").write_text(CAPPED)
    (plant.data / "rules" / "capped.test.yaml").write_text(CASES)
    return plant


@pytest.fixture(params=["alone", "served"])
def standing(request, plant):
    """A plant with history, by itself or with a server that has it."""
    fill(plant)
    with Server(plant) if request.param == "served" else contextlib.nullcontext():
        yield plant


def rules(plant, action, *arguments, expect=0):
    return plant.run("--json", "rules", action, *arguments, expect=expect).json()


def deployed(plant, *arguments):
    return [row for row in rules(plant, "list", *arguments) if row["state"] != "file"]


def test_deployed_listed_promoted_and_rolled_back(standing):
    plant = standing
    [file] = rules(plant, "list")
    assert (file["state"], file["rule"], file["module"]) == ("file", "capped", "capped")

    done = rules(plant, "deploy", "capped", "--from", FROM, "--canary", "25%", "--by", "ann", "--reason", "try it", "--yes",
                 "--rows", "1000")
    assert done["done"] and not done["already"]
    [canary] = rules(plant, "list")
    assert {key: canary[key] for key in ("rule", "state", "lane", "channel", "version", "module", "function", "parameters",
                                         "from", "share", "by", "reason", "latest")} == {
        "rule": "capped", "state": "canary", "lane": "vee", "channel": "1-1:1.29.0", "version": done["version"],
        "module": "capped", "function": "capped", "parameters": {}, "from": FROM, "share": 0.25, "by": "ann", "reason": "try it",
        "latest": True}
    assert re.fullmatch("[0-9a-f]{16}", canary["environment"])
    some = {row["usage_point"] for row in done["rows"]}
    assert 0 < len(some) < METERS and (done["changed"], done["values"]) == (2 * len(some), done["channels"] * DAYS * PER_DAY)
    assert done["channels"] == done["touched_channels"] == len(some)
    assert done["difference"] == pytest.approx(-4 * len(some)) and done["unit"] == "kWh"

    moment = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    time.sleep(0.01)
    again = rules(plant, "deploy", "capped", "--from", FROM, "--yes", "--rows", "1000")
    assert again["version"] == done["version"]
    assert {row["usage_point"] for row in again["rows"]} == {f"M{i}" for i in range(METERS)} - some  # the others have it already
    [full] = deployed(plant)
    assert (full["state"], full["share"], full["from"]) == ("deployed", 1, FROM)
    assert deployed(plant, "--as-of", moment) == [canary]

    back = rules(plant, "rollback", "capped", "--reason", "too eager", "--by", "bob", "--yes")
    assert back["done"] and deployed(plant) == []
    assert "BB-5012" in plant.run("rules", "rollback", "capped", "--yes", expect=4).err
    told = [(row["who"], row["verb"], row["subject"], row["reason"], row["outcome"]) for row in plant.list("audit")
            if row["verb"].startswith("rules")]
    assert ("bob", "rules rollback", "rule capped", "too eager", "done") in told
    assert ("ann", "rules deploy", f"rule capped, version {done['version']}", "try it", "done") in told


def test_what_it_changes_is_held_against_what_speaks_now(standing):
    plant = standing
    rules(plant, "deploy", "capped", "--from", FROM, "--parameters", '{"most": 2}', "--yes")
    assert rules(plant, "diff", "capped", "--from", FROM, "--parameters", '{"most": 2.0}') == {
        "rule": "capped", "version": deployed(plant)[0]["version"], "already": True, "done": False}
    looked = rules(plant, "diff", "capped", "--from", FROM, "--parameters", '{"most": 4}', "--rows", "2")
    assert not looked["done"] and len(looked["rows"]) == 2 and looked["reasons"] == {"capped": METERS}
    assert all(row["unit"] == "kWh" for row in looked["rows"]) and len(looked["most_touched"]) == 10
    assert [row["version"] for row in deployed(plant)] == [deployed(plant)[0]["version"]]  # nothing was deployed
    other = plant.file("other.py", FLAGGED)
    rows = rules(plant, "deploy", other, "--from", FROM, "--rows", "2", "--dry-run")["rows"]
    assert [(row["old_verdict"], row["verdict"], row["old_reason"], row["reason"]) for row in rows] == [
        ("correct", "flag", "capped", "high")] * 2
    assert len(deployed(plant)) == 1


def test_a_back_test_of_what_speaks_sees_what_it_saw_before_it_spoke(standing):
    plant = standing

    def backtest(*arguments):
        told = rules(plant, "backtest", "capped", "--rows", "1000", *arguments)
        return {key: told[key] for key in told if key not in ("seconds", "rule_seconds")}

    def changes(told):
        return sorted({(row["before"], row["after"]) for row in told["rows"] if row["verdict"] == "correct"})

    rules(plant, "deploy", "capped", "--from", FROM, "--name", "milder", "--parameters", '{"most": 4}', "--yes")
    before = backtest()
    assert changes(before) == [(3, 2), (4, 2)] and before["changed"] == 2 * METERS  # another rule's word is seen
    rules(plant, "deploy", "capped", "--from", FROM, "--yes")
    assert backtest() == before
    assert changes(backtest("--parameters", '{"most": 3.5}')) == [(4, 3.5)]
    assert backtest("--usage-point", "M1")["changed"] == 2
    assert backtest("--name", "another")["changed"] == 0  # that one would see what they have made of it
    assert changes(backtest("--name", "milder", "--parameters", '{"most": 1.5}')) == [(2, 1.5)]
    moment = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    rules(plant, "rollback", "capped", "--yes")
    assert backtest() == before and backtest("--as-of", moment) == before


def test_from_now_on_unless_history_is_asked_for(plant):
    fill(plant)
    told = plant.run("rules", "deploy", "capped", "--yes", expect=0).out
    assert "from now on" in told and "--from" in told
    [row] = deployed(plant)
    assert row["from"] == row["deployed"]
    assert "there is nothing to do" in plant.run("rules", "deploy", "capped", "--yes", expect=0).out
    assert len(deployed(plant)) == 1


def test_nobody_is_asked_in_vain(plant):
    fill(plant)
    assert "--yes" in plant.run("rules", "deploy", "capped", expect=2).err
    assert deployed(plant) == []
    (plant.data / "rules" / "capped.test.yaml").write_text(CASES.replace("{correct: 2}", "flag"))
    refused = plant.run("rules", "deploy", "capped", "--yes", expect=4)
    assert "BB-5013" in refused.err and "a high value is capped" in refused.err and deployed(plant) == []
    plant.run("rules", "deploy", "capped", "--yes", "--force", expect=0)
    assert len(deployed(plant)) == 1


@pytest.mark.parametrize("arguments,says", [
    (["--parameters", '{"most": 1000}'], "from 0 to 100"), (["--parameters", '{"least": 1}'], "it takes most"),
    (["--canary", "0"], "0.1% to 100%"), (["--canary", "200%"], "0.1% to 100%"), (["--name", "Not A Name"], "lower case"),
    (["--before", "nobody"], "no rule nobody"), (["--rule", "nobody"], "has no rule nobody"), (["--from", "yesterday"], "--from cannot be")])
def test_what_is_refused_changes_nothing(plant, arguments, says):
    fill(plant)
    refused = plant.run("rules", "deploy", "capped", "--yes", *arguments)
    assert refused.code != 0 and says in refused.err and deployed(plant) == []


def test_rules_of_hours_are_back_tested_only(plant):
    fill(plant)
    hourly = plant.file("hourly.py", CAPPED.replace('window="1d"', 'window="1d", lane="hour"'))
    assert "BB-5010" in plant.run("rules", "deploy", hourly, "--yes", expect=4).err
    raw = plant.file("raw.py", CAPPED.replace('window="1d"', 'window="1d", lane="raw"'))
    rules(plant, "deploy", "capped", "--yes")
    assert "another name" in plant.run("rules", "deploy", raw, "--yes", expect=4).err
    rules(plant, "deploy", raw, "--name", "capped_raw", "--before", "capped", "--yes")
    assert [(row["rule"], row["lane"]) for row in deployed(plant)] == [("capped_raw", "raw"), ("capped", "vee")]


def test_what_is_exported_applies_to_no_change(plant, tmp_path_factory):
    fill(plant)
    rules(plant, "deploy", "capped", "--from", FROM, "--reason", "a: 'b' # \"c\"", "--yes")
    rules(plant, "deploy", "capped", "--canary", "5%", "--parameters", '{"most": 3}', "--yes")
    plant.run("rules", "deploy", "capped", "--name", "second", "--yes", expect=0)
    text = plant.run("registry", "export", expect=0).out
    path = plant.file("export.yaml", text)
    assert "0 added, 0 changed" in plant.run("registry", "apply", path, expect=0).out
    other = Plant(tmp_path_factory.mktemp("other"))
    other.run("registry", "apply", other.file("export.yaml", text), expect=0)
    assert other.run("registry", "export", expect=0).out == text
    assert deployed(other) == deployed(plant) and len(deployed(plant)) == 3


def test_over_http_all_see_them_and_an_admin_rolls_back(plant):
    fill(plant)
    keys = {role: bearer(make_key(plant, role)) for role in ("ing", "ro", "adm")}
    rules(plant, "deploy", "capped", "--from", FROM, "--yes")
    rules(plant, "deploy", "capped", "--from", FROM, "--parameters", '{"most": 3}', "--yes")
    first, second = reversed(deployed(plant))
    with Server(plant) as server:
        assert server.get("/v1/rules", **keys["ing"]).status == 403
        told = server.get("/v1/rules", **keys["ro"]).json()
        assert [row["version"] for row in told["items"]] == [second["version"], first["version"]] and told["next"] is None
        assert told["items"] == plant.list("rules")
        page = server.get("/v1/rules?limit=1", **keys["ro"]).json()
        assert page["items"] == told["items"][:1]
        assert server.get(f"/v1/rules?limit=1&cursor={page['next']}", **keys["ro"]).json()["items"] == told["items"][1:]

        def roll_back(role, name="capped", body=None):
            return server.request("POST", f"/v1/rules/{name}/rollback", body=json.dumps(body or {"reason": "too eager"}),
                                  Content_Type="application/json", **keys[role])

        assert roll_back("ro").status == 403 and roll_back("adm", body={"reason": " "}).status == 400
        assert roll_back("adm", "nobody").code == "BB-5012"
        assert server.get("/v1/rules", **keys["ro"]).json() == told
        answer = roll_back("adm")
        assert answer.status == 200 and answer.json() == {
            "rule": "capped", "taken_away": second["version"], "version": first["version"], "derived": True}
        assert [row["version"] for row in server.get("/v1/rules", **keys["ro"]).json()["items"]] == [first["version"]]
        assert roll_back("adm").json()["version"] is None and roll_back("adm").status == 404
    assert deployed(plant) == []
    told = [(row["verb"], row["reason"]) for row in plant.list("audit") if row["origin"] != "command line" and row["outcome"] == "done"]
    assert told.count(("rules rollback", "too eager")) == 2
