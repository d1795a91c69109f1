"""Signature Version 4, recomputed from a request as it arrived."""

import hashlib
import hmac
import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from urllib.parse import parse_qsl, quote

from fastapi import Request

ALGORITHM = "AWS4-HMAC-SHA256"
SKEW = timedelta(minutes=5)
"""How far a request's clock may be from the service's."""
_HEADER = re.compile(
    rf"{ALGORITHM} Credential=(?P<key>\w+)/(?P<date>\d{{8}})/(?P<region>[a-z0-9-]+)/(?P<service>[a-z]+)/aws4_request, ?"
    r"SignedHeaders=(?P<headers>[a-z0-9;-]+), ?Signature=(?P<signature>[0-9a-f]{64})"
)


class Scope(NamedTuple):
    """What an `Authorization` header says of itself."""

    access_key_id: str
    date: str
    region: str
    service: str
    headers: tuple[str, ...]
    signature: str


def scope_of(request: Request) -> Scope | None:
    """The scope of a request's signature; None where it has none, or one of another form."""
    match = _HEADER.fullmatch(request.headers.get("authorization", ""))
    if match is None:
        return None
    key, date, region, service, headers, signature = match.groups()
    return Scope(key, date, region, service, tuple(headers.split(";")), signature)


def instant_of(request: Request) -> datetime | None:
    """When a request says that it was signed."""
    try:
        return datetime.strptime(request.headers.get("x-amz-date", ""), "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None


def signature_of(request: Request, body: bytes, scope: Scope, secret: str) -> str:
    """What the signature of this request must be: of its method, path, query, signed headers and body."""
    query = sorted(
        (quote(name, safe="-_.~"), quote(value, safe="-_.~"))
        for name, value in parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
    )
    canonical = "\n".join(
        (
            request.method,
            quote(request.scope["path"], safe="/-_.~"),
            "&".join(f"{name}={value}" for name, value in query),
            *(f"{name}:{' '.join(request.headers.get(name, '').split())}" for name in scope.headers),
            "",
            ";".join(scope.headers),
            hashlib.sha256(body).hexdigest(),
        )
    )
    place = f"{scope.date}/{scope.region}/{scope.service}/aws4_request"
    moment = request.headers.get("x-amz-date", "")
    text = "\n".join((ALGORITHM, moment, place, hashlib.sha256(canonical.encode()).hexdigest()))
    key = f"AWS4{secret}".encode()
    for part in (scope.date, scope.region, scope.service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, text.encode(), "sha256").hex()
