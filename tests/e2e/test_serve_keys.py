"""Who may do what: keys, tenants, addresses."""

import http.client
import json
import socket
import ssl
import subprocess
import time

import pytest
from server import Server, readings


def make_key(plant, role, *arguments, tenant="default"):
    return plant.run("--tenant", tenant, "--json", "keys", "create", "--role", role, *arguments, expect=0).json()["key"]


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


def test_keys_are_shown_once_and_listed(plant):
    key = make_key(plant, "ing", "--label", "head-end")
    assert key.startswith("bb_ing_")
    listed = plant.run("--json", "keys", "list", expect=0).json()
    assert [(k["role"], k["label"], k["state"]) for k in listed] == [("ing", "head-end", "valid")]
    assert listed[0]["id"] in key and key not in plant.run("keys", "list").out
    stored = (plant.data / "registry.db").read_bytes()
    assert key.encode() not in stored and key[7:39].encode() not in stored, "only its hash is kept"
    plant.run("keys", "revoke", listed[0]["id"], expect=0)
    assert plant.run("--json", "keys", "list").json()[0]["state"] == "revoked"
    outcome = plant.run("keys", "revoke", "nobody12", expect=1)
    assert "BB-6024" in outcome.err
    plant.run("keys", "create", expect=2)


def test_without_keys_the_loopback_is_open_and_says_so(plant):
    with Server(plant) as server:
        assert any("none: whoever reaches it may do all" in line for line in server.lines)
        assert server.post(readings(1)).status == 200


def test_with_keys_one_is_needed(plant):
    ingest, read, admin = (make_key(plant, role) for role in ("ing", "ro", "adm"))
    with Server(plant) as server:
        refused = server.post(readings(1))
        assert (refused.status, refused.code) == (401, "BB-6004")
        assert refused.headers["WWW-Authenticate"].startswith("Bearer")
        assert refused.counts() == (0, 0, 0)
        assert server.post(readings(1), **bearer(ingest)).status == 200
        assert server.post(readings(1), **bearer(admin)).status == 200
        forbidden = server.post(readings(1), **bearer(read))
        assert (forbidden.status, forbidden.code) == (403, "BB-6006")
        assert server.get("/livez").status == 200, "probes need no key"
        for wrong in (ingest[:-1] + ("0" if ingest[-1] != "0" else "1"), "bb_ing_x", "nonsense", "", ingest.replace("bb_ing", "bb_adm")):
            answer = server.post(readings(1), **bearer(wrong))
            assert (answer.status, answer.code) == (401, "BB-6005"), wrong
        assert server.post(readings(1), Authorization="Basic Zm9vOmJhcg==").status == 401


def test_keys_change_while_it_serves(plant):
    with Server(plant) as server:
        assert server.post(readings(1)).status == 200
        key = make_key(plant, "ing")
        assert server.post(readings(1), **bearer(key)).status == 200, "at once"
        time.sleep(1.2)
        assert server.post(readings(1)).status == 401, "from the first key on"
        plant.run("keys", "revoke", key, expect=0)
        time.sleep(1.2)
        assert server.post(readings(1), **bearer(key)).status == 401
        assert plant.run("keys", "create", "--role", "ing", "--valid", "1s", expect=0)


def test_an_expired_key(plant):
    key = make_key(plant, "ing", "--valid", "1s")
    with Server(plant) as server:
        time.sleep(1.2)
        answer = server.post(readings(1), **bearer(key))
        assert (answer.status, answer.code) == (401, "BB-6005")


def test_the_tenant_is_the_keys(plant):
    north, south = make_key(plant, "ing", tenant="north"), make_key(plant, "ing", tenant="south")
    with Server(plant) as server:
        for key, value in ((north, "1"), (south, "2")):
            answer = server.post(readings(1, value=value), "wait=derived", Idempotency_Key="same", **bearer(key))
            assert answer.counts() == (1, 0, 0), answer
        for tenant, value in (("north", "1"), ("south", "2")):
            assert [row["value"] for row in plant.query("A", "--tenant", tenant)] == [value]
        assert server.post(readings(1), "tenant=north", **bearer(south)).status == 400, "no parameter can name one"


def test_names_of_other_hosts_are_refused_without_keys(plant):
    with Server(plant) as server:
        answer = server.post(readings(1), Host="evil.example")
        assert (answer.status, answer.code) == (421, "BB-6015")
        assert server.post(readings(1), Host=f"localhost:{server.port}").status == 200


def test_the_plants_own_socket_needs_no_key(plant):
    make_key(plant, "adm")
    with Server(plant):
        connection = http.client.HTTPConnection("plant")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(str(plant.data / "busbar.sock"))
        connection.request("POST", "/v1/readings", readings(1).encode(), {"Content-Type": "text/csv"})
        assert json.load(connection.getresponse())["accepted"] == 1


@pytest.mark.parametrize("arguments,says", [((), "neither keys"), (("key",), "no TLS")])
def test_elsewhere_it_wants_keys_and_tls(plant, arguments, says):
    if arguments:
        make_key(plant, "ro")
    outcome = plant.run("serve", "--port", "0", "--listen", "0.0.0.0", expect=3)
    assert "BB-6021" in outcome.err and says in outcome.err
    with Server(plant, "--listen", "0.0.0.0", "--insecure") as server:
        assert server.url.startswith("http://0.0.0.0")


def test_addresses_that_are_none(plant):
    assert "BB-6020" in plant.run("serve", "--port", "0", "--listen", "here", expect=3).err
    plant.run("serve", "--port", "70000", expect=2)


def test_tls(plant):
    certificate, key = plant.folder / "cert.pem", plant.folder / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                    "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)],
                   check=True, capture_output=True)
    plant.data.mkdir()
    (plant.data / "busbar.yaml").write_text(f"http:\n  tls:\n    certificate: {certificate}\n    key: {key}\n")
    secret = make_key(plant, "ing")
    with Server(plant, "--listen", "0.0.0.0") as server:
        assert server.url.startswith("https://")
        trust = ssl.create_default_context(cafile=certificate)
        connection = http.client.HTTPSConnection("localhost", server.port, timeout=30, context=trust)
        connection.request("POST", "/v1/readings", readings(4).encode(), {"Content-Type": "text/csv", **bearer(secret)})
        assert json.load(connection.getresponse())["accepted"] == 4
    key.write_text("nothing")
    assert "BB-6022" in plant.run("serve", "--port", "0", expect=3).err
