"""Stand-ins for who issues tokens, and for an API that believes them: one server on loopback that remembers all."""

import base64
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

TENANT = "11111111-2222-3333-4444-555555555555"
EMAIL = "usage@billing-prj.iam.gserviceaccount.com"
ROLE = "arn:aws:iam::111122223333:role/usage-reader"
_PRIVATE = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PUBLIC_KEY = _PRIVATE.public_key()
PEM = _PRIVATE.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
KEY_FILE = {
    "type": "service_account",
    "project_id": "billing-prj",
    "private_key_id": "k1",
    "private_key": PEM,
    "client_email": EMAIL,
    "token_uri": "https://oauth2.googleapis.com/token",
}
_ED25519 = Ed25519PrivateKey.generate()
ACCESS_KEY_PUBLIC = _ED25519.public_key()
ACCESS_KEY_PRIVATE = base64.b64encode(
    _ED25519.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
).decode()
ACCESS_KEY = f"sc_reader.k1.acc-example1.{ACCESS_KEY_PRIVATE}"


@dataclass(frozen=True)
class Received:
    """A request as it came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: str

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body))


@dataclass
class Issuers:
    """What the server answers. Each token that it issues is another one, valid until it is revoked."""

    url: str = ""
    requests: list[Received] = field(default_factory=list)
    lifetime: int = 3600
    """Seconds, of what is issued."""
    refusal: tuple[int, str] | None = None
    """Instead of a token."""
    valid: set[str] = field(default_factory=set)
    issued: list[str] = field(default_factory=list)
    data: Callable[[Received], tuple[int, str]] | None = None
    """Answers what asks for no token, instead of comparing the bearer token."""

    def paths(self) -> list[str]:
        return [request.path for request in self.requests]

    def answer(self, request: Received) -> tuple[int, str]:
        if request.path.startswith("/v1/x") or request.method == "GET":
            if self.data:
                return self.data(request)
            token = request.headers.get("authorization", "").removeprefix("Bearer ")
            return (200, "{}") if token in self.valid else (401, '{"message": "the token is not valid"}')
        if self.refusal:
            return self.refusal
        if request.form.get("Action"):
            return 200, self._role_keys(request.form["Action"])
        if request.path.endswith(":generateAccessToken"):
            ends = datetime.now(UTC) + timedelta(seconds=self.lifetime)
            return 200, json.dumps({"accessToken": self.issue(), "expireTime": f"{ends:%Y-%m-%dT%H:%M:%SZ}"})
        return 200, json.dumps({"access_token": self.issue(), "expires_in": self.lifetime, "token_type": "Bearer"})

    def issue(self) -> str:
        token = f"ya29.{len(self.issued)}aZ9Canary_{'xY7-.' * 8}"
        self.issued.append(token)
        self.valid.add(token)
        return token

    def _role_keys(self, action: str) -> str:
        token, number = self.issue(), len(self.issued)
        ends = datetime.now(UTC) + timedelta(seconds=self.lifetime)
        return (
            f"<{action}Response><{action}Result><Credentials><AccessKeyId>ASIAROLE{number}</AccessKeyId>"
            f"<SecretAccessKey>{role_secret(number)}</SecretAccessKey><SessionToken>{token}</SessionToken>"
            f"<Expiration>{ends:%Y-%m-%dT%H:%M:%SZ}</Expiration></Credentials></{action}Result></{action}Response>"
        )


def role_secret(number: int) -> str:
    """The secret access key that a role gets with the token of this number, from 1."""
    return f"{number}Rk/+SecretOfARole+abcdef0123"


@contextmanager
def issuing() -> Iterator[Issuers]:
    """A running server."""
    issuers = Issuers()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Received(self.command, self.path, headers, body)
            issuers.requests.append(request)
            status, text = issuers.answer(request)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Metadata-Flavor", "Google")
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        do_GET = do_POST  # noqa: N815  the server calls it so

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    issuers.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield issuers
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
