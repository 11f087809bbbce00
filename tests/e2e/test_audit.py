"""The audit log: every change by anyone has an entry, whoever asks and however it ends."""

import json
import os
import signal
import socket
import sqlite3
import threading
import time

import pytest
from conftest import quarter_hours
from issuer import Key, configure, key_set, token
from server import Server, wait_until
from test_serve_keys import bearer, make_key

AT = "2026-03-01T00:15:00Z"
EDIT = {"usage_point": "A", "channel": "1-1:1.29.0", "at": AT, "value": "0.5", "reason": "read off the display"}


def audit(plant, *arguments, tenant="default"):
    return plant.run("--json", "--tenant", tenant, "list", "audit", *arguments, expect=0).json()


def post(server, path, body, **headers):
    return server.request("POST", path, body=json.dumps(body), Content_Type="application/json", **headers)


def chain_holds(plant):
    outcome = plant.run("check", expect=0)
    assert "audit log" in outcome.out
    return outcome


def test_the_command_line(plant):
    plant.ingest(plant.file("a.csv", quarter_hours(["0.125"] * 4)))
    assert audit(plant) == [], "readings are the ledger's"
    plant.run("edit", "--usage-point", "A", "--channel", "1-1:1.29.0", "--at", AT, "--value", "0.5", "--reason", "read off", "--by", "Ada", expect=0)
    plant.run("registry", "apply", plant.file("r.yaml", "usage_points:\n  - {name: A, customer: Jansen}\n"), expect=0)
    key = make_key(plant, "ro", "--label", "grafana")
    plant.run("keys", "revoke", key, expect=0)
    plant.run("tick", "--at", "2026-03-03T00:00:00Z", expect=0)
    plant.run("exceptions", "accept", "99", "--reason", "known", expect=1)
    entries = audit(plant)
    assert [(e["verb"], e["outcome"]) for e in reversed(entries)] == [
        ("edit", "done"), ("registry apply", "done"), ("keys create", "done"), ("keys revoke", "done"), ("tick", "done"), ("exceptions", "done")]
    edit = entries[-1]
    assert edit["who"] == "Ada" and edit["credential"] == f"uid {os.getuid()}" and edit["origin"] == "command line"
    assert edit["subject"] == f"usage_point=A channel=1-1:1.29.0 at={AT} value=0.5" and edit["reason"] == "read off"
    assert "Jansen" not in json.dumps(entries), "what is applied is not repeated"
    assert key not in json.dumps(entries) and "grafana" in entries[3]["subject"]
    assert [e["verb"] for e in audit(plant, "--what", "keys")] == ["keys revoke", "keys create"]
    assert audit(plant, "--who", "ada") == [edit]
    assert audit(plant, "--to", entries[0]["at"], "--what", "tick") != [] or entries[0]["at"] == entries[1]["at"]
    assert audit(plant, "--from", "2100-01-01T00:00:00Z") == []
    assert audit(plant, tenant="other") == []
    chain_holds(plant)


def test_over_http(plant):
    person = Key("one", "ES256")
    jwks = plant.folder / "keys.json"
    jwks.write_text(key_set(person))
    configure(plant, jwks)
    plant.ingest(plant.file("a.csv", quarter_hours(["0.125"] * 4)))
    admin, reader, other = make_key(plant, "adm"), make_key(plant, "ro"), make_key(plant, "adm", tenant="other")
    with Server(plant) as server:
        assert post(server, "/v1/edits", EDIT, X_Request_Id="trace-17", **bearer(token(person))).headers["X-Request-Id"] == "trace-17"
        made = post(server, "/v1/edits", {**EDIT, "value": 0.75}, X_Request_Id="bad id\x7f"[:6], **bearer(admin))
        assert made.status == 200 and len(made.headers["X-Request-Id"]) == 16
        assert post(server, "/v1/edits", {**EDIT, "usage_point": "NONE"}, **bearer(admin)).status == 404
        assert post(server, "/v1/exceptions", {"action": "accept", "ids": [98, 99], "reason": "known"}, **bearer(admin)).status == 404
        for _ in range(3):
            assert post(server, "/v1/edits", EDIT, **bearer(reader)).status == 403
        assert post(server, "/v1/edits", EDIT, Expect="100-continue", **bearer(token(person, roles=["busbar-ro"], sub="7"))).status == 403
        assert post(server, "/v1/edits", EDIT).status == 401
        assert post(server, "/v1/edits", EDIT, **bearer(token(person, exp=1))).status == 401
        assert post(server, "/v1/edits", EDIT, **bearer(other)).status == 404
        page = server.get("/v1/audit", **bearer(admin)).json()
        told = [(e["verb"], e["outcome"], e.get("code")) for e in reversed(page["items"])][2:]
        assert told == [("edit", "done", None), ("edit", "done", None), ("edit", "failed", "BB-2002"), ("exceptions", "failed", "BB-2023"),
                        ("edit", "refused", "BB-6006"), ("edit", "refused", "BB-6006")], told
        first = page["items"][-3]
        assert first["who"] == "Ada Lovelace (oidc 248289)" and first["credential"] == "248289" and first["request"] == "trace-17"
        assert first["origin"] == "127.0.0.1" and first["reason"] == EDIT["reason"]
        assert first["subject"] == f"usage_point=A channel=1-1:1.29.0 at={AT} value=0.5"
        assert page["items"][2]["subject"] == "action=accept ids=98,99"
        assert [e["outcome"] for e in server.get("/v1/audit", **bearer(other)).json()["items"]] == ["failed", "done"], "its own alone"
        assert server.get("/v1/audit", **bearer(reader)).status == 403
        pages, cursor = [], ""
        while cursor is not None:
            answer = server.get("/v1/audit?limit=3" + (f"&cursor={cursor}" if cursor else ""), **bearer(admin)).json()
            pages += answer["items"]
            cursor = answer["next"]
        assert pages == page["items"]
        assert [e["request"] for e in server.get("/v1/audit?who=248289&what=edit", **bearer(admin)).json()["items"]] == ["trace-17"]
        assert server.get(f"/v1/audit?from={pages[0]['at']}&to=4000000000", **bearer(admin)).json()["items"][0] == pages[0]
        assert page["items"] == audit(plant)
    chain_holds(plant)


def test_the_socket(plant):
    plant.ingest(plant.file("a.csv", quarter_hours(["0.125"] * 4)))
    with Server(plant) as server:
        body = json.dumps(EDIT)
        own = socket.socket(socket.AF_UNIX)
        own.connect(str(plant.data / "busbar.sock"))
        own.sendall(f"POST /v1/edits HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        assert b" 200 " in own.recv(100)
        own.close()
        assert server.get("/v1/me").status == 200
    assert [(e["origin"], e["who"]) for e in audit(plant)] == [("socket", "the plant's own socket")]


def test_many_at_once_make_one_chain(plant):
    plant.ingest(plant.file("a.csv", quarter_hours(["0.125"] * 40)))
    with Server(plant) as server:
        def change(value):
            for _ in range(5):
                assert post(server, "/v1/edits", {**EDIT, "value": value}).status in (200, 429)
        threads = [threading.Thread(target=change, args=(i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(audit(plant)) == 20
    chain_holds(plant)


def test_no_change_without_an_entry_when_it_is_killed(plant):
    """Whatever value stands after a kill -9 has an entry; the one under way is told as unfinished or has its outcome."""
    plant.ingest(plant.file("a.csv", quarter_hours(["0.125"] * 4)))
    for round_number in range(3):
        server = Server(plant).start()
        stop, sent = threading.Event(), []

        def change():
            while not stop.is_set():
                value = round_number * 1000 + len(sent) + 1
                sent.append(value)
                try:
                    post(server, "/v1/edits", {**EDIT, "value": value})
                except OSError:
                    return

        thread = threading.Thread(target=change)
        thread.start()
        time.sleep(0.7 + 0.13 * round_number)
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
        stop.set()
        thread.join()
        wait_until(lambda: plant.run("--json", "check").code == 0)
        plant.run("ingest", plant.file("nothing.csv", quarter_hours(["0.125"] * 4)))
        rows = plant.run("query", "--usage-point", "A", "--format", "ndjson", expect=0).out.splitlines()
        stands = next(json.loads(row)["value"] for row in rows if json.loads(row)["end"] == AT)
        entries = audit(plant)
        told = {float(e["subject"].rpartition("value=")[2]): e["outcome"] for e in entries}
        assert stands in told, (stands, entries[:2])
        assert sum(e["outcome"] == "unfinished" for e in entries) <= round_number + 1
        assert len(told) >= len(sent) - 1
    chain_holds(plant)


def test_it_cannot_be_altered_unseen(plant):
    for _ in range(3):
        make_key(plant, "ro")
    with sqlite3.connect(plant.data / "registry.db") as db:
        for statement in ("DELETE FROM audit WHERE sequence = 2", "UPDATE audit SET who = 'nobody' WHERE sequence = 2", "UPDATE audit SET chain = x'00'"):
            with pytest.raises(sqlite3.IntegrityError):
                db.execute(statement)
    chain_holds(plant)
    with sqlite3.connect(plant.data / "registry.db") as db:
        db.execute("DROP TRIGGER audit_stands")
        db.execute("UPDATE audit SET who = 'nobody' WHERE sequence = 2")
    outcome = plant.run("check")
    assert outcome.code != 0 and "BB-6047" in outcome.err and "entry 2" in outcome.err


def test_a_restored_plant_goes_on_with_it(plant):
    make_key(plant, "ro")
    plant.ingest(plant.file("a.csv", quarter_hours(["0.125"] * 4)))
    backup = plant.folder / "backup"
    plant.run("backup", backup, expect=0)
    plant.data = plant.folder / "again"
    plant.run("restore", backup, expect=0)
    assert [e["verb"] for e in audit(plant)] == ["restore", "keys create"]
    chain_holds(plant)


def test_when_it_cannot_be_kept_nothing_is_changed(plant):
    plant.ingest(plant.file("a.csv", quarter_hours(["0.125"] * 4)))
    with Server(plant) as server:
        with sqlite3.connect(plant.data / "registry.db") as db:
            db.execute("CREATE TRIGGER no BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no'); END")
        answer = post(server, "/v1/edits", EDIT)
        assert answer.status == 500 and "no" not in answer.json().get("detail", "")
        rows = server.get("/v1/values?usage_point=A").json()["items"]
        assert rows[0]["value"] == 0.125
