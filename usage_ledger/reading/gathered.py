"""What was read of the pages of a load, added to page by page."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from itertools import repeat

import pyarrow as pa

from usage_ledger.core.contract_errors import ContractBroken
from usage_ledger.model.rows import RowSet
from usage_ledger.model.where import Where
from usage_ledger.reading.dimensions import Lookups
from usage_ledger.reading.facts import EPOCH, Facts, Identities
from usage_ledger.reading.names import Names
from usage_ledger.reading.price_list import PriceList
from usage_ledger.reading.texts import Combinations
from usage_ledger.reading.things import Things
from usage_ledger.storage.staged import RunningTotal

Sums = dict[str, int | Decimal]


@dataclass
class Gathered:
    """The result of reading the pages of a load, added to page by page."""

    facts: dict[str, Facts] = field(default_factory=dict)
    sums: dict[str, Sums] = field(default_factory=lambda: defaultdict(dict))
    names: Names = field(default_factory=Names)
    price_list: PriceList = field(default_factory=PriceList)
    totals: dict[str, Decimal] = field(default_factory=dict)
    totalled: set[tuple[str, ...]] = field(default_factory=set)
    """The requests whose repeated total is counted, by the labels of their pages."""
    evidence: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    """By field and request what the answer says of itself."""
    running_totals: dict[str, RunningTotal] = field(default_factory=dict)
    combinations: dict[tuple[RowSet, bool], Combinations] = field(default_factory=dict)
    """The combinations of texts of row sets whose texts stand alone, by whether their rows are packed."""
    lookups: Lookups = field(default_factory=dict)
    """Id to value of the report's lookups."""
    event_ids: set[str] = field(default_factory=set)
    """Ids of the events on pages read before."""
    pages: dict[tuple[str, date], str] = field(default_factory=dict)
    """The page, or part of one, of each bucket, for row sets whose rows may repeat."""
    unfinished: dict[date, int] = field(default_factory=lambda: defaultdict(int))
    """Number of unfinished events by date."""
    covered: dict[tuple[str, ...], set[date]] = field(default_factory=dict)
    """The dates whose bucket came, by row set and by what the request was repeated for."""
    failed: dict[date, ContractBroken] = field(default_factory=dict)
    """Dates with a row that cannot stand, and why: their rows are left out."""
    read: int = 0
    """Fact rows on the pages, with those outside of the window."""
    received: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """Number of rows on the pages by row set."""
    forms: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Number of values that came in a form to be reported, by kind of note and field."""
    labelled: bool = False
    unknown: set[str] = field(default_factory=set)
    differing: set[str] = field(default_factory=set)
    """Messages about totals that differ from the sum of their parts, where the provider promises no balance."""
    skipped: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    """Number of skipped rows by the path that they lack, and by the severity of that."""
    other_values: dict[Where, set[tuple[str, str]]] = field(default_factory=lambda: defaultdict(set))
    """Of rows that are not of a row set: its array and the values that its condition does not match."""
    points: Counter[tuple[str, int, int, int]] = field(default_factory=Counter)
    """Number of points by row set, usage date (days since 1970), key of the series, and what else it is split by."""
    things: Things = field(default_factory=set)
    """What holders of arrays on the pages are of, with points or without."""
    grouped: dict[str, bool] = field(default_factory=dict)
    """Whether any row has any dimension of a row set, or has a grouping that rows may lack."""
    skew: timedelta = timedelta()
    """Largest difference between the provider's clock and ours."""

    @property
    def rows(self) -> int:
        """Rows received for all tables."""
        return sum(facts.row_count for facts in self.facts.values())

    @property
    def points_by_date(self) -> dict[date, tuple[int, int]]:
        """The smallest and largest number of points of a series by date."""
        counts: dict[int, list[int]] = defaultdict(list)
        for (_, day, *_), count in self.points.items():
            counts[day].append(count)
        return {EPOCH + timedelta(day): (min(of_day), max(of_day)) for day, of_day in sorted(counts.items())}

    def add_points(self, row_set: RowSet, series: Identities, dates: pa.Array) -> None:
        """Count the points of each date and series. Rows of one series differ in their instant alone."""
        splits = repeat(0) if series.splits is None else series.splits.tolist()
        days = dates.cast(pa.int32()).to_numpy().tolist()
        self.points.update(zip(repeat(row_set.name), days, series.keys.tolist(), splits))

    def scratch(self) -> "Gathered":
        """An empty one with the same lookup, to read some rows into for their errors alone."""
        return Gathered(facts={name: Facts(name) for name in self.facts}, lookups=self.lookups)
