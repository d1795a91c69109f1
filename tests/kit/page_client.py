"""The Usage page's routes in this process: Airflow's login is replaced by a person with some connections."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date

from airflow.api_fastapi.core_api.security import get_user
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from usage_ledger.airflow.page.access import readable_connections
from usage_ledger.airflow.page.app import app
from usage_ledger.airflow.page.asking import current_reader, today
from usage_ledger.page.reader import Reader


@contextmanager
def page_client(engine: Engine, readable: Iterable[str], now: date, *, timeout: float = 8.0) -> Iterator[TestClient]:
    """A client of the routes, for somebody who may read the Dags of these connections, on that date."""
    reader = Reader(engine, timeout=timeout, lifetime=0)
    ids = frozenset(readable)
    app.dependency_overrides |= {
        get_user: lambda: object(),
        readable_connections: lambda: ids,
        current_reader: lambda: reader,
        today: lambda: now,
    }
    try:
        yield TestClient(app, follow_redirects=False)
    finally:
        app.dependency_overrides.clear()
