"""What enters the ledger, and what came of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from usage_ledger.core.contract_errors import ContractBroken, error_of_dates
from usage_ledger.core.windows import Window
from usage_ledger.storage.staged import Staged, StagedRows


@dataclass(frozen=True)
class Incoming:
    """A staged load, ready to enter the ledger. `tables` are the fact tables of the report, empty ones too."""

    load_id: str
    connection_id: str
    report: str
    window: Window
    day_zone: ZoneInfo
    fetched_at: datetime
    declaration: str
    lookback: timedelta
    tables: Mapping[str, StagedRows]
    names: pa.Table | None
    staged: Staged
    has_days: bool = True
    released: frozenset[date] = frozenset()
    """Dates that somebody accepted although what came for them contradicts what is known."""
    lookups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Columns by table that a lookup list fills."""
    yields_to: str = ""
    """The report that is the record of a date and usage type where the ledger has rows of it."""
    yielding: tuple[str, ...] = ()
    """The reports that yield to this one."""
    provider: str = ""

    def error_of(self, failed: Iterable[date]) -> ContractBroken | None:
        """What is wrong with some of the dates that `staged.failed` names; None when there are none."""
        by_date = {day: self.staged.failed[day].error for day in failed}
        if not by_date:
            return None
        error = error_of_dates(by_date, self.window.days)
        return error.about(connection=self.connection_id, report=self.report, window=str(self.window))

    @property
    def values(self) -> dict[str, Any]:
        """What statements bind."""
        return {
            "connection_id": self.connection_id,
            "report": self.report,
            "first": self.window.first,
            "end": self.window.end,
            "load_id": self.load_id,
            "declaration": self.declaration,
            "fetched_at": self.fetched_at,
        }


@dataclass
class Outcome:
    """What a load did. `changed` counts written rows by table.

    `held`, `superseded` and `failed` are dates left alone.
    """

    state: str
    changed: dict[str, int] = field(default_factory=dict)
    held: list[date] = field(default_factory=list)
    superseded: list[date] = field(default_factory=list)
    failed: list[date] = field(default_factory=list)
    error: ContractBroken | None = None
    """What is wrong with the failed dates."""
    rows: int = 0

    def __str__(self) -> str:
        """As a log says it: `loaded, 78 rows, 3 changed, held 2026-11-03`."""
        parts = [self.state, f"{self.rows} rows", f"{sum(self.changed.values())} changed"]
        left = {"held": self.held, "failed": self.failed, "older than the ledger": self.superseded}
        return ", ".join([*parts, *(f"{word} {' '.join(map(str, days))}" for word, days in left.items() if days)])
