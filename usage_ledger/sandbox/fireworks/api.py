"""Fireworks' control plane over HTTP: accounts, users, keys, usage and costs of the invented accounts."""

import gzip
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple, cast

from fastapi import APIRouter, Depends, Request, Response

from usage_ledger.sandbox.fireworks.directory import account_resource, api_key_resources, user_resources
from usage_ledger.sandbox.fireworks.queries import SummaryQuery, UsageQuery, page, refusal
from usage_ledger.sandbox.fireworks.truth import FireworksTruth
from usage_ledger.sandbox.kit.serving import Json, account_of, bearer_key, encode
from usage_ledger.sandbox.kit.slots import DAY_SLOTS, first_instant, instant_of, slot_of

_NO_USAGE: Json = {"serverlessCosts": [], "dedicatedCosts": [], "trainingCosts": []}
_NO_COSTS: Json = {"lineItems": [], "usageBuckets": []}
_SMALL = 1000


class Gateway(NamedTuple):
    """What every endpoint needs: the accounts by slug, the one key that is let in, and the clock."""

    accounts: dict[str, FireworksTruth]
    api_key: str
    now: Callable[[], datetime]


# The last few answers are cached, so that a client's clock measures the client.
@lru_cache(maxsize=16)
def _usage_body(truth: FireworksTruth, query: UsageQuery, slot_limit: int) -> bytes:
    return encode(truth.usage(*query, now=instant_of(slot_limit)))


@lru_cache(maxsize=16)
def _summary_body(truth: FireworksTruth, query: SummaryQuery, slot_limit: int) -> bytes:
    return encode(truth.summary(*query, now=instant_of(slot_limit)))


@lru_cache(maxsize=16)
def _packed(body: bytes) -> bytes:
    return gzip.compress(body, compresslevel=1, mtime=0)


def _gateway(request: Request) -> Gateway:
    return cast(Gateway, request.app.state.gateway)


def _account(request: Request, slug: str) -> FireworksTruth:
    truth = _gateway(request).accounts.get(slug)
    if truth is None:
        raise refusal(404, 5, "account not found")
    return truth


def _slot_limit(request: Request, query: UsageQuery | SummaryQuery) -> int:
    """How many slots are over; for a window in the past the same number at any time."""
    window_is_over = slot_of(first_instant(query.end, UTC)) + DAY_SLOTS
    return min(slot_of(_gateway(request).now()), window_is_over)


def _answer(request: Request, body: bytes) -> Response:
    headers = {"Vary": "Accept-Encoding"}
    if len(body) >= _SMALL and "gzip" in request.headers.get("accept-encoding", ""):
        body, headers["Content-Encoding"] = _packed(body), "gzip"
    return Response(body, media_type="application/json", headers=headers)


def _authorize(request: Request) -> None:
    if account_of({_gateway(request).api_key: True}, bearer_key(request)) is None:
        raise refusal(401, 16, "invalid API key")


router = APIRouter(prefix="/v1/accounts", dependencies=[Depends(_authorize)])


@router.get("")
def accounts(request: Request) -> Response:
    """The accounts that the key can see, in order of name."""
    entries = sorted(_gateway(request).accounts.items())
    items = [account_resource(truth) for _, truth in entries]
    return _answer(request, encode(page(request.query_params, "accounts", items)))


@router.get("/{slug}/users")
def users(request: Request, slug: str) -> Response:
    """The users of one account."""
    items = user_resources(_account(request, slug))
    return _answer(request, encode(page(request.query_params, "users", items)))


@router.get("/{slug}/users/{user}/apiKeys")
def api_keys(request: Request, slug: str, user: str) -> Response:
    """The API keys of one user, or of all with `-`."""
    items = api_key_resources(_account(request, slug), user, _gateway(request).now())
    return _answer(request, encode(page(request.query_params, "apiKeys", items)))


@router.get("/{slug}/billingUsage")
def billing_usage(request: Request, slug: str) -> Response:
    """Metered quantities per local day. A slug that does not exist has none."""
    query = UsageQuery.read(request.query_params)
    truth = _gateway(request).accounts.get(slug)
    body = _usage_body(truth, query, _slot_limit(request, query)) if truth else encode(_NO_USAGE)
    return _answer(request, body)


@router.get("/{slug}/billing/summary")
def billing_summary(request: Request, slug: str) -> Response:
    """Rated line items per UTC day. A slug that does not exist has none."""
    query = SummaryQuery.read(request.query_params)
    truth = _gateway(request).accounts.get(slug)
    body = _summary_body(truth, query, _slot_limit(request, query)) if truth else encode(_NO_COSTS)
    return _answer(request, body)
