"""Anthropic's Admin API over HTTP: usage, cost, Claude Code, and the lists that name their ids."""

from collections.abc import Mapping

from fastapi import Request

from usage_ledger.sandbox.anthropic.account import AnthropicAccount
from usage_ledger.sandbox.anthropic.analytics import analytics_cost, analytics_usage
from usage_ledger.sandbox.anthropic.claude_code import claude_code
from usage_ledger.sandbox.anthropic.costs import cost
from usage_ledger.sandbox.anthropic.lists import api_keys, me, users, workspaces
from usage_ledger.sandbox.anthropic.queries import invalid, refusal
from usage_ledger.sandbox.anthropic.usage import messages
from usage_ledger.sandbox.kit.failures import Rows, phrase_of
from usage_ledger.sandbox.kit.serving import Api, Endpoint, Json, Refusal, account_of
from usage_ledger.sandbox.kit.streams import stable

_KINDS = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
    529: "overloaded_error",
}


def _authorize(accounts: Mapping[str, AnthropicAccount], request: Request) -> AnthropicAccount:
    sent = request.headers.get("x-api-key", "")
    account = account_of(accounts, sent)
    if account is None:
        if sent.startswith("sk-ant-api"):
            raise refusal(403, "permission_error", "This endpoint requires an Admin API key")
        raise refusal(401, "authentication_error", "invalid x-api-key" if sent else "x-api-key header is required")
    if request.headers.get("anthropic-version") != "2023-06-01":
        raise invalid("anthropic-version: header is required")
    return account


def _request_id(request: Request) -> str:
    return f"req_011{stable(request.url):016x}"


def _headers(request: Request, _status: int) -> dict[str, str]:
    return {"request-id": _request_id(request)}


def _error(request: Request, refusal: Refusal) -> Json:
    return {"type": "error", "error": refusal.body, "request_id": _request_id(request)}


def _account_headers(account: AnthropicAccount) -> dict[str, str]:
    return {"anthropic-organization-id": account.account}


def _refuse(status: int) -> Refusal:
    return refusal(
        status, _KINDS.get(status, "invalid_request_error" if status < 500 else "api_error"), phrase_of(status)
    )


def _dead_page(_request: Request) -> Json:
    return {"has_more": True, "next_page": "page_dead"}


_BUCKETS = Rows(("data",), "starting_at", "results", _dead_page)
_ROWS = Rows(("data",), "starting_at", dead_end=_dead_page)
_LIST = Rows(("data",), dead_end=lambda _: {"has_more": True, "last_id": "dead"})
_ENDPOINTS = {
    "/usage_report/messages": Endpoint(messages, rows=_BUCKETS),
    "/cost_report": Endpoint(cost, rows=_BUCKETS),
    "/analytics/usage": Endpoint(analytics_usage, rows=_ROWS),
    "/analytics/cost": Endpoint(analytics_cost, rows=_ROWS),
    "/usage_report/claude_code": Endpoint(claude_code, rows=Rows(("data",), "date", dead_end=_dead_page)),
    "/me": Endpoint(me),
    "/workspaces": Endpoint(workspaces, rows=_LIST),
    "/api_keys": Endpoint(api_keys, rows=_LIST),
    "/users": Endpoint(users, rows=_LIST),
}
anthropic_router = Api(
    "/v1/organizations",
    _ENDPOINTS,
    _authorize,
    headers=_headers,
    account_headers=_account_headers,
    refuse=_refuse,
    error_body=_error,
).router
