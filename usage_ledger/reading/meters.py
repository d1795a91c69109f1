"""Meters as exact Arrow number columns; an error names the row and the field that cannot be read."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import repeat
from typing import Any, TypeGuard

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import UNSET

from usage_ledger.contracts.odcs import Column
from usage_ledger.contracts.registry import arrow_type
from usage_ledger.core import contract_errors, numbers
from usage_ledger.model.rows import Count, Meter, Money
from usage_ledger.reading.absence import check_absent, placed, undeclared_parts
from usage_ledger.reading.counts import whole_numbers
from usage_ledger.reading.durations import durations
from usage_ledger.reading.money import money
from usage_ledger.reading.nested import Rows

_PLAIN = re.compile(rb"(?:(?:0|[1-9][0-9]{0,18})(?:\.[0-9]{1,18})?(?:[eE]\+?[0-9]{1,2})?(?:,(?!\Z)|\Z))+")
"""Numbers that are not negative and not long, with a comma in between."""


@dataclass(frozen=True)
class Counted:
    """A meter's column, its exact sum (per currency, '' where there is none), and what a person should know of it.

    Python sums the raw values, independently of Arrow: the proof of conservation compares the ledger with this sum.
    """

    values: pa.Array
    sums: dict[str, int | Decimal]
    notes: Counter[str] = field(default_factory=Counter)
    """Number of values by kind of note: `rounded`, `absent_zero`, `clock_order`."""
    sent: pa.Array | None = None
    """Which rows have a value of their own; None where all values were sent or are null."""


AnyMeter = Meter | Money | Count


def meter_column(rows: Rows, meter: AnyMeter, column: Column, currencies: Sequence[str] | None) -> Counted:
    """A meter's column of the contract's type. Raises the number errors of `ContractBroken`, naming row and field."""
    if isinstance(meter, Count):
        return Counted(pa.repeat(pa.scalar(1, pa.int64()), len(rows)), {"": len(rows)})
    if _is_plain_count(meter, column):
        return _whole(rows, meter)
    if column.type == "bigint" and isinstance(meter, Meter) and not currencies and (plain := _plain(rows, meter)):
        return plain
    notes: Counter[str] = Counter()
    values = money(rows, meter) if isinstance(meter, Money) else _values(rows, meter, notes)
    sent = None
    if meter.absent == "zero" and None in values:
        sent = pa.array([value is not None for value in values])
        notes["absent_zero"] += values.count(None)
        values = [numbers.ZERO if value is None else value for value in values]
    exact = isinstance(meter, Money) or meter.exact
    kind = arrow_type(column)
    fitted: dict[Decimal | None, int | Decimal | None] = {None: None}
    alike = bool(values) and values.count(values[0]) == len(values)
    for value in {value for value in (values[:1] if alike else values) if value is not None}:
        try:
            fitted[value] = _fit(value, kind, exact=exact)
        except contract_errors.ContractBroken as error:
            raise placed(error, rows, meter.path, values.index(value)) from None
    pairs = zip(currencies, values, strict=True) if currencies else zip(repeat(""), values)
    often = {("", values[0]): len(values)} if alike and not currencies else Counter(pairs)
    sums, rounded = _summed(often, fitted)
    if rounded and not (isinstance(meter, Meter) and meter.double):
        notes["rounded"] += rounded
    if alike:
        return Counted(pa.repeat(pa.scalar(fitted[values[0]], kind), len(values)), sums, notes, sent)
    return Counted(pa.array(list(map(fitted.__getitem__, values)), kind), sums, notes, sent)


def _summed(
    often: Mapping[tuple[str, Decimal | None], int], fitted: Mapping[Decimal | None, int | Decimal | None]
) -> tuple[dict[str, int | Decimal], int]:
    """The sum of each currency, and how many values are rounded; `often`: how often each value comes."""
    sums: dict[str, int | Decimal] = {}
    rounded = 0
    for (currency, value), times in often.items():
        amount = fitted[value]
        if amount is not None:
            sums[currency] = numbers.added(sums.get(currency, 0), amount, times)
            rounded += times if amount != value else 0
    return sums, rounded


def _is_plain_count(meter: Meter | Money, column: Column) -> TypeGuard[Meter]:
    """Whether a meter's whole numbers become a column's without arithmetic."""
    if isinstance(meter, Money) or column.type != "bigint":
        return False
    return meter.form == "integer" and meter.scale == 1 and not meter.elapsed


def _plain(rows: Rows, meter: Meter) -> Counted | None:
    """The column of decimals that are all whole and in the column's unit; None where one is not, or needs more care."""
    if meter.form != "decimal" or meter.plus or meter.scale != 1 or meter.elapsed:
        return None
    text = b",".join(map(bytes, rows.column(meter.path)))
    if not _PLAIN.fullmatch(text):
        return None
    values = list(map(Decimal, text.decode().split(",")))
    whole = list(map(int, values))
    if whole != values or max(whole) > numbers.INT64_MAX:
        return None
    return Counted(pa.array(whole, pa.int64()), {"": sum(whole)})


def _fit(value: Decimal, kind: pa.DataType, *, exact: bool) -> int | Decimal:
    """A value as a column of that type holds it. Raises `FractionalCount`, `CostPrecision`, `OutOfRange`."""
    if pa.types.is_integer(kind):
        return numbers.whole(value, exact=exact)
    return numbers.fit(value, kind.precision, kind.scale, exact=exact)


def _values(rows: Rows, meter: Meter, notes: Counter[str]) -> list[Decimal | None]:
    """A meter's values in the column's unit, whatever their form and number of places."""
    if meter.form == "integer":
        whole = _counts(rows, meter)[0].to_pylist()
        values = [None if count is None else Decimal(count) for count in whole]
    else:
        values = _decimals(rows, meter, meter.path)
        for path in meter.plus:
            values = [_sum(one, other) for one, other in zip(values, _decimals(rows, meter, path), strict=True)]
    if meter.elapsed:
        values = durations(rows, meter, meter.elapsed, values, notes)
    if meter.scale != 1:
        values = [None if value is None else numbers.scaled(value, meter.scale) for value in values]
    return values


def _sum(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return other if one is None else one if other is None else numbers.added(one, other)


def _whole(rows: Rows, meter: Meter) -> Counted:
    column, total = _counts(rows, meter)
    sums: dict[str, int | Decimal] = {} if total is None else {"": total}
    if meter.absent != "zero" or not column.null_count:
        return Counted(column, sums)
    notes = Counter({"absent_zero": column.null_count})
    return Counted(column.fill_null(0), {"": total or 0}, notes, column.is_valid())


def _counts(rows: Rows, meter: Meter) -> tuple[pa.Array, int | None]:
    """The meter's column, null where it has no value, and the sum of its values; None where there is none."""
    column, *sums = _count(rows, meter, meter.path)
    for path in meter.plus:
        other, total = _count(rows, meter, path)
        column = _add(rows, meter, column, other)
        sums.append(total)
    if rows.page is not None and (meter.others or meter.unread):
        parts = undeclared_parts(rows, meter)
        column = _add(rows, meter, column, pa.array(parts, pa.int64()))
        sums += parts
    values = [value for value in sums if value is not None]
    return column, sum(values) if values else None


def _count(rows: Rows, meter: Meter, path: str) -> tuple[pa.Array, int | None]:
    """The column at one path, and the sum of its values; None where there is none."""
    values = rows.column(path)
    column = whole_numbers(rows, path)
    if path == meter.path and meter.spellings:
        values, column = _spelled(rows, meter)
    if column.null_count:
        check_absent(rows, meter, values, path=path)
        values = [value for value in values if value is not None and value is not UNSET]
    if path in rows.sums and values is rows.column(path):
        return column, rows.sums[path]
    return column, sum(map(int, values)) if values else None


def _spelled(rows: Rows, meter: Meter) -> tuple[list[Any], pa.Array]:
    """The values at the one of a meter's names that has one. Raises `ConflictingRows`."""
    column = whole_numbers(rows, meter.path)
    for path in meter.spellings:
        other = whole_numbers(rows, path)
        if (number := pc.index(pc.not_equal(column, other), True).as_py()) >= 0:
            where = f"{rows.place(number)}.{meter.path.replace('/', '.')}"
            names = f"{where} is {column[number]}, and `{path}`, its other name, is {other[number]}"
            raise contract_errors.ConflictingRows(names)
        column = pc.coalesce(column, other)
    return column.to_pylist(), column


def _add(rows: Rows, meter: Meter, one: pa.Array, other: pa.Array) -> pa.Array:
    """The sum where both have a value, else the one value."""
    try:
        return pc.coalesce(pc.add_checked(one, other), one, other)
    except pa.ArrowInvalid:
        paths = " + ".join((meter.path, *meter.plus)).replace("/", ".")
        sums = enumerate(zip(one.to_pylist(), other.to_pylist(), strict=True))
        number = next(number for number, pair in sums if None not in pair and sum(pair) > numbers.INT64_MAX)
        raise contract_errors.OutOfRange(f"{rows.place(number)}: {paths} is more than a column can hold") from None


def _decimals(rows: Rows, meter: Meter, path: str) -> list[Decimal | None]:
    literals = list(map(bytes, rows.column(path)))
    values = {literal: _decimal(rows, meter, path, literals, literal) for literal in set(literals)}
    return [*values.values()] * len(literals) if len(values) == 1 else list(map(values.__getitem__, literals))


def _decimal(rows: Rows, meter: Meter, path: str, literals: list[bytes], literal: bytes) -> Decimal | None:
    if literal in (b"", b"null"):
        blank = UNSET if literal == b"" else None
        check_absent(rows, meter, [blank if one == literal else 0 for one in literals], path=path)
        return None
    text = msgspec.json.decode(literal, type=str) if literal.startswith(b'"') else literal.decode()
    try:
        value = numbers.decimal(text)
        # A credit takes back what was charged; a duration is negative where clocks disagree.
        if value < 0 and rows.row_set.table != "cost_daily" and not meter.elapsed:
            raise contract_errors.NegativeCount(f"the quantity {text} is negative")
    except contract_errors.ContractBroken as error:
        raise placed(error, rows, path, literals.index(literal)) from None
    return value
