"""The price book: makes the intervals of one source of prices equal to what it says, and records what changed.

A row is never edited but for `superseded_at`. What a source said at any time can still be asked.
"""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, astuple, dataclass, replace
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Literal

from psycopg2.extensions import cursor as Cursor  # noqa: N812

from usage_ledger.warehouse.sql import statement

OPEN = date.max
"""The end of an interval that nothing ends; `infinity` in the warehouse."""
Origin = Literal["contract", "list", "bill", "catalogue"]


@dataclass(frozen=True, slots=True)
class Price:
    """What `per` of a meter cost in a half-open interval of dates. '' is any connection, region, or host."""

    provider: str
    connection_id: str
    model: str
    family: str
    meter: str
    service_tier: str
    context_from: int
    region: str
    host: str
    currency: str
    amount: Decimal
    per: Decimal
    valid_from: date
    valid_to: date = OPEN

    @property
    def key(self) -> tuple[object, ...]:
        """What is priced: all but the price, the family and the dates."""
        return astuple(replace(self, family="", amount=Decimal(0), valid_from=OPEN, valid_to=OPEN))


def record_prices(
    cursor: Cursor,
    rows: Iterable[Price],
    *,
    origin: Origin,
    rank: int,
    source: str,
    who: str,
    load_id: str | None = None,
    as_of: date | None = None,
    until: date = OPEN,
) -> int:
    """Make the current prices of a source equal to `rows`; how many rows were written or superseded.

    With `as_of`, rows are the whole list as it was then, and decide the dates from then to `until`, the date of the
    next list: what left the list ends there, and dates before stay. Equal prices change nothing.
    """
    of_source = {"origin": origin, "rank": rank, "source": source}
    cursor.execute(statement("load/prices_lock"), of_source)
    ((at,),) = cursor.fetchall()
    cursor.execute(statement("load/prices_current"), of_source)
    current = _by_key(Price(*row) for row in cursor.fetchall())
    target = _by_key(rows)
    gone: list[Price] = []
    new: list[Price] = []
    changes: list[dict[str, object]] = []
    for key in sorted(current.keys() | target.keys(), key=repr):
        before, after = current.get(key, []), target.get(key, [])
        if as_of is not None:
            after = _joined([*_outside(before, as_of, until), *(_within(one, as_of, until) for one in after)])
        gone += [one for one in before if one not in after]
        new += [one for one in after if one not in before]
        changes += _changes(before, after)
    values = of_source | {"at": at, "who": who, "load_id": load_id}
    for name, written in (("supersede", gone), ("insert", new)):
        if written:
            cursor.execute(statement(f"load/prices_{name}"), values | {"rows": _json(map(asdict, written))})
    if changes:
        cursor.execute(statement("load/prices_change"), values | {"rows": _json(changes)})
    return len(gone) + len(new)


def _by_key(rows: Iterable[Price]) -> dict[tuple[object, ...], list[Price]]:
    by_key: dict[tuple[object, ...], list[Price]] = defaultdict(list)
    for row in sorted(rows, key=lambda one: one.valid_from):
        by_key[row.key].append(row)
    return by_key


def _within(row: Price, first: date, end: date) -> Price:
    return replace(row, valid_from=first, valid_to=end)


def _outside(rows: Iterable[Price], first: date, end: date) -> list[Price]:
    """The intervals without the dates from `first` to `end`."""
    return [
        replace(row, valid_from=start, valid_to=stop)
        for row in rows
        for start, stop in ((row.valid_from, min(row.valid_to, first)), (max(row.valid_from, end), row.valid_to))
        if start < stop
    ]


def _joined(rows: Iterable[Price]) -> list[Price]:
    """Intervals in order; neighbours of one price are one."""
    joined: list[Price] = []
    for row in sorted(rows, key=lambda one: one.valid_from):
        last = joined[-1] if joined else None
        if last and last.valid_to == row.valid_from and _within(last, OPEN, OPEN) == _within(row, OPEN, OPEN):
            joined[-1] = replace(last, valid_to=row.valid_to)
        else:
            joined.append(row)
    return joined


def _changes(before: list[Price], after: list[Price]) -> list[dict[str, object]]:
    """Each longest interval in which the price is another one, or in which one begins or ends."""
    edges = sorted({edge for row in (*before, *after) for edge in (row.valid_from, row.valid_to)})
    changes: list[dict[str, object]] = []
    for first, end in pairwise(edges):
        old, new = _at(before, first), _at(after, first)
        if old == new:
            continue
        last = changes[-1] if changes else {}
        if (last.get("valid_to"), last.get("old"), last.get("new")) == (first, old, new):
            last["valid_to"] = end
        else:
            one = asdict((after or before)[0])
            changes.append(one | {"old": old, "new": new, "valid_from": first, "valid_to": end})
    return changes


def _at(rows: Iterable[Price], day: date) -> Decimal | None:
    return next((row.amount for row in rows if row.valid_from <= day < row.valid_to), None)


def _json(rows: Iterable[dict[str, object]]) -> str:
    """Rows for a statement; numbers stay exact as texts."""
    return json.dumps([{name: _text(value) for name, value in row.items()} for row in rows])


def _text(value: object) -> str | int | None:
    if isinstance(value, date):
        return "infinity" if value == OPEN else value.isoformat()
    return (
        f"{value:f}" if isinstance(value, Decimal) else value if isinstance(value, int) or value is None else str(value)
    )
