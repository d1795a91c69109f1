"""Google's APIs over HTTP: access tokens, queries and their results, time series."""

import base64
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from urllib.parse import parse_qs

from fastapi import APIRouter, Request, Response

from usage_ledger.sandbox.google_vertex_ai.monitoring import time_series
from usage_ledger.sandbox.google_vertex_ai.queries import GoogleCall, Job, authorized, refusal
from usage_ledger.sandbox.google_vertex_ai.rows import answer_of, schema_of
from usage_ledger.sandbox.google_vertex_ai.truth import GoogleVertexAITruth
from usage_ledger.sandbox.kit.failures import Failures, Rows, encode, phrase_of
from usage_ledger.sandbox.kit.paging import page_token, parts_of_token
from usage_ledger.sandbox.kit.serving import Api, Endpoint, Json, Refusal

PATIENT = 30_000
"""Milliseconds: who waits so long gets a result at once, however busy the service is."""
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
AUDIENCE = "https://oauth2.googleapis.com/token"
SCOPE = "https://www.googleapis.com/auth/cloud-platform.read-only"


def _query(call: GoogleCall) -> Json:
    """Start a query: its first page, or that it runs on."""
    job, project = Job(call.document), call.request.path_params["project"]
    job.require_place(call.truth, project)
    text = base64.urlsafe_b64encode(json.dumps(call.document).encode()).decode().rstrip("=")
    # Whatever the id of a job is, a client hands it back; this one needs no memory of the query.
    name = f"job_{text}"
    if job.dry:
        return {"kind": "bigquery#queryResponse", "jobComplete": True, "totalBytesProcessed": "10485760"}
    if call.truth.polls and job.patience < PATIENT:
        call.truth.polled[name] = call.truth.polls - 1
        return {"kind": "bigquery#queryResponse", "jobComplete": False, "jobReference": _reference(project, name, job)}
    return _page(call, job, project, name, 0)


def _results(call: GoogleCall) -> Json:
    """A further page, or whether the query still runs."""
    name, project = call.request.path_params["job"], call.request.path_params["project"]
    text = name.removeprefix("job_")
    job = Job(json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))))
    if call.params.get("location") != job.location:
        raise refusal(404, "notFound", f"Not found: Job {project}:{name}")
    if call.truth.polled.get(name, 0) > 0:
        call.truth.polled[name] -= 1
        return {
            "kind": "bigquery#getQueryResultsResponse",
            "jobComplete": False,
            "jobReference": _reference(project, name, job),
        }
    token = call.params.get("pageToken")
    begin = int(parts_of_token(token)[0]) if token else 0
    return _page(call, job, project, name, begin)


def _reference(project: str, name: str, job: Job) -> Json:
    return {"projectId": project, "jobId": name, "location": job.location}


def _page(call: GoogleCall, job: Job, project: str, name: str, begin: int) -> Json:
    rows = answer_of(call.truth, job, call.now)
    end = begin + min(job.size, call.truth.page_rows)
    columns = job.columns
    return {
        "kind": "bigquery#queryResponse",
        "schema": schema_of(columns),
        "jobReference": _reference(project, name, job),
        "jobComplete": True,
        "totalRows": str(len(rows)),
        "totalBytesProcessed": "10485760",
        "cacheHit": False,
        "rows": [{"f": [{"v": row[column]} for column in columns]} for row in rows[begin:end]],
        **({"pageToken": page_token(end)} if end < len(rows) else {}),
    }


def _refuse(status: int) -> Refusal:
    return refusal(status, "rateLimitExceeded" if status == 429 else "backendError", phrase_of(status))


def _dead_page(_request: Request) -> Json:
    return {"pageToken": page_token("dead")}


_ROWS = Rows(("rows",), "", dead_end=_dead_page)
_SERIES = Rows(("timeSeries",), "")
_API = Api[GoogleVertexAITruth, GoogleVertexAITruth](
    prefix="",
    endpoints={
        "/bigquery/v2/projects/{project}/queries": Endpoint(_query, "POST", _ROWS),
        "/bigquery/v2/projects/{project}/queries/{job}": Endpoint(_results),
        "/v3/projects/{project}/timeSeries": Endpoint(time_series, rows=_SERIES),
    },
    authorize=authorized,
    refuse=_refuse,
    error_type="application/json; charset=UTF-8",
)


def google_vertex_ai_router(
    accounts: Mapping[str, GoogleVertexAITruth], now: Callable[[], datetime], failures: Failures | None = None
) -> APIRouter:
    """The APIs for these accounts; each key is the id of the private key that opens the account."""
    router = _API.router(accounts, now, failures)

    async def token(request: Request) -> Response:
        form = parse_qs((await request.body()).decode())
        problem, key = _asserted(form, accounts)
        if problem:
            return Response(encode({"error": "invalid_grant", "error_description": problem}), 400)
        answer = {"access_token": f"ya29.{key}", "expires_in": 3599, "token_type": "Bearer"}
        return Response(encode(answer), media_type="application/json; charset=UTF-8")

    router.add_api_route("/token", token, methods=["POST"])
    return router


def _asserted(form: Mapping[str, list[str]], accounts: Mapping[str, GoogleVertexAITruth]) -> tuple[str, str]:
    """What is wrong with a request for a token, or the key that it opens. The signature is not looked at."""
    try:
        head, claims = (
            json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
            for part in form["assertion"][0].split(".")[:2]
        )
    except (KeyError, ValueError):
        return "Invalid JWT", ""
    if form.get("grant_type") != [GRANT] or head.get("alg") != "RS256" or claims.get("aud") != AUDIENCE:
        return "Invalid JWT: the grant, the algorithm or the audience is wrong", ""
    if not 0 < claims["exp"] - claims["iat"] <= 3600 or SCOPE not in claims.get("scope", "").split():
        return "Invalid JWT: Token must be a short-lived token and in a reasonable timeframe", ""
    if head.get("kid") not in accounts:
        return "Invalid JWT Signature.", ""
    return "", str(head["kid"])
