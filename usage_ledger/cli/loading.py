"""The commands that load: from a provider, or again from raw storage."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from usage_ledger.cli.arguments import FAILED, HELD, ConnectionId, Json, Strict, checked, require_dates
from usage_ledger.local.stopping import end_on_sigterm


def run(
    connection_id: ConnectionId,
    first: Annotated[str | None, typer.Option("--from", metavar="YYYY-MM-DD", help="First usage date.")] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="YYYY-MM-DD", help="Last usage date, included.")] = None,
    strict: Strict = False,
    json: Json = False,
) -> None:
    """Extract, transform, validate and load in this process; without dates, the last complete usage date."""
    end_on_sigterm()
    require_dates(first, last)
    from usage_ledger.console import Progress

    with Progress(connection_id) as bar:  # on the screen before the imports, which take a second
        from usage_ledger.cli.arrow import postpone_pandas
        from usage_ledger.cli.context import command_client, command_engine, command_root
        from usage_ledger.money.team_costs import record_team_costs
        from usage_ledger.money.verdict import record_verdicts
        from usage_ledger.pipeline.plan import requested_dates
        from usage_ledger.pipeline.run import run_all

        postpone_pandas()
        connection, client = command_client(checked(connection_id))
        now = datetime.now(UTC)
        dates = requested_dates(first, last, now=now, connection=connection)
        engine = command_engine()
        with client:
            ran = run_all(
                connection,
                dates,
                client=client,
                engine=engine,
                root=command_root(),
                now=now,
                strict=strict,
                began=bar.begin,
                progress=bar.advance,
            )
    record_team_costs(engine, connection.id)
    record_verdicts(engine, connection.id)
    end(ran, as_json=json)


def rebuild(
    connection_id: ConnectionId,
    first: Annotated[str | None, typer.Option("--from", metavar="YYYY-MM-DD", help="First usage date.")] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="YYYY-MM-DD", help="Last usage date, included.")] = None,
    strict: Strict = False,
    json: Json = False,
) -> None:
    """Load again what is in raw storage, without the network; without dates, all of it."""
    end_on_sigterm()
    require_dates(first, last)
    from usage_ledger.console import Progress

    with Progress(connection_id) as bar:
        from usage_ledger.cli.arrow import postpone_pandas
        from usage_ledger.cli.context import command_engine, command_root
        from usage_ledger.connections import find_connection
        from usage_ledger.money.team_costs import record_team_costs
        from usage_ledger.pipeline.plan import requested_dates
        from usage_ledger.pipeline.rebuild import rebuild as again
        from usage_ledger.pipeline.rebuild import span_of

        postpone_pandas()
        engine, root = command_engine(), command_root()
        connection = find_connection(checked(connection_id))
        dates = requested_dates(first, last, now=datetime.now(UTC), connection=connection)
        span = span_of(dates.first, dates.last) if first else None
        ran = again(connection, span, engine=engine, root=root, strict=strict, began=bar.begin, progress=bar.advance)
    record_team_costs(engine, connection.id)
    end(ran, as_json=json)


def release(
    connection_id: ConnectionId,
    date: Annotated[str, typer.Option("--date", metavar="YYYY-MM-DD", help="The held usage date.")],
    strict: Strict = False,
    json: Json = False,
) -> None:
    """Accept a held date: the new answer replaces the current rows."""
    from usage_ledger.console import day_option

    day = day_option(date, "--date")
    from usage_ledger.cli.arrow import postpone_pandas
    from usage_ledger.cli.context import command_engine, command_root
    from usage_ledger.connections import find_connection
    from usage_ledger.money.team_costs import record_team_costs
    from usage_ledger.pipeline.rebuild import release as accept

    postpone_pandas()
    engine = command_engine()
    connection = find_connection(checked(connection_id))
    ran = accept(connection, day, engine=engine, root=command_root(), strict=strict)
    record_team_costs(engine, connection.id)
    end(ran, as_json=json)


def end(ran: Any, *, as_json: bool) -> None:
    """Print what a run did, and leave with its code."""
    from usage_ledger.console import print_run

    print_run(ran, as_json=as_json)
    if ran.failures:
        raise typer.Exit(FAILED)
    if ran.held:
        raise typer.Exit(HELD)
