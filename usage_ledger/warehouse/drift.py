"""Compares the tables that a load writes with their contracts, before it writes."""

from collections.abc import Iterable

from psycopg2.extensions import cursor as Cursor  # noqa: N812

from usage_ledger.contracts.odcs import Contract
from usage_ledger.core.warehouse_errors import WarehouseDrift
from usage_ledger.warehouse.sql import statement


def refuse_drift(cursor: Cursor, tables: Iterable[Contract]) -> None:
    """Within the load's transaction, so that nothing is written past it.

    Columns beyond the contract are let be: a newer version may have added them. Raises `WarehouseDrift`.
    """
    contracts = {f"{table.schema}.{table.table}": table for table in tables}
    cursor.execute(statement("load/objects"), {"tables": list(contracts)})
    types: dict[tuple[str, str], str] = {}
    defaults: dict[tuple[str, str], str | None] = {}
    for name, column, kind, default, trigger in cursor.fetchall():
        if trigger is not None:
            raise WarehouseDrift(f"{name} has the trigger {trigger}, which is none of ours")
        types[name, column] = kind.replace("timestamp with time zone", "timestamptz")
        defaults[name, column] = default
    for name, table in contracts.items():
        for column in table.columns:
            actual = types.get((name, column.name))
            if actual != column.type:
                has = f"is {actual}" if actual else "is missing"
                raise WarehouseDrift(f"column {column.name} of {name} {has}, and should be {column.type}")
            default, expected = defaults[name, column.name], None if column.default is None else "''::text"
            if default != expected:
                has = f"has {default or 'no'} default"
                raise WarehouseDrift(f"column {column.name} of {name} {has}, and should have {expected or 'none'}")
