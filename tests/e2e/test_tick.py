"""Ticks: a meter that fell silent is missing as soon as the day is over, and what comes later takes its place."""

from clock import now


def readings(first_hour, hours, day="2026-03-01", usage_point="UP1"):
    lines = ["usage_point,channel,timestamp,value,unit,kind,interval"]
    for hour in range(first_hour, first_hour + hours):
        at = f"{day}T{hour:02d}:00:00Z" if hour < 24 else f"2026-03-02T{hour - 24:02d}:00:00Z"
        lines.append(f"{usage_point},1.29.0,{at},{hour % 5 + 1},kWh,interval,1h")
    return "\n".join(lines) + "\n"


def tell(plant, text, name="readings.csv"):
    plant.ingest(plant.file(name, text))


def tick(plant, at):
    plant.run("tick", "--at", at, expect=0)


def qualities(plant, *arguments):
    return [row["quality"] for row in plant.query("UP1", "--lane", "vee", *arguments)]


MISSING = "missing|check:gap"


def test_silence_is_missing_when_the_day_is_over(plant):
    tell(plant, readings(1, 10))  # until 10:00
    assert qualities(plant) == ["measured"] * 10 and plant.list("exceptions") == []
    before = now()

    tick(plant, "2026-03-02T00:00:00Z")
    assert qualities(plant) == ["measured"] * 10 + [MISSING] * 14
    (gap,) = plant.list("exceptions")
    assert (gap["check"], gap["from"], gap["to"]) == ("gap", "2026-03-01T10:00:00Z", "2026-03-02T00:00:00Z")
    (day,) = plant.query("UP1", "--lane", "day")
    assert day["value"] == "30" and day["quality"].startswith("partial")
    assert len(qualities(plant, "--as-of", before)) == 10, "nobody knew of it then"
    ticked = now()

    tell(plant, readings(11, 3), "more.csv")  # until 13:00: the silence is shorter
    assert qualities(plant) == ["measured"] * 13 + [MISSING] * 11
    (gap,) = plant.list("exceptions")
    assert gap["from"] == "2026-03-01T13:00:00Z"
    assert qualities(plant, "--as-of", ticked) == ["measured"] * 10 + [MISSING] * 14

    tell(plant, readings(14, 20), "rest.csv")  # until 09:00 of the next day: there is none any more
    assert qualities(plant) == ["measured"] * 33 and plant.list("exceptions") == []


def test_a_tick_that_came_first_says_the_same(plant):
    tick(plant, "2026-03-02T00:00:00Z")
    tell(plant, readings(1, 10))
    assert qualities(plant) == ["measured"] * 10 + [MISSING] * 14
    assert len(plant.list("exceptions")) == 1


def test_nobody_waits_for_ever(plant):
    tell(plant, readings(1, 10))
    tick(plant, "2026-06-01T00:00:00Z")
    assert len(qualities(plant)) == 10 + 45 * 24, "45 days behind the last reading"
    assert len(plant.query("UP1", "--lane", "day")) == 46


def test_time_does_not_run_ahead(plant):
    assert "future" in plant.run("tick", "--at", "2126-01-01T00:00:00Z", expect=2).err
