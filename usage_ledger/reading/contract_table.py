"""Rows in all columns of their contract, texts encoded."""

from functools import cache, lru_cache

import numpy as np
import pyarrow as pa

from usage_ledger.contracts.registry import arrow_schema, contract
from usage_ledger.storage.table_writer import dictionary_schema

FEW = 1000
"""Rows of a small page: only there columns of one value cost as much as those that vary."""


def contract_table(table: str, count: int, arrays: dict[str, pa.Array], constants: dict[str, str]) -> pa.Table:
    """All columns of the contract: a meter without values is null, a dimension is its constant or ''."""
    columns = []
    schema, meters = _columns_of(table)
    for column in schema:
        if column.name in arrays:
            columns.append(_as_type(arrays[column.name], column.type))
        else:
            value = None if column.name in meters else constants.get(column.name, "")
            alike = _alike_of_page if count <= FEW else _alike
            columns.append(alike(column.type, value, count))
    return pa.table(columns, schema=schema)


@cache
def _columns_of(table: str) -> tuple[pa.Schema, frozenset[str]]:
    """The columns with their types, texts encoded; and the names of the meters."""
    return dictionary_schema(arrow_schema(table)), frozenset(contract(table).names("meter"))


def _alike(kind: pa.DataType, value: str | None, count: int) -> pa.Array:
    """A column with one value in all rows."""
    if value is None:
        return pa.nulls(count, kind)
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, dtype=np.int32)), pa.array([value], pa.string()))


_alike_of_page = lru_cache(maxsize=128)(_alike)
"""Small pages mostly have as many rows as the one before, and the same columns of one value."""


def _as_type(array: pa.Array, kind: pa.DataType) -> pa.Array:
    if pa.types.is_dictionary(kind) and not pa.types.is_dictionary(array.type):
        return array.dictionary_encode()
    return array.cast(kind)
