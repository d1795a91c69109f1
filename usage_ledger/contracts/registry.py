"""Reads the data contracts and maps their columns to Arrow types."""

from functools import cache

import pyarrow as pa

from usage_ledger.contracts.odcs import Column, Contract, from_odcs
from usage_ledger.core.errors import ConfigError
from usage_ledger.core.project import CONTRACTS
from usage_ledger.yaml_file import read_yaml

_ARROW = {
    "text": pa.string(),
    "date": pa.date32(),
    "uuid": pa.string(),
    "timestamptz": pa.timestamp("us", tz="UTC"),
    "bigint": pa.int64(),
    "boolean": pa.bool_(),
}
VIEWS = "marts"
"""The schema whose contracts are of views."""


def tables() -> tuple[str, ...]:
    """The tables that have a contract, without the views."""
    names = sorted(path.stem for path in CONTRACTS.glob("*.yaml"))
    return tuple(name for name in names if contract(name).schema != VIEWS)


@cache
def contract(table: str) -> Contract:
    """The contract of a table, `data_contracts/<table>.yaml`. Raises `ConfigError`."""
    path = CONTRACTS / f"{table}.yaml"
    if not path.is_file():
        raise ConfigError(f"there is no data contract {path.name}", next_step="restore the folder data_contracts")
    return from_odcs(read_yaml(path))


def arrow_type(column: Column) -> pa.DataType:
    """The Arrow type that holds a column exactly; a uuid becomes a string of 32 hexadecimal digits."""
    if column.type.startswith("numeric("):
        return pa.decimal128(*column.precision_and_scale)
    return _ARROW[column.type]


def sum_type(kind: pa.DataType) -> pa.DataType:
    """The Arrow type in which values of this one are added up: Arrow's sums overflow silently."""
    return pa.decimal128(38, 0) if pa.types.is_integer(kind) else pa.decimal256(76, kind.scale)


def arrow_schema(table: str) -> pa.Schema:
    """The staged Parquet's schema: the contract's columns, in order."""
    return pa.schema(
        [pa.field(column.name, arrow_type(column), nullable=not column.required) for column in contract(table).columns]
    )
