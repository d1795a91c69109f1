"""Which error an answer without success, or one that broke off, becomes."""

import contextlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import msgspec

from usage_ledger.core import errors, provider_errors
from usage_ledger.core.pseudonym import hide_addresses
from usage_ledger.http.waits import reset_after, retry_after, wait_in_body
from usage_ledger.json.text import plain
from usage_ledger.json.value import value_at
from usage_ledger.model.provider import Provider
from usage_ledger.model.refusal import GENERAL, Meaning

MAX_ERROR_BODY = 64 * 1024
"""Bytes. An error object that comes with status 200 is small."""
RPC_STATUS = {3: 400, 5: 404, 7: 403, 8: 429, 9: 400, 11: 400, 13: 500, 14: 503, 16: 401}
"""google.rpc.Code to HTTP status, as gRPC-JSON gateways map them."""
MALFORMED = re.compile(r"illegal|too long|conflicting|invalid", re.IGNORECASE)
"""h11's words for bytes that are not HTTP. For an interrupted answer it names the peer or the server instead."""
INTERNALS = re.compile(r"\[Errno -?\d+\] |\[[A-Z0-9_: ]+\] | ?\(_ssl\.c:\d+\)")
"""What a person need not read of a socket's error."""
MOST_HEADERS = 500
LONGEST_WAIT = 366 * 86400
MEANINGS: dict[Meaning, type[errors.UsageLedgerError]] = {
    "blocked": provider_errors.AccountBlocked,
    "place": provider_errors.WrongPlace,
    "key": provider_errors.BadKey,
    "permission": provider_errors.NoPermission,
    "request": provider_errors.BadRequest,
    "throttled": provider_errors.RateLimited,
}


def error_for_break(host: str, error: httpx.TransportError) -> errors.UsageLedgerError:
    """The error for an answer that did not arrive completely."""
    if isinstance(error, httpx.TimeoutException):
        return errors.Unreachable(f"{host} did not answer in time ({reason_of(error)})")
    if isinstance(error, httpx.ProxyError):
        return errors.Unreachable(f"the proxy of USAGE_LEDGER_PROXY does not connect to {host} ({error})")
    if not isinstance(error, httpx.RemoteProtocolError | httpx.ReadError):
        return errors.Unreachable(f"{host} cannot be reached ({reason_of(error)})")
    if MALFORMED.search(str(error)):
        return provider_errors.BadHttp(f"{host} does not answer in HTTP")
    return provider_errors.IncompleteAnswer(f"{host} broke off its answer")


def reason_of(error: httpx.TransportError) -> str:
    """Why a request failed, in words for people."""
    match error:
        case httpx.ConnectTimeout() | httpx.PoolTimeout():
            return "no connection"
        case httpx.TimeoutException():
            return "the connection is open, and nothing comes"
    return errors.one_line(INTERNALS.sub("", str(error)).strip(), 200) or "the connection failed"


def refuse_head(response: httpx.Response) -> None:
    """Refuse an answer by its status line and headers, before its body is read."""
    host = response.request.url.host
    if 300 <= response.status_code < 400:
        raise provider_errors.RedirectRefused(f"{host} answered {response.status_code}, a redirect")
    if len(response.headers.raw) > MOST_HEADERS:
        raise provider_errors.BadHttp(f"{host} answered with {len(response.headers.raw)} headers")


def error_for_status(
    provider: Provider,
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    longest_retry_after: float,
    answered: int | None = None,
) -> errors.UsageLedgerError:
    """The error for an answer without success; a wait of more than `longest_retry_after` seconds is in its text.

    `answered` is the status of the answer itself, where `status` is that of the error in its body.
    """
    message = _message(body, provider.error_messages)
    what = f"{provider.title} answered {answered} with an error" if answered else f"{provider.title} answered {status}"
    what += f": {message}" if message else ""
    codes = _codes(body, provider.error_codes)
    for refusal in (*provider.refusals, *provider.auth.refusals, *GENERAL):
        if refusal.fits(status, codes, message):
            if refusal.meaning == "throttled":
                return _throttled(what, headers, wait_in_body(body, message), longest_retry_after)
            return MEANINGS[refusal.meaning](what, next_step=refusal.next_step)
    if status == 401:
        return provider_errors.BadKey(what)
    if status == 403:
        return provider_errors.NoPermission(what)
    if status == 429 or (status == 503 and retry_after(headers) is not None):
        return _throttled(what, headers, wait_in_body(body, message), longest_retry_after)
    if status in (408, 410, 425) or (status >= 500 and status not in (501, 505)):
        return provider_errors.ProviderDown(what)
    return provider_errors.BadRequest(what)


def _throttled(
    what: str, headers: Mapping[str, str], wait_of_body: float | None, longest: float
) -> provider_errors.RateLimited:
    """A renewal that is further away than we would wait here is a wait that the provider asks for."""
    reset = reset_after(headers)
    wait = retry_after(headers) or wait_of_body or (reset if reset > longest else None)
    if wait is not None and wait > longest:
        until = datetime.now(UTC) + timedelta(seconds=min(wait, LONGEST_WAIT))
        what = f"{what} (throttled until {until:%Y-%m-%d %H:%M} UTC)"
    return provider_errors.RateLimited(what, retry_after=wait, reset_after=reset)


def status_of_error(body: bytes, paths: tuple[str, ...]) -> int:
    """The HTTP status of an error object in a 200 answer; 0 when the answer is not an error."""
    if len(body) > MAX_ERROR_BODY or not _message(body, paths):
        return 0
    document = msgspec.json.decode(plain(body))
    error = document.get("error") if isinstance(document.get("error"), dict) else document
    code = error.get("code")
    if not isinstance(code, int):
        return 400
    return code if 400 <= code < 600 else RPC_STATUS.get(code, 400)


def _codes(body: bytes, paths: tuple[str, ...]) -> set[str]:
    """The vendor's words for an error; `paths` are those of further ones."""
    document = _document(body)
    error = document.get("error") if isinstance(document, dict) else None
    holders = [one for one in (document, error) if isinstance(one, dict)]
    names = ("code", "type", "status", "__type", "error")
    words = {str(one[name]) for one in holders for name in names if isinstance(one.get(name), str)}
    words |= {value for path in paths if isinstance(value := value_at(document, path), str)}
    return words | {word.rpartition("#")[2] for word in words}


def _message(body: bytes, paths: tuple[str, ...]) -> str:
    """The provider's own error message without people's addresses, at most 500 characters; '' for none."""
    document = _document(body)
    for path in paths:
        value = value_at(document, path)
        if isinstance(value, str) and value:
            return errors.one_line(hide_addresses(value), 500)
    return ""


def _document(body: bytes) -> Any:
    """The body as JSON; None for anything else."""
    with contextlib.suppress(msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return msgspec.json.decode(plain(body))
    return None
