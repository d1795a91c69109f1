"""Small loads made by hand: rows as Arrow tables, an attempt in `ops.load`, and what `enter` takes."""

import hashlib
import io
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Engine

from usage_ledger.contracts.registry import arrow_schema, contract
from usage_ledger.core.windows import Window, day_bounds
from usage_ledger.storage.staged import Staged, StagedRows, StagedTable
from usage_ledger.warehouse import loads
from usage_ledger.warehouse.incoming import Incoming, Outcome
from usage_ledger.warehouse.ledger import apply_load

Row = dict[str, Any]
DAY = timedelta(days=1)
T0 = datetime(2026, 6, 10, 3, tzinfo=UTC)
"""When the first load of a test was fetched."""


def key_of(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def used(day: date, model: str, input_tokens: int | None, **more: Any) -> Row:
    """A row of usage; its identity is the model."""
    values = {"usage_date": day, "row_key": key_of(model), "usage_type": "serverless", "model": model}
    return {**values, "input_tokens": input_tokens, "basis": "metered", **more}


def charged(day: date, line_item: str, amount: Any, **more: Any) -> Row:
    """A row of cost; its identity is the line item."""
    values = {"usage_date": day, "row_key": key_of(line_item), "line_item": line_item, "currency": "USD"}
    return {**values, "amount": amount, "basis": "rated", "charge_category": "Usage", **more}


def called(day: date, named: str, name: str, **more: Any) -> Row:
    """An observed name of an API key."""
    return {"kind": "api_key", "id": named, "observed_on": day, "name": name, **more}


def arrow(table: str, rows: Iterable[Row]) -> pa.Table:
    """The rows in the contract's schema: a dimension that is not said is '', a meter null."""
    blank = dict.fromkeys(contract(table).names("key", "dimension"), "")
    schema = arrow_schema(table)
    return pa.Table.from_pylist([{name: (blank | row).get(name) for name in schema.names} for row in rows], schema)


def parquet(rows: pa.Table) -> StagedRows:
    """The rows as transform stages them: in the order of their keys, a few in a row group."""
    file = io.BytesIO()
    rows = rows.sort_by([("usage_date", "ascending"), ("row_key", "ascending")])
    pq.write_table(rows, file, row_group_size=3, store_schema=False)
    return StagedRows(pq.ParquetFile(file), "rows of a test")


@dataclass
class Desk:
    """Stages and enters loads of one connection."""

    engine: Engine
    connection_id: str
    zone: str = "UTC"
    lookback: timedelta = timedelta(days=3)

    def incoming(
        self,
        rows: Sequence[Row],
        first: date,
        last: date | None = None,
        *,
        fetched_at: datetime = T0,
        cost: Sequence[Row] | None = None,
        names: Sequence[Row] | None = None,
        report: str = "usage",
        declaration: str = "d1",
        has_days: bool = True,
    ) -> Incoming:
        """A load of the dates `first` to `last`, both included, that was extracted, transformed and validated."""
        load_id, window = str(uuid.uuid4()), Window(first, (last or first) + DAY)
        loads.begin(self.engine, load_id, self.connection_id, report, window, declaration, "test")
        loads.landed(self.engine, load_id, fetched_at, "nowhere")
        loads.advance(self.engine, load_id, "validated")
        zone = ZoneInfo(self.zone)
        same = {"connection_id": self.connection_id, "report": report, "load_id": load_id.replace("-", "")}
        facts = same | {"provider": "fireworks", "account_id": self.connection_id, "breakdown": ""}
        rows_by_table = {"usage_daily": rows} if has_days else {}
        if cost is not None:
            rows_by_table["cost_daily"] = cost
        tables = {
            table: parquet(
                arrow(
                    table,
                    [
                        facts
                        | dict(zip(("bucket_start", "bucket_end"), day_bounds(r["usage_date"], zone), strict=True))
                        | r
                        for r in rows_of_table
                    ],
                )
            )
            for table, rows_of_table in rows_by_table.items()
        }
        return Incoming(
            load_id=load_id,
            connection_id=self.connection_id,
            report=report,
            window=window,
            day_zone=zone,
            fetched_at=fetched_at,
            declaration=declaration,
            lookback=self.lookback,
            tables=tables,
            names=None if names is None else arrow("name_observation", [same | row for row in names]),
            staged=Staged(load_id, {table: counted(table, rows_by_table[table]) for table in tables}),
            has_days=has_days,
            provider="fireworks",
        )

    def load(self, rows: Sequence[Row], first: date, last: date | None = None, **more: Any) -> Outcome:
        """Stage and enter."""
        return apply_load(self.engine, self.incoming(rows, first, last, **more))


def counted(table: str, rows: Sequence[Row]) -> StagedTable:
    """The rows and the exact sums, made apart from Arrow; money per currency."""
    sums: dict[str, Any] = {}
    for row in rows:
        for meter in contract(table).names("meter"):
            if row.get(meter) is not None:
                key = f"{meter} {row.get('currency', '')}".strip()
                sums[key] = sums.get(key, 0) + row[meter]
    return StagedTable(len(rows), len(rows), {key: str(value) for key, value in sums.items()})
