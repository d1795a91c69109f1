"""Sends requests to a provider. Every answer is complete, is JSON, and comes from the host of the request."""

import contextlib
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
import msgspec

from usage_ledger import __version__
from usage_ledger.connections import Connection
from usage_ledger.core import contract_errors, crash, errors, provider_errors, redaction
from usage_ledger.http.address import base_url
from usage_ledger.http.auth import Credential, auth_of
from usage_ledger.http.body import Limits, read_body, received
from usage_ledger.http.fill import Values, fill_request
from usage_ledger.http.page import Call, Page
from usage_ledger.http.paging import next_call
from usage_ledger.http.retry import Retries, budget_of, date_of, reset_after, retry_after, scale, wait_in_body
from usage_ledger.http.transport import Deadline, transport
from usage_ledger.json.text import BOM, plain
from usage_ledger.json.whole import Parts, checked_document
from usage_ledger.model.provider import Provider
from usage_ledger.model.request import Offset, Paging, Request

MAX_ERROR_BODY = 64 * 1024
"""Bytes. An error object that comes with status 200 is small."""
RPC_STATUS = {3: 400, 5: 404, 7: 403, 8: 429, 9: 400, 11: 400, 13: 500, 14: 503, 16: 401}
"""google.rpc.Code to HTTP status, as gRPC-JSON gateways map them."""
MALFORMED = re.compile(r"illegal|too long|conflicting|invalid", re.IGNORECASE)
"""h11's words for bytes that are not HTTP. For an interrupted answer it names the peer or the server instead."""
MOST_HEADERS = 500
LONGEST_WAIT = 366 * 86400


_turn = threading.Lock()
_next_turn: dict[tuple[str, str], float] = {}


class Client:
    """Calls one provider with one credential, for one account. Every call only reads, so every retry is safe."""

    def __init__(
        self,
        provider: Provider,
        *,
        base_url: str,
        credential: Credential,
        account: str,
        connection_id: str = "",
        limits: Limits | None = None,
        retries: Retries | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        auth = auth_of(provider, credential)
        redaction.quiet_libraries()
        self.provider, self.base_url, self.host = provider, base_url, credential.host
        self.account, self.connection_id = account, connection_id
        self.limits, self.retries, self._sleep = limits or Limits(), retries or Retries(), sleep
        self._deadline = Deadline()
        self._http = httpx.Client(
            auth=auth,
            transport=transport(self._deadline),
            trust_env=False,
            follow_redirects=False,
            timeout=httpx.Timeout(self.limits.read_seconds, connect=self.limits.connect_seconds),
            headers={**dict(provider.headers), "Accept-Encoding": "gzip", "User-Agent": f"usage-ledger/{__version__}"},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def call_of(self, request: Request, values: Values) -> Call:
        """The call that a declared request makes for this account with these values.

        Raises `ConfigError`, `HostRefused`.
        """
        return fill_request(request, {"account": self.account, **values}, self.provider, self.host)

    def pages(self, first: Call, paging: Paging | None) -> Iterator[Page]:
        """Each page of an answer, first to last.

        Raises `ContractBroken` when a page would be requested twice, `TooLarge` beyond the page limit, and what
        `ask` and `next_call` raise.
        """
        call = first
        called, size = {call}, 0
        hosts = (urlsplit(self.base_url).hostname or "", *self.provider.hosts)
        counted = paging.items if isinstance(paging, Offset) else ""
        for _ in range(self.limits.pages):
            page = self.ask(call, count=counted)
            size += len(page.body)
            if size > self.limits.all_bytes:
                raise provider_errors.TooLarge(f"the pages of the answer hold more than {self.limits.all_bytes} bytes")
            yield page
            if paging is None:
                return
            _require_object(page)
            following = next_call(paging, page, first, hosts)
            if following is None:
                return
            if following in called:
                raise contract_errors.ContractBroken(
                    "the provider repeats a page token", next_step="run the window again"
                )
            called.add(following)
            call = following
        raise provider_errors.TooLarge(f"the answer has more than {self.limits.pages} pages")

    def ask(self, call: Call, *, count: str = "") -> Page:
        """Request one page, and retry by the policy; `count` names a list whose items are counted.

        Raises the errors of the *provider's side* and *try again* families.
        """
        budget, cost = budget_of(self.base_url), 0
        for attempt in range(1, self.retries.attempts + 1):
            try:
                page = self._once(call, count)
            except errors.PersonMustAct as error:
                raise error.about(connection=self.connection_id) from None
            except errors.TryAgain as error:
                error.about(connection=self.connection_id)
                wait = self._wait(error, attempt)
                if wait is None or attempt >= min(self.retries.attempts, error.most_requests):
                    raise
                cost = budget.spend(throttled=isinstance(error, provider_errors.RateLimited))
                if not cost:
                    raise
                self._sleep(wait * scale())
            else:
                budget.give_back(cost)
                return page
        raise AssertionError("unreachable")

    def _wait(self, error: errors.TryAgain, attempt: int) -> float | None:
        """Seconds before the next request; None when the task is to give its slot back until then."""
        if not isinstance(error, provider_errors.RateLimited):
            return self.retries.wait(attempt, throttled=False)
        if error.retry_after is None:
            return max(self.retries.wait(attempt, throttled=True), error.reset_after)
        if error.retry_after > self.retries.longest_retry_after:
            return None
        return error.retry_after * 1.02

    def _once(self, call: Call, count: str) -> Page:
        self._await_turn()
        requested_at = datetime.now(UTC)
        self._deadline.at = time.monotonic() + self.limits.total_seconds
        origin = call.origin or self.base_url
        crash.point("ask")
        failure: errors.UsageLedgerError | None = None
        try:
            with self._http.stream(call.method, origin + call.path, **_sent(call)) as response:
                crash.point("ask")  # headers came, the body did not
                _refuse_head(response)
                status, headers = response.status_code, response.headers
                parts = Parts(headers, count)
                body = received(read_body(response, self.limits, self._deadline.at), parts.check, check=status == 200)
        except httpx.TransportError as error:
            failure = _broken_off(f"{urlsplit(origin).hostname}", error)
        except httpx.InvalidURL:
            failure = contract_errors.Shape("the answer's link to the next page is not a valid URL")
        if failure is not None:
            raise failure  # outside of the handler: what httpx raised holds the request, and with it the key
        if status != 200 and not (200 < status < 300 and not body):
            raise self._error_for_status(status, headers, body if isinstance(body, bytes) else b"")
        fields = parts.fields
        if isinstance(body, bytes):
            fields = checked_document(body, headers)
            if len(body) <= MAX_ERROR_BODY and (code := _status_of_error(body, self.provider.error_messages)):
                raise self._error_for_status(code, headers, body)
        return Page(call, body, status, requested_at, date_of(headers), fields, parts.counts)

    def _await_turn(self) -> None:
        """Wait so that requests stay within the account's rate limit, across the clients of this process."""
        account = (self.base_url, self.account)
        with _turn:
            now = time.monotonic()
            at = max(now, _next_turn.get(account, 0))
            _next_turn[account] = at + 60 / self.provider.requests_per_minute
        if at > now:
            self._sleep(at - now)

    def _error_for_status(self, status: int, headers: Mapping[str, str], body: bytes) -> errors.UsageLedgerError:
        said = _message(body, self.provider.error_messages)
        what = f"{self.provider.title} answered {status}" + (f": {said}" if said else "")
        if self.provider.forbidden and self.provider.forbidden in said:
            return provider_errors.NoPermission(what)
        if status == 401:
            return provider_errors.BadKey(what)
        if status == 403:
            return provider_errors.NoPermission(what)
        if status == 429:
            return self._throttled(what, headers, body)
        if status == 503 and retry_after(headers) is not None:
            return self._throttled(what, headers, body)
        if status in (408, 425) or (status >= 500 and status not in (501, 505)):
            return provider_errors.ProviderDown(what)
        return provider_errors.BadRequest(what)

    def _throttled(self, what: str, headers: Mapping[str, str], body: bytes) -> provider_errors.RateLimited:
        wait = retry_after(headers)
        wait = wait_in_body(body) if wait is None else wait
        if wait is not None and wait > self.retries.longest_retry_after:
            until = datetime.now(UTC) + timedelta(seconds=min(wait, LONGEST_WAIT))
            what = f"{what} (throttled until {until:%Y-%m-%d %H:%M} UTC)"
        return provider_errors.RateLimited(what, retry_after=wait, reset_after=reset_after(headers))


def client_for(
    connection: Connection, credential: Credential, *, limits: Limits | None = None, retries: Retries | None = None
) -> Client:
    """The client of a connection. Raises `BadKey`, `HostRefused`."""
    return Client(
        connection.declared,
        base_url=base_url(connection.declared, credential.host),
        credential=credential,
        account=connection.account,
        connection_id=connection.id,
        limits=limits,
        retries=retries,
    )


def _broken_off(host: str, error: httpx.TransportError) -> errors.UsageLedgerError:
    """The error for an answer that did not arrive completely."""
    kind = type(error).__name__
    if isinstance(error, httpx.TimeoutException):
        return errors.Unreachable(f"{host} did not answer in time ({kind})")
    if isinstance(error, httpx.ProxyError):
        return errors.Unreachable(f"the proxy of USAGE_LEDGER_PROXY does not connect to {host} ({error})")
    if not isinstance(error, httpx.RemoteProtocolError | httpx.ReadError):
        return errors.Unreachable(f"{host} cannot be reached ({kind})")
    if MALFORMED.search(str(error)):
        return provider_errors.BadHttp(f"{host} does not answer in HTTP ({kind})")
    return provider_errors.IncompleteAnswer(f"{host} broke off its answer ({kind})")


def _sent(call: Call) -> dict[str, Any]:
    """The parts of a call as httpx takes them: arrays as repeated parameters, a body as JSON."""
    query = [(name, one) for name, value in call.query for one in ((value,) if isinstance(value, str) else value)]
    headers = {"Accept": call.accept}
    if not call.body:
        return {"params": query, "headers": headers}
    return {"params": query, "headers": headers | {"Content-Type": "application/json"}, "content": call.body.encode()}


def _refuse_head(response: httpx.Response) -> None:
    """Refuse an answer by its status line and headers, before its body is read."""
    host = response.request.url.host
    if 300 <= response.status_code < 400:
        raise provider_errors.RedirectRefused(f"{host} answered {response.status_code}, a redirect")
    if len(response.headers.raw) > MOST_HEADERS:
        raise provider_errors.BadHttp(f"{host} answered with {len(response.headers.raw)} headers")


def _require_object(page: Page) -> None:
    if isinstance(page.body, bytes) and not page.body.removeprefix(BOM).lstrip().startswith(b"{"):
        raise contract_errors.Shape("the answer is not a JSON object")


def _status_of_error(body: bytes, paths: tuple[str, ...]) -> int:
    """The HTTP status of an error object in a 200 answer; 0 when the answer is not an error."""
    if not _message(body, paths):
        return 0
    document = msgspec.json.decode(plain(body))
    error = document.get("error") if isinstance(document.get("error"), dict) else document
    code = error.get("code")
    if not isinstance(code, int):
        return 400
    return code if 400 <= code < 600 else RPC_STATUS.get(code, 400)


def _message(body: bytes, paths: tuple[str, ...]) -> str:
    """The provider's own error message, at most 500 characters; '' for none."""
    document: object = None
    with contextlib.suppress(msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        document = msgspec.json.decode(plain(body))
    for path in paths:
        value = document
        for segment in path.split("/"):
            value = value.get(segment) if isinstance(value, dict) else None
        if isinstance(value, str) and value:
            return errors.one_line(value, 500)
    return ""
