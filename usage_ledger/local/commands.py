"""`usage-ledger stack …`: what the Makefile calls. Modules are imported where they are used, as in `cli`."""

from typing import Annotated

import typer

stack_app = typer.Typer(
    help="The local stack: embedded PostgreSQL, Airflow, the sandbox provider.", no_args_is_help=True
)


@stack_app.callback()
def stack_options() -> None:
    import os

    from usage_ledger.core.errors import ConfigError
    from usage_ledger.core.project import CHECKOUT
    from usage_ledger.local.settings import stack_environment

    if not CHECKOUT:
        raise ConfigError(
            "the local stack is part of a checkout of the project, and this is an installed package",
            next_step="run `usage-ledger init` in the environment of your own Airflow",
        )
    os.environ.update(stack_environment())  # before anything imports Airflow, which reads it once


@stack_app.command("up")
def stack_up(with_sandbox: Annotated[bool, typer.Option("--sandbox")] = False) -> None:
    """Start the local stack and wait until it is healthy."""
    from usage_ledger.local.demo import start

    start(sandbox=with_sandbox)


@stack_app.command("down")
def stack_down() -> None:
    """Stop what the local stack started, and nothing else."""
    from usage_ledger.console import say
    from usage_ledger.local.stack import down

    stopped = down()
    say(f"stopped {', '.join(stopped)}" if stopped else "nothing was running")


@stack_app.command("demo")
def stack_demo(
    days: Annotated[int, typer.Option(help="How many days to backfill.")] = 14,
    providers: Annotated[str, typer.Option(help="Names with commas, or `all`.")] = "",
) -> None:
    """Start everything, backfill the last days through Airflow, and print the ledger's totals."""
    from usage_ledger.local.accounts import chosen_providers
    from usage_ledger.local.demo import demo

    demo(days, chosen_providers(providers))
