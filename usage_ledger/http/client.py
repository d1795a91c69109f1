"""Asks a provider. Every answer is whole, is JSON, and comes from the host that was asked."""

import contextlib
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any, Self
from urllib.parse import quote, urlsplit

import httpx
import msgspec

from usage_ledger import __version__
from usage_ledger.body.json_parts import parts
from usage_ledger.body.packed import Packed
from usage_ledger.core import crash, errors, redaction
from usage_ledger.core.json_text import BOM, encoded, plain
from usage_ledger.core.model import Listing, Paging, Provider
from usage_ledger.http.body import Limits, read_body, received
from usage_ledger.http.retry import Retries, budget_of, date_of, reset_after, retry_after, scale
from usage_ledger.http.transport import Deadline, transport

LARGEST_REFUSAL = 64 * 1024
"""Bytes. An error object that comes with status 200 is small."""
RPC_STATUS = {3: 400, 5: 404, 7: 403, 8: 429, 9: 400, 11: 400, 13: 500, 14: 503, 16: 401}
"""google.rpc.Code to HTTP status, as gRPC-JSON gateways map them."""
MALFORMED = re.compile(r"illegal|too long|conflicting|invalid", re.IGNORECASE)
"""What h11 says of bytes that are no HTTP; of an answer that merely broke off it speaks of the peer or the server."""
MOST_HEADERS = 500
LONGEST_TOLD = 366 * 86400

Parameters = tuple[tuple[str, str | tuple[str, ...]], ...]

_turn = threading.Lock()
_next_turn: dict[tuple[str, str], float] = {}


@dataclass(frozen=True, slots=True)
class Answer:
    """One page as the provider sent it, decoded from its transfer coding alone."""

    path: str
    parameters: Parameters
    body: bytes | Packed
    """A large one is packed."""
    status: int
    asked_at: datetime
    fields: dict[str, msgspec.Raw] = field(default_factory=dict)
    """The body's outermost fields, undecoded; empty when it is no JSON object."""
    told_at: datetime | None = None
    """The provider's clock: the answer's `Date`."""


class Client:
    """Calls one provider with one key, for one account. Only GET, so that every retry is safe."""

    def __init__(
        self,
        provider: Provider,
        *,
        base_url: str,
        key: str,
        account: str,
        connection_id: str = "",
        limits: Limits | None = None,
        retries: Retries | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if not key or not re.fullmatch(r"[\x21-\x7e]+", key):
            raise errors.BadKey(
                "the connection has no key" if not key else "the key holds blanks or control characters"
            )
        redaction.protect(key)
        redaction.quiet_libraries()
        self.provider, self.base_url = provider, base_url
        self.account, self.connection_id = account, connection_id
        self.limits, self.retries, self._sleep = limits or Limits(), retries or Retries(), sleep
        self._deadline = Deadline()
        self._http = httpx.Client(
            transport=transport(self._deadline),
            trust_env=False,
            follow_redirects=False,
            timeout=httpx.Timeout(self.limits.read_seconds, connect=self.limits.connect_seconds),
            headers={
                provider.header: f"{provider.scheme} {key}".strip(),
                "Accept": "application/json",
                "Accept-Encoding": "gzip",
                "User-Agent": f"usage-ledger/{__version__}",
            },
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def pages(self, path: str, parameters: Parameters, paging: Paging | None) -> Iterator[Answer]:
        """Each page of an answer, first to last.

        Raises `ContractBroken` when a page token repeats, `TooLarge` beyond the page limit, and what `ask` raises.
        """
        token, seen, size = "", set[str](), 0
        for _ in range(self.limits.pages):
            sent = (*parameters, (paging.parameter, token)) if paging and token else parameters
            answer = self.ask(path, sent)
            size += len(answer.body)
            if size > self.limits.all_bytes:
                raise errors.TooLarge(f"the pages of the answer hold more than {self.limits.all_bytes} bytes")
            yield answer
            token = _next_token(answer, paging.cursor) if paging else ""
            if not token:
                return
            if token in seen:
                raise errors.ContractBroken("the provider repeats a page token", next_step="run the window again")
            seen.add(token)
        raise errors.TooLarge(f"the answer has more than {self.limits.pages} pages")

    def listed(self, listing: Listing, **values: str) -> Iterator[tuple[Answer, list[str]]]:
        """Each page of a listing with the ids on it, bare (the last segment of a resource name)."""
        for answer in self.pages(fill(listing.path, values), listing.parameters, listing.paging):
            document = msgspec.json.decode(plain(bytes(answer.body)))
            items = document.get(listing.items) if isinstance(document, dict) else None
            if items is not None and not isinstance(items, list):
                raise errors.Shape(f"`{listing.items}` of {listing.path} is no list")
            ids = [item.get(listing.id) for item in items or () if isinstance(item, dict)]
            yield answer, [str(found).rsplit("/", 1)[-1] for found in ids if found]

    def ask(self, path: str, parameters: Parameters = ()) -> Answer:
        """One page, retried as the policy says. Raises the errors of the *provider's side* and *try again* families."""
        budget, cost = budget_of(self.base_url), 0
        for attempt in range(1, self.retries.attempts + 1):
            try:
                answer = self._once(path, parameters)
            except errors.PersonMustAct as error:
                raise error.about(connection=self.connection_id) from None
            except errors.TryAgain as error:
                error.about(connection=self.connection_id)
                wait = self._wait(error, attempt)
                if wait is None or attempt >= min(self.retries.attempts, error.most_requests):
                    raise
                cost = budget.spend(throttled=isinstance(error, errors.RateLimited))
                if not cost:
                    raise
                self._sleep(wait * scale())
            else:
                budget.give_back(cost)
                return answer
        raise AssertionError("unreachable")

    def _wait(self, error: errors.TryAgain, attempt: int) -> float | None:
        """Seconds before the next request; None when the task is to give its slot back until then."""
        if not isinstance(error, errors.RateLimited):
            return self.retries.wait(attempt, throttled=False)
        if error.retry_after is None:
            return max(self.retries.wait(attempt, throttled=True), error.reset_after)
        if error.retry_after > self.retries.longest_retry_after:
            return None
        return error.retry_after * 1.02

    def _once(self, path: str, parameters: Parameters) -> Answer:
        self._await_turn()
        asked_at = datetime.now(UTC)
        self._deadline.at = time.monotonic() + self.limits.total_seconds
        host = urlsplit(self.base_url).hostname
        crash.point("ask")
        failure: errors.UsageLedgerError | None = None
        try:
            with self._http.stream("GET", self.base_url + path, params=_flat(parameters)) as response:
                crash.point("ask")  # headers came, the body did not
                if response.is_redirect or 300 <= response.status_code < 400:
                    raise errors.RedirectRefused(f"{host} answered {response.status_code}, a redirect")
                if len(response.headers.raw) > MOST_HEADERS:
                    raise errors.BadHttp(f"{host} answered with {len(response.headers.raw)} headers")
                status, headers = response.status_code, response.headers
                fields: dict[str, msgspec.Raw] = {}
                body = received(
                    read_body(response, self.limits, self._deadline.at),
                    lambda chunks: fields.update(_checked_parts(chunks, headers, check=status == 200)),
                )
        except httpx.TransportError as error:
            failure = _broken_off(f"{host}", error)
        if failure is not None:
            raise failure  # outside of the handler: what httpx raised holds the request, and with it the key
        if status != 200 and not (200 < status < 300 and not body):
            raise self._refusal(status, headers, body if isinstance(body, bytes) else b"")
        if isinstance(body, bytes):
            fields = _checked_document(body, headers)
            if len(body) <= LARGEST_REFUSAL and (code := _told_code(body, self.provider.error_messages)):
                raise self._refusal(code, headers, body)
        return Answer(path, parameters, body, status, asked_at, fields, date_of(headers))

    def _await_turn(self) -> None:
        """Space requests to the account's allowance, across the clients of this process."""
        account = (self.base_url, self.account)
        with _turn:
            now = time.monotonic()
            at = max(now, _next_turn.get(account, 0))
            _next_turn[account] = at + 60 / self.provider.requests_per_minute
        if at > now:
            self._sleep(at - now)

    def _refusal(self, status: int, headers: Mapping[str, str], body: bytes) -> errors.UsageLedgerError:
        said = _message(body, self.provider.error_messages)
        what = f"{self.provider.title} answered {status}" + (f": {said}" if said else "")
        if status == 401:
            return errors.BadKey(what)
        if status == 403:
            return errors.NoPermission(what)
        if status == 429:
            return self._throttled(what, headers)
        if status == 503 and retry_after(headers) is not None:
            return self._throttled(what, headers)
        if status in (408, 425) or (status >= 500 and status not in (501, 505)):
            return errors.ProviderDown(what)
        return errors.BadRequest(what)

    def _throttled(self, what: str, headers: Mapping[str, str]) -> errors.RateLimited:
        wait = retry_after(headers)
        if wait is not None and wait > self.retries.longest_retry_after:
            until = datetime.now(UTC) + timedelta(seconds=min(wait, LONGEST_TOLD))
            what = f"{what} (throttled until {until:%Y-%m-%d %H:%M} UTC)"
        return errors.RateLimited(what, retry_after=wait, reset_after=reset_after(headers))


def _broken_off(host: str, error: httpx.TransportError) -> errors.UsageLedgerError:
    """What it means that no whole answer came."""
    kind = type(error).__name__
    if isinstance(error, httpx.TimeoutException):
        return errors.Unreachable(f"{host} did not answer in time ({kind})")
    if not isinstance(error, httpx.RemoteProtocolError | httpx.ReadError):
        return errors.Unreachable(f"{host} cannot be reached ({kind})")
    if MALFORMED.search(str(error)):
        return errors.BadHttp(f"{host} does not answer in HTTP ({kind})")
    return errors.IncompleteAnswer(f"{host} broke off its answer ({kind})")


def fill(template: str, values: Mapping[str, str]) -> str:
    """A path with its `{name}` placeholders filled, each as exactly one percent-encoded segment."""
    for name, value in values.items():
        if value in (".", ".."):
            raise errors.ConfigError(f"{value!r} cannot be an id in an address")
        template = template.replace("{" + name + "}", quote(value, safe=""))
    return template


def _flat(parameters: Parameters) -> tuple[tuple[str, str], ...]:
    """Arrays as repeated parameters."""
    return tuple((name, one) for name, value in parameters for one in ((value,) if isinstance(value, str) else value))


def _checked_document(body: bytes, headers: Mapping[str, str]) -> dict[str, msgspec.Raw]:
    """The outermost fields of a body that is one whole JSON document. Raises `EmptyBody`, `NotJson`, `BadJson`."""
    if not body.strip():
        raise errors.EmptyBody("the answer has no body")
    _refuse_web_page(body, headers)
    whole = plain(body).strip()
    kind: Any = dict[str, msgspec.Raw] if whole.startswith(b"{") else msgspec.Raw
    try:
        found = msgspec.json.decode(encoded(whole), type=kind)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        told = (
            f"the answer is no whole JSON document ({error}); it has {len(whole)} bytes and begins {_beginning(whole)}"
        )
        raise errors.BadJson(told) from error
    return found if isinstance(found, dict) else {}


def _checked_parts(chunks: Iterator[bytes], headers: Mapping[str, str], *, check: bool) -> dict[str, msgspec.Raw]:
    """As `_checked_document`, of a body that arrives: its outermost fields but the lists. Raises the same."""
    if not check:
        deque(chunks, maxlen=0)
        return {}
    first = next(chunks)
    _refuse_web_page(first, headers)
    try:
        last = deque(parts(chain([first], chunks)), maxlen=1).pop()
        return msgspec.json.decode(last, type=dict[str, msgspec.Raw]) if last.startswith(b"{") else {}
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        told = f"the answer is no whole JSON document ({error}); it begins {_beginning(first)}"
        raise errors.BadJson(told) from error


def _refuse_web_page(body: bytes, headers: Mapping[str, str]) -> None:
    if "html" in headers.get("content-type", "").lower() or body.lstrip()[:1] == b"<":
        raise errors.NotJson(f"the answer is a web page, not JSON; it begins {_beginning(body)}")


def _beginning(body: bytes) -> str:
    """What a person needs to recognise an answer that is none, escaped."""
    return repr(body[:200])[1:]


def _next_token(answer: Answer, cursor: str) -> str:
    if isinstance(answer.body, bytes) and not answer.body.removeprefix(BOM).lstrip().startswith(b"{"):
        raise errors.Shape("the answer is no JSON object")
    found = answer.fields.get(cursor)
    token = msgspec.json.decode(found) if found is not None else None
    if token is None or isinstance(token, str):
        return token or ""
    raise errors.Shape(f"`{cursor}` is no text")


def _told_code(body: bytes, paths: tuple[str, ...]) -> int:
    """The HTTP status that an error object in a 200 answer stands for; 0 when the answer is none."""
    if not _message(body, paths):
        return 0
    document = msgspec.json.decode(plain(body))
    told = document.get("error") if isinstance(document.get("error"), dict) else document
    code = told.get("code")
    return RPC_STATUS.get(code, 400) if isinstance(code, int) else 400


def _message(body: bytes, paths: tuple[str, ...]) -> str:
    """The provider's own words, at most 500 characters."""
    document: object = None
    with contextlib.suppress(msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        document = msgspec.json.decode(plain(body))
    for path in paths:
        found = document
        for segment in path.split("/"):
            found = found.get(segment) if isinstance(found, dict) else None
        if isinstance(found, str) and found:
            return errors.one_line(found, 500)
    return ""
