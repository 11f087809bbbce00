"""Completeness: per channel and local day what was expected, told, estimated and is missing, and up to where nothing is."""

import datetime
import json

from clock import now

HEADER = "usage_point,channel,timestamp,value,unit,kind,interval"
UTC = datetime.timezone.utc
HOUR = datetime.timedelta(hours=1)


def at(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def hours(first, count, without=(), kind="interval", usage_point="UP1", channel="c", step=HOUR):
    """Hourly values that end at `first`, first + 1 h ...; registers count."""
    lines = []
    for i in range(count):
        end = (at(first) + i * step).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        if i not in without:
            value = i % 5 + 1 if kind == "interval" else 100 + i
            interval = f"{int(step.total_seconds())}s"
            lines.append(f"{usage_point},{channel},{end},{value},kWh,{kind},{interval}")
    return lines


def tell(plant, lines, name="readings.csv", *arguments):
    return plant.ingest(plant.file(name, "\n".join([HEADER, *lines]) + "\n"), *arguments)


def tick(plant, moment):
    plant.run("tick", "--at", moment, expect=0)


def counts(row):
    return tuple(row[key] for key in ("expected", "present", "estimated", "missing", "measured_share"))


def days(plant, *arguments):
    return {row["start"][:10]: counts(row) for row in plant.list("completeness", "--from", "2026-01-01", *arguments)}


def contiguous(plant, *arguments):
    rows = plant.list("completeness", "--from", "2026-01-01", *arguments)
    (moment,) = {row["contiguous_to"] for row in rows}
    return moment


def test_the_first_and_the_last_day_expect_their_part(plant):
    tell(plant, hours("2026-03-01T11:00:00Z", 14 + 24 + 6))  # from 10:00 to 06:00 of the third
    assert days(plant) == {"2026-03-01": (14, 14, 0, 0, 1), "2026-03-02": (24, 24, 0, 0, 1), "2026-03-03": (6, 6, 0, 0, 1)}
    assert contiguous(plant) == "2026-03-03T06:00:00Z"


def test_a_gap_that_is_estimated_and_one_that_is_not(plant):
    # 12 of the 24 hours of the second day lack, and one of the third: the short one is estimated
    tell(plant, hours("2026-03-01T01:00:00Z", 72, without=[*range(30, 42), 60]))
    assert days(plant) == {"2026-03-01": (24, 24, 0, 0, 1),
                           "2026-03-02": (24, 12, 0, 12, 0.5),
                           "2026-03-03": (24, 23, 1, 0, 0.958)}
    assert contiguous(plant) == "2026-03-02T06:00:00Z"

    tell(plant, hours("2026-03-01T01:00:00Z", 72)[30:41], "late.csv")  # one hour still lacks: it is estimated now
    assert days(plant)["2026-03-02"] == (24, 23, 1, 0, 0.958)
    assert contiguous(plant) == "2026-03-04T00:00:00Z"

    tell(plant, hours("2026-03-01T01:00:00Z", 72), "all.csv")
    assert set(days(plant).values()) == {(24, 24, 0, 0, 1)}
    assert contiguous(plant) == "2026-03-04T00:00:00Z"


def test_a_tick_says_that_more_was_due(plant):
    tell(plant, hours("2026-03-01T01:00:00Z", 30))  # until 06:00
    assert days(plant)["2026-03-02"] == (6, 6, 0, 0, 1)
    tick(plant, "2026-03-04T12:00:00Z")
    assert days(plant) == {"2026-03-01": (24, 24, 0, 0, 1), "2026-03-02": (24, 6, 0, 18, 0.25),
                           "2026-03-03": (24, 0, 0, 24, 0), "2026-03-04": (12, 0, 0, 12, 0)}
    assert contiguous(plant) == "2026-03-02T06:00:00Z"
    tell(plant, hours("2026-03-02T07:00:00Z", 60), "late.csv")  # until 18:00 of the fourth, past the tick
    assert days(plant)["2026-03-04"] == (18, 18, 0, 0, 1)
    assert contiguous(plant) == "2026-03-04T18:00:00Z"


def test_nobody_waits_for_ever(plant):
    tell(plant, hours("2026-03-01T01:00:00Z", 24))
    tick(plant, "2026-07-01T00:00:00Z")
    rows = days(plant)
    assert len(rows) == 1 + 45 and rows["2026-04-15"] == (24, 0, 0, 24, 0)


def test_days_of_23_and_25_hours(plant):
    for month, day, zone_start, length in ((3, 29, "2026-03-28T23:00:00Z", 23), (10, 25, "2026-10-24T22:00:00Z", 25)):
        usage_point = f"M{month}"
        lines = hours((at(zone_start) + HOUR).isoformat(), length + 24, without=[3, 4, 5, 6], usage_point=usage_point)
        tell(plant, lines, f"{usage_point}.csv", "--zone", "Europe/Amsterdam")
        rows = plant.list("completeness", "--usage-point", usage_point)
        assert [counts(row)[:4] for row in rows] == [(length, length - 4, 0, 4), (24, 24, 0, 0)]
        assert rows[0]["start"] == zone_start
        bounds = ("--from", f"2026-{month:02d}-{day}", "--to", f"2026-{month:02d}-{day + 1}")
        (row,) = plant.list("completeness", "--usage-point", usage_point, *bounds)
        assert row == rows[0], "dates are those of the channel's zone"


def test_registers(plant):
    hourly = hours("2026-03-01T09:13:20Z", 15 + 24 + 24, without=range(20, 24), kind="register")
    tell(plant, hourly)
    rows = days(plant)
    # the stretch of five hours is not interpolated at a bound: it is measured, though readings lack
    assert rows == {"2026-03-01": (15, 15, 0, 0, 1), "2026-03-02": (24, 20, 0, 4, 1), "2026-03-03": (24, 24, 0, 0, 1)}
    assert contiguous(plant) == "2026-03-02T04:13:20Z"
    tell(plant, hours("2026-03-01T09:13:20Z", 63, kind="register"), "all.csv")
    assert set(row[3] for row in days(plant).values()) == {0}
    assert contiguous(plant) == "2026-03-03T23:13:20Z"


def test_a_reading_lacks_right_behind_midnight(plant):
    # 23:13:20 and 01:13:20: either lies near enough to the bound of the day
    tell(plant, hours("2026-03-01T00:13:20Z", 72, without=[48], kind="register"))
    assert days(plant)["2026-03-03"] == (24, 23, 0, 1, 1)
    assert contiguous(plant) == "2026-03-02T23:13:20Z"


def test_daily_registers_at_midnight_through_a_clock_change(plant):
    day = [f"2026-03-{d:02d}T00:00:00{'+01:00' if d < 30 else '+02:00'}" for d in range(26, 32)]
    lines = [f"UP1,r,{stamp},{i},kWh,register,1d" for i, stamp in enumerate(day)]
    tell(plant, lines[:1], "first.csv", "--zone", "Europe/Amsterdam")
    arguments = ("--usage-point", "UP1")
    assert [counts(row) for row in plant.list("completeness", *arguments)] == [(1, 1, 0, 0, None)]
    tell(plant, lines[:3] + lines[4:], "most.csv", "--zone", "Europe/Amsterdam")  # that of the 29th lacks
    rows = plant.list("completeness", *arguments)
    assert [row["end"] for row in rows] == [at(stamp).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for stamp in day]
    assert [(row["expected"], row["present"], row["missing"]) for row in rows] == [(1, 1, 0)] * 3 + [(1, 0, 1)] + [(1, 1, 0)] * 2
    assert {row["contiguous_to"] for row in rows} == {"2026-03-27T23:00:00Z"}
    tell(plant, lines, "all.csv", "--zone", "Europe/Amsterdam")
    assert [row["missing"] for row in plant.list("completeness", *arguments)] == [0] * 6
    assert contiguous(plant) == "2026-03-30T22:00:00Z"


def test_without_an_interval_nobody_knows_what_to_expect(plant):
    lines = [f"UP1,r,2026-03-0{d}T10:00:00Z,{d},kWh,register," for d in (1, 2, 5)]
    tell(plant, lines)
    rows = plant.list("completeness")
    assert [(row["expected"], row["present"], row["missing"]) for row in rows] == \
        [(None, 1, None), (None, 1, None), (None, 0, None), (None, 0, None), (None, 1, None)]
    assert {row["contiguous_to"] for row in rows} == {None}
    table = plant.run("list", "completeness", expect=0).out.splitlines()
    assert table[-1] == "default: 5 days of 1 channel, 5 without a nominal interval"


def test_longer_intervals_cover_a_day_as_well(plant):
    tell(plant, hours("2026-03-01T00:15:00Z", 96, step=HOUR / 4))
    half = hours("2026-03-02T00:30:00Z", 48, step=HOUR / 2)
    tell(plant, half, "half.csv")
    assert days(plant)["2026-03-02"] == (96, 48, 0, 0, 1)
    assert contiguous(plant) == "2026-03-03T00:00:00Z"


def test_an_overlap_does_not_hide_a_gap(plant):
    lines = hours("2026-03-01T01:00:00Z", 48, without=[10, 11, 12, 13])
    lines.append("UP1,c,2026-03-01T07:30:00Z,9,kWh,interval,4h")  # from 03:30: as long as what lacks
    tell(plant, lines)
    assert contiguous(plant) == "2026-03-01T10:00:00Z"


def test_the_last_seven_days_and_the_summary(plant):
    tell(plant, hours("2026-03-01T01:00:00Z", 24 * 20) + hours("2026-03-01T01:00:00Z", 24 * 18 - 12, usage_point="UP2"))
    tell(plant, hours("2026-03-01T01:00:00Z", 24, usage_point="UP3"), "third.csv")
    rows = plant.list("completeness")
    assert [(row["usage_point"], row["start"][:10]) for row in rows] == \
        [("UP1", f"2026-03-{d}") for d in range(14, 21)] + [("UP2", f"2026-03-{d}") for d in range(14, 19)]
    out = plant.run("list", "completeness", expect=0).out.splitlines()
    assert out[0].split() == ["usage_point", "channel", "start", "end", "expected", "present", "estimated", "missing",
                              "measured_share", "contiguous_to"]
    assert out[-2] == "default: 12 days of 2 channels, 100.0 % complete, 0 with values missing"
    assert out[-1].startswith("1 more channel has no day here")
    tick(plant, "2026-03-21T00:00:00Z")
    out = plant.run("list", "completeness", expect=0).out.splitlines()
    assert out[-1].startswith("default: 21 days of 3 channels, 52.3 % complete")
    assert len(plant.list("completeness", "--usage-point", "UP3", "--from", "2026-03-01", "--to", "2026-03-03")) == 2


def test_completeness_as_it_was_known(plant):
    tell(plant, hours("2026-03-01T01:00:00Z", 72, without=[30, 31, 32, 33]))
    before = now()
    tell(plant, hours("2026-03-02T07:00:00Z", 4), "late.csv")
    tell(plant, hours("2026-03-04T01:00:00Z", 24), "next.csv")
    assert [days(plant)[f"2026-03-0{d}"][:4] for d in (2, 4)] == [(24, 24, 0, 0), (24, 24, 0, 0)]
    then = plant.list("completeness", "--as-of", before)
    assert [(row["start"][:10], row["present"], row["missing"]) for row in then] == \
        [("2026-03-01", 24, 0), ("2026-03-02", 20, 4), ("2026-03-03", 24, 0)]
    assert {row["contiguous_to"] for row in then} == {"2026-03-02T06:00:00Z"}
    assert plant.list("completeness", "--as-of", "2026-01-01T00:00:00Z") == []
    assert "with offset" in plant.run("list", "completeness", "--as-of", "2026-03-01", expect=2).err


def test_what_cannot_be_asked(plant):
    tick(plant, "2026-03-01T00:00:00Z")
    assert plant.run("list", "completeness", expect=0).out == "no completeness\n"
    assert plant.list("completeness") == []
    assert "2026-13-01" in plant.run("list", "completeness", "--from", "2026-13-01", expect=2).err
    assert "with offset" in plant.run("list", "completeness", "--to", "2026-03-01T06:00", expect=2).err
    tell(plant, hours("2026-03-01T01:00:00Z", 2))
    plant.run("list", "completeness", "--usage-point", "NOBODY", expect=1)


def test_period_values_say_what_they_are_made_of(plant):
    tell(plant, hours("2026-03-01T01:00:00Z", 48, without=[30]))
    ndjson = plant.run("query", "--usage-point", "UP1", "--lane", "day", "--format", "ndjson", expect=0).out
    rows = [json.loads(line) for line in ndjson.splitlines()]
    assert [(row["present"], row["estimated"], row["measured"]) for row in rows] == [(24, 0, 1), (23, 1, 0.958)]
    hourly = plant.run("--json", "query", "--usage-point", "UP1", "--lane", "hour", expect=0).json()
    assert [(row["present"], row["estimated"], row["measured"]) for row in hourly[29:32]] == [(1, 0, 1), (0, 1, 0), (1, 0, 1)]
    (row,) = plant.run("--json", "query", "--usage-point", "UP1", "--lane", "raw", "--limit", "1", expect=0).json()
    assert "present" not in row
    assert list(plant.query("UP1", "--lane", "day")[0]) == "usage_point,channel,lane,start,end,value,unit,quality".split(",")
