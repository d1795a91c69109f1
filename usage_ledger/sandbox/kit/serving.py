"""Serving a stand-in: from a request to the account that its key opens, and from a value or a refusal to bytes."""

import gzip
import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec
from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams

from usage_ledger.sandbox.kit.failures import Failures, Rows, encode, phrase_of

Json = dict[str, object]
Account = TypeVar("Account")
Truth = TypeVar("Truth")
_SMALL = 1000


class Refusal(Exception):
    """A request that ends in an HTTP status and an error body."""

    def __init__(self, status: int, body: Json, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(str(body))
        self.status = status
        self.body = body
        self.headers = headers or {}


class Call(NamedTuple, Generic[Truth]):
    """One authorised request: the account that its key opens, and the service's clock in UTC."""

    request: Request
    truth: Truth
    now: datetime
    document: Any
    """The JSON body of a POST; None for other methods."""

    @property
    def params(self) -> QueryParams:
        """The query string."""
        return self.request.query_params


class Endpoint(NamedTuple, Generic[Truth]):
    """What answers one path; POST only where the service reads by it. `rows` are those of a report."""

    answer: Callable[[Call[Truth]], object]
    """Gives the document; None is an answer 204, which has none."""
    method: str = "GET"
    rows: Rows | None = None


def bearer_key(request: Request) -> str:
    """The key that the request sends as a bearer token; empty without one."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key if scheme.lower() == "bearer" else ""


def account_of(accounts: Mapping[str, Account], key: str) -> Account | None:
    """The account that a key opens, compared in constant time."""
    for account_key, account in accounts.items():
        if hmac.compare_digest(key.encode(), account_key.encode()):
            return account
    return None


def _no_headers(_request: Request, _status: int) -> dict[str, str]:
    return {}


def _no_account(_truth: Any) -> dict[str, str]:
    return {}


def _plain_refusal(status: int) -> Refusal:
    return Refusal(status, {"message": phrase_of(status)})


def _plain_body(_request: Request, refusal: Refusal) -> Json:
    return refusal.body


@dataclass(frozen=True)
class Api(Generic[Account, Truth]):
    """One provider's API: what answers each path, and who may ask.

    `authorize` finds what a request may read among the accounts by key, or raises `Refusal`. `headers` depend on the
    status, `account_headers` say whose answer it is. `refuse` writes an error of any status. With `compress`, large
    answers are gzipped for clients that accept it.
    """

    prefix: str
    endpoints: Mapping[str, Endpoint[Truth]]
    authorize: Callable[[Mapping[str, Account], Request], Truth]
    headers: Callable[[Request, int], dict[str, str]] = _no_headers
    account_headers: Callable[[Truth], dict[str, str]] = _no_account
    refuse: Callable[[int], Refusal] = _plain_refusal
    error_body: Callable[[Request, Refusal], Json] = _plain_body
    error_type: str = "application/json"
    compress: bool = False

    def router(
        self, accounts: Mapping[str, Account], now: Callable[[], datetime], failures: Failures | None = None
    ) -> APIRouter:
        """The API for `accounts`, by the key that opens each. `now` is the service's clock, zone-aware."""
        router, ordered = APIRouter(prefix=self.prefix), failures or Failures()

        def route_of(endpoint: Endpoint[Truth]) -> Callable[[Request], Awaitable[Response]]:
            def respond(request: Request, text: bytes) -> Response:
                try:
                    truth = ordered.opened(self.authorize(accounts, request))
                    document = _document(text) if endpoint.method == "POST" else None
                    call = Call(request, truth, now().astimezone(UTC), document)
                    return self._answer(call, endpoint, ordered)
                except Refusal as refusal:
                    body, status = encode(self.error_body(request, refusal)), refusal.status
                    headers = {**self.headers(request, status), **refusal.headers}
                    return Response(body, status, headers, self.error_type)

            async def route(request: Request) -> Response:
                request.state.body = await request.body()  # a signature is of the body too
                return await run_in_threadpool(respond, request, request.state.body)

            return route

        for path, endpoint in self.endpoints.items():
            router.add_api_route(path, route_of(endpoint), methods=[endpoint.method], name=f"{self.prefix}{path}")
        return router

    def _answer(self, call: Call[Truth], endpoint: Endpoint[Truth], failures: Failures) -> Response:
        if endpoint.rows and failures.refuses(call.request):
            raise self.refuse(failures.status)
        answer = endpoint.answer(call)
        if answer is None:
            return Response(b"", 204, self.headers(call.request, 204))
        body = encode(answer)
        if endpoint.rows:
            body = failures.spoil(body, endpoint.rows, call.request)
        headers = self.headers(call.request, 200) | self.account_headers(call.truth)
        if self.compress:
            headers["Vary"] = "Accept-Encoding"
            if len(body) >= _SMALL and "gzip" in call.request.headers.get("accept-encoding", ""):
                body, headers["Content-Encoding"] = _packed(body), "gzip"
        return Response(body, 200, headers, "application/json")


# The last few answers are cached, so that a client's clock measures the client.
@lru_cache(maxsize=16)
def _packed(body: bytes) -> bytes:
    return gzip.compress(body, compresslevel=1, mtime=0)


def _document(text: bytes) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise Refusal(400, {"error": {"message": f"the body is not JSON: {error}"}}) from None
