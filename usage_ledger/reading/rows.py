"""Check the rows of one page, and turn them into a table of the contract's columns."""

from collections import defaultdict
from collections.abc import Callable
from datetime import date
from itertools import compress

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import UNSET

from usage_ledger.connections import Connection
from usage_ledger.core import numbers
from usage_ledger.core.contract_errors import ContractBroken
from usage_ledger.model.dimension import Dimension
from usage_ledger.model.provider import Report
from usage_ledger.model.rows import RowSet
from usage_ledger.model.when import Moment, Point
from usage_ledger.reading.checks import check_balances, check_buckets, check_metered, check_owner, skip_incomplete
from usage_ledger.reading.codes import Numbers
from usage_ledger.reading.contract_table import contract_table
from usage_ledger.reading.days import Buckets, bucket_columns, check_event_ids, new_events
from usage_ledger.reading.dimensions import CHARGE, charge_categories
from usage_ledger.reading.gathered import Gathered
from usage_ledger.reading.identity import with_splits
from usage_ledger.reading.metered import meters_of
from usage_ledger.reading.meters import Counted
from usage_ledger.reading.nested import Rows
from usage_ledger.reading.texts import Combinations, Texts, sent_texts, stand_alone, texts_of
from usage_ledger.reading.where import own_rows, without_other_names
from usage_ledger.storage.manifest import Manifest


def gather(
    connection: Connection, report: Report, rows: Rows, manifest: Manifest, gathered: Gathered, *, page: str
) -> None:
    """Add the rows of one row set on a page, or a part of one; rows of dates in `gathered.failed` are left out.

    A row that cannot stand adds its date to them; what was added before such a date is known is then of no use. Raises
    the errors of `ContractBroken` for what is wrong with the answer itself, or with a row whose date cannot be read.
    """
    row_set = rows.row_set
    if not row_set.table:
        rows = own_rows(rows, gathered.other_values)
        gathered.names.gather(rows, [manifest.window_from], [0] * len(rows))
        gathered.price_list.gather(rows)
        return
    gathered.read += len(rows)
    first = gathered.received[row_set.name]
    gathered.received[row_set.name] += len(rows)
    rows, buckets = _with_dates(connection, report, rows, manifest, gathered, page)
    if buckets is None:
        return

    def add(rows: Rows, buckets: Buckets, gathered: Gathered) -> None:
        constants = _constants(connection, report, row_set, manifest)
        texts, meters, numbers = _cells(rows, constants, gathered)
        table = _table(rows, buckets, texts, meters, constants)
        _add_facts(table, rows, buckets, first, numbers, gathered)
        _add_rest(rows, buckets, meters, gathered)
        _add_names(rows, buckets, numbers, gathered)

    try:
        add(rows, buckets, gathered)
    except ContractBroken:
        failed = _failed_dates(rows, buckets, lambda some, of_some: add(some, of_some, gathered.scratch()))
        if not failed:
            raise
        gathered.failed = failed | gathered.failed


def _with_dates(
    connection: Connection, report: Report, rows: Rows, manifest: Manifest, gathered: Gathered, page: str
) -> tuple[Rows, Buckets | None]:
    """The row set's rows of the window but for failed dates, and their dates; without dates when no row remains."""
    zone = connection.day_zone(report)
    rows, repeated = without_other_names(own_rows(rows, gathered.other_values))
    if repeated:
        gathered.forms["other_name", f"{rows.row_set.name}.{rows.row_set.other_name}"] += repeated
    if isinstance(rows.row_set.when, Moment):
        rows = new_events(rows, rows.row_set.when, zone, manifest.window, gathered.event_ids)
    if rows.row_set.skip_when_missing:
        rows = skip_incomplete(rows, gathered)
    if not len(rows):
        return rows, None
    buckets = bucket_columns(rows, zone, manifest.window, date_labels=report.date_labels)
    gathered.labelled |= buckets.labelled
    check_buckets(rows, buckets, gathered, page)
    check_owner(rows, connection.account)
    if gathered.failed.keys() & set(buckets.days):
        good = [day not in gathered.failed for day in buckets.days]
        chosen = [number for number, which in enumerate(buckets.which.to_pylist()) if good[which]]
        rows, buckets = rows.only(chosen), buckets.only(chosen)
    return rows, buckets if len(rows) else None


def _failed_dates(rows: Rows, buckets: Buckets, read: Callable[[Rows, Buckets], None]) -> dict[date, ContractBroken]:
    """The dates whose rows alone cannot be read, each with its error."""
    numbers: dict[date, list[int]] = defaultdict(list)
    for number, which in enumerate(buckets.which.to_pylist()):
        numbers[buckets.days[which]].append(number)
    failed: dict[date, ContractBroken] = {}
    for day, chosen in numbers.items():
        try:
            read(rows.only(chosen), buckets.only(chosen))
        except ContractBroken as error:
            failed[day] = error
    return failed


def _numbers(rows: Rows) -> Numbers:
    """The number of each row among those of its page."""
    return np.arange(len(rows)) if rows.numbers is None else np.array(rows.numbers, dtype=np.int64)


def _cells(
    rows: Rows, constants: dict[str, str], gathered: Gathered
) -> tuple[Texts, dict[str, Counted], Numbers | None]:
    """The texts and meters of rows, checked row by row; and the number of each row's combination of texts, if any."""
    row_set = rows.row_set
    if isinstance(row_set.when, Moment):
        check_event_ids(rows, row_set.when)
    check_balances(rows, gathered)
    of_rows = None

    def work_out(new: Rows) -> Texts:
        _add_groupings(new, gathered)
        return texts_of(new, sent_texts(new), constants, gathered.lookups)

    if stand_alone(rows):
        if (row_set, rows.are_packed) not in gathered.combinations:
            keys = gathered.facts[row_set.table].keys[row_set]
            gathered.combinations[row_set, rows.are_packed] = Combinations(rows, keys)
        combinations = gathered.combinations[row_set, rows.are_packed]
        of_rows = combinations.numbers(rows, work_out)
        texts, meters = combinations.texts(of_rows), meters_of(rows, {})
    else:
        _add_groupings(rows, gathered)
        sent = sent_texts(rows)
        meters = meters_of(rows, sent)
        if row_set.credits:
            sent[CHARGE] = pc.if_else(pc.less(meters["amount"].values, 0), "Credit", "")
        texts = texts_of(rows, sent, constants, gathered.lookups)
        if row_set.credits:
            of_rows_columns = texts.columns | {name: counted.values for name, counted in meters.items()}
            texts.columns[CHARGE] = charge_categories(row_set, sent[CHARGE], of_rows_columns, constants[CHARGE])
    gathered.grouped[row_set.name] = gathered.grouped.get(row_set.name, False) or texts.any
    check_metered(rows, meters)
    return texts, meters, of_rows


def _add_facts(
    table: pa.Table, rows: Rows, buckets: Buckets, first: int, numbers: Numbers | None, gathered: Gathered
) -> None:
    """Add a table's rows; `first` is the number of its page's first row among all, `numbers` as of `_cells`."""
    row_set = rows.row_set
    identities = None
    if numbers is None:
        table = with_splits(table, rows)
    else:
        identities = gathered.combinations[row_set, rows.are_packed].identities(numbers)
    if isinstance(row_set.when, Point):
        keys = gathered.facts[row_set.table].keys[row_set]
        series = identities or keys.identities(table)
        gathered.add_points(row_set, series, buckets.dates)
        identities = keys.of_points(series, buckets.instants) if row_set.when.path in row_set.sum_over else series
    gathered.facts[row_set.table].add(row_set, table, first + _numbers(rows), identities)


def _add_rest(rows: Rows, buckets: Buckets, meters: dict[str, Counted], gathered: Gathered) -> None:
    """Add the sums and the unfinished events of rows."""
    row_set = rows.row_set
    sums = gathered.sums[row_set.table]
    for column, counted in meters.items():
        gathered.forms.update({(kind, f"{row_set.name}: `{column}`"): n for kind, n in counted.notes.items()})
        for currency, total in counted.sums.items():
            key = f"{column} {currency}".strip()
            sums[key] = numbers.added(sums.get(key, 0), total)
    completion = row_set.when.completion if isinstance(row_set.when, Moment) else ""
    if completion:
        for number in compress(buckets.which.to_pylist(), (not value for value in rows.column(completion))):
            gathered.unfinished[buckets.days[number]] += 1


def _add_names(rows: Rows, buckets: Buckets, numbers: Numbers | None, gathered: Gathered) -> None:
    """Add the names in rows; `numbers` are those of the rows' combinations of texts."""
    if not rows.row_set.names:
        return
    which = buckets.which.to_numpy()
    if numbers is not None:
        first = gathered.combinations[rows.row_set, rows.are_packed].first_names(numbers, which)
        rows, which = rows.only(first.tolist()), which[first]
    gathered.names.gather(rows, buckets.days, which.tolist())


def _add_groupings(rows: Rows, gathered: Gathered) -> None:
    """Note of each grouping that a row may lack whether any row has it, be it blank."""
    for one in rows.row_set.dimensions:
        if isinstance(one, Dimension) and one.missing == "grouped":
            name = f"{rows.row_set.name}.{one.paths[0].replace('/', '.')}"
            sent = any(value is not UNSET for path in one.paths for value in rows.column(path))
            gathered.grouped[name] = gathered.grouped.get(name, False) or sent


def _constants(connection: Connection, report: Report, row_set: RowSet, manifest: Manifest) -> dict[str, str]:
    return dict(row_set.constants) | {
        "connection_id": connection.id,
        "report": report.name,
        "provider": connection.provider,
        "account_id": connection.account,
        "breakdown": row_set.breakdown,
        "basis": row_set.basis,
        "load_id": manifest.load_id.replace("-", ""),
    }


def _table(
    rows: Rows, buckets: Buckets, texts: Texts, meters: dict[str, Counted], constants: dict[str, str]
) -> pa.Table:
    """The row set's rows in the contract's columns, texts encoded."""
    arrays: dict[str, pa.Array] = {
        "usage_date": buckets.dates,
        "row_key": texts.row_keys,
        "bucket_start": buckets.starts,
        "bucket_end": buckets.ends,
        **texts.columns,
        **{name: counted.values for name, counted in meters.items()},
    }
    return contract_table(rows.row_set.table, len(rows), arrays, constants)
