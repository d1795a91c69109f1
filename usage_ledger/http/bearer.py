"""Requests with a bearer token, which is replaced before it ends, and once when the provider refuses it."""

import contextlib
import re
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field

import httpx
import msgspec

from usage_ledger.core import errors, redaction
from usage_ledger.core.provider_errors import BadKey, IncompleteAnswer
from usage_ledger.core.pseudonym import hide_addresses
from usage_ledger.http.token_request import TokenAnswer
from usage_ledger.json.text import plain

EARLY = 300
"""Seconds before its end that a token is replaced, or half of its life where that is shorter."""


class RenewableAuth(httpx.Auth):
    """Authenticates each request; a refused one may be worth sending again."""

    def renew(self, _status: int, _body: bytes, /) -> bool:
        """Forget what was refused with this answer. True when there will be another to send instead."""
        return False


@dataclass(frozen=True, slots=True)
class Token:
    """A token and when to replace it, in seconds since 1970."""

    text: str = field(repr=False)
    replace_at: float


def token_of(text: str, lifetime: float, issuer: str) -> Token:
    """A token that was obtained just now, protected; `lifetime` in seconds. Raises `BadKey` for what is no token."""
    if not re.fullmatch(r"[\x21-\x7e]+", text):
        raise BadKey(f"{issuer} answered without a token")
    redaction.protect(text)
    return Token(text, time.time() + lifetime - min(EARLY, lifetime / 2))


class BearerAuth(RenewableAuth):
    """Sends the token that `obtain` gets for the request's audience ('' for the declared one)."""

    def __init__(self, obtain: Callable[[str], Token]) -> None:
        self._obtain = obtain
        self._tokens: dict[str, Token] = {}

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        audience = str(request.extensions.get("audience", ""))
        token = self._tokens.get(audience)
        if token is None or token.replace_at <= time.time():
            token = self._tokens[audience] = self._obtain(audience)
        request.headers["Authorization"] = f"Bearer {token.text}"
        yield request

    def renew(self, status: int, _body: bytes, /) -> bool:
        if status != 401:
            return False
        self._tokens.clear()
        return True


def oauth_token(answer: TokenAnswer, issuer: str) -> Token:
    """The token of an OAuth answer. Raises `BadKey`, with the issuer's own sentence, when it is a refusal, and
    `IncompleteAnswer`."""
    document: object = None
    with contextlib.suppress(msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        document = msgspec.json.decode(plain(answer.body))
    fields = document if isinstance(document, dict) else {}
    token, lifetime = fields.get("access_token"), fields.get("expires_in")
    if answer.status == 200:
        if not isinstance(token, str):
            raise IncompleteAnswer(f"{issuer} answered 200 without a token")
        seconds = str(lifetime)
        return token_of(token, float(seconds) if re.fullmatch(r"[0-9]{1,9}", seconds) else 0.0, issuer)
    said = [text for name in ("error", "error_description") if isinstance(text := fields.get(name), str) and text]
    sentence = errors.one_line(hide_addresses(": ".join(said)), 500)
    raise BadKey(
        f"{issuer} answered {answer.status}" + (f": {sentence}" if sentence else " to the request for a token")
    )
