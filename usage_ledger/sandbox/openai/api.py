"""OpenAI's organization usage, costs and lists over HTTP, answered from invented accounts."""

from collections.abc import Mapping

from fastapi import Request

from usage_ledger.sandbox.kit.failures import Rows, phrase_of
from usage_ledger.sandbox.kit.serving import Api, Endpoint, Refusal, account_of, bearer_key
from usage_ledger.sandbox.kit.streams import stable
from usage_ledger.sandbox.openai.account import OpenAIAccount
from usage_ledger.sandbox.openai.costs import costs
from usage_ledger.sandbox.openai.lists import api_keys, projects, service_accounts, users
from usage_ledger.sandbox.openai.queries import refusal
from usage_ledger.sandbox.openai.usage import usage


def _authorize(accounts: Mapping[str, OpenAIAccount], request: Request) -> OpenAIAccount:
    key = bearer_key(request)
    if not key:
        raise refusal(401, "You didn't provide an API key in an Authorization header using Bearer auth.")
    if key.startswith("sk-proj-"):
        message = "You have insufficient permissions for this operation. Missing scopes: api.usage.read."
        raise refusal(403, message)
    account = account_of(accounts, key)
    if account is None:
        raise refusal(401, "Incorrect API key provided.", None, "invalid_api_key")
    return account


def _headers(request: Request, _status: int) -> dict[str, str]:
    return {"x-request-id": f"req_{stable(request.url.path, request.url.query):016x}"}


def _account_headers(account: OpenAIAccount) -> dict[str, str]:
    return {"openai-organization": account.account}


def _refuse(status: int) -> Refusal:
    return refusal(status, phrase_of(status), None, "rate_limit_exceeded" if status == 429 else None)


_BUCKETS = Rows(("data",), "start_time", "results", lambda _: {"has_more": True, "next_page": "page_dead"})
_LIST = Rows(("data",), dead_end=lambda _: {"has_more": True, "last_id": "dead"})
_ENDPOINTS = {
    "/usage/{report}": Endpoint(usage, rows=_BUCKETS),
    "/costs": Endpoint(costs, rows=_BUCKETS),
    "/projects": Endpoint(projects, rows=_LIST),
    "/projects/{project_id}/api_keys": Endpoint(api_keys, rows=_LIST),
    "/projects/{project_id}/service_accounts": Endpoint(service_accounts, rows=_LIST),
    "/users": Endpoint(users, rows=_LIST),
}
openai_router = Api(
    "/v1/organization", _ENDPOINTS, _authorize, headers=_headers, account_headers=_account_headers, refuse=_refuse
).router
