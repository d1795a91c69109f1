"""How long a provider asks to wait, in every form that vendors use."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from usage_ledger.http.waits import reset_after, retry_after, wait_in_body

NOW = datetime(2026, 11, 20, 13, 7, tzinfo=UTC)
EPOCH = int(NOW.timestamp())


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": format_datetime(later(90), usegmt=True)}, 90),
        ({"retry-after": format_datetime(later(-90), usegmt=True)}, None),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after-ms": "1500", "retry-after": "1"}, 1.5),
        ({"retry-after-ms": "1500", "retry-after": "2"}, 2),
        ({"X-Ratelimit-Cost-Qpu-Retry-After": "60", "Retry-After": "5"}, 60),
        ({"x-ratelimit-cost-entity-retry-after": "9"}, 9),
        ({"x-ratelimit-cost-entity-retry-after": "soon"}, None),
        ({"retry-after-ms": "soon"}, None),
        ({"retry-after-ms": "-5"}, None),
        ({}, None),
    ],
)
def test_a_wait_in_seconds_milliseconds_or_as_a_date(headers: dict[str, str], wait: float | None) -> None:
    assert retry_after(headers, NOW) == wait


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("12", 12),
        ("8.64s", 8.64),
        ("1m30s", 90),
        ("6m0s", 0),  # longer than five minutes, and nothing says that this allowance ran out
        ("4m59s", 299),
        ("120ms", 0.12),
        (str(EPOCH + 40), 40),
        (str(EPOCH * 1000 + 1500), 1.5),
        (later(45).isoformat(), 45),
        (f"{later(45):%Y-%m-%dT%H:%M:%SZ}", 45),
        (f"{later(45):%Y-%m-%dT%H:%M:%S.250Z}", 45.25),
        (f"{later(-45):%Y-%m-%dT%H:%M:%SZ}", 0),
        (str(EPOCH - 40), 0),
        (str(EPOCH * 1000 - 40), 0),
        ("2026-13-45T00:00:00Z", 0),
        ("soon", 0),
        ("-3", 0),
        ("", 0),
    ],
)
@pytest.mark.parametrize(
    "name", ["x-ratelimit-reset", "X-RateLimit-Reset-Requests", "anthropic-ratelimit-requests-reset", "RateLimit-Reset"]
)
def test_a_renewal_as_seconds_a_span_or_an_instant(name: str, value: str, wait: float) -> None:
    assert reset_after({name: value}, NOW) == pytest.approx(wait)


def test_a_renewal_counts_from_the_answers_own_clock() -> None:
    ahead = later(3 * 86400)
    headers = {
        "date": format_datetime(ahead, usegmt=True),
        "anthropic-ratelimit-requests-reset": (ahead + timedelta(seconds=20)).isoformat(),
    }
    assert reset_after(headers, NOW) == 20


@pytest.mark.parametrize(
    ("requests", "tokens", "wait"),
    [
        (("0", "8.64s"), ("100", "4m0s"), 8.64),
        (("5", "8.64s"), ("0", "6m0s"), 360),
        (("0", "8.64s"), ("0", "6m0s"), 360),
        (("0", "2026-11-20T13:06:00Z"), ("100", "4m0s"), 0),
        (("5", "8.64s"), ("100", "4m0s"), 0),
        (("", "8.64s"), ("100", "4m0s"), 8.64),
    ],
)
def test_of_several_renewals_only_that_of_what_ran_out_counts(
    requests: tuple[str, str], tokens: tuple[str, str], wait: float
) -> None:
    headers = {
        "x-ratelimit-remaining-requests": requests[0],
        "x-ratelimit-reset-requests": requests[1],
        "x-ratelimit-remaining-tokens": tokens[0],
        "x-ratelimit-reset-tokens": tokens[1],
    }
    assert reset_after(headers, NOW) == pytest.approx(wait)


REPEATED = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "30"}


@pytest.mark.parametrize(
    ("document", "message", "wait"),
    [
        ({"retry_after": 9}, "", 9),
        ({"error": {"retry_after": 1.5}}, "", 1.5),
        ({"detail": "Request was throttled. Your rate limit resets in ~30s."}, "", 30),
        ({"error": {"details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "12s"}]}}, "", 12),
        ({"details": [{"retryDelay": "1.500s"}]}, "", 1.5),
        ({"error": {"metadata": {"headers": REPEATED}}}, "", 30),
        ({}, "Rate limit reached. Please try again in 20s.", 20),
        ({}, "Please try again in 6m0s.", 360),
        ({}, "Please try again in 120ms.", 0.12),
        ({}, "Try again in 2 minutes", 120),
        ({}, "Too many requests in this minute.", None),
        ({"retry_after": True}, "", None),
        ({"retry_after": -3}, "", None),
        ({"retry_after": 10**12}, "", None),
        ([], "", None),
    ],
)
def test_a_wait_in_the_body(document: Any, message: str, wait: float | None) -> None:
    assert wait_in_body(json.dumps(document).encode(), message) == (wait if wait is None else pytest.approx(wait))
