"""The commands that look into the warehouse."""

from typing import Annotated

import typer

from usage_ledger.cli.arguments import Json
from usage_ledger.core.errors import ConfigError


def status(
    connection_id: Annotated[str | None, typer.Argument(metavar="[ID]", help="One connection; all without.")] = None,
    json: Json = False,
) -> None:
    """Coverage by day, last sync, open events."""
    from usage_ledger.airflow.incomplete import incomplete_connections
    from usage_ledger.cli.context import command_engine
    from usage_ledger.console import print_status
    from usage_ledger.warehouse import status as states
    from usage_ledger.warehouse.schema import ensure_schema

    engine = command_engine()
    ensure_schema(engine)
    connections = states.connections(engine, connection_id)
    if connection_id and not connections:
        raise ConfigError(
            f"the warehouse knows no connection {connection_id!r}",
            next_step="see `usage-ledger status` for those it knows",
        )
    details = (states.days(engine, connection_id), states.events(engine, connection_id)) if connection_id else ([], [])
    incomplete = [] if connection_id else [one.sentence for one in incomplete_connections()]
    print_status(connections, *details, incomplete, as_json=json)


def psql(context: typer.Context) -> None:
    """Open psql on the warehouse. What follows is psql's own: `usage-ledger psql -c 'SELECT 1'`."""
    from usage_ledger.cli.context import command_engine
    from usage_ledger.local.postgres import exec_psql

    exec_psql(command_engine().url, context.args)
