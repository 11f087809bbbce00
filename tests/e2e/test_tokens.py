"""People sign in: tokens of an issuer, their keys, what is refused and what the refusal says."""

import json
import time

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from issuer import Key, KeyServer, claims, configure, encode, hmac_token, key_set, token, unsigned_token
from server import Server, readings, wait_until
from test_serve_keys import bearer, make_key

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]


@pytest.fixture(scope="module")
def keys():
    return {algorithm: Key(f"key {algorithm}", algorithm) for algorithm in ALGORITHMS}


@pytest.fixture
def served(plant, keys):
    jwks = plant.folder / "keys.json"
    jwks.write_text(key_set(*keys.values(), {"kty": "oct", "kid": "secret", "k": encode(b"secret" * 8)}, {"kty": "RSA", "kid": "half"}))
    configure(plant, jwks)
    with Server(plant) as server:
        yield server


def ask(server, text, path="/v1/me"):
    return server.get(path, **bearer(text))


def test_every_algorithm(served, keys):
    for key in keys.values():
        me = ask(served, token(key))
        assert me.status == 200, (key.algorithm, me)
        assert me.json() == {"tenant": "default", "role": "admin", "name": "Ada Lovelace (oidc 248289)"}
        assert ask(served, token(key, header={"kid": None})).status == 200, "the key is found by its type"


def refused(server, text, status, code, error="invalid_token"):
    answer = ask(server, text)
    assert (answer.status, answer.code) == (status, code), answer
    challenge = answer.headers["WWW-Authenticate"]
    assert challenge.startswith(f'Bearer realm="busbar", error="{error}", error_description="{code} '), challenge
    assert all(word not in answer.body.decode() + challenge for word in ("Ada", "248289", "id.example", "busbar-city")), "nothing of it is repeated"


def test_nobody_is_let_in_without(served):
    answer = served.get("/v1/me")
    assert (answer.status, answer.code, answer.headers["WWW-Authenticate"]) == (401, "BB-6004", 'Bearer realm="busbar"')
    assert served.get("/livez").status == 200


def test_signatures_that_are_none(served, keys):
    key, other = keys["RS256"], keys["ES256"]
    good = token(key)
    head, body, signature = good.split(".")
    refused(served, f"{head}.{encode(claims(roles=['busbar-adm'], sub='evil'))}.{signature}", 401, "BB-6040")
    refused(served, f"{head}.{body}.{encode(b'0' * 256)}", 401, "BB-6040")
    refused(served, f"{head}.{body}.", 401, "BB-6040")
    refused(served, f"{head}.{body}", 401, "BB-6040")
    refused(served, f"{good}.{signature}", 401, "BB-6040")
    refused(served, good + "=", 401, "BB-6040")
    refused(served, unsigned_token(), 401, "BB-6040")
    refused(served, unsigned_token() + "AA", 401, "BB-6040")
    pem = key.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    refused(served, hmac_token(pem, key.kid), 401, "BB-6040")
    refused(served, hmac_token(b"secret" * 8, "secret"), 401, "BB-6040")
    refused(served, token(key, header={"crit": ["exp"]}), 401, "BB-6040")
    refused(served, token(key, header={"alg": "PS256"}), 401, "BB-6040")
    refused(served, token(other, header={"kid": key.kid}), 401, "BB-6043")
    refused(served, token(Key(key.kid)), 401, "BB-6040")
    refused(served, token(Key("another")), 401, "BB-6043")
    zeros = f"{encode({'alg': 'ES256', 'kid': other.kid})}.{encode(claims())}"
    refused(served, f"{zeros}.{encode(bytes(64))}", 401, "BB-6040")
    refused(served, token(key, filler="x" * 20000), 401, "BB-6040")


def test_a_key_that_was_made_for_one_algorithm(plant):
    key = Key("one", "RS256")
    jwks = plant.folder / "keys.json"
    jwks.write_text(key_set(key.public(alg="RS256")))
    configure(plant, jwks)
    with Server(plant) as server:
        assert ask(server, token(key)).status == 200
        key.algorithm = "PS256"
        refused(server, token(key), 401, "BB-6043")


def test_times(served, keys):
    key, now = keys["EdDSA"], time.time()
    assert ask(served, token(key, exp=int(now) - 30)).status == 200, "a minute of leeway"
    assert ask(served, token(key, nbf=now + 30, iat=now + 30)).status == 200
    refused(served, token(key, exp=int(now) - 90), 401, "BB-6041")
    refused(served, token(key, nbf=int(now) + 90), 401, "BB-6041")
    refused(served, token(key, iat=int(now) + 90), 401, "BB-6041")
    for wrong in (None, "tomorrow", -1, 1e300, [], True):
        refused(served, token(key, exp=wrong), 401, "BB-6040")
    refused(served, token(key, nbf="now"), 401, "BB-6040")


def test_who_it_is_for(served, keys):
    key = keys["ES256"]
    assert ask(served, token(key, aud=["others", "busbar-city"])).status == 200
    for wrong in ("others", ["others"], [], None, "busbar-city2", {"busbar-city": 1}):
        refused(served, token(key, aud=wrong), 401, "BB-6042")
    for wrong in ("https://id.example/realms/other", None, ["https://id.example/realms/city"]):
        refused(served, token(key, iss=wrong), 401, "BB-6040")


def test_tenants_and_roles(served, keys):
    key = keys["ES256"]
    assert ask(served, token(key, tenant="other")).json()["tenant"] == "other"
    assert ask(served, token(key, tenant=["other"])).json()["tenant"] == "other"
    for wrong in (None, "", ["a", "b"], 7, "x" * 65, "a\nb"):
        refused(served, token(key, tenant=wrong), 403, "BB-6044", "insufficient_scope")
    for wrong in (None, [], "", ["admin"], ["busbar-adm2"], [7], {"busbar-adm": 1}):
        refused(served, token(key, roles=wrong), 403, "BB-6044", "insufficient_scope")
    refused(served, token(key, sub=None), 403, "BB-6044", "insufficient_scope")
    assert ask(served, token(key, roles=["x", "busbar-ro"])).json()["role"] == "reader"
    assert ask(served, token(key, roles="openid busbar-ing")).json()["role"] == "ingest"
    both = token(key, roles=["busbar-ing", "busbar-ro"])
    assert served.post(readings(1), **bearer(both)).status == 200
    assert ask(served, both, "/v1/usage-points").status == 200
    assert served.post(readings(1), **bearer(token(key, roles=["busbar-ro"]))).code == "BB-6006"


def test_names_are_made_harmless(served, keys):
    name = ask(served, token(keys["ES256"], name="key bb_adm_12345678: a\nb", sub="1:2")).json()["name"]
    assert name == "key bb_adm_12345678  a b (oidc 1 2)"
    assert ask(served, token(keys["ES256"], name="é" * 100)).json()["name"] == "é" * 40 + " (oidc 248289)"
    assert ask(served, token(keys["ES256"], name=None, preferred_username="ada")).json()["name"] == "ada (oidc 248289)"
    assert ask(served, token(keys["ES256"], name=None)).json()["name"] == "248289 (oidc 248289)"


def test_an_edit_names_the_person(served, keys):
    text = token(keys["PS256"])
    assert served.post(readings(1), query="wait=derived", **bearer(text)).status == 200
    body = {"usage_point": "A", "channel": "1-1:1.29.0", "at": "2026-03-01T00:15:00Z", "value": "0.5", "reason": "read off"}
    told = served.request("POST", "/v1/edits", body=json.dumps(body), Content_Type="application/json", **bearer(text))
    assert told.status == 200 and told.json()["by"] == "Ada Lovelace (oidc 248289)", told


def test_keys_work_beside_tokens(plant, keys):
    own = make_key(plant, "ro")
    jwks = plant.folder / "keys.json"
    jwks.write_text(key_set(keys["ES256"]))
    configure(plant, jwks)
    with Server(plant) as server:
        assert ask(server, own).status == ask(server, token(keys["ES256"])).status == 200
        assert ask(server, own[:-1]).code == "BB-6005"


def test_claims_and_roles_as_the_issuer_has_them(plant, keys):
    jwks = plant.folder / "keys.json"
    jwks.write_text(key_set(keys["ES256"]))
    configure(plant, jwks, more="    tenant: city\n    claims: {tenant: 'https://id.example/tenant', roles: realm_access.roles, name: profile.shown}\n"
                                "    roles: {adm: '{tenant}-admin', ro: readers, ing: ''}\n")
    with Server(plant) as server:
        def me(**changes):
            return ask(server, token(keys["ES256"], **{"tenant": "ignored", "roles": ["busbar-adm"], **changes}))
        assert me().status == 403
        shown = me(realm_access={"roles": ["city-admin"]}, profile={"shown": "Ada"}).json()
        assert shown == {"tenant": "city", "role": "admin", "name": "Ada (oidc 248289)"}
        assert me(realm_access={"roles": ["other-admin", "-admin", ""]}).status == 403, "a role of another tenant, and none"
        other = me(**{"realm_access": {"roles": ["other-admin", "readers"]}, "https://id.example/tenant": "other"}).json()
        assert (other["tenant"], other["role"]) == ("other", "admin")


def test_rotation_of_keys_at_an_address(plant):
    old, new = Key("2025", "ES256"), Key("2026", "ES256")
    with KeyServer(key_set(old)) as address:
        configure(plant, address.url)
        with Server(plant) as server:
            assert wait_until(lambda: ask(server, token(old)).status == 200, seconds=15)
            assert ask(server, token(new)).code == "BB-6043"
            address.text = key_set(old, new)
            assert wait_until(lambda: ask(server, token(new)).status == 200, seconds=15), "asked for again in the background"
            assert ask(server, token(old)).status == 200
            asked = address.asked
            begin = time.monotonic()
            stranger = token(Key("stranger", "ES256"))
            while time.monotonic() < begin + 7:
                assert ask(server, stranger).code == "BB-6043"
            assert address.asked - asked <= 2, "however many strangers come"
            address.status = 500
            time.sleep(6)
            assert ask(server, stranger).code == "BB-6043"
            assert ask(server, token(new)).status == 200, "the keys at hand stay"
            address.status, address.text = 200, "{}"
            assert wait_until(lambda: any("BB-6045" in line or "BB-6046" in line for line in server.lines), seconds=15)
            assert ask(server, token(new)).status == 200
            address.text = key_set(new)
            assert wait_until(lambda: ask(server, token(old)).code == "BB-6043", seconds=15), "what the issuer takes back"


def test_an_address_that_does_not_answer_holds_nothing_up(plant):
    own = make_key(plant, "ro")
    configure(plant, "http://127.0.0.1:1/keys")
    with Server(plant) as server:
        assert ask(server, own).status == 200
        assert ask(server, token(Key("a", "ES256"))).code == "BB-6043"
        assert wait_until(lambda: any("BB-6046" in line for line in server.lines))


@pytest.mark.parametrize("jwks, code", [
    ("http://id.example/keys", "BB-4001"), ("http://127.0.0.1@id.example/", "BB-4001"), ("ftp://id.example/keys", "BB-4001"),
    ("http://127.0.0.1.id.example/", "BB-4001"), ("absent.json", "BB-6045"), ("bad.json", "BB-6045"), ("weak.json", "BB-6045"), ('""', "BB-4001")])
def test_it_does_not_start_with(plant, jwks, code):
    (plant.folder / "bad.json").write_text("{]")
    (plant.folder / "weak.json").write_text(key_set(Key("weak", "RS256", bits=1024)))
    configure(plant, jwks if "/" in jwks or jwks == '""' else plant.folder / jwks)
    outcome = plant.run("serve", "--port", "0", "--workers", "0", expect=3)
    assert code in outcome.err
