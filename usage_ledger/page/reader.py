"""Asks the marts for a page: read-only, as role `bi_reader`, and never longer than a page may take."""

import threading
import time
from collections.abc import Mapping
from typing import Any

from psycopg2 import errorcodes, sql
from sqlalchemy import Engine

from usage_ledger.core.errors import UsageLedgerError
from usage_ledger.core.warehouse_errors import WarehouseDown
from usage_ledger.warehouse.engine import transaction
from usage_ledger.warehouse.sql import statement

Row = dict[str, Any]
TIMEOUT = 8.0
"""Seconds that one statement may take."""
LIFETIME = 30.0
"""Seconds for which an answer is reused."""
MOST_ANSWERS = 256
MOST_ROWS = 10_000
"""Rows of an answer that is reused: a file of everything would fill the api-server's memory."""
ROLE = "bi_reader"
MISSING = (errorcodes.UNDEFINED_TABLE, errorcodes.UNDEFINED_COLUMN, errorcodes.INVALID_SCHEMA_NAME)


class TooSlow(WarehouseDown):
    """A statement took longer than a page may wait."""

    remedy = "ask for fewer days or connections, or ask again in a minute"


class NoRole(UsageLedgerError):
    """The warehouse's login may not read as `bi_reader`."""

    remedy = "GRANT bi_reader TO the login of connection usage_warehouse"


class NoMarts(UsageLedgerError):
    """The marts that a page asks for are not there, or are older than the page."""

    remedy = "let the Dag of any connection run once: each run brings the marts up to date"


class Reader:
    """Rows of the marts. One for all requests of a process; safe in threads."""

    def __init__(self, engine: Engine, *, timeout: float = TIMEOUT, lifetime: float = LIFETIME) -> None:
        self._engine = engine
        self._timeout = timeout
        self._lifetime = lifetime
        self._lock = threading.Lock()
        self._answers: dict[Any, tuple[float, list[Row]]] = {}

    def rows(self, name: str, values: Mapping[str, Any]) -> list[Row]:
        """The rows of statement `include/sql/page/<name>.sql`; do not change them, others may get the same.

        Raises `TooSlow`, `NoRole`, `NoMarts`, `WarehouseDown`, `WarehouseRefused`.
        """
        return self.rows_of(statement(f"page/{name}"), values, key=name)

    def rows_of(self, query: sql.Composable, values: Mapping[str, Any], key: Any) -> list[Row]:
        """The rows of a composed statement; `key` is equal for equal statements alone."""
        values = {name: _sorted_list(value) for name, value in values.items()}
        question = (key, repr(sorted(values.items())))
        with self._lock:
            at, rows = self._answers.get(question, (float("-inf"), []))
        if time.monotonic() - at < self._lifetime:
            return rows
        rows = self._ask(query, values)
        if len(rows) > MOST_ROWS:
            return rows
        with self._lock:
            while len(self._answers) >= MOST_ANSWERS:
                self._answers.pop(next(iter(self._answers)))
            self._answers.pop(question, None)
            self._answers[question] = (time.monotonic(), rows)
        return rows

    def _ask(self, query: sql.Composable, values: Mapping[str, Any]) -> list[Row]:
        became_reader = False
        try:
            with transaction(self._engine) as cursor:
                cursor.execute(statement("page/session"), {"timeout": f"{int(self._timeout * 1000)}ms", "role": ROLE})
                became_reader = True
                cursor.execute(query, values)
                names = [column.name for column in cursor.description or ()]
                return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        except UsageLedgerError as error:
            code = getattr(error.__cause__, "pgcode", None)
            if code == errorcodes.QUERY_CANCELED:
                raise TooSlow(f"the warehouse took longer than {self._timeout:g} seconds") from error
            if code in MISSING:
                raise NoMarts("the warehouse has no marts yet, or older ones than this page needs") from error
            if code and not became_reader:
                raise NoRole(f"the warehouse does not let this login read as {ROLE}") from error
            raise


def _sorted_list(value: Any) -> Any:
    """A collection as the driver's array, equal for equal members."""
    return sorted(value) if isinstance(value, set | frozenset | list | tuple) else value
