"""The commands that show budgets and anomalies."""

from typing import Annotated, Any

import typer

from usage_ledger.cli.arguments import Json

BUDGETS = (
    "name",
    "month",
    "currency",
    "amount",
    "spent",
    "share",
    "forecast",
    "crosses_on",
    "other_currencies",
    "state",
)
ANOMALIES = ("scope", "name", "usage_date", "currency", "amount", "expected", "amount_score", "line_score", "direction")


def budgets(json: Json = False) -> None:
    """Bring include/budgets.yaml into the ledger, and show how each budget of the newest two months fares."""
    from usage_ledger.cli.context import command_engine
    from usage_ledger.money.budgets import apply_budgets

    engine = command_engine()
    for line in apply_budgets(engine):
        typer.echo(f"usage-ledger: {line}", err=True)
    show_rows(engine, "money/list_budgets", {}, "Budgets", BUDGETS, as_json=json)


def anomalies(
    every: Annotated[bool, typer.Option("--all", help="Every day that has a score, not anomalies alone.")] = False,
    json: Json = False,
) -> None:
    """Show the days that cost far more or less than days of their kind, newest first."""
    from usage_ledger.cli.context import command_engine
    from usage_ledger.warehouse.schema import ensure_schema

    engine = command_engine()
    ensure_schema(engine)
    show_rows(engine, "money/list_anomalies", {"every": every}, "Anomalies", ANOMALIES, as_json=json)


def show_rows(
    engine: Any, name: str, values: dict[str, Any], title: str, columns: tuple[str, ...], *, as_json: bool
) -> None:
    """The rows of a statement as a table of these columns, or as JSON with all."""
    from usage_ledger.console import print_json, table
    from usage_ledger.warehouse.engine import transaction
    from usage_ledger.warehouse.sql import statement

    with transaction(engine) as cursor:
        cursor.execute(statement(name), values)
        names = [column.name for column in cursor.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    if as_json:
        print_json({title.lower(): rows})
    else:
        table(title, columns, [[row[column] for column in columns] for row in rows])
