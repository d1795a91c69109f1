"""OpenRouter's management API over HTTP, served from invented accounts."""

from collections.abc import Mapping

from fastapi import Request

from usage_ledger.sandbox.kit.serving import Api, Endpoint, account_of, bearer_key
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


_ENDPOINTS = {
    "/key": Endpoint[OpenRouterAccount | None](this_key),
    "/activity": managed(activity),
    "/keys": managed(keys),
    "/workspaces": managed(workspaces),
    "/credits": managed(credit),
    "/models": managed(models),
}
openrouter_router = Api("/api/v1", _ENDPOINTS, _authorize).router
