"""Stories: what becomes of values, chapter by chapter. Every chapter says what is known now, and asks again what was known
at the end of every chapter before it. Numbers are worked out by hand, in the comments."""

import decimal
import json

import pytest
from clock import now
from conftest import HEADER

C = "1-1:1.29.0"
R = "1-0:1.8.0"


def number(text):
    return decimal.Decimal(str(text))


def day(n, time_of_day="00:00:00"):
    """The n-th of March 2026; the second is a Monday."""
    return f"2026-03-{n:02d}T{time_of_day}Z"


class Book:
    """One channel of usage point A, and its chapters."""

    def __init__(self, plant, channel):
        self.plant = plant
        self.channel = channel
        self.chapters = []
        self.files = 0

    # ---- what happens

    def told(self, rows, issued=None):
        """A file arrives: lines of (channel, end, value, kind, interval)."""
        self.files += 1
        lines = [HEADER + (",issued" if issued else "")]
        lines += [f"A,{c},{end},{value},kWh,{kind},{interval}" + (f",{issued}" if issued else "")
                  for c, end, value, kind, interval in rows]
        return self.plant.ingest(self.plant.file(f"file{self.files}.csv", "\n".join(lines) + "\n"))

    def read(self, *readings, channel=None, issued=None):
        """Readings of a register: (end, value)."""
        self.told([(channel or self.channel, end, value, "register", "") for end, value in readings], issued)

    def measured(self, *values, interval="15m", issued=None):
        """Intervals: (end, value)."""
        self.told([(self.channel, end, value, "interval", interval) for end, value in values], issued)

    def installed(self, installations):
        self.plant.run("registry", "apply", "-", stdin=f"usage_points:\n  - name: A\n    installations:\n{installations}", expect=0)

    def edit(self, at, *arguments, reason="read off the display"):
        self.plant.run("edit", "--usage-point", "A", "--channel", self.channel, "--at", at, "--by", "Mo", "--reason", reason,
                       *arguments, expect=0)

    # ---- what is known

    def values(self, lane, *arguments, channel=None):
        rows = self.plant.query("A", "--channel", channel or self.channel, "--lane", lane, *arguments)
        return {row["end"]: row["value"] for row in rows}

    def quality(self, end, lane="vee", *arguments):
        rows = self.plant.query("A", "--channel", self.channel, "--lane", lane, *arguments)
        return next(row["quality"] for row in rows if row["end"] == end).split("|")

    def explain(self, at, lane="vee", *arguments):
        """The story; its own value is that of the lane, and parts sum to it."""
        outcome = self.plant.run("--json", "explain", "--usage-point", "A", "--channel", self.channel, "--at", at, "--lane", lane,
                                 *arguments, expect=0)
        story = json.loads(outcome.out, parse_float=decimal.Decimal)
        value = self.values(lane, *arguments)[story["end"]]
        assert str(story["value"]) == value or number(story["value"]) == number(value), outcome.out
        if story["period"]:
            assert sum(number(part["amount"]) for part in story["period"]["parts"] if part["amount"] is not None) == number(value)
        return story

    def explain_missing(self, at):
        """The story of a time without a value."""
        story = self.plant.run("--json", "explain", "--usage-point", "A", "--channel", self.channel, "--at", at, expect=0).json()
        assert story["value"] is None
        return story

    def text(self, at, lane="vee", *arguments):
        return self.plant.run("explain", "--usage-point", "A", "--channel", self.channel, "--at", at, "--lane", lane, *arguments,
                              expect=0).out

    def open(self):
        """The checks that ask for a person."""
        return sorted(row["check"] for row in self.plant.list("exceptions"))

    def closed(self):
        return [(row["check"], row["state"]) for row in self.plant.list("exceptions", "--all") if row["state"] != "open"]

    def chapter(self, open=(), channel=None, **lanes):
        """What is known now, of some ends in some lanes; and what was at the end of every chapter before."""
        for lane, expected in lanes.items():
            found = self.values(lane, channel=channel)
            assert {end: found.get(end) for end in expected} == expected, f"chapter {len(self.chapters) + 1}, lane {lane}"
        assert self.open() == sorted(open)
        for i, (moment, known) in enumerate(self.chapters):
            for lane, expected in known.items():
                found = self.values(lane, "--as-of", moment, channel=channel)
                assert {end: found.get(end) for end in expected} == expected, f"lane {lane} as of chapter {i + 1}"
        moment = now()
        self.chapters.append((moment, lanes))
        return moment


@pytest.fixture
def intervals(plant):
    return Book(plant, C)


@pytest.fixture
def register(plant):
    return Book(plant, R)


def parts(story, *keys):
    return [tuple(part[key] for key in keys) for part in story["period"]["parts"]]


def findings(story):
    return {finding["check"]: finding["evidence"] for finding in story["findings"]}


# ---- a corrected multiplier ----------------------------------------------------------------------


def test_a_multiplier_is_corrected(register):
    """Ten a day are counted. On the second at noon transformers of 40 came in front; then it turns out to be 30."""
    register.read((day(1), 100), (day(2), 110), (day(3), 120))
    plain = register.chapter(day={day(2): "10", day(3): "10"})

    # 5 × 1 in the morning, 5 × 40 behind it
    def transformers(multiplier):
        return (f"      - {{device: E1, from: {day(1)}, to: {day(2, '12:00:00')}}}\n"
                f"      - {{device: E1, from: {day(2, '12:00:00')}, multiplier: {multiplier}}}\n")  # fmt: skip

    register.installed(transformers(40))
    forty = register.chapter(day={day(2): "10", day(3): "205"}, month={"2026-04-01T00:00:00Z": "215"})
    story = register.explain(day(3), "day")
    assert parts(story, "amount", "factor", "from_reading", "to_reading", "device", "event") == [
        (5, 1, 110, 115, "E1", "rise"), (200, 40, 115, 120, "E1", "rise")]  # fmt: skip

    # 5 × 30 = 150
    register.installed(transformers(30))
    register.chapter(day={day(2): "10", day(3): "155"}, vee={day(3): "120"})
    assert parts(register.explain(day(3), "day"), "amount", "factor") == [(5, 1), (150, 30)]
    assert "times 30" in register.text(day(3), "day")
    # the stories of the chapters before
    assert parts(register.explain(day(3), "day", "--as-of", forty), "amount", "factor") == [(5, 1), (200, 40)]
    assert parts(register.explain(day(3), "day", "--as-of", plain), "amount", "factor", "device") == [(10, 1, "")]


# ---- a late note about an exchange ---------------------------------------------------------------


def test_an_exchange_is_told_late(register):
    """E1 counted to 118 until noon of the second, E2 began at 3. Nobody said so: 110 to 20 looks like a reset."""
    register.read((day(1), 100), (day(2), 110), (day(3), 20), (day(4), 45))
    # began again at 0: 20. Then 45 - 20 = 25
    before = register.chapter(day={day(2): "10", day(3): "20", day(4): "25"}, open=["register"])
    assert {"reset", "suspect"} <= set(register.quality(day(3)))
    story = register.explain(day(3), "day")
    assert parts(story, "amount", "event", "last_reading", "to_reading") == [(20, "reset", 110, 20)]
    assert "reset: it began again at 0" in register.text(day(3), "day")
    evidence = findings(register.explain(day(3)))["register"]
    assert evidence == (f"it shows 20 kWh, the last accepted reading 110 kWh at {day(2)}; a reset: it began again at 0; counted "
                        "since: 20 kWh; plausible are up to 50 kWh a day, the least bound for its commodity")  # fmt: skip

    def note(closing):
        return (f"      - {{device: E1, from: 2026-01-01T00:00:00Z, to: {day(2, '12:00:00')}, closing: {{'1.8.0': {closing}}}}}\n"
                f"      - {{device: E2, from: {day(2, '12:00:00')}, opening: {{'1.8.0': 3}}, reason: exchange}}\n")

    # 118 - 110 = 8 until noon, 20 - 3 = 17 behind it
    register.installed(note(118))
    noted = register.chapter(day={day(2): "10", day(3): "25", day(4): "25"}, month={"2026-04-01T00:00:00Z": "60"})
    assert register.closed() == [("register", "resolved")]
    assert "exchange" in register.quality(day(3)) and "suspect" not in register.quality(day(3))
    story = register.explain(day(3), "day")
    assert parts(story, "amount", "event", "device", "from_reading", "to_reading", "opening", "closing") == [
        (8, "exchange", "E1", 110, 118, None, "told"), (17, "exchange", "E2", 3, 20, "told", None)]  # fmt: skip
    text = register.text(day(3), "day")
    assert "device E1 from 110 kWh to 118 kWh, taken out at 118 kWh" in text
    assert "device E2 from 3 kWh to 20 kWh, put in at 3 kWh" in text
    # the hour behind noon is E2's alone: 17 / 12
    hour = register.explain(day(2, "13:00:00"), "hour")
    assert parts(hour, "amount", "whole", "device") == [(number("1.416667"), 17, "E2")]

    # the closing was misread: 116 - 110 = 6
    register.installed(note(116))
    register.chapter(day={day(2): "10", day(3): "23", day(4): "25"})
    assert parts(register.explain(day(3), "day", "--as-of", noted), "amount", "to_reading") == [(8, 118), (17, 20)]
    assert parts(register.explain(day(3), "day", "--as-of", before), "amount", "event") == [(20, "reset")]
    assert "register" in findings(register.explain(day(3), "vee", "--as-of", before))


def test_an_exchange_of_which_little_is_known(register):
    """An installation ends and another begins, no reading is told: as little counts as can be."""
    register.read((day(1), 100), (day(2), 110), (day(3), 20))
    register.installed(f"      - {{device: E1, from: 2026-01-01T00:00:00Z, to: {day(2, '06:00:00')}}}\n"
                       f"      - {{device: E2, from: {day(2, '12:00:00')}}}\n")
    # nothing of E1 behind 110, six hours without a device, E2 from 0 to 20
    register.chapter(day={day(2): "10", day(3): "20"})
    story = register.explain(day(3), "day")
    assert parts(story, "amount", "event", "device", "opening", "closing", "from_reading") == [
        (0, "exchange", "E1", None, "assumed", 110), (0, "exchange", "", None, None, None),
        (20, "exchange", "E2", "assumed", None, 0)]  # fmt: skip
    text = register.text(day(3), "day")
    assert "no device was there" in text and "(nobody told: taken so that less counts)" in text


# ---- a file is sent again ------------------------------------------------------------------------

QUARTERS = [day(1, f"00:{m}:00") for m in (15, 30, 45)] + [day(1, "01:00:00")]


def test_a_file_is_sent_again(intervals):
    """Four quarters of 0.25; the third is corrected to 0.5, and a version from before says 0.75."""
    values = [(end, "0.25") for end in QUARTERS]
    intervals.measured(*values, issued=day(2))
    first = intervals.chapter(vee={QUARTERS[2]: "0.25"}, day={day(2): "1"})

    # 1 - 0.25 + 0.5 = 1.25
    values[2] = (QUARTERS[2], "0.5")
    intervals.measured(*values, issued=day(3))
    second = intervals.chapter(vee={QUARTERS[2]: "0.5"}, day={day(2): "1.25"})

    # issued before both: it is kept, and changes nothing
    values[2] = (QUARTERS[2], "0.75")
    intervals.measured(*values, issued=day(1, "12:00:00"))
    intervals.chapter(vee={QUARTERS[2]: "0.5"}, day={day(2): "1.25"})
    story = intervals.explain(QUARTERS[2])
    assert [(v["value"], v["stands"], v["why"], v["issued"]) for v in story["versions"]] == [
        (number("0.25"), False, "its sender's version is older", day(2)),
        (number("0.5"), True, "stands", day(3)),
        (number("0.75"), False, "its sender's version is older", day(1, "12:00:00")),
    ]
    assert [v["source"].rsplit("/")[-1] for v in story["versions"]] == ["file1.csv", "file2.csv", "file3.csv"]

    # the same version again, read twice: nothing
    values[2] = (QUARTERS[2], "0.5")
    intervals.measured(*values, issued=day(3))
    intervals.chapter(vee={QUARTERS[2]: "0.5"}, day={day(2): "1.25"})
    assert len(intervals.explain(QUARTERS[2])["versions"]) == 3

    # what stands is claimed anew, by a later version: nothing but the claim
    intervals.measured(*values, issued=day(4))
    intervals.chapter(vee={QUARTERS[2]: "0.5"}, day={day(2): "1.25"})
    (standing,) = [v for v in intervals.explain(QUARTERS[2])["versions"] if v["stands"]]
    assert (standing["issued"], standing["first_source"].rsplit("/")[-1], standing["source"].rsplit("/")[-1]) == (
        day(4), "file2.csv", "file5.csv")  # fmt: skip
    assert standing["recorded"] < standing["received"]

    # 1 - 0.25 + 0.85 = 1.6, in a version that is newer than all
    values[2] = (QUARTERS[2], "0.85")
    intervals.measured(*values, issued=day(5))
    intervals.chapter(vee={QUARTERS[2]: "0.85"}, day={day(2): "1.6"})
    assert [v["stands"] for v in intervals.explain(QUARTERS[2])["versions"]] == [False, False, False, True]
    for moment, count, standing in ((first, 1, "0.25"), (second, 2, "0.5")):
        versions = intervals.explain(QUARTERS[2], "vee", "--as-of", moment)["versions"]
        assert len(versions) == count
        assert [v["value"] for v in versions if v["stands"]] == [number(standing)]


# ---- a person edits ------------------------------------------------------------------------------


def test_an_edit_its_withdrawal_and_another(intervals):
    """0.25 four times; the second is edited to 0.35, taken back, edited to 0.45."""
    at = QUARTERS[1]
    intervals.measured(*((end, "0.25") for end in QUARTERS))
    intervals.chapter(vee={at: "0.25"}, day={day(2): "1"})
    intervals.edit(at, "--value", "0.35")
    edited = intervals.chapter(vee={at: "0.35"}, day={day(2): "1.1"})  # 0.75 + 0.35
    # three quarters of an hour were measured, of 24 hours
    measured = intervals.explain(at, "day")["period"]["measured_share"]
    assert measured == number("0.03125")
    intervals.edit(at, "--withdraw", reason="wrong meter")
    withdrawn = intervals.chapter(vee={at: "0.25"}, day={day(2): "1"})
    intervals.edit(at, "--value", "0.45", reason="now the right one")
    intervals.chapter(vee={at: "0.45"}, day={day(2): "1.2"})  # 0.75 + 0.45

    def told(*arguments):
        return [(v["value"], v["stands"], v["why"], v.get("reason")) for v in intervals.explain(at, "vee", *arguments)["versions"]]

    by_source = (number("0.25"), False, "a person's word stands over what sources tell", None)
    assert told("--as-of", edited) == [by_source, (number("0.35"), True, "stands", "read off the display")]
    taken_back = [(number("0.35"), False, "was withdrawn", "read off the display"),
                  (None, False, "takes back what people told before", "wrong meter")]
    assert told("--as-of", withdrawn) == [(number("0.25"), True, "stands", None), *taken_back]
    assert told() == [by_source, *taken_back, (number("0.45"), True, "stands", "now the right one")]
    assert parts(intervals.explain(at, "day"), "amount", "quality", "count") == [
        (number("0.25"), "measured", 1), (number("0.45"), "edited", 1), (number("0.5"), "measured", 2)]  # fmt: skip


# ---- a gap and its estimates ---------------------------------------------------------------------


def hours(n, even, odd, first=0, last=24):
    """Hours [first, last) of the n-th, of two sizes in turn; by their ends."""
    ends = [day(n, f"{h + 1:02d}:00:00") if h < 23 else day(n + 1) for h in range(24)]
    return [(ends[h], odd if h % 2 else even) for h in range(first, last)]


def test_a_gap_is_estimated_again_and_again(intervals):
    """Monday to Thursday are known, on Friday the hours from 06 to 12 are missing."""
    for n, even, odd in ((2, "0.1", "0.3"), (3, "0.2", "0.6"), (4, "0.3", "0.9"), (5, "0.4", "1.2")):
        intervals.measured(*hours(n, even, odd), interval="1h")
    intervals.measured(*hours(6, "0.3", "0.9", 0, 6), *hours(6, "0.3", "0.9", 12), interval="1h")
    intervals.read((day(6), "1000"), channel=R)
    hour = {h: day(6, f"{h:02d}:00:00") for h in range(7, 13)}  # by the ends; the first hour, from 06 to 07, is even

    # The mean of Thursday, Wednesday and Tuesday: 0.3 and 0.9. Told are 9 × (0.3 + 0.9) = 10.8; 3 × 1.2 = 3.6 are estimated.
    like = intervals.chapter(vee={hour[7]: "0.3", hour[8]: "0.9", hour[12]: "0.9"}, day={day(7): "14.4"})
    story = intervals.explain(hour[8])
    estimate = story["estimate"]
    assert (estimate["method"], estimate["from"], estimate["to"], estimate["intervals"]) == (
        "average_like_day", day(6, "06:00:00"), day(6, "12:00:00"), 6)  # fmt: skip
    assert (estimate["before"]["value"], estimate["after"]["value"]) == (number("0.9"), number("0.3"))
    assert [(l["end"], l["value"], l["used"]) for l in estimate["like_days"]] == [
        (day(5, "08:00:00"), number("1.2"), True), (day(4, "08:00:00"), number("0.9"), True),
        (day(3, "08:00:00"), number("0.6"), True), (day(2, "08:00:00"), number("0.3"), False)]  # fmt: skip
    assert estimate["registers"] is None
    # Thursday would have been off by 0.4 - 0.2 and 1.2 - 0.6, Wednesday by 0.15 and 0.45, Tuesday by 0.1 and 0.3, each of them
    # three times. Of 18 errors the ceil(0.9 × 19) = 18th: 0.6
    assert estimate["band"] == number("0.6")
    assert findings(story)["gap"] == "6 intervals are missing, 6h"
    text = intervals.text(hour[8])
    assert "only tells the error" in text and f"like {day(5, '07:00:00')} to {day(5, '08:00:00')}  1.2 kWh" in text

    # The register at the end of Friday: 18 were used, 10.8 told, 7.2 missing, twice as much as 3.6.
    intervals.read((day(7), "1018"), channel=R)
    scaled = intervals.chapter(vee={hour[7]: "0.6", hour[8]: "1.8", hour[12]: "1.8"}, day={day(7): "18"})
    estimate = intervals.explain(hour[8])["estimate"]
    assert (estimate["method"], estimate["band"]) == ("average_like_day_scaled", number("1.2"))
    registers = estimate["registers"]
    assert [(m["channel"], m["from_reading"], m["to_reading"]) for m in registers["meters"]] == [(R, 1000, 1018)]
    assert (registers["from"], registers["to"], registers["advance"], registers["told"], registers["missing"]) == (
        day(6), day(7), 18, number("10.8"), number("7.2"))  # fmt: skip
    assert (registers["told_seconds"], registers["scaled_to"]) == (18 * 3600, number("7.2"))
    text = intervals.text(hour[8])
    assert f"registers advanced 18 kWh from {day(6)} to {day(7)}" in text and "from 1000 kWh to 1018 kWh" in text
    assert "told 10.8 kWh in 18h, missing 7.2 kWh in 6h" in text

    # Three hours arrive: 0.5 + 2 + 0.5 = 3. Missing are 7.2 - 3 = 4.2, of hours that were like 0.9 + 0.3 + 0.9 = 2.1.
    intervals.measured(*hours(6, "0.5", "2", 6, 9), interval="1h")
    intervals.chapter(vee={hour[7]: "0.5", hour[8]: "2", hour[10]: "1.8", hour[11]: "0.6", hour[12]: "1.8"}, day={day(7): "18"})
    assert not intervals.explain(hour[8])["estimate"]

    # Thursday's hours to 10 and 12 were 1.8: (0.6 + 0.9 + 1.8) / 3 = 1.1. 4.2 × 1.1 / 2.5 = 1.848, 4.2 × 0.3 / 2.5 = 0.504.
    intervals.measured((day(5, "10:00:00"), "1.8"), (day(5, "12:00:00"), "1.8"), interval="1h", issued="2037-01-01T00:00:00Z")
    intervals.chapter(vee={hour[10]: "1.848", hour[11]: "0.504", hour[12]: "1.848"}, day={day(7): "18"})
    estimate = intervals.explain(hour[10])["estimate"]
    assert [(l["value"], l["used"]) for l in estimate["like_days"]][:1] == [(number("1.8"), True)]
    assert (estimate["registers"]["missing"], estimate["registers"]["told"]) == (number("4.2"), number("13.8"))

    # The last hours arrive: 2 + 0.2 + 2 = 4.2, as the register says.
    intervals.measured(*hours(6, "0.2", "2", 9, 12), interval="1h")
    intervals.chapter(vee={hour[10]: "2", hour[11]: "0.2", hour[12]: "2"}, day={day(7): "18"})
    story = intervals.explain(hour[10])
    assert story["estimate"] is None and [v["stands"] for v in story["versions"]] == [True]
    # what was estimated is told of the moments at which it was
    assert intervals.explain(hour[10], "vee", "--as-of", like)["estimate"]["method"] == "average_like_day"
    then = intervals.explain(hour[10], "vee", "--as-of", scaled)["estimate"]
    assert (then["registers"]["missing"], then["like_days"][0]["value"]) == (number("7.2"), number("1.2"))
    day_then = intervals.explain(hour[10], "day", "--as-of", scaled)
    assert (day_then["period"]["measured_share"], day_then["period"]["covered_share"]) == (number("0.75"), 1)


# ---- an exception is accepted, and the data corrected --------------------------------------------


def test_an_exception_is_accepted_and_the_data_corrected(intervals):
    """Minus two is accepted, then the source sends two."""
    at = QUARTERS[2]
    intervals.measured(*zip(QUARTERS, ("1", "1", "-2", "1")))
    intervals.chapter(vee={at: "-2"}, day={day(2): "1"}, open=["negative"])
    assert findings(intervals.explain(at)) == {"negative": "the value -2 kWh"}
    (found,) = intervals.plant.list("exceptions")
    intervals.plant.run("exceptions", "accept", found["id"], "--by", "Mo", "--reason", "panels", expect=0)
    accepted = intervals.chapter(vee={at: "-2"}, day={day(2): "1"})
    assert intervals.closed() == [("negative", "accepted")]

    # what a person said stands, whatever the source sends
    intervals.measured((at, "2"), issued="2037-01-01T00:00:00Z")
    corrected = intervals.chapter(vee={at: "-2"}, day={day(2): "1"})
    story = intervals.explain(at)
    assert [(v["value"], v["stands"]) for v in story["versions"]] == [(-2, False), (-2, True), (2, False)]
    assert story["versions"][2]["why"] == "a person's word stands over what sources tell"

    # until it is taken back: 1 + 1 + 2 + 1, and there is nothing to ask
    intervals.edit(at, "--withdraw", reason="it was corrected")
    intervals.chapter(vee={at: "2"}, day={day(2): "5"})
    assert "negative" not in findings(intervals.explain(at))
    assert [v["stands"] for v in intervals.explain(at)["versions"]] == [False, False, True, False]
    assert intervals.explain(at, "vee", "--as-of", accepted)["quality"] == "measured|accepted"
    assert [v["value"] for v in intervals.explain(at, "vee", "--as-of", corrected)["versions"]] == [-2, -2, 2]


# ---- registers out of order ----------------------------------------------------------------------


def test_a_rollover_is_told_out_of_order(register):
    """Four digits: 9980, 9995, 12, 30; the ends come first."""
    register.installed("      - {device: E1, from: 2026-01-01T00:00:00Z, dials: 4}\n")
    register.read((day(4), 30))
    register.read((day(1), 9980))
    # 10000 - 9980 + 30 = 50 over three days: 16.667, 33.333 - 16.667, 50 - 33.333
    ends = register.chapter(day={day(2): "16.667", day(3): "16.666", day(4): "16.667"})
    story = register.explain(day(3), "day")
    assert parts(story, "event", "whole", "from_reading", "to_reading", "turned_over_at") == [("rollover", 50, 9980, 30, 10000)]
    # a third and two thirds of the way: 9996.667, then 10013.333 shows 13.333
    assert (story["period"]["register_at_start"], story["period"]["register_at_end"]) == (number("9996.667"), number("13.333"))
    assert (story["period"]["measured_share"], story["quality"]) == (0, "estimated|rollover|check:register")
    register.read((day(2), 9995))
    # 15, then 10000 - 9995 + 30 = 35 over two days
    register.chapter(day={day(2): "15", day(3): "17.5", day(4): "17.5"})
    register.read((day(3), 12))
    # 10000 - 9995 + 12 = 17, 30 - 12 = 18
    register.chapter(day={day(2): "15", day(3): "17", day(4): "18"}, month={"2026-04-01T00:00:00Z": "50"})
    assert "over its top at 10000 kWh" in register.text(day(3), "day")
    assert parts(register.explain(day(3), "day", "--as-of", ends), "whole") == [(50,)]

    # A dip at noon of the first day: it falls, the next reading has come back.
    register.read((day(1, "12:00:00"), 50))
    dipped = register.chapter(day={day(2): "15", day(3): "17", day(4): "18"})
    story = register.explain(day(2), "day")
    assert [(a["value"], a["why"]) for a in story["period"]["set_aside"]] == [
        (50, "it fell, and a reading behind it has come back")]  # fmt: skip
    assert f"set aside: 50 kWh at {day(1, '12:00:00')}" in register.text(day(2), "day")
    assert "it is not used" in findings(register.explain(day(1, "12:00:00")))["register"]
    # It was a digit: 9990, 10 until noon (10 - 9.167 in its last hour), 5 behind it.
    register.read((day(1, "12:00:00"), 9990), issued="2037-01-01T00:00:00Z")
    register.chapter(day={day(2): "15"}, hour={day(1, "12:00:00"): "0.833", day(1, "13:00:00"): "0.417"})
    assert register.explain(day(2), "day")["period"]["set_aside"] == []
    assert len(register.explain(day(2), "day", "--as-of", dipped)["period"]["set_aside"]) == 1


def test_a_reset_and_a_reverse_are_told_out_of_order(register):
    """30, then it began again: 5, 12; it ran backwards to 11.8, 11.9 and went on to 20 only days later."""
    register.read((day(4), 20), (day(5), 30), (day(12), 20))
    # a fall: 20 from 0, over seven days: 2.857, 5.714 - 2.857
    register.chapter(day={day(5): "10", day(6): "2.857", day(7): "2.857"}, open=["register"])
    register.read((day(7), 12))
    # 12 from 0 over two days, 8 over five
    first = register.chapter(day={day(6): "6", day(7): "6", day(8): "1.6", day(12): "1.6"}, open=["register"])
    assert parts(register.explain(day(6), "day"), "event", "amount", "whole", "last_reading") == [("reset", 6, 12, 30)]
    register.read((day(9), "11.9"))
    # -0.1 over two days, 8.1 over three: too little to ask for, and nothing comes back to 12 within two days
    register.chapter(day={day(7): "6", day(8): "-0.05", day(9): "-0.05", day(10): "2.7"}, open=["register"])
    register.read((day(8), "11.8"))
    # -0.2 and 0.1
    register.chapter(day={day(7): "6", day(8): "-0.2", day(9): "0.1", day(12): "2.7"}, open=["register"])
    story = register.explain(day(8), "day")
    assert parts(story, "event", "amount", "from_reading", "to_reading") == [("reverse", number("-0.2"), 12, number("11.8"))]
    assert "it ran backwards" in findings(register.explain(day(8)))["register"]
    register.read((day(6), 5))
    # 5 from 0, 12 - 5 = 7; altogether 10 + 5 + 7 - 0.2 + 0.1 + 8.1 = 30
    register.chapter(day={day(5): "10", day(6): "5", day(7): "7", day(8): "-0.2", day(9): "0.1"}, month={
        "2026-04-01T00:00:00Z": "30"}, open=["register"])  # fmt: skip
    assert parts(register.explain(day(6), "day"), "event", "amount") == [("reset", 5)]
    assert parts(register.explain(day(7), "day"), "event", "amount") == [("rise", 7)]
    assert parts(register.explain(day(7), "day", "--as-of", first), "event", "amount") == [("reset", 6)]
    month = register.explain(day(8), "month")
    assert [part for part in parts(month, "event", "amount") if part[0] != "rise"] == [("reset", 5), ("reverse", number("-0.2"))]


def test_a_foreign_reading_is_set_aside(register):
    """A neighbour's meter shows 90000; the next reading goes on from 110."""
    register.read((day(1), 100), (day(2), 110), (day(3), 90000))
    # nobody knows better yet: it counts, and somebody has to look
    wrong = register.chapter(day={day(2): "10", day(3): "89890"}, open=["register"])
    register.read((day(4), 130))
    # 20 over two days, and the one between them is not used
    register.chapter(day={day(2): "10", day(3): "10", day(4): "10"}, open=["register"])
    story = register.explain(day(3), "day")
    assert parts(story, "from_reading", "to_reading", "whole", "estimated") == [(110, 130, 20, True)]
    assert [(a["value"], a["quality"].split("|")[1]) for a in story["period"]["set_aside"]] == [(90000, "foreign")]
    assert parts(register.explain(day(3), "day", "--as-of", wrong), "to_reading") == [(90000,)]


# ---- tariffs against intervals -------------------------------------------------------------------


def test_tariffs_and_intervals(intervals):
    """A day of hours, 24 × 0.5 = 12 kWh; two tariff registers, 5 and 7."""
    low, high = "1-0:1.8.1", "1-0:1.8.2"
    intervals.measured(*hours(1, "0.4", "0.6"), interval="1h")
    intervals.read((day(1), 100), (day(2), 105), channel=low)
    intervals.read((day(1), 200), channel=high)
    # as long as the high tariff was read but once, nobody can say what the two advanced
    intervals.chapter(day={day(2): "12"})
    # 5 + 9 = 14, and 12 were told: more than a hundredth off, but no more than three of the digits of both, 3 × (1 + 1)
    intervals.read((day(2), 209), channel=high)
    small = intervals.chapter(day={day(2): "12"})
    # 5 + 27 = 32: 20 off
    intervals.read((day(2), 227), channel=high, issued="2037-01-01T00:00:00Z")
    off = intervals.chapter(day={day(2): "12"}, open=["sum"])
    evidence = "the intervals sum to 12 kWh, the registers advanced 32 kWh: " + \
               "1-0:1.8.1 from 100 to 105 kWh, 1-0:1.8.2 from 200 to 227 kWh"  # fmt: skip
    assert findings(intervals.explain(day(2))) == {"sum": evidence}
    assert findings(intervals.explain(day(2), "day"))["sum"] == evidence
    assert evidence in intervals.text(day(1, "12:00:00"))
    # and the right one: 5 + 7
    intervals.read((day(2), 207), channel=high, issued="2037-01-02T00:00:00Z")
    intervals.chapter(day={day(2): "12"})
    assert intervals.closed() == [("sum", "resolved")]
    assert findings(intervals.explain(day(2))) == {}
    assert findings(intervals.explain(day(2), "vee", "--as-of", off)) == {"sum": evidence}
    assert findings(intervals.explain(day(2), "vee", "--as-of", small)) == {}


def test_one_tariff_is_told_long_before_the_other(intervals):
    """The low tariff alone is not the total; the high one comes in files of its own, in the other order of time."""
    low, high = "1-0:1.8.1", "1-0:1.8.2"
    intervals.measured(*hours(1, "0.4", "0.6"), *hours(2, "0.4", "0.6"), interval="1h")
    intervals.read((day(1), 100), (day(2), 102), (day(3), 104), channel=low)
    # 2 are not 12: as far as anybody knows, it is the whole
    alone = intervals.chapter(day={day(2): "12", day(3): "12"}, open=["sum", "sum"])
    assert "1-0:1.8.1 from 100 to 102 kWh" in findings(intervals.explain(day(2)))["sum"]
    # what the first reading of the other one says nothing about, is not compared any more
    intervals.read((day(3), 220), channel=high)
    intervals.chapter(day={day(2): "12", day(3): "12"})
    intervals.read((day(2), 210), channel=high)
    intervals.read((day(1), 200), channel=high)
    intervals.chapter(day={day(2): "12", day(3): "12"})  # 2 + 10, twice
    assert intervals.closed() == [("sum", "resolved"), ("sum", "resolved")]
    assert list(findings(intervals.explain(day(2), "vee", "--as-of", alone))) == ["sum"]


# ---- a meter falls silent ------------------------------------------------------------------------


def test_a_silence_is_told(intervals):
    """Values until 01:00, then nothing; a tick says that the day is over."""
    intervals.measured(*((end, value) for end, value in zip(QUARTERS, ("0.1", "0.2", "0.3", "0.4"))))
    before = intervals.chapter(day={day(2): "1"})
    intervals.plant.run("tick", "--at", day(2), expect=0)
    intervals.chapter(day={day(2): "1"}, vee={day(1, "12:00:00"): ""}, open=["gap"])
    story = intervals.explain_missing(day(1, "12:00:00"))
    assert findings(story) == {"gap": "92 intervals are missing, 23h"}
    assert story["estimate"] is None and story["versions"] == []
    day_story = intervals.explain(day(2), "day")
    assert parts(day_story, "amount", "count") == [(1, 4), (None, 92)]
    assert round(day_story["period"]["covered_share"], 4) == number("0.0417"), "an hour of 24"
    assert parts(intervals.explain(day(2), "day", "--as-of", before), "amount") == [(1,)]


# ---- a city --------------------------------------------------------------------------------------


def test_parts_sum_to_every_day_of_registers_with_a_history(plant):
    """Registers of a city in which everybody has a fault: each of their days and months is the sum of its parts, now and
    as of now, whatever happened; and something of every kind did."""
    plant.run("generate", "--meters", "60", "--days", "35", "--seed", "7", "--from", "2026-03-01", "--format", "csv", "--faults", "1",
              "--out", plant.folder / "city", expect=0)
    plant.run("registry", "apply", plant.folder / "city/registry.yaml", expect=0)
    plant.ingest(plant.folder / "city")
    seen = {}
    for channel in plant.list("channels"):
        where = ["--usage-point", channel["usage_point"], "--channel", channel["channel"]]
        vee = plant.run("query", *where, "--lane", "vee", "--format", "csv", expect=0).rows()
        marks = {mark for row in vee for mark in row["quality"].split("|")}
        happened = marks & {"exchange", "rollover", "reset", "reverse", "dip", "foreign"}
        if channel["kind"] != "register" or all(seen.get(mark, 0) >= 2 for mark in happened):
            continue
        for mark in happened:
            seen[mark] = seen.get(mark, 0) + 1
        moment = now()
        for lane in ("day", "month"):
            rows = plant.run("query", *where, "--lane", lane, "--format", "csv", expect=0).rows()
            for i, row in enumerate(rows):
                then = ["--as-of", moment] if i % 10 == 0 else []
                outcome = plant.run("--json", "explain", *where, "--lane", lane, "--at", row["end"], *then, expect=0)
                story = json.loads(outcome.out, parse_float=decimal.Decimal)
                amounts = [number(part["amount"]) for part in story["period"]["parts"] if part["amount"] is not None]
                assert sum(amounts) == number(row["value"]) == number(story["value"]), outcome.out
    assert set(seen) == {"exchange", "rollover", "reset", "reverse", "dip", "foreign"}, seen
