"""The texts of rows: dimensions and keys. Each distinct combination of what was sent is worked out once a load."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from usage_ledger.model.dimension import Derived, Lookup
from usage_ledger.model.rows import RowSet
from usage_ledger.reading.dimensions import CHARGE, Lookups, derived_columns, resolve, text_column
from usage_ledger.reading.facts import Identities, Keys, number_values
from usage_ledger.reading.identity import row_keys
from usage_ledger.reading.nested import Rows
from usage_ledger.reading.paths import paths_of_texts

MANY = 200_000
"""Combinations that are remembered; more cost more memory than they save time."""
Numbers = np.ndarray[tuple[int], np.dtype[np.int64]]
Sent = tuple[Any, ...]
"""The values of a row at `paths_of_texts`."""


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
    """The combinations of texts that a load had so far in one row set."""

    def __init__(self, row_set: RowSet, keys: Keys) -> None:
        self._paths, self._keys = paths_of_texts(row_set), keys
        self._splits = [self._paths.index(path) for path in row_set.sum_over if path in self._paths]
        self._any = False
        self._forget()

    def _forget(self) -> None:
        self._numbers: dict[Sent, int] = {}
        self._columns: dict[str, Column] = {}
        self._row_keys: pa.Array = pa.array([], pa.string())
        self._key_numbers = self._split_numbers = np.array([], dtype=np.int64)

    def numbers(self, rows: Rows, work_out: Callable[[Rows], Texts]) -> Numbers:
        """The number of each row's combination; `work_out` gives the texts of new ones. Raises what that raises."""
        if len(self._numbers) > MANY:
            self._forget()
        sent: list[Sent] = list(zip(*map(rows.column, self._paths), strict=True))
        if new := set(sent).difference(self._numbers):
            places = dict(zip(reversed(sent), range(len(sent) - 1, -1, -1), strict=True))
            first = sorted(map(places.__getitem__, new))
            self._add([sent[place] for place in first], work_out(rows.only(first)))
        return np.fromiter(map(self._numbers.__getitem__, sent), np.int64, len(sent))

    def _add(self, sent: list[Sent], texts: Texts) -> None:
        for name, column in texts.columns.items():
            self._columns.setdefault(name, Column()).add(column)
        self._row_keys = pa.concat_arrays([self._row_keys, texts.row_keys])
        self._key_numbers = np.concatenate([self._key_numbers, self._keys.numbers(texts.row_keys.to_pylist())])
        splits = [tuple(one[at] or "" for at in self._splits) for one in sent]
        self._split_numbers = np.concatenate([self._split_numbers, self._keys.split_numbers(splits)])
        self._any = self._any or texts.any
        self._numbers.update(zip(sent, range(len(self._numbers), len(self._numbers) + len(sent)), strict=True))

    def texts(self, numbers: Numbers) -> Texts:
        """The texts of rows, by the number of each row's combination."""
        columns: dict[str, pa.Array] = {name: column.of(numbers) for name, column in self._columns.items()}
        return Texts(columns, self._row_keys.take(pa.array(numbers)), self._any)

    def identities(self, numbers: Numbers) -> Identities:
        """What tells rows apart, by the number of each row's combination."""
        return Identities(self._key_numbers[numbers], self._split_numbers[numbers] if self._splits else None)


class Column:
    """One column of all combinations: its distinct values, and the number of its value in each combination."""

    def __init__(self) -> None:
        self._values: dict[str, int] = {}
        self._dictionary: pa.Array = pa.array([], pa.string())
        self._which = np.array([], dtype=np.int32)

    def add(self, texts: pa.Array) -> None:
        encoded = texts.dictionary_encode()
        numbers = number_values(self._values, encoded.dictionary.to_pylist()).astype(np.int32)
        self._which = np.concatenate([self._which, numbers[encoded.indices.to_numpy()]])
        self._dictionary = pa.array(self._values, pa.string())

    def of(self, numbers: Numbers) -> pa.DictionaryArray:
        """The column of rows, by the number of each row's combination."""
        return pa.DictionaryArray.from_arrays(pa.array(self._which[numbers]), self._dictionary)
