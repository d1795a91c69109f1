"""A ledger with what the stand-ins of the providers say of some dates, loaded by the product's own steps."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from sqlalchemy import Engine

from usage_ledger.connections import Connection
from usage_ledger.core.project import local_folder
from usage_ledger.http.client import Client
from usage_ledger.local.accounts import ACCOUNT, connection_of, invented_account
from usage_ledger.pipeline.plan import Dates
from usage_ledger.pipeline.run import run_all
from usage_ledger.providers import PROVIDERS
from usage_ledger.sandbox.accounts import other_accounts
from usage_ledger.sandbox.app import create_app, running
from usage_ledger.sandbox.fireworks.truth import FireworksTruth

KEY = "the-key-of-every-stand-in"


def fill_ledger(
    engine: Engine,
    root: Path,
    first: date,
    last: date,
    *,
    providers: Iterable[str] = tuple(PROVIDERS),
    seed: int = 1,
    truth: FireworksTruth | None = None,
    now: datetime | None = None,
    timezone: str = "UTC",
) -> None:
    """Load the dates `first` to `last` of a connection at each provider's stand-in, named as the demo names it.

    The clock stands at `now`, or at noon of the day after `last`. Raises `AssertionError` for a load that failed.
    """
    instant = now or datetime.combine(last + timedelta(days=1), time(12), UTC)
    account = truth or FireworksTruth(seed=seed, account=ACCOUNT)
    app = create_app([account], KEY, now=lambda: instant, others=other_accounts(KEY, ACCOUNT, seed))
    with running(app) as url, _allowed(url):
        for name in providers:
            document, credential = invented_account(name, KEY, url, seed=seed)
            connection = Connection(id=connection_of(name), **document | {"timezone": timezone})
            with Client(
                connection.declared,
                base_url=credential.host,
                credential=credential,
                account=connection.account,
                sleep=lambda _: None,
            ) as client:
                ran = run_all(connection, Dates(first, last), client=client, engine=engine, root=root, now=instant)
            assert not ran.failures, (name, ran.failures)


@contextmanager
def _allowed(url: str) -> Iterator[None]:
    """Let the process ask that server, and read the folder that stands for a store."""
    more = {"USAGE_LEDGER_ALLOWED_HOSTS": url.removeprefix("http://"), "USAGE_LEDGER_STORES": str(local_folder())}
    before = {name: os.environ.get(name) for name in more}
    os.environ |= {name: ",:"[name.endswith("STORES")].join(filter(None, (before[name], more[name]))) for name in more}
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value
