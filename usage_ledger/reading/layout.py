"""The shape of a report's answers: which fields are read, and of which JSON type.

The declarations become msgspec types, so that a page is decoded into exactly the declared fields, each of exactly
one JSON type; numbers stay strings or integers until they are checked to be exact.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec

from usage_ledger.contracts.registry import contract
from usage_ledger.core.contract_errors import Shape
from usage_ledger.core.errors import ConfigError
from usage_ledger.json.document import document_of
from usage_ledger.json.problems import problem_of
from usage_ledger.json.text import encoded, plain
from usage_ledger.model.dimension import Derived
from usage_ledger.model.provider import Report
from usage_ledger.model.rows import Meter, RowSet
from usage_ledger.reading.declared import leading_fields
from usage_ledger.reading.node import MODES, Node
from usage_ledger.reading.paths import MONEY_PARTS, levels_up, paths_of, paths_of_names, paths_of_texts, segments_of


@dataclass(frozen=True)
class Layout:
    """A report's decoders, and for each row set the chain of objects from the answer down to a row."""

    packed: Any
    """As `strict`, but leaves objects that only hold texts as they are written."""
    strict: Any
    """Refuses undeclared fields: the fast way to learn that there are none."""
    tolerant: Any
    literal: Any
    """Leaves whole numbers as they are written: for those that came as 44.0 or 4.4e1, and to name the row of others."""
    root: Node
    chains: dict[str, list[Node]]


@cache
def layout(report: Report) -> Layout:
    """The types that a report's declaration asks for."""
    _require_columns(report)
    root = Node()
    chains: dict[str, list[Node]] = {}
    for row_set in report.row_sets:
        chain = [root]
        for segment, is_map in segments_of(row_set.path):
            holder = chain[-1].maps if is_map else chain[-1].lists
            chain.append(holder.setdefault(segment, Node()))
        chain[-1].open |= row_set.allow_extra_fields
        chains[row_set.path] = chain
    kinds = [(row_set.path, *one) for row_set in report.row_sets for one in paths_of(row_set).items()]
    # Ignored paths first, because what one row set ignores another may read.
    for row_path, path, kind in sorted(kinds, key=lambda one: one[2] != "json"):
        chains[row_path][-1 - levels_up(path)].want(path.lstrip("^").split("/"), kind)
    for total in report.totals:
        element = root.lists.setdefault(total.path, Node(open=True)) if total.path else root
        for part, kind in MONEY_PARTS.items():
            element.want([*total.field.split("/"), part], kind)
    for name in (
        "totalSize",
        *leading_fields(report.source),
        *report.ignored,
        *(total.path for total in report.running_totals),
        *report.evidence,
    ):
        if name:
            root.want(name.split("/"), "json")
    for mark in report.marks if report.reshape is None else ():  # after what is read, which may hold their values
        root.admit(mark.path.split("/"))
    _pack(report, chains)
    packed, strict, tolerant, literal = (msgspec.json.Decoder(root.struct(mode)) for mode in MODES)
    return Layout(packed, strict, tolerant, literal, root, chains)


def _pack(report: Report, chains: Mapping[str, list[Node]]) -> None:
    """Pack the objects of rows that hold texts and nothing else, where these decide what a row is called."""
    outer = [id(node) for chain in chains.values() for node in chain[:-1]]
    for row_path, chain in chains.items():
        own = [row_set for row_set in report.row_sets if row_set.path == row_path]
        if id(chain[-1]) in outer or not all(map(paths_of_texts, own)):
            continue
        texts = {path for row_set in own for path in (*paths_of_texts(row_set), *paths_of_names(row_set))}
        others = {path for row_set in own for path in paths_of(row_set)} - texts
        heads, other_heads = ({path.partition("/")[0] for path in paths} for paths in (texts, others))
        for name, child in chain[-1].objects.items():
            child.packed = child.has_texts_alone and name in heads - other_heads


def _require_columns(report: Report) -> None:
    """Refuse a declaration that fills a column which the contract lacks: it would be hashed into keys and dropped."""
    for row_set in report.row_sets if report.tables else ():
        if row_set.table:
            _require_own_columns(report, row_set)
            columns = [one.column for one in (*row_set.dimensions, *row_set.meters)]
            columns += [name for name, _ in row_set.constants]
            if lacking := sorted(set(columns) - set(contract(row_set.table).names("dimension", "meter"))):
                raise ConfigError(
                    f"row set {row_set.name} of report {report.name} fills {', '.join(lacking)}, "
                    f"which the contract of {row_set.table} lacks",
                    next_step=f"add the column to data_contracts/{row_set.table}.yaml, or name another one",
                )


def _require_own_columns(report: Report, row_set: RowSet) -> None:
    """Refuse a column that is declared twice; meters may share one where each reads rows of its own."""
    shared = {meter.column for meter in row_set.meters if isinstance(meter, Meter) and meter.where}
    columns = [one.column for one in row_set.dimensions if not isinstance(one, Derived)]
    columns += [name for name, _ in row_set.constants]
    columns += {one.column for one in row_set.dimensions if isinstance(one, Derived)}.difference(columns)
    columns += [meter.column for meter in row_set.meters if not (isinstance(meter, Meter) and meter.where)]
    columns += shared
    if twice := sorted(name for name, count in Counter(columns).items() if count > 1):
        raise ConfigError(
            f"row set {row_set.name} of report {report.name} fills {', '.join(twice)} twice",
            next_step="declare one value for each column, or meters that each have a `where`",
        )


def decode(report: Report, body: bytes) -> tuple[Any, list[str]]:
    """A page as the report's types, and the paths of its undeclared fields.

    Raises `Shape` naming the JSON path of a value of another type.
    """
    text = plain(body)
    decoders = layout(report)
    try:
        try:
            encoded(text)
            return decoders.strict.decode(text), []
        except msgspec.ValidationError:
            return _tolerant(decoders, text), sorted(_unknown(decoders.root, msgspec.json.decode(text), ""))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Shape(f"the answer is not of the declared shape: {problem_of(error)}") from error


def _tolerant(decoders: Layout, text: bytes) -> Any:
    try:
        return decoders.tolerant.decode(text)
    except msgspec.ValidationError:
        return decoders.literal.decode(text)


def _unknown(node: Node, value: Any, where: str, *, filled: bool = False) -> set[str]:
    """The paths of undeclared fields below a value, each once however many rows have it.

    `filled`: only those that hold a list or an object that is not empty.
    """
    if isinstance(value, list):
        return {path for item in value for path in _unknown(node, item, where, filled=filled)}
    if not isinstance(value, dict) or node.open:
        return set()
    children = node.objects | node.lists
    declared = {*node.leaves, *children, *node.maps}
    undeclared = {
        f"{where}{name}"
        for name, content in value.items()
        if name not in declared and (not filled or (content and isinstance(content, list | dict)))
    }
    children_of = [(child, value.get(name), f"{where}{name}.") for name, child in children.items()]
    children_of += [
        (child, entry, f"{where}{name}.*.")
        for name, child in node.maps.items()
        for entry in (value.get(name) or {}).values()
    ]
    return undeclared.union(*(_unknown(child, content, path, filled=filled) for child, content, path in children_of))


def unknown_content(report: Report, body: bytes) -> list[str]:
    """Undeclared arrays and objects of a page that are not empty, as a renamed array would be.

    Of a page without any declared array, all undeclared values: an error in a form of its own is no empty answer.
    """
    root, document = layout(report).root, document_of(plain(body), "the answer")
    if isinstance(document, dict) and not document.keys() & {*root.lists, *root.maps}:
        return sorted(name for name in _unknown(root, document, "") if document.get(name) not in (None, "", [], {}))
    return sorted(_unknown(root, document, "", filled=True))
