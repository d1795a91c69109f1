"""Reading a query to the metrics server strictly, and refusing it in its own forms."""

import re
from datetime import UTC, date, datetime
from typing import NamedTuple

from fastapi import Request

from usage_ledger.sandbox.groq.account import GroqAccount
from usage_ledger.sandbox.kit.serving import Call, Json, Refusal

GroqCall = Call[GroqAccount]
MOST_POINTS = 30_000
_SUM = re.compile(r"sum by \(([a-z_]+(?:, ?[a-z_]+)*)\) ?\(([\w:]+)\)", re.ASCII)
_NAME = re.compile(r"[A-Za-z_:][\w:]*", re.ASCII)
_SECONDS = re.compile(r"[0-9]{1,10}(?:\.[0-9]{1,3})?", re.ASCII)


class Query(NamedTuple):
    """A metric, and the labels that its sum keeps; None for a metric that is not summed."""

    metric: str
    by: tuple[str, ...] | None


def invalid_key() -> Refusal:
    """An unknown key, in the form of the API."""
    return refusal(401, "Invalid API Key", "invalid_api_key")


def refusal(status: int, message: str, code: str = "") -> Refusal:
    """An error as the API writes it."""
    error = {"message": message, "type": "invalid_request_error"}
    return Refusal(status, {"error": error | ({"code": code} if code else {})})


def bad_query(message: str) -> Refusal:
    """An error as the metrics server writes it: the status is its type."""
    return Refusal(422, {"status": "error", "errorType": "422", "error": message})


def parse_query(text: str) -> Query:
    """A metric, or a sum of one by labels. Raises `Refusal` for any other expression."""
    if match := _SUM.fullmatch(text.strip()):
        return Query(match[2], tuple(name.strip() for name in match[1].split(",")))
    if _NAME.fullmatch(text.strip()):
        return Query(text.strip(), None)
    raise bad_query(f"cannot parse query {text[:80]!r}")


def seconds_of(request: Request, name: str) -> int:
    """A time as whole seconds since 1970. Raises `Refusal`."""
    text = request.query_params.get(name, "")
    if not _SECONDS.fullmatch(text):
        raise bad_query(f"cannot parse {name}={text[:40]!r}")
    return int(float(text))


def step_of(request: Request) -> int:
    """The step in seconds; five minutes without one. Raises `Refusal`."""
    text = request.query_params.get("step", "300").removesuffix("s")
    text = {"5m": "300", "1m": "60", "1h": "3600", "1d": "86400"}.get(text, text)
    if not text.isdecimal() or not 0 < int(text) <= 86_400:
        raise bad_query(f"cannot parse step={text[:40]!r}")
    return int(text)


def success(data: object) -> Json:
    """An answer as the metrics server writes it."""
    return {"status": "success", "data": data}


def dates_between(start: int, end: int) -> tuple[date, date]:
    """The first and the last UTC date of a range, as lists of names are kept by whole days."""
    return datetime.fromtimestamp(start, UTC).date(), datetime.fromtimestamp(end, UTC).date()
