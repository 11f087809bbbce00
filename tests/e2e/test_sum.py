"""Check sum: intervals against the registers beside them."""

import pytest
from conftest import HEADER

REGISTRY = """
usage_points:
  - name: A
    channels:
      - {name: load, obis: "1-1:1.29.0", kind: interval, interval: 1h, unit: kWh}
      - {name: total, obis: "1-0:1.8.0", kind: register, unit: kWh}
"""


def told(first, last, unit):
    """Twelve hours of 150 kWh, 6.48 GJ, between two readings of the register."""
    lines = [f"A,total,2026-03-01T00:00:00Z,{first},{unit},register,",
             f"A,total,2026-03-01T12:00:00Z,{last},{unit},register,"]  # fmt: skip
    lines += [f"A,load,2026-03-01T{hour:02d}:00:00Z,150,kWh,interval,1h" for hour in range(1, 13)]
    return "\n".join([HEADER, *lines]) + "\n"


@pytest.mark.parametrize("first, last, unit, speaks", [
    (100, 105, "GJ", False),         # 1.48 GJ less: within three of its digits, 3 GJ
    (100, 109, "GJ", False),         # 2.52 GJ more
    (100, 110, "GJ", True),          # 3.52 GJ more
    ("100.0", "106.8", "GJ", True),  # 0.32 GJ more: above three digits and 1 %
    ("100.0", "106.7", "GJ", False), # 0.22 GJ more
    (1000, 2818, "kWh", False),      # 18 kWh more: 1 % of 1818 are 18.18
    (1000, 2819, "kWh", True),
])  # fmt: skip
def test_three_digits_are_those_that_the_register_has(plant, first, last, unit, speaks):
    plant.run("registry", "apply", plant.file("registry.yaml", REGISTRY), expect=0)
    plant.ingest(plant.file("readings.csv", told(first, last, unit)))
    found = [(row["channel"], row["from"], row["to"]) for row in plant.list("exceptions") if row["check"] == "sum"]
    assert found == ([("load", "2026-03-01T00:00:00Z", "2026-03-01T12:00:00Z")] if speaks else [])


TARIFFS = """
usage_points:
  - name: A
    commodity: other
    channels:
      - {name: load, obis: "1-1:1.29.0", kind: interval, interval: 12h, unit: kWh}
      - {name: day, obis: "1-0:1.8.1", kind: register, unit: kWh}
      - {name: night, obis: "1-0:1.8.2", kind: register, unit: kWh}
"""
FAR = ("high", "low", "zero", "spike", "stuck", "inactive", "prolonged", "late")


def at(i):
    """The end of the i-th interval of twelve hours."""
    return f"2026-03-{1 + i // 2:02d}T{i % 2 * 12:02d}:00:00Z"


def tariff_lines():
    """30 intervals of 1 kWh but for ten; the day register is read once more than the other one."""
    lines = [f"A,load,{at(i)},1,kWh,interval,12h" for i in range(1, 31) if not 12 < i <= 22]
    lines += [f"A,day,{at(i)},{value},kWh,register," for i, value in ((0, "0.00"), (12, "7.00"), (30, "25.00"))]
    return lines + [f"A,night,{at(i)},{value},kWh,register," for i, value in ((0, "0.00"), (30, "15.00"))]


def outcome(plant, *files):
    """(values of the gap, findings of sum) when files came one after the other."""
    off = ", ".join(f"{check}: off" for check in FAR)
    plant.file("data/busbar.yaml", f"pipelines: {{other: {{checks: {{{off}}}}}}}\n")
    plant.run("registry", "apply", plant.file("registry.yaml", TARIFFS), expect=0)
    for i, lines in enumerate(files):
        plant.ingest(plant.file(f"{i}.csv", "\n".join([HEADER, *lines]) + "\n"))
    rows = plant.query("A", "--channel", "load", "--lane", "vee")
    found = [(row["from"], row["to"]) for row in plant.list("exceptions") if row["check"] == "sum"]
    return [row["value"] for row in rows if "method:flat" in row["quality"].split("|")], found


def test_tariffs_count_between_moments_at_which_all_were_read(plant):
    """40 kWh less the 20 that were told, over ten intervals; a reading of one tariff alone changes nothing."""
    assert outcome(plant, tariff_lines()) == (["2"] * 10, [])


@pytest.mark.parametrize("late", [False, True])
def test_a_tariff_that_is_read_late_counts_as_if_it_had_been_in_time(plant, late):
    """Night 2 kWh at the twelfth: 9 kWh until then, where 12 were told; 31 after it, less 8, over ten intervals."""
    night = [f"A,night,{at(12)},2.00,kWh,register,"]
    files = [tariff_lines(), night] if late else [tariff_lines() + night]
    assert outcome(plant, *files) == (["2.3"] * 10, [(at(0), at(12))])
