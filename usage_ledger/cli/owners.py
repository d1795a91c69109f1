"""The commands about owners: is the file right, and bring the ledger up to date with it."""

import typer

from usage_ledger.cli.arguments import Json
from usage_ledger.core.errors import ConfigError

owners_app = typer.Typer(help="Who owns keys, users, projects, deployments and tags.", no_args_is_help=True)


@owners_app.command("check")
def check_owners(json: Json = False) -> None:
    """Check the file of owners; list what has cost or metered use and no owner, most money first."""
    from dataclasses import asdict
    from json import dumps

    from usage_ledger.cli.context import command_engine
    from usage_ledger.core.project import owners_file
    from usage_ledger.money.owners_check import unknown_ids, unowned
    from usage_ledger.money.owners_file import read_owners
    from usage_ledger.warehouse.schema import ensure_schema

    path = owners_file()
    if not path.is_file():
        raise ConfigError(f"there is no file {path}", next_step="write it as docs/owners.md says")
    owners = read_owners(path)
    engine = command_engine()
    ensure_schema(engine)
    for warning in unknown_ids(engine, owners):
        typer.echo(f"warning: {warning}", err=True)
    rows = unowned(engine)
    if json:
        typer.echo(dumps([asdict(row) for row in rows], default=str))
        return
    typer.echo(f"{path.name}: {len(owners.teams)} teams, {len(owners.rules)} rules", err=True)
    for row in rows:
        money = "no bill" if row.amount is None else f"{row.amount:.2f} {row.currency}"
        name = f" ({row.name})" if row.name else ""
        typer.echo(f"{money:>16}  {row.last_date}  {row.connection_id}  {row.kind}: {row.id}{name}")


@owners_app.command("apply")
def apply() -> None:
    """Bring the ledger's teams and owners up to date with the file."""
    from usage_ledger.cli.context import command_engine
    from usage_ledger.money.owners import apply_owners
    from usage_ledger.warehouse.schema import ensure_schema

    engine = command_engine()
    ensure_schema(engine)
    typer.echo(str(apply_owners(engine)))
