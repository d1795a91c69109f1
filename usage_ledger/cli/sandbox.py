"""The command that serves stand-ins for the providers."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from usage_ledger.cli.arguments import WrongUsage, read_secret

if TYPE_CHECKING:
    from usage_ledger.sandbox.kit.failures import Failures


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
    fail: Annotated[str | None, typer.Option(help="429:3 = the first three requests of each report get 429.")] = None,
    empty: Annotated[str | None, typer.Option(help="A usage date (YYYY-MM-DD) that has no rows.")] = None,
    partial: Annotated[bool, typer.Option("--partial", help="Answers hold half of their rows.")] = False,
    other_account: Annotated[bool, typer.Option("--other-account", help="The key opens another account.")] = False,
    key_of: Annotated[str | None, typer.Option(metavar="PROVIDER", help="Print its account's key, and end.")] = None,
) -> None:
    """Serve a stand-in for each provider's API with known truth; the first account is at every provider.

    It prints the commands that connect to it. Each reads the account's key from input: what --key-of prints, which is
    the key of the sandbox at most providers.
    """
    from usage_ledger.sandbox.accounts import other_accounts
    from usage_ledger.sandbox.app import create_app, serve
    from usage_ledger.sandbox.fireworks.truth import FireworksTruth

    failures = _failures(fail, empty, partial, other_account)
    key = key_file.read_text(encoding="utf-8").strip() if key_file else read_secret("Key of the sandbox")
    truths = [
        FireworksTruth(
            seed=seed, account=name, keys=keys, models=models, deployments=deployments, training_jobs=training_jobs
        )
        for name in account or ["sandbox"]
    ]
    if key_of is not None:
        _print_key(key_of, key, truths[0].account, seed)
        return
    _print_commands(f"http://{host}:{port}", truths[0].account, seed)
    others = other_accounts(key, truths[0].account, seed)
    app = create_app(truths, key, now=lambda: datetime.now(UTC), others=others, failures=failures)
    serve(app, host=host, port=port)


def _print_key(provider: str, key: str, account: str, seed: int) -> None:
    """What a connection to the provider stores where `key` opens the account. Raises `ConfigError`."""
    from usage_ledger.local.accounts import invented_account
    from usage_ledger.providers import provider_named

    _, credential = invented_account(provider_named(provider).name, key, "", account=account, seed=seed)
    typer.echo(credential.key)


def _print_commands(address: str, account: str, seed: int) -> None:
    """How each account is connected."""
    from usage_ledger.local.accounts import sandbox_command
    from usage_ledger.providers import PROVIDERS

    for provider in PROVIDERS:
        typer.echo(sandbox_command(provider, host=address, account=account, seed=seed))


def _failures(fail: str | None, empty: str | None, partial: bool, other_account: bool) -> "Failures":
    """The failures that the options order. Raises `WrongUsage` or `BadWindow`."""
    from usage_ledger.console import day_option
    from usage_ledger.sandbox.kit.failures import Failures
    from usage_ledger.sandbox.kit.queries import parse_whole

    status, times = 429, 0
    if fail is not None:
        first, _, second = fail.partition(":")
        numbers = parse_whole(first, 400, 599), parse_whole(second, 1, 10**6)
        if numbers[0] is None or numbers[1] is None:
            raise WrongUsage(
                f"--fail {fail[:40]!r} is no status from 400 to 599 and a number of requests",
                next_step="write it as 429:3",
            )
        status, times = numbers[0], numbers[1]
    day = None if empty is None else day_option(empty, "--empty")
    return Failures(status, times, day, partial, other_account)
