"""The commands that write what others read: files for the tools of finance."""

from pathlib import Path
from typing import Annotated

import typer

from usage_ledger.cli.arguments import WrongUsage, as_usage

export_app = typer.Typer(help="Write files for other tools.", no_args_is_help=True, rich_markup_mode=None)


@export_app.callback()
def options() -> None:
    """Write files for other tools."""


@export_app.command()
def focus(
    month: Annotated[str, typer.Option("--month", metavar="YYYY-MM", help="The billing period.")],
    to: Annotated[Path, typer.Option("--to", metavar="FILE.parquet", help="The file to write.")],
    version: Annotated[str, typer.Option("--version", help="1.2 or 1.4.")] = "1.4",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it exists.")] = False,
) -> None:
    """Write a month of every bill to Parquet, in the columns of FOCUS."""
    from datetime import datetime

    try:
        first = datetime.strptime(month, "%Y-%m").date()  # noqa: DTZ007  a month has no zone
    except ValueError:
        raise WrongUsage(f"{month!r} is no month", next_step="write it as 2026-10") from None
    from usage_ledger.cli.context import command_engine
    from usage_ledger.money.focus import export_month, open_reports
    from usage_ledger.warehouse.schema import ensure_schema

    engine = command_engine()
    ensure_schema(engine)
    count = as_usage(lambda: export_month(engine, version, first, to, overwrite=overwrite))
    for connection_id, report, days, loaded, settled in open_reports(engine, first):
        typer.echo(
            f"{connection_id}, {report}: {loaded} of {days} dates are loaded, {settled} are settled; export the month "
            "again when all are",
            err=True,
        )
    typer.echo(f"{count} lines of {month} in {to}")
