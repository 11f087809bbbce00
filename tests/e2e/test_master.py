"""Master data reaches the values: multipliers, gas as energy, exchanges, calendars; corrected, it corrects history, and a
past moment is shown with what was known then."""

import datetime

import pytest
from clock import now
from conftest import HEADER, quarter_hours

DAY_1, DAY_2, DAY_3 = "2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z", "2026-03-03T00:00:00Z"


# Remove where it stands once periods of registers follow installations: it then fails, being strict.


def apply(plant, text):
    return plant.run("registry", "apply", "-", stdin=text, expect=0).out


def values(plant, lane, *arguments, usage_point="A"):
    return [row["value"] for row in plant.query(usage_point, "--lane", lane, *arguments)]


def installed(multiplier, more=""):
    return f"""\
usage_points:
  - name: A
    installations: [{{device: E1, from: 2026-01-01T00:00:00Z, multiplier: {multiplier}{more}}}]
"""


# ---- multipliers ---------------------------------------------------------------------------------


def test_an_intervals_multiplier_is_corrected_and_taken_back(plant):
    """An hour of quarters, 1.25 kWh as counted. The transformers in front of the meter make it 50."""
    before_anything = now()
    plant.ingest(plant.file("a.csv", quarter_hours(["0.125", "0.250", "0.375", "0.500"])))
    assert values(plant, "day") == ["1.25"]
    untold = now()
    apply(plant, installed(1))
    assert values(plant, "day") == ["1.25"]
    with_one = now()

    said = apply(plant, installed(40))
    assert "multiplier: 1 → 40" in said and "recomputed" in said
    assert values(plant, "raw") == ["0.125", "0.250", "0.375", "0.500"], "raw is what the device showed"
    assert values(plant, "vee") == ["5", "10", "15", "20"]
    assert values(plant, "hour") == values(plant, "day") == values(plant, "month") == ["50"]
    with_forty = now()
    for moment in (untold, with_one):
        assert values(plant, "vee", "--as-of", moment) == ["0.125", "0.25", "0.375", "0.5"]
        assert values(plant, "day", "--as-of", moment) == ["1.25"]
    assert values(plant, "day", "--as-of", with_forty) == ["50"]

    apply(plant, installed(1))
    assert values(plant, "day") == ["1.25"]
    assert values(plant, "day", "--as-of", with_forty) == ["50"], "what was believed then, is not forgotten"
    assert values(plant, "day", "--as-of", before_anything) == []


def test_what_comes_later_counts_with_the_multiplier_of_its_time(plant):
    """Until 00:30 the meter counted as it is, then behind transformers: 0.125 + 0.25 + 40 × (0.375 + 0.5)."""
    apply(plant, """\
usage_points:
  - name: A
    installations:
      - {device: E1, from: 2026-01-01T00:00:00Z, to: 2026-03-01T00:30:00Z}
      - {device: E1, from: 2026-03-01T00:30:00Z, multiplier: 40}
""")
    plant.ingest(plant.file("a.csv", quarter_hours(["0.125", "0.250", "0.375", "0.500"])))
    assert values(plant, "vee") == ["0.125", "0.25", "15", "20"]
    assert values(plant, "day") == ["35.375"]


def test_a_late_reading_of_a_multiplied_meter(plant):
    """Rows and master data in either order end in the same values; a filled gap is as large as its neighbours."""
    apply(plant, installed(40))
    plant.ingest(plant.file("a.csv", quarter_hours(["1", None, "3", "4"])))
    rows = plant.query("A", "--lane", "vee")
    assert [row["value"] for row in rows] == ["40", "80", "120", "160"]
    assert "estimated" in rows[1]["quality"].split("|")
    plant.ingest(plant.file("b.csv", quarter_hours([None, "5"])))
    assert values(plant, "vee") == ["40", "200", "120", "160"]
    assert values(plant, "day") == ["520"]


def test_a_unit_and_a_multiplier(plant):
    """1501 Wh × 40 = 60.04 kWh."""
    apply(plant, installed(40))
    plant.ingest(plant.file("a.csv", quarter_hours(["1501"], unit="Wh")))
    assert values(plant, "raw") == ["1501"]
    row = plant.query("A", "--lane", "day")[0]
    assert (row["value"], row["unit"]) == ("60.04", "kWh")


REGISTER = (f"{HEADER}\nA,1-0:1.8.0,{DAY_1},100,kWh,register,\nA,1-0:1.8.0,{DAY_2},110,kWh,register,\n"
            f"A,1-0:1.8.0,{DAY_3},120,kWh,register,\n")  # fmt: skip


def test_a_registers_readings_stay_what_the_device_shows(plant):
    plant.ingest(plant.file("a.csv", REGISTER))
    apply(plant, installed(40))
    assert values(plant, "raw") == values(plant, "vee") == ["100", "110", "120"]


def test_a_registers_multiplier_is_corrected_and_taken_back(plant):
    """100, 110, 120: ten a day as counted, 400 kWh behind transformers of 40."""
    plant.ingest(plant.file("a.csv", REGISTER))
    apply(plant, installed(1))
    assert values(plant, "day") == ["10", "10"]
    with_one = now()
    apply(plant, installed(40))
    assert values(plant, "day") == ["400", "400"]
    assert values(plant, "month") == ["800"]
    with_forty = now()
    assert values(plant, "day", "--as-of", with_one) == ["10", "10"]
    apply(plant, installed(1))
    assert values(plant, "day") == ["10", "10"]
    assert values(plant, "day", "--as-of", with_forty) == ["400", "400"]


# ---- gas -----------------------------------------------------------------------------------------


def gas(calorific_value, state_number="0.95", kind="interval, interval: 1h"):
    return f"""\
usage_points:
  - name: G
    commodity: gas
    zone: Europe/Amsterdam
    installations:
      - {{device: G1, from: 2026-01-01T00:00:00Z, calorific_value: {calorific_value}, state_number: {state_number}}}
    channels: [{{name: v, kind: {kind}, unit: kWh}}]
"""


def gas_hours(amounts):
    """Hours of so many m³ from 05:00 local time on, 04:00 UTC."""
    lines = [HEADER]
    for i, amount in enumerate(amounts):
        end = datetime.datetime(2026, 3, 1, 5) + datetime.timedelta(hours=i)
        lines.append(f"G,v,{end:%Y-%m-%dT%H:%M:%SZ},{amount},m3,interval,1h")
    return "\n".join(lines) + "\n"


def test_gas_is_counted_in_volume_and_told_in_energy(plant):
    """1 m³ × 11.2 kWh/m³ × 0.95 = 10.64 kWh; a gas day begins at 06:00, so that the first hour is of the day before."""
    apply(plant, gas("11.2"))
    plant.ingest(plant.file("g.csv", gas_hours([2] + [1, 3] * 12)))
    assert set(values(plant, "raw", usage_point="G")) == {"1", "2", "3"}
    rows = plant.query("G", "--lane", "vee")
    assert [(row["value"], row["unit"]) for row in rows[:3]] == [("21.28", "kWh"), ("10.64", "kWh"), ("31.92", "kWh")]
    days = plant.query("G", "--lane", "day", "--zone", "Europe/Amsterdam")
    assert [(row["start"], row["value"], row["unit"], row["quality"]) for row in days] == [
        ("2026-02-28T06:00:00+01:00", "21.28", "kWh", "partial"),
        ("2026-03-01T06:00:00+01:00", "510.72", "kWh", "measured"),
    ]
    assert plant.list("exceptions") == []


def test_a_calorific_value_is_settled_later(plant):
    """The supplier tells the month's value after the month: 10 instead of 11.2, 2 × 10 × 0.95 = 19 kWh."""
    apply(plant, gas("11.2"))
    plant.ingest(plant.file("g.csv", gas_hours([2, 2])))
    believed = now()
    apply(plant, gas("10"))
    assert values(plant, "vee", usage_point="G") == ["19", "19"]
    assert values(plant, "vee", "--as-of", believed, usage_point="G") == ["21.28", "21.28"]


def test_gas_without_a_calorific_value_says_so(plant):
    """Nobody says what a m³ is worth: no value is made up, the unit does not fit, and a person is asked."""
    plant.ingest(plant.file("g.csv", gas_hours([2, 2])))
    assert values(plant, "vee", usage_point="G") == ["2", "2"]
    apply(plant, "usage_points: [{name: G, commodity: gas, channels: [{name: v, unit: kWh}]}]")
    assert values(plant, "vee", usage_point="G") == ["", ""]
    assert {row["check"] for row in plant.list("exceptions")} == {"unit"}
    apply(plant, gas("11.2"))
    assert values(plant, "vee", usage_point="G") == ["21.28", "21.28"]
    assert plant.list("exceptions") == []


def test_gas_before_the_first_calorific_value(plant):
    """The calorific value is said from 06:00 UTC on: it holds for the hour before, too, which is in doubt: no meter was there."""
    apply(plant, gas("11.2").replace("2026-01-01T00:00:00Z", "2026-03-01T05:00:00Z"))
    plant.ingest(plant.file("g.csv", gas_hours([2, 2])))
    rows = plant.query("G", "--lane", "vee")
    assert [row["value"] for row in rows] == ["21.28", "21.28"]
    assert {"suspect", "check:inactive"} <= set(rows[0]["quality"].split("|"))
    assert rows[1]["quality"] == "measured"


GAS_REGISTER = (f"{HEADER}\nG,v,2026-03-01T05:00:00Z,1000,m3,register,\nG,v,2026-03-02T05:00:00Z,1010,m3,register,\n"
                "G,v,2026-03-03T05:00:00Z,1030,m3,register,\n")  # fmt: skip


def test_a_gas_register_is_read_in_volume(plant):
    apply(plant, gas("11.2", kind="register"))
    plant.ingest(plant.file("g.csv", GAS_REGISTER))
    rows = plant.query("G", "--lane", "vee")
    assert [(row["value"], row["unit"]) for row in rows] == [("1000", "m³"), ("1010", "m³"), ("1030", "m³")]


def test_a_gas_registers_days_are_energy(plant):
    """10 and 20 m³ × 10.64 kWh/m³ from one 06:00 to the next."""
    apply(plant, gas("11.2", kind="register"))
    plant.ingest(plant.file("g.csv", GAS_REGISTER))
    rows = plant.query("G", "--lane", "day")
    assert [(row["start"], row["value"], row["unit"]) for row in rows] == [
        ("2026-03-01T05:00:00Z", "106.4", "kWh"),
        ("2026-03-02T05:00:00Z", "212.8", "kWh"),
    ]


# ---- exchanges -----------------------------------------------------------------------------------


def test_an_exchange(plant):
    """E1 ends at 118, E2 begins at 3: (118 - 110) + (20 - 3) = 25 over the second day."""
    plant.ingest(plant.file("a.csv", f"{HEADER}\nA,1-0:1.8.0,{DAY_1},100,kWh,register,\n"
                                     f"A,1-0:1.8.0,{DAY_2},110,kWh,register,\nA,1-0:1.8.0,{DAY_3},20,kWh,register,\n"))  # fmt: skip
    before_the_note = now()
    apply(plant, """\
usage_points:
  - name: A
    installations:
      - {device: E1, from: 2026-01-01T00:00:00Z, to: 2026-03-02T12:00:00Z, dials: 6, closing: {"1.8.0": 118}}
      - {device: E2, from: 2026-03-02T12:00:00Z, dials: 6, opening: {"1.8.0": 3}, reason: exchange}
""")
    assert values(plant, "day") == ["10", "25"]
    assert values(plant, "day", "--as-of", before_the_note) != ["10", "25"]


# ---- calendars as of a moment --------------------------------------------------------------------


def test_a_calendar_is_known_from_a_moment_on(plant):
    """Days in UTC, then of a calendar that begins at 06:00 in Amsterdam; and its correction to midnight."""

    def calendar(day_start):
        return f"""\
usage_points: [{{name: A, calendar: nl}}]
calendars: [{{name: nl, zone: Europe/Amsterdam, day_start: "{day_start}"}}]
"""

    plant.ingest(plant.file("a.csv", quarter_hours(["1"] * 48)))
    plain = now()
    apply(plant, calendar("06:00"))
    at_six = now()
    apply(plant, calendar("00:00"))

    def days(*arguments):
        return [(row["start"], row["value"]) for row in plant.query("A", "--lane", "day", *arguments)]

    assert days() == [("2026-02-28T23:00:00Z", "48")]
    # 05:00 UTC is 06:00 in Amsterdam: 20 quarters before it, 28 behind it
    assert days("--as-of", at_six) == [("2026-02-28T05:00:00Z", "20"), ("2026-03-01T05:00:00Z", "28")]
    assert days("--as-of", plain) == [("2026-03-01T00:00:00Z", "48")]


def test_a_tenants_zone_is_known_from_a_moment_on(plant):
    plant.ingest(plant.file("a.csv", quarter_hours(["1"] * 4)))
    plain = now()
    apply(plant, "tenants: [{name: default, zone: Asia/Kolkata}]")
    assert [row["start"] for row in plant.query("A", "--lane", "day")] == ["2026-02-28T18:30:00Z"]
    assert [row["start"] for row in plant.query("A", "--lane", "day", "--as-of", plain)] == [DAY_1]


def test_a_kind_is_known_from_a_moment_on(plant):
    """The source said gauge; master data knows better. What was shown then, is shown as of then."""
    plant.ingest(plant.file("a.csv", f"{HEADER}\nA,c,{DAY_1},100,kWh,gauge,\nA,c,{DAY_2},110,kWh,gauge,\n"))
    as_gauge = now()
    apply(plant, "usage_points: [{name: A, channels: [{name: c, kind: register}]}]")
    assert "10" in values(plant, "day")
    assert sorted(values(plant, "day", "--as-of", as_gauge)) == ["100", "110"]


@pytest.mark.parametrize("connection", ["17 kW", "3x25 A", "2.5 m³/h"])
def test_new_keys_go_out_and_in(plant, connection):
    text = installed(40, ", calorific_value: 9.769, state_number: 0.9642").replace(
        "name: A\n", f"name: A\n    connection: {connection}\n")
    assert "1 added" in apply(plant, text)
    exported = plant.run("registry", "export", expect=0).out
    assert f'connection: "{connection}"' in exported and "calorific_value: 9.769, state_number: 0.9642" in exported
    assert "1 unchanged" in apply(plant, exported)
    entry = plant.run("--json", "registry", "show", "A", expect=0).json()
    assert entry["connection"] == connection
    assert entry["installations"][0]["calorific_value"] == 9.769
    assert "connection" in apply(plant, text.replace(connection, "99 kW"))
