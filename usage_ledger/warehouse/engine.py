"""Connects to the warehouse and runs whole transactions."""

import random
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg2
from psycopg2 import errorcodes
from psycopg2.extensions import cursor as Cursor  # noqa: N812
from sqlalchemy import URL, Engine, create_engine
from sqlalchemy.exc import DBAPIError

from usage_ledger.core import redaction
from usage_ledger.core.errors import UsageLedgerError
from usage_ledger.core.warehouse_errors import WarehouseDown, WarehouseFull, WarehouseRefused
from usage_ledger.warehouse.sql import statement

Result = TypeVar("Result")

WAITS = {"lock": "60s", "idle": "5min"}
"""How long a statement waits for a lock, and a transaction for its client, until the server ends it."""
MEMORY = "32MB"
"""What a sort, and by half as much again a hash, may take in the server before it writes files."""
RETRIES = {errorcodes.DEADLOCK_DETECTED: 5, errorcodes.SERIALIZATION_FAILURE: 5, errorcodes.UNIQUE_VIOLATION: 1}
"""How often a whole transaction that lost against another one is tried again."""
DOWN_CLASSES = ("08", "53", "55", "57", "25")
"""SQLSTATE classes that pass by themselves: connection, resources, locks, operator intervention, read-only."""
_not_let_in = re.compile(
    r"authentication failed|no password supplied|no pg_hba\.conf entry|FATAL: .*(does not exist|not permitted to)"
)
"""What a server says to a wrong role, password or database; the driver has no SQLSTATE of a failed connect."""


def warehouse_engine(url: URL) -> Engine:
    """An engine for the warehouse. Connects on first use.

    READ COMMITTED whatever the database's default is: who waited for a lock must see what was committed meanwhile.
    """
    if url.password:
        redaction.protect(str(url.password))
    return create_engine(
        url,
        pool_pre_ping=True,
        pool_size=2,
        max_overflow=2,
        isolation_level="READ COMMITTED",
        connect_args={"connect_timeout": 10},
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
    """One transaction on a psycopg2 cursor; commits at the end. No wait in it is endless, and nothing outlives it.

    Raises `WarehouseDown` for what passes by itself, `WarehouseRefused` for missing rights or objects.
    """
    try:
        connection = engine.raw_connection()
    except (DBAPIError, psycopg2.Error) as error:
        raise _translate_db_error(error) from error
    try:
        cursor = connection.driver_connection.cursor()  # type: ignore[union-attr]
        cursor.execute(statement("load/session"), WAITS | {"memory": MEMORY})
        yield cursor
        connection.commit()
    except psycopg2.Error as error:
        connection.invalidate()
        if isinstance(error, psycopg2.ProgrammingError) and not error.pgcode:
            raise  # not the database's word but a misuse of its driver
        raise _translate_db_error(error) from error
    except BaseException:
        connection.rollback()
        raise
    finally:
        connection.close()


def in_transaction(engine: Engine, work: Callable[[Cursor], Result]) -> Result:
    """The result of `work`, whole, again when it lost against another transaction."""
    lost = 0
    while True:
        try:
            with transaction(engine) as cursor:
                return work(cursor)
        except UsageLedgerError as error:
            if lost >= RETRIES.get(getattr(error.__cause__, "pgcode", None) or "", 0):
                raise
        lost += 1
        time.sleep(random.uniform(0, 0.05 * 2**lost))  # noqa: S311  jitter is no secret


def _translate_db_error(error: Exception) -> UsageLedgerError:
    original: Any = getattr(error, "orig", None) or error
    code = getattr(original, "pgcode", None) or ""
    said = (str(original).strip().splitlines() or ["it gives no reason"])[0]
    if code == errorcodes.DISK_FULL:
        return WarehouseFull(f"the warehouse's disk is full ({said})")
    if code[:2] == "28" or code == "42501" or (not code and _not_let_in.search(said)):
        return WarehouseRefused(f"the warehouse refused ({said})")
    if isinstance(original, psycopg2.InterfaceError) or not code or code[:2] in (*DOWN_CLASSES, "40"):
        return WarehouseDown(f"the warehouse does not answer or is busy ({said})")
    if code == errorcodes.UNIQUE_VIOLATION:
        next_step = "it was tried twice and nothing was written; report this with the load id, it is a defect"
        return WarehouseRefused(f"the warehouse met a key twice ({code}: {said})", next_step=next_step)
    next_step = "nothing was written; compare the warehouse's schema with include/sql/ddl"
    return WarehouseRefused(f"the warehouse could not do it ({code}: {said})", next_step=next_step)
