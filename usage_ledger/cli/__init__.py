"""The command `usage-ledger`: thin commands over the pipeline. Data on standard output, the rest on standard error.

Modules are imported where they are used, so that help and simple commands start at once.
"""

import sys
from typing import Annotated

import typer

from usage_ledger import __version__
from usage_ledger.cli import alerts, budgets, events, init, loading, onboarding, reconcile, sandbox, usage, warehouse
from usage_ledger.cli.arguments import FAILED, WRONG_USAGE, WrongUsage
from usage_ledger.cli.export import export_app
from usage_ledger.cli.owners import owners_app
from usage_ledger.cli.prices import prices_app
from usage_ledger.core.errors import BadWindow, UsageLedgerError
from usage_ledger.core.redaction import no_memory_dump, redact
from usage_ledger.local.commands import stack_app
from usage_ledger.local.stopping import INTERRUPTED, say_stopped

app = typer.Typer(
    help="What your AI providers metered, who used it, and whether it equals the bill.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(stack_app, name="stack")
app.add_typer(export_app, name="export")
app.add_typer(owners_app, name="owners")
app.add_typer(prices_app, name="prices")


def _print_version(now: bool) -> None:
    if now:
        version()
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks and logs.")] = False,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    from usage_ledger.console import log_to_stderr

    log_to_stderr(debug=debug)
    context.obj = debug


def version() -> None:
    """Print the version."""
    typer.echo(__version__)


for command in (
    version,
    init.init,
    onboarding.connect,
    onboarding.check,
    loading.run,
    loading.rebuild,
    loading.release,
    warehouse.status,
    budgets.budgets,
    budgets.anomalies,
    alerts.alerts,
    reconcile.reconcile,
    usage.usage,
    onboarding.disconnect,
    onboarding.pools,
    sandbox.sandbox,
):
    app.command()(command)
app.command("psql", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(warehouse.psql)
app.command("import")(events.import_events)


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
    except SystemExit as end:
        if end.code == INTERRUPTED:  # by which typer ends a command that Ctrl-C stops, without a word
            say_stopped("Ctrl-C")
        raise


def _fail(error: UsageLedgerError, code: int, debug: bool) -> None:
    if debug:
        raise error
    typer.echo(f"usage-ledger: {redact(str(error))}", err=True)
    sys.exit(code)
