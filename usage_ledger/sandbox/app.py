"""The sandbox's server: Fireworks' control plane, and stand-ins of other providers, in one application."""

import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

import uvicorn
from fastapi import APIRouter, FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from usage_ledger.sandbox.fireworks.api import fireworks_router
from usage_ledger.sandbox.fireworks.queries import refusal
from usage_ledger.sandbox.fireworks.truth import FireworksTruth
from usage_ledger.sandbox.kit.failures import Failures, encode
from usage_ledger.sandbox.kit.serving import Refusal

Router = Callable[[Callable[[], datetime], Failures], APIRouter]
"""Serves further accounts, by a clock, with failures on order."""


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


def _healthy() -> dict[str, str]:
    return {"status": "ok"}


async def _refuse(_request: Request, error: Exception) -> Response:
    answer = error if isinstance(error, Refusal) else refusal(501, 12, "Method Not Allowed")
    return Response(encode(answer.body), answer.status, media_type="application/json")


def create_app(
    accounts: Sequence[FireworksTruth],
    api_key: str,
    *,
    now: Callable[[], datetime] | None = None,
    others: Iterable[Router] = (),
    failures: Failures | None = None,
) -> FastAPI:
    """The stand-in for `accounts` at Fireworks, which `api_key` opens, and for other providers' accounts.

    `now` is the service's clock, zone-aware: later usage does not exist yet. `app.state.requests` lists every
    request as `GET /path?query`; `app.state.accounts` holds Fireworks' accounts by name.
    """
    if not api_key:
        raise ValueError("the sandbox needs a key that is not empty")
    app = FastAPI(title="Sandbox", openapi_url=None)
    app.state.requests = []
    app.state.accounts = {truth.account: truth for truth in accounts}
    clock, ordered = now or (lambda: datetime.now(UTC)), failures or Failures()
    app.add_middleware(Recorder, requests=app.state.requests)
    app.add_exception_handler(Refusal, _refuse)
    app.add_exception_handler(HTTPException, _refuse)
    app.add_api_route("/healthz", _healthy)
    app.include_router(fireworks_router({api_key: app.state.accounts}, clock, ordered))
    for other in others:
        app.include_router(other(clock, ordered))
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
