"""The rows of one fact table: written to Parquet part by part, while only their keys stay in memory."""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from usage_ledger.contracts.registry import arrow_schema, contract
from usage_ledger.core import contract_errors, crash
from usage_ledger.model.rows import RowSet
from usage_ledger.model.when import Moment
from usage_ledger.reading.codes import Numbers, number_values
from usage_ledger.reading.identity import KEY, OVER, distinct_rows, sum_rows
from usage_ledger.reading.prices import Fewer, fewer_peaks, fewer_prices, priced
from usage_ledger.storage.files import AnyPath
from usage_ledger.storage.table_writer import Mask, TableWriter

EPOCH = date(1970, 1, 1)
EVENTS = 20_000
"""Events that are summed together: a page holds few, and each sum costs as much as some thousand of them."""
DAYS = 2**24
"""Factor of a key's number in key * DAYS + day: more days than dates from 1970 to 9999 have."""


@dataclass(frozen=True)
class Identities:
    """What tells rows apart, as `Keys` numbers it: their keys, and what they are split by, if by anything."""

    keys: Numbers
    splits: Numbers | None


class Keys:
    """The key of each row of one row set as a number, and the values that the row is split by as another."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._splits: dict[tuple[str, ...], int] = {}
        self._points: dict[tuple[int, int], int] = {}
        """Numbers of points: by what a series is split by, and the instant."""
        self._keys: list[Numbers] = []
        self._split: list[Numbers] = []
        self._rows: list[Numbers] = []

    def __len__(self) -> int:
        return sum(map(len, self._keys))

    def numbers(self, row_keys: Sequence[str]) -> Numbers:
        """The number of each key."""
        return number_values(self._numbers, row_keys)

    def split_numbers(self, texts: Sequence[tuple[str, ...]]) -> Numbers:
        """The number of each combination of values that rows are split by."""
        return number_values(self._splits, texts)

    def identities(self, table: pa.Table) -> Identities:
        """What tells the rows of a table apart."""
        encoded = table.column("row_key").combine_chunks().dictionary_encode()
        keys = self.numbers(encoded.dictionary.to_pylist())[encoded.indices.to_numpy()]
        columns = table.select([name for name in table.column_names if name.startswith(OVER)])
        if not columns.num_columns:
            return Identities(keys, None)
        first, which = distinct_rows(columns)
        texts = [tuple(row.values()) for row in columns.take(first).to_pylist()]
        return Identities(keys, self.split_numbers(texts)[which.to_numpy()])

    def of_points(self, series: Identities, instants: pa.Array) -> Identities:
        """What tells the points of series apart: the instant too, however it is written."""
        splits = np.zeros(len(instants), np.int64) if series.splits is None else series.splits
        points = zip(splits.tolist(), instants.cast(pa.int64()).to_numpy().tolist(), strict=True)
        return Identities(series.keys, number_values(self._points, [*points]))

    def add(self, table: pa.Table, rows: Numbers, identities: Identities) -> None:
        """Add the rows of a table; `rows` is the number of each among all that were received."""
        self._rows.append(rows)
        self._keys.append(identities.keys * DAYS + table.column("usage_date").cast(pa.int32()).to_numpy())
        if identities.splits is not None:
            self._split.append(identities.splits)

    def repeated(self) -> Mask:
        """For each row whether another row has the same key."""
        _, which, counts = np.unique(np.concatenate(self._keys), return_inverse=True, return_counts=True)
        repeated: Mask = counts[which] > 1
        return repeated

    def places(self, *numbers: int) -> list[int]:
        """The number of rows of this object among all that were received."""
        return [int(place) for place in np.concatenate(self._rows)[list(numbers)]]

    def repeats(self, among: Numbers) -> dict[date, tuple[int, int]]:
        """For each date with repeats the first two rows that have the same key and split."""
        keys = np.concatenate(self._keys)
        splits = np.concatenate(self._split) if self._split else np.zeros_like(keys)
        order = among[np.lexsort((splits[among], keys[among]))]
        if not np.any((np.diff(keys[order]) == 0) & (np.diff(splits[order]) == 0)):
            return {}  # as mostly; to look at rows one by one takes long
        first_rows: dict[tuple[int, int], int] = {}
        pairs: dict[date, tuple[int, int]] = {}
        for number in among.tolist():
            first = first_rows.setdefault((int(keys[number]), int(splits[number])), number)
            if first != number:
                pairs.setdefault(EPOCH + timedelta(days=int(keys[number]) % DAYS), (first, number))
        return pairs


@dataclass
class Facts:
    """The rows of one table, of all row sets and pages of a load."""

    table: str
    keys: dict[RowSet, Keys] = field(default_factory=lambda: defaultdict(Keys))
    _segments: list[tuple[RowSet, int]] = field(default_factory=list)
    _events: dict[RowSet, list[pa.Table]] = field(default_factory=lambda: defaultdict(list))
    _writer: TableWriter | None = None

    fewer: Fewer = field(default_factory=dict)
    alike: dict[str, int] = field(default_factory=dict)
    """Number of lines of money that are alike in all that is sent, by row set: they were added up."""
    row_count: int = 0
    """Rows received, before any are summed."""

    def add(self, row_set: RowSet, rows: pa.Table, numbers: Numbers, identities: Identities | None = None) -> None:
        """Add rows in the contract's columns and those that they are split by; events wait to be summed with others.

        `numbers` are those of the rows among all that were received, for messages. What tells the rows apart is read
        of them where it is not known. Raises `OutOfRange` for the dates whose sums no column can hold.
        """
        self.row_count += rows.num_rows
        if not isinstance(row_set.when, Moment):
            self._add(row_set, rows, numbers, identities)
            return
        events = self._events[row_set]
        events.append(_without_splits(rows))
        if sum(table.num_rows for table in events) >= EVENTS:
            self._add_sums(row_set)

    def _add_sums(self, row_set: RowSet) -> None:
        """Add the sums of the events that wait."""
        sums = self._summed(pa.concat_tables(self._events.pop(row_set)))
        self._add(row_set, sums, np.arange(sums.num_rows), None)

    def _add(self, row_set: RowSet, rows: pa.Table, numbers: Numbers, identities: Identities | None) -> None:
        keys = self.keys[row_set]
        keys.add(rows, numbers, identities or keys.identities(rows))
        self._segments.append((row_set, rows.num_rows))
        self._open_writer().add(_without_splits(rows))

    def commit(self, root: AnyPath, load_id: str) -> int:
        """Stage the rows, one for each key, and return their number: split rows are summed, other repeats refused.

        Raises `DuplicateRow`, `ConflictingRows` and `OutOfRange` for the dates that have such rows, `StorageRefused`,
        `StorageDown`.
        """
        for row_set in [*self._events]:
            self._add_sums(row_set)
        writer = self._open_writer()
        with closing(writer):
            repeated = {row_set: keys.repeated() for row_set, keys in self.keys.items()}
            failed: dict[date, contract_errors.ContractBroken] = {}
            for row_set, mask in repeated.items():
                if row_set.repeats and self.table == "cost_daily" and mask.any():
                    self.alike[row_set.name] = int(mask.sum())
                if row_set.repeats or isinstance(row_set.when, Moment) or not mask.any():
                    continue
                for day, repeat in self.keys[row_set].repeats(np.flatnonzero(mask)).items():
                    failed.setdefault(day, self._repeat_error(row_set, repeat))
            if failed:
                raise contract_errors.error_of_dates(failed)
            crash.point("transform")
            if not any(mask.any() for mask in repeated.values()):
                writer.commit(root, load_id, self.table)
                return writer.rows
            single = TableWriter(writer.schema, KEY)
            with closing(single):
                self._add_single(single, self._in_order(repeated))
                single.commit(root, load_id, self.table)
                return single.rows

    def close(self) -> None:
        """Drop what was added."""
        if self._writer is not None:
            self._writer.close()

    def _open_writer(self) -> TableWriter:
        if self._writer is None:
            self._writer = TableWriter(arrow_schema(self.table), KEY)
        return self._writer

    def _in_order(self, of_rows: dict[RowSet, Mask]) -> Mask:
        """The masks of all row sets as one, in the order in which the rows are written."""
        starts: dict[RowSet, int] = defaultdict(int)
        masks = []
        for row_set, rows in self._segments:
            masks.append(of_rows[row_set][starts[row_set] : starts[row_set] + rows])
            starts[row_set] += rows
        return self._open_writer().in_order(np.concatenate(masks))

    def _add_single(self, single: TableWriter, repeated: Mask) -> None:
        start, split, elsewhere = 0, [], set[str]()
        for rows in self._open_writer().written().tables():
            mask = pa.array(repeated[start : start + rows.num_rows])
            start += rows.num_rows
            split.append(rows.filter(mask))
            single.add(others := rows.filter(pc.invert(mask)))
            elsewhere |= priced(others, self.table)
        parts = pa.concat_tables(split)
        sums = self._summed(parts)
        self.fewer = fewer_prices(parts, sums, self.table, elsewhere) | fewer_peaks(parts, sums, self.table)
        single.add(sums)

    def _summed(self, rows: pa.Table) -> pa.Table:
        """The rows of one key added up. Raises `OutOfRange` for the dates whose sums no column can hold."""
        try:
            return sum_rows(rows, self.table)
        except contract_errors.OutOfRange:
            failed: dict[date, contract_errors.ContractBroken] = {}
            dates = rows.column("usage_date")
            for day in dates.unique():
                try:
                    sum_rows(rows.filter(pc.equal(dates, day)), self.table)
                except contract_errors.OutOfRange as error:
                    failed[day.as_py()] = error
            raise contract_errors.error_of_dates(failed) from None

    def _repeat_error(self, row_set: RowSet, repeat: tuple[int, int]) -> contract_errors.ContractBroken:
        first, number = repeat
        one, other = self.keys[row_set].places(first, number)
        where = f"{row_set.name}[{other}] repeats [{one}]"
        mine = {one: np.zeros(len(keys), dtype=bool) for one, keys in self.keys.items()}
        mine[row_set][[first, number]] = True
        mask, start, pair = self._in_order(mine), 0, []
        for rows in self._open_writer().written().tables([*contract(self.table).names("meter")]):
            pair.append(rows.filter(pa.array(mask[start : start + rows.num_rows])))
            start += rows.num_rows
        values, other_values = pa.concat_tables(pair).to_pylist()
        if values == other_values:
            return contract_errors.DuplicateRow(where)
        pairs = [(name, value, other_values[name]) for name, value in values.items() if value != other_values[name]]
        differing = ", ".join(f"{name}={value} and {other}" for name, value, other in pairs[:5])
        return contract_errors.ConflictingRows(f"{where} with other values: {differing}")


def _without_splits(rows: pa.Table) -> pa.Table:
    splits = [name for name in rows.column_names if name.startswith(OVER)]
    return rows.drop_columns(splits) if splits else rows
