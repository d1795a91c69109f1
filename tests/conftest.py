"""A real PostgreSQL for the tests that need one: one server a session, one database a module."""

import logging
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import psycopg2
import pytest
from fastapi import FastAPI
from kit.catalogue import Catalogue
from kit.cluster import start_cluster
from kit.groups import GroupScheduling, start_order
from kit.provider_site import KEY, NOW, TRUTHS, Overruled, Site
from kit.scripted_server import Reply, Scripted
from kit.stack import Stack, local_stack
from sqlalchemy import Engine, make_url

from usage_ledger.core.project import ROOT
from usage_ledger.sandbox.app import create_app, running
from usage_ledger.warehouse.engine import transaction, warehouse_engine
from usage_ledger.warehouse.schema import ensure_schema

HOME = tempfile.mkdtemp(prefix="ul-home-")
os.environ |= {  # before anything imports Airflow, which would make a home in the person's own
    "AIRFLOW_HOME": HOME,
    "USAGE_LEDGER_LOCAL": f"{HOME}/local",
    "USAGE_LEDGER_STORES": f"{HOME}/local/sandbox",
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
}


def pytest_unconfigure() -> None:
    shutil.rmtree(HOME, ignore_errors=True)


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Catalogue())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: start_order(item.nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> GroupScheduling:
    config.option.loadscopereorder = False  # the order of collection, with the slowest groups first
    return GroupScheduling(config, log)


@pytest.fixture(scope="session", autouse=True)
def _no_wait_for_the_disk() -> Iterator[None]:
    """Nothing that this process writes is to outlive the machine; the processes that tests kill do wait."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _descriptor: None)
        yield


@pytest.fixture(autouse=True)
def _own_logger() -> Iterator[None]:
    """A command that a test runs in this process silences our log; the next test finds it as it was."""
    logger = logging.getLogger("usage_ledger")
    level, propagates, handlers = logger.level, logger.propagate, list(logger.handlers)
    yield
    logger.propagate, logger.handlers = propagates, handlers
    logger.setLevel(level)


@pytest.fixture(scope="session")
def server() -> Iterator[Any]:
    """The embedded server, in a folder whose name is short enough for a socket's path."""
    folder = Path(tempfile.mkdtemp(prefix="ul"))
    try:
        running = start_cluster(folder / "pg")
        try:
            yield running
        finally:
            running.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def administer(server: Any) -> Callable[[str], None]:
    """Runs one command as the server's superuser."""

    def run(command: str) -> None:
        with closing(psycopg2.connect(server.get_uri("postgres"))) as connection:
            connection.autocommit = True
            connection.cursor().execute(command)

    return run


@pytest.fixture(scope="module")
def empty_database(server: Any, administer: Callable[[str], None]) -> Iterator[Callable[..., Engine]]:
    """Makes databases without any schema; dropped after the module's last test."""
    made: list[tuple[str, Engine]] = []

    def make(owner: str = "postgres") -> Engine:
        name = f"warehouse_{uuid.uuid4().hex}"
        administer(f"CREATE DATABASE {name} OWNER {owner}")
        engine = warehouse_engine(make_url(server.get_uri(name)).set(username=owner))
        made.append((name, engine))
        return engine

    yield make
    for name, engine in made:
        engine.dispose()
        administer(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def engine(empty_database: Callable[..., Engine]) -> Engine:
    """A fresh warehouse of this module."""
    made = empty_database()
    ensure_schema(made)
    return made


Query = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture(scope="module")
def query(engine: Engine) -> Query:
    """The rows of a query, with `%s` for each further value."""

    def run(text: str, *values: Any) -> list[tuple[Any, ...]]:
        with transaction(engine) as cursor:
            cursor.execute(text, values)
            return list(cursor.fetchall())

    return run


TABLES = """
SELECT c.oid::regclass::text
FROM pg_class AS c
WHERE c.relnamespace = 'ledger'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
ORDER BY 1
"""


@pytest.fixture(scope="module")
def content(query: Query) -> Callable[..., dict[str, str]]:
    """A hash of every row of every table of schema `ledger`, and of other tables that are named."""

    def hashed(*more: str) -> dict[str, str]:
        tables = [table for (table,) in query(TABLES)]
        assert {"ledger.usage_daily", "ledger.cost_daily", "ledger.name"} <= set(tables)
        rows = "SELECT md5(string_agg(row::text, E'\\n' ORDER BY row::text)) FROM {} AS row"
        return {table: query(rows.format(table))[0][0] for table in (*tables, *more)}

    return hashed


@pytest.fixture(scope="module")
def versions(query: Query) -> Callable[[], list[tuple[Any, ...]]]:
    """Where each row of schema `ledger` lies and which transaction wrote it: equal only if none was rewritten."""

    def read() -> list[tuple[Any, ...]]:
        return [
            (table, *row)
            for (table,) in query(TABLES)
            for row in query(f"SELECT tableoid, ctid::text, xmin::text FROM {table} ORDER BY 1, 2")
        ]

    return read


@pytest.fixture
def scripted() -> Iterator[Callable[..., Scripted]]:
    """Makes servers with these replies; closes them when the test ends."""
    opened: list[Scripted] = []

    def make(*replies: Reply) -> Scripted:
        server = Scripted()
        server.replies = list(replies)
        opened.append(server)
        return server

    yield make
    for server in opened:
        server.close()


@pytest.fixture(scope="module")
def provider() -> Iterator[tuple[Overruled, str]]:
    overruled = Overruled(create_app(list(TRUTHS.values()), KEY, now=lambda: NOW))
    with running(cast(FastAPI, overruled)) as url:
        yield overruled, url


@pytest.fixture
def site(provider: tuple[Overruled, str], engine: Engine, query: Query, tmp_path: Path) -> Site:
    overruled, url = provider
    overruled.answers.clear()
    overruled.requests.clear()
    return Site(overruled, url, engine, query, tmp_path / "raw")


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """PostgreSQL, Airflow's four processes, a provider with one account per zone, all connected; stopped at the end."""
    with local_stack() as made:
        yield made
