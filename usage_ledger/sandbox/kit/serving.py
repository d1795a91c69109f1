"""Serving a stand-in: from a request to the account that its key opens, and from a value or a refusal to bytes."""

import hmac
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec
from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams

Json = dict[str, object]
Truth = TypeVar("Truth")
encode = msgspec.json.Encoder(decimal_format="number").encode
"""Decimals are written as numbers, digit by digit."""


class Refusal(Exception):
    """A request that ends in an HTTP status and an error body."""

    def __init__(self, status: int, body: Json) -> None:
        super().__init__(str(body))
        self.status = status
        self.body = body


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
    """What answers one path; POST only where the service reads by it."""

    answer: Callable[[Call[Truth]], object]
    method: str = "GET"


def bearer_key(request: Request) -> str:
    """The key that the request sends as a bearer token; empty without one."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key if scheme.lower() == "bearer" else ""


def account_of(accounts: Mapping[str, Truth], key: str) -> Truth | None:
    """The account that a key opens, compared in constant time."""
    for account_key, truth in accounts.items():
        if hmac.compare_digest(key.encode(), account_key.encode()):
            return truth
    return None


def add_endpoints(
    router: APIRouter,
    endpoints: Mapping[str, Endpoint[Truth]],
    authorize: Callable[[Request], Truth],
    now: Callable[[], datetime],
    *,
    headers: Callable[[Request, int], dict[str, str]] = lambda _request, _status: {},
    error_body: Callable[[Request, Refusal], Json] = lambda _request, refusal: refusal.body,
    error_type: str = "application/json",
) -> None:
    """Serve each path of `endpoints`.

    `authorize` returns the account of a request or raises `Refusal`; `now` is the service's clock, zone-aware;
    `headers` depend on the status.
    """

    def respond(request: Request, endpoint: Endpoint[Truth], text: bytes) -> Response:
        status, media_type = 200, "application/json"
        try:
            truth = authorize(request)
            document = _document(text) if endpoint.method == "POST" else None
            body = endpoint.answer(Call(request, truth, now().astimezone(UTC), document))
        except Refusal as refusal:
            status, media_type, body = refusal.status, error_type, error_body(request, refusal)
        return Response(encode(body), status, headers(request, status), media_type)

    def serve(endpoint: Endpoint[Truth]) -> Callable[[Request], Awaitable[Response]]:
        async def route(request: Request) -> Response:
            return await run_in_threadpool(respond, request, endpoint, await request.body())

        return route

    for path, endpoint in endpoints.items():
        router.add_api_route(path, serve(endpoint), methods=[endpoint.method], name=f"{router.prefix}{path}")


def _document(text: bytes) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise Refusal(400, {"error": {"message": f"the body is not JSON: {error}"}}) from None
