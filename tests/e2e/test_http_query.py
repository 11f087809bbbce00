"""Reading over HTTP: every list is the command line's, page by page; values in every form; changes by people."""

import datetime
import json
import time
import urllib.parse

import pytest
from conftest import Plant, quarter_hours
from server import Server

METERS = 12


def path_of(route, **parameters):
    query = urllib.parse.urlencode({name.rstrip("_"): value for name, value in parameters.items()})
    return f"/v1/{route}" + (f"?{query}" if query else "")


def ask(server, route, expect=200, **parameters):
    answer = server.get(path_of(route, **parameters))
    assert answer.status == expect, answer
    return answer.json()


def pages(server, route, limit, **parameters):
    """All items, through cursors."""
    items, cursor = [], {}
    while True:
        page = ask(server, route, limit=limit, **cursor, **parameters)
        assert len(page["items"]) <= limit
        items += page["items"]
        if page["next"] is None:
            return items
        assert len(page["items"]) == limit, "only the last page is short"
        cursor = {"cursor": page["next"]}


@pytest.fixture(scope="module")
def city(tmp_path_factory):
    """A plant with a small city in it, and its server."""
    plant = Plant(tmp_path_factory.mktemp("http"))
    plant.run("generate", "--meters", METERS, "--days", 16, "--faults", "0.5", "--seed", 3, "--out", "city", expect=0)
    plant.run("registry", "apply", plant.folder / "city/registry.yaml", expect=0)
    plant.ingest(*sorted((plant.folder / "city").glob("readings*")))
    with Server(plant) as server:
        ready(server, plant)
        server.plant = plant
        yield server


def ready(server, plant):
    """Ticks of all days are in, which a server writes when it begins: the lists stand still."""
    def state():
        lag = sum(stage["lag_readings"] for stage in ask(server, "overview")["stages"])
        return lag, plant.list("exceptions", "--all")
    last = state()
    for _ in range(60):
        time.sleep(0.7)  # the server looks at its backlog twice a second
        now = state()
        if now == last and now[0] == 0:
            return
        last = now
    raise AssertionError("the plant does not come to rest")


def usage_points(server):
    return [row["usage_point"] for row in pages(server, "usage-points", 1000)]


def busiest(server):
    """A usage point with intervals and registers."""
    rows = pages(server, "channels", 1000)
    kinds = {}
    for row in rows:
        kinds.setdefault(row["usage_point"], set()).add(row["kind"])
    return next(name for name, has in kinds.items() if {"interval", "register"} <= has)


# ---- lists


@pytest.mark.parametrize("subject, route, parameters, arguments", [
    ("channels", "channels", {}, []),
    ("exceptions", "exceptions", {}, []),
    ("exceptions", "exceptions", {"state": "all"}, ["--all"]),
    ("completeness", "completeness", {}, []),
    ("completeness", "completeness", {"from": "2026-03-22", "to": "2026-03-25"}, ["--from", "2026-03-22", "--to", "2026-03-25"]),
])
def test_a_list_is_the_command_lines(city, subject, route, parameters, arguments):
    expected = city.plant.list(subject, *arguments)
    assert expected, "there is something to compare"
    assert pages(city, route, 1000, **parameters) == expected
    some = expected[:200]
    few = pages(city, route, 7, **parameters) if len(expected) <= 200 else None
    assert few is None or few == some
    assert list(ask(city, route, limit=1, **parameters)["items"][0]) == list(expected[0]), "the same members in the same order"


def test_usage_points_are_the_command_lines_with_their_tags(city):
    items = pages(city, "usage-points", 5)
    assert [{name: value for name, value in item.items() if name != "tags"} for item in items] == city.plant.list("usage-points")
    shown = city.plant.run("--json", "registry", "show", items[0]["usage_point"], expect=0).json()
    assert items[0]["tags"] == shown.get("tags", {}) and items[0]["tags"]


def test_findings_are_the_command_lines_in_an_order_of_their_own(city):
    expected = city.plant.list("findings")
    items = pages(city, "findings", 1000)
    assert len(expected) > 20

    def as_texts(rows):
        return sorted(json.dumps(row) for row in rows)
    assert as_texts(items) == as_texts(expected)
    assert pages(city, "findings", 9) == items
    order = [(row["usage_point"], row["channel"], row["at"]) for row in items]
    assert order == sorted(order)
    check = items[0]["check"]
    assert pages(city, "findings", 1000, check=check) == [row for row in items if row["check"] == check]


def test_lists_of_one_usage_point(city):
    name = busiest(city)
    for subject in ("channels", "exceptions", "findings", "completeness"):
        items = pages(city, subject, 1000, usage_point=name)
        assert items == [row for row in pages(city, subject, 1000) if row["usage_point"] == name], subject
    exceptions = pages(city, "exceptions", 1000)
    one = exceptions[0]
    found = pages(city, "exceptions", 1000, usage_point=one["usage_point"], channel=one["channel"], check=one["check"])
    assert one in found and all(row["check"] == one["check"] and row["channel"] == one["channel"] for row in found)


def test_lists_as_of_a_moment(city):
    before = "2020-01-01T00:00:00Z"
    for subject in ("channels", "exceptions", "findings", "completeness"):
        assert ask(city, subject, as_of=before)["items"] == [], subject
    now = ask(city, "overview")["now"]
    for subject in ("channels", "exceptions"):
        assert pages(city, subject, 1000, as_of=now) == city.plant.list(subject, "--as-of", now), subject


def test_a_search_finds_any_part(city):
    everything = pages(city, "usage-points", 1000)
    one = everything[3]
    entry = city.plant.run("--json", "registry", "show", one["usage_point"], expect=0).json()

    def found(words):
        return [row["usage_point"] for row in pages(city, "usage-points", 4, search=words)]
    assert found(one["usage_point"][-6:]) == [one["usage_point"]]
    assert one["usage_point"] in found(entry["installations"][0]["device"])
    assert one["usage_point"] in found(entry["installations"][0]["device"].upper())
    tag = next(iter(entry["tags"].values()))
    assert found(tag) == [row["usage_point"] for row in everything if tag.lower() in json.dumps(row["tags"]).lower()
                          or tag.lower() in row["usage_point"].lower()]
    assert found(f"{tag} {one['usage_point'][-6:]}") == [one["usage_point"]], "all words have to be found"
    assert found("nobody has this") == []
    assert found("Europe/Amsterdam") == [], "a zone is nobody's name"
    found_csv = city.get(path_of("usage-points", search=tag), Accept="text/csv").body.decode()
    assert [line.split(",")[0] for line in found_csv.splitlines()[1:]] == found(tag)
    then = {"search": tag, "as_of": ask(city, "overview")["now"]}
    assert [row["usage_point"] for row in pages(city, "usage-points", 4, **then)] == found(tag)
    assert ask(city, "usage-points", search=tag, as_of="2020-01-01T00:00:00Z")["items"] == []


def test_pages_hold_when_rows_come_and_go(filled):
    """A cursor is a place in the order, not a number of rows."""
    for name in ("C", "E", "G"):
        filled.ingest(filled.file(f"{name}.csv", quarter_hours(["1"], usage_point=name)))
    with Server(filled) as server:
        first = ask(server, "usage-points", limit=2)
        assert [row["usage_point"] for row in first["items"]] == ["A", "C"]
        for name in ("B", "D"):
            assert server.post(quarter_hours(["1"], usage_point=name), "wait=derived").status == 200
        second = ask(server, "usage-points", limit=2, cursor=first["next"])
        assert [row["usage_point"] for row in second["items"]] == ["D", "E"], "what came before the cursor is not told twice"
        assert [row["usage_point"] for row in ask(server, "usage-points", limit=9, cursor=second["next"])["items"]] == ["G"]


def test_a_cursor_is_of_one_question(city):
    cursor = ask(city, "channels", limit=1)["next"]
    for route, parameters in (("channels", {"usage_point": busiest(city)}), ("usage-points", {}), ("exceptions", {})):
        refused = city.get(path_of(route, cursor=cursor, **parameters))
        assert (refused.status, refused.code) == (400, "BB-6003"), route
        assert "cursor" in refused.json()["detail"]
    assert city.get(path_of("channels", cursor="1")).status == 400


# ---- values


LANES = ["raw", "vee", "hour", "day", "month"]


def test_csv_is_the_command_lines_byte_for_byte(city):
    for name in usage_points(city)[:4]:
        for lane in LANES:
            printed = city.plant.run("query", "--usage-point", name, "--lane", lane, "--format", "csv", expect=0).out
            answer = city.get(path_of("values", usage_point=name, lane=lane), Accept="text/csv")
            assert answer.status == 200 and answer.headers["Content-Type"].startswith("text/csv")
            assert answer.body.decode() == printed, (name, lane)


def test_ndjson_and_json_are_the_command_lines(city):
    name = busiest(city)
    for lane in LANES:
        printed = city.plant.run("query", "--usage-point", name, "--lane", lane, "--format", "ndjson", expect=0).out
        answer = city.get(path_of("values", usage_point=name, lane=lane), Accept="application/x-ndjson")
        assert answer.body.decode() == printed, lane
        rows = [json.loads(line) for line in printed.splitlines()]
        assert ask(city, "values", usage_point=name, lane=lane) == {"items": rows, "next": None}, lane


def test_the_lane_is_vee_unless_one_is_named(city):
    assert ask(city, "values", usage_point=busiest(city))["items"][0]["lane"] == "vee"


def test_a_channel_a_time_a_zone(city):
    name = busiest(city)
    channel = next(row["channel"] for row in pages(city, "channels", 1000, usage_point=name) if row["kind"] == "interval")
    arguments = ["--usage-point", name, "--channel", channel, "--lane", "vee", "--from", "2026-03-28T00:00:00Z", "--to",
                 "2026-03-30T00:00:00Z", "--zone", "Europe/Amsterdam", "--format", "ndjson"]
    printed = city.plant.run("query", *arguments, expect=0).out
    answer = city.get(path_of("values", usage_point=name, channel=channel, from_="2026-03-28T01:00:00+01:00", to="2026-03-30T00:00:00Z",
                              zone="Europe/Amsterdam"), Accept="application/x-ndjson")
    assert answer.body.decode() == printed and len(printed.splitlines()) == 192


def test_values_as_of_a_moment(city):
    name = busiest(city)
    now = ask(city, "overview")["now"]
    for lane in ("raw", "vee", "day"):
        printed = city.plant.run("query", "--usage-point", name, "--lane", lane, "--as-of", now, "--format", "csv", expect=0).out
        answer = city.get(path_of("values", usage_point=name, lane=lane, as_of=now), Accept="text/csv")
        assert answer.body.decode() == printed, lane


@pytest.mark.parametrize("lane", ["raw", "vee", "day"])
def test_pages_of_values(city, lane):
    name = busiest(city)
    everything = ask(city, "values", usage_point=name, lane=lane)["items"]
    assert pages(city, "values", 500 if lane != "day" else 5, usage_point=name, lane=lane) == everything
    assert ask(city, "values", usage_point=name, lane=lane, limit=3)["items"] == everything[:3]


def test_a_long_answer_is_streamed_and_whole(plant):
    """More rows than one look at the store tells, with the seams where a look ends."""
    lines = ["usage_point,channel,timestamp,value,unit,kind,interval"]
    for i in range(50000):
        minutes = (i + 1) * 5
        day, minute = divmod(minutes, 1440)
        month_day = day + 1
        month, month_day = (1, month_day) if month_day <= 31 else (2, month_day - 31) if month_day <= 59 else (3, month_day - 59) \
            if month_day <= 90 else (4, month_day - 90) if month_day <= 120 else (5, month_day - 120) if month_day <= 151 else (6, month_day - 151)
        lines.append(f"A,1-1:1.29.0,2026-{month:02d}-{month_day:02d}T{minute // 60:02d}:{minute % 60:02d}:00Z,{i % 97},kWh,interval,5m")
        if i % 3 == 0:
            lines.append(f"A,1-0:1.8.0,2026-{month:02d}-{month_day:02d}T{minute // 60:02d}:{minute % 60:02d}:00Z,{i},kWh,register,15m")
    plant.ingest(plant.file("long.csv", "\n".join(lines) + "\n"))
    with Server(plant, workers=0) as server:
        for lane in ("raw", "vee"):
            answer = server.get(path_of("values", usage_point="A", lane=lane), Accept="text/csv")
            assert answer.headers["Content-Length"] is None, "it is sent while it is made"
            assert answer.body.decode() == plant.run("query", "--usage-point", "A", "--lane", lane, "--format", "csv", expect=0).out
        answer = ask(server, "values", usage_point="A", lane="raw")
        assert len(answer["items"]) == 50000 + 16667
        assert pages(server, "values", 20000, usage_point="A", lane="raw") == answer["items"]


def test_who_goes_away_in_the_middle_harms_nobody(city):
    name = busiest(city)
    for _ in range(20):
        connection = city.raw()
        connection.sendall(f"GET {path_of('values', usage_point=name, lane='vee')} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        connection.close()
    assert ask(city, "values", usage_point=name, limit=1)["items"]


# ---- points and columns


def test_points_keep_peaks_gaps_and_the_last_value(city):
    name = busiest(city)
    rows = {}
    for row in ask(city, "values", usage_point=name)["items"]:
        rows.setdefault(row["channel"], []).append(row)
    points = {}
    for point in ask(city, "values", usage_point=name, points=50)["items"]:
        points.setdefault(point["channel"], []).append(point)
    assert points.keys() == rows.keys()
    for channel, told in points.items():
        values = [row["value"] for row in rows[channel] if row["value"] is not None]
        assert len(told) <= 50
        assert sum(point["count"] for point in told) == len(values)
        assert max(point["max"] for point in told if point["count"]) == max(values)
        assert min(point["min"] for point in told if point["count"]) == min(values)
        assert told[0]["start"] == rows[channel][0]["start"] and told[-1]["end"] == rows[channel][-1]["end"]
        for point in told:
            inside = [row for row in rows[channel] if point["start"] <= row["start"] and row["end"] <= point["end"]]
            with_value = [row["value"] for row in inside if row["value"] is not None]
            assert point["count"] == len(with_value)
            assert point["last"] == (with_value[-1] if with_value else None)
            assert point["quality"] in {row["quality"] for row in inside}
            if any(row["value"] is None for row in inside):
                assert point["quality"].startswith("missing")


def test_few_rows_are_points_of_their_own(city):
    name = busiest(city)
    days = ask(city, "values", usage_point=name, lane="day")["items"]
    points = ask(city, "values", usage_point=name, lane="day", points=1000)["items"]
    assert [(p["channel"], p["start"], p["end"], p["last"], p["quality"]) for p in points] == \
           [(d["channel"], d["start"], d["end"], d["value"], d["quality"]) for d in days]
    assert list(points[0]) == ["usage_point", "channel", "lane", "start", "end", "min", "max", "last", "unit", "quality", "count"]


def milliseconds(text):
    return round(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)


def test_columns_are_the_rows(city):
    name = busiest(city)
    rows = ask(city, "values", usage_point=name)["items"]
    columns = ask(city, "values", usage_point=name, shape="columns")
    assert (columns["usage_point"], columns["lane"]) == (name, "vee")
    described = {row["channel"]: row for row in pages(city, "channels", 1000, usage_point=name)}
    again = []
    for channel in columns["channels"]:
        assert channel["kind"] == described[channel["channel"]]["kind"] and channel["zone"] == "Europe/Amsterdam"
        assert len({len(channel[column]) for column in ("start", "end", "value", "quality", "band")}) == 1
        for start, end, value, quality, band in zip(*(channel[c] for c in ("start", "end", "value", "quality", "band"))):
            again.append((channel["channel"], start, end, value, channel["unit"], channel["qualities"][quality], band))
    assert again == [(row["channel"], milliseconds(row["start"]), milliseconds(row["end"]), row["value"], row["unit"], row["quality"],
                      row.get("band")) for row in rows]


def test_columns_of_points(city):
    name = busiest(city)
    points = ask(city, "values", usage_point=name, points=20)["items"]
    columns = ask(city, "values", usage_point=name, points=20, shape="columns")
    again = []
    for channel in columns["channels"]:
        for i in range(len(channel["end"])):
            again.append((channel["channel"], channel["end"][i], channel["min"][i], channel["max"][i], channel["last"][i],
                          channel["qualities"][channel["quality"][i]], channel["count"][i]))
    assert again == [(p["channel"], milliseconds(p["end"]), p["min"], p["max"], p["last"], p["quality"], p["count"]) for p in points]


# ---- one thing


def test_master_data_of_a_usage_point(city):
    for name in usage_points(city)[:3]:
        assert ask(city, f"usage-points/{name}") == city.plant.run("--json", "registry", "show", name, expect=0).json()


def test_a_usage_point_that_readings_alone_speak_of(filled):
    filled.ingest(filled.file("odd.csv", quarter_hours(["1"], usage_point="a b/ü")))
    with Server(filled, workers=0) as server:
        for name in ("A", "a b/ü"):
            entry = ask(server, "usage-points/" + urllib.parse.quote(name, safe=""))
            assert entry == filled.run("--json", "registry", "show", name, expect=0).json()
        assert [row["tags"] for row in ask(server, "usage-points")["items"]] == [{}, {}]


def test_the_story_of_a_value(city):
    finding = next(row for row in pages(city, "findings", 1000) if row["check"] != "gap")
    for lane in ("vee", "raw", "day"):
        arguments = ["--usage-point", finding["usage_point"], "--channel", finding["channel"], "--at", finding["at"], "--lane", lane]
        story = ask(city, "explain", usage_point=finding["usage_point"], channel=finding["channel"], at=finding["at"], lane=lane)
        assert story == city.plant.run("--json", "explain", *arguments, expect=0).json(), lane


def test_the_story_of_a_code(city):
    story = ask(city, "explain/BB-1004")
    printed = city.plant.run("--json", "explain", "BB-1004", expect=0).json()
    assert (story["code"], story["title"], story["text"]) == (printed["code"], printed["title"], printed["explanation"])
    assert ask(city, "explain/1004") == story
    for nonsense in ("BB-9999", "BB-", "12345", "x"):
        assert city.get(f"/v1/explain/{nonsense}").status == 404


def test_the_overview(city):
    seen = ask(city, "overview")
    exceptions = city.plant.list("exceptions")
    assert seen["usage_points"] == METERS and seen["channels"] == len(city.plant.list("channels"))
    assert seen["exceptions_open"] == len(exceptions) == sum(seen["exceptions_by_check"].values())
    for check, count in seen["exceptions_by_check"].items():
        assert count == sum(row["check"] == check for row in exceptions)
    assert [worker["state"] for worker in seen["workers"]] == ["running"] and seen["workers"][0]["pid"] > 0
    assert seen["stages"][0]["stage"] == "derive" and seen["stages"][0]["lag_readings"] == 0
    assert seen["readings_total"] > 1000 and seen["store_bytes"] > 10000 and seen["log_bytes"] > 10000
    day = seen["completeness"]["day"]
    rows = [row for row in city.plant.list("completeness", "--from", day) if row["start"][:10] <= day and row["end"][:10] >= day]
    rows = [row for row in rows if milliseconds(row["start"]) + (milliseconds(row["end"]) - milliseconds(row["start"])) / 2
            < milliseconds(day + "T23:59:59Z")]
    assert seen["completeness"]["expected"] == sum(row["expected"] or 0 for row in rows) > 0
    assert seen["completeness"]["missing"] == sum(row["missing"] or 0 for row in rows)


def test_files(plant):
    """What came, what of it counts, and why not the rest; the newest first; the own tenant's alone."""
    good = quarter_hours(["0.125"] * 4)
    plant.ingest(plant.file("good.csv", good))
    plant.ingest(plant.file("again.csv", good))  # known already: nothing was refused
    bad = good + "A,1-1:1.29.0,2026-03-01T12:00:00Z,many,kWh,interval,15m\n"
    plant.ingest(plant.file("bad.csv", bad), expect=1)
    plant.ingest("--partial", plant.file("some.csv", bad.replace("0.125", "0.25")), expect=1)
    plant.run("--tenant", "other", "ingest", plant.file("theirs.csv", quarter_hours(["1"], usage_point="B")), expect=0)
    with Server(plant) as server:
        items = pages(server, "files", 2)
        assert [(item["source"].split("/")[-1], item["state"], item["readings"], item["rejected"]) for item in items] == \
               [("some.csv", "partial", 4, 1), ("bad.csv", "refused", 0, 1), ("good.csv", "done", 4, 0)]
        assert [item["bytes"] for item in items] == [len(bad) - 4, len(bad), len(good)]
        assert items[2]["errors"] == [] and items[0]["errors"] == items[1]["errors"]
        assert [(error["line"], error["code"]) for error in items[0]["errors"]] == [(6, "BB-1005")] and "many" in items[0]["errors"][0]["reason"]
        assert server.post(good).status == 200
        assert pages(server, "files", 100) == items, "a post is no file"


def test_me(city):
    assert ask(city, "me") == {"tenant": "default", "role": "local", "name": "loopback"}


# ---- what is wrong is said


@pytest.mark.parametrize("path, status, code, said", [
    ("/v1/values", 400, "BB-6003", "usage_point"),
    ("/v1/values?usage_pont=A", 400, "BB-6003", "did you mean usage_point"),
    ("/v1/values?usage_point=nobody", 404, "BB-2002", "nobody"),
    ("/v1/values?usage_point={up}&channel=nothing", 404, "BB-2003", "it has"),
    ("/v1/values?usage_point={up}&lane=wee", 400, "BB-6003", "vee"),
    ("/v1/values?usage_point={up}&from=yesterday", 400, "BB-6003", "from"),
    ("/v1/values?usage_point={up}&from=2026-03-01", 400, "BB-6003", "from"),
    ("/v1/values?usage_point={up}&zone=Mars/Base", 400, "BB-6003", "zone"),
    ("/v1/values?usage_point={up}&points=0", 400, "BB-6003", "points"),
    ("/v1/values?usage_point={up}&points=5&limit=5", 400, "BB-6003", "limit"),
    ("/v1/values?usage_point={up}&shape=round", 400, "BB-6003", "columns"),
    ("/v1/usage-points?limit=0", 400, "BB-6003", "limit"),
    ("/v1/usage-points?limit=1001", 400, "BB-6003", "limit"),
    ("/v1/usage-points?serach=x", 400, "BB-6003", "did you mean search"),
    ("/v1/usage-points/nobody", 404, "BB-2002", "nobody"),
    ("/v1/completeness?from=soon", 400, "BB-6003", "from"),
    ("/v1/completeness?usage_point=nobody", 404, "BB-2002", "nobody"),
    ("/v1/explain?usage_point={up}&channel=x", 400, "BB-6003", "at"),
    ("/v1/explain?usage_point=nobody&channel=x&at=2026-03-01T00:00:00Z", 404, "BB-2002", "nobody"),
    ("/v1/explain?usage_point={up}&channel=1-0:1.8.0&at=2016-03-01T00:00:00Z", 404, "BB-2026", ""),
    ("/v1/exceptions?check=spyke", 400, "BB-6003", "spike"),
    ("/v1/exceptions?state=closed", 400, "BB-6003", "open"),
    ("/v1/nothing", 404, "BB-6001", ""),
])
def test_what_is_wrong_is_a_problem(city, path, status, code, said):
    answer = city.get(path.format(up=busiest(city)))
    assert (answer.status, answer.code) == (status, code), answer
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status and problem["title"] and problem["type"].endswith(code)
    assert said in problem["detail"]


def test_other_types_and_methods(city):
    name = busiest(city)
    assert city.get(path_of("values", usage_point=name), Accept="image/png").status == 406
    assert city.get(path_of("values", usage_point=name, points=5), Accept="text/csv").status == 400
    assert city.get(path_of("values", usage_point=name, limit=1), Accept="text/html,*/*;q=0.8").status == 200
    refused = city.request("DELETE", "/v1/exceptions")
    assert refused.status == 405 and refused.headers["Allow"] == "GET, POST"
    head = city.request("HEAD", path_of("channels"))
    assert head.status == 200 and head.body == b""


# ---- what people change


def fill(plant):
    values = [f"0.2{i % 7}" for i in range(72)]
    values[3], values[20], values[41] = "0.25", None, "-1"
    plant.ingest(plant.file("day.csv", quarter_hours(values)))


@pytest.fixture
def small(plant):
    fill(plant)
    with Server(plant) as server:
        ready(server, plant)
        yield server


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory):
    """Like `small`, for those that must not change it."""
    plant = Plant(tmp_path_factory.mktemp("unchanged"))
    fill(plant)
    with Server(plant) as server:
        ready(server, plant)
        yield server


def send(server, route, body, expect=200, **headers):
    answer = server.request("POST", f"/v1/{route}", body=json.dumps(body), Content_Type="application/json", **headers)
    assert answer.status == expect, answer
    return answer.json()


EDIT = {"usage_point": "A", "channel": "1-1:1.29.0", "at": "2026-03-01T01:00:00Z", "value": "0.125", "reason": "read off the display"}


def test_an_edit_counts_when_it_is_answered(small):
    told = send(small, "edits", EDIT)
    assert (told["usage_point"], told["channel"], told["at"], told["told"]) == ("A", "1-1:1.29.0", EDIT["at"], True)
    assert (told["old"]["value"], told["old"]["quality"]) == (0.25, "measured")
    assert (told["new"]["value"], told["new"]["quality"]) == (0.125, "edited")
    rows = ask(small, "values", usage_point="A", from_="2026-03-01T00:45:00Z", to="2026-03-01T01:00:00Z")["items"]
    assert rows == [told["new"]]
    story = ask(small, "explain", usage_point="A", channel="1-1:1.29.0", at=EDIT["at"])
    version = next(version for version in story["versions"] if version["stands"])
    assert (version["act"], version["by"], version["reason"]) == ("edit", "loopback", EDIT["reason"])
    assert len(story["versions"]) == 2
    before = story["versions"][0]["recorded"]
    assert ask(small, "values", usage_point="A", from_="2026-03-01T00:45:00Z", to="2026-03-01T01:00:00Z", as_of=before)["items"] == [told["old"]]
    again = send(small, "edits", EDIT)
    assert again["told"] is False and again["new"] == told["new"], "it stands already"


def test_an_edit_is_taken_back(small):
    old = send(small, "edits", {**EDIT, "value": 2.5})["old"]
    withdrawal = {name: EDIT[name] for name in ("usage_point", "channel", "at", "reason")} | {"withdraw": True}
    back = send(small, "edits", withdrawal)
    assert back["old"]["value"] == 2.5 and back["new"] == old
    refused = send(small, "edits", withdrawal, expect=409)
    assert refused["code"] == "BB-2022"


def test_values_keep_their_digits(small):
    assert send(small, "edits", {**EDIT, "value": "0.123456789012345678"})["new"]["value"] == pytest.approx(0.123456789012345678)
    row = small.get(path_of("values", usage_point="A", from_="2026-03-01T00:45:00Z", to="2026-03-01T01:00:00Z"), Accept="text/csv").body.decode()
    assert ",0.123456789012345678," in row
    assert send(small, "edits", {**EDIT, "value": 125, "unit": "Wh"})["new"]["value"] == 0.125


@pytest.mark.parametrize("change, status, code, said", [
    ({"value": None}, 400, "BB-1005", "value"),
    ({"value": "much"}, 400, "BB-1005", "value"),
    ({"value": True}, 400, "BB-1005", "value"),
    ({"reason": ""}, 400, "BB-6003", "reason"),
    ({"reason": 5}, 400, "BB-6003", "reason"),
    ({"reason": "x" * 2000}, 400, "BB-4002", ""),
    ({"at": "2026-03-01"}, 400, "BB-6003", "at"),
    ({"at": "2026-03-01T01:05:00Z"}, 400, "BB-2021", ""),
    ({"unit": "furlong"}, 400, "BB-1010", "furlong"),
    ({"withdraw": True}, 400, "BB-6003", "value"),
    ({"withdraw": "yes"}, 400, "BB-6003", "withdraw"),
    ({"valeu": 1}, 400, "BB-6003", "did you mean value"),
    ({"by": "somebody else"}, 400, "BB-6003", "by"),
    ({"usage_point": "nobody"}, 404, "BB-2002", "nobody"),
    ({"channel": "nothing"}, 404, "BB-2003", "nothing"),
    ({"channel": ""}, 400, "BB-6003", "channel"),
])
def test_an_edit_that_is_wrong_changes_nothing(unchanged, change, status, code, said):
    before = ask(unchanged, "values", usage_point="A", lane="raw")
    problem = send(unchanged, "edits", {**EDIT, **change}, expect=status)
    assert problem["code"] == code and said in problem["detail"], problem
    assert ask(unchanged, "values", usage_point="A", lane="raw") == before


def test_bodies_that_are_none(unchanged):
    for body in ("", "{", "[]", "null", '{"reason":"a","reason":"b"}', "\xff"):
        answer = unchanged.request("POST", "/v1/edits", body=body.encode("latin-1"), Content_Type="application/json")
        assert (answer.status, answer.code) == (400, "BB-6003"), body
    answer = unchanged.request("POST", "/v1/edits", body=b" " * (2 << 20), Content_Type="application/json")
    assert (answer.status, answer.code) == (413, "BB-6007")


def open_exceptions(server, check):
    return [row for row in pages(server, "exceptions", 100) if row["check"] == check]


def test_an_exception_is_accepted(small):
    negative = open_exceptions(small, "negative")[0]
    done = send(small, "exceptions", {"action": "accept", "ids": [negative["id"]], "reason": "solar panels"})
    assert (done["done"], done["values"]) == ([negative["id"]], 1)
    assert not open_exceptions(small, "negative")
    closed = next(row for row in pages(small, "exceptions", 100, state="all") if row["id"] == negative["id"])
    assert (closed["state"], closed["by"], closed["reason"]) == ("accepted", "loopback", f"solar panels (exception {negative['id']})")
    refused = send(small, "exceptions", {"action": "accept", "ids": [negative["id"]], "reason": "again"}, expect=409)
    assert refused["code"] == "BB-2024"


def test_an_exception_is_left_to_estimators(small):
    negative = open_exceptions(small, "negative")[0]
    done = send(small, "exceptions", {"action": "estimate", "ids": [negative["id"], 999999], "reason": "a test of the meter"})
    assert done["done"] == [negative["id"]] and [row["code"] for row in done["refused"]] == ["BB-2023"]
    row = next(row for row in ask(small, "values", usage_point="A")["items"] if row["end"] == negative["to"])
    assert row["value"] >= 0 and row["quality"].startswith("estimated")


@pytest.mark.parametrize("body, status, code", [
    ({"action": "accept", "ids": [999999], "reason": "x"}, 404, "BB-2023"),
    ({"action": "accept", "ids": [], "reason": "x"}, 400, "BB-6003"),
    ({"action": "accept", "ids": ["1"], "reason": "x"}, 400, "BB-6003"),
    ({"action": "accept", "ids": [0], "reason": "x"}, 400, "BB-6003"),
    ({"action": "accept", "ids": 1, "reason": "x"}, 400, "BB-6003"),
    ({"action": "delete", "ids": [1], "reason": "x"}, 400, "BB-6003"),
    ({"action": "accept", "ids": [1]}, 400, "BB-6003"),
])
def test_judgements_that_are_wrong(unchanged, body, status, code):
    assert send(unchanged, "exceptions", body, expect=status)["code"] == code


def test_changes_wait_for_nothing_for_ever(plant):
    """Without a worker nothing is derived: an edit of what nobody has seen is refused, and nothing is told."""
    plant.ingest(plant.file("day.csv", quarter_hours(["0.25"] * 4)))
    with Server(plant, workers=0) as server:
        assert server.post(quarter_hours(["0.5"] * 4)).status == 200
        problem = send(server, "edits", EDIT, expect=429)
        assert problem["code"] == "BB-6011"


# ---- the description is true


def test_the_description_lists_what_is_served(city):
    description = ask(city, "openapi.json")
    assert description["openapi"].startswith("3.1") and description["info"]["title"] == "busbar"
    assert "/v1/values" in description["paths"] and "/v1/readings" in description["paths"]
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            assert operation["summary"] and operation["responses"], (method, path)
            named = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
            assert named == {part[1:-1] for part in path.split("/") if part.startswith("{")}, path
            for parameter in operation["parameters"]:
                assert parameter["description"] and parameter["schema"]["type"], (path, parameter)
            if method == "get":
                answer = city.get(path.format(**{name: "x" for name in named}) + "?surely_unknown=1")
                assert answer.status in (400, 404) or not operation["parameters"], path


def test_every_parameter_is_read(city):
    """A value that fits is taken, one that does not is refused, for every parameter of every list."""
    description = ask(city, "openapi.json")
    for path in ("/v1/usage-points", "/v1/channels", "/v1/exceptions", "/v1/findings", "/v1/completeness"):
        for parameter in description["paths"][path]["get"]["parameters"]:
            schema = parameter["schema"]
            good = schema.get("enum", [None])[0] or {"integer": "5", "boolean": "true"}.get(schema["type"])
            if schema.get("format") == "date-time":
                good = "2026-03-25T00:00:00Z"
            if good and parameter["name"] != "cursor":
                assert city.get(f"{path}?{parameter['name']}={good}").status == 200, (path, parameter)
            if "enum" in schema or schema["type"] == "integer" or "format" in schema:
                assert city.get(f"{path}?{parameter['name']}=no-such-thing").status == 400, (path, parameter)
