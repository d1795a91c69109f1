"""Check the rows of one page, and turn them into a table of the contract's columns."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from functools import reduce
from itertools import compress

import pyarrow as pa
import pyarrow.compute as pc

from usage_ledger.connections import Connection
from usage_ledger.contracts.registry import arrow_schema, contract
from usage_ledger.core import contract_errors, numbers, provider_errors
from usage_ledger.model.provider import Report
from usage_ledger.model.rows import Dimension, Lookup, Moment, RowSet
from usage_ledger.reading.days import Buckets, bucket_columns, bucket_start, new_events
from usage_ledger.reading.dimensions import resolve, text_column
from usage_ledger.reading.facts import Facts
from usage_ledger.reading.identity import row_keys, with_splits
from usage_ledger.reading.meters import Counted, meter_column, whole_numbers
from usage_ledger.reading.names import Names
from usage_ledger.reading.nested import Rows
from usage_ledger.reading.paths import levels_up
from usage_ledger.storage.landing import Manifest

Sums = dict[str, int | Decimal]


@dataclass
class Gathered:
    """The result of reading the pages of a load, added to page by page."""

    facts: dict[str, Facts] = field(default_factory=dict)
    sums: dict[str, Sums] = field(default_factory=lambda: defaultdict(dict))
    names: Names = field(default_factory=Names)
    totals: dict[str, Decimal] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    """Cache of row keys, by the identity that they are a hash of."""
    lookup: dict[str, str] = field(default_factory=dict)
    """Id to value of the report's lookup."""
    event_ids: set[str] = field(default_factory=set)
    """Ids of the events on pages read before."""
    pages: dict[tuple[str, date], str] = field(default_factory=dict)
    """The page, or part of one, of each bucket, for row sets whose rows may repeat."""
    unfinished: dict[date, int] = field(default_factory=lambda: defaultdict(int))
    """Number of unfinished events by date."""
    covered: dict[tuple[str, ...], set[date]] = field(default_factory=dict)
    """The dates whose bucket came, by row set and by what the request was repeated for."""
    read: int = 0
    """Fact rows on the pages, with those outside of the window."""
    rounded: int = 0
    labelled: bool = False
    unknown: set[str] = field(default_factory=set)
    differing: set[str] = field(default_factory=set)
    """Messages about totals that differ from the sum of their parts, where the provider promises no balance."""
    skipped: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """Number of skipped rows by the path that they lack."""
    grouped: dict[str, bool] = field(default_factory=dict)
    """For each row set whether any of its rows has any dimension."""
    skew: timedelta = timedelta()
    """Largest difference between the provider's clock and ours."""

    @property
    def rows(self) -> int:
        """Rows received for all tables."""
        return sum(facts.row_count for facts in self.facts.values())


def gather(
    connection: Connection, report: Report, rows: Rows, manifest: Manifest, gathered: Gathered, *, page: str
) -> None:
    """Add the rows of one row set on a page, or a part of one. Raises the errors of `ContractBroken`."""
    row_set = rows.row_set
    if not row_set.table:
        gathered.names.gather(rows, [manifest.window_from], [0] * len(rows))
        return
    gathered.read += len(rows)
    zone = connection.day_zone(report)
    if isinstance(row_set.when, Moment):
        rows = new_events(rows, row_set.when, zone, manifest.window, gathered.event_ids)
    if row_set.skip_when_missing:
        rows = _skip_incomplete(rows, gathered)
    if not len(rows):
        return
    buckets = bucket_columns(rows, zone, manifest.window, date_labels=report.date_labels)
    gathered.labelled |= buckets.labelled
    _check_buckets(rows, buckets, gathered, page)
    _check_balances(rows, gathered)
    _check_owner(rows, connection.account)
    sent = {dimension.column: text_column(rows, dimension) for dimension in row_set.dimensions}
    gathered.grouped[row_set.name] = gathered.grouped.get(row_set.name, False) or _any_value(sent)
    meters = _meters(rows, sent)
    _check_metered(rows, meters)
    sums = gathered.sums[row_set.table]
    for column, counted in meters.items():
        gathered.rounded += counted.rounded
        for currency, total in counted.sums.items():
            key = f"{column} {currency}".strip()
            sums[key] = numbers.added(sums.get(key, 0), total)
    table = _table(connection, report, rows, manifest, buckets, sent, meters, gathered)
    gathered.facts[row_set.table].add(row_set, table)
    which = buckets.which.to_pylist()
    gathered.names.gather(rows, buckets.days, which)
    completion = row_set.when.completion if isinstance(row_set.when, Moment) else ""
    for number in compress(which, (not value for value in rows.column(completion)) if completion else ()):
        gathered.unfinished[buckets.days[number]] += 1


def _skip_incomplete(rows: Rows, gathered: Gathered) -> Rows:
    path = rows.row_set.skip_when_missing
    complete = [number for number, value in enumerate(rows.column(path)) if bytes(value) not in (b"", b"null")]
    if len(complete) == len(rows):
        return rows
    gathered.skipped[f"{rows.row_set.name}.{path.replace('/', '.')}"] += len(rows) - len(complete)
    return rows.only(complete)


def _any_value(sent: dict[str, pa.Array]) -> bool:
    """Whether any row has any dimension."""
    return not sent or any(pc.any(pc.not_equal(column, "")).as_py() for column in sent.values())


def _meters(rows: Rows, sent: dict[str, pa.Array]) -> dict[str, Counted]:
    row_set = rows.row_set
    columns = {meter.column: contract(row_set.table).column(meter.column) for meter in row_set.meters}
    constant = dict(row_set.constants).get("currency")
    currencies = sent["currency"].to_pylist() if "currency" in sent else [constant] * len(rows) if constant else None
    return {meter.column: meter_column(rows, meter, columns[meter.column], currencies) for meter in row_set.meters}


def _table(
    connection: Connection,
    report: Report,
    rows: Rows,
    manifest: Manifest,
    buckets: Buckets,
    sent: dict[str, pa.Array],
    meters: dict[str, Counted],
    gathered: Gathered,
) -> pa.Table:
    """The row set's rows in the contract's columns, and the columns that they are split by."""
    row_set = rows.row_set
    constants = dict(row_set.constants) | {
        "connection_id": connection.id,
        "report": report.name,
        "provider": connection.provider,
        "account_id": connection.account,
        "breakdown": row_set.breakdown,
        "basis": row_set.basis,
        "load_id": manifest.load_id.replace("-", ""),
    }
    arrays: dict[str, pa.Array] = {
        "usage_date": buckets.dates,
        "row_key": row_keys(row_set, _identity(row_set, sent), gathered.keys),
        "bucket_start": buckets.starts,
        "bucket_end": buckets.ends,
        **{
            dimension.column: resolve(sent[dimension.column], dimension, gathered.lookup)
            for dimension in row_set.dimensions
        },
        **{name: counted.values for name, counted in meters.items()},
    }
    return with_splits(_complete(row_set.table, len(rows), arrays, constants), rows)


def _complete(table: str, count: int, arrays: dict[str, pa.Array], constants: dict[str, str]) -> pa.Table:
    """All columns of the contract: a meter without values is null, a dimension is its constant or ''."""
    schema = arrow_schema(table)
    meters = set(contract(table).names("meter"))
    columns = []
    for column in schema:
        if column.name in arrays:
            columns.append(arrays[column.name].cast(column.type))
        elif column.name in meters:
            columns.append(pa.nulls(count, column.type))
        else:
            columns.append(pa.repeat(pa.scalar(constants.get(column.name, ""), column.type), count))
    return pa.table(columns, schema=schema)


def _identity(row_set: RowSet, sent: dict[str, pa.Array]) -> dict[str, pa.Array]:
    """The dimensions that the provider sent with the row."""
    return {one.column: sent[one.column] for one in row_set.dimensions if not isinstance(one, Lookup)}


def _check_buckets(rows: Rows, buckets: Buckets, gathered: Gathered, page: str) -> None:
    """Refuse a bucket that comes twice where rows may repeat: its rows look like repeats. Raises `DuplicateRow`."""
    path = bucket_start(rows.row_set)
    if not rows.row_set.repeats or not path:
        return
    if levels_up(path):
        _, holders = rows.levels[-1 - levels_up(path)]
        days = [*dict(zip(map(id, holders), buckets.dates.to_pylist(), strict=True)).values()]
        twice = [day for day, count in Counter(days).items() if count > 1]
        if twice:
            raise contract_errors.DuplicateRow(f"{rows.row_set.name}: {twice[0]} comes twice in the answer")
    for day in buckets.days:
        if gathered.pages.setdefault((rows.row_set.name, day), page) != page:
            raise contract_errors.DuplicateRow(f"{rows.row_set.name}: {day} comes twice in the answer")


def _check_balances(rows: Rows, gathered: Gathered) -> None:
    for balance in rows.row_set.balances:
        total, *parts = (whole_numbers(rows, path) for path in (balance.total, *balance.parts))
        difference = reduce(pc.subtract, parts, total)
        wrong = pc.index(pc.not_equal(difference, 0), True).as_py()
        if wrong < 0:
            continue
        if not balance.promised:
            names = [path.replace("/", ".") for path in (balance.total, *balance.parts)]
            gathered.differing.add(f"{rows.row_set.name}: `{names[0]}` is not {' + '.join(names[1:])}")
            continue
        where = f"{rows.place(wrong)}.{balance.total}"
        addends = " + ".join(str(part[wrong]) for part in parts)
        raise contract_errors.ContractBroken(f"{where} is {total[wrong]}, but its parts are {addends}")


def _check_owner(rows: Rows, account: str) -> None:
    """Refuse an answer that holds a resource of another account. Raises `WrongAccount`."""
    for dimension in (one for one in rows.row_set.dimensions if isinstance(one, Dimension)):
        own = dimension.within.replace("{account}", account)
        for path in dimension.paths if own else ():
            for value in dict.fromkeys(rows.column(path)):
                if value and "/" in value and not value.startswith(own):
                    raise provider_errors.WrongAccount(f"{rows.row_set.name}: {value} is not of account {account}")


def _check_metered(rows: Rows, meters: dict[str, Counted]) -> None:
    """Refuse a row without any meter value: it would be lost silently. Raises `MissingField`."""
    silent = reduce(pc.and_, (counted.values.is_null() for counted in meters.values()))
    number = pc.index(silent, True).as_py()
    if number >= 0:
        raise contract_errors.MissingField(
            f"{rows.place(number)} has no meter value: {', '.join(meters)} are all missing"
        )
