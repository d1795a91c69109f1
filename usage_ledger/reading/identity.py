"""A row's identity: its key, and the sum of rows that the provider splits."""

import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from usage_ledger.contracts.registry import arrow_schema, contract, sum_type
from usage_ledger.core import contract_errors
from usage_ledger.model.rows import RowSet
from usage_ledger.model.when import Point
from usage_ledger.reading.nested import Rows

KEY = ["usage_date", "row_key"]
OVER = "sum_over_"
"""Prefix of the columns that a row set is split by; they are dropped when its rows are summed."""
PLACE = "place"
"""The column of each row's place, while rows are summed."""


def row_keys(row_set: RowSet, sent: dict[str, pa.Array]) -> pa.Array:
    """A row's identity, 32 hexadecimal digits: a hash of the row set's name and the non-empty dimensions as sent.

    Empty ones do not count, so that a dimension that arrives later leaves the old rows' keys as they were.
    """
    encoded = _identities(row_set, sent).dictionary_encode()
    keys = [hashlib.blake2b(text.encode(), digest_size=16).hexdigest() for text in encoded.dictionary.to_pylist()]
    return pa.array(keys, pa.string()).take(encoded.indices)


def _identities(row_set: RowSet, sent: dict[str, pa.Array]) -> pa.Array:
    """For each row `row_set\\0name=value\\0…`, by name."""
    text = pa.repeat(f"{row_set.name}\0", len(next(iter(sent.values()))))
    for name in sorted(sent):
        empty = pc.equal(sent[name], "")
        if not pc.all(empty).as_py():
            pair = pc.binary_join_element_wise(text, f"{name}=", sent[name], "\0", "")
            text = pc.if_else(empty, text, pair)
    return text


def distinct_rows(table: pa.Table) -> tuple[pa.Array, pa.Array]:
    """The index of each distinct row's first occurrence, and for each row the index of its distinct row.

    A key leaves out the date, so a window holds each key about once a day: hashing the distinct ones is enough.
    """
    codes = np.zeros(table.num_rows, dtype=np.int64)
    for column in table.columns:
        encoded = column.combine_chunks()
        encoded = encoded if pa.types.is_dictionary(encoded.type) else encoded.dictionary_encode()
        if len(encoded.dictionary) == 1 and not encoded.null_count:
            continue
        null = len(encoded.dictionary)
        codes = codes * (null + 1) + encoded.indices.fill_null(null).to_numpy()
        _, codes = np.unique(codes, return_inverse=True)  # dense again, so that the product cannot overflow
    _, first, which = np.unique(codes, return_index=True, return_inverse=True)
    return pa.array(first), pa.array(which)


def with_splits(table: pa.Table, rows: Rows) -> pa.Table:
    """The rows with the columns that the provider splits them by, but for the instant of points."""
    when = rows.row_set.when
    for number, path in enumerate(rows.row_set.sum_over):
        if not (isinstance(when, Point) and path == when.path):
            values = pa.array(rows.column(path), pa.string()).fill_null("")
            table = table.append_column(f"{OVER}{number}", values)
    return table


def sum_rows(table: pa.Table, name: str) -> pa.Table:
    """The rows of a table, one for each key, with their meters summed, and the highest of their peaks.

    Rows of several prices have none.

    Raises `OutOfRange`.
    """
    prices = contract(name).prices
    peaks = contract(name).peaks
    meters = [meter for meter in contract(name).names("meter") if meter not in (*prices, *peaks)]
    others = [name for name in table.column_names if name not in (*KEY, *meters, *prices, *peaks)]
    for meter in meters:
        wide = table.column(meter).cast(sum_type(table.schema.field(meter).type))
        table = table.set_column(table.column_names.index(meter), meter, wide)
    summing = pc.ScalarAggregateOptions(skip_nulls=True, min_count=1)
    aggregates = [(PLACE, "min"), *((meter, "sum", summing) for meter in meters)]
    aggregates += [(peak, "max") for peak in peaks]
    aggregates += [(price, extreme) for price in prices for extreme in ("min", "max")]
    numbered = table.append_column(PLACE, pa.array(np.arange(table.num_rows)))
    sums = numbered.group_by(KEY, use_threads=False).aggregate(aggregates)
    for price in prices:
        least, most = sums.column(f"{price}_min"), sums.column(f"{price}_max")
        sums = sums.append_column(price, pc.if_else(pc.equal(least, most), least, None))
    firsts = table.select(others).unify_dictionaries().combine_chunks().take(sums.column(f"{PLACE}_min"))
    for column in others:
        sums = sums.append_column(column, firsts.column(column))
    names = {f"{meter}_sum": meter for meter in meters} | {f"{peak}_max": peak for peak in peaks}
    sums = sums.rename_columns([names.get(name, name) for name in sums.column_names])
    schema = arrow_schema(name)
    try:
        return sums.select(schema.names).cast(schema)
    except pa.ArrowInvalid as error:
        raise contract_errors.OutOfRange(f"{name}: rows of one key add up to more than a column can hold") from error
