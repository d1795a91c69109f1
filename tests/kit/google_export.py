"""A table of a billing export in the emulator, and Google's own client as a second reader."""

from collections.abc import Sequence
from typing import Any

import httpx
from fastapi import FastAPI, Request, Response
from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery as google
from google.oauth2.credentials import Credentials

from usage_ledger.model import QueryJob
from usage_ledger.providers import google_vertex_sql


def _text(*names: str) -> list[dict[str, Any]]:
    return [{"name": name, "type": "STRING"} for name in names]


def _record(name: str, fields: Sequence[dict[str, Any]], mode: str = "NULLABLE") -> dict[str, Any]:
    return {"name": name, "type": "RECORD", "mode": mode, "fields": list(fields)}


FIELDS = [
    *_text("billing_account_id", "currency", "cost_type"),
    _record("service", _text("id", "description")),
    _record("sku", _text("id", "description")),
    *({"name": name, "type": "TIMESTAMP"} for name in ("usage_start_time", "usage_end_time", "export_time")),
    _record("project", _text("id", "number", "name")),
    _record("labels", _text("key", "value"), "REPEATED"),
    _record("location", _text("location", "region")),
    {"name": "cost", "type": "FLOAT"},
    _record("usage", [{"name": "amount", "type": "FLOAT"}, *_text("unit")]),
    _record("credits", [*_text("type", "name"), {"name": "amount", "type": "FLOAT"}], "REPEATED"),
    _record("invoice", _text("month")),
]
"""The columns of the standard export that are read; the service has more."""


def front(url: str, token: Any) -> FastAPI:
    """The emulator with an endpoint for access tokens, which it lacks: `token` is a router that has one."""
    app = FastAPI()
    app.include_router(token)
    # The stand-in answers queries too; here the emulator does.
    app.router.routes = [route for route in app.router.routes if getattr(route, "path", "") == "/token"]
    inner = httpx.Client(base_url=url, timeout=60, trust_env=False)

    @app.api_route("/{path:path}", methods=["GET", "POST"])
    async def forward(path: str, request: Request) -> Response:
        headers = {"content-type": request.headers.get("content-type", "")}
        answer = inner.request(
            request.method, request.url.path, params=request.query_params, content=await request.body(), headers=headers
        )
        return Response(answer.content, answer.status_code, media_type="application/json")

    return app


def read_by_google(
    url: str, table: str, start: str, end: str, *, project: str, token: str = ""
) -> list[dict[str, Any]]:
    """The rows of the statement as `google-cloud-bigquery` reads them."""
    credentials = Credentials(token) if token else AnonymousCredentials()
    client = google.Client(project, credentials, client_options=ClientOptions(api_endpoint=url), location="EU")
    parameters = [google.ScalarQueryParameter(name, "TIMESTAMP", at) for name, at in (("start", start), ("end", end))]
    config = google.QueryJobConfig(query_parameters=parameters, maximum_bytes_billed=google_vertex_sql.MOST_BYTES)
    statement = google_vertex_sql.BILLED.replace("{billing_table}", table)
    with client:
        return [dict(row) for row in client.query_and_wait(statement, job_config=config)]


def statement_of(source: Any) -> str:
    """The statement that a source asks."""
    assert isinstance(source, QueryJob)
    assert source.request.statement is not None
    return source.request.statement.text
