"""Failures on order, for every stand-in: refusals, a date without rows, answers that are cut, a foreign account.

They come after the answer is complete, so that a stand-in need not know of them: it says only where its rows are.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from functools import lru_cache, reduce
from http import HTTPStatus
from threading import Lock
from typing import Any, cast
from zoneinfo import ZoneInfo

import msgspec
from fastapi import Request

from usage_ledger.sandbox.kit.queries import parse_instant

_PAGING = frozenset(("page", "cursor", "pageToken", "offset", "after", "after_id", "before_id"))
_decode = msgspec.json.Decoder(float_hook=Decimal).decode
encode = msgspec.json.Encoder(decimal_format="number").encode
"""Decimals are written as numbers, digit by digit."""


def phrase_of(status: int) -> str:
    """What HTTP calls a status."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"Error {status}"


@dataclass(frozen=True)
class Rows:
    """Where an answer has a report's rows: the items of `arrays`, or of the array `inside` each such item.

    An array may lie in objects: `data/result`. `time` is the field of an item that says when: RFC 3339, a date, or Unix
    seconds. An item may have its own list of `points` instead, each a time, the end of what it stands for, and a value.
    `dead_end` is what the answer says when more follows, with a page token that the API refuses.
    """

    arrays: tuple[str, ...] = ()
    time: str = ""
    inside: str = ""
    dead_end: Callable[[Request], Mapping[str, object]] = lambda _request: {}
    points: str = ""


@dataclass(frozen=True)
class Failures:
    """What goes wrong. Without values, nothing does.

    The first `times` requests of each report are refused with `status`. The usage date `empty` has no rows, by UTC or
    the time zone that the request names. With `partial`, an answer holds the first half of its rows. With
    `other_account`, a key opens an account that is not its own.
    """

    status: int = 429
    times: int = 0
    empty: date | None = None
    partial: bool = False
    other_account: bool = False
    _requests: Counter[object] = field(default_factory=Counter, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def refuses(self, request: Request) -> bool:
        """Whether this request of a report is refused; counts it."""
        report = _report_of(request)
        with self._lock:
            self._requests[report] += 1
            return self._requests[report] <= self.times

    def opened(self, account: Any) -> Any:
        """What a key opens instead of `account`."""
        if not self.other_account or account is None:
            return account
        if isinstance(account, Mapping):
            return {name: _foreign(one) for name, one in account.items()}
        return _foreign(account)

    def spoil(self, body: bytes, rows: Rows, request: Request) -> bytes:
        """The answer with fewer rows."""
        if not (self.partial or self.empty) or not rows.arrays:
            return body
        answer = _decode(body)
        zone = ZoneInfo(request.query_params.get("timezone") or "UTC")
        for path in rows.arrays:
            *outer, name = path.split("/")
            holder = reduce(lambda one, field: one[field], outer, answer)
            items = holder[name]
            if self.empty and (rows.time or rows.points):
                items = _without(items, self.empty, rows, zone)
            holder[name] = items[: len(items) // 2] if self.partial else items
        return encode(answer | dict(rows.dead_end(request)) if self.partial else answer)


def _report_of(request: Request) -> object:
    """What all requests of a report share: path, groups, and the names of parameters other than a page's."""
    params = request.query_params
    groups = sorted((name, value) for name, value in params.multi_items() if "group" in name.lower())
    names = frozenset(params) - _PAGING
    return request.scope["route"].path, request.path_params.get("report"), tuple(groups), names


# Cached: an account computes its contents once, so one must serve every request.
@lru_cache(maxsize=64)
def _foreign(account: Any) -> Any:
    return replace(account, account=f"other-{account.account}")


def _without(items: list[Any], day: date, rows: Rows, zone: tzinfo) -> list[Any]:
    if rows.points:
        cut = [item | {rows.points: [one for one in item[rows.points] if _ended(one) != day]} for item in items]
        return [item for item in cut if item[rows.points]]
    if rows.inside:
        return [item | {rows.inside: []} if _date_of(item[rows.time], zone) == day else item for item in items]
    return [item for item in items if _date_of(item[rows.time], zone) != day]


def _ended(point: list[Any]) -> date:
    """The UTC date of what ends at a point's time."""
    return datetime.fromtimestamp(int(point[0]) - 1, UTC).date()


def _date_of(value: object, zone: tzinfo) -> date:
    if isinstance(value, int):
        return datetime.fromtimestamp(value, UTC).astimezone(zone).date()
    text = cast(str, value)
    moment = parse_instant(text)
    return moment.astimezone(zone).date() if moment else date.fromisoformat(text[:10])
