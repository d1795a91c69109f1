"""Turns values as decoded into Arrow columns, exactly, or says which row and field cannot be."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import compress, repeat
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import UNSET

from usage_ledger.core import errors, numbers
from usage_ledger.core.contracts import Column
from usage_ledger.core.model import Dimension, Meter
from usage_ledger.core.windows import Window, day_bounds, local_date
from usage_ledger.pipeline.flatten import Rows


@dataclass(frozen=True)
class Counted:
    """A meter's column, its exact sum (per currency, '' where there is none), and how many cells were rounded.

    The sum is made of the raw values in Python, apart from Arrow: what conservation is proved against.
    """

    values: pa.Array
    sums: dict[str, int | Decimal]
    rounded: int = 0


def text_column(rows: Rows, dimension: Dimension) -> pa.Array:
    """A dimension as the vendor sent it; '' where it was not told.

    Raises `MissingGroupKey`, `MissingField`, `BadId`.
    """
    if dimension.pairs:
        column = pa.array(_rendered(rows, dimension), pa.string())
    elif dimension.missing == "blank" and dimension.form == "text":
        column = _first_told(rows, dimension.paths)
    else:
        column = pa.array(_asked(rows, dimension), pa.string())
    if pc.any(pc.match_substring(column, "\0")).as_py():
        raise errors.BadId(f"{rows.row_set.name}: a value of `{dimension.column}` holds a NUL character")
    return column


def _first_told(rows: Rows, paths: Sequence[str]) -> pa.Array:
    column = pa.array(rows.column(paths[0]), pa.string()).fill_null("")
    for path in paths[1:]:
        other = pa.array(rows.column(path), pa.string()).fill_null("")
        column = pc.if_else(pc.equal(column, ""), other, column)
    return column


def _asked(rows: Rows, dimension: Dimension) -> list[str]:
    """The values of a dimension whose absence is an error, or whose form has to be changed."""
    values: list[Any] = rows.column(dimension.paths[0])
    for path in dimension.paths[1:]:
        others = rows.column(path)
        if not all(values) and any(others):
            values = [
                value or (value if other is UNSET else other) for value, other in zip(values, others, strict=True)
            ]
    if not all(values):
        _refuse_untold(rows, dimension, values)
        values = [value or "" for value in values]
    if dimension.form == "last_segment":
        values = [value.rsplit("/", 1)[-1] for value in values]
    return values


def _refuse_untold(rows: Rows, dimension: Dimension, values: list[Any]) -> None:
    path = dimension.paths[0].replace("/", ".")
    if dimension.missing != "blank" and UNSET in values:
        place = rows.place(values.index(UNSET))
        raise errors.MissingGroupKey(f"{place}.{path} is absent, though it was asked for")
    if dimension.missing == "required":
        place = rows.place(next(number for number, value in enumerate(values) if not value))
        raise errors.MissingField(f"{place}.{path} is empty")


def translated(column: pa.Array, dimension: Dimension) -> pa.Array:
    """The vendor's words in ours, where the dimension names them."""
    for sent, ours in dimension.values:
        column = pc.if_else(pc.equal(column, sent), ours, column)
    return column


def _rendered(rows: Rows, dimension: Dimension) -> list[str]:
    pairs = [(rows.column(key), rows.column(value)) for key, value in dimension.pairs]
    return ["; ".join(f"{keys[n]}={values[n] or ''}" for keys, values in pairs if keys[n]) for n in range(len(rows))]


def meter_column(rows: Rows, meter: Meter, column: Column, currencies: Sequence[str] | None) -> Counted:
    """A meter's column of the contract's type. Raises the number errors of `ContractBroken`, naming row and field."""
    if meter.form == "integer" and column.type == "bigint":
        return _counts(rows, meter)
    if meter.form == "integer":
        whole = _counts(rows, meter).values.to_pylist()
        read = [None if count is None else Decimal(count) for count in whole]
    else:
        read = _money(rows, meter) if meter.form == "money" else _decimals(rows, meter)
    precision, scale = column.precision_and_scale
    fitted: dict[Decimal | None, Decimal | None] = {None: None}
    for value in {value for value in read if value is not None}:
        try:
            fitted[value] = numbers.fit(value, precision, scale, exact=meter.exact)
        except errors.ContractBroken as error:
            raise _placed(error, rows, meter.path, read.index(value)) from None
    often = Counter(zip(currencies, read, strict=True) if currencies else zip(repeat(""), read))
    sums: dict[str, int | Decimal] = {}
    rounded = 0
    for (currency, sent), times in often.items():
        amount = fitted[sent]
        if amount is not None:
            sums[currency] = numbers.added(sums.get(currency, 0), amount, times)
            rounded += times if amount != sent else 0
    kept = list(map(fitted.__getitem__, read))
    return Counted(pa.array(kept, pa.decimal128(precision, scale)), sums, rounded)


def whole_numbers(rows: Rows, path: str) -> pa.Array:
    """An int64 column, null where the field is absent or null.

    Raises the number errors of `ContractBroken` for any value that is no canonical count.
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
    # Only a canonical text comes back as it was; a sign alone would slip through.
    same = pc.equal(column.cast(pa.string()), texts)
    if not pc.all(pc.and_(same, pc.greater_equal(column, 0)), skip_nulls=True, min_count=0).as_py():
        raise first_bad(rows, path, values)
    return column


def _counts(rows: Rows, meter: Meter) -> Counted:
    values = rows.column(meter.path)
    column = whole_numbers(rows, meter.path)
    if column.null_count:
        values = _present(rows, meter, values)
        column = column.fill_null(0) if meter.absent == "zero" else column
        values = [value for value in values if value is not None]
    return Counted(column, {"": sum(map(int, values))} if values else {})


def _decimals(rows: Rows, meter: Meter) -> list[Decimal | None]:
    literals = list(map(bytes, rows.column(meter.path)))
    known = {literal: _decimal(rows, meter, literals, literal) for literal in set(literals)}
    return list(map(known.__getitem__, literals))


def _decimal(rows: Rows, meter: Meter, literals: list[bytes], literal: bytes) -> Decimal | None:
    number = literals.index(literal)
    if literal in (b"", b"null"):
        value = _present(rows, meter, [UNSET if literal == b"" else None], number)[0]
        return None if value is None else Decimal(value)
    text = msgspec.json.decode(literal, type=str) if literal.startswith(b'"') else literal.decode()
    try:
        value = numbers.decimal(text)
        if value < 0 and meter.column != "amount":
            raise errors.NegativeCount(f"the quantity {text} is negative")
    except errors.ContractBroken as error:
        raise _placed(error, rows, meter.path, number) from None
    return value


def _money(rows: Rows, meter: Meter) -> list[Decimal | None]:
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
        except errors.ContractBroken as error:
            raise _placed(error, rows, meter.path, number) from None
    return out


def signed(value: Any) -> int:
    """A whole number that may be negative; absent is 0. Raises the number errors of `ContractBroken`."""
    if value is UNSET:
        return 0
    text = str(value)
    magnitude = numbers.integer(text.removeprefix("-"))
    return -magnitude if text.startswith("-") else magnitude


def _present(rows: Rows, meter: Meter, values: list[Any], first: int = 0) -> list[Any]:
    """Absent and null values as the declaration says what they mean."""
    if UNSET not in values and None not in values:
        return values
    if meter.absent == "error":
        missing = UNSET if UNSET in values else None
        error = errors.MissingField("absent") if missing is UNSET else errors.NullRequired("null")
        raise _placed(error, rows, meter.path, first + values.index(missing), told=True)
    stand_in = "0" if meter.absent == "zero" else None
    return [stand_in if value is UNSET else value for value in values]


def first_bad(rows: Rows, path: str, values: Sequence[Any]) -> errors.UsageLedgerError:
    """Which value of a column is no canonical count, and why."""
    for number, value in enumerate(values):
        try:
            if value is not None:
                numbers.integer(str(value))
        except errors.ContractBroken as error:
            return _placed(error, rows, path, number)
    raise AssertionError("a column was refused in which every value is good")


def _placed(
    error: errors.ContractBroken, rows: Rows, path: str, number: int, *, told: bool = False
) -> errors.ContractBroken:
    where = f"{rows.place(number)}.{path.replace('/', '.')}"
    return type(error)(f"{where} is {error.what}" if told else f"{where}: {error.what}")


@dataclass(frozen=True)
class Buckets:
    """The day of each row and its bounds; `labelled` when they came as local dates at 00:00 UTC."""

    days: list[date]
    """The distinct days; `which` says for each row which of them is its own."""
    which: pa.Array
    dates: pa.Array
    starts: pa.Array
    ends: pa.Array
    labelled: bool


def bucket_columns(rows: Rows, zone: ZoneInfo, window: Window, *, date_labels: bool) -> Buckets:
    """The usage date of each row. Raises `BadBucket`, `OutOfWindow`, `MissingField`."""
    starts, ends = (rows.column(path) for path in rows.row_set.bucket)
    known = {
        bounds: _bucket(rows, bounds, zone, window, date_labels)
        for bounds in dict.fromkeys(zip(starts, ends, strict=True))
    }
    forms = {labelled for _, labelled in known.values()}
    if len(forms) > 1 and not _same_either_way(known, zone):
        raise errors.BadBucket(f"{rows.row_set.name} mixes instants and date labels")
    number = {bounds: n for n, bounds in enumerate(known)}
    which = pa.array(map(number.__getitem__, zip(starts, ends, strict=True)), pa.int32())
    days = [day for day, _ in known.values()]
    bounds = [day_bounds(day, zone) for day in days]
    stamp = pa.timestamp("us", tz="UTC")
    return Buckets(
        days,
        which,
        pa.array(days, pa.date32()).take(which),
        pa.array([begins for begins, _ in bounds], stamp).take(which),
        pa.array([ends for _, ends in bounds], stamp).take(which),
        True in forms,
    )


def _bucket(
    rows: Rows, bounds: tuple[Any, Any], zone: ZoneInfo, window: Window, date_labels: bool
) -> tuple[date, bool]:
    where = rows.row_set.name
    paths = (path.lstrip("^") for path in rows.row_set.bucket)
    start, end = (_instant(f"{where}.{path}", value) for path, value in zip(paths, bounds, strict=True))
    day, labelled = local_date(start, zone), False
    if (start, end) != day_bounds(day, zone):
        labelled = (
            date_labels
            and start.hour == start.minute == start.second == start.microsecond == 0
            and end - start == timedelta(days=1)
        )
        if not labelled:
            raise errors.BadBucket(f"{where} is from {start} to {end}, which is no day of {zone}")
        day = start.date()
    if day not in window:
        raise errors.OutOfWindow(f"{where} is of {day}, outside of the window that was asked for")
    return day, labelled


def _same_either_way(known: dict[tuple[Any, Any], tuple[date, bool]], zone: ZoneInfo) -> bool:
    """In a zone that is at UTC for part of the window, labels and instants look alike there."""
    instants = compress((day for day, _ in known.values()), (not labelled for _, labelled in known.values()))
    midnight = time.min
    return all(day_bounds(day, zone)[0] == datetime.combine(day, midnight, UTC) for day in instants)


def _instant(where: str, value: Any) -> datetime:
    if not isinstance(value, str):
        raise errors.MissingField(f"{where} is absent or no text")
    try:
        instant = datetime.fromisoformat(value)
    except ValueError:
        raise errors.BadBucket(f"{where} is {value[:40]!r}, which is no RFC 3339 time") from None
    if instant.tzinfo is None:
        raise errors.BadBucket(f"{where} is {value[:40]!r}, without a zone")
    return instant.astimezone(UTC)
