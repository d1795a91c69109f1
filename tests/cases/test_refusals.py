"""Waits that the vendor asks for, and refusals that waiting does not mend."""

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from kit.answering import KEYS, Account, Answer, sample

from usage_ledger.core import provider_errors
from usage_ledger.core.errors import UsageLedgerError
from usage_ledger.http.auth import Credential
from usage_ledger.http.client import Client
from usage_ledger.http.page import Call
from usage_ledger.model import HeaderKey
from usage_ledger.providers import PROVIDERS

DAY = date(2026, 11, 20)
each_provider = pytest.mark.parametrize("provider", PROVIDERS)


def ask(account: Account, slept: list[float]) -> None:
    """One request for any path, by a client that notes its waits."""
    key = Credential(KEYS.get(account.provider, "key-of-the-test-0123456789"))
    declared = replace(PROVIDERS[account.provider], requests_per_minute=math.inf)  # type: ignore[arg-type]  no pacing
    if not isinstance(declared.auth, HeaderKey):
        declared = replace(declared, auth=HeaderKey())  # what is refused here is no token
    with Client(declared, base_url=account.url, credential=key, account="x", sleep=slept.append) as client:
        client.ask(Call("/any"))


def test_anthropic_429_reset_header_is_waited_for(account: Callable[..., Account]) -> None:
    anthropic = account("anthropic")
    slept: list[float] = []
    answers = [
        sample("anthropic-429-reset-header"),
        sample("anthropic-429-reset-header", "answer-after-the-reset.json"),
    ]

    def answer(_: Any) -> Answer:
        if len(answers) == 1:
            return Answer(answers[0])
        reset = datetime.now(UTC) + timedelta(seconds=45)
        names = ("limit", "remaining", "reset")
        values = ("50", "0", f"{reset:%Y-%m-%dT%H:%M:%SZ}")
        pairs = zip(names, values, strict=True)
        return Answer(answers.pop(0), 429, {f"anthropic-ratelimit-requests-{name}": value for name, value in pairs})

    anthropic.server.answers["/any"] = answer
    ask(anthropic, slept)
    assert 43 <= max(slept) <= 46
    assert anthropic.server.count("/any") == 2


@each_provider
@pytest.mark.parametrize(
    ("headers", "least"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after-ms": "7000"}, 7),
        ({"x-ratelimit-reset-requests": "1m30s"}, 90),
        ({"x-ratelimit-reset": "9m0s", "x-ratelimit-remaining": "9"}, 4),
        ({}, 4),
    ],
    ids=["seconds", "milliseconds", "span", "far and not used up", "none"],
)
def test_every_vendors_wait_is_kept(
    account: Callable[..., Account], provider: str, headers: dict[str, str], least: float
) -> None:
    asking = account(provider)
    replies = [Answer({}, 429, headers), Answer({})]
    asking.server.answers["/any"] = lambda _: replies.pop(0)
    slept: list[float] = []
    ask(asking, slept)
    assert least <= max(slept) <= max(least * 1.1, 5)


@each_provider
def test_a_stale_reset_is_no_wait(account: Callable[..., Account], provider: str) -> None:
    asking = account(provider)
    past = {"anthropic-ratelimit-requests-reset": "2026-01-01T00:00:00Z", "x-ratelimit-reset": "1700000000"}
    replies = [Answer({}, 429, past), Answer({})]
    asking.server.answers["/any"] = lambda _: replies.pop(0)
    slept: list[float] = []
    ask(asking, slept)
    assert max(slept) <= 5


@each_provider
def test_an_allowance_that_is_renewed_in_an_hour_gives_the_slot_back(
    account: Callable[..., Account], provider: str
) -> None:
    asking = account(provider)
    asking.server.answers["/any"] = Answer({}, 429, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "3600"})
    with pytest.raises(provider_errors.RateLimited, match="throttled until") as caught:
        ask(asking, [])
    assert caught.value.retry_after == 3600
    assert asking.server.count("/any") == 1


SUSPENDED = "fw-account-suspended-412"
SUSPENSION = "It is suspended."
SAYS_SUSPENDED = {"error": {"message": SUSPENSION}, "detail": SUSPENSION, "title": SUSPENSION}
BLOCKED, PLACE = provider_errors.AccountBlocked, provider_errors.WrongPlace
PAUSED = (
    "You are temporarily suspended for exceeding the rate limit.",
    "Too many requests: this key is suspended for a minute.",
    "Requests are suspended, try again in 20s",
)
CASES = [
    ("openai", Answer(sample("openai-quota-429"), 429), BLOCKED, "look at plan and billing"),
    (
        "openai",
        Answer(sample("openai-refused-region"), 403),
        PLACE,
        "OpenAI does not serve the place that this machine calls from: run it, or its way out, from a supported",
    ),
    ("fireworks", Answer(sample(SUSPENDED), 412), BLOCKED, "settle the account with Fireworks AI"),
    *((name, Answer(SAYS_SUSPENDED, 403), BLOCKED, "then run again") for name in PROVIDERS),
    ("openai", Answer({"error": {"message": "Your account is suspended, check your plan."}}, 429), BLOCKED, "settle"),
    ("openai", Answer({"error": {"message": PAUSED[0]}}, 403), BLOCKED, "settle the account"),
    *((name, Answer({}, 402), BLOCKED, "then run again") for name in PROVIDERS),
    *((name, Answer(sample("openai-quota-429"), 429), BLOCKED, "then run again") for name in PROVIDERS),
    *((name, Answer({}, 451), PLACE, "from a place that the provider serves") for name in PROVIDERS),
    (
        "anthropic",
        Answer({"error": {"type": "rate_limit_error", "message": "The organization's spend limit is reached."}}, 429),
        BLOCKED,
        "raise the organization's spend limit",
    ),
    (
        "openrouter",
        Answer(sample("or-date-too-old"), 400),
        provider_errors.BadRequest,
        "OpenRouter answers for the last 30 completed UTC days",
    ),
    (
        "openrouter",
        Answer({"error": {"code": 404, "message": "API key not found"}}, 404),
        provider_errors.BadRequest,
        "was deleted meanwhile",
    ),
    (
        "openai",
        Answer({"error": {"message": "You have insufficient permissions. Missing scopes: api.usage.read."}}, 401),
        provider_errors.NoPermission,
        "with the scopes that the message names",
    ),
]


@pytest.mark.parametrize(("provider", "answer", "kind", "next_step"), CASES)
def test_a_refusal_that_waiting_does_not_mend_is_asked_once_and_says_what_to_do(
    account: Callable[..., Account], provider: str, answer: Answer, kind: type[UsageLedgerError], next_step: str
) -> None:
    asking = account(provider)
    asking.server.answers["/any"] = answer
    slept: list[float] = []
    with pytest.raises(kind) as caught:
        ask(asking, slept)
    assert next_step in caught.value.next_step
    assert f"answered {answer.status}" in caught.value.what
    assert asking.server.count("/any") == 1
    assert slept == []


@pytest.mark.parametrize("text", PAUSED)
def test_a_pause_of_the_rate_is_no_suspended_account(account: Callable[..., Account], text: str) -> None:
    asking = account("openai")
    asking.server.answers["/any"] = Answer({"error": {"message": text}}, 429)
    with pytest.raises(provider_errors.RateLimited):
        ask(asking, [])
    assert asking.server.count("/any") > 1


@each_provider
def test_an_error_with_status_200_is_worded_as_one(account: Callable[..., Account], provider: str) -> None:
    asking = account(provider)
    asking.server.answers["/any"] = Answer(
        {"error": {"message": "no", "code": 3}} | dict.fromkeys(("message", "detail", "title"), "no")
    )
    with pytest.raises(provider_errors.BadRequest) as caught:
        ask(asking, [])
    assert f"{PROVIDERS[provider].title} answered 200 with an error: no" in caught.value.what


@pytest.mark.parametrize(
    ("provider", "report", "path", "answer"),
    [
        ("fireworks", "usage", "/billingUsage", Answer(sample(SUSPENDED), 412)),
        ("openai", "costs", "/costs", Answer(sample("openai-quota-429"), 429)),
        ("openai", "costs", "/costs", Answer(sample("openai-refused-region"), 403)),
    ],
)
def test_a_blocked_account_fails_its_load_with_the_next_step(
    account: Callable[..., Account], provider: str, report: str, path: str, answer: Answer
) -> None:
    asking = account(provider)
    asking.server.answers |= {
        path: answer,
        "/v1/accounts": Answer({"accounts": [{"name": f"accounts/{asking.account}"}]}),
        "/users": Answer({"users": [], "data": [], "has_more": False}),
        "/projects": Answer({"data": [], "has_more": False}),
    }
    ran = asking.run(DAY, reports=(report,))
    assert [error.report for error in ran.failures] == [report]
    assert asking.server.count(path) == 1
    loads = "SELECT state FROM ops.load WHERE connection_id = %s AND report = %s"
    assert asking.query(loads, report) == [("failed",)]
    assert asking.days(report) == {DAY: "failed"}
