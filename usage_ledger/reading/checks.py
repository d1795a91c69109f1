"""Checks of rows before they become facts: of what the answer promises, and of the account that it is of."""

from collections import Counter
from functools import reduce
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from msgspec import UNSET, Raw

from usage_ledger.core import contract_errors, provider_errors
from usage_ledger.model.dimension import Dimension
from usage_ledger.reading.counts import whole_numbers
from usage_ledger.reading.days import Buckets, bucket_start
from usage_ledger.reading.gathered import Gathered
from usage_ledger.reading.meters import Counted
from usage_ledger.reading.nested import Rows
from usage_ledger.reading.paths import levels_up
from usage_ledger.reading.undeclared import new_name_of_count, number_in


def check_buckets(rows: Rows, buckets: Buckets, gathered: Gathered, page: str) -> None:
    """Refuse a bucket that comes twice where rows may repeat: its rows look like repeats. Raises `DuplicateRow`."""
    path = bucket_start(rows.row_set)
    if not rows.row_set.repeats or not path:
        return
    if levels_up(path):
        _, holders = rows.levels[-1 - levels_up(path)]
        days = [*dict(zip(map(id, holders), buckets.dates.to_pylist(), strict=True)).values()]
        twice = [day for day, count in Counter(days).items() if count > 1]
        if twice:
            raise contract_errors.DuplicateRow(f"{rows.row_set.name}: {twice[0]} comes twice in the answer")
    for day in buckets.days:
        if gathered.pages.setdefault((rows.row_set.name, day), page) != page:
            raise contract_errors.DuplicateRow(f"{rows.row_set.name}: {day} comes twice in the answer")


def check_balances(rows: Rows, gathered: Gathered) -> None:
    for balance in rows.row_set.balances:
        total, *parts = (whole_numbers(rows, path) for path in (balance.total, *balance.parts))
        difference = reduce(pc.subtract, parts, total)
        wrong = pc.index(pc.not_equal(difference, 0), True).as_py()
        if wrong < 0:
            continue
        if not balance.promised:
            names = [path.replace("/", ".") for path in (balance.total, *balance.parts)]
            gathered.differing.add(f"{rows.row_set.name}: `{names[0]}` is not {' + '.join(names[1:])}")
            continue
        where = f"{rows.place(wrong)}.{balance.total}"
        addends = " + ".join(str(part[wrong]) for part in parts)
        raise contract_errors.ContractBroken(f"{where} is {total[wrong]}, but its parts are {addends}")


def check_owner(rows: Rows, account: str) -> None:
    """Refuse an answer that holds a resource of another account. Raises `WrongAccount`."""
    for dimension in (one for one in rows.row_set.dimensions if isinstance(one, Dimension)):
        own = dimension.within.replace("{account}", account)
        for path in dimension.paths if own else ():
            for value in dict.fromkeys(rows.column(path)):
                if value and "/" in value and not value.startswith(own):
                    raise provider_errors.WrongAccount(f"{rows.row_set.name}: {value} is not of account {account}")


def _unsent(counted: Counted) -> pa.Array:
    return counted.values.is_null() if counted.sent is None else pc.invert(counted.sent)


def check_metered(rows: Rows, meters: dict[str, Counted]) -> None:
    """Refuse a row without any meter value: it would be lost silently. Raises `MissingField`.

    One whose values are all 0 because they are absent is refused where it counts something that is not declared.
    """
    if any(counted.sent is None and not counted.values.null_count for counted in meters.values()):
        return
    silent = reduce(pc.and_, (_unsent(counted) for counted in meters.values()))
    zeros = reduce(pc.and_, (counted.values.is_null() for counted in meters.values()))
    for number in pc.indices_nonzero(silent).to_pylist():
        if not zeros[number].as_py() and not any(map(number_in, rows.undeclared(number).values())):
            continue
        raise contract_errors.MissingField(
            f"{rows.place(number)} has no meter value: {', '.join(meters)} are all missing"
        )


def skip_incomplete(rows: Rows, gathered: Gathered) -> Rows:
    """The rows that have a value; one that may have it under a new name stays, for its date to be refused."""
    path = rows.row_set.skip_when_missing
    complete = [
        number
        for number, value in enumerate(rows.column(path))
        if not _is_blank(value) or new_name_of_count(path, "", rows.undeclared(number))
    ]
    if len(complete) == len(rows):
        return rows
    severity = "info" if rows.row_set.basis == "estimated" or rows.row_set.blank_is_idle else "warning"
    key = (f"{rows.row_set.name}.{path.replace('/', '.')}", severity)
    gathered.skipped[key] += len(rows) - len(complete)
    return rows.only(complete)


def _is_blank(value: Any) -> bool:
    return value is None or value is UNSET or (isinstance(value, Raw) and bytes(value) in (b"", b"null"))
