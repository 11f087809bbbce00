"""An issuer of tokens as people sign in with: keys of its own, a key set as a file or over HTTP, and forged tokens."""

import base64
import hashlib
import hmac
import http.server
import json
import threading
import time

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

NAME = "https://id.example/realms/city"
AUDIENCE = "busbar-city"
HASHES = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}
CURVES = {"256": ec.SECP256R1, "384": ec.SECP384R1, "512": ec.SECP521R1}


def encode(data):
    if isinstance(data, dict):
        data = json.dumps(data).encode()
    if isinstance(data, int):
        data = data.to_bytes((data.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Key:
    """A private key for one algorithm."""

    def __init__(self, kid, algorithm="RS256", bits=2048):
        self.kid, self.algorithm = kid, algorithm
        kind, size = algorithm[:2], algorithm[2:]
        if kind in ("RS", "PS"):
            self.private = rsa.generate_private_key(65537, bits)
        elif kind == "ES":
            self.private = ec.generate_private_key(CURVES[size]())
        else:
            self.private = ed25519.Ed25519PrivateKey.generate()

    def public(self, **more):
        """As a member of a key set."""
        public = self.private.public_key()
        if self.algorithm[:2] in ("RS", "PS"):
            numbers = public.public_numbers()
            members = {"kty": "RSA", "n": encode(numbers.n), "e": encode(numbers.e)}
        elif self.algorithm[:2] == "ES":
            numbers, size = public.public_numbers(), (public.curve.key_size + 7) // 8
            curve = {"256": "P-256", "384": "P-384", "512": "P-521"}[self.algorithm[2:]]
            members = {"kty": "EC", "crv": curve, "x": encode(numbers.x.to_bytes(size, "big")), "y": encode(numbers.y.to_bytes(size, "big"))}
        else:
            members = {"kty": "OKP", "crv": "Ed25519", "x": encode(public.public_bytes(Encoding.Raw, PublicFormat.Raw))}
        return {"kid": self.kid, "use": "sig", **members, **more}

    def sign(self, data):
        kind, size = self.algorithm[:2], self.algorithm[2:]
        if kind == "RS":
            return self.private.sign(data, padding.PKCS1v15(), HASHES[size]())
        if kind == "PS":
            return self.private.sign(data, padding.PSS(padding.MGF1(HASHES[size]()), HASHES[size].digest_size), HASHES[size]())
        if kind == "ES":
            length = (self.private.curve.key_size + 7) // 8
            r, s = decode_dss_signature(self.private.sign(data, ec.ECDSA(HASHES[size]())))
            return r.to_bytes(length, "big") + s.to_bytes(length, "big")
        return self.private.sign(data)


def claims(**changes):
    """Those of a person who may do all in the tenant `default`; a change to None leaves one out."""
    now = int(time.time())
    members = {"iss": NAME, "aud": AUDIENCE, "sub": "248289", "name": "Ada Lovelace", "iat": now, "exp": now + 300,
               "tenant": "default", "roles": ["busbar-adm"], **changes}
    return {name: value for name, value in members.items() if value is not None}


def token(key, header=None, **changes):
    head = {"alg": key.algorithm, "typ": "JWT", "kid": key.kid, **(header or {})}
    text = f"{encode({name: value for name, value in head.items() if value is not None})}.{encode(claims(**changes))}"
    return f"{text}.{encode(key.sign(text.encode()))}"


def unsigned_token(**changes):
    return f"{encode({'alg': 'none'})}.{encode(claims(**changes))}."


def hmac_token(secret, kid, **changes):
    """Signed with what everybody knows: the public key as the secret."""
    text = f"{encode({'alg': 'HS256', 'kid': kid})}.{encode(claims(**changes))}"
    return f"{text}.{encode(hmac.new(secret, text.encode(), hashlib.sha256).digest())}"


def key_set(*keys):
    return json.dumps({"keys": [key if isinstance(key, dict) else key.public() for key in keys]})


def configure(plant, jwks, more=""):
    """busbar.yaml of a plant whose people sign in here."""
    plant.data.mkdir(parents=True, exist_ok=True)
    (plant.data / "busbar.yaml").write_text(f"http:\n  oidc:\n    issuer: {NAME}\n    audience: {AUDIENCE}\n    jwks: {jwks}\n{more}")


class KeyServer:
    """The key set over HTTP; counts how often it is asked, and fails when told to."""

    def __init__(self, text):
        self.text, self.asked, self.status = text, 0, 200
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                owner.asked += 1
                body = owner.text.encode()
                self.send_response(owner.status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/keys"

    def __enter__(self):
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *failure):
        self.server.shutdown()
        self.server.server_close()
