"""What is told of a table: the rules that are broken, how many rows break them, and some rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa

from usage_ledger.core.errors import one_line
from usage_ledger.storage.staged import StagedRows

SAMPLES = 5
LONGEST_ROW = 120
"""Characters, about."""
UNTELLING = frozenset({"load_id", "row_key", "connection_id", "report", "provider", "account_id", "bucket_end"})
"""Columns that are the same in all rows of a load, or say nothing to people."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that is broken: its name and its sentence, how many rows break it, some of them."""

    expectation: str
    sentence: str
    count: int
    samples: tuple[str, ...]
    critical: bool
    dates: frozenset[date | None] = frozenset()
    """The usage dates of the rows that break it; empty where it is the table that does."""

    def __str__(self) -> str:
        shown = f", such as {' | '.join(self.samples)}" if self.samples else ""
        return f"{self.short}{shown}"

    @property
    def short(self) -> str:
        """The finding without sample rows."""
        return f"{self.sentence}: {self.count} row{'s' if self.count != 1 else ''}"


def summary(findings: Sequence[Finding]) -> str:
    """One sentence for all: sample rows of the first alone, and at most `SAMPLES` rules."""
    first, *others = findings
    texts = [str(first), *(one.short for one in others[: SAMPLES - 1])]
    texts += [f"and {len(others) - SAMPLES + 1} more rules"] if len(others) >= SAMPLES else []
    return "; ".join(texts)


@dataclass(frozen=True, slots=True)
class Part:
    """Some rows of a staged table, in the columns that the rules read."""

    rows: pa.Table
    first: int
    """The number of the first row in the table."""
    staged: StagedRows | pa.Table

    def dates(self, indices: Sequence[int]) -> frozenset[date | None]:
        """The usage dates of some rows, where the table has such a column; None for a null."""
        if "usage_date" not in self.rows.column_names:
            return frozenset()
        return frozenset(self.rows.column("usage_date").take(pa.array(indices, pa.int64())).unique().to_pylist())

    def row(self, index: Any, first: Sequence[str] = ()) -> str:
        """A row as `column=value, …`: the columns `first`, then others as far as a line goes; none that is empty."""
        number = int(index if isinstance(index, int) else index["index"])
        row = self.staged.slice(self.first + number, 1).to_pylist()[0]
        names = [*first, *(name for name in row if name not in {*first, *UNTELLING})]
        pairs = [f"{name}={_plain(row[name])}" for name in names if row.get(name) not in (None, "")]
        text = ""
        for pair in pairs:
            if text and len(text) + len(pair) > LONGEST_ROW:
                break
            text += f"{', ' if text else ''}{pair}"
        return one_line(text, LONGEST_ROW)


def _plain(value: Any) -> str | int:
    return value if isinstance(value, int) else value.isoformat() if isinstance(value, date) else str(value)
