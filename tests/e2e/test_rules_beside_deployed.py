"""Deployed rules that look beside their channel: other channels of the usage point and side inputs. What they do is what their
back-test showed, and what they look at may come late."""

import contextlib
import datetime

import pytest
from conftest import HEADER
from server import Server
from test_rules import backtest, module, pytestmark  # noqa: F401  without numpy there is nothing to do
from test_rules_beside import imported, stamp

PER_DAY = 96
NET = '''
@rule(inputs="1-1:1.29.0", window="1d", others={"export": "1-1:2.29.0", "none": "1-1:9.29.0"}, side={"price": "price.csv"})
def net(w):
    """What is drawn less what is fed in, where it is dear."""
    export = w.aligned("export")
    assert not np.isfinite(w.aligned("none")).any()
    w.correct(w.new & np.isfinite(export) & (w.side["price"].at(w.ts) > 0.2), w.value - export, "net")
    ahead = w.others["export"].last(w.ts[-1:], within="90m")
    if not np.isfinite(ahead).any():
        w.exception("nothing was fed in")
'''
SEEN = '''
@rule(inputs="1-1:2.29.0", window="1d"{others})
def seen(w):
    w.correct(w.new & (w.value > 0.5), 0.5, "at_most")
'''


def exported(i):
    return round((i * 5) % 7 / 10, 3) if i % 3 else None


def export_lines(indexes, value=exported):
    return "\n".join([HEADER] + [f"A,1-1:2.29.0,{stamp(15 * (i + 1))},{value(i)},kWh,interval,15m"
                                 for i in indexes if value(i) is not None]) + "\n"


@pytest.fixture(params=["alone", "served"])
def standing(request, plant):
    """Three days of drawing; what is fed in is there of the first two."""
    lines = [HEADER] + [f"A,1-1:1.29.0,{stamp(15 * (i + 1))},{imported(0, i)},kWh,interval,15m" for i in range(3 * PER_DAY)]
    plant.ingest(plant.file("draw.csv", "\n".join(lines) + "\n"))
    plant.ingest(plant.file("feed.csv", export_lines(range(2 * PER_DAY))))
    plant.file("price.csv", "t,price\n" + "".join(f"{stamp(t)},{0.1 if t // 720 % 2 else 0.3}\n" for t in range(0, 5 * 1440, 60)))
    with Server(plant) if request.param == "served" else contextlib.nullcontext():
        yield plant


def vee(plant, *arguments, channel="1-1:1.29.0"):
    return {row["end"]: float(row["value"]) for row in plant.query("A", "--channel", channel, "--lane", "vee", *arguments)
            if row["value"]}


def deploy(plant, path, *arguments, expect=0):
    return plant.run("rules", "deploy", path, "--from", "2026-03-01T00:00:00Z", "--reason", "so it is", "--yes", *arguments, expect=expect)


def now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def after(plant, path):
    """What the back-test says that values become."""
    before = vee(plant)
    told = backtest(plant, path)
    assert told["failed_windows"] == 0, told["failures"]
    return {**before, **{row["end"]: row["after"] for row in told["rows"]}}


def test_what_it_does_is_what_its_back_test_showed(standing):
    plant, path = standing, module(standing, NET)
    expected = after(plant, path)
    assert sum(value != imported(0, i) for i, value in enumerate(expected.values())) > 50
    deploy(plant, path)
    assert vee(plant) == pytest.approx(expected)
    asked = [row for row in plant.list("exceptions") if row["check"] == "rule"]
    assert len(asked) == 1, asked  # of the third day alone


def test_what_it_looks_at_comes_late_and_is_corrected(standing):
    plant, path = standing, module(standing, NET)
    deploy(plant, path)
    early, moment = vee(plant), now()
    assert early[stamp(2 * 1440 + 15 * 5)] == imported(0, 2 * PER_DAY + 4)
    plant.ingest(plant.file("late.csv", export_lines(range(2 * PER_DAY, 3 * PER_DAY))))
    plant.ingest(plant.file("other.csv", export_lines([1], lambda i: 0.1)))
    late = vee(plant)
    for i in range(3 * PER_DAY):
        export = 0.1 if i == 1 else exported(i)
        dear = 0.3 - 0.2 * max(0, min(1, ((15 * (i + 1)) % 1440 - 660) / 60)) if (15 * (i + 1)) % 1440 <= 720 else None
        if export is not None and dear is not None and 0 < (15 * (i + 1)) % 1440 < 660:
            assert late[stamp(15 * (i + 1))] == pytest.approx(imported(0, i) - export), i
    assert vee(plant, "--as-of", moment) == pytest.approx(early)
    assert not [row for row in plant.list("exceptions") if row["check"] == "rule"]


def test_it_sees_what_other_rules_said_of_what_it_looks_at(standing):
    plant, path = standing, module(standing, NET)
    deploy(plant, path)
    moment, before = now(), vee(plant)
    deploy(plant, plant.file("seen.py", "import numpy as np\nfrom busbar import rule\n" + SEEN.format(others="")))
    i = next(i for i in range(1, 20) if exported(i) and exported(i) > 0.5)
    assert vee(plant)[stamp(15 * (i + 1))] == pytest.approx(imported(0, i) - 0.5)
    assert vee(plant, "--as-of", moment) == pytest.approx(before)
    plant.run("rules", "rollback", "seen", "--reason", "no", "--yes", expect=0)
    assert vee(plant) == pytest.approx(before)


def test_no_rule_looks_at_a_channel_whose_rules_look_at_others(standing):
    plant, path = standing, module(standing, NET)
    deploy(plant, path)
    ring = plant.file("ring.py", "from busbar import rule\n" + SEEN.format(others=', others={"draw": "1-1:1.29.0"}'))
    assert "BB-5010" in deploy(plant, ring, expect=4).err


def test_another_side_input_is_another_version(standing):
    plant, path = standing, module(standing, NET)
    deploy(plant, path)
    first = vee(plant)
    plant.file("price.csv", f"{stamp(0)},0.0\n{stamp(5 * 1440)},0.0\n")
    assert vee(plant) == first  # what is deployed stays what it is
    deploy(plant, path)
    assert vee(plant) == pytest.approx({stamp(15 * (i + 1)): imported(0, i) for i in range(3 * PER_DAY)})
    plant.run("rules", "rollback", "net", "--reason", "cheap again", "--yes", expect=0)
    assert vee(plant) == pytest.approx(first)


def test_rules_go_from_plant_to_plant_in_a_registry_file(standing, tmp_path_factory):
    plant, path = standing, module(standing, NET)
    deploy(plant, path)
    exported_registry = plant.run("registry", "export", expect=0).out
    other = type(plant)(tmp_path_factory.mktemp("other"))
    for name in ("draw.csv", "feed.csv"):
        other.ingest(plant.folder / name)
    other.run("registry", "apply", other.file("registry.yaml", exported_registry), expect=0)
    assert vee(other) == pytest.approx(vee(plant))


RING = '''
@rule(inputs="1-1:{own}.29.0", others={{"other": "{other}"}})
def of_{own}(w):
    w.flag(w.new & np.isfinite(w.aligned("other")), "seen")
'''


def test_by_its_alias_neither_is_looked_at(standing):
    """Which channel an alias means is known where values come in: of two that look at each other none sees the other one."""
    plant = standing
    aliases = "[{name: \"1-1:1.29.0\", alias: draw}, {name: \"1-1:2.29.0\", alias: feed}]"
    plant.run("registry", "apply", plant.file("registry.yaml", f"usage_points: [{{name: A, channels: {aliases}}}]\n"), expect=0)
    flagged = []
    for own, other in ((1, "feed"), (2, "draw")):
        deploy(plant, module(plant, RING.format(own=own, other=other)))
        flagged.append(sum("check:rule" in row["quality"] for row in plant.query("A", "--lane", "vee")))
    assert flagged[0] > 100 and flagged[1] == 0, flagged
    plant.run("rules", "rollback", "of_2", "--reason", "once more", "--yes", expect=0)
    assert sum("check:rule" in row["quality"] for row in plant.query("A", "--lane", "vee")) == flagged[0]
