"""Asks for a token: one small POST through the guarded transport, to the issuer of the declared authentication."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

import httpx

from usage_ledger.core import errors, provider_errors, redaction
from usage_ledger.http.address import is_loopback
from usage_ledger.http.body import Limits, read_body
from usage_ledger.http.error_mapping import error_for_break, refuse_head
from usage_ledger.http.transport import Deadline, transport
from usage_ledger.http.waits import retry_after

LIMITS = Limits(total_seconds=30, encoded_bytes=2**20, decoded_bytes=2**20)
SECRETS = frozenset({"client_secret", "assertion", "client_assertion", "subject_token", "WebIdentityToken"})
"""Fields of a form whose values are secrets."""


@dataclass(frozen=True, slots=True)
class TokenAnswer:
    """What a token's issuer answered; `repr` shows none of it."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        return f"TokenAnswer({self.status})"


def issuer_url(declared: str, host: str | None) -> str:
    """Where a token is asked for: as declared, or at the same path of the connection's own host on loopback.

    No other host of a connection is asked for tokens: a gateway is not to see the secret.
    """
    if host and is_loopback(urlsplit(host).hostname or ""):
        return host.rstrip("/") + urlsplit(declared).path
    return declared


def ask_for_token(url: str, *, body: bytes, headers: Mapping[str, str], method: str = "POST") -> TokenAnswer:
    """Send one request for a token. The secrets of its form are protected first.

    Raises `Unreachable`, `RedirectRefused`, `RateLimited`, `ProviderDown`, `HostRefused`, `TooLarge`.
    """
    for name, value in parse_qsl(body.decode("latin-1")):
        if name in SECRETS:
            redaction.protect(value)
    name = urlsplit(url).hostname or ""
    deadline = Deadline()
    deadline.at = time.monotonic() + LIMITS.total_seconds
    timeout = httpx.Timeout(LIMITS.read_seconds, connect=LIMITS.connect_seconds)
    failure: errors.UsageLedgerError
    try:
        with (
            httpx.Client(transport=transport(deadline), trust_env=False, timeout=timeout) as client,
            client.stream(method, url, content=body, headers={"Accept-Encoding": "gzip", **headers}) as response,
        ):
            refuse_head(response)
            answer = TokenAnswer(
                response.status_code, response.headers, b"".join(read_body(response, LIMITS, deadline.at))
            )
    except httpx.TransportError as error:
        failure = error_for_break(name, error)
    else:
        return _require_answer(name, answer)
    raise failure  # outside of the handler: what httpx raised holds the request, and with it the secret


def _require_answer(name: str, answer: TokenAnswer) -> TokenAnswer:
    """The answer, unless a later request may well get another."""
    if answer.status == 429:
        raise provider_errors.RateLimited(f"{name} answered 429", retry_after=retry_after(answer.headers))
    if answer.status >= 500:
        raise provider_errors.ProviderDown(f"{name} answered {answer.status} to the request for a token")
    return answer
