"""Groq's metrics API and its list of models over HTTP, answered from invented organizations."""

from collections.abc import Mapping

from fastapi import Request

from usage_ledger.sandbox.groq.account import GroqAccount
from usage_ledger.sandbox.groq.queries import invalid_key, refusal
from usage_ledger.sandbox.groq.rates import models, names, query, query_range
from usage_ledger.sandbox.kit.failures import Rows, phrase_of
from usage_ledger.sandbox.kit.serving import Api, Endpoint, Refusal, account_of, bearer_key

PREFIX = "/v1/metrics/prometheus"


def _authorize(accounts: Mapping[str, GroqAccount], request: Request) -> GroqAccount:
    account = account_of(accounts, bearer_key(request))
    if account is None:
        raise invalid_key()
    if request.url.path.startswith(PREFIX) and not account.enterprise:
        raise refusal(404, "Unknown request URL", "unknown_url")
    return account


def _refuse(status: int) -> Refusal:
    return refusal(status, phrase_of(status))


_ENDPOINTS = {
    f"{PREFIX}/api/v1/query_range": Endpoint(query_range, rows=Rows(("data/result",), points="values")),
    f"{PREFIX}/api/v1/query": Endpoint(query),
    f"{PREFIX}/api/v1/label/{{label}}/values": Endpoint(names),
    "/openai/v1/models": Endpoint(models, rows=Rows(("data",))),
}
groq_router = Api("", _ENDPOINTS, _authorize, refuse=_refuse).router
