"""Reading a request to Anthropic's Admin API strictly, and refusing it."""

from collections.abc import Collection
from datetime import datetime

from starlette.datastructures import QueryParams

from usage_ledger.sandbox.anthropic.account import AnthropicAccount
from usage_ledger.sandbox.kit.paging import page_token, parts_of_token
from usage_ledger.sandbox.kit.queries import parse_instant, parse_whole
from usage_ledger.sandbox.kit.serving import Call, Json, Refusal

AnthropicCall = Call[AnthropicAccount]
ENUMS = {
    "service_tier": ("standard", "batch", "priority", "priority_on_demand", "flex", "flex_discount"),
    "context_window": ("0-200k", "200k-1M"),
    "inference_geo": ("global", "us", "not_available"),
}


def refusal(status: int, kind: str, message: str) -> Refusal:
    """An error of one of the API's kinds."""
    return Refusal(status, {"type": kind, "message": message})


def invalid(message: str) -> Refusal:
    """The refusal of a parameter."""
    return refusal(400, "invalid_request_error", message)


def instant(params: QueryParams, name: str, rest: str = "") -> datetime:
    """A parameter as an instant in UTC; `rest` completes it. Raises `Refusal`."""
    text = params.get(name, "") + rest
    if "2000" <= text[:4] <= "2100":
        try:
            moment = parse_instant(text)
        except ValueError:
            raise invalid(f"{name}: Input should be a date that exists") from None
        if moment:
            return moment
    raise invalid(f"{name}: Input should be a date and time with a zone, or a date for claude_code")


def many(params: QueryParams, name: str, allowed: Collection[str]) -> list[str]:
    """The values of a parameter, each once. Raises `Refusal` for one that is not allowed; empty allows all."""
    entries = list(dict.fromkeys(params.getlist(name)))
    for number, value in enumerate(entries):
        if allowed and value not in allowed:
            raise invalid(f"{name}.{number}: Input should be one of {', '.join(allowed)}")
    return entries


def one(params: QueryParams, name: str, allowed: Collection[str], default: str) -> str:
    """The value of a parameter; the last one, if it is repeated."""
    return (many(params, name, allowed) or [default])[-1]


def limit(params: QueryParams, default: int, largest: int) -> int:
    """How many entries a page may hold. Raises `Refusal`."""
    size = parse_whole(params.get("limit", str(default)), 1, largest)
    if size is None:
        raise invalid(f"limit: Input should be between 1 and {largest}")
    return size


def read_cursor(params: QueryParams, count: int) -> list[int]:
    """The numbers behind `page`, none on the first page."""
    token = params.get("page")
    if token is None:
        return []
    numbers = [int(part) for part in parts_of_token(token) if part.isdigit()]
    # Only a token that was issued is valid.
    if len(numbers) != count or page_token(*numbers) != token:
        raise invalid("page: Invalid page token")
    return numbers


def paged(data: list[Json], following: str | None) -> Json:
    """A page, with the token of the next one."""
    return {"data": data, "has_more": following is not None, "next_page": following}
