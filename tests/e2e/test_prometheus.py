"""Grafana at once: the requests that Grafana's Prometheus data source sends, their answers held against /v1/values by plain arithmetic."""

import datetime
import json
import math
import time
import urllib.parse

import pytest
from conftest import Plant
from server import Server
from test_serve_keys import bearer, make_key

FORM = "application/x-www-form-urlencoded"
ENERGY = "busbar_energy_kilowatt_hours"
QUARTER = 900
# Amsterdam's day of 23 hours, from and to its midnights, and an hour inside.
DAY = datetime.datetime(2026, 3, 28, 23, tzinfo=datetime.timezone.utc).timestamp()
DAY_END = datetime.datetime(2026, 3, 29, 22, tzinfo=datetime.timezone.utc).timestamp()
GAP = range(40, 44)  # quarter-hours of B that never came

REGISTRY = """
usage_points:
  - {name: A, zone: Europe/Amsterdam, commodity: electricity, tags: {city: Utrecht, "floor no": "3"}}
  - {name: B, zone: Europe/Amsterdam, commodity: electricity, tags: {city: Delft}}
  - {name: W, zone: Europe/Amsterdam, commodity: water, tags: {city: Delft}}
"""


def stamp(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def seconds(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def readings():
    """Three days around the clock change: quarter-hours of A and B, a register and a temperature of A, hourly water."""
    lines = ["usage_point,channel,timestamp,value,unit,kind,interval"]
    begin = DAY - 86400
    for i in range(3 * 96):
        end = stamp(begin + (i + 1) * QUARTER)
        lines.append(f"A,1-1:1.29.0,{end},{0.125 + i % 7 / 8},kWh,interval,15m")
        if i not in GAP:
            lines.append(f"B,1-1:1.29.0,{end},{0.25 + i % 5 / 4},kWh,interval,15m")
        lines.append(f"A,temp,{end},{15 + i % 11 / 2},°C,gauge,15m")
    for i in range(73):
        at = stamp(begin + i * 3600)
        lines.append(f"A,1-0:1.8.0,{at},{1000 + i * 2.5},kWh,register,1h")
        if i:
            lines.append(f"W,flow,{at},{i % 9},L,interval,1h")
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    plant = Plant(tmp_path_factory.mktemp("prometheus"))
    plant.run("registry", "apply", plant.file("registry.yaml", REGISTRY), expect=0)
    plant.ingest(plant.file("readings.csv", readings()))
    plant.run("--tenant", "other", "ingest", plant.file("theirs.csv", readings().replace("\nA,", "\nSECRET,")), expect=0)
    key, theirs = make_key(plant, "ro"), make_key(plant, "ro", tenant="other")
    with Server(plant, workers=0) as server:
        server.plant, server.key, server.theirs = plant, key, theirs
        yield server


def ask(server, path, key=None, method="POST", expect=200, **parameters):
    """As Grafana asks: a form by POST, or by GET; parameters with a list are repeated."""
    fields = urllib.parse.urlencode([(name, one) for name, value in parameters.items()
                                     for one in (value if isinstance(value, list) else [value])])
    headers = bearer(key or server.key)
    if method == "POST":
        answer = server.request("POST", path, body=fields, Content_Type=FORM, **headers)
    else:
        answer = server.get(path + ("?" + fields if fields else ""), **headers)
    assert answer.status == expect, answer
    assert answer.headers["Content-Type"] == "application/json"
    told = answer.json()
    assert told["status"] == ("success" if expect == 200 else "error")
    return told


def instant(server, query, at, **more):
    """{labels: value} at a moment."""
    data = ask(server, "/api/v1/query", query=query, time=at, **more)["data"]
    assert data["resultType"] == "vector"
    return {json.dumps(one["metric"], sort_keys=True): float(one["value"][1]) for one in data["result"]}


def only(values):
    assert len(values) == 1, values
    return next(iter(values.values()))


def matrix(server, query, start, end, step, **more):
    """[(metric, {seconds: value})] at the steps of a range."""
    data = ask(server, "/api/v1/query_range", query=query, start=start, end=end, step=step, **more)["data"]
    assert data["resultType"] == "matrix"
    return [(one["metric"], {at: float(value) for at, value in one["values"]}) for one in data["result"]]


def values(server, usage_point, channel, lane="vee"):
    """[(start, end, value or None)] as /v1/values tells them."""
    answer = server.get("/v1/values?" + urllib.parse.urlencode({"usage_point": usage_point, "channel": channel, "lane": lane}), **bearer(server.key))
    assert answer.status == 200, answer
    return [(seconds(row["start"]), seconds(row["end"]), row["value"]) for row in answer.json()["items"]]


# ---- what a data source asks before the first panel


def test_health_check(server):
    told = ask(server, "/api/v1/query", query="1+1", time="4")
    assert told["data"] == {"resultType": "scalar", "result": [4, "2"]}


def test_buildinfo_says_what_grafana_may_ask_for(server):
    told = ask(server, "/api/v1/status/buildinfo", method="GET")
    assert tuple(map(int, told["data"]["version"].split("."))) >= (2, 24, 0)
    assert told["data"]["revision"].startswith("busbar ")


def test_what_busbar_does_not_have_is_empty_and_no_error(server):
    assert ask(server, "/api/v1/query_exemplars", query=ENERGY, start=DAY, end=DAY_END)["data"] == []
    assert ask(server, "/api/v1/rules", method="GET")["data"] == {"groups": []}
    assert ask(server, "/api/v1/alerts", method="GET")["data"] == {"alerts": []}


def test_metadata_names_type_and_unit(server):
    data = ask(server, "/api/v1/metadata", method="GET", limit=1000)["data"]
    assert {name: (rows[0]["type"], rows[0]["unit"]) for name, rows in data.items()} == {
        ENERGY: ("gauge", "kWh"), ENERGY + "_total": ("counter", "kWh"), "busbar_temperature_celsius": ("gauge", "°C"),
        "busbar_volume_cubic_meters": ("gauge", "m³")}
    assert all(rows[0]["help"] for rows in data.values())
    assert list(ask(server, "/api/v1/metadata", method="GET", metric=ENERGY)["data"]) == [ENERGY]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_label_browser(server, method):
    names = ask(server, "/api/v1/labels", method=method, start=DAY, end=DAY_END)["data"]
    assert names == ["__name__", "channel", "commodity", "kind", "lane", "obis", "tag_city", "tag_floor_no", "unit", "usage_point"]
    of_water = ask(server, "/api/v1/labels", method=method, **{"match[]": "busbar_volume_cubic_meters"})["data"]
    assert of_water == ["__name__", "channel", "commodity", "kind", "lane", "tag_city", "unit", "usage_point"]


def test_label_values(server):
    def told(name, **match):
        return ask(server, f"/api/v1/label/{name}/values", method="GET", start=DAY, end=DAY_END, **match)["data"]
    assert told("__name__") == [ENERGY, ENERGY + "_total", "busbar_temperature_celsius", "busbar_volume_cubic_meters"]
    assert told("usage_point") == ["A", "B", "W"]
    assert told("usage_point", **{"match[]": ENERGY}) == ["A", "B"]
    assert told("usage_point", **{"match[]": [ENERGY + '{tag_city="Delft"}', 'busbar_temperature_celsius']}) == ["A", "B"]
    assert told("lane") == ["day", "hour", "month", "raw", "vee"]
    assert told("tag_city") == ["Delft", "Utrecht"]
    assert told("tag_floor_no") == ["3"]
    assert told("nobody") == []


def test_series(server):
    told = ask(server, "/api/v1/series", **{"match[]": [ENERGY + '{usage_point="A"}', '{usage_point="A",kind="interval"}']}, start=DAY, end=DAY_END)
    assert told["data"] == [{"__name__": ENERGY, "channel": "1-1:1.29.0", "commodity": "electricity", "kind": "interval", "lane": "vee",
                             "obis": "1-1:1.29.0", "tag_city": "Utrecht", "tag_floor_no": "3", "unit": "kWh", "usage_point": "A"}]
    lanes = ask(server, "/api/v1/series", **{"match[]": ENERGY + '{usage_point="A",kind="interval",lane=~".+"}'})["data"]
    assert [one["lane"] for one in lanes] == ["day", "hour", "month", "raw", "vee"]
    cut = ask(server, "/api/v1/series", **{"match[]": '{usage_point=~".+"}'}, limit=2)
    assert len(cut["data"]) == 2 and cut["warnings"] == ["results truncated due to limit"]


# ---- values


def test_an_instant_is_the_interval_that_holds(server):
    rows = values(server, "A", "1-1:1.29.0")
    for start, end, value in rows[50:60]:
        for at in (start + 1, start + 400, end):
            told = instant(server, f'{ENERGY}{{usage_point="A"}}', at)
            held = next(value for begin, until, value in rows if until <= at < until + QUARTER)
            assert only(told) == held, at
    assert instant(server, f'{ENERGY}{{usage_point="A"}}', rows[0][0] - 10) == {}


@pytest.mark.parametrize("lane", ["raw", "vee", "hour", "day"])
def test_a_range_is_every_row(server, lane):
    """A step at each end: the rows of /v1/values, over the day of 23 hours too."""
    rows = [row for row in values(server, "A", "1-1:1.29.0", lane) if DAY - 86400 < row[1] <= DAY_END]
    assert len(rows) > {"day": 1}.get(lane, 40)
    if lane == "day":
        assert any(end - start == 23 * 3600 for start, end, _ in rows)
    for begin in range(0, len(rows), 500):
        some = rows[begin:begin + 500]
        (metric, told), = matrix(server, f'{ENERGY}{{usage_point="A",lane="{lane}",kind="interval"}}', some[0][1], some[-1][1], QUARTER)
        assert metric["lane"] == lane
        assert [told[end] for _, end, _ in some] == [value for _, _, value in some]


def test_steps_between_and_rate_interval(server):
    """What a panel of 1,000 pixels over a day sends, $__interval and $__rate_interval filled in."""
    rows = values(server, "A", "1-1:1.29.0")
    (metric, told), = matrix(server, f'rate({ENERGY}{{usage_point="A"}}[1m15s]) * 3600', DAY, DAY_END, 15)
    assert "__name__" not in metric and metric["usage_point"] == "A"
    for at, value in list(told.items())[::37]:
        inside = [(start, end, amount) for start, end, amount in rows if start < at and end > at - 75]
        known = sum(min(end, at) - max(start, at - 75) for start, end, _ in inside)
        amount = sum(amount * (min(end, at) - max(start, at - 75)) / (end - start) for start, end, amount in inside)
        assert math.isclose(value, amount / known * 3600, rel_tol=1e-12), at


def test_increase_over_the_day_of_23_hours_adds_up(server):
    rows = values(server, "A", "1-1:1.29.0")
    amount = sum(value for start, end, value in rows if DAY <= start and end <= DAY_END)
    told = only(instant(server, f'increase({ENERGY}{{usage_point="A"}}[23h])', DAY_END))
    assert math.isclose(told, amount, rel_tol=1e-12)
    day = next(value for start, end, value in values(server, "A", "1-1:1.29.0", "day") if start == DAY and end == DAY_END)
    assert math.isclose(told, day, rel_tol=1e-12)
    assert only(instant(server, f'{ENERGY}{{usage_point="A",kind="interval",lane="day"}}', DAY_END)) == day
    assert math.isclose(only(instant(server, f'sum_over_time({ENERGY}{{usage_point="A"}}[23h])', DAY_END)), amount, rel_tol=1e-12)


def test_the_day_of_25_hours(plant):
    """A hundred quarter-hours, two of them called 02:15 on the wall; the hour that comes twice is two hours."""
    begin = seconds("2026-10-24T22:00:00Z")
    plant.run("registry", "apply", plant.file("registry.yaml", REGISTRY), expect=0)
    lines = ["usage_point,channel,timestamp,value,unit,kind,interval"]
    lines += [f"A,1-1:1.29.0,{stamp(begin + (i + 1) * QUARTER)},{(i + 1) / 8},kWh,interval,15m" for i in range(-8, 108)]
    plant.ingest(plant.file("october.csv", "\n".join(lines) + "\n"))
    key = make_key(plant, "ro")
    with Server(plant, workers=0) as server:
        server.key = key
        end = begin + 25 * 3600
        day, = (row for row in values(server, "A", "1-1:1.29.0", "day") if row[:2] == (begin, end))
        assert day[2] == sum((i + 1) / 8 for i in range(100))
        assert only(instant(server, f"increase({ENERGY}[25h])", end)) == pytest.approx(day[2], rel=1e-12)
        assert only(instant(server, f'{ENERGY}{{lane="day"}}', end)) == day[2]
        (_, hours), = matrix(server, f'{ENERGY}{{lane="hour"}}', begin + 3600, end, 3600)
        assert list(hours.values()) == [sum((4 * hour + i + 1) / 8 for i in range(4)) for hour in range(25)]


def test_aggregation_by_a_tag_and_arithmetic(server):
    at = DAY + 8 * 3600
    of_a, of_b = (next(value for start, end, value in values(server, name, "1-1:1.29.0") if end == at) for name in "AB")
    told = instant(server, f'sum by (tag_city) ({ENERGY}) * 4', at)
    assert told == {'{"tag_city": "Utrecht"}': of_a * 4, '{"tag_city": "Delft"}': of_b * 4}
    assert only(instant(server, f'sum({ENERGY})', at)) == of_a + of_b
    assert only(instant(server, f'avg({ENERGY}{{lane="vee"}})', at)) == (of_a + of_b) / 2
    assert only(instant(server, f'count({ENERGY}{{tag_city=~"U.*|D.*"}})', at)) == 2
    assert only(instant(server, f'max({ENERGY})', at)) == max(of_a, of_b)


def test_estimates_fill_lane_vee_and_not_raw(server):
    begin = DAY - 86400
    at = begin + 42 * QUARTER
    estimated = next(value for start, end, value in values(server, "B", "1-1:1.29.0") if end == at)
    assert estimated is not None
    assert only(instant(server, f'{ENERGY}{{usage_point="B"}}', at)) == estimated
    assert instant(server, f'{ENERGY}{{usage_point="B",lane="raw"}}', at) == {}


def test_registers_are_counters(server):
    at = DAY + 5 * 3600
    assert only(instant(server, f'{ENERGY}_total{{usage_point="A"}}', at + 100)) == 1000 + 29 * 2.5
    assert math.isclose(only(instant(server, f'increase({ENERGY}_total{{usage_point="A"}}[4h])', at)), 10, rel_tol=1e-9)
    # a period of a register is an amount, and so is not of the counter
    day = next(value for start, end, value in values(server, "A", "1-0:1.8.0", "day") if end == DAY_END)
    assert only(instant(server, f'{ENERGY}{{usage_point="A",channel="1-0:1.8.0",lane="day"}}', DAY_END)) == day


def test_gauges_and_units(server):
    at = DAY + 5 * 3600
    told = next(value for start, end, value in values(server, "A", "temp") if end == at)
    assert only(instant(server, "busbar_temperature_celsius", at)) == told
    mean = next(value for start, end, value in values(server, "A", "temp", "hour") if end == at)
    assert only(instant(server, 'busbar_temperature_celsius{lane="hour"}', at)) == pytest.approx(mean, rel=1e-15)
    litres = next(value for start, end, value in values(server, "W", "flow", "raw") if end == at)
    cubic = next(value for start, end, value in values(server, "W", "flow") if end == at)
    assert math.isclose(only(instant(server, "busbar_volume_cubic_meters", at)), cubic, rel_tol=1e-15)
    assert math.isclose(only(instant(server, 'busbar_volume_cubic_meters{lane="raw"}', at)), litres / 1000, rel_tol=1e-15)


def test_readings_without_a_nominal_interval_hold_by_their_usual_distance(plant):
    """A gauge that nobody said the interval of, every ten minutes: it holds for twenty. Intervals of half an hour, by start and end."""
    lines = ["usage_point,channel,start,timestamp,value,unit,kind"]
    begin = int(seconds("2026-03-01T00:00:00Z"))
    for i in range(12):
        lines.append(f"G,level,{stamp(begin + i * 600)},{stamp(begin + i * 600)},{i},1,gauge")
    for i in range(6):
        lines.append(f"G,run,{stamp(begin + i * 1800)},{stamp(begin + (i + 1) * 1800)},{i + 1},kWh,interval")
    plant.ingest(plant.file("g.csv", "\n".join(lines) + "\n"))
    with Server(plant, workers=0) as server:
        def told(query, at):
            return server.get("/api/v1/query?" + urllib.parse.urlencode({"query": query, "time": at})).json()["data"]["result"]
        last = begin + 11 * 600
        assert told("busbar_value", last + 1199)[0]["value"][1] == "11"
        assert told("busbar_value", last + 1201) == []
        assert told(ENERGY, begin + 1800 + 1)[0]["value"][1] == "1", "until the next one ends"
        assert told(ENERGY, begin + 3 * 3600 + 1799)[0]["value"][1] == "6"
        assert told(ENERGY, begin + 3 * 3600 + 1801) == []
        assert float(told(f"increase({ENERGY}[30m])", begin + 2700)[0]["value"][1]) == 1.5, "halves of two"


def test_by_get_and_with_lines(server):
    by_post = ask(server, "/api/v1/query", query=f"sum (\n\t{ENERGY}\n)", time=DAY)
    assert by_post == ask(server, "/api/v1/query", method="GET", query=f"sum({ENERGY})", time=stamp(DAY))
    assert ask(server, "/api/v1/query_range", method="GET", query="1", start=DAY, end=DAY + 60, step="1m", timeout="10s", stats="all")["data"]["result"] == [
        {"metric": {}, "values": [[DAY, "1"], [DAY + 60, "1"]]}]


def test_now_is_the_default(server):
    told = ask(server, "/api/v1/query", query="1")
    assert abs(told["data"]["result"][0] - time.time()) < 60


def test_as_of_a_moment(server):
    early = "2020-01-01T00:00:00Z"
    at = DAY + 3600
    assert instant(server, f'{ENERGY}{{usage_point="A"}}', at, as_of=early) == {}
    now = stamp(time.time() + 1)
    assert instant(server, f'{ENERGY}{{usage_point="A"}}', at, as_of=now) == instant(server, f'{ENERGY}{{usage_point="A"}}', at)


# ---- whose


def test_the_tenant_is_that_of_the_key(server):
    at = DAY + 3600
    assert ask(server, "/api/v1/label/usage_point/values", method="GET", key=server.theirs)["data"] == ["B", "SECRET", "W"]
    assert ask(server, "/api/v1/query", query='{usage_point="SECRET"}', time=at)["data"]["result"] == []
    assert len(ask(server, "/api/v1/query", key=server.theirs, query='{usage_point="SECRET",kind="interval"}', time=at)["data"]["result"]) == 1
    assert "SECRET" not in json.dumps(ask(server, "/api/v1/series", **{"match[]": '{usage_point=~".*",unit=~".+"}'}))
    assert ask(server, "/api/v1/query", key=server.theirs, query='{tag_city=~".+"}', time=at)["data"]["result"] == [], "tags are of a tenant, too"


# ---- what is wrong


@pytest.mark.parametrize("path, parameters, status, kind, code", [
    ("/api/v1/query", {"query": "sum("}, 400, "bad_data", "BB-6101"),
    ("/api/v1/query", {"query": "topk(3, x)"}, 400, "bad_data", "BB-6102"),
    ("/api/v1/query", {"query": "x", "time": "yesterday"}, 400, "bad_data", "BB-6104"),
    ("/api/v1/query", {}, 400, "bad_data", "BB-6003"),
    ("/api/v1/query", {"query": "1", "quary": "2"}, 400, "bad_data", "BB-6003"),
    ("/api/v1/query_range", {"query": "1", "start": 0, "end": 100000, "step": 1}, 400, "bad_data", "BB-6104"),
    ("/api/v1/query_range", {"query": "1", "start": 10, "end": 0, "step": 1}, 400, "bad_data", "BB-6104"),
    ("/api/v1/query_range", {"query": "1", "start": 0, "end": 1, "step": 0}, 400, "bad_data", "BB-6104"),
    ("/api/v1/series", {"match[]": "1"}, 400, "bad_data", "BB-6101"),
    ("/api/v1/query", {"query": f"{ENERGY} + on () {ENERGY}", "time": DAY + 3600}, 422, "execution", "BB-6105"),
])
def test_errors_are_prometheus_own_with_the_code(server, path, parameters, status, kind, code):
    told = ask(server, path, expect=status, **parameters)
    assert (told["errorType"], told["code"]) == (kind, code) and told["error"]
    assert server.get(f"/v1/explain/{code}").status == 200


def test_without_a_key(server):
    answer = server.get("/api/v1/query?query=1")
    assert answer.status == 401 and answer.json()["errorType"] == "unauthorized" and answer.json()["code"] == "BB-6004"


def test_a_query_that_takes_too_long_ends(server):
    told = ask(server, "/api/v1/query_range", expect=503, query=f'sum(rate({ENERGY}{{lane="hour"}}[90d]))', start=DAY - 86400 * 9, end=DAY_END,
               step=100, timeout="1ms")
    assert (told["errorType"], told["code"]) == ("timeout", "BB-6106")


def test_more_series_than_a_selector_may_have(plant):
    """Refused with a code when they are to be added up; lists are cut, and say so."""
    lines = ["usage_point,channel,timestamp,value,unit,kind,interval"]
    lines += [f"P{i:05d},1-1:1.29.0,2026-03-01T00:15:00Z,1,kWh,interval,15m" for i in range(10001)]
    plant.ingest(plant.file("many.csv", "\n".join(lines) + "\n"))
    key = make_key(plant, "ro")
    with Server(plant, workers=0) as server:
        at = seconds("2026-03-01T00:15:00Z")
        refused = ask(server, "/api/v1/query", key=key, expect=422, query=f"sum({ENERGY})", time=at)
        assert (refused["errorType"], refused["code"]) == ("execution", "BB-6103") and "10000 series" in refused["error"]
        some = ask(server, "/api/v1/query", key=key, query=f'sum({ENERGY}{{usage_point=~"P00.*"}})', time=at)
        assert some["data"]["result"] == [{"metric": {}, "value": [at, "1000"]}]
        everyone = ask(server, "/api/v1/label/usage_point/values", key=key, method="GET")
        assert len(everyone["data"]) == 10001 and "warnings" not in everyone
        cut = ask(server, "/api/v1/series", key=key, **{"match[]": ENERGY})
        assert len(cut["data"]) == 10000 and cut["warnings"]
