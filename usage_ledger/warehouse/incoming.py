"""What enters the ledger, and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

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
    tables: Mapping[str, pa.Table | StagedRows]
    names: pa.Table | None
    staged: Staged
    has_days: bool = True
    released: frozenset[date] = frozenset()
    """Dates that somebody accepted although what came for them contradicts what is known."""

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
    """What a load did. `changed` counts written rows by table; `held` and `superseded` are dates left alone."""

    state: str
    changed: dict[str, int] = field(default_factory=dict)
    held: list[date] = field(default_factory=list)
    superseded: list[date] = field(default_factory=list)
    rows: int = 0
