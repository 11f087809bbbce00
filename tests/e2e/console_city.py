"""A city of more than a year for the console to show: faults, outages of the last weeks, days of 23 and 25 hours, a
file of which lines are refused and one that is refused whole."""

import datetime
import pathlib
import shutil
import subprocess

from conftest import BINARY

LAST = datetime.date(2026, 4, 14) # values end where this day begins
DAYS = 400
METERS = 40
RULES = pathlib.Path(__file__).parent / "console/rules"

# Meters (by their number in the city), days before the end, hours, and whether registers were silent, too.
OUTAGES = [
    (range(6, 13), 12, 5, False), ([2], 9, 31, False), ([15], 26, 220, True), ([21], 4, 60, True), ([5], 20, 1, False),
    ([9], 17, 2, False), (range(25, 31), 30, 14, False), ([18], 6, 200, True),
]


def make(plant):
    """Fills the plant by the command line."""
    first = LAST - datetime.timedelta(days=DAYS)
    subprocess.run([BINARY, "generate", "--meters", str(METERS), "--days", str(DAYS), "--from", first.isoformat(), "--faults", "0.7",
                    "--seed", "11", "--format", "csv", "--out", "city"], cwd=plant.folder, check=True, capture_output=True)
    city = plant.folder / "city"
    for path in city.glob("readings*"):
        silence(path)
    run(plant, "registry", "apply", "city/registry.yaml")
    run(plant, "ingest", "city")
    run(plant, "tick", "--at", f"{LAST.isoformat()}T00:00:00+02:00")
    shutil.rmtree(city)

    times = [f"{LAST - datetime.timedelta(days=1)}T{hour:02d}:{minute}:00Z" for hour in range(3) for minute in (15, 30, 45)]
    lines = ["usage_point,channel,timestamp,value,unit,interval"] + [f"871685900000000011,1-1:1.29.0,{time},0.1,kWh,15m" for time in times]
    lines[4] = lines[4].replace(times[3], "31-12-2026 10:00")
    lines[7] = lines[7].replace(",0.1,", ",n/a,")
    (plant.folder / "late-route-7.csv").write_text("\n".join(lines) + "\n")
    run(plant, "ingest", "late-route-7.csv", "--partial", expect=1)
    (plant.folder / "route-9-local.csv").write_text(
        f"{lines[0]}\n871685900000000011,1-1:1.29.0,{LAST - datetime.timedelta(days=1)}T12:00:00,0.2,kWh,15m\n")
    run(plant, "ingest", "route-9-local.csv", expect=1)
    (plant.folder / "head-end-export.csv").write_text(lines[0] + "\n" + lines[1].replace(times[0], "yesterday") + "\n")
    run(plant, "ingest", "head-end-export.csv", expect=1)

    since = (LAST - datetime.timedelta(days=10)).isoformat()
    deploy(plant, "far_peaks", "--from", since, "--by", "ann", "--reason", "peaks that the checks let through")
    deploy(plant, "far_peaks", "--name", "careful", "--canary", "25%", "--parameters", '{"k": 100}', "--by", "bob", "--reason", "a second look")


def deploy(plant, *arguments):
    """A rule of console/rules/."""
    shutil.copytree(RULES, plant.data / "rules", dirs_exist_ok=True)
    run(plant, "rules", "deploy", *arguments, "--yes")


def run(plant, *arguments, expect=0):
    done = subprocess.run([BINARY, "--data", str(plant.data), "--quiet", "--no-progress", *arguments], cwd=plant.folder, capture_output=True, text=True)
    assert done.returncode == expect, (arguments, done.returncode, done.stdout, done.stderr)


def silence(path):
    """Takes the readings of the outages out of a file of the city."""
    outages = {}
    for meters, days, hours, whole in OUTAGES:
        start = datetime.datetime.combine(LAST, datetime.time(7)) - datetime.timedelta(days=days)
        end = start + datetime.timedelta(hours=hours)
        for meter in meters:
            outages.setdefault(meter, []).append((start.isoformat()[:16], end.isoformat()[:16], whole))
    with open(path) as lines:
        header = next(lines)
        at = header.split(",").index("timestamp")
        kept = [header]
        for line in lines:
            parts = line.split(",")
            meter = int(parts[0][-10:-1]) % 1000
            if not any(start <= parts[at][:16] < end and (whole or ":1.29.0" in line) for start, end, whole in outages.get(meter, ())):
                kept.append(line)
    path.write_text("".join(kept))
