"""How long a provider asks to wait: in headers or in an error's body, in any of the forms that vendors use."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from usage_ledger.json.text import plain

LONGEST_RESET = 300
"""Seconds. A longer renewal counts only where the header next to it says that nothing remains."""
LONGEST_WAIT = 10**7
EPOCH, EPOCH_MS = 10**9, 10**12
"""A number from here on is an instant, in seconds or milliseconds since 1970."""
_NUMBER = re.compile(r"[0-9]{1,13}(?:\.[0-9]{1,9})?")
_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1, "ms": 0.001}
_SPAN = re.compile(
    r"(?:([0-9]{1,4})d)?(?:([0-9]{1,4})h)?(?:([0-9]{1,4})m(?!s))?(?:([0-9]{1,7}(?:\.[0-9]{1,9})?)s)?"
    r"(?:([0-9]{1,9}(?:\.[0-9]{1,9})?)ms)?"
)
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)")
_RESET = re.compile(r"rate-?limit.*reset|reset.*rate-?limit", re.IGNORECASE)
_SENTENCE = re.compile(
    r"\b(?:in|after) ~?([0-9][0-9.]{0,12}) ?(m?s|m|h|d|seconds?|minutes?|hours?)((?:[0-9.]{1,12}m?s)?)\b"
)


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds that the answer asks to wait: `Retry-After` as seconds or as an HTTP date, `retry-after-ms`, seconds in a
    header whose name ends so (`…-quota-retry-after`); None when there is none that makes sense, or it is over.

    A date counts from the answer's own `Date`, so that clocks need not agree. The largest of several values counts.
    """
    text = headers.get("retry-after", "")
    waits = [_seconds(value.strip(), headers, now) for value in text.split(", ")]
    if not any(waits) and text:
        waits = [_seconds(text.strip(), headers, now)]
    if _NUMBER.fullmatch(milliseconds := headers.get("retry-after-ms", "").strip()):
        waits.append(float(milliseconds) / 1000)
    longer = [value.strip() for name, value in headers.items() if name.lower().endswith("-retry-after")]
    waits += [float(value) for value in longer if _NUMBER.fullmatch(value)]
    sane = [wait for wait in waits if wait is not None and wait > 0]
    return max(sane) if sane else None


def reset_after(headers: Mapping[str, str], now: datetime | None = None) -> float:
    """Seconds until the allowance that ran out is renewed, by any `…ratelimit…reset…` header; 0 when there is none.

    A value is a number of seconds, `1m30s`, or an instant: RFC 3339, or seconds or milliseconds since 1970. Where the
    `…remaining…` next to one header says 0, only such count; where it says more, that allowance did not run out.
    """
    at = (date_of(headers) or now or datetime.now(UTC)).timestamp()
    lower = {name.lower(): value.strip() for name, value in headers.items()}
    resets = {name: _reset(value, at) for name, value in lower.items() if _RESET.search(name)}
    remaining = {name: lower.get(name.replace("reset", "remaining"), "") for name in resets}
    used_up = [resets[name] for name in resets if _NUMBER.fullmatch(remaining[name]) and float(remaining[name]) == 0]
    if used_up:
        return max((wait for wait in used_up if 0 < wait <= LONGEST_WAIT), default=0)
    unclear = [wait for name, wait in resets.items() if len(resets) == 1 or not _NUMBER.fullmatch(remaining[name])]
    return max((wait for wait in unclear if 0 < wait <= LONGEST_RESET), default=0)


def wait_in_body(body: bytes, message: str = "") -> float | None:
    """Seconds to wait by an error's body: `retry_after`, google.rpc.RetryInfo, headers that it repeats, or a sentence
    such as "in ~30s" in its `detail` or its message."""
    try:
        document = msgspec.json.decode(plain(body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    document = document if isinstance(document, dict) else {}
    error = document["error"] if isinstance(document.get("error"), dict) else {}
    waits = [*_named(document), *_named(error), *_spoken(str(document.get("detail"))), *_spoken(message)]
    return next((wait for wait in waits if 0 < wait < LONGEST_WAIT), None)


def _named(error: Mapping[str, Any]) -> Iterator[float]:
    """The waits that fields of an error name."""
    wait = error.get("retry_after")
    if isinstance(wait, int | float) and not isinstance(wait, bool):
        yield float(wait)
    details = error.get("details")
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, dict) and isinstance(delay := detail.get("retryDelay"), str):
            yield _span(delay)
    metadata = error.get("metadata")
    headers = metadata.get("headers") if isinstance(metadata, dict) else None
    if isinstance(headers, dict):
        yield reset_after({str(name): str(value) for name, value in headers.items()})


def _spoken(text: str) -> Iterator[float]:
    for number, unit, rest in _SENTENCE.findall(text):
        if number.count(".") <= 1 and not number.endswith("."):
            short = unit if unit in _UNITS else unit[0]
            yield float(number) * _UNITS[short] + _span(rest)


def _reset(value: str, at: float) -> float:
    """Seconds from the instant `at` on; 0 for what makes no sense, less for what is over."""
    if _NUMBER.fullmatch(value):
        number = float(value)
        if number < EPOCH:
            return number
        return (number / 1000 if number >= EPOCH_MS else number) - at
    if _INSTANT.fullmatch(value):
        try:
            return datetime.fromisoformat(value.upper()).timestamp() - at
        except (ValueError, OverflowError):
            return 0
    return _span(value)


def _span(value: str) -> float:
    """Seconds of `1m30s`, `120ms`; 0 for another text."""
    parts = _SPAN.fullmatch(value.lower()) if value else None
    groups = parts.groups() if parts else ()
    return sum(float(part) * unit for part, unit in zip(groups, _UNITS.values(), strict=False) if part)


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
