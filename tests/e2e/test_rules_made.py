"""Channels that rules make: what a rule says beside its channel, read like a channel of its own in every lane, as of any moment."""

import contextlib
import datetime

import pytest
from conftest import HEADER
from server import Server
from test_rules import backtest, module, pytestmark  # noqa: F401  without numpy there is nothing to do
from test_rules_beside import imported, stamp
from test_rules_beside_deployed import deploy, export_lines, exported, now
from test_serve_keys import bearer, make_key

PER_DAY, DAYS = 96, 3
NET, POWER = "1-1:1.29.0#balance.net", "1-1:1.29.0#power.kilowatts"
BALANCE = '''
@rule(inputs="1-1:1.29.0", lane="raw", others={"export": "1-1:2.29.0"}, outputs={"net": "kWh"})
def balance(w):
    """What is drawn less what is fed in."""
    export = w.aligned("export")
    w.make("net", w.new & w.known & np.isfinite(export), w.value - export)

@rule(inputs="1-1:1.29.0", outputs={"kilowatts": "kW"}, batch=True)
def power(ws):
    ws.make("kilowatts", ws.new & ws.known, ws.value * 4)
'''


@pytest.fixture(params=["alone", "served"])
def standing(request, plant):
    """Three days of drawing and of feeding in, with a hole in what is fed in."""
    lines = [HEADER] + [f"A,1-1:1.29.0,{stamp(15 * (i + 1))},{imported(0, i)},kWh,interval,15m" for i in range(DAYS * PER_DAY)]
    plant.ingest(plant.file("draw.csv", "\n".join(lines) + "\n"))
    plant.ingest(plant.file("feed.csv", export_lines(range(DAYS * PER_DAY))))
    plant.server = None
    with Server(plant) if request.param == "served" else contextlib.nullcontext() as server:
        plant.server = server
        yield plant


def rows(plant, channel, lane, *arguments, expect=0):
    return plant.query("A", "--channel", channel, "--lane", lane, *arguments, expect=expect)


def values(plant, channel, lane, *arguments):
    return {row["end"]: float(row["value"]) for row in rows(plant, channel, lane, *arguments) if row["value"]}


def net(i):
    return None if exported(i) is None else imported(0, i) - exported(i)


def expected():
    return {stamp(15 * (i + 1)): net(i) for i in range(DAYS * PER_DAY) if net(i) is not None}


def test_it_is_read_in_every_lane(standing):
    plant, path = standing, module(standing, BALANCE)
    deploy(plant, path, "--rule", "balance")
    assert values(plant, NET, "raw") == pytest.approx(expected()) == values(plant, NET, "vee")
    assert {row["quality"] for row in rows(plant, NET, "vee")} == {"estimated|method:rule"}
    assert {row["unit"] for row in rows(plant, NET, "raw")} == {"kWh"}
    for lane, minutes in (("hour", 60), ("day", 1440)):
        sums = {}
        for i in range(DAYS * PER_DAY):
            end = -(-15 * (i + 1) // minutes) * minutes
            sums[stamp(end)] = sums.get(stamp(end), 0) + (net(i) or 0)
        assert values(plant, NET, lane) == pytest.approx(sums), lane
    assert list(values(plant, NET, "month").values()) == pytest.approx([sum(expected().values())])
    part = values(plant, NET, "vee", "--from", stamp(600), "--to", stamp(900))
    assert part == pytest.approx({end: value for end, value in expected().items() if stamp(600) < end <= stamp(900)})


def test_it_is_among_the_channels_and_goes_with_its_rule(standing):
    plant, path = standing, module(standing, BALANCE)
    before = now()
    deploy(plant, path, "--rule", "balance")
    deploy(plant, path, "--rule", "power")
    during = now()
    listed = {row["channel"]: row for row in plant.list("channels")}
    assert list(listed) == ["1-1:1.29.0", NET, POWER, "1-1:2.29.0"]
    assert (listed[POWER]["kind"], listed[POWER]["unit"]) == ("interval", "kW")
    assert values(plant, POWER, "vee") == pytest.approx({stamp(15 * (i + 1)): 4 * imported(0, i) for i in range(DAYS * PER_DAY)})
    every = plant.query("A", "--lane", "vee")
    assert {row["channel"] for row in every} == set(listed)
    plant.run("rules", "rollback", "balance", "--reason", "no more", "--yes", expect=0)
    assert NET not in [row["channel"] for row in plant.list("channels")]
    assert "BB-2003" in plant.run("query", "--usage-point", "A", "--channel", NET, "--lane", "vee", expect=1).err
    assert values(plant, NET, "vee", "--as-of", during) == pytest.approx(expected())
    assert NET in [row["channel"] for row in plant.list("channels", "--as-of", during)]
    assert plant.run("query", "--usage-point", "A", "--channel", NET, "--lane", "vee", "--as-of", before).code == 1


def test_it_follows_what_it_is_made_of(standing):
    plant, path = standing, module(standing, BALANCE)
    deploy(plant, path, "--rule", "balance")
    moment = now()
    plant.ingest(plant.file("late.csv", export_lines([0, 100], lambda i: 0.25)))
    later = {**expected(), stamp(15): imported(0, 0) - 0.25, stamp(15 * 101): imported(0, 100) - 0.25}
    assert values(plant, NET, "vee") == pytest.approx(later)
    assert values(plant, NET, "raw", "--as-of", moment) == pytest.approx(expected()) == values(plant, NET, "vee", "--as-of", moment)
    assert sum(values(plant, NET, "day").values()) == pytest.approx(sum(later.values()))
    assert sum(values(plant, NET, "day", "--as-of", moment).values()) == pytest.approx(sum(expected().values()))


def test_nobody_writes_to_it(standing):
    plant, path = standing, module(standing, BALANCE)
    deploy(plant, path, "--rule", "balance")
    refused = plant.run("edit", "set", "--usage-point", "A", "--channel", NET, "--at", stamp(15), "--value", "1", "--reason", "x", "--yes")
    assert refused.code != 0 and "BB-" in refused.err, refused
    assert values(plant, NET, "vee") == pytest.approx(expected())


def test_over_http_and_in_sums_of_groups(plant):
    lines = [HEADER] + [f"{name},1-1:{c}.29.0,{stamp(15 * (i + 1))},{value},kWh,interval,15m"
                        for name in "AB" for i in range(PER_DAY) for c, value in ((1, imported(0, i)), (2, exported(i))) if value is not None]
    plant.ingest(plant.file("both.csv", "\n".join(lines) + "\n"))
    deploy(plant, module(plant, BALANCE), "--rule", "balance")
    plant.run("registry", "apply", plant.file("groups.yaml", "groups: [{name: all, expression: \"usage_point ~ *\"}]\n"))
    with Server(plant) as server:
        head = bearer(make_key(plant, "ro"))
        channels = server.request("GET", "/v1/channels?usage_point=A", **head).json()
        assert NET in [row["channel"] for row in channels["items"]]
        name = NET.replace("#", "%23").replace(":", "%3A")
        told = server.request("GET", f"/v1/values?usage_point=A&channel={name}&lane=day", **head).json()
        assert "items" in told, told
        assert told["items"][0]["value"] == pytest.approx(sum(v for i in range(PER_DAY) if (v := net(i)) is not None))
        every = server.request("GET", "/v1/values?usage_point=A&lane=day", **head).json()
        assert NET in [row["channel"] for row in every["items"]]


def test_a_case_and_a_back_test_tell_what_is_made(standing):
    plant, path = standing, module(standing, BALANCE)
    told = backtest(plant, path, "--rule", "balance")
    assert (told["make"], told["changed"]) == (len(expected()), 0)
    assert {row["end"]: row["after"] for row in told["rows"]} == pytest.approx(expected())
    plant.file(path.stem + ".test.yaml", "rule: power\ncases:\n  - name: four times\n    given: [1, ~]\n    expect: [{make: 4}, ~]\n")
    assert all(case["passed"] for case in plant.run("--json", "rules", "test", path, expect=0).json())


def test_what_is_not_declared_is_not_made(standing):
    plant = standing
    path = module(plant, BALANCE.replace('w.make("net"', 'w.make("other"'))
    told = backtest(plant, path, "--rule", "balance", expect=1)
    assert "outputs" in told["failures"][0]["text"] and "other" in told["failures"][0]["text"]
    wrong = module(plant, BALANCE.replace('"kWh"', '"fathom"'))
    assert "BB-5003" in plant.run("rules", "backtest", wrong, "--rule", "balance", expect=4).err
