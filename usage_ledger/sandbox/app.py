"""Fireworks' control plane over HTTP, served from invented accounts."""

import gzip
import hmac
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple, cast

import uvicorn
from fastapi import APIRouter, Depends, FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from usage_ledger.sandbox.fireworks.directory import account_resource, api_key_resources, user_resources
from usage_ledger.sandbox.fireworks.queries import Refused, SummaryQuery, UsageQuery, page
from usage_ledger.sandbox.fireworks.truth import FireworksTruth
from usage_ledger.sandbox.kit.serving import Json, encode
from usage_ledger.sandbox.kit.slots import DAY_SLOTS, first_instant, instant_of, slot_of

Router = Callable[[Callable[[], datetime]], APIRouter]
"""Serves further accounts, by a clock."""
_NO_USAGE: Json = {"serverlessCosts": [], "dedicatedCosts": [], "trainingCosts": []}
_NO_COSTS: Json = {"lineItems": [], "usageBuckets": []}
_SMALL = 1000


class Gateway(NamedTuple):
    """What every endpoint needs: the accounts by slug, the one key that is let in, and the clock."""

    accounts: dict[str, FireworksTruth]
    api_key: str
    now: Callable[[], datetime]


class Recorder:
    """Notes every request's method, path and query, never its headers."""

    def __init__(self, app: ASGIApp, requests: list[str]) -> None:
        """Notes go to the end of `requests`."""
        self._app = app
        self._requests = requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Notes the request and passes it on."""
        if scope["type"] == "http":
            query = scope["query_string"].decode("latin-1")
            self._requests.append(f"{scope['method']} {scope['path']}{'?' if query else ''}{query}")
        await self._app(scope, receive, send)


# The answers to the last few questions are kept, so that a client's clock measures the client.
@lru_cache(maxsize=16)
def _usage_body(truth: FireworksTruth, query: UsageQuery, seen: int) -> bytes:
    return encode(truth.usage(*query, now=instant_of(seen)))


@lru_cache(maxsize=16)
def _summary_body(truth: FireworksTruth, query: SummaryQuery, seen: int) -> bytes:
    return encode(truth.summary(*query, now=instant_of(seen)))


@lru_cache(maxsize=16)
def _packed(body: bytes) -> bytes:
    return gzip.compress(body, compresslevel=1, mtime=0)


def _gateway(request: Request) -> Gateway:
    return cast(Gateway, request.app.state.gateway)


def _account(request: Request, slug: str) -> FireworksTruth:
    truth = _gateway(request).accounts.get(slug)
    if truth is None:
        raise Refused(404, 5, "account not found")
    return truth


def _seen(request: Request, query: UsageQuery | SummaryQuery) -> int:
    """How many slots are over; for a window in the past the same number at any time."""
    window_is_over = slot_of(first_instant(query.end, UTC)) + DAY_SLOTS
    return min(slot_of(_gateway(request).now()), window_is_over)


def _answer(request: Request, body: bytes) -> Response:
    headers = {"Vary": "Accept-Encoding"}
    if len(body) >= _SMALL and "gzip" in request.headers.get("accept-encoding", ""):
        body, headers["Content-Encoding"] = _packed(body), "gzip"
    return Response(body, media_type="application/json", headers=headers)


def _authorize(request: Request) -> None:
    scheme, _, sent = request.headers.get("authorization", "").partition(" ")
    known = hmac.compare_digest(sent.encode(), _gateway(request).api_key.encode())
    if scheme.lower() != "bearer" or not known:
        raise Refused(401, 16, "invalid API key")


router = APIRouter(prefix="/v1/accounts", dependencies=[Depends(_authorize)])


@router.get("")
def accounts(request: Request) -> Response:
    """The accounts that the key can see, in order of name."""
    found = sorted(_gateway(request).accounts.items())
    items = [account_resource(truth) for _, truth in found]
    return _answer(request, encode(page(request.query_params, "accounts", items)))


@router.get("/{slug}/users")
def users(request: Request, slug: str) -> Response:
    """The users of one account."""
    items = user_resources(_account(request, slug))
    return _answer(request, encode(page(request.query_params, "users", items)))


@router.get("/{slug}/users/{user}/apiKeys")
def api_keys(request: Request, slug: str, user: str) -> Response:
    """The API keys of one user, or of all with `-`."""
    items = api_key_resources(_account(request, slug), user, _gateway(request).now())
    return _answer(request, encode(page(request.query_params, "apiKeys", items)))


@router.get("/{slug}/billingUsage")
def billing_usage(request: Request, slug: str) -> Response:
    """Metered quantities per local day. A slug that does not exist has none."""
    query = UsageQuery.read(request.query_params)
    truth = _gateway(request).accounts.get(slug)
    body = _usage_body(truth, query, _seen(request, query)) if truth else encode(_NO_USAGE)
    return _answer(request, body)


@router.get("/{slug}/billing/summary")
def billing_summary(request: Request, slug: str) -> Response:
    """Rated line items per UTC day. A slug that does not exist has none."""
    query = SummaryQuery.read(request.query_params)
    truth = _gateway(request).accounts.get(slug)
    body = _summary_body(truth, query, _seen(request, query)) if truth else encode(_NO_COSTS)
    return _answer(request, body)


def _healthy() -> dict[str, str]:
    return {"status": "ok"}


async def _refuse(_request: Request, error: Exception) -> Response:
    refused = error if isinstance(error, Refused) else Refused(501, 12, "Method Not Allowed")
    return Response(encode(refused.body), refused.http_status, media_type="application/json")


def create_app(
    accounts: Sequence[FireworksTruth],
    api_key: str,
    *,
    now: Callable[[], datetime] | None = None,
    others: Iterable[Router] = (),
) -> FastAPI:
    """The stand-in for `accounts` at Fireworks, open to the bearer of `api_key`, and for other providers' accounts.

    `now` is the service's clock, zone-aware: later usage does not exist yet. `app.state.requests` lists every
    request as `GET /path?query`.
    """
    if not api_key:
        raise ValueError("the sandbox needs a key that is not empty")
    app = FastAPI(title="Sandbox", openapi_url=None)
    app.state.requests = []
    by_slug = {truth.account: truth for truth in accounts}
    clock = now or (lambda: datetime.now(UTC))
    app.state.gateway = Gateway(by_slug, api_key, clock)
    app.add_middleware(Recorder, requests=app.state.requests)
    app.add_exception_handler(Refused, _refuse)
    app.add_exception_handler(HTTPException, _refuse)
    app.add_api_route("/healthz", _healthy)
    app.include_router(router)
    for other in others:
        app.include_router(other(clock))
    return app


def _server(app: FastAPI, host: str, port: int) -> uvicorn.Server:
    config = uvicorn.Config(
        app, host, port, log_level="warning", access_log=False, lifespan="off", timeout_graceful_shutdown=2
    )
    return uvicorn.Server(config)


def serve(app: FastAPI, host: str = "127.0.0.1", port: int = 8600) -> None:
    """Serves in the foreground, without a line per request, until interrupted."""
    _server(app, host, port).run()


@contextmanager
def running(app: FastAPI) -> Iterator[str]:
    """Serves in a thread on a free loopback port while the context lasts; gives the base URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = _server(app, "127.0.0.1", 0)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            while not server.started:
                if not thread.is_alive():
                    raise RuntimeError("the sandbox did not start")
                time.sleep(0.005)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
