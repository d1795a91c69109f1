"""What makes a row that row: its key, and what to do when a key comes twice."""

import hashlib
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from usage_ledger.core import errors
from usage_ledger.core.model import RowSet
from usage_ledger.pipeline.flatten import Rows
from usage_ledger.warehouse.contracts import contract

KEY = ["usage_date", "row_key"]
OVER = "sum_over_"
"""Prefix of the columns that a row set is split by, kept until its rows are added up."""


def row_keys(row_set: RowSet, sent: dict[str, pa.Array]) -> pa.Array:
    """A row's identity, 32 hexadecimal digits: a hash of the row set's name and the non-empty dimensions as sent.

    Empty ones do not count, so that a dimension that arrives later leaves the old rows' keys as they were.
    """
    told = pa.table({name: sent[name] for name in sorted(sent)})
    first, which = _distinct_rows(told)
    texts = [
        "\0".join([row_set.name, *(f"{name}={value}" for name, value in row.items() if value), ""])
        for row in told.take(first).to_pylist()
    ]
    keys = [hashlib.blake2b(text.encode(), digest_size=16).hexdigest() for text in texts]
    return pa.array(keys, pa.string()).take(which)


def _distinct_rows(table: pa.Table) -> tuple[pa.Array, pa.Array]:
    """The number of each distinct row's first occurrence, and for each row which distinct one it is.

    A key leaves out the date, so a window holds each key about once a day: hashing the distinct ones is enough.
    """
    codes = np.zeros(table.num_rows, dtype=np.int64)
    for column in table.columns:
        encoded = column.combine_chunks().dictionary_encode()
        codes = codes * len(encoded.dictionary) + encoded.indices.to_numpy()
        _, codes = np.unique(codes, return_inverse=True)  # dense again, so that the product cannot overflow
    _, first, which = np.unique(codes, return_index=True, return_inverse=True)
    return pa.array(first), pa.array(which)


def with_splits(table: pa.Table, rows: Rows) -> pa.Table:
    """The rows with the columns that the vendor splits them by."""
    for number, path in enumerate(rows.row_set.sum_over):
        values = pa.array(rows.column(path), pa.string()).fill_null("")
        table = table.append_column(f"{OVER}{number}", values)
    return table


def one_row_a_key(table: pa.Table, row_set: RowSet) -> pa.Table:
    """All rows of a row set, from all pages, one a key: split rows added up, any other repeat refused.

    Raises `DuplicateRow`, `ConflictingRows`, `OutOfRange`.
    """
    splits = [name for name in table.column_names if name.startswith(OVER)]
    if _distinct(table, [*KEY, *splits]) != table.num_rows:
        raise _repeat(table, [*KEY, *splits], row_set)
    if splits and _distinct(table, KEY) != table.num_rows:
        return _added_up(table.drop_columns(splits), row_set)
    return table.drop_columns(splits) if splits else table


def _distinct(table: pa.Table, names: list[str]) -> int:
    return int(table.group_by(names).aggregate([([], "count_all")]).num_rows)


def _repeat(table: pa.Table, names: list[str], row_set: RowSet) -> errors.ContractBroken:
    meters = [table.column(meter).to_pylist() for meter in contract(row_set.table).names("meter")]
    seen: dict[tuple[Any, ...], int] = {}
    for number, key in enumerate(zip(*(table.column(name).to_pylist() for name in names), strict=True)):
        first = seen.setdefault(key, number)
        if first != number:
            where = f"{row_set.name}[{number}] repeats [{first}]"
            if all(values[number] == values[first] for values in meters):
                return errors.DuplicateRow(where)
            return errors.ConflictingRows(f"{where} with other values")
    raise AssertionError("a repeat was counted that is not there")


def _added_up(table: pa.Table, row_set: RowSet) -> pa.Table:
    meters = contract(row_set.table).names("meter")
    kept = [name for name in table.column_names if name not in (*KEY, *meters)]
    for meter in meters:  # wide enough to add in: Arrow's int64 sum wraps around in silence
        if pa.types.is_integer(table.schema.field(meter).type):
            wide = table.column(meter).cast(pa.decimal128(38, 0))
            table = table.set_column(table.column_names.index(meter), meter, wide)
    summing = pc.ScalarAggregateOptions(skip_nulls=True, min_count=1)
    aggregates = [*((name, "first") for name in kept), *((meter, "sum", summing) for meter in meters)]
    added = table.group_by(KEY, use_threads=False).aggregate(aggregates)
    names = {f"{name}_first": name for name in kept} | {f"{meter}_sum": meter for meter in meters}
    added = added.rename_columns([names.get(name, name) for name in added.column_names])
    schema = pa.schema([field for field in _schema(row_set) if field.name in added.column_names])
    try:
        return added.select(schema.names).cast(schema)
    except pa.ArrowInvalid as error:
        raise errors.OutOfRange(f"{row_set.name}: rows of one key add up to more than a column holds") from error


def _schema(row_set: RowSet) -> pa.Schema:
    from usage_ledger.warehouse.contracts import arrow_schema

    return arrow_schema(row_set.table)
