"""Compares a file of events with the ledger's days of UTC. Nothing of the file enters the facts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy import Engine

from usage_ledger.core.numbers import EXACT
from usage_ledger.core.windows import Window
from usage_ledger.model.event_file import EventFile, EventSum
from usage_ledger.money.event_file import Events
from usage_ledger.warehouse.usage import Slice, metered

Place = tuple[date, EventSum, tuple[str, ...]]


@dataclass(frozen=True)
class Difference:
    """A sum of the file that is not the ledger's. One of them is None where that side has no such rows."""

    usage_date: date
    columns: dict[str, str]
    meter: str
    file: Decimal | None
    ledger: Decimal | None


@dataclass(frozen=True)
class Comparison:
    """How many sums are equal, and those that are not."""

    equal: int
    meters: tuple[str, ...]
    lacking: tuple[str, ...]
    """Meters that the file's columns do not have."""
    differences: list[Difference]


def window_of(events: Events) -> Window:
    """The UTC dates from the first event's to the last one's."""
    return Window(events.first, date.fromordinal(events.last.toordinal() + 1))


def compare(engine: Engine, rows: Slice, declared: EventFile, events: Events) -> Comparison:
    """The file's sums next to the ledger's, of every date, group and meter that either has."""
    ledger: dict[Place, dict[str, Decimal | None]] = {}
    for kind in declared.sums:
        for usage_type in kind.usage_types:
            _add_ledger(ledger, kind, engine, rows, usage_type)
    equal, differences = 0, []
    for place in sorted(events.sums.keys() | ledger.keys(), key=lambda one: (one[0], one[1].where, one[2])):
        day, kind, values = place
        columns = {name: value for (name, _), value in zip(kind.dimensions, values, strict=True)}
        mine = dict(zip([name for name, _ in kind.meters], events.sums.get(place, ()), strict=False))
        for meter in events.meters(kind):
            file, other = mine.get(meter), ledger.get(place, {}).get(meter)
            if (file or 0) == (other or 0):
                equal += 1
            else:
                differences.append(Difference(day, columns, meter, file, other))
    present = [meter for kind in declared.sums for meter in events.meters(kind)]
    absent = [name for kind in declared.sums for name, _ in kind.meters if name not in present]
    return Comparison(equal, tuple(present), tuple(absent), differences)


def _add_ledger(
    ledger: dict[Place, dict[str, Decimal | None]], kind: EventSum, engine: Engine, rows: Slice, usage_type: str
) -> None:
    """Add the ledger's figures of a usage type; a meter that no row has stays None."""
    columns: Sequence[str] = [column for column, _ in kind.dimensions]
    for row in metered(engine, rows, usage_type, columns, {}):
        if all(row.meters[name] is None for name, _ in kind.meters):
            continue
        sums = ledger.setdefault((row.usage_date, kind, tuple(row.columns[name] for name in columns)), {})
        for name, _ in kind.meters:
            amount, before = row.meters[name], sums.get(name)
            sums[name] = before if amount is None else EXACT.add(before or Decimal(0), Decimal(amount))
