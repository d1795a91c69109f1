"""The Airflow assets of a connection's tables, and their events: other Dags are scheduled on them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, AssetAlias, get_current_context

from usage_ledger.connections import Connection
from usage_ledger.model.provider import Report

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from usage_ledger.warehouse.incoming import Outcome


def loaded_alias(connection_id: str) -> str:
    """The asset alias through which a connection's loads announce changes."""
    return f"loaded/{connection_id}"


def table_asset(connection_id: str, table: str) -> Asset:
    """The asset of a connection's rows in one table, for other Dags to be scheduled on."""
    return Asset(name=f"{table}/{connection_id}", uri=f"usage-ledger://{connection_id}/{table}")


def tables_of(connection: Connection) -> list[str]:
    """The tables that a connection's loads may change, in alphabetical order; `name` where a report gives names."""
    row_sets = [row_set for report in connection.chosen_reports for row_set in report.row_sets]
    tables = {row_set.table for row_set in row_sets if row_set.table}
    return sorted(tables | {"name"} if any(row_set.names for row_set in row_sets) else tables)


def announce(
    connection: Connection,
    engine: "Engine",
    outcomes: Sequence["Outcome"],
    outlet_events: Any,
    reports: Sequence[Report],
) -> None:
    """An asset event for each table that changed: by these outcomes, by earlier tries that wrote these reports, or by
    loads that no event told of, such as those of a run that ended red."""
    from usage_ledger.warehouse.announcements import mark_announced, rows_written, unannounced

    run_id = get_current_context()["dag_run"].run_id
    loads = unannounced(engine, connection.id, run_id)
    counted = connection.chosen_reports if loads.earlier else reports
    changed: dict[str, int] = {}
    for outcome in outcomes:
        for table, rows in outcome.changed.items():
            changed[table] = changed.get(table, 0) + rows
    tables = {table for report in counted for table in report.tables}
    for table, rows in rows_written(engine, connection.id, run_id, tables, loads.earlier).items():
        changed[table] = max(changed.get(table, 0), rows)
    for table, rows in changed.items():
        if rows:
            alias = outlet_events[AssetAlias(loaded_alias(connection.id))]
            alias.add(table_asset(connection.id, table), extra={"changed_rows": rows})
    mark_announced(engine, loads.load_ids)
