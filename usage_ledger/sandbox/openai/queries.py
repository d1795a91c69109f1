"""What a request to OpenAI's organization endpoints asks for, read strictly, and how it is refused."""

from collections.abc import Iterable
from typing import NamedTuple, Self

from starlette.datastructures import QueryParams

from usage_ledger.sandbox.kit.paging import page_token, parts_of_token
from usage_ledger.sandbox.kit.serving import Call, Refusal
from usage_ledger.sandbox.kit.streams import stable
from usage_ledger.sandbox.openai.account import OpenAIAccount

# Seconds in a bucket; buckets in a page by default and at most.
Widths = dict[str, tuple[int, int, int]]
_CHOICES = {
    "sources": ("image.generation", "image.edit", "image.variation"),
    "sizes": ("256x256", "512x512", "1024x1024", "1792x1792", "1024x1792"),
    "context_levels": ("low", "medium", "high"),
    "batch": ("true", "false"),
}


def refusal(status: int, message: str, param: str | None = None, code: str | None = None) -> Refusal:
    """`param` is the parameter at fault."""
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    return Refusal(status, {"error": error})


def integer(params: QueryParams, name: str, default: int | None, low: int, high: int) -> int:
    text = params.get(name)
    if text is None:
        if default is None:
            raise refusal(400, f"Missing required parameter: '{name}'.", name, "missing_required_parameter")
        return default
    if not (text.removeprefix("-").isdigit() and text.isascii() and len(text) < 15):
        raise refusal(400, f"Invalid type for '{name}': expected an integer.", name, "invalid_type")
    value = int(text)
    if not low <= value <= high:
        side, sign, edge = ("below_min", ">=", low) if value < low else ("above_max", "<=", high)
        message = f"Invalid '{name}': integer {side.replace('_', ' ')}imum value. Expected a value {sign} {edge}."
        raise refusal(400, message, name, f"integer_{side}_value")
    return value


def chosen(name: str, text: str, choices: Iterable[str]) -> str:
    if text not in (available := tuple(choices)):
        listed = ", ".join(f"'{choice}'" for choice in available)
        raise refusal(400, f"Invalid value: '{text}'. Supported values are: {listed}.", name, "invalid_value")
    return text


def _filters(params: QueryParams, dimensions: Iterable[str]) -> dict[str, tuple[str | bool, ...]]:
    """The values that filters allow, by dimension. Parameters of other reports are ignored."""
    entries: dict[str, tuple[str | bool, ...]] = {}
    for dimension in dimensions:
        name = dimension if dimension == "batch" else f"{dimension}s"
        values = params.getlist(name) if dimension not in ("service_tier", "line_item") else []
        if name in _CHOICES:
            values = [chosen(name, value, _CHOICES[name]) for value in values]
        if values:
            entries[dimension] = (values[-1] == "true",) if dimension == "batch" else tuple(values)
    return entries


class BucketQuery(NamedTuple):
    """Buckets of `[first, end)` in Unix seconds, at most `limit` of them.

    `mark` is a hash of all parameters but the cursor.
    """

    first: int
    end: int
    width: int
    limit: int
    group_by: tuple[str, ...]
    filters: dict[str, tuple[str | bool, ...]]
    mark: int

    @classmethod
    def read(cls, call: Call[OpenAIAccount], dimensions: tuple[str, ...], widths: Widths) -> Self:
        """From the query string; raises `Refusal`."""
        params, account = call.params, call.truth
        start = integer(params, "start_time", None, 0, 10**14)
        # The bucket that is not over ends at the time of the call.
        moment = int(call.now.timestamp())
        end = integer(params, "end_time", max(moment, start + 1), 0, 10**14)
        if end <= start:
            raise refusal(400, "Invalid 'end_time': must be after 'start_time'.", "end_time", "invalid_value")
        width, default, most = widths[chosen("bucket_width", params.get("bucket_width", "1d"), widths)]
        limit = integer(params, "limit", default, 1, most)
        group_by = dict.fromkeys(chosen("group_by", name, dimensions) for name in params.getlist("group_by"))
        same = sorted(f"{name}={value}" for name, value in params.multi_items() if name != "page")
        mark = stable(account.seed, account.account, call.request.url.path, *same)
        first = _first_of(params["page"], mark) if "page" in params else start // 60 * 60
        filters = _filters(params, dimensions)
        return cls(first, min(end, moment), width, limit, tuple(group_by), filters, mark)

    def buckets(self) -> list[tuple[int, int]]:
        """The buckets of this page. The first and the last may be partial."""
        entries: list[tuple[int, int]] = []
        first = self.first
        while first < self.end and len(entries) < self.limit:
            after = min((first // self.width + 1) * self.width, self.end)
            entries.append((first, after))
            first = after
        return entries


def cursor(first: int, mark: int) -> str:
    return page_token(first, f"{stable(first, mark):x}")


def _first_of(page: str, mark: int) -> int:
    """Where a page begins. A cursor is valid only with the parameters that it was issued for."""
    first, *_ = parts_of_token(page) or ["0"]
    if not first.isdigit() or page != cursor(int(first), mark):
        raise refusal(400, "Invalid 'page': the cursor is not valid for this request.", "page", "invalid_value")
    return int(first)
