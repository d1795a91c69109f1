"""Reading a request to OpenRouter strictly, and refusing it."""

import re
from collections.abc import Callable
from datetime import date, timedelta

from starlette.datastructures import QueryParams

from usage_ledger.sandbox.kit.failures import Rows
from usage_ledger.sandbox.kit.queries import parse_whole
from usage_ledger.sandbox.kit.serving import Call, Endpoint, Json, Refusal
from usage_ledger.sandbox.openrouter.account import OpenRouterAccount

WINDOW_DAYS = 30
"""How many completed UTC days `/activity` reaches back."""
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
HASH = re.compile(r"[0-9a-f]{64}")
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_ONE_DAY = timedelta(days=1)
OpenRouterCall = Call[OpenRouterAccount]
AnyCall = Call[OpenRouterAccount | None]
"""A call by any key: only a management key opens an account."""


def refusal(status: int, message: str) -> Refusal:
    """An error as the API writes it."""
    return Refusal(status, {"error": {"code": status, "message": message}})


def days_of(params: QueryParams, today: date) -> tuple[date, ...]:
    """The days to answer with, the newest first. `today` is not over: it is left out."""
    days = tuple(today - number * _ONE_DAY for number in range(1, WINDOW_DAYS + 1))
    if "date" not in params:
        return days
    try:
        day = date.fromisoformat(params["date"] if _DATE.fullmatch(params["date"]) else "")
    except ValueError:
        raise refusal(400, "date must be a day as YYYY-MM-DD") from None
    if day not in days:
        raise refusal(400, "Date must be within the last 30 (completed) UTC days")
    return (day,)


def id_of(params: QueryParams, name: str, form: re.Pattern[str]) -> str:
    """An id; empty if it is not sent. Raises `Refusal`."""
    text = params.get(name, "")
    if name in params and not form.fullmatch(text):
        raise refusal(400, f"{name} is not valid")
    return text


def whole(params: QueryParams, name: str, default: int, lowest: int, highest: int) -> int:
    """A whole number. Raises `Refusal`."""
    number = parse_whole(params.get(name, str(default)), lowest, highest)
    if number is None:
        raise refusal(400, f"{name} must be a whole number from {lowest} to {highest}")
    return number


def managed(answer: Callable[[OpenRouterCall], Json], rows: Rows | None = None) -> Endpoint[OpenRouterAccount | None]:
    """An endpoint for management keys alone."""

    def respond(call: AnyCall) -> Json:
        if call.truth is None:
            raise refusal(403, "Only management keys can perform this operation")
        return answer(Call(call.request, call.truth, call.now, call.document))

    return Endpoint(respond, rows=rows)
