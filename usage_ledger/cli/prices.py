"""The commands of the price book."""

from typing import Annotated

import typer

from usage_ledger.cli.arguments import Json, WrongUsage

prices_app = typer.Typer(help="The price book: contracts, lists, bills, catalogues.", no_args_is_help=True)


@prices_app.command()
def check() -> None:
    """Check the files of prices; what is doubtful goes to standard error."""
    import sys

    from usage_ledger.cli.context import command_engine
    from usage_ledger.console import say
    from usage_ledger.core.redaction import redact
    from usage_ledger.money.prices import check_prices
    from usage_ledger.warehouse.engine import transaction
    from usage_ledger.warehouse.schema import ensure_schema

    check_prices()  # the files alone, before a warehouse is asked
    engine = command_engine()
    ensure_schema(engine)
    with transaction(engine) as cursor:
        sentences = check_prices(cursor)
    for sentence in sentences:
        sys.stderr.write(f"usage-ledger: {redact(sentence)}\n")
    say(f"the files of prices are right; {len(sentences)} doubts")


@prices_app.command()
def apply() -> None:
    """Bring the price book up to date with files, lists and bills."""
    from usage_ledger.cli.context import command_engine
    from usage_ledger.console import say
    from usage_ledger.money.prices import apply_prices

    for sentence in apply_prices(command_engine()) or ["the price book is up to date"]:
        say(sentence)


@prices_app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="ID|PROVIDER", help="A connection's id, or a provider.")],
    model: Annotated[str | None, typer.Option("--model", help="One model; else those in the ledger.")] = None,
    day: Annotated[str | None, typer.Option("--date", help="Prices that hold on this date.")] = None,
    as_of: Annotated[str | None, typer.Option("--as-of", help="The book as it was then: 2026-11-30T12:00.")] = None,
    json: Json = False,
) -> None:
    """Show prices, of any date, as the book has them now or had them then."""
    from datetime import UTC, datetime

    from usage_ledger.cli.context import command_engine
    from usage_ledger.console import day_option, print_json, table
    from usage_ledger.money.price_list import COLUMNS, list_prices
    from usage_ledger.warehouse.engine import transaction
    from usage_ledger.warehouse.schema import ensure_schema

    on = day_option(day, "--date") if day else None
    try:
        then = datetime.fromisoformat(as_of) if as_of else None
    except ValueError:
        raise WrongUsage(f"--as-of {as_of!r} is no instant", next_step="write it as 2026-11-30T12:00") from None
    if then is not None and then.tzinfo is None:
        then = then.replace(tzinfo=UTC)
    engine = command_engine()
    ensure_schema(engine)
    with transaction(engine) as cursor:
        rows = list_prices(cursor, name, model=model, day=on, as_of=then)
    if json:
        print_json(rows)
    else:
        table("", COLUMNS, [list(row.values()) for row in rows])
