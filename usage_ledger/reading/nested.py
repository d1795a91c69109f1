"""The rows of an answer, read column by column along the paths of their row set."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import msgspec
from msgspec import UNSET, Raw

from usage_ledger.core.contract_errors import Shape
from usage_ledger.core.numbers import plain_digits
from usage_ledger.model.provider import Report
from usage_ledger.model.rows import RowSet, Total
from usage_ledger.model.where import Where
from usage_ledger.reading.layout import layout
from usage_ledger.reading.node import Node
from usage_ledger.reading.paths import MONEY_PARTS, levels_up, segments_of
from usage_ledger.reading.undeclared import Fields, Page

Spellings = dict[str, list[bytes]]
"""Objects as they are written, one a row, by name; empty where absent."""


@dataclass
class Rows:
    """The rows of one row set on one page, read column by column."""

    row_set: RowSet
    levels: list[tuple[Node, list[Any]]]
    """The objects of each level, one per row, outermost first."""
    labels: dict[str, str]
    _objects: dict[tuple[int, str], tuple[Node, list[Any]]] = field(default_factory=dict)
    _columns: dict[str, list[Any]] = field(default_factory=dict)
    counts: dict[str, Any] = field(default_factory=dict)
    """Columns already read as whole numbers, by path: a total and a meter are often the same field."""
    sums: dict[str, int] = field(default_factory=dict)
    """The sums of those that have a value in each row, by Python."""
    chosen: dict[Where, tuple["Rows", Any]] = field(default_factory=dict)
    """The rows that match a condition, and which they are: several meters may have one."""
    before: int = 0
    """How many rows of the row set came before these on the page."""
    keys: list[str] | None = None
    """The keys of a map's entries, when the rows are map entries."""
    page: Page | None = None
    """Where the undeclared fields of the rows are read; None where there are none."""

    numbers: Sequence[int] | None = None
    """Of some of a page's rows, the number that each has among all of them."""

    def only(self, numbers: Sequence[int]) -> "Rows":
        """Some of the rows; messages still name their place among all."""
        levels = [(node, [objects[number] for number in numbers]) for node, objects in self.levels]
        keys = None if self.keys is None else [self.keys[number] for number in numbers]
        places = numbers if self.numbers is None else [self.numbers[number] for number in numbers]
        return Rows(self.row_set, levels, self.labels, before=self.before, keys=keys, page=self.page, numbers=places)

    def place(self, number: int) -> str:
        """The row's path for messages: row set and number."""
        return f"{self.row_set.name}[{self.before + (number if self.numbers is None else self.numbers[number])}]"

    def undeclared(self, number: int) -> Fields:
        """The undeclared fields of a row, path and literal."""
        if self.page is None:
            return {}
        return self.page.fields(number if self.numbers is None else self.numbers[number])

    def __len__(self) -> int:
        return len(self.levels[-1][1])

    def column(self, path: str) -> list[Any]:
        """The values at a path, one per row; UNSET (or an empty Raw) where the field is absent. Read-only."""
        if path not in self._columns:
            self._columns[path] = self._read(path)
        return self._columns[path]

    def _read(self, path: str) -> list[Any]:
        if path.startswith("@"):
            return [self.labels.get(path[1:], "")] * len(self)
        if path == "*":
            return self.keys or []
        *parents, leaf = path.lstrip("^").split("/")
        node, objects = self._at(len(self.levels) - 1 - levels_up(path), "/".join(parents))
        values = node.values(objects, leaf)
        # A page's whole numbers are all left as they are written, or none is.
        if node.leaves.get(leaf) == "integer" and isinstance(next((v for v in values if v is not UNSET), None), Raw):
            values = [_as_count(value, f"{self.place(n)}.{path.lstrip('^')}") for n, value in enumerate(values)]
        return values

    def _at(self, level: int, parents: str) -> tuple[Node, list[Any]]:
        if not parents:
            return self.levels[level]
        if (level, parents) not in self._objects:
            outer, _, last = parents.rpartition("/")
            node, objects = self._at(level, outer)
            child = node.objects[last]
            blank = msgspec.json.decode(b"{}", type=child.struct())
            values = node.values(objects, last)
            if child.packed and self.are_packed:
                spellings = self.spellings(last)
                read = {one: child.decoder.decode(one) if one else None for one in set(spellings)}
                values = [read[one] for one in spellings]
            self._objects[level, parents] = (child, [one or blank for one in values])
        return self._objects[level, parents]

    @cached_property
    def are_packed(self) -> bool:
        """Whether the objects that only hold texts are left as they are written."""
        node, objects = self.levels[-1]
        return any(
            isinstance(getattr(objects[0], node.attribute(name)), Raw) for name in node.packed_objects if objects
        )

    def spellings(self, name: str) -> list[bytes]:
        """An object that is left as it is written, one per row; empty where it is absent."""
        if name not in self._columns:
            node, objects = self.levels[-1]
            self._columns[name] = list(map(bytes, node.values(objects, name)))
        return self._columns[name]


def _as_count(value: Any, where: str) -> Any:
    """A whole number that was left as it is written, in the form that the other decoders give it. Raises `Shape`."""
    literal = bytes(value) if isinstance(value, Raw) else b""
    if not literal:
        return UNSET
    if literal == b"null":
        return None
    if literal[:1] in b"tf[{":
        raise Shape(f"{where.replace('/', '.')} is {literal[:40].decode(errors='replace')}, which is no number")
    return msgspec.json.decode(literal, type=str) if literal.startswith(b'"') else plain_digits(literal.decode())


def rows_of(
    report: Report,
    row_set: RowSet,
    document: Any,
    labels: dict[str, str],
    before: int = 0,
    up: int = 0,
    *,
    text: bytes = b"",
    spellings: Spellings | None = None,
) -> Rows:
    """The rows of a row set in a decoded page, or a part of one; a missing, null or empty array holds none.

    `up`: the elements so many levels above the rows, with rows or without. `text` is what was decoded, where it holds
    undeclared fields. `spellings` are those of packed objects, where they are known.
    """
    chain = layout(report).chains[row_set.path]
    levels: list[tuple[Node, list[Any]]] = [(chain[0], [document])]
    keys: list[str] | None = None
    segments = segments_of(row_set.path)
    for (segment, is_map), node in zip(segments[: len(segments) - up], chain[1:], strict=False):
        holder, holders = levels[-1]
        containers = [one or () for one in holder.values(holders, segment)]
        keys = [key for entries in containers for key in entries] if is_map else None
        arrays = [entries.values() if is_map and entries else entries for entries in containers]
        levels = [
            (outer, [one for one, array in zip(objects, arrays, strict=True) for _ in array])
            for outer, objects in levels
        ]
        levels.append((node, [element for array in arrays for element in array]))
    page = Page(text, row_set.path, chain[-1]) if text else None
    return Rows(row_set, levels, labels, _columns={**(spellings or {})}, before=before, keys=keys, page=page)


def money_elements(report: Report, total: Total, document: Any) -> list[tuple[Any, Any, Any]]:
    """(units, nanos, currency) of a total, or of each element of a list of them; UNSET where absent."""
    root = layout(report).root
    level: tuple[Node, list[Any]] = (root, [document])
    if total.path:
        level = (root.lists[total.path], list(getattr(document, root.attribute(total.path)) or ()))
    rows = Rows(report.row_sets[0], [level], {})
    elements = zip(*(rows.column(f"{total.field}/{part}") for part in MONEY_PARTS), strict=True)
    return [parts for parts in elements if total.path or not {*parts} <= {UNSET, None}]
