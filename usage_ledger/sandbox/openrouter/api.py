"""OpenRouter's management API over HTTP, served from invented accounts."""

from collections.abc import Mapping

from fastapi import Request

from usage_ledger.sandbox.kit.failures import Rows, phrase_of
from usage_ledger.sandbox.kit.serving import Api, Endpoint, Refusal, account_of, bearer_key
from usage_ledger.sandbox.openrouter.account import OpenRouterAccount
from usage_ledger.sandbox.openrouter.activity import activity
from usage_ledger.sandbox.openrouter.lists import credit, keys, this_key, workspaces
from usage_ledger.sandbox.openrouter.models import models
from usage_ledger.sandbox.openrouter.queries import managed, refusal

PLAIN_KEY = "sk-or-v1-plain"
"""How an ordinary key begins: it may call models and look at itself."""


def _authorize(accounts: Mapping[str, OpenRouterAccount], request: Request) -> OpenRouterAccount | None:
    """The account that a management key opens; None for an ordinary key."""
    key = bearer_key(request)
    if not key:
        raise refusal(401, "Missing Authentication header")
    if key.startswith(PLAIN_KEY):
        return None
    account = account_of(accounts, key)
    if account is None:
        raise refusal(401, "User not found.")
    return account


def _refuse(status: int) -> Refusal:
    return refusal(status, phrase_of(status))


_LIST = Rows(("data",))
_ENDPOINTS = {
    "/key": Endpoint[OpenRouterAccount | None](this_key),
    "/activity": managed(activity, Rows(("data",), "date")),
    "/keys": managed(keys, _LIST),
    "/workspaces": managed(workspaces, _LIST),
    "/credits": managed(credit, Rows()),
    "/models": managed(models, Rows(("data",), dead_end=lambda _: {"links": {"next": "/api/v1/models?offset=dead"}})),
}
openrouter_router = Api("/api/v1", _ENDPOINTS, _authorize, refuse=_refuse).router
