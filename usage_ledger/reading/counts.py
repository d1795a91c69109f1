"""Whole numbers of a field as an exact Arrow column, and their sum."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import UNSET

from usage_ledger.core import contract_errors, errors, numbers
from usage_ledger.reading.absence import placed
from usage_ledger.reading.nested import Rows

_INTEGERS = msgspec.json.Decoder(list[int])


def whole_numbers(rows: Rows, path: str) -> pa.Array:
    """An int64 column, null where the field is absent or null.

    Raises the number errors of `ContractBroken` for any value that is not a canonical count.
    """
    if path not in rows.counts:
        rows.counts[path] = _whole_numbers(rows, path)
    return rows.counts[path]


def _whole_numbers(rows: Rows, path: str) -> pa.Array:
    values = rows.column(path)
    if (integers := _integers(values)) is not None:
        try:
            column = pa.array(integers, pa.int64())
        except (pa.ArrowException, OverflowError):
            raise first_bad(rows, path, values) from None
        rows.sums[path] = sum(integers)
        return column
    if values and values[0] in (UNSET, None) and values.count(UNSET) + values.count(None) == len(values):
        return pa.nulls(len(values), pa.int64())
    try:
        texts = pa.array(values, pa.string())
    except pa.ArrowException:  # numbers, or absent ones
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


def _integers(values: Sequence[Any]) -> list[int] | None:
    """The numbers that are written in some texts; None unless all are texts of canonical counts.

    All texts are read at once, as a list of JSON: that they are canonical is told by writing it anew.
    """
    try:
        text = b"[" + ",".join(values).encode() + b"]"
        integers = _INTEGERS.decode(text)
    except (TypeError, UnicodeEncodeError, msgspec.MsgspecError):
        return None
    canonical = len(integers) == len(values) and b"-" not in text and msgspec.json.encode(integers) == text
    return integers if canonical and integers else None


def first_bad(rows: Rows, path: str, values: Sequence[Any]) -> errors.UsageLedgerError:
    """The error for the first value of a column that is not a canonical count."""
    for number, value in enumerate(values):
        try:
            if value is not None:
                numbers.integer(str(value))
        except contract_errors.ContractBroken as error:
            return placed(error, rows, path, number)
    raise AssertionError("every value of the column is a canonical count")
