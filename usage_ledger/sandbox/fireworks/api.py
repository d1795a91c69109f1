"""Fireworks' control plane over HTTP: accounts, users, keys, usage and costs of the invented accounts."""

from collections.abc import Mapping
from datetime import UTC
from functools import lru_cache

import msgspec
from fastapi import Request

from usage_ledger.sandbox.fireworks.key_costs import CostQuery, key_costs
from usage_ledger.sandbox.fireworks.lists import account_resource, api_key_resources, user_resources
from usage_ledger.sandbox.fireworks.prices import price_list
from usage_ledger.sandbox.fireworks.queries import SummaryQuery, UsageQuery, page, refusal
from usage_ledger.sandbox.fireworks.truth import FireworksTruth
from usage_ledger.sandbox.kit.failures import Rows, encode, phrase_of
from usage_ledger.sandbox.kit.serving import Api, Call, Endpoint, Json, Refusal, account_of, bearer_key
from usage_ledger.sandbox.kit.slots import DAY_SLOTS, first_instant, instant_of, local_days, slot_of

Accounts = Mapping[str, FireworksTruth]
"""What one key opens, by slug."""
FireworksCall = Call[Accounts]
_NO_USAGE: Json = {"serverlessCosts": [], "dedicatedCosts": [], "trainingCosts": []}
_NO_COSTS: Json = {"lineItems": [], "usageBuckets": []}
# By HTTP status, the number of google.rpc.Code.
_CODES = {400: 3, 401: 16, 403: 7, 404: 5, 429: 8, 500: 13, 501: 12, 503: 14, 504: 4}


# The last few answers are cached, so that a client's clock measures the client.
@lru_cache(maxsize=16)
def _usage_body(truth: FireworksTruth, query: UsageQuery, slot_limit: int) -> bytes:
    return encode(truth.usage(*query, now=instant_of(slot_limit)))


@lru_cache(maxsize=16)
def _summary_body(truth: FireworksTruth, query: SummaryQuery, slot_limit: int) -> bytes:
    return encode(truth.summary(*query, now=instant_of(slot_limit)))


def _account(call: FireworksCall) -> FireworksTruth | None:
    return call.truth.get(call.request.path_params["slug"])


def _required(call: FireworksCall) -> FireworksTruth:
    truth = _account(call)
    if truth is None:
        raise refusal(404, 5, "account not found")
    return truth


def _slot_limit(call: FireworksCall, query: UsageQuery | SummaryQuery) -> int:
    """How many slots are over; for a window in the past the same number at any time."""
    window_is_over = slot_of(first_instant(query.end, UTC)) + DAY_SLOTS
    return min(slot_of(call.now), window_is_over)


def _accounts(call: FireworksCall) -> Json:
    items = [account_resource(truth) for _, truth in sorted(call.truth.items())]
    return page(call.params, "accounts", items)


def _users(call: FireworksCall) -> Json:
    return page(call.params, "users", user_resources(_required(call)))


def _api_keys(call: FireworksCall) -> Json:
    items = api_key_resources(_required(call), call.request.path_params["user"], call.now)
    return page(call.params, "apiKeys", items)


def _prices(call: FireworksCall) -> Json:
    """The list is the same for every account: it has the models of the account that has most of them."""
    accounts = [*call.truth.values()]  # one may be added meanwhile
    models = max((truth.all_models for truth in accounts), key=len)
    changes = any(truth.tiers for truth in accounts)
    return page(call.params, "data", price_list(models, call.now.date() if changes else None))


def _usage(call: FireworksCall) -> object:
    """Metered quantities per local day. A slug that does not exist has none."""
    query, truth = UsageQuery.read(call.params), _account(call)
    return msgspec.Raw(_usage_body(truth, query, _slot_limit(call, query))) if truth else _NO_USAGE


def _summary(call: FireworksCall) -> object:
    """Rated line items per UTC day. A slug that does not exist has none."""
    query, truth = SummaryQuery.read(call.params), _account(call)
    return msgspec.Raw(_summary_body(truth, query, _slot_limit(call, query))) if truth else _NO_COSTS


def _key_costs(call: FireworksCall) -> Json:
    """Money by day and key, model or user, for administrators of the account."""
    truth = _required(call)
    if not truth.administrator:
        raise refusal(403, 7, "only account administrators may query costs of the account")
    query = CostQuery.read(call.document, call.now)
    return key_costs(truth, query, local_days(query.start, query.end, UTC), slot_of(call.now), call.now)


def _authorize(accounts: Mapping[str, Accounts], request: Request) -> Accounts:
    opened = account_of(accounts, bearer_key(request))
    if opened is None:
        raise refusal(401, 16, "invalid API key")
    return opened


def _refuse(status: int) -> Refusal:
    return refusal(status, _CODES.get(status, 2), phrase_of(status))


def _list(array: str) -> Rows:
    return Rows((array,), dead_end=lambda _: {"nextPageToken": "dead"})


_ENDPOINTS = {
    "/accounts": Endpoint(_accounts),
    "/accounts/{slug}/users": Endpoint(_users, rows=_list("users")),
    "/accounts/{slug}/users/{user}/apiKeys": Endpoint(_api_keys, rows=_list("apiKeys")),
    "/accounts/{slug}/billingUsage": Endpoint(_usage, rows=Rows(tuple(_NO_USAGE), "startTime")),
    "/accounts/{slug}/billing/summary": Endpoint(_summary, rows=Rows(("usageBuckets",), "startTime")),
    "/accounts/{slug}/usageCosts:query": Endpoint(_key_costs, "POST", rows=Rows(("rows",))),
    "/serverless/models": Endpoint(_prices, rows=_list("data")),
}
fireworks_router = Api("/v1", _ENDPOINTS, _authorize, refuse=_refuse, compress=True).router
