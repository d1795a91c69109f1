"""Rows leave in the order of their keys where they come in that of their dates, and none is lost on the way."""

import random
from contextlib import closing
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from usage_ledger.storage import table_writer
from usage_ledger.storage.table_writer import TableWriter

SCHEMA = pa.schema(
    [("usage_date", pa.date32()), ("row_key", pa.string()), ("model", pa.string()), ("tokens", pa.int64())]
)
KEY = ["usage_date", "row_key"]
FIRST = date(2026, 10, 1)


def rows_of(days: list[int], rng: random.Random) -> pa.Table:
    rows = [
        {
            "usage_date": FIRST + timedelta(days=day),
            "row_key": f"{rng.getrandbits(64):016x}",
            "model": rng.choice(["a", "b", ""]),
            "tokens": rng.randrange(10**6),
        }
        for day in days
    ]
    return pa.Table.from_pylist(rows, SCHEMA)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("in_order", [True, False], ids=["in the order of dates", "in any order"])
def test_every_row_is_written_once_and_known_by_its_place(
    seed: int, in_order: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(seed)  # noqa: S311
    monkeypatch.setattr(table_writer, "ROW_GROUP", 40)
    days = [rng.randrange(30) for _ in range(rng.choice([0, 1, 39, 40, 41, 300, 500]))]
    days = sorted(days) if in_order else days
    sizes = [rng.randint(1, 60) for _ in days]
    added: list[pa.Table] = []
    writer = TableWriter(SCHEMA, KEY)
    with closing(writer):
        for size in sizes:
            if part := days[:size]:
                days = days[size:]
                added.append(rows_of(part, rng))
                writer.add(added[-1])
        sent = pa.concat_tables([SCHEMA.empty_table(), *added]).to_pylist()
        written = writer.written().whole().to_pylist()
        order = writer.in_order(np.arange(len(sent)))  # type: ignore[arg-type]
    assert written == [sent[place] for place in order.tolist()]
    assert sorted(order.tolist()) == list(range(len(sent)))
    assert writer.rows == len(sent)
    if in_order:
        assert written == sorted(sent, key=lambda row: (row["usage_date"], row["row_key"]))


def test_a_date_larger_than_a_row_group_waits_for_no_more_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_writer, "ROW_GROUP", 10)
    writer = TableWriter(SCHEMA, KEY)
    with closing(writer):
        for number in range(8):
            writer.add(rows_of([0] * 10, random.Random(number)))  # noqa: S311
        writer._wait()
        assert sum(table.num_rows for table in writer._carry) < 10
        assert writer.written().num_rows == 80


def test_what_keeps_a_row_group_from_being_written_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_writer, "ROW_GROUP", 10)

    def full(*_args: Any, **_more: Any) -> None:
        raise OSError("no space left")

    writer = TableWriter(SCHEMA, KEY)
    with closing(writer):
        monkeypatch.setattr(writer._writer, "write_table", full)
        writer.add(rows_of([0] * 10, random.Random(0)))  # noqa: S311
        with pytest.raises(OSError, match="no space left"):
            writer.written()
