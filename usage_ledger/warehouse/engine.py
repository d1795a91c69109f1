"""Connects to the warehouse and runs whole transactions."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

import psycopg2
from psycopg2 import errorcodes
from psycopg2.extensions import cursor as Cursor  # noqa: N812
from sqlalchemy import URL, Engine, create_engine
from sqlalchemy.exc import DBAPIError

from usage_ledger.core import redaction
from usage_ledger.core.errors import UsageLedgerError, WarehouseDown, WarehouseRefused

Result = TypeVar("Result")

ATTEMPTS = 5
"""Of one transaction that lost against another one."""
LOST = (errorcodes.DEADLOCK_DETECTED, errorcodes.SERIALIZATION_FAILURE, errorcodes.UNIQUE_VIOLATION)
DOWN_CLASSES = ("08", "53", "55", "57", "25")
"""SQLSTATE classes that pass by themselves: connection, resources, locks, operator intervention, read-only."""


def warehouse_engine(url: URL) -> Engine:
    """An engine for the warehouse. Connects on first use."""
    if url.password:
        redaction.protect(str(url.password))
    return create_engine(url, pool_pre_ping=True, pool_size=2, max_overflow=2, connect_args={"connect_timeout": 10})


def url_from_uri(uri: str) -> URL:
    """The engine's URL from an Airflow connection URI such as `postgres://user:pw@host:5432/db?host=/socket`."""
    parts = urlsplit(uri)
    return engine_url(
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        host=unquote(parts.hostname or ""),
        port=parts.port,
        database=unquote(parts.path.lstrip("/")),
        options=dict(parse_qsl(parts.query)),
    )


def engine_url(*, user: str, password: str, host: str, port: int | None, database: str, options: dict[str, str]) -> URL:
    """The engine's URL from a connection's parts; a socket folder comes as option `host`."""
    return URL.create(
        "postgresql+psycopg2",
        username=user or None,
        password=password or None,
        host=host or None,
        port=port,
        database=database or None,
        query={key: value for key, value in options.items() if not key.startswith("__")},
    )


@contextmanager
def transaction(engine: Engine) -> Iterator[Cursor]:
    """One transaction on a psycopg2 cursor; commits at the end.

    Raises `WarehouseDown` for what passes by itself, `WarehouseRefused` for missing rights or objects.
    """
    try:
        connection = engine.raw_connection()
    except (DBAPIError, psycopg2.Error) as error:
        raise _told(error) from error
    try:
        yield connection.driver_connection.cursor()  # type: ignore[union-attr]
        connection.commit()
    except psycopg2.Error as error:
        connection.invalidate()
        if isinstance(error, psycopg2.ProgrammingError) and not error.pgcode:
            raise  # not the database's word but a misuse of its driver
        raise _told(error) from error
    except BaseException:
        connection.rollback()
        raise
    finally:
        connection.close()


def in_transaction(engine: Engine, work: Callable[[Cursor], Result]) -> Result:
    """The result of `work`, whole, again when it lost against another transaction."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with transaction(engine) as cursor:
                return work(cursor)
        except UsageLedgerError as error:
            cause = error.__cause__
            if not (isinstance(cause, psycopg2.Error) and cause.pgcode in LOST) or attempt == ATTEMPTS:
                raise
            time.sleep(random.uniform(0, 0.05 * 2**attempt))  # noqa: S311  jitter is no secret
    raise AssertionError("unreachable")


def _told(error: Exception) -> UsageLedgerError:
    original: Any = getattr(error, "orig", None) or error
    code = getattr(original, "pgcode", None) or ""
    said = (str(original).strip().splitlines() or [type(original).__name__])[0]
    if isinstance(original, psycopg2.InterfaceError) or not code or code[:2] in (*DOWN_CLASSES, "40"):
        return WarehouseDown(f"the warehouse does not answer or is busy ({said})")
    if code[:2] == "28" or code == "42501":
        return WarehouseRefused(f"the warehouse refused ({code}: {said})")
    next_step = "nothing was written; compare the warehouse's schema with include/sql/ddl"
    return WarehouseRefused(f"the warehouse could not do it ({code}: {said})", next_step=next_step)
