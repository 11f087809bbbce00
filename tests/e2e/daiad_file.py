"""The file of the 92 water meters, read without busbar: rows, moments, and what a register is expected to be.

Times are local without offset. In the hour that autumn repeats the order of a meter's rows decides, by the
rules of docs/formats.md: a clock that does not advance has been put back, and so has one that advances by less
than half of the step before it (a meter that drifts: 02:37:30, then 02:37:38); the latter is a guess.
"""

import datetime
import functools
import random
import zipfile
import zoneinfo
from decimal import Decimal

ZONE = "Europe/Madrid"
MADRID = zoneinfo.ZoneInfo(ZONE)
HOUR_S = 3600
REPEATED = (1477785600, 1477785600 + 2 * HOUR_S)  # 2016-10-30T02:00+02:00 .. 03:00+01:00: both passes
REPEATED_STAMP = "30/10/2016 02"
DROP_READS, DROP_WITHIN_S = 3, 48 * HOUR_S  # docs/validation.md, check `register`: reads, within


class Row:
    """One line: its meter, litres, and when; `text` is the line as it stands."""

    __slots__ = ("meter", "stamp", "amount", "line", "text", "at", "unsure", "second_pass")

    def __init__(self, line, text):
        self.meter, self.stamp, value, _ = text.split(";")
        self.amount = int(value) if value.isdigit() else int(Decimal(value))  # "4e+05" is 400000
        self.line, self.text = line, text


@functools.lru_cache(maxsize=None)
def hour_begins(stamp):
    """The moments at which the clock shows "dd/mm/yyyy hh", the first time and the last."""
    day, month, year, hour = int(stamp[:2]), int(stamp[3:5]), int(stamp[6:10]), int(stamp[11:13])
    local = datetime.datetime(year, month, day, hour, tzinfo=MADRID)
    return int(local.replace(fold=0).timestamp()), int(local.replace(fold=1).timestamp())


def read(path):
    """The header, every row in the order of the file with its moment settled, and the rows of each meter."""
    with zipfile.ZipFile(path) as archive:
        header, *lines = archive.read("swm_trialA.csv").decode().split("\n")
    rows = [Row(n, text) for n, text in enumerate(lines, 2) if text]
    meters = {}
    for row in rows:
        earlier = meters.setdefault(row.meter, [])
        settle(row, earlier)
        earlier.append(row)
    return header, rows, meters


def settle(row, earlier):
    """The moment of a row, from the meter's rows before it."""
    first, second = hour_begins(row.stamp[:13])
    into_hour = int(row.stamp[14:16]) * 60 + int(row.stamp[17:19])
    row.at, row.unsure, row.second_pass = first + into_hour, False, False
    if first == second:
        return
    last = earlier[-1]
    if last.stamp[:13] != row.stamp[:13]:
        row.unsure = row.at - last.at > HOUR_S  # a hole: it may as well be the second pass
        return
    advance = into_hour - (int(last.stamp[14:16]) * 60 + int(last.stamp[17:19]))
    drifts = len(earlier) > 1 and 2 * advance < last.at - earlier[-2].at
    row.second_pass = advance <= 0 or last.second_pass or drifts
    row.at += HOUR_S if row.second_pass else 0
    row.unsure = advance > 0 and (last.unsure or (drifts and not last.second_pass))


def told(rows):
    """{moment: row}: of a meter's rows with one moment the later line stands."""
    return {row.at: row for row in sorted(rows, key=lambda row: row.line)}


def shuffled(rows, seed, keep_the_repeated_hour):
    """Rows in a random order. Those of a meter in the repeated hour, and the one before them, either keep their
    order, or nothing does."""
    source = random.Random(seed)
    bundles, last = [], {}
    for row in rows:
        if keep_the_repeated_hour and row.stamp.startswith(REPEATED_STAMP):
            last[row.meter].append(row)
        else:
            last[row.meter] = [row]
            bundles.append(last[row.meter])
    source.shuffle(bundles)
    return [row for bundle in bundles for row in bundle]


def falls(readings):
    """What becomes of the readings at which a register falls, by the rule of docs/validation.md for dips alone:
    {moment: "dip" | "reverse"}. A dip is not accepted: what follows is held against the reading before it."""
    out, accepted = {}, readings[0][1]
    for i, (at, amount) in enumerate(readings):
        if amount < accepted:
            ahead = [v for t, v in readings[i + 1:i + 1 + DROP_READS] if t - at <= DROP_WITHIN_S]
            out[at] = "dip" if any(v >= accepted for v in ahead) else "reverse"
        if out.get(at) != "dip":
            accepted = amount
    return out


def runs_with_flow(readings):
    """[(first, last, count)] of the readings in a row, each above the one before it."""
    runs, begin = [], None
    for i in range(1, len(readings) + 1):
        flows = i < len(readings) and readings[i][1] > readings[i - 1][1]
        if flows and begin is None:
            begin = i
        if not flows and begin is not None:
            runs.append((readings[begin][0], readings[i - 1][0], i - begin))
            begin = None
    return runs


def leaking(readings, hours=24, ml_an_hour=500, apart_s=3 * HOUR_S):
    """The moments that check `leak` speaks about: water flows from reading to reading, none of them further apart
    than three hours, for a day or longer; what flows is at least half a litre an hour."""
    found, run, begin = set(), [], None
    for (before, low), (at, high) in zip(readings, readings[1:]):
        elapsed = at - before
        if elapsed <= apart_s and (high - low) * 1000 * HOUR_S >= ml_an_hour * elapsed:
            begin = before if not run else begin
            run.append(at)
            if run[-1] - begin >= hours * HOUR_S:
                found.update(run)
        else:
            run = []
    return found
