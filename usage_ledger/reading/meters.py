"""Meters as exact Arrow number columns; an error names the row and the field that cannot be read."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from itertools import repeat
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import UNSET

from usage_ledger.contracts.odcs import Column
from usage_ledger.core import contract_errors, errors, numbers
from usage_ledger.model.rows import Count, Meter, Money
from usage_ledger.reading.days import instant
from usage_ledger.reading.nested import Rows


@dataclass(frozen=True)
class Counted:
    """A meter's column, its exact sum (per currency, '' where there is none), and how many cells were rounded.

    Python sums the raw values, independently of Arrow: the proof of conservation compares the ledger with this sum.
    """

    values: pa.Array
    sums: dict[str, int | Decimal]
    rounded: int = 0


AnyMeter = Meter | Money | Count


def meter_column(rows: Rows, meter: AnyMeter, column: Column, currencies: Sequence[str] | None) -> Counted:
    """A meter's column of the contract's type. Raises the number errors of `ContractBroken`, naming row and field."""
    if isinstance(meter, Count):
        return Counted(pa.repeat(pa.scalar(1, pa.int64()), len(rows)), {"": len(rows)})
    if isinstance(meter, Meter) and meter.form == "integer" and column.type == "bigint":
        return _counts(rows, meter)
    values = _money(rows, meter) if isinstance(meter, Money) else _values(rows, meter)
    exact = isinstance(meter, Money) or meter.exact
    precision, scale = column.precision_and_scale
    fitted: dict[Decimal | None, Decimal | None] = {None: None}
    for value in {value for value in values if value is not None}:
        try:
            fitted[value] = numbers.fit(value, precision, scale, exact=exact)
        except contract_errors.ContractBroken as error:
            raise _placed(error, rows, meter.path, values.index(value)) from None
    often = Counter(zip(currencies, values, strict=True) if currencies else zip(repeat(""), values))
    sums: dict[str, int | Decimal] = {}
    rounded = 0
    for (currency, sent), times in often.items():
        amount = fitted[sent]
        if amount is not None:
            sums[currency] = numbers.added(sums.get(currency, 0), amount, times)
            rounded += times if amount != sent else 0
    cells = list(map(fitted.__getitem__, values))
    return Counted(pa.array(cells, pa.decimal128(precision, scale)), sums, rounded)


def _values(rows: Rows, meter: Meter) -> list[Decimal | None]:
    """A meter's values in the column's unit, whatever their form and number of places."""
    if meter.form == "integer":
        whole = _counts(rows, meter).values.to_pylist()
        values = [None if count is None else Decimal(count) for count in whole]
    else:
        values = _decimals(rows, meter, meter.path)
        for path in meter.plus:
            values = [_sum(one, other) for one, other in zip(values, _decimals(rows, meter, path), strict=True)]
    if meter.elapsed and None in values:
        starts, ends = (rows.column(path) for path in meter.elapsed)
        values = [
            _elapsed(rows, meter, start, end) if value is None else value
            for value, start, end in zip(values, starts, ends, strict=True)
        ]
    if meter.scale != 1:
        values = [None if value is None else numbers.scaled(value, meter.scale) for value in values]
    return values


def _sum(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return other if one is None else one if other is None else numbers.added(one, other)


def _elapsed(rows: Rows, meter: Meter, start: Any, end: Any) -> Decimal | None:
    """Seconds between two instants, exact to the microsecond; None where one is missing."""
    if start is None or end is None:
        return None
    where = f"{rows.row_set.name}.{meter.path.replace('/', '.')}"
    elapsed = instant(where, end) - instant(where, start)
    if elapsed < timedelta(0):
        raise contract_errors.NegativeCount(f"{where}: the end {end} is before the start {start}")
    return Decimal(elapsed // timedelta(microseconds=1)).scaleb(-6)


def whole_numbers(rows: Rows, path: str) -> pa.Array:
    """An int64 column, null where the field is absent or null.

    Raises the number errors of `ContractBroken` for any value that is not a canonical count.
    """
    if path not in rows.counts:
        rows.counts[path] = _whole_numbers(rows, path)
    return rows.counts[path]


def _whole_numbers(rows: Rows, path: str) -> pa.Array:
    values = rows.column(path)
    if not set(map(type, values)) <= {str, type(None)}:
        values = [None if value is UNSET else str(value) if type(value) is int else value for value in values]
    texts = pa.array(values, pa.string())
    try:
        column = texts.cast(pa.int64())
    except pa.ArrowInvalid:
        raise first_bad(rows, path, values) from None
    # Only canonical text survives the round trip; the comparison with 0 refuses a sign.
    same = pc.equal(column.cast(pa.string()), texts)
    if not pc.all(pc.and_(same, pc.greater_equal(column, 0)), skip_nulls=True, min_count=0).as_py():
        raise first_bad(rows, path, values)
    return column


def _counts(rows: Rows, meter: Meter) -> Counted:
    column, total = _count(rows, meter, meter.path)
    for path in meter.plus:
        other, more = _count(rows, meter, path)
        column, total = _add(rows, meter, column, other), [*total, *more]
    return Counted(column, {"": sum(total)} if total else {})


def _count(rows: Rows, meter: Meter, path: str) -> tuple[pa.Array, list[int]]:
    """The column at one path, and its values."""
    values = rows.column(path)
    column = whole_numbers(rows, path)
    if column.null_count:
        values = _present(rows, meter, values, path=path)
        column = column.fill_null(0) if meter.absent == "zero" else column
        values = [value for value in values if value is not None]
    return column, list(map(int, values))


def _add(rows: Rows, meter: Meter, one: pa.Array, other: pa.Array) -> pa.Array:
    """The sum where both have a value, else the one value."""
    try:
        return pc.coalesce(pc.add_checked(one, other), one, other)
    except pa.ArrowInvalid:
        paths = " + ".join((meter.path, *meter.plus)).replace("/", ".")
        raise contract_errors.OutOfRange(f"{rows.row_set.name}: {paths} is more than a column can hold") from None


def _decimals(rows: Rows, meter: Meter, path: str) -> list[Decimal | None]:
    literals = list(map(bytes, rows.column(path)))
    values = {literal: _decimal(rows, meter, path, literals, literal) for literal in set(literals)}
    return list(map(values.__getitem__, literals))


def _decimal(rows: Rows, meter: Meter, path: str, literals: list[bytes], literal: bytes) -> Decimal | None:
    number = literals.index(literal)
    if literal in (b"", b"null"):
        value = _present(rows, meter, [UNSET if literal == b"" else None], number, path=path)[0]
        return None if value is None else Decimal(value)
    text = msgspec.json.decode(literal, type=str) if literal.startswith(b'"') else literal.decode()
    try:
        value = numbers.decimal(text)
        if value < 0 and rows.row_set.table != "cost_daily":  # a credit takes back what was charged
            raise contract_errors.NegativeCount(f"the quantity {text} is negative")
    except contract_errors.ContractBroken as error:
        raise _placed(error, rows, path, number) from None
    return value


def _money(rows: Rows, meter: Money) -> list[Decimal | None]:
    """google.type.Money; proto3 leaves out a zero `units` or `nanos`, or both, but never the currency."""
    out: list[Decimal | None] = []
    parts = (rows.column(f"{meter.path}/{name}") for name in ("units", "nanos", "currencyCode"))
    for number, (whole, part, currency) in enumerate(zip(*parts, strict=True)):
        if whole is UNSET and part is UNSET and not currency:
            _present(rows, meter, [UNSET], number)
            out.append(None)
            continue
        try:
            out.append(numbers.money(signed(whole), signed(part)))
        except contract_errors.ContractBroken as error:
            raise _placed(error, rows, meter.path, number) from None
    return out


def signed(value: Any) -> int:
    """A whole number that may be negative; absent is 0. Raises the number errors of `ContractBroken`."""
    if value is UNSET:
        return 0
    text = str(value)
    magnitude = numbers.integer(text.removeprefix("-"))
    return -magnitude if text.startswith("-") else magnitude


def _present(rows: Rows, meter: Meter | Money, values: list[Any], first: int = 0, *, path: str = "") -> list[Any]:
    """The values, absent and null ones replaced as the meter's `absent` declares.

    Raises `MissingField`, `NullRequired`.
    """
    if UNSET not in values and None not in values:
        return values
    if meter.absent == "error":
        missing = UNSET if UNSET in values else None
        error = contract_errors.MissingField("absent") if missing is UNSET else contract_errors.NullRequired("null")
        raise _placed(error, rows, path or meter.path, first + values.index(missing), verb="is")
    stand_in = "0" if meter.absent == "zero" else None
    return [stand_in if value is UNSET else value for value in values]


def first_bad(rows: Rows, path: str, values: Sequence[Any]) -> errors.UsageLedgerError:
    """The error for the first value of a column that is not a canonical count."""
    for number, value in enumerate(values):
        try:
            if value is not None:
                numbers.integer(str(value))
        except contract_errors.ContractBroken as error:
            return _placed(error, rows, path, number)
    raise AssertionError("every value of the column is a canonical count")


def _placed(
    error: contract_errors.ContractBroken, rows: Rows, path: str, number: int, *, verb: str = ""
) -> contract_errors.ContractBroken:
    where = f"{rows.place(number)}.{path.replace('/', '.')}"
    return type(error)(f"{where} {verb} {error.what}" if verb else f"{where}: {error.what}")
