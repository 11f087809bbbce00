"""Groups: which usage points belong to one, and their values added up, against sums made here of what each member tells."""

import csv
import datetime
import io
import json
import urllib.parse
from collections import defaultdict
from fractions import Fraction

import pytest
from conftest import HEADER, Plant
from server import Server

# name: commodity, tags, factor (multiplier), unit
STREET = {
    "E1": ("electricity", {"district": "north", "floor_area": "80", "transformer": "T12"}, 1, "kWh"),
    "E2": ("electricity", {"district": "north", "floor_area": "200.5", "transformer": "T7"}, 40, "kWh"),
    "E3": ("electricity", {"district": "south", "floor_area": "120"}, 1, "MWh"),
    "E4": ("electricity", {"floor_area": "n/a", "transformer": "T1"}, 1, "kWh"),
    "H1": ("heat", {"district": "north"}, 1, "MJ"),
    "H2": ("heat", {"district": "south"}, 1, "kWh"),
    "W1": ("water", {"district": "north", "note": "it's wet"}, 1, "L"),
}
USUAL = {"electricity": "kWh", "heat": "kWh", "water": "m³"}
UNITS = {"kWh": Fraction(1), "MWh": Fraction(1000), "MJ": Fraction(10, 36), "L": Fraction(1, 1000)}
HOLES = {("E2", 5), ("E4", 9), ("H1", 30)}  # quarter hours that did not come
DAYS = 2


def registry():
    lines = ["groups:",
             "  - {name: north, expression: 'district = north', description: beyond the canal}",
             "  - {name: big, expression: 'floor_area >= 100 AND commodity = electricity'}",
             "usage_points:"]
    for name, (commodity, tags, multiplier, _) in STREET.items():
        said = ", ".join(f"{key}: {json.dumps(value)}" for key, value in tags.items())
        lines.append(f"  - {{name: {name}, commodity: {commodity}, zone: Europe/Amsterdam, tags: {{{said}}}, customer: C-{name},"
                     f" installations: [{{device: D{name}, from: 2025-01-01, multiplier: {multiplier}}}],"
                     f" channels: [{{name: load, kind: interval, interval: 15m, unit: {STREET[name][3]}}}]}}")
    return "\n".join(lines) + "\n"


def sent(name, index):
    """The value of a quarter hour as it is sent, in thousandths: of no pattern, and the same each time."""
    return (sum(map(ord, name)) * 7919 + index * index * 31) % 997


def readings():
    lines = [HEADER]
    begin = datetime.datetime(2026, 3, 1, tzinfo=datetime.timezone(datetime.timedelta(hours=1)))
    for name, (_, _, _, unit) in STREET.items():
        for i in range(DAYS * 96):
            if (name, i) not in HOLES:
                end = begin + datetime.timedelta(minutes=15 * (i + 1))
                lines.append(f"{name},load,{end.isoformat()},{sent(name, i) / 1000:.3f},{unit},interval,15m")
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def street(tmp_path_factory):
    plant = Plant(tmp_path_factory.mktemp("street"))
    plant.run("registry", "apply", plant.file("registry.yaml", registry()), expect=0)
    plant.ingest(plant.file("readings.csv", readings()))
    with Server(plant) as server:
        server.plant = plant
        yield server


def path_of(group, tail="", **parameters):
    query = urllib.parse.urlencode({name.rstrip("_"): value for name, value in parameters.items()})
    return f"/v1/groups/{urllib.parse.quote(group, safe='')}{tail}" + (f"?{query}" if query else "")


def members(server, group="-", expect=200, **parameters):
    answer = server.get(path_of(group, **parameters))
    assert answer.status == expect, answer
    return [item["usage_point"] for item in answer.json()["items"]] if expect == 200 else answer.json()


def values(server, group="-", expect=200, **parameters):
    answer = server.get(path_of(group, "/values", **parameters))
    assert answer.status == expect, answer
    return json.loads(answer.body, parse_float=Fraction) if expect == 200 else answer.json()


# ---- who belongs


@pytest.mark.parametrize("expression, expected", [
    ("district = north", "E1 E2 H1 W1"),
    ("district != north", "E3 E4 H2"),
    ("district", "E1 E2 E3 H1 H2 W1"),
    ("NOT district", "E4"),
    ("district = north AND commodity = electricity", "E1 E2"),
    ("commodity = heat OR district = north AND floor_area > 100", "E2 H1 H2"),
    ("(commodity = heat OR district = north) AND floor_area > 100", "E2"),
    ("not (district = north or transformer ~ T*)", "E3 H2"),
    ("transformer ~ T1?", "E1"),
    ("transformer ~ T1*", "E1 E4"),
    ("floor_area >= 80 AND floor_area < 200.5", "E1 E3"),
    ("floor_area <= 200.50", "E1 E2 E3"),
    ("usage_point IN (E1, 'W1', \"H1\", nobody)", "E1 H1 W1"),
    ("usage_point NOT IN (E1, E2, E3)", "E4 H1 H2 W1"),
    ("tag:district = south", "E3 H2"),
    ("tag:commodity", ""),
    ("commodity = heat OR commodity = water OR NOT NOT commodity = heat", "H1 H2 W1"),
    ("note = 'it''s'", None),
    ('note ~ "it\'s*"', "W1"),
    ("customer = C-E4", "E4"),
])
def test_who_belongs(street, expression, expected):
    if expected is None:
        assert members(street, expect=400, expression=expression)["code"] == "BB-2028"
    else:
        assert members(street, expression=expression) == expected.split()


@pytest.mark.parametrize("expression, character, word", [
    ("district = ", 12, "value"),
    ("district = north AND", 21, "tag"),
    ("(district = north", 18, ")"),
    ("district = north)", 17, "AND, OR or the end"),
    ("district == north", 11, "value"),
    ("floor_area > big", 14, "number"),
    ("commodity = watr", 13, "water"),
    ("plätze = 'x", 10, "closing"),
    ("a IN north", 6, "list"),
    ("a = b c = d", 7, "AND, OR"),
    ("NOT " * 40 + "a", 129, "32"),
    ("a = b & c = d", 7, "'&'"),
])
def test_what_cannot_be_read_is_told_with_its_place(street, expression, character, word):
    problem = members(street, expect=400, expression=expression)
    assert problem["code"] == "BB-2028" and f"character {character}:" in problem["detail"] and word in problem["detail"], problem


def test_a_named_group_can_be_narrowed(street):
    assert members(street, "north") == ["E1", "E2", "H1", "W1"]
    assert members(street, "north", expression="commodity = electricity") == ["E1", "E2"]
    assert members(street, "big") == ["E2", "E3"]
    told = street.get(path_of("north", limit=3, expression="NOT commodity = water")).json()
    assert (told["group"], told["expression"], told["description"], told["members"]) == ("north", "district = north", "beyond the canal", 3)
    page = street.get(path_of("north", limit=3)).json()
    assert page["members"] == 4 and [item["usage_point"] for item in page["items"]] == ["E1", "E2", "H1"]
    rest = street.get(path_of("north", limit=3, cursor=page["next"])).json()
    assert [item["usage_point"] for item in rest["items"]] == ["W1"] and rest["next"] is None and rest["members"] == 4
    assert members(street, "nobody", expect=404)["code"] == "BB-2029"


def test_groups_are_the_command_lines(street):
    listed = street.get("/v1/groups").json()["items"]
    assert listed == street.plant.list("groups") and [group["group"] for group in listed] == ["big", "north"]


def test_a_group_that_cannot_be_read_is_refused_with_its_file(street):
    bad = street.plant.file("bad.yaml", "groups:\n  - {name: x, expression: 'a = b'}\n  - {name: y, expression: 'a ='}\n")
    refused = street.plant.run("registry", "apply", "--dry-run", bad, expect=1)
    assert "BB-2001" in refused.err and "group y" in refused.err and "character 4" in refused.err and "line 3" in refused.err
    taken = street.plant.file("dash.yaml", "groups:\n  - {name: '-', expression: 'a = b'}\n")
    assert "BB-2001" in street.plant.run("registry", "apply", "--dry-run", taken, expect=1).err


# ---- their values


def told(street, name, lane, **parameters):
    """What /v1/values tells of one member: {(start, end): row}."""
    query = urllib.parse.urlencode({"usage_point": name, "lane": lane, **parameters})
    rows = json.loads(street.get(f"/v1/values?{query}").body, parse_float=Fraction)["items"]
    return {(row["start"], row["end"]): row for row in rows}


def added_up(street, names, lane):
    """(commodity, start, end): the values of the members that have one, in the unit that the group tells."""
    sums = defaultdict(list)
    own = defaultdict(set)
    for name in names:
        own[STREET[name][0]].update(row["unit"] for row in told(street, name, lane).values())
    for name in names:
        commodity = STREET[name][0]
        for (start, end), row in told(street, name, lane).items():
            factor = UNITS[row["unit"]] if len(own[commodity]) > 1 else 1
            sums[commodity, start, end].append(None if row["value"] is None else Fraction(row["value"]) * factor)
    return sums


@pytest.mark.parametrize("lane", ["vee", "hour", "day", "month"])
@pytest.mark.parametrize("group, names", [("-", list(STREET)), ("north", ["E1", "E2", "H1", "W1"]), ("big", ["E2", "E3"])])
def test_values_are_the_sums_of_the_members(street, lane, group, names):
    rows = values(street, group, lane=lane)["items"]
    expected = added_up(street, names, lane)
    assert {(row["commodity"], row["start"], row["end"]) for row in rows} == set(expected)
    for row in rows:
        parts = expected[row["commodity"], row["start"], row["end"]]
        there = [part for part in parts if part is not None]
        assert row["members"] == len(there) and row["missing"] == len(parts) - len(there)
        assert row["of"] == sum(STREET[name][0] == row["commodity"] for name in names)
        # a megajoule is 5/18 kWh, which no decimal is: told to nine digits
        within = Fraction(1, 10 ** 8) if row["commodity"] == "heat" and row["of"] > 1 else 0
        for part, whole in (("sum", sum), ("min", min), ("max", max)):
            assert abs(row[part] - whole(there)) <= within, (part, row)
        assert abs(row["mean"] - sum(there) / len(there)) < Fraction(1, 10 ** 5)


def test_from_raw_to_the_day_of_a_group(street):
    """The whole way in one sum made here: thousandths as sent, times the multiplier, in one unit."""
    begin, end = "2026-03-01T23:00:00Z", "2026-03-02T23:00:00Z"  # the second local day has no hole
    rows = values(street, expression="commodity = electricity", lane="day", from_=begin, to=end)["items"]
    total = sum(Fraction(sent(name, i), 1000) * STREET[name][2] * UNITS[STREET[name][3]]
                for name in ("E1", "E2", "E3", "E4") for i in range(96, 192))
    assert [(row["start"], row["end"], row["sum"], row["unit"], row["members"]) for row in rows] == [(begin, end, total, "kWh", 4)]


def test_gaps_count_and_estimates_are_told(street):
    vee = {row["start"]: row for row in values(street, expression="commodity = electricity", lane="vee")["items"]}
    hole = vee["2026-03-01T00:15:00Z"]  # the sixth quarter hour of the local day, which E2 lacks
    assert (hole["members"], hole["of"], hole["estimated"], hole["quality"]) == (4, 4, 1, "estimated")
    whole = vee["2026-03-01T05:00:00Z"]
    assert (whole["estimated"], whole["quality"]) == (0, "measured")
    day = values(street, expression="commodity = electricity", lane="day")["items"]
    assert day[0]["estimated"] == 2 and day[1]["estimated"] == 0
    assert day[0]["measured"] == Fraction(int((4 * 96 - 2) * 1000 / (4 * 96)), 1000)


def test_every_form_is_the_command_lines(street):
    arguments = ["--group", "north", "--lane", "hour", "--from", "2026-03-01T10:00:00Z", "--to", "2026-03-01T14:00:00Z"]
    asked = {"lane": "hour", "from_": "2026-03-01T10:00:00Z", "to": "2026-03-01T14:00:00Z"}
    for kind, form in (("text/csv", "csv"), ("application/x-ndjson", "ndjson")):
        for zone in (None, "Europe/Amsterdam"):
            more = {"zone": zone} if zone else {}
            answer = street.get(path_of("north", "/values", **asked, **more), Accept=kind)
            printed = street.plant.run("query", *arguments, "--format", form, *(["--zone", zone] if zone else []), expect=0)
            assert answer.body.decode() == printed.out and printed.out, (form, zone)
    rows = list(csv.DictReader(io.StringIO(street.plant.run("query", *arguments, "--format", "csv", expect=0).out)))
    items = street.get(path_of("north", "/values", **asked)).json()["items"]
    assert [row["end"] for row in rows] == [item["end"] for item in items] and len(rows) == 12
    assert items == street.plant.run("--json", "query", *arguments, expect=0).json()


def test_a_channel_by_name_code_and_not_at_all(street):
    assert {row["channel"] for row in values(street, channel="load")["items"]} == {"load"}
    problem = values(street, expect=404, channel="nothing")
    assert problem["code"] == "BB-2003" and "nothing" in problem["detail"]
    assert values(street, expression="district = east")["items"] == []


def test_raw_values_are_not_added_up(street):
    assert street.get(path_of("north", "/values", lane="raw")).code == "BB-6003"
    assert "BB-4002" in street.plant.run("query", "--group", "north", "--lane", "raw", expect=2).err
    assert "BB-4002" in street.plant.run("query", expect=2).err


def test_a_group_as_it_was(tmp_path):
    """A house moves to another district, and its readings are corrected: as of before, the group is the one it was."""
    plant = Plant(tmp_path)
    entry = "usage_points:\n  - {{name: {}, commodity: electricity, zone: UTC, tags: {{district: {}}}}}\n"
    plant.run("registry", "apply", plant.file("a.yaml", "groups: [{name: north, expression: 'district = north'}]\n"), expect=0)
    for name, value in (("A", "1.5"), ("B", "2.25")):
        plant.run("registry", "apply", plant.file("up.yaml", entry.format(name, "north")), expect=0)
        lines = [f"{name},load,2026-03-01T{hour:02d}:00:00Z,{value},kWh,interval,1h" for hour in range(1, 24)]
        plant.ingest(plant.file(f"{name}.csv", "\n".join([HEADER, *lines, f"{name},load,2026-03-02T00:00:00Z,{value},kWh,interval,1h"])))
    moment = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds")

    plant.run("registry", "apply", plant.file("moved.yaml", entry.format("B", "south")), expect=0)
    plant.ingest(plant.file("late.csv", f"{HEADER}\nA,load,2026-03-01T01:00:00Z,11.5,kWh,interval,1h\n"))

    def day(*arguments):
        rows = plant.run("query", "--group", "north", "--format", "csv", *arguments, expect=0).rows()
        return [(row["sum"], row["members"], row["of"]) for row in rows]
    assert day() == [("46", "1", "1")]
    assert day("--as-of", moment) == [("90", "2", "2")]
    assert plant.run("query", "--group", "north", "--as-of", "2020-01-01T00:00:00Z", expect=1).err.count("BB-2029") >= 1
