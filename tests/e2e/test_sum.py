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
