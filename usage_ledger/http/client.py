"""Sends requests to a provider. Every answer is complete, is JSON, and comes from the host of the request."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from usage_ledger import __version__
from usage_ledger.connections import Connection
from usage_ledger.core import contract_errors, crash, errors, provider_errors, redaction
from usage_ledger.core.steps import count as count_of_step
from usage_ledger.http.account import require_own_answer
from usage_ledger.http.address import base_url
from usage_ledger.http.auth import auth_of
from usage_ledger.http.body import Limits, read_body, received
from usage_ledger.http.credential import Credential
from usage_ledger.http.error_mapping import error_for_break, error_for_status, refuse_head, status_of_error
from usage_ledger.http.fill import Values, fill_request, parts_of
from usage_ledger.http.own_server import OwnServerAuth, answers_of, to_own_server
from usage_ledger.http.page import NO_CONTENT, Call, Page
from usage_ledger.http.paging import next_call
from usage_ledger.http.retry import Retries, budget_of, scale
from usage_ledger.http.transport import Deadline, transport
from usage_ledger.http.waits import date_of
from usage_ledger.http.xml_body import as_json
from usage_ledger.json.text import BOM
from usage_ledger.json.whole import Parts, checked_document
from usage_ledger.model.provider import Provider
from usage_ledger.model.request import Offset, OwnServer, Paging, Request

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
        path_of: Callable[[str], Any] | None = None,
    ) -> None:
        self._auth, self.credential = auth_of(provider, credential, account), credential
        redaction.quiet_libraries()
        self.provider, self.base_url, self.host = provider, base_url, credential.host
        self.account, self.connection_id = account, connection_id
        self.limits, self.retries, self._sleep = limits or Limits(), retries or Retries(), sleep
        self.path_of = path_of
        """Makes the path object of a store's URI; None where the environment alone holds the stores' credentials."""
        self.answers_tell_account = False
        """Whether an answer told that it is of the connection's account."""
        self._deadline = Deadline()
        self._http = httpx.Client(
            auth=self._auth,
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
        call = fill_request(request, {"account": self.account, **values}, self.provider, self.host)
        if isinstance(request.base, OwnServer):
            return to_own_server(call, request.base, self.provider, self.credential)
        return call

    def pages(
        self,
        first: Call,
        paging: Paging | None,
        inspect: Callable[[Page], None] = lambda _: None,
        begun: Page | None = None,
    ) -> Iterator[Page]:
        """Each page of an answer, first to last, after `inspect` has accepted it.

        `begun` is the first page where that has come already, whatever was asked for it; `first` leads on from there.
        Raises `ContractBroken` when a page would be requested twice, `TooLarge` beyond the page limit, and what
        `ask` and `next_call` raise.
        """
        call = first
        called, size = {call}, 0
        hosts = (urlsplit(self.base_url).hostname or "", *self.provider.hosts)
        counted = paging.items if isinstance(paging, Offset) else ""
        for number in range(self.limits.pages):
            page = begun if begun and not number else self.ask(call, count=counted, inspect=inspect)
            size += len(page.body)
            if size > self.limits.all_bytes:
                raise provider_errors.TooLarge(f"the pages of the answer hold more than {self.limits.all_bytes} bytes")
            yield page
            if paging is None or page.status == NO_CONTENT:
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

    def ask(self, call: Call, *, count: str = "", inspect: Callable[[Page], None] = lambda _: None) -> Page:
        """Request one page, and retry by the policy; `count` names a list whose items are counted.

        What `inspect` raises of a page is retried by the same policy. Raises the errors of the *provider's side* and
        *try again* families.
        """
        budget, cost = budget_of(call.origin if call.server else self.base_url), 0
        for attempt in range(1, self.retries.attempts + 1):
            try:
                page = self._once(call, count)
                inspect(page)
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
                count_of_step("retries")
                self._sleep(wait * scale())
            else:
                budget.give_back(cost)
                return page
        raise AssertionError("unreachable")

    def wait(self, seconds: float) -> None:
        """Wait before a request that is no retry."""
        self._sleep(seconds * scale())

    def _wait(self, error: errors.TryAgain, attempt: int) -> float | None:
        """Seconds before the next request; None when the task is to give its slot back until then."""
        if not isinstance(error, provider_errors.RateLimited):
            return self.retries.wait(attempt, throttled=False)
        if error.retry_after is None:
            return max(self.retries.wait(attempt, throttled=True), error.reset_after)
        if error.retry_after > self.retries.longest_retry_after:
            return None
        return error.retry_after * 1.02

    def _once(self, call: Call, count: str, *, renewed: bool = False) -> Page:
        self._await_turn()
        requested_at = datetime.now(UTC)
        self._deadline.at = time.monotonic() + self.limits.total_seconds
        origin = call.origin or self.base_url
        auth = OwnServerAuth(call.server, self.credential) if call.server else self._auth
        provider = answers_of(call.server, self.provider) if call.server else self.provider
        crash.point("ask")
        count_of_step("requests")
        failure: errors.UsageLedgerError | None = None
        try:
            with self._http.stream(call.method, origin + call.path, auth=auth, **parts_of(call)) as response:
                crash.point("ask")  # headers came, the body did not
                refuse_head(response)
                if call.server is None:
                    self.answers_tell_account |= require_own_answer(self.provider, response.headers, self.account)
                status, headers = response.status_code, response.headers
                parts = Parts(headers, count)
                body = received(read_body(response, self.limits, self._deadline.at), parts.check, check=status == 200)
        except httpx.TransportError as error:
            failure = error_for_break(urlsplit(origin).netloc, error)
        except httpx.InvalidURL:
            failure = contract_errors.Shape("the answer's link to the next page is not a valid URL")
        if failure is not None:
            raise failure  # outside of the handler: what httpx raised holds the request, and with it the key
        if isinstance(body, bytes) and (status != 200 or "xml" in call.accept):
            body = as_json(body)
        if status != 200 and not (200 < status < 300 and not body):
            refusal = body if isinstance(body, bytes) else b""
            if not renewed and auth.renew(status, refusal):
                return self._once(call, count, renewed=True)
            raise self._error(provider, status, headers, refusal)
        fields = parts.fields
        if isinstance(body, bytes) and not (status == NO_CONTENT and call.no_content):
            fields = checked_document(body, headers)
            if code := status_of_error(body, provider.error_messages):
                raise self._error(provider, code, headers, body, answered=status)
        return Page(call, body, status, requested_at, date_of(headers), fields, parts.counts)

    def _error(
        self, provider: Provider, status: int, headers: Mapping[str, str], body: bytes, answered: int | None = None
    ) -> errors.UsageLedgerError:
        longest = self.retries.longest_retry_after
        error = error_for_status(provider, status, headers, body, longest_retry_after=longest, answered=answered)
        error.status = status
        return error

    def _await_turn(self) -> None:
        """Wait so that requests stay within the account's rate limit, across the clients of this process."""
        account = (self.base_url, self.account)
        with _turn:
            now = time.monotonic()
            at = max(now, _next_turn.get(account, 0))
            _next_turn[account] = at + 60 / self.provider.requests_per_minute
        if at > now:
            self._sleep(at - now)


def client_for(
    connection: Connection,
    credential: Credential,
    *,
    limits: Limits | None = None,
    retries: Retries | None = None,
    path_of: Callable[[str], Any] | None = None,
) -> Client:
    """The client of a connection; `path_of` makes the path object of a store. Raises `BadKey`, `HostRefused`."""
    return Client(
        connection.declared,
        base_url=base_url(connection.declared, credential.host),
        credential=credential,
        account=connection.account,
        connection_id=connection.id,
        limits=limits,
        retries=retries,
        path_of=path_of,
    )


def _require_object(page: Page) -> None:
    if isinstance(page.body, bytes) and not page.body.removeprefix(BOM).lstrip().startswith(b"{"):
        raise contract_errors.Shape("the answer is not a JSON object")
