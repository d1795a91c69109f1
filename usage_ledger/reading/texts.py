"""The texts of rows: dimensions and keys. Each distinct combination of what was sent is worked out once a load."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from usage_ledger.model.dimension import Derived, Lookup
from usage_ledger.model.rows import RowSet
from usage_ledger.reading.codes import Numbers, number_values
from usage_ledger.reading.dimensions import CHARGE, Lookups, derived_columns, resolve, text_column
from usage_ledger.reading.facts import DAYS, Identities, Keys
from usage_ledger.reading.identity import row_keys
from usage_ledger.reading.nested import Rows
from usage_ledger.reading.paths import paths_of_names, paths_of_texts

MANY = 200_000
"""Combinations that are remembered; more cost more memory than they save time."""
Sent = tuple[Any, ...]
"""Values of a row at some paths."""


@dataclass(frozen=True)
class Texts:
    """The dimensions of rows as the ledger holds them, and the key of each row; `any` tells whether one was sent."""

    columns: dict[str, pa.Array]
    row_keys: pa.Array
    any: bool


def sent_texts(rows: Rows) -> dict[str, pa.Array]:
    """The dimensions as the provider sent them. Raises as `text_column`."""
    return {one.column: text_column(rows, one) for one in rows.row_set.dimensions if not isinstance(one, Derived)}


def texts_of(rows: Rows, sent: dict[str, pa.Array], constants: Mapping[str, str], lookups: Lookups) -> Texts:
    """The texts of rows, from what the provider sent."""
    row_set = rows.row_set
    columns = {
        one.column: resolve(sent[one.column], one, lookups)
        for one in row_set.dimensions
        if not isinstance(one, Derived)
    }
    columns |= derived_columns(rows, columns, constants)
    any_value = not sent or any(pc.any(pc.not_equal(column, "")).as_py() for column in sent.values())
    return Texts(columns, row_keys(row_set, _identity(row_set, sent)), any_value)


def _identity(row_set: RowSet, sent: dict[str, pa.Array]) -> dict[str, pa.Array]:
    """The dimensions that the provider sent with the row, and of a credit that it is one."""
    of_row = {one.column: sent[one.column] for one in row_set.dimensions if not isinstance(one, Lookup | Derived)}
    return of_row | {name: sent[name] for name in (CHARGE,) if row_set.credits}


def stand_alone(rows: Rows) -> bool:
    """Whether the values at `paths_of_texts` decide the rows' texts: not other rows, amounts or undeclared fields."""
    row_set = rows.row_set
    by_amounts = row_set.credits or any(one.column == "currency" for one in row_set.dimensions)
    return rows.page is None and not by_amounts and bool(paths_of_texts(row_set))


class Combinations:
    """The combinations of texts that a load had so far in one row set, of pages that were decoded in one way."""

    def __init__(self, rows: Rows, keys: Keys) -> None:
        row_set, node = rows.row_set, rows.levels[-1][0]
        self._keys = keys
        self._packed = [*node.packed_objects] if rows.are_packed else []
        self._paths = [path for path in paths_of_texts(row_set) if not self._is_packed(path)]
        self._splits = [path for path in row_set.sum_over if path in paths_of_texts(row_set)]
        names = paths_of_names(row_set)
        self._names = names if all(path in self._paths or self._is_packed(path) for path in names) else None
        self._any = False
        self._forget()

    def _is_packed(self, path: str) -> bool:
        return path.partition("/")[0] in self._packed

    def _forget(self) -> None:
        self._numbers: dict[Sent, int] = {}
        self._columns: dict[str, Column] = {}
        self._row_keys: pa.Array = pa.array([], pa.string())
        self._key_numbers = self._split_numbers = self._name_numbers = np.array([], dtype=np.int64)
        self._names_so_far: dict[Sent, int] = {}

    def numbers(self, rows: Rows, work_out: Callable[[Rows], Texts]) -> Numbers:
        """The number of each row's combination; `work_out` gives the texts of new ones. Raises what that raises."""
        if len(self._numbers) > MANY:
            self._forget()
        columns = [*map(rows.spellings, self._packed), *map(rows.column, self._paths)]
        sent: list[Sent] = list(zip(*columns, strict=True))
        numbers = list(map(self._numbers.get, sent))
        if None in numbers:
            missing = [place for place, number in enumerate(numbers) if number is None]
            firsts = dict(zip(map(sent.__getitem__, reversed(missing)), reversed(missing), strict=True))
            places = sorted(firsts.values())
            new = rows.only(places)
            self._add(new, work_out(new))
            combinations = map(sent.__getitem__, places)
            self._numbers.update(zip(combinations, range(len(self._numbers), len(self._row_keys)), strict=True))
            numbers = list(map(self._numbers.get, sent))
        return np.array(numbers, dtype=np.int64)

    def _add(self, new: Rows, texts: Texts) -> None:
        for name, column in texts.columns.items():
            self._columns.setdefault(name, Column()).add(column)
        self._row_keys = pa.concat_arrays([self._row_keys, texts.row_keys])
        self._key_numbers = np.concatenate([self._key_numbers, self._keys.numbers(texts.row_keys.to_pylist())])
        splits = [tuple([one or "" for one in values]) for values in _values(new, self._splits)]
        self._split_numbers = np.concatenate([self._split_numbers, self._keys.split_numbers(splits)])
        names = number_values(self._names_so_far, _values(new, self._names or ()))
        self._name_numbers = np.concatenate([self._name_numbers, names])
        self._any = self._any or texts.any

    def texts(self, numbers: Numbers) -> Texts:
        """The texts of rows, by the number of each row's combination."""
        columns: dict[str, pa.Array] = {name: column.of(numbers) for name, column in self._columns.items()}
        return Texts(columns, self._row_keys.take(pa.array(numbers)), self._any)

    def identities(self, numbers: Numbers) -> Identities:
        """What tells rows apart, by the number of each row's combination."""
        return Identities(self._key_numbers[numbers], self._split_numbers[numbers] if self._splits else None)

    def first_names(self, numbers: Numbers, days: Numbers) -> Numbers:
        """Of all rows that name the same on the same day the first one, by the number of each row's combination.

        All rows, where the names are not among the texts.
        """
        if self._names is None:
            return np.arange(len(numbers))
        _, first = np.unique(self._name_numbers[numbers] * DAYS + days, return_index=True)
        return np.sort(first)


def _values(rows: Rows, paths: Sequence[str]) -> list[Sent]:
    """The values of each row at some paths."""
    return list(zip(*map(rows.column, paths), strict=True)) if paths else [()] * len(rows)


class Column:
    """One column of all combinations: its distinct values, and the number of its value in each combination."""

    def __init__(self) -> None:
        self._values: dict[str, int] = {}
        self._dictionary: pa.Array = pa.array([], pa.string())
        self._which = np.array([], dtype=np.int32)

    def add(self, texts: pa.Array) -> None:
        encoded = texts.dictionary_encode()
        before = len(self._values)
        numbers = number_values(self._values, encoded.dictionary.to_pylist()).astype(np.int32)
        self._which = np.concatenate([self._which, numbers[encoded.indices.to_numpy()]])
        self._dictionary = pa.concat_arrays([self._dictionary, encoded.dictionary.filter(pa.array(numbers >= before))])

    def of(self, numbers: Numbers) -> pa.DictionaryArray:
        """The column of rows, by the number of each row's combination."""
        which = pa.array(self._which[numbers])
        if len(self._dictionary) > len(numbers):  # of several pages; each would bring all of it along
            return self._dictionary.take(which).dictionary_encode()
        return pa.DictionaryArray.from_arrays(which, self._dictionary)
