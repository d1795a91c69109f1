"""The answer of `usageCosts:query`: serverless token money by UTC day and one dimension, in whole nanodollars.

A key at the fifth place is used by a service without a user: its money is nobody's by user.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple, Self

from usage_ledger.sandbox.fireworks.account import FireworksAccount, Model, Pair
from usage_ledger.sandbox.fireworks.costs import money
from usage_ledger.sandbox.fireworks.queries import LONGEST_WINDOW, invalid
from usage_ledger.sandbox.kit.queries import parse_instant
from usage_ledger.sandbox.kit.serving import Json
from usage_ledger.sandbox.kit.slots import Day, instant_of, rfc3339

DIMENSIONS = {"API_KEY": "apiKeyId", "MODEL": "model", "USER": "user"}
_REACH = timedelta(days=100)
_LARGEST_PAGE = 1000


class CostQuery(NamedTuple):
    """The UTC dates `[start, end)` by day and one dimension, and the page: groups `[first, last)`."""

    start: date
    end: date
    dimension: str
    first: int
    size: int

    @classmethod
    def read(cls, document: Any, now: datetime) -> Self:
        """From the body; raises `Refusal`."""
        names = {"startTime", "endTime", "scope", "groupBy", "pageSize", "pageToken"}
        if not isinstance(document, dict) or not set(document) <= names:
            raise invalid("the body has an unknown field")
        start, end = (parse_instant(str(document.get(name, ""))) for name in ("startTime", "endTime"))
        if start is None or end is None or not start < end <= start + LONGEST_WINDOW:
            raise invalid("start_time and end_time must be at most 31 days apart")
        if start < now - _REACH:
            raise invalid("start_time must not be more than 100 days in the past")
        groups = document.get("groupBy")
        if document.get("scope") != "ACCOUNT" or not isinstance(groups, list) or len(groups) != 2 or groups[0] != "DAY":
            raise invalid("scope and group_by are not served")
        if groups[1] not in DIMENSIONS:
            raise invalid(f"unknown group_by {groups[1]!r}")
        token = str(document.get("pageToken") or "page-0").removeprefix("page-")
        if not token.isdigit():
            raise invalid("page_token is not valid")
        size = min(int(document.get("pageSize") or _LARGEST_PAGE), _LARGEST_PAGE)
        return cls(start.date(), end.date(), groups[1], int(token), size)


def key_costs(account: FireworksAccount, query: CostQuery, days: Sequence[Day], limit: int, now: datetime) -> Json:
    """One page of the answer; the subtotal is of all pages."""
    groups: dict[str, list[Pair]] = defaultdict(list)
    values = _values(account, query.dimension)
    for pair in account.all_pairs:
        groups[values(pair)].append(pair)
    models = {model.model_id: model for model in account.all_models}
    rows = {name: _rows(query.dimension, name, pairs, models, days, limit) for name, pairs in sorted(groups.items())}
    total = sum(nanos for of_group in rows.values() for _, nanos in of_group)
    page = [*rows.values()][query.first : query.first + query.size]
    following = query.first + query.size
    return {
        "rows": [{"dimensions": place, "subtotal": money(nanos)} for of_group in page for place, nanos in of_group],
        "subtotal": money(total),
        "evaluationTime": rfc3339(now),
        "attributionCompleteness": "INCOMPLETE" if "" in rows else "COMPLETE",
        "nextPageToken": f"page-{following}" if following < len(rows) else "",
    }


def _values(account: FireworksAccount, dimension: str) -> Callable[[Pair], str]:
    nobodys = {key.key_id for key in account.all_keys[4:5]}

    def user(pair: Pair) -> str:
        return "" if pair.key.key_id in nobodys else f"accounts/{account.account}/users/{pair.key.owner}"

    by_dimension: dict[str, Callable[[Pair], str]] = {
        "API_KEY": lambda pair: pair.key.key_id,
        "MODEL": lambda pair: pair.model_id,
        "USER": user,
    }
    return by_dimension[dimension]


def _rows(
    dimension: str, name: str, pairs: Sequence[Pair], models: Mapping[str, Model], days: Sequence[Day], limit: int
) -> list[tuple[Json, int]]:
    """The days on which a group cost something, with nanodollars."""
    rows: list[tuple[Json, int]] = []
    for day in days:
        first, last = min(day.first, limit), min(day.last, limit)
        nanos = (
            sum(_pico(pair, models[pair.model_id], first, last) for pair in pairs if pair.model_id in models) // 1000
        )
        if nanos:
            place: Json = {"startTime": rfc3339(instant_of(day.first)), "unknownModel": False}
            place |= {DIMENSIONS[dimension]: name} if name else {"unattributedDimensions": [dimension]}
            rows.append((place, nanos))
    return rows


def _pico(pair: Pair, model: Model, first: int, last: int) -> int:
    priced = ((pair.cached, model.cached_pico), (pair.uncached, model.uncached_pico), (pair.output, model.output_pico))
    return sum(stream.between(first, last) * pico for stream, pico in priced)
