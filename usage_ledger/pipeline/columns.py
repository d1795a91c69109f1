"""Turns values as decoded into Arrow columns, exactly, or says which row and field cannot be."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import compress
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

CANONICAL = f"^{numbers.CANONICAL_INTEGER}$"


@dataclass(frozen=True)
class Counted:
    """A meter's column, the exact sum of its raw values, and how many cells were rounded."""

    values: pa.Array
    raw: Sequence[int | Decimal | None]
    rounded: int = 0


def text_column(rows: Rows, dimension: Dimension) -> pa.Array:
    """A dimension as the vendor sent it; '' where it was not told. Raises `MissingGroupKey`, `BadId`."""
    values: list[Any]
    if dimension.pairs:
        values = list(_rendered(rows, dimension))
    else:
        values = rows.column(dimension.paths[0])
        for path in dimension.paths[1:]:
            if all(values):
                break
            values = [
                value or other if other is not UNSET else value
                for value, other in zip(values, rows.column(path), strict=True)
            ]
        if not all(values):
            if dimension.missing == "error" and UNSET in values:
                where = f"{rows.row_set.name}[{values.index(UNSET)}].{dimension.paths[0].replace('/', '.')}"
                raise errors.MissingGroupKey(f"{where} is absent, though it was asked for")
            values = [value or "" for value in values]
    if dimension.form == "last_segment":
        values = [value.rsplit("/", 1)[-1] for value in values]
    column = pa.array(values, pa.string())
    if pc.any(pc.match_substring(column, "\0")).as_py():
        raise errors.BadId(f"{rows.row_set.name}: a value of `{dimension.column}` holds a NUL character")
    return column


def translated(column: pa.Array, dimension: Dimension) -> pa.Array:
    """The vendor's words in ours, where the dimension names them."""
    for sent, ours in dimension.values:
        column = pc.if_else(pc.equal(column, sent), ours, column)
    return column


def _rendered(rows: Rows, dimension: Dimension) -> list[str]:
    pairs = [(rows.column(key), rows.column(value)) for key, value in dimension.pairs]
    return ["; ".join(f"{keys[n]}={values[n] or ''}" for keys, values in pairs if keys[n]) for n in range(len(rows))]


def meter_column(rows: Rows, meter: Meter, column: Column) -> Counted:
    """A meter's column of the contract's type. Raises the number errors of `ContractBroken`, naming row and field."""
    if meter.form == "money":
        read = _money(rows, meter)
    elif meter.form == "decimal":
        read = _decimals(rows, meter)
    else:
        whole = _integers(rows, meter)
        if column.type == "bigint":
            return whole
        read = [None if count is None else Decimal(int(count)) for count in whole.raw]
    precision, scale = column.precision_and_scale
    exact = meter.exact
    try:
        fitted = [None if value is None else numbers.fit(value, precision, scale, exact=exact) for value in read]
    except errors.ContractBroken:
        raise _first_bad(rows, meter, read, lambda value: numbers.fit(value, precision, scale, exact=exact)) from None
    rounded = 0 if exact else sum(1 for value, kept in zip(read, fitted, strict=True) if value != kept)
    return Counted(pa.array(fitted, pa.decimal128(precision, scale)), fitted, rounded)


def _integers(rows: Rows, meter: Meter) -> Counted:
    values = _present(rows, meter, rows.column(meter.path))
    if {type(value) for value in values} - {str, type(None)}:
        values = [str(value) if isinstance(value, int) else value for value in values]
    texts = pa.array(values, pa.string())
    plain = pc.match_substring_regex(texts, CANONICAL)
    if not pc.all(plain, skip_nulls=True).as_py() and len(texts) > texts.null_count:
        raise _first_bad(rows, meter, values, numbers.integer)
    try:
        column = texts.cast(pa.int64())
    except pa.ArrowInvalid:
        raise _first_bad(rows, meter, values, numbers.integer) from None
    return Counted(column, [None if value is None else int(value) for value in values])


def _decimals(rows: Rows, meter: Meter) -> list[Decimal | None]:
    known: dict[bytes, Decimal | None] = {}
    out: list[Decimal | None] = []
    for number, raw in enumerate(rows.column(meter.path)):
        literal = bytes(raw)
        if literal not in known:
            known[literal] = _decimal(rows, meter, number, literal)
        out.append(known[literal])
    return out


def _decimal(rows: Rows, meter: Meter, number: int, literal: bytes) -> Decimal | None:
    if literal in (b"", b"null"):
        value = _present(rows, meter, [UNSET if literal == b"" else None], number)[0]
        return None if value is None else Decimal(value)
    text = msgspec.json.decode(literal, type=str) if literal.startswith(b'"') else literal.decode()
    try:
        value = numbers.decimal(text)
        if value < 0 and meter.column != "amount":
            raise errors.NegativeCount(f"the quantity {text} is negative")
    except errors.ContractBroken as error:
        raise _placed(error, rows, meter, number) from None
    return value


def _money(rows: Rows, meter: Meter) -> list[Decimal | None]:
    """google.type.Money; proto3 leaves out a zero `units` or `nanos`, but not both and the currency."""
    out: list[Decimal | None] = []
    units, nanos = rows.column(f"{meter.path}/units"), rows.column(f"{meter.path}/nanos")
    for number, (whole, part) in enumerate(zip(units, nanos, strict=True)):
        if whole is UNSET and part is UNSET:
            _present(rows, meter, [UNSET], number)
            out.append(None)
            continue
        try:
            out.append(numbers.money(_signed(whole), _signed(part)))
        except errors.ContractBroken as error:
            raise _placed(error, rows, meter, number) from None
    return out


def _signed(value: Any) -> int:
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
        raise _placed(error, rows, meter, first + values.index(missing), told=True)
    stand_in = "0" if meter.absent == "zero" else None
    return [stand_in if value is UNSET else value for value in values]


def _first_bad(
    rows: Rows, meter: Meter, values: Sequence[Any], check: Callable[[Any], object]
) -> errors.UsageLedgerError:
    for number, value in enumerate(values):
        try:
            if value is not None:
                check(value)
        except errors.ContractBroken as error:
            return _placed(error, rows, meter, number)
    raise AssertionError("a column was refused in which every value is good")


def _placed(
    error: errors.ContractBroken, rows: Rows, meter: Meter, number: int, *, told: bool = False
) -> errors.ContractBroken:
    where = f"{rows.row_set.name}[{number}].{meter.path.replace('/', '.')}"
    return type(error)(f"{where} is {error.what}" if told else f"{where}: {error.what}")


@dataclass(frozen=True)
class Buckets:
    """The day of each row and its bounds; `labelled` when they came as local dates at 00:00 UTC."""

    dates: pa.Array
    starts: pa.Array
    ends: pa.Array
    labelled: bool


def bucket_columns(rows: Rows, zone: ZoneInfo, window: Window, *, date_labels: bool) -> Buckets:
    """The usage date of each row. Raises `BadBucket`, `OutOfWindow`, `MissingField`."""
    starts, ends = (rows.column(path) for path in rows.row_set.bucket)
    known: dict[tuple[Any, Any], tuple[date, bool]] = {}
    days: list[date] = []
    for number, bounds in enumerate(zip(starts, ends, strict=True)):
        if bounds not in known:
            known[bounds] = _bucket(f"{rows.row_set.name}[{number}]", bounds, zone, window, date_labels)
        days.append(known[bounds][0])
    forms = {labelled for _, labelled in known.values()}
    if len(forms) > 1 and not _same_either_way(known, zone):
        raise errors.BadBucket(f"{rows.row_set.name} mixes instants and date labels")
    bounds_of = {day: day_bounds(day, zone) for day in set(days)}
    stamp = pa.timestamp("us", tz="UTC")
    return Buckets(
        pa.array(days, pa.date32()),
        pa.array([bounds_of[day][0] for day in days], stamp),
        pa.array([bounds_of[day][1] for day in days], stamp),
        True in forms,
    )


def _bucket(
    where: str, bounds: tuple[Any, Any], zone: ZoneInfo, window: Window, date_labels: bool
) -> tuple[date, bool]:
    start, end = (_instant(where, value) for value in bounds)
    day, labelled = local_date(start, zone), False
    if (start, end) != day_bounds(day, zone):
        labelled = date_labels and start.hour == start.minute == start.second == 0 and end - start == timedelta(days=1)
        if not labelled:
            raise errors.BadBucket(f"{where} is from {start} to {end}, which is no day of {zone}")
        day = start.date()
    if day not in window:
        raise errors.OutOfWindow(f"{where} is of {day}, outside of the window that was asked for")
    return day, labelled


def _same_either_way(known: dict[tuple[Any, Any], tuple[date, bool]], zone: ZoneInfo) -> bool:
    """In a zone that is at UTC for part of the window, labels and instants look alike there."""
    instants = compress((day for day, _ in known.values()), (not labelled for _, labelled in known.values()))
    midnight = datetime.min.time()
    return all(day_bounds(day, zone)[0] == datetime.combine(day, midnight, UTC) for day in instants)


def _instant(where: str, value: Any) -> datetime:
    if not isinstance(value, str):
        raise errors.MissingField(f"{where} has no bucket bounds")
    try:
        instant = datetime.fromisoformat(value)
    except ValueError:
        raise errors.BadBucket(f"{where} has the bound {value[:40]!r}, which is no RFC 3339 time") from None
    if instant.tzinfo is None:
        raise errors.BadBucket(f"{where} has the bound {value[:40]!r} without a zone")
    return instant.astimezone(UTC)
