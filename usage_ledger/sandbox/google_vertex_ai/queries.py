"""Reading the stand-in's queries strictly: the body of a job, its parameters, and what refuses it."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from fastapi import Request

from usage_ledger.sandbox.google_vertex_ai.truth import GoogleVertexAITruth
from usage_ledger.sandbox.kit.queries import parse_instant
from usage_ledger.sandbox.kit.serving import Call, Json, Refusal

GoogleCall = Call[GoogleVertexAITruth]
STATUSES = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND"}
REFUSALS = {
    "table": (
        403,
        "accessDenied",
        "Access Denied: Table {table}: User does not have permission to query table {table}",
    ),
    "hidden": (
        403,
        "accessDenied",
        "Access Denied: Table {table}: User does not have permission to query table {table}, or perhaps it does not "
        "exist in location {location}.",
    ),
    "job": (
        403,
        "accessDenied",
        "Access Denied: Project {project}: User does not have bigquery.jobs.create permission in project {project}.",
    ),
    "throttle": (403, "rateLimitExceeded", "Exceeded rate limits: too many api requests per user per method"),
    "quota": (403, "quotaExceeded", "Quota exceeded: Your project exceeded quota for free query bytes scanned."),
    "jobs": (
        400,
        "jobRateLimitExceeded",
        "Job exceeded rate limits: Your project exceeded quota for concurrent queries.",
    ),
    "bytes": (
        400,
        "bytesBilledLimitExceeded",
        "Query exceeded limit for bytes billed: 10737418240. 21474836480 or higher required.",
    ),
    "absent": (404, "notFound", "Not found: Table {table} was not found in location {location}"),
}
_TABLE = re.compile(r"FROM `([\w.:-]+)`")
_ALIAS = re.compile(r"\bAS ([a-z][a-z_]+)\b")


def refusal(status: int, reason: str, message: str) -> Refusal:
    """An error of the API."""
    return Refusal(status, error_body(status, reason, message))


def error_body(status: int, reason: str, message: str) -> Json:
    error = {"message": message, "domain": "global", "reason": reason}
    kind = STATUSES.get(status, "UNAVAILABLE")
    return {"error": {"code": status, "message": message, "errors": [error], "status": kind}}


def authorized(accounts: Mapping[str, GoogleVertexAITruth], request: Request) -> GoogleVertexAITruth:
    """The account that an access token opens. Raises `Refusal`."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    account = accounts.get(token.removeprefix("ya29.")) if token.startswith("ya29.") else None
    if scheme != "Bearer" or account is None:
        raise refusal(401, "authError", "Request had invalid authentication credentials.")
    return account


class Job:
    """A query that was asked: its statement's columns, table and parameters, by name."""

    def __init__(self, document: Any) -> None:
        """Raises `Refusal` for a body that the service would not run, or whose values stand in the statement."""
        if not isinstance(document, dict) or document.get("useLegacySql") is not False:
            raise refusal(400, "invalid", "useLegacySql must be false: the statement is of GoogleSQL")
        self.statement = str(document.get("query", ""))
        tables = set(_TABLE.findall(self.statement))
        if len(tables) != 1:
            raise refusal(400, "invalidQuery", "Syntax error: the statement reads no table, or several")
        [self.table] = tables
        self.location = str(document.get("location", "US"))
        self.size = int(document.get("maxResults", 10_000))
        self.patience = int(document.get("timeoutMs", 10_000))
        self.columns = _ALIAS.findall(self.statement.partition("FROM `")[0])
        self.values = {one["name"]: _value(one) for one in document.get("queryParameters", ())}
        named = set(re.findall(r"@(\w+)", self.statement))
        if lacking := named - self.values.keys():
            raise refusal(400, "invalidQuery", f"Query parameter '{min(lacking)}' not found")
        if not str(document.get("maximumBytesBilled", "")).isdigit():
            raise refusal(400, "invalid", "this sandbox runs no query without a limit of bytes")
        self.dry = document.get("dryRun") is True

    def instant(self, name: str) -> datetime:
        """A parameter of type TIMESTAMP, in UTC."""
        moment = parse_instant(self.values[name])
        if moment is None:
            raise refusal(400, "invalidQuery", f"Invalid value for query parameter {name}")
        return moment.astimezone(UTC)

    def require_place(self, account: GoogleVertexAITruth, project: str) -> None:
        """Refuse a table that is not there, or not in that location, a project of others, and what is on order."""
        place = account.settings
        names = {"table": self.table, "project": project, "location": self.location}
        if account.refusal:
            status, reason, message = REFUSALS[account.refusal]
            raise refusal(status, reason, message.format(**names))
        if project != place["job_project"]:
            raise refusal(403, "accessDenied", REFUSALS["job"][2].format(**names))
        if self.table != place["billing_table"]:
            raise refusal(404, "notFound", REFUSALS["absent"][2].format(**names))
        if self.location != place["location"]:
            dataset = self.table.rpartition(".")[0]
            raise refusal(404, "notFound", f"Not found: Dataset {dataset} was not found in location {self.location}")


def _value(parameter: Any) -> str:
    kind, value = parameter["parameterType"]["type"], parameter["parameterValue"].get("value")
    if kind not in ("TIMESTAMP", "STRING") or not isinstance(value, str):
        raise refusal(400, "invalid", f"this sandbox knows no parameter of type {kind}: {json.dumps(parameter)}")
    return value
