"""Reads landed JSON into columns, as a report declares them.

The declarations become msgspec types, so that a page is decoded into exactly the fields that are wanted, each of
exactly one JSON type; numbers stay text or integers until they are known to be exact.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from operator import attrgetter
from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from usage_ledger.core.errors import Shape
from usage_ledger.json.document import document_of
from usage_ledger.json.text import encoded, plain
from usage_ledger.model.declaration import Report, RowSet, Total

Text = str | None | UnsetType
Whole = int | str | None | UnsetType
MONEY = {"units": "integer", "nanos": "integer", "currencyCode": "text"}
"""The parts of google.type.Money."""
_LEAF: dict[str, Any] = {
    "text": str | None,
    "asked": Text,
    "flag": bool | None,
    "epoch": int | None,
    "integer": Whole,
    "decimal": Raw,
    "json": Raw,
}
_NULLABLE = [_LEAF[kind] for kind in ("text", "flag", "epoch")]
"""The JSON type of each kind. An absent `text` reads as null; where absence is an error it is told apart: `asked`."""


@dataclass
class Node:
    """An object of the answer: its wanted fields, each a leaf, an object or a list of objects."""

    leaves: dict[str, str] = field(default_factory=dict)
    objects: dict[str, "Node"] = field(default_factory=dict)
    lists: dict[str, "Node"] = field(default_factory=dict)
    maps: dict[str, "Node"] = field(default_factory=dict)
    """Objects whose keys are the vendor's: each entry is a row."""
    open: bool = False
    """Read in part on purpose: what else it holds is no news."""
    _structs: dict[bool, type[msgspec.Struct]] = field(default_factory=dict)

    def want(self, segments: Sequence[str], kind: str) -> None:
        """Ask for the leaf at a path below this object."""
        head, *rest = segments
        if rest:
            self.objects.setdefault(head, Node()).want(rest, kind)
        else:
            self.leaves[head] = kind

    def struct(self, strict: bool = False) -> type[msgspec.Struct]:
        """The msgspec type of this object, once it is complete. Attributes are `f0`, `f1`, …"""
        if strict not in self._structs:
            self._structs[strict] = self._made(strict)
        return self._structs[strict]

    def _made(self, strict: bool) -> type[msgspec.Struct]:
        fields: list[Any] = []
        for number, (json_name, kind) in enumerate(self._children(strict)):
            blank: Any = Raw() if kind is Raw else None if kind in _NULLABLE else UNSET
            fields.append((f"f{number}", kind, msgspec.field(default=blank, name=json_name)))
        return msgspec.defstruct(
            "Object", fields, frozen=True, gc=False, forbid_unknown_fields=strict and not self.open
        )

    def attribute(self, json_name: str) -> str:
        """The struct's attribute for a field."""
        return f"f{[*self.leaves, *self.objects, *self.lists, *self.maps].index(json_name)}"

    def _children(self, strict: bool) -> Iterable[tuple[str, Any]]:
        for name, kind in self.leaves.items():
            yield name, _LEAF[kind]
        for name, node in self.objects.items():
            yield name, node.struct(strict) | None | UnsetType
        for name, node in self.lists.items():
            row: Any = node.struct(strict)
            yield name, list[row] | None | UnsetType
        for name, node in self.maps.items():
            entry: Any = node.struct(strict)
            yield name, dict[str, entry] | None | UnsetType


def paths_of(row_set: RowSet) -> dict[str, str]:
    """Every path that a row set reads, and the kind of its value."""
    wanted = dict.fromkeys([row_set.event, row_set.open[0], *row_set.sum_over], "text")
    wanted |= dict.fromkeys([row_set.day, row_set.moment], "text")
    wanted |= dict.fromkeys(row_set.bucket, row_set.clock)
    for dimension in row_set.dimensions:
        asked = "flag" if dimension.form == "flag" else "text" if dimension.missing == "blank" else "asked"
        wanted |= dict.fromkeys(dimension.paths, asked)
        wanted |= dict.fromkeys([path for pair in dimension.pairs for path in pair], "text")
    for name in row_set.names:
        wanted = dict.fromkeys([name.id, name.name, name.owner, name.parent], "text") | wanted
        wanted[name.tags] = "json"
    for balance in row_set.balances:
        wanted |= dict.fromkeys([balance.total, *balance.parts], "integer")
    for meter in row_set.meters:
        if meter.form == "money":
            wanted |= {f"{meter.path}/{part}": kind for part, kind in MONEY.items()}
        else:
            wanted |= dict.fromkeys([meter.path, *meter.plus], meter.form)
        wanted = dict.fromkeys(meter.between or (), "text") | wanted
    wanted = dict.fromkeys([row_set.needs, *row_set.ignored], "json") | wanted
    return {path: kind for path, kind in wanted.items() if path and path != "*" and not path.startswith("@")}


def above(path: str) -> int:
    """How many levels above the row a path begins: one for each `^`."""
    return len(path) - len(path.lstrip("^"))


def segments_of(path: str) -> list[tuple[str, bool]]:
    """The fields on the way to a row set's rows: lists, and maps, which a `*` follows."""
    parts = path.split("/")
    return [(name, parts[n + 1 : n + 2] == ["*"]) for n, name in enumerate(parts) if name != "*"]


@dataclass(frozen=True)
class Layout:
    """A report's decoders, and for each row set the chain of objects from the answer down to a row."""

    strict: Any
    """Refuses a field that is not declared: the fast way to know that there is none."""
    tolerant: Any
    root: Node
    chains: dict[str, list[Node]]


@cache
def layout(report: Report) -> Layout:
    """The types that a report's declaration asks for."""
    root = Node()
    chains: dict[str, list[Node]] = {}
    for row_set in report.row_sets:
        chain = [root]
        for segment, is_map in segments_of(row_set.path):
            holder = chain[-1].maps if is_map else chain[-1].lists
            chain.append(holder.setdefault(segment, Node()))
        chain[-1].open |= row_set.open_row
        chains[row_set.path] = chain
    wanted = [(row_set.path, *one) for row_set in report.row_sets for one in paths_of(row_set).items()]
    for row_path, path, kind in sorted(wanted, key=lambda one: one[2] != "json"):  # what one ignores another may read
        chains[row_path][-1 - above(path)].want(path.lstrip("^").split("/"), kind)
    for total in report.totals:
        element = root.lists.setdefault(total.path, Node(open=True))
        for part, kind in MONEY.items():
            element.want([*total.field.split("/"), part], kind)
    paging = report.paging
    marks = (paging.cursor if not paging.page else "", paging.more, paging.link) if paging else ()
    for name in ("totalSize", *marks, *report.ignored):
        if name:
            root.want([name], "json")
    return Layout(msgspec.json.Decoder(root.struct(True)), msgspec.json.Decoder(root.struct(False)), root, chains)


def decode(report: Report, body: bytes) -> tuple[Any, list[str]]:
    """A page as the report's types, and the fields that it holds beyond the declared ones.

    Raises `Shape` naming the JSON path of a value of another type.
    """
    text = plain(body)
    found = layout(report)
    try:
        try:
            encoded(text)
            return found.strict.decode(text), []
        except msgspec.ValidationError as error:
            if "unknown field" not in str(error):
                raise
            return found.tolerant.decode(text), sorted(_unknown(found.root, msgspec.json.decode(text), ""))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Shape(f"the answer is not of the declared shape: {error}") from error


def _unknown(node: Node, value: Any, where: str, *, filled: bool = False) -> set[str]:
    """The paths of undeclared fields below a value, each once however many rows have it.

    `filled`: of those alone that hold a list or an object with something in it.
    """
    if isinstance(value, list):
        return {path for item in value for path in _unknown(node, item, where, filled=filled)}
    if not isinstance(value, dict) or node.open:
        return set()
    children = node.objects | node.lists
    declared = {*node.leaves, *children, *node.maps}
    found = {
        f"{where}{name}"
        for name, held in value.items()
        if name not in declared and (not filled or (held and isinstance(held, list | dict)))
    }
    below = [(child, value.get(name), f"{where}{name}.") for name, child in children.items()]
    below += [
        (child, entry, f"{where}{name}.*.")
        for name, child in node.maps.items()
        for entry in (value.get(name) or {}).values()
    ]
    return found.union(*(_unknown(child, held, path, filled=filled) for child, held, path in below))


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
    before: int = 0
    """How many rows of the row set came before these on the page."""
    keys: list[str] | None = None
    """The keys of a map's entries, when the rows are such."""

    def only(self, kept: Sequence[int]) -> "Rows":
        """Some of the rows; places are then told of the kept ones."""
        levels = [(node, [objects[number] for number in kept]) for node, objects in self.levels]
        keys = None if self.keys is None else [self.keys[number] for number in kept]
        return Rows(self.row_set, levels, self.labels, before=self.before, keys=keys)

    def place(self, number: int) -> str:
        """How one of these rows is called in a message."""
        return f"{self.row_set.name}[{self.before + number}]"

    def __len__(self) -> int:
        return len(self.levels[-1][1])

    def column(self, path: str) -> list[Any]:
        """The values at a path, one per row; UNSET (or an empty Raw) where the field is absent. Not to be changed."""
        if path not in self._columns:
            self._columns[path] = self._read(path)
        return self._columns[path]

    def _read(self, path: str) -> list[Any]:
        if path.startswith("@"):
            return [self.labels.get(path[1:], "")] * len(self)
        if path == "*":
            return self.keys or []
        *parents, leaf = path.lstrip("^").split("/")
        node, objects = self._at(len(self.levels) - 1 - above(path), "/".join(parents))
        return list(map(attrgetter(node.attribute(leaf)), objects))

    def _at(self, level: int, parents: str) -> tuple[Node, list[Any]]:
        if not parents:
            return self.levels[level]
        if (level, parents) not in self._objects:
            above, _, last = parents.rpartition("/")
            node, objects = self._at(level, above)
            child = node.objects[last]
            get = attrgetter(node.attribute(last))
            blank = msgspec.json.decode(b"{}", type=child.struct())
            self._objects[level, parents] = (child, [get(one) or blank for one in objects])
        return self._objects[level, parents]


def rows_of(report: Report, row_set: RowSet, document: Any, labels: dict[str, str], before: int = 0) -> Rows:
    """The rows of a row set in a decoded page, or a part of one; a missing, null or empty array holds none."""
    chain = layout(report).chains[row_set.path]
    levels: list[tuple[Node, list[Any]]] = [(chain[0], [document])]
    keys: list[str] | None = None
    for (segment, is_map), node in zip(segments_of(row_set.path), chain[1:], strict=True):
        holder, holders = levels[-1]
        get: Callable[[Any], Any] = attrgetter(holder.attribute(segment))
        found = [get(one) or () for one in holders]
        keys = [key for entries in found for key in entries] if is_map else None
        arrays = [entries.values() if is_map and entries else entries for entries in found]
        levels = [
            (above, [one for one, array in zip(objects, arrays, strict=True) for _ in array])
            for above, objects in levels
        ]
        levels.append((node, [element for array in arrays for element in array]))
    return Rows(row_set, levels, labels, before=before, keys=keys)


def money_elements(report: Report, total: Total, document: Any) -> list[tuple[Any, Any, Any]]:
    """(units, nanos, currency) of each element of a list of totals; UNSET where absent."""
    root = layout(report).root
    element = root.lists[total.path]
    level: tuple[Node, list[Any]] = (element, list(getattr(document, root.attribute(total.path)) or ()))
    rows = Rows(report.row_sets[0], [level], {})
    return list(zip(*(rows.column(f"{total.field}/{part}") for part in MONEY), strict=True))


def unknown_content(report: Report, body: bytes) -> list[str]:
    """Filled arrays and objects of a page that the declaration does not name: what a renamed array looks like."""
    return sorted(_unknown(layout(report).root, document_of(plain(body), "the answer"), "", filled=True))


def has_rows(report: Report, body: bytes) -> bool:
    """Whether a page holds any row of the report."""
    document, _ = decode(report, body)
    return any(len(rows_of(report, row_set, document, {})) for row_set in report.row_sets)
