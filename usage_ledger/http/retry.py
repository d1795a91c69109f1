"""Computes how long to wait before a retry."""

import json
import random
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from usage_ledger.core.settings import RETRY_SCALE

LONGEST_RESET = 300
LONGEST_WAIT = 10**6
_WAIT = re.compile(r"\bin ~?([0-9]{1,6}) ?s(?:econds?)?\b")
_RESET = re.compile(r"x-ratelimit-reset", re.IGNORECASE)
_SPAN = re.compile(r"(?:([0-9]{1,4})h)?(?:([0-9]{1,4})m(?!s))?(?:([0-9]{1,4}(?:\.[0-9]{1,9})?)s)?(?:([0-9]{1,7})ms)?")


@dataclass(frozen=True, slots=True)
class Retries:
    """Full jitter: a random share of an exponentially growing cap. Seconds."""

    attempts: int = 4
    base: float = 1
    throttled_base: float = 5
    cap: float = 60
    longest_retry_after: float = 300
    """For a longer wait the task gives its slot back."""

    def wait(self, attempt: int, *, throttled: bool) -> float:
        """Seconds to wait after failed attempt number `attempt`, counted from 1."""
        base = self.throttled_base if throttled else self.base
        return random.uniform(0, min(self.cap, base * 2 ** (attempt - 1)))  # noqa: S311  jitter is no secret


class Budget:
    """Limits retries to one host: in an outage, more requests only add to the load.

    500 tokens; a retry costs 14, after a refusal for too many requests 5; a success gives its last cost back.
    """

    TOKENS, TRANSIENT, THROTTLED = 500, 14, 5

    def __init__(self) -> None:
        self._left, self._lock = self.TOKENS, threading.Lock()

    def spend(self, *, throttled: bool) -> int:
        """Take the cost of a retry and return it; 0 when too little is left."""
        cost = self.THROTTLED if throttled else self.TRANSIENT
        with self._lock:
            if self._left < cost:
                return 0
            self._left -= cost
        return cost

    def give_back(self, cost: int) -> None:
        """Return tokens after a success."""
        with self._lock:
            self._left = min(self.TOKENS, self._left + max(cost, 1))


_budgets: dict[str, Budget] = {}


def budget_of(host: str) -> Budget:
    """The budget that all clients of this process share for a host."""
    return _budgets.setdefault(host, Budget())


def scale() -> float:
    """USAGE_LEDGER_RETRY_SCALE multiplies every wait; 1 when it is absent or malformed."""
    return float(RETRY_SCALE.text)


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds that the answer asks to wait: `Retry-After` as seconds or as an HTTP date; None when invalid.

    A date counts from the answer's own `Date`, so that clocks need not agree. The largest of several values counts.
    """
    waits = [_seconds(value.strip(), headers, now) for value in headers.get("retry-after", "").split(", ")]
    if not any(waits) and headers.get("retry-after"):
        waits = [_seconds(headers["retry-after"].strip(), headers, now)]
    sane = [wait for wait in waits if wait is not None and wait > 0]
    return max(sane) if sane else None


def reset_after(headers: Mapping[str, str], now: datetime | None = None) -> float:
    """Seconds until the allowance is renewed, by any `x-ratelimit-reset…` header: seconds, `1m30s`, or an instant as
    seconds since 1970; 0 when there is none or it is over five minutes."""
    at = (date_of(headers) or now or datetime.now(UTC)).timestamp()
    waits = [_reset(value.strip().lower(), at) for name, value in headers.items() if _RESET.match(name)]
    return max((wait for wait in waits if 0 < wait <= LONGEST_RESET), default=0)


def _reset(value: str, at: float) -> float:
    if len(value) <= 12 and value.isascii() and value.replace(".", "", 1).isdigit():
        seconds = float(value)
        return seconds - at if seconds > 10**9 else seconds
    parts = _SPAN.fullmatch(value) if value else None
    if not parts:
        return 0
    return sum(float(part) * unit for part, unit in zip(parts.groups(), (3600, 60, 1, 0.001), strict=True) if part)


def date_of(headers: Mapping[str, str]) -> datetime | None:
    """The answer's `Date` header; None when it is absent or invalid."""
    try:
        return _date(headers.get("date", ""))
    except (ValueError, TypeError, OverflowError):
        return None


def _date(text: str) -> datetime:
    """Parse an HTTP date; without a zone it is UTC."""
    date = parsedate_to_datetime(text)
    return date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)


def _seconds(value: str, headers: Mapping[str, str], now: datetime | None) -> float | None:
    if len(value) <= 12 and value.isascii() and value.replace(".", "", 1).isdigit():
        return float(value)
    try:
        since = date_of(headers) or now or datetime.now(UTC)
        return (_date(value) - since).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None


def wait_in_body(body: bytes) -> float | None:
    """Seconds to wait by an error's body: `retry_after`, or "in ~30s" in its `detail`."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    document = document if isinstance(document, dict) else {}
    wait = document.get("retry_after")
    if isinstance(wait, int) and 0 <= wait < LONGEST_WAIT:
        return float(wait)
    match = _WAIT.search(str(document.get("detail")))
    return float(match[1]) if match else None
