"""The command `usage-ledger`: thin commands over the pipeline. Data on standard output, the rest on standard error.

Modules are imported where they are used, so that help and simple commands start at once.
"""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from usage_ledger import __version__
from usage_ledger.core.errors import BadWindow, ConfigError, UsageLedgerError
from usage_ledger.core.provider_errors import NoPermission
from usage_ledger.core.redaction import no_memory_dump, redact
from usage_ledger.local.commands import stack_app
from usage_ledger.local.stopping import end_on_sigterm

DONE, FAILED, WRONG_USAGE, HELD = 0, 1, 2, 3

app = typer.Typer(
    help="What your AI providers metered, who used it, and whether it equals the bill.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(stack_app, name="stack")

ConnectionId = Annotated[str, typer.Argument(metavar="ID", help="The connection's id: the stem of its YAML file.")]
Json = Annotated[bool, typer.Option("--json", help="Data as JSON on standard output.")]
Day = Annotated[str | None, typer.Option(metavar="YYYY-MM-DD")]


@app.callback()
def options(
    context: typer.Context, debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks and logs.")] = False
) -> None:
    from usage_ledger.console import log_to_stderr

    log_to_stderr(debug=debug)
    context.obj = debug


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


@app.command()
def connect(
    provider: Annotated[str, typer.Argument(help="The provider's name, such as fireworks.")],
    connection_id: ConnectionId,
    account: Annotated[str, typer.Option(help="The provider's own id of the account.")],
    timezone: Annotated[str, typer.Option(help="Day boundary: an IANA time zone.")] = "UTC",
    at: Annotated[str, typer.Option(help="Local time of the daily run.")] = "03:00",
    start_date: Annotated[str | None, typer.Option(metavar="YYYY-MM-DD", help="History to fill.")] = None,
    host: Annotated[str | None, typer.Option(help="Another base URL; must be allowed.")] = None,
) -> None:
    """Verify a key, store it in Airflow, and write the connection's YAML. The key is asked for, or read from input."""
    from usage_ledger.airflow.onboarding import connect as add
    from usage_ledger.cli_context import command_engine
    from usage_ledger.connections import connection_from
    from usage_ledger.console import day_option, say

    document: dict[str, Any] = {"provider": provider, "account": account, "timezone": timezone, "at": at}
    if start_date:
        document["start_date"] = day_option(start_date, "--start-date")
    _as_usage(lambda: connection_from(connection_id, document, "the command"))
    engine = command_engine()
    key = _read_key(provider)
    done = add(connection_id, document, key=key, host=host, engine=engine)
    say(f"connected {connection_id}: account {account} can read {', '.join(done.readable.reports)}")
    for name, why in done.readable.refused.items():
        say(f"left out {name}: {why}" if done.new else f"it cannot read {name}: {why}")
    if done.new:
        say(f"wrote {done.path}; the Dag usage_{connection_id} appears within a minute of a running Airflow")
    else:
        say(f"the key is replaced; {done.path} stands as it was")
    say(f"try it now: usage-ledger run {connection_id}")


@app.command()
def check(connection_id: ConnectionId, json: Json = False) -> None:
    """Verify a connection's key and say what it can read."""
    from usage_ledger.airflow.onboarding import readable
    from usage_ledger.airflow.store import missing_pools
    from usage_ledger.cli_context import command_client
    from usage_ledger.console import print_json, say

    connection, client = command_client(_checked(connection_id))
    with client:
        access = readable(connection, client)
    pools = missing_pools()
    if json:
        print_json(
            {"connection_id": connection_id, "reads": access.reports, "refused": access.refused, "missing_pools": pools}
        )
    else:
        say(f"{connection_id}: the key is valid and sees account {connection.account}")
        say(f"it can read {', '.join(access.reports)}")
        for name, why in access.refused.items():
            say(f"it cannot read {name}: {why}")
    if connection.provider in pools:
        raise ConfigError(
            f"Airflow has no pool {connection.provider}; its tasks would wait for ever",
            next_step="run `usage-ledger pools`",
        )
    chosen = [report.name for report in connection.chosen_reports if not report.snapshot]
    if refused := [name for name in chosen if name in access.refused]:
        raise NoPermission(f"the key may not read {', '.join(refused)}", connection=connection_id)


@app.command()
def run(
    connection_id: ConnectionId,
    first: Annotated[str | None, typer.Option("--from", metavar="YYYY-MM-DD", help="First usage date.")] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="YYYY-MM-DD", help="Last usage date, included.")] = None,
    json: Json = False,
) -> None:
    """Extract, transform, validate and load in this process; without dates, the last complete usage date."""
    end_on_sigterm()
    _require_dates(first, last)
    from usage_ledger.cli_context import command_client, command_engine, command_root
    from usage_ledger.console import Progress
    from usage_ledger.pipeline.plan import requested_dates
    from usage_ledger.pipeline.run import run_all

    connection, client = command_client(_checked(connection_id))
    now = datetime.now(UTC)
    dates = requested_dates(first, last, now=now, connection=connection)
    engine = command_engine()
    with client, Progress(connection_id) as bar:
        ran = run_all(
            connection,
            dates,
            client=client,
            engine=engine,
            root=command_root(),
            now=now,
            began=bar.begin,
            progress=bar.advance,
        )
    _end(ran, as_json=json)


@app.command()
def rebuild(
    connection_id: ConnectionId,
    first: Annotated[str | None, typer.Option("--from", metavar="YYYY-MM-DD", help="First usage date.")] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="YYYY-MM-DD", help="Last usage date, included.")] = None,
    json: Json = False,
) -> None:
    """Load again what is in raw storage, without the network; without dates, all of it."""
    end_on_sigterm()
    _require_dates(first, last)
    from usage_ledger.cli_context import command_engine, command_root
    from usage_ledger.connections import find_connection
    from usage_ledger.console import Progress
    from usage_ledger.pipeline.plan import requested_dates
    from usage_ledger.pipeline.rebuild import rebuild as again
    from usage_ledger.pipeline.rebuild import span_of

    engine = command_engine()
    connection = find_connection(_checked(connection_id))
    dates = requested_dates(first, last, now=datetime.now(UTC), connection=connection)
    span = span_of(dates.first, dates.last) if first else None
    with Progress(connection_id) as bar:
        ran = again(connection, span, engine=engine, root=command_root(), began=bar.begin, progress=bar.advance)
    _end(ran, as_json=json)


@app.command()
def release(
    connection_id: ConnectionId,
    date: Annotated[str, typer.Option("--date", metavar="YYYY-MM-DD", help="The held usage date.")],
    json: Json = False,
) -> None:
    """Accept a held date: what came for it replaces what stands."""
    from usage_ledger.console import day_option

    day = day_option(date, "--date")
    from usage_ledger.cli_context import command_engine, command_root
    from usage_ledger.connections import find_connection
    from usage_ledger.pipeline.rebuild import release as accept

    engine = command_engine()
    connection = find_connection(_checked(connection_id))
    _end(accept(connection, day, engine=engine, root=command_root()), as_json=json)


@app.command()
def status(
    connection_id: Annotated[str | None, typer.Argument(metavar="[ID]", help="One connection; all without.")] = None,
    json: Json = False,
) -> None:
    """Coverage by day, last sync, open events."""
    from usage_ledger.cli_context import command_engine
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
    print_status(connections, *details, as_json=json)


@app.command()
def disconnect(connection_id: ConnectionId) -> None:
    """Delete the stored key at once; the data stay."""
    from usage_ledger.airflow.onboarding import disconnect as remove
    from usage_ledger.cli_context import command_engine
    from usage_ledger.console import say

    gone, path = remove(_checked(connection_id), command_engine())
    if not gone and path is None:
        raise ConfigError(f"there is no connection {connection_id!r}", next_step="see `usage-ledger status`")
    say(f"deleted the key of {connection_id}" if gone else f"Airflow held no key of {connection_id}")
    if path is not None:
        say(f"removed {path}; the data stay")


@app.command()
def pools() -> None:
    """Make every provider's Airflow pool that is missing."""
    from usage_ledger.airflow.store import ensure_pools
    from usage_ledger.cli_context import require_stack_database
    from usage_ledger.console import say

    require_stack_database()
    created = ensure_pools()
    say(f"created the pools {', '.join(created)}" if created else "every pool exists")


@app.command()
def psql() -> None:
    """Open psql on the warehouse."""
    from usage_ledger.cli_context import command_engine
    from usage_ledger.local.postgres import exec_psql

    exec_psql(command_engine().url)


@app.command()
def sandbox(
    account: Annotated[list[str] | None, typer.Option(help="An account to serve; repeat for more.")] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8600,
    key_file: Annotated[Path | None, typer.Option(help="File that holds the key; else it is read from input.")] = None,
    seed: int = 1,
    keys: int = 6,
    models: int = 4,
    deployments: int = 2,
    training_jobs: int = 1,
) -> None:
    """Serve a stand-in for the providers' APIs with known truth; the first account is at every provider."""
    from usage_ledger.sandbox.accounts import other_accounts
    from usage_ledger.sandbox.app import create_app, serve
    from usage_ledger.sandbox.fireworks.truth import FireworksTruth

    key = key_file.read_text(encoding="utf-8").strip() if key_file else _read_key("the sandbox")
    truths = [
        FireworksTruth(
            seed=seed, account=name, keys=keys, models=models, deployments=deployments, training_jobs=training_jobs
        )
        for name in account or ["sandbox"]
    ]
    others = other_accounts(key, truths[0].account, seed)
    serve(create_app(truths, key, now=lambda: datetime.now(UTC), others=others), host=host, port=port)


def main() -> None:
    """Run the command; an error of ours is one line on standard error and an exit code, never a traceback."""
    debug = "--debug" in sys.argv
    no_memory_dump()  # before a key is read
    try:
        app()
    except BadWindow as error:
        _fail(error, WRONG_USAGE, debug)
    except WrongUsage as error:
        _fail(error, WRONG_USAGE, debug)
    except UsageLedgerError as error:
        _fail(error, FAILED, debug)
    except KeyboardInterrupt:
        sys.exit(130)


class WrongUsage(ConfigError):
    """The command's own words are wrong."""


def _fail(error: UsageLedgerError, code: int, debug: bool) -> None:
    if debug:
        raise error
    typer.echo(f"usage-ledger: {redact(str(error))}", err=True)
    sys.exit(code)


def _require_dates(first: str | None, last: str | None) -> None:
    """Refuse what no connection can make right, before anything large is imported. Raises `BadWindow`."""
    from usage_ledger.console import day_option

    if (first is None) != (last is None):
        raise BadWindow("only one of --from and --to is given", next_step="give both, or neither")
    if first is not None and last is not None and day_option(first, "--from") > day_option(last, "--to"):
        raise BadWindow(f"--from {first} is after --to {last}", next_step="swap them")


def _as_usage(work: Any) -> Any:
    try:
        return work()
    except ConfigError as error:
        raise WrongUsage(error.what, next_step=error.next_step) from None


def _end(ran: Any, *, as_json: bool) -> None:
    """Print what a run did, and leave with its code."""
    from usage_ledger.console import print_run

    print_run(ran, as_json=as_json)
    if ran.failures:
        raise typer.Exit(FAILED)
    if ran.held:
        raise typer.Exit(HELD)


def _checked(connection_id: str) -> str:
    from usage_ledger.connections import checked_id

    return str(_as_usage(lambda: checked_id(connection_id)))


def _read_key(provider: str) -> str:
    """The key, without echo from a terminal, else the first line of standard input."""
    import getpass

    if sys.stdin.isatty():
        return getpass.getpass(f"API key of {provider}: ").strip()
    return sys.stdin.readline().strip()
