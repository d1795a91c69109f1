"""The rows that a condition on a text of theirs chooses."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from msgspec import Raw

from usage_ledger.model.dimension import Dimension
from usage_ledger.model.where import Where
from usage_ledger.reading.nested import Rows

Mask = np.ndarray[tuple[int], np.dtype[np.bool_]]


def own_rows(rows: Rows, others: dict[Where, set[tuple[str, str]]]) -> Rows:
    """The rows that belong to their row set. The values of others are added to `others` where it reports them."""
    where = rows.row_set.where
    if where is None:
        return rows
    mask = matching(rows, where)
    if mask.all():
        return rows
    if rows.row_set.others == "report":
        texts = {value or "" for value, own in zip(rows.column(where.path), mask.tolist(), strict=True) if not own}
        others[where] |= {(rows.row_set.path, text) for text in texts}
    return rows.only(_numbers(mask))


def without_other_names(rows: Rows) -> tuple[Rows, int]:
    """The rows without those that repeat a figure of the page under another name, and how many those are."""
    row_set = rows.row_set
    if not row_set.other_name:
        return rows, 0
    paths = dict.fromkeys(
        [*row_set.sum_over, *(path for one in row_set.dimensions if isinstance(one, Dimension) for path in one.paths)]
    )
    figures = list(zip(*(_comparable(rows.column(path)) for path in paths), strict=True))
    names = rows.column(row_set.other_name)
    first = {figure for figure, name in zip(figures, names, strict=True) if not name}
    chosen = [n for n, (figure, name) in enumerate(zip(figures, names, strict=True)) if not name or figure not in first]
    return (rows if len(chosen) == len(rows) else rows.only(chosen)), len(rows) - len(chosen)


def _comparable(values: list[Any]) -> list[Any]:
    """A column whose values can be compared: literals as bytes."""
    return list(map(bytes, values)) if values and isinstance(values[0], Raw) else values


def matching(rows: Rows, where: Where) -> Mask:
    """Which rows match. The condition is asked once for each distinct text."""
    texts = rows.column(where.path)
    verdicts = {text: isinstance(text, str) and where.matches(text) for text in set(texts)}
    return np.fromiter(map(verdicts.__getitem__, texts), np.bool_, len(texts))


def rows_where(rows: Rows, where: Where) -> tuple[Rows, Mask]:
    """The rows that match, and which they are; read once for all meters of one condition."""
    if where not in rows.chosen:
        mask = matching(rows, where)
        rows.chosen[where] = (rows if mask.all() else rows.only(_numbers(mask)), mask)
    return rows.chosen[where]


def spread(values: pa.Array, mask: Mask) -> pa.Array:
    """The values of the rows that match as a column of all rows, null in the others."""
    return values.take(pa.array(np.maximum(np.cumsum(mask) - 1, 0), mask=~mask))


def _numbers(mask: Mask) -> Sequence[int]:
    numbers: list[int] = np.flatnonzero(mask).tolist()
    return numbers
