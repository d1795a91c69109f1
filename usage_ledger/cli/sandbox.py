"""The command that serves stand-ins for the providers."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from usage_ledger.cli.arguments import read_key


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

    key = key_file.read_text(encoding="utf-8").strip() if key_file else read_key("the sandbox")
    truths = [
        FireworksTruth(
            seed=seed, account=name, keys=keys, models=models, deployments=deployments, training_jobs=training_jobs
        )
        for name in account or ["sandbox"]
    ]
    others = other_accounts(key, truths[0].account, seed)
    serve(create_app(truths, key, now=lambda: datetime.now(UTC), others=others), host=host, port=port)
