"""Asks a provider. Every answer is whole, is JSON, and comes from the host that was asked."""

import contextlib
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from urllib.parse import quote, urlsplit

import httpx
import msgspec

from usage_ledger import __version__
from usage_ledger.core import crash, errors, redaction
from usage_ledger.http.body import Limits, read_body, received
from usage_ledger.http.paging import Parameters, following
from usage_ledger.http.retry import Retries, budget_of, date_of, reset_after, retry_after, scale, told_wait
from usage_ledger.http.transport import Deadline, transport
from usage_ledger.json.document import document_of
from usage_ledger.json.packed import Packed
from usage_ledger.json.text import BOM, plain
from usage_ledger.json.whole import checked_document, checked_parts
from usage_ledger.model.declaration import Listing, Paging, Provider

LARGEST_REFUSAL = 64 * 1024
"""Bytes. An error object that comes with status 200 is small."""
RPC_STATUS = {3: 400, 5: 404, 7: 403, 8: 429, 9: 400, 11: 400, 13: 500, 14: 503, 16: 401}
"""google.rpc.Code to HTTP status, as gRPC-JSON gateways map them."""
MALFORMED = re.compile(r"illegal|too long|conflicting|invalid", re.IGNORECASE)
"""What h11 says of bytes that are no HTTP; of an answer that merely broke off it speaks of the peer or the server."""
MOST_HEADERS = 500
LONGEST_TOLD = 366 * 86400


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
        for beginning, kind in provider.other_keys:
            if key.startswith(beginning):
                raise errors.BadKey(f"the key is {kind}", next_step=f"use {provider.key_help}")
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
                **dict(provider.headers),
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

        Raises `ContractBroken` when a page is asked for again, `TooLarge` beyond the page limit, and what `ask` and
        `following` raise.
        """
        first = asked = (path, parameters)
        seen, size = {asked}, 0
        hosts = (urlsplit(self.base_url).hostname or "", *self.provider.hosts)
        for _ in range(self.limits.pages):
            answer = self.ask(*asked)
            size += len(answer.body)
            if size > self.limits.all_bytes:
                raise errors.TooLarge(f"the pages of the answer hold more than {self.limits.all_bytes} bytes")
            yield answer
            if paging is None:
                return
            _require_object(answer)
            after = following(paging, answer.fields, first, asked, hosts)
            if after is None:
                return
            if after in seen:
                raise errors.ContractBroken("the provider repeats a page token", next_step="run the window again")
            seen.add(after)
            asked = after
        raise errors.TooLarge(f"the answer has more than {self.limits.pages} pages")

    def listed(
        self, listing: Listing, labels: Mapping[str, str] | None = None
    ) -> Iterator[tuple[Answer, list[dict[str, str]]]]:
        """Each page of a listing, with the labels of each thing on it: its id, bare (the last segment of a resource
        name), and those of what it is within.
        """
        known = {"account": self.account, **(labels or {})}
        if listing.within:
            outer = replace(listing, within=None)
            for answer, holders in self.listed(listing.within, labels):
                yield answer, []
                for holder in holders:
                    yield from self.listed(outer, {**(labels or {}), **holder})
            return
        parameters = tuple((name, labelled(value, known)) for name, value in listing.parameters)
        for answer in self.pages(fill(listing.path, known), parameters, listing.paging):
            ids = [item.get(listing.id) for item in items_of(answer, listing)]
            own = [str(found).rsplit("/", 1)[-1] for found in ids if found]
            yield answer, [{**(labels or {}), listing.label: one} for one in own]

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
                    lambda chunks: fields.update(checked_parts(chunks, headers, check=status == 200)),
                )
        except httpx.TransportError as error:
            failure = _broken_off(f"{host}", error)
        except httpx.InvalidURL:
            failure = errors.Shape("what the answer names for the next page makes no address")
        if failure is not None:
            raise failure  # outside of the handler: what httpx raised holds the request, and with it the key
        if status != 200 and not (200 < status < 300 and not body):
            raise self._refusal(status, headers, body if isinstance(body, bytes) else b"")
        if isinstance(body, bytes):
            fields = checked_document(body, headers)
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
        if self.provider.forbidden and self.provider.forbidden in said:
            return errors.NoPermission(what)
        if status == 401:
            return errors.BadKey(what)
        if status == 403:
            return errors.NoPermission(what)
        if status == 429:
            return self._throttled(what, headers, body)
        if status == 503 and retry_after(headers) is not None:
            return self._throttled(what, headers, body)
        if status in (408, 425) or (status >= 500 and status not in (501, 505)):
            return errors.ProviderDown(what)
        return errors.BadRequest(what)

    def _throttled(self, what: str, headers: Mapping[str, str], body: bytes) -> errors.RateLimited:
        wait = retry_after(headers)
        wait = told_wait(body) if wait is None else wait
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


def items_of(answer: Answer, listing: Listing) -> list[dict[str, Any]]:
    """The objects on a page of a listing. Raises `Shape`."""
    document = document_of(plain(bytes(answer.body)), f"the list of {listing.path}")
    items = document.get(listing.items) if listing.items and isinstance(document, dict) else document
    if listing.single:
        items = [items]
    if items is not None and not isinstance(items, list):
        raise errors.Shape(f"`{listing.items}` of {listing.path} is no list")
    return [item for item in items or () if isinstance(item, dict)]


def labelled(value: str, labels: Mapping[str, str]) -> str:
    """A parameter's value: a label's, when it is `{label}`."""
    return labels.get(value[1:-1], value) if value.startswith("{") and value.endswith("}") else value


def _require_object(answer: Answer) -> None:
    if isinstance(answer.body, bytes) and not answer.body.removeprefix(BOM).lstrip().startswith(b"{"):
        raise errors.Shape("the answer is no JSON object")


def _told_code(body: bytes, paths: tuple[str, ...]) -> int:
    """The HTTP status that an error object in a 200 answer stands for; 0 when the answer is none."""
    if not _message(body, paths):
        return 0
    document = msgspec.json.decode(plain(body))
    told = document.get("error") if isinstance(document.get("error"), dict) else document
    code = told.get("code")
    if not isinstance(code, int):
        return 400
    return code if 400 <= code < 600 else RPC_STATUS.get(code, 400)


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
