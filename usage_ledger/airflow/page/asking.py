"""What the routes ask with: the warehouse's reader, and the date."""

import threading
import time
from datetime import UTC, date, datetime
from typing import Annotated

from fastapi import Depends
from sqlalchemy import URL

from usage_ledger.airflow.credentials import warehouse_url
from usage_ledger.page.reader import Reader
from usage_ledger.warehouse.engine import warehouse_engine

RECHECK = 60.0
"""Seconds after which the warehouse's connection is looked up again."""
_lock = threading.Lock()
_current: tuple[float, URL, Reader] | None = None


def current_reader() -> Reader:
    """The reader of the warehouse that connection `usage_warehouse` names now. Raises `ConfigError`."""
    global _current
    with _lock:
        if _current and time.monotonic() - _current[0] < RECHECK:
            return _current[2]
        url = warehouse_url()
        reader = _current[2] if _current and _current[1] == url else Reader(warehouse_engine(url))
        _current = (time.monotonic(), url, reader)
        return reader


def today() -> date:
    """The date in UTC: the days of several zones are shown side by side."""
    return datetime.now(UTC).date()


Marts = Annotated[Reader, Depends(current_reader)]
Today = Annotated[date, Depends(today)]
