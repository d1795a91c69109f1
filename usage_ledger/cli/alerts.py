"""The command that shows alerts, and tries whether one would arrive."""

from typing import Annotated

import typer

from usage_ledger.cli.arguments import Json

COLUMNS = ("kind", "name", "period", "level", "message", "sent_to", "cleared_at")
TEST = ("Usage Ledger: a test", "This is a test. Alerts of Usage Ledger arrive here.")


def alerts(
    every: Annotated[bool, typer.Option("--all", help="Those that have ended too.")] = False,
    send_test: Annotated[
        str, typer.Option("--send-test", metavar="CONNECTION", help="Send a test by this Airflow connection instead.")
    ] = "",
    json: Json = False,
) -> None:
    """Show what was found that somebody should hear of, newest first."""
    if send_test:
        _send_test(send_test)
        return
    from usage_ledger.cli.budgets import show_rows
    from usage_ledger.cli.context import command_engine
    from usage_ledger.warehouse.schema import ensure_schema

    engine = command_engine()
    ensure_schema(engine)
    show_rows(engine, "money/list_alerts", {"every": every}, "Alerts", COLUMNS, as_json=json)


def _send_test(connection_id: str) -> None:
    from usage_ledger.cli.context import require_stack_database

    require_stack_database()
    from usage_ledger.airflow.credentials import quiet_airflow
    from usage_ledger.airflow.notify import send
    from usage_ledger.core.errors import ConfigError, UsageLedgerError
    from usage_ledger.core.redaction import redact

    quiet_airflow()
    try:
        send(connection_id, *TEST)
    except UsageLedgerError:
        raise
    except Exception as error:  # noqa: BLE001  each notifier's library has its own
        raise ConfigError(
            f"{connection_id} took no message: {redact(str(error)) or 'it gave no reason'}",
            next_step="correct the connection under Admin, Connections",
        ) from None
    typer.echo(f"sent a test by {connection_id}")
