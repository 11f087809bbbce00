"""The rights matrix: every route of the description, asked with every kind of credential, gives exactly the code it should."""

import json
import time

import pytest
from conftest import Plant, quarter_hours
from issuer import Key, configure, key_set, token
from server import Server
from test_serve_keys import bearer, make_key

AT = "2026-03-01T00:15:00Z"
# What a request needs so that nothing but its rights decides.
VALUES = {"usage_point": "A", "channel": "1-1:1.29.0", "at": AT, "code": "BB-1004", "group": "-", "query": "busbar_energy_kilowatt_hours", "start": AT, "end": AT,
          "step": "15", "match[]": "busbar_energy_kilowatt_hours", "name": "usage_point", "letter": "d1"}
BODIES = {
    "/v1/readings": (quarter_hours(["0.125"]), "text/csv"),
    "/v1/edits": (json.dumps({"usage_point": "A", "channel": "1-1:1.29.0", "at": AT, "value": "0.5", "reason": "matrix"}), "application/json"),
    "/v1/registry": ("groups: [{name: matrix, expression: 'district = north'}]", "application/yaml"),
    "/v1/rules/usage_point/rollback": (json.dumps({"reason": "matrix"}), "application/json"),
    "/v1/rules/backtest": (json.dumps({"rule": "nobody"}), "application/json"),
    "/v1/rules": (json.dumps({"rule": "nobody", "reason": "matrix"}), "application/json"),
    "/v1/exceptions": (json.dumps({"action": "accept", "ids": [999999], "reason": "matrix"}), "application/json"),
}
# What a route answers to who may ask it, where that is not 200.
ANSWERS = {("post", "/v1/exceptions"): 404, ("post", "/v1/rules/{name}/rollback"): 404, ("get", "/v1/rules/{name}"): 404, ("post", "/v1/rules"): 404,
           ("post", "/v1/rules/backtest"): 404, ("get", "/v1/dead-letters/{letter}"): 404,
           ("post", "/v1/dead-letters/{letter}/replay"): 404, ("post", "/v1/dead-letters/{letter}/drop"): 404}
ALLOWED = {"none": {"ing", "ro", "adm", None}, "any": {"ing", "ro", "adm"}, "ingest": {"ing", "adm"}, "read": {"ro", "adm"}, "admin": {"adm"}}


def tokens(plant):
    """What people show, by kind: one per role, of another tenant, and such as nobody should take."""
    rsa, ec = Key("rsa", "RS256"), Key("ec", "ES256")
    jwks = plant.folder / "keys.json"
    jwks.write_text(key_set(rsa, ec))
    configure(plant, jwks)
    now = int(time.time())
    good = token(rsa)
    return {
        **{f"token {role}": token(ec, roles=[f"busbar-{role}"]) for role in ("ing", "ro", "adm")},
        "token other": token(rsa, tenant="other"),
        "token expired": token(rsa, exp=now - 3600),
        "token early": token(rsa, nbf=now + 3600),
        "token audience": token(rsa, aud="others"),
        "token issuer": token(rsa, iss="https://id.example/realms/other"),
        "token signature": good[:-8] + ("AAAAAAAA" if good[-8:] != "AAAAAAAA" else "BBBBBBBB"),
        "token stranger": token(Key("stranger", "ES256")),
        "token roles": token(rsa, roles=["admin"]),
        "token tenant": token(rsa, tenant=None),
    }


@pytest.fixture(scope="module")
def keyed(tmp_path_factory):
    """A plant of two tenants with keys of all kinds."""
    plant = Plant(tmp_path_factory.mktemp("rights"))
    plant.ingest(plant.file("own.csv", quarter_hours(["0.125"] * 4)))
    plant.run("--tenant", "other", "ingest", plant.file("other.csv", quarter_hours(["7"] * 4, usage_point="SECRET")), expect=0)
    keys = {role: make_key(plant, role) for role in ("ing", "ro", "adm")}
    keys["other"] = make_key(plant, "adm", tenant="other")
    keys["revoked"] = make_key(plant, "adm", "--label", "revoked")
    revoked = next(key["id"] for key in plant.run("--json", "keys", "list", expect=0).json() if key["label"] == "revoked")
    plant.run("keys", "revoke", revoked, expect=0)
    keys["expired"] = make_key(plant, "adm", "--valid", "1s")
    keys |= tokens(plant)
    with Server(plant) as server:
        time.sleep(1.5)
        server.keys = keys
        VALUES["file"] = server.get("/v1/files", **bearer(keys["adm"])).json()["items"][0]["id"]
        server.operations = [(method, path, operation) for path, methods in server.get("/v1/openapi.json").json()["paths"].items()
                             for method, operation in methods.items()]
        yield server


def request(server, method, path, operation, key, **values):
    values = {**VALUES, **values}
    query = []
    for parameter in operation["parameters"]:
        if parameter["in"] == "path":
            path = path.replace("{" + parameter["name"] + "}", values[parameter["name"]])
        elif parameter["required"]:
            query.append(f"{parameter['name']}={values[parameter['name']]}")
    body, kind = BODIES.get(path, ("", "application/octet-stream")) if "requestBody" in operation else (None, None)
    headers = bearer(server.keys[key]) if key else {}
    if kind:
        headers["Content_Type"] = kind
    return server.request(method.upper(), path + ("?" + "&".join(query) if query else ""), body=body, **headers)


@pytest.mark.parametrize("key", ["ing", "ro", "adm", "token ing", "token ro", "token adm", None])
def test_roles(keyed, key):
    for method, path, operation in keyed.operations:
        answer = request(keyed, method, path, operation, key)
        if (key and key.removeprefix("token ")) in ALLOWED[operation["x-right"]]:
            expected = ANSWERS.get((method, path), 200)
        else:
            expected = 401 if key is None else 403
        assert answer.status == expected, (method, path, answer)
        if expected >= 400:
            # what speaks Prometheus's API tells errors in its form
            kind = "application/json" if path.startswith("/api/v1/") else "application/problem+json"
            assert answer.headers["Content-Type"] == kind and answer.code.startswith("BB-")


@pytest.mark.parametrize("key", ["revoked", "expired"])
def test_keys_that_are_no_more(keyed, key):
    for method, path, operation in keyed.operations:
        answer = request(keyed, method, path, operation, key)
        if operation["x-right"] == "none":
            assert answer.status == 200, (method, path, answer)
        else:
            assert (answer.status, answer.code) == (401, "BB-6005"), (method, path, answer)


@pytest.mark.parametrize("key, status, code", [
    ("token expired", 401, "BB-6041"), ("token early", 401, "BB-6041"), ("token audience", 401, "BB-6042"), ("token issuer", 401, "BB-6040"),
    ("token signature", 401, "BB-6040"), ("token stranger", 401, "BB-6043"), ("token roles", 403, "BB-6044"), ("token tenant", 403, "BB-6044")])
def test_tokens_that_give_nothing(keyed, key, status, code):
    for method, path, operation in keyed.operations:
        answer = request(keyed, method, path, operation, key)
        if operation["x-right"] == "none":
            assert answer.status == 200, (method, path, answer)
        else:
            assert (answer.status, answer.code) == (status, code), (method, path, answer)


def without_own(answer):
    """What differs only because another name was asked for."""
    return {name: value for name, value in answer.json().items() if name != "detail"}


@pytest.mark.parametrize("own", ["adm", "token adm"])
def test_another_tenants_usage_point_is_unknown(keyed, own):
    """Not even that it exists can be told from an answer."""
    asked = 0
    for method, path, operation in keyed.operations:
        if method != "get" or not any(parameter["name"] == "usage_point" for parameter in operation["parameters"]):
            continue
        query = "" if "{usage_point}" in path else "&".join(
            f"{parameter['name']}={VALUES[parameter['name']]}" for parameter in operation["parameters"]
            if parameter["required"] and parameter["name"] != "usage_point")
        def ask(name):
            where = path.replace("{usage_point}", name)
            more = query if "{usage_point}" in path else f"usage_point={name}&{query}".rstrip("&")
            return keyed.get(where + (f"?{more}" if more else ""), **bearer(keyed.keys[own]))
        theirs, nobodys = ask("SECRET"), ask("NOBODY")
        assert theirs.status == nobodys.status, path
        assert without_own(theirs) == without_own(nobodys), path
        if theirs.status == 404:
            assert theirs.json()["detail"].replace("SECRET", "NOBODY") == nobodys.json()["detail"]
        else:
            assert theirs.json()["items"] == [], path
        asked += 1
    assert asked >= 6


@pytest.mark.parametrize("kind", ["", "token "])
def test_lists_hold_the_own_tenant_alone(keyed, kind):
    for method, path, operation in keyed.operations:
        if method == "get" and operation["x-right"] == "read":
            own = request(keyed, method, path, operation, kind + "adm")
            assert b"SECRET" not in own.body and b"other" not in own.body, path
    for route in ("usage-points", "channels"):
        theirs = keyed.get(f"/v1/{route}", **bearer(keyed.keys[kind + "other"])).json()["items"]
        assert [row["usage_point"] for row in theirs] == ["SECRET"]


@pytest.mark.parametrize("key", ["other", "token other"])
def test_another_tenant_does_not_see_the_servers_log(keyed, key):
    """Its lines may name anybody's files: they are for the tenant that runs the server."""
    answer = keyed.get("/v1/log", **bearer(keyed.keys[key]))
    assert (answer.status, answer.code) == (403, "BB-6006") and b"items" not in answer.body


@pytest.mark.parametrize("key", ["other", "token other"])
def test_another_tenant_cannot_change_it(keyed, key):
    edit = json.loads(BODIES["/v1/edits"][0])
    answer = keyed.request("POST", "/v1/edits", body=json.dumps(edit), Content_Type="application/json", **bearer(keyed.keys[key]))
    assert (answer.status, answer.code) == (404, "BB-2002")


def test_who_one_is(keyed):
    for key, role in (("ing", "ingest"), ("ro", "reader"), ("adm", "admin")):
        me = keyed.get("/v1/me", **bearer(keyed.keys[key])).json()
        assert me["tenant"] == "default" and me["role"] == role and me["name"].startswith(f"key bb_{key}_")
    assert keyed.get("/v1/me", **bearer(keyed.keys["other"])).json()["tenant"] == "other"


def test_an_edit_names_its_key(keyed):
    body = {**json.loads(BODIES["/v1/edits"][0]), "value": "0.75"}
    told = keyed.request("POST", "/v1/edits", body=json.dumps(body), Content_Type="application/json", **bearer(keyed.keys["adm"])).json()
    assert told["by"].startswith("key bb_adm_") and told["new"]["value"] == 0.75
