"""Writes a month of every bill to Parquet, in the columns of FOCUS, the FinOps Open Cost and Usage Specification."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from psycopg2.extensions import cursor as Cursor  # noqa: N812
from sqlalchemy import Engine

from usage_ledger.contracts.registry import arrow_schema, contract
from usage_ledger.core.errors import ConfigError
from usage_ledger.warehouse.engine import transaction
from usage_ledger.warehouse.sql import statement

VERSIONS = ("1.2", "1.4")
BATCH = 5_000
"""Rows that are in memory at a time."""


def export_month(engine: Engine, version: str, month: date, to: Path, *, overwrite: bool = False) -> int:
    """Write the lines whose billing period is this month; how many. The file is there whole, or not at all.

    Raises `ConfigError` for what is wrong with the version, the file or the month, `WarehouseDown`, `WarehouseRefused`.
    """
    if version not in VERSIONS:
        raise ConfigError(f"there is no version {version!r} of FOCUS here", next_step=f"use {' or '.join(VERSIONS)}")
    _require_file(to, overwrite)
    promise = contract(f"focus_{version.replace('.', '_')}")
    with transaction(engine) as cursor, _server_cursor(cursor) as lines:
        lines.execute(statement("focus/lines", promise), {"month": month})
        first = lines.fetchmany(BATCH)
        if not first:
            raise ConfigError(
                f"no bill line is of the billing period {month:%Y-%m}",
                next_step="see the months of `marts.monthly_spend`",
            )
        batches = chain([first], iter(lambda: lines.fetchmany(BATCH), []))
        return _write(to, arrow_schema(promise.table), batches, version)


def open_reports(engine: Engine, month: date) -> list[tuple[str, str, int, int, int]]:
    """The reports of money whose month is not whole: connection, report, dates of the month, loaded, settled."""
    with transaction(engine) as cursor:
        cursor.execute(statement("focus/open_reports"), {"month": month})
        return list(cursor.fetchall())


@contextmanager
def _server_cursor(cursor: Cursor) -> Iterator[Cursor]:
    """A cursor on the server: rows come in batches, however many there are."""
    cursor.execute("SET LOCAL cursor_tuple_fraction = 1")  # all rows are read: no plan for the first few alone
    with cursor.connection.cursor(name="focus_lines") as lines:
        yield lines


def _require_file(to: Path, overwrite: bool) -> None:
    if to.suffix != ".parquet":
        raise ConfigError(f"{to} is no Parquet file", next_step="let its name end in .parquet")
    if not to.parent.is_dir():
        raise ConfigError(f"there is no folder {to.parent}", next_step="make it, or name another one")
    if to.exists() and not (overwrite and to.is_file()):
        raise ConfigError(f"{to} exists", next_step="name another file, or pass --overwrite")


def _write(to: Path, schema: pa.Schema, batches: Iterator[list[tuple[Any, ...]]], version: str) -> int:
    """Write beside the file, then rename: a reader never has half of it."""
    temporary = to.with_name(f".{to.name}.{uuid.uuid4().hex}")
    count = 0
    try:
        labelled = schema.with_metadata({"focus_version": version})
        with temporary.open("xb") as file, pq.ParquetWriter(file, labelled, compression="zstd") as writer:
            for rows in batches:
                columns = zip(*rows, strict=True)
                arrays = [pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)]
                writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=labelled))
                count += len(rows)
        with temporary.open("rb") as whole:
            os.fsync(whole.fileno())
        temporary.replace(to)
    except OSError as error:
        raise ConfigError(f"{to} could not be written: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)
    return count
