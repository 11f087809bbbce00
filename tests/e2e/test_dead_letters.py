"""What came and does not count: told with its reasons, read once more in the right way, and never counted twice."""

import datetime
import json
import shutil
import time

import pytest
from conftest import HEADER, Plant
from server import Server, wait_until

MAP = """format: csv
delimiter: ";"
zone: Europe/Amsterdam
timestamp: {column: when, format: "%d-%m-%Y %H:%M"}
usage_point: {column: meter}
channels:
  - {column: amount, name: load, kind: interval, unit: kWh, interval: 1h}
"""


def dead(server, query=""):
    answer = server.get(f"/v1/dead-letters{query}")
    assert answer.status == 200, answer
    return answer.json()


def replay(server, file, query="", body="", expect=200):
    answer = server.request("POST", f"/v1/files/{file}/replay{query}", body=body.encode(), Content_Type="application/yaml")
    assert answer.status == expect, answer
    return answer.json()


def values(plant, name, *arguments):
    return [(row["end"], row["value"]) for row in plant.query(name, *arguments)]


def test_a_file_without_a_zone_is_read_once_more(plant):
    """A file of local times is refused, its reason stands in the list, it is replayed with a zone, and counts once."""
    local = plant.file("local.csv", f"{HEADER}\nA,load,2026-03-01T01:00:00,1.5,kWh,interval,1h\nA,load,2026-03-01T02:00:00,2.5,kWh,interval,1h\n")
    plant.ingest(local, expect=1)
    plant.ingest(plant.file("good.csv", f"{HEADER}\nB,load,2026-03-01T01:00:00Z,7,kWh,interval,1h\n"))
    with Server(plant) as server:
        letter, = dead(server)["items"]
        assert (letter["source"], letter["state"], letter["readings"], letter["replayed"]) == (str(local), "refused", 0, None)
        assert letter["errors"][0]["code"] == "BB-1007" and "zone" in letter["errors"][0]["reason"]
        one = server.get(f"/v1/files/{letter['id']}").json()
        assert one == letter

        still = replay(server, letter["id"], expect=400)
        assert still["code"] == "BB-1007" and still["errors"], "nothing has become better by itself"
        assert server.get("/v1/values?usage_point=A&lane=raw").status == 404
        done = replay(server, letter["id"], "?zone=Europe/Amsterdam")
        assert (done["outcome"], done["readings"], done["rejected"], done["derived"]) == ("done", 2, 0, True)
        assert values(plant, "A") == [("2026-03-01T00:00:00Z", "1.5"), ("2026-03-01T01:00:00Z", "2.5")]
        assert server.get(f"/v1/files/{done['id']}").json()["state"] == "done"

        again = replay(server, letter["id"], "?zone=Europe/Amsterdam")
        assert (again["outcome"], again["readings"], again["id"]) == ("known", 0, None), "nothing twice"
        assert len(values(plant, "A")) == 2
        assert dead(server)["items"] == [], "it counts by now"
        told = dead(server, "?state=all")["items"]
        assert {item["replayed"] for item in told} == {done["id"]} and letter["id"] in {item["id"] for item in told}


def test_a_map_reads_what_conventions_do_not(plant):
    odd = plant.file("odd.csv", "when;meter;amount\n01-03-2026 01:00;M;1\n01-03-2026 02:00;M;2\n")
    plant.ingest(odd, expect=1)
    with Server(plant) as server:
        letter, = dead(server)["items"]
        assert replay(server, letter["id"], body="format: nonsense\n", expect=400)["code"] == "BB-1019"
        assert replay(server, letter["id"], body=MAP)["readings"] == 2
        assert replay(server, letter["id"], body=MAP)["outcome"] == "known"
        assert [value for _, value in values(plant, "M")] == ["1", "2"]


def test_good_lines_of_a_bad_file(plant):
    mixed = plant.file("mixed.csv", f"{HEADER}\nA,load,2026-03-01T01:00:00Z,1,kWh,interval,1h\nA,load,2026-03-01T02:00:00Z,n/a,kWh,interval,1h\n")
    plant.ingest(mixed, expect=1)
    with Server(plant) as server:
        letter, = dead(server)["items"]
        assert [error["line"] for error in letter["errors"]] == [3]
        kept = replay(server, letter["id"], "?partial=1", expect=207)
        assert (kept["outcome"], kept["readings"], kept["rejected"]) == ("partial", 1, 1)
        assert values(plant, "A") == [("2026-03-01T01:00:00Z", "1")]
        assert [item["state"] for item in dead(server)["items"]] == ["partial", "refused"], "a line is still lost"


def test_a_file_that_is_gone_or_unknown(plant):
    local = plant.file("local.csv", f"{HEADER}\nA,load,2026-03-01T01:00:00,1.5,kWh,interval,1h\n")
    plant.ingest(local, expect=1)
    with Server(plant) as server:
        letter, = dead(server)["items"]
        local.write_text(local.read_text() + "another line\n")
        assert replay(server, letter["id"], "?zone=UTC", expect=409)["code"] == "BB-2032"
        local.unlink()
        local.symlink_to("/etc/passwd")
        assert replay(server, letter["id"], "?zone=UTC", expect=409)["code"] == "BB-2032"
        for unknown in ("0123456789abcdef", "nonsense", "..%2F..%2Fetc%2Fpasswd"):
            assert replay(server, unknown, expect=404)["code"] == "BB-2030"
            assert server.get(f"/v1/files/{unknown}").code == "BB-2030"


def test_a_dropped_file_is_read_where_it_was_put(plant):
    drop = plant.folder / "drop"
    drop.mkdir()
    plant.data.mkdir()
    (plant.data / "busbar.yaml").write_text(f"drop: {{folder: {drop}, quiet: 200ms}}\n")
    with Server(plant) as server:
        (drop / "day.csv").write_text(f"{HEADER}\nA,load,2026-03-01T01:00:00,1.5,kWh,interval,1h\n")
        assert wait_until(lambda: (drop / "failed/day.csv").exists())
        letter, = dead(server)["items"]
        assert replay(server, letter["id"], "?zone=UTC")["readings"] == 1
        assert values(plant, "A") == [("2026-03-01T01:00:00Z", "1.5")]


def damage(plant, partition):
    """A byte in the middle of the partition's first segment; returns how to mend it."""
    segment = sorted((plant.data / f"log/p{partition:04d}").glob("*.seg"))[0]
    whole = segment.read_bytes()
    at = len(whole) // 2
    segment.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1:])
    return lambda: segment.write_bytes(whole)


def test_a_damaged_record_stops_its_partition_alone(plant):
    """Other partitions are derived; the list says which one stands and why; with its segment restored it goes on."""
    lines = [HEADER]
    for meter in range(64):
        lines += [f"M{meter},load,2026-03-01T{hour:02d}:00:00Z,{meter},kWh,interval,1h" for hour in range(1, 24)]
    plant.ingest(plant.file("all.csv", "\n".join(lines) + "\n"))
    shutil.rmtree(plant.data / "store")  # to be derived again, from the log
    (plant.data / "registry.db").unlink()
    sizes = {partition: sum(path.stat().st_size for path in (plant.data / f"log/p{partition:04d}").glob("*.seg")) for partition in range(8)}
    mend = damage(plant, max(sizes, key=sizes.get))
    damaged = max(sizes, key=sizes.get)

    stopped = plant.run("worker", "--stage", "derive", "--idle-exit", "1", expect=4)
    assert "BB-3002" in stopped.err
    derived = len(plant.list("channels"))
    assert 0 < derived < 64, "the others went on"
    with Server(plant) as server:
        standing, = dead(server)["standing"]
        assert (standing["partition"], standing["code"]) == (damaged, "BB-3002")
        assert str(plant.data) not in str(dead(server)), "where it lies is nobody's business here"
        assert any("BB-3002" in line for line in server.lines) or wait_until(lambda: any("BB-3002" in line for line in server.lines))
        assert wait_until(lambda: server.get("/v1/overview").json()["stages"][0]["lag_readings"] > 0)
        posted = server.post(f"{HEADER}\nNEW,load,{datetime.date.today()}T00:00:00Z,1,kWh,interval,1h\n", query="wait=derived&timeout=1s")
        assert posted.status in (200, 202)
    mend()
    plant.run("worker", "--stage", "derive", "--idle-exit", "1", expect=0)
    assert len(plant.list("channels")) >= 64
    with Server(plant) as server:
        assert dead(server)["standing"] == []


LOCAL = f"{HEADER}\nA,load,2026-03-01T01:00:00,1.5,kWh,interval,1h\nA,load,2026-03-01T02:00:00,2.5,kWh,interval,1h\n"
MIXED = f"{HEADER}\nB,load,2026-03-01T01:00:00Z,1,kWh,interval,1h\nB,load,2026-03-01T02:00:00Z,n/a,kWh,interval,1h\n"


def test_the_command_line_lists_what_the_server_does(plant):
    plant.ingest(plant.file("local.csv", LOCAL), expect=1)
    plant.run("ingest", "--partial", plant.file("mixed.csv", MIXED), expect=1)
    plant.ingest(plant.file("good.csv", MIXED.replace("n/a", "2").replace("B,", "G,")))
    alone = {name: plant.list(name, *more) for name, more in (("files", ()), ("dead-letters", ()))}
    with Server(plant) as server:
        assert alone["files"] == server.get("/v1/files").json()["items"] and len(alone["files"]) == 3
        assert alone["dead-letters"] == dead(server)["items"] and len(alone["dead-letters"]) == 2
        id_ = next(row["id"] for row in alone["dead-letters"] if row["state"] == "refused")
        replay(server, id_, "?zone=UTC")
        assert plant.list("dead-letters", "--all") == dead(server, "?state=all")["items"], "beside a server, too"
        assert plant.list("dead-letters") == dead(server)["items"] and len(dead(server)["items"]) == 1
    assert plant.run("--tenant", "other", "--json", "list", "dead-letters", expect=0).out.strip() == "[]"
    table = plant.run("list", "dead-letters", expect=0).out
    assert "mixed.csv" in table and "line 3: BB-" in table, "people are told why"
    lines = plant.run("list", "dead-letters", "--format", "csv", expect=0).out.splitlines()
    assert lines[0] == "id,source,received,state,readings,rejected,bytes,replayed,errors" and len(lines) == 2


@pytest.mark.parametrize("is_served", [False, True])
def test_the_command_line_replays(plant, is_served):
    """Alone and through a server: refused as before, read with a zone, known from then on; and who did it is kept."""
    local = plant.file("local.csv", LOCAL)
    plant.ingest(local, expect=1)
    letter, = plant.list("dead-letters")
    server = Server(plant).start() if is_served else None
    try:
        assert "BB-1007" in plant.run("replay", letter["id"], expect=1).err
        done = json.loads(plant.run("--json", "replay", letter["id"], "--zone", "Europe/Amsterdam", "--by", "Kim", expect=0).out)
        assert (done["files"], done["readings"], done["accepted"], done["rejected"]) == (1, 2, 2, 0)
        again = json.loads(plant.run("--json", "replay", letter["id"], "--zone", "Europe/Amsterdam", expect=0).out)
        assert (again["files_skipped"], again["readings"]) == (1, 0), "nothing twice"
        assert values(plant, "A") == [("2026-03-01T00:00:00Z", "1.5"), ("2026-03-01T01:00:00Z", "2.5")]
        assert plant.list("dead-letters") == []
        assert {row["source"] for row in plant.list("files")} == {str(local)}, "under the name it came by"
        entry = next(row for row in plant.list("audit") if row["who"] == "Kim")
        assert (entry["verb"], entry["outcome"]) == ("replay", "done") and letter["id"] in entry["subject"]
        local.write_text("something else\n")
        assert "BB-2032" in plant.run("replay", letter["id"]).err
        for unknown in ("0123456789abcdef", "nonsense", "--zone"):
            assert plant.run("replay", unknown).code == (2 if unknown == "--zone" else 1), unknown
    finally:
        if server:
            server.stop()


def test_a_dropped_file_is_replayed_with_the_drop_folders_map(plant):
    drop = plant.folder / "drop"
    (drop / "failed").mkdir(parents=True)
    plant.data.mkdir()
    wrong = plant.file("map.yaml", MAP.replace("column: when", "column: whem"))
    (plant.data / "busbar.yaml").write_text(f"drop: {{folder: {drop}, quiet: 200ms, map: {wrong}}}\n")
    with Server(plant):
        (drop / "odd.csv").write_text("when;meter;amount\n01-03-2026 01:00;M;1\n")
        assert wait_until(lambda: (drop / "failed/odd.csv").exists())
    letter, = plant.list("dead-letters")
    plant.run("replay", letter["id"], expect=1)
    wrong.write_text(MAP)
    plant.run("replay", letter["id"], expect=0)
    assert [value for _, value in values(plant, "M")] == ["1"]
