"""How long to wait before the same request again."""

import os
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


@dataclass(frozen=True, slots=True)
class Retries:
    """Full jitter: a random share of an exponentially growing cap. Seconds."""

    attempts: int = 4
    base: float = 1
    throttled_base: float = 5
    cap: float = 60
    longest_retry_after: float = 300
    """A provider that asks for more gets it, but not in this process: the task gives its slot back."""

    def wait(self, attempt: int, *, throttled: bool) -> float:
        """Seconds to wait after failed attempt number `attempt`, counted from 1."""
        base = self.throttled_base if throttled else self.base
        return random.uniform(0, min(self.cap, base * 2 ** (attempt - 1)))  # noqa: S311  jitter is no secret


def scale() -> float:
    """USAGE_LEDGER_RETRY_SCALE multiplies every wait; default 1."""
    try:
        return max(0.0, float(os.environ.get("USAGE_LEDGER_RETRY_SCALE") or 1))
    except ValueError:
        return 1.0


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds that the answer asks to wait: `Retry-After` as seconds or as an HTTP date; None when not sane.

    A date counts from the answer's own `Date`, so that clocks need not agree. Of several values the largest holds.
    """
    waits = [_seconds(value.strip(), headers, now) for value in headers.get("retry-after", "").split(", ")]
    if not any(waits) and headers.get("retry-after"):
        waits = [_seconds(headers["retry-after"].strip(), headers, now)]
    sane = [wait for wait in waits if wait is not None and wait > 0]
    return max(sane) if sane else None


def date_of(headers: Mapping[str, str]) -> datetime | None:
    """The answer's own `Date`; None when it has none that can be read."""
    try:
        return parsedate_to_datetime(headers.get("date", ""))
    except (ValueError, TypeError):
        return None


def _seconds(value: str, headers: Mapping[str, str], now: datetime | None) -> float | None:
    if len(value) <= 12 and value.isascii() and value.replace(".", "", 1).isdigit():
        return float(value)
    try:
        until = parsedate_to_datetime(value)
        since = date_of(headers) or now or datetime.now(UTC)
        return (until - since).total_seconds()
    except (ValueError, TypeError):
        return None
