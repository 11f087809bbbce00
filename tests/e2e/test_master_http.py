"""Master data over HTTP: a registry file posted, what it changed and what came of it, the inventory at two times."""

import csv
import gzip
import io
import json
import re
import threading
import urllib.parse

import pytest
from conftest import HEADER, Plant
from server import Server, readings, wait_until
from test_serve_keys import bearer, make_key

FIRST = """
usage_points:
  - name: A
    commodity: electricity
    zone: UTC
    customer: C-1
    installations:
      - {device: E1, from: 2025-01-01T00:00:00Z, to: 2026-03-02T12:00:00Z, dials: 6}
      - {device: E2, from: 2026-03-02T12:00:00Z, multiplier: 40, reason: exchange}
  - {name: B, commodity: electricity, zone: UTC, customer: C-2, installations: [{device: E3, from: 2025-01-01T00:00:00Z}]}
  - {name: C, commodity: water, zone: UTC, customer: C-1}
"""


@pytest.fixture
def served(tmp_path):
    plant = Plant(tmp_path)
    lines = [f"{name},load,2026-03-0{day}T{hour:02d}:00:00Z,1,kWh,interval,1h" for name in "AB" for day in (1, 2) for hour in range(1, 24)]
    plant.ingest(plant.file("readings.csv", "\n".join([HEADER, *lines]) + "\n"))
    with Server(plant) as server:
        yield server


def apply(server, text, query="", expect=200, kind="application/yaml", **headers):
    answer = server.request("POST", f"/v1/registry{query}", body=text.encode() if isinstance(text, str) else text, Content_Type=kind, **headers)
    assert answer.status == expect, answer
    return answer.json()


def items(server, route, **parameters):
    query = urllib.parse.urlencode({name.rstrip("_"): value for name, value in parameters.items()})
    answer = server.get(f"/v1/{route}?{query}")
    assert answer.status == 200, answer
    return answer.json()["items"]


def day_sums(server, name):
    return [row["value"] for row in items(server, "values", usage_point=name, lane="day")]


def test_a_file_is_applied_and_answers_with_what_came_of_it(served):
    """The story of a morning: look at the change, make it, make it again, correct it, and take back nothing else."""
    seen = apply(served, FIRST, "?dry_run=1")
    assert (seen["added"], seen["applied"], seen["recomputed"]) == (3, False, None)
    assert served.get("/v1/installations").json()["items"] == [], "a dry run makes nothing"
    assert day_sums(served, "A") == [24, 23]  # midnight is estimated

    made = apply(served, FIRST)
    assert (made["added"], made["changed"], made["unchanged"], made["applied"], made["derived"]) == (3, 0, 0, True, True)
    assert [change["name"] for change in made["changes"]] == ["A", "B", "C"] and made["changes"][0]["lines"]
    assert made["recomputed"]["channels"] == 2
    # eleven hours of the second day were counted by a meter of 40
    assert day_sums(served, "A") == [24, 12 + 11 * 40], "what it touched was derived before the answer"

    again = apply(served, FIRST)
    assert (again["added"], again["changed"], again["unchanged"], again["applied"], again["changes"]) == (0, 0, 3, False, [])

    corrected = apply(served, FIRST.replace("multiplier: 40", "multiplier: 10"))
    assert (corrected["changed"], corrected["unchanged"]) == (1, 2) and "40" in corrected["changes"][0]["lines"][0]
    assert day_sums(served, "A") == [24, 12 + 11 * 10] and day_sums(served, "B") == [24, 23]
    exported = served.get("/v1/registry").body.decode()
    assert exported == served.plant.run("registry", "export", expect=0).out and "multiplier: 10" in exported
    as_json = served.get("/v1/registry", Accept="application/json").json()
    assert as_json == served.plant.run("--json", "registry", "export", expect=0).json()
    assert apply(served, exported)["unchanged"] == 3, "what is exported changes nothing"


def test_csv_and_packed_bodies(served):
    text = "usage_point,commodity,zone,tag:district,device,from\nA,electricity,UTC,north,E1,2025-01-01T00:00:00Z\nB,electricity,UTC,south,,\n"
    assert apply(served, text, kind="text/csv")["added"] == 2
    assert apply(served, gzip.compress(text.encode()), kind="text/csv", Content_Encoding="gzip")["unchanged"] == 2
    assert [row["usage_point"] for row in items(served, "groups/-", expression="district = north")] == ["A"]


@pytest.mark.parametrize("text, kind, status, code, line", [
    ("usage_points:\n  - {name: A, zone: Mars/Olympus}\n", "application/yaml", 400, "BB-2006", 2),
    ("usage_points:\n  - {name: A}\n  - {name: B, colour: red}\n", "application/yaml", 400, "BB-2001", 3),
    ("", "application/yaml", 400, "BB-1002", None),
    ("usage_points:\n  - {name: A}\n  - {name: X, tenant: other}\n", "application/yaml", 403, "BB-6006", 3),
    ("{}", "application/json", 415, "BB-6008", None),
])
def test_what_cannot_be_applied_changes_nothing(served, text, kind, status, code, line):
    refused = apply(served, text, expect=status, kind=kind)
    assert (refused["code"], refused.get("line")) == (code, line), refused
    assert served.get("/v1/installations").json()["items"] == [] and served.plant.run("registry", "export", expect=0).out == "usage_points: []\n"


def test_the_inventory_at_two_times(served):
    apply(served, FIRST)
    before = items(served, "devices")
    assert [(row["device"], row["usage_point"], row["to"]) for row in before] == [
        ("E1", "A", "2026-03-02T12:00:00Z"), ("E2", "A", None), ("E3", "B", None)]
    recorded = json.loads(served.get("/v1/overview").body)["now"]
    # the devices were mixed up: E3 hangs at A, E2 at B
    apply(served, FIRST.replace("E2", "EX").replace("E3", "E2").replace("EX", "E3"))
    assert [(row["device"], row["usage_point"]) for row in items(served, "devices")] == [("E1", "A"), ("E2", "B"), ("E3", "A")]
    assert items(served, "devices", as_of=recorded) == before, "what was known then"
    held = items(served, "installations", at="2026-03-01T00:00:00Z")
    assert [(row["usage_point"], row["device"]) for row in held] == [("A", "E1"), ("B", "E2")], "what held then"
    both = items(served, "installations", at="2026-03-03T00:00:00Z", as_of=recorded)
    assert [(row["usage_point"], row["device"], row["multiplier"]) for row in both] == [("A", "E2", 40), ("B", "E3", 1)]
    assert [row["from"] for row in items(served, "installations", usage_point="A")] == ["2025-01-01T00:00:00Z", "2026-03-02T12:00:00Z"]
    assert items(served, "installations", device="E1")[0]["dials"] == 6
    assert items(served, "customers") == [{"customer": "C-1", "usage_points": 2}, {"customer": "C-2", "usage_points": 1}]
    page = served.get("/v1/devices?limit=2").json()
    assert [row["device"] for row in page["items"]] == ["E1", "E2"]
    rest = served.get(f"/v1/devices?limit=2&cursor={page['next']}").json()
    assert [row["device"] for row in rest["items"]] == ["E3"] and rest["next"] is None


def test_every_list_is_the_command_lines_in_every_form(served):
    apply(served, FIRST + "groups: [{name: g, expression: 'commodity = water'}]\n")
    for subject in ("usage-points", "channels", "completeness", "exceptions", "findings", "groups", "devices", "installations", "customers"):
        for kind, form in (("text/csv", "csv"), ("application/x-ndjson", "ndjson")):
            answer = served.get(f"/v1/{subject}", Accept=kind)
            printed = served.plant.run("list", subject, "--format", form, expect=0).out
            assert answer.status == 200 and answer.body.decode() == printed, (subject, form)
        rows = list(csv.DictReader(io.StringIO(served.plant.run("list", subject, "--format", "csv", expect=0).out)))
        listed = served.plant.list(subject)
        assert len(rows) == len(listed) and (not rows or list(rows[0]) == list(listed[0])), subject


def test_a_csv_goes_on_by_cursor(served):
    apply(served, FIRST)
    whole = served.get("/v1/installations", Accept="text/csv").body.decode().splitlines()
    told, cursor = [], ""
    for _ in range(10):
        answer = served.get(f"/v1/installations?limit=1{cursor}", Accept="text/csv")
        lines = answer.body.decode().splitlines()
        assert lines[0] == whole[0]
        told += lines[1:]
        if answer.headers["Busbar-Next"] is None:
            break
        cursor = f"&cursor={answer.headers['Busbar-Next']}"
    assert told == whole[1:] and len(told) == 3


def test_customers_and_the_registry_are_for_those_who_may(tmp_path):
    plant = Plant(tmp_path)
    plant.run("registry", "apply", plant.file("a.yaml", FIRST), expect=0)
    reader, admin = make_key(plant, "ro"), make_key(plant, "adm")
    with Server(plant) as server:
        for path in ("/v1/customers", "/v1/registry"):
            assert server.get(path, **bearer(reader)).status == 403
            assert server.get(path, **bearer(admin)).status == 200
        assert apply(server, FIRST, expect=403, **bearer(reader))["code"] == "BB-6006"
        assert server.get("/v1/devices", **bearer(reader)).status == 200


def test_at_once_they_come_one_after_the_other(served):
    """Eight people set one multiplier at once, four of them by the command line: each is told a change against what the
    one before left."""
    apply(served, FIRST)
    answers, plant = [], served.plant

    def set_it(factor):
        text = FIRST.replace("multiplier: 40", f"multiplier: {factor}")
        if factor % 2:
            answers.append(apply(served, text))
        else:
            done = plant.run("--json", "registry", "apply", plant.file(f"{factor}.yaml", text), expect=0)
            answers.append(json.loads(done.out))
    threads = [threading.Thread(target=set_it, args=(factor,)) for factor in range(50, 58)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 8 and all(answer["changed"] == 1 for answer in answers)
    steps = dict(re.search(r"multiplier: (\d+) → (\d+)", " ".join(answer["changes"][0]["lines"])).groups() for answer in answers)
    told, at = [], "40"
    while at in steps:
        told.append(at := steps[at])
    assert len(told) == 8, f"one chain of changes, none of which two began from: {steps}"
    assert items(served, "installations", device="E2")[0]["multiplier"] == int(told[-1])


def test_posts_do_not_wait_for_registry_files(tmp_path):
    """Registry files wait until what came before is derived, which nobody does here; readings are taken all the same."""
    plant, answered = Plant(tmp_path), []
    server = Server(plant, workers=0).start()

    def apply_it():
        try:
            answered.append(server.request("POST", "/v1/registry", body=FIRST.encode(), Content_Type="application/yaml").status)
        except OSError:  # the server ends before it answers
            pass
    threads = [threading.Thread(target=apply_it) for _ in range(6)]
    try:
        assert server.post(readings(4)).status == 200
        for thread in threads:
            thread.start()
        assert wait_until(lambda: server.process.poll() is None and running(server) >= len(threads), 20)
        for number in range(10):
            assert server.post(readings(4, usage_point=f"P{number}")).status == 200
        assert answered == [], "they are waiting still"
    finally:
        server.kill()
        for thread in threads:
            thread.join()


def running(server):
    """How many requests are under way, besides the one that asks."""
    text = server.get("/metrics").body.decode()
    return int(re.search(r"^busbar_http_requests_running (\d+)", text, re.M).group(1)) - 1
