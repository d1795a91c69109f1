"""Rows are the same in PostgreSQL whether they are copied as CSV, by the slow and plain way, or as binary."""

import random
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from kit.staged_loads import parquet
from sqlalchemy import Engine

from usage_ledger.contracts.odcs import Column
from usage_ledger.contracts.registry import arrow_schema, contract
from usage_ledger.warehouse import copy
from usage_ledger.warehouse.engine import transaction
from usage_ledger.warehouse.schema import ensure_schema

DAY = date(2026, 10, 5)
ROWS = 3000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LETTERS = [
    "",
    "a",
    "Z",
    " ",
    '"',
    "'",
    ",",
    "\\",
    "\n",
    "\r",
    "\t",
    "\x01",
    "\x7f",
    "é",
    "\u2028",
    "漢",
    "😀",
    "\\N",
    "NULL",
    "{}",
]


def cell(column: Column, rng: random.Random) -> Any:
    """A value that the column can hold, or null where it may be null."""
    if not column.required and rng.random() < 0.2:
        return None
    match column.type:
        case "date":
            return DAY
        case "uuid":
            return f"{rng.getrandbits(128):032x}"
        case "timestamptz":
            return EPOCH + timedelta(microseconds=rng.randint(-(10**14), 10**16))
        case "bigint":
            return rng.choice([0, 1, 2**31, 2**63 - 1, rng.randrange(10 ** rng.randint(1, 18))])
        case "text":
            return "".join(rng.choices(LETTERS, k=rng.randint(0, 6)))
    precision, scale = column.precision_and_scale
    digits = rng.randrange(10 ** rng.randint(1, precision))
    edge = [0, 1, 10**scale, 10 ** (scale + 4), 10**precision - 1]
    number = rng.choice([digits, digits, digits, rng.choice(edge)])
    return Decimal((rng.randint(0, 1), tuple(map(int, str(number))), -scale))


def generated(name: str) -> pa.Table:
    """Rows in the contract's columns."""
    rng = random.Random(name)  # noqa: S311
    columns = contract(name).columns
    arrays = [
        pa.array([cell(column, rng) for _ in range(ROWS)], arrow_schema(name).field(column.name).type)
        for column in columns
    ]
    return pa.table(arrays, schema=arrow_schema(name))


@pytest.fixture(scope="module")
def warehouse(empty_database: Callable[..., Engine]) -> Engine:
    engine = empty_database()
    ensure_schema(engine)
    with transaction(engine) as cursor:
        for table in ("usage_daily", "cost_daily"):
            cursor.execute("SELECT ops.ensure_month(%s, %s)", (table, DAY.replace(day=1)))
        cursor.connection.commit()
    return engine


def stored(engine: Engine, name: str, rows: pa.Table, columns: list[str]) -> list[tuple[Any, ...]]:
    """What the table holds after the copy, which is then rolled back."""
    table = contract(name)
    with transaction(engine) as cursor:
        copy.copy_rows(cursor, table, parquet(rows), columns, into="table")
        cursor.execute(f"SELECT {', '.join(table.names())} FROM ledger.{name} ORDER BY row_key, connection_id, report")
        found = [tuple(str(one) if isinstance(one, uuid.UUID) else one for one in row) for row in cursor.fetchall()]
        cursor.connection.rollback()
    return found


def plain(name: str, rows: pa.Table) -> list[tuple[Any, ...]]:
    """The rows as psycopg2 gives them, in the order of `stored`."""
    uuids = [column.name for column in contract(name).columns if column.type == "uuid"]
    of_rows = [row | {key: str(uuid.UUID(row[key])) for key in uuids} for row in rows.to_pylist()]
    keys = ("row_key", "connection_id", "report")
    return [tuple(row.values()) for row in sorted(of_rows, key=lambda row: [row[key] for key in keys])]


@pytest.mark.parametrize("form", ["binary", "csv"])
@pytest.mark.parametrize("name", ["usage_daily", "cost_daily"])
def test_every_row_is_stored_as_it_is_in_either_form(
    warehouse: Engine, name: str, form: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copy, "FORM", form)

    rows = generated(name)
    assert stored(warehouse, name, rows, rows.column_names) == plain(name, rows)


@pytest.mark.parametrize("form", ["binary", "csv"])
def test_a_column_that_is_not_sent_is_blank(warehouse: Engine, form: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dimension ''; a meter null."""
    monkeypatch.setattr(copy, "FORM", form)
    table = contract("usage_daily")
    key = "a" * 32
    cell: dict[str, Any] = {"usage_date": DAY, "row_key": key, "load_id": key, "bucket_start": None, "bucket_end": None}
    sent = [column for column in table.columns if column.role not in ("dimension", "meter")]
    values = {column.name: cell.get(column.name, "x") or datetime(2026, 10, 5, tzinfo=UTC) for column in sent}
    rows = pa.Table.from_pylist([values], pa.schema([arrow_schema("usage_daily").field(name) for name in values]))
    (row,) = stored(warehouse, "usage_daily", rows, rows.column_names)
    blank = {name: value for name, value in zip(table.names(), row, strict=True) if name not in values}
    assert blank == dict.fromkeys(table.names("dimension"), "") | dict.fromkeys(table.names("meter"))


def test_the_fast_form_is_the_one_in_use() -> None:
    assert copy.FORM == "binary"
