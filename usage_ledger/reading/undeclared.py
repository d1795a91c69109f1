"""The undeclared fields of each row: a value that is absent may have come under a new name.

A page is read for them only when it is known to hold some, and a row lacks a value or has open parts.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

import msgspec
from msgspec import Raw

from usage_ledger.core import errors, numbers
from usage_ledger.json.text import plain
from usage_ledger.reading.node import Node
from usage_ledger.reading.paths import segments_of

Fields = dict[str, bytes]
"""The undeclared fields of a row: path below the row, and literal."""
KINDS = (
    ("token",),
    ("second", "minute", "hour", "milli", "duration", "latency", "time"),
    ("image", "picture", "pixel", "video", "frame"),
    ("character",),
    ("byte", "storage"),
    ("request", "call", "session", "search"),
    ("cost", "usd", "price", "amount", "money", "currency"),
)
"""Parts of names that say in what a field counts: a field of another kind than a meter is not its new name."""
GENERIC = frozenset({"token", "second", "count", "number", "num", "total", "of", "the"})
DEEPEST = 5
"""Objects within each other that are looked into."""
_words = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


@dataclass
class Page:
    """The undeclared fields of the rows of one row set on a page, read when they are first needed."""

    text: bytes
    """Empty where the page has no undeclared field."""
    path: str
    node: Node
    _rows: list[Fields] = field(default_factory=list)

    def fields(self, number: int) -> Fields:
        """Those of one row of the page."""
        if not self.text:
            return {}
        if not self._rows:
            rows = _rows_below(plain(self.text), segments_of(self.path))
            self._rows = [_undeclared(self.node, row, "") for row in rows]
        return self._rows[number]


def _rows_below(value: bytes, segments: list[tuple[str, bool]]) -> list[bytes]:
    holders = [value]
    for name, is_map in segments:
        arrays = [msgspec.json.decode(one, type=dict[str, Raw]).get(name, Raw(b"null")) for one in holders]
        holders = [bytes(one) for array in arrays if bytes(array) != b"null" for one in _items(array, is_map)]
    return holders


def _items(array: Raw, is_map: bool) -> Iterable[Raw]:
    if is_map:
        return msgspec.json.decode(array, type=dict[str, Raw]).values()
    return msgspec.json.decode(array, type=list[Raw])


def _undeclared(node: Node, value: bytes, where: str) -> Fields:
    if node.open or not value.startswith(b"{"):
        return {}
    fields: Fields = {}
    for name, raw in msgspec.json.decode(value, type=dict[str, Raw]).items():
        if name in node.objects:
            fields |= _undeclared(node.objects[name], bytes(raw), f"{where}{name}/")
        elif name not in {*node.leaves, *node.lists, *node.maps}:
            fields |= _flat(bytes(raw), f"{where}{name}")
    return fields


def _flat(value: bytes, where: str) -> Fields:
    if not value.startswith(b"{") or where.count("/") > DEEPEST:
        return {where: value}
    members = msgspec.json.decode(value, type=dict[str, Raw])
    return {path: leaf for name, raw in members.items() for path, leaf in _flat(bytes(raw), f"{where}/{name}").items()}


def number_in(literal: bytes) -> Decimal | None:
    """The number that a literal is, also as text; None for anything else."""
    text = msgspec.json.decode(literal, type=str) if literal.startswith(b'"') else literal.decode()
    try:
        return numbers.decimal(text)
    except errors.UsageLedgerError:
        return None


def new_name_of_count(path: str, column: str, fields: Fields) -> str:
    """An undeclared number that could be a count under a new name: any but 0, unless it counts in another kind."""
    kinds = _kinds(f"{path} {column}")
    for name, literal in fields.items():
        if number_in(literal) and (not _kinds(name) or _kinds(name) & kinds):
            return name
    return ""


def new_name_of_part(path: str, fields: Fields) -> str:
    """An undeclared number that could be an optional value under a new name: one of the same words.

    A name with further words is that of a part, or of something else: it is reported as news.
    """
    words = _specific(path)
    for name, literal in fields.items():
        if words and number_in(literal) and words == _specific(name):
            return name
    return ""


def new_name_of_text(path: str, fields: Fields) -> str:
    """An undeclared text of the same object, which could be a grouping under a new name."""
    folder = path.rpartition("/")[0]
    for name, literal in fields.items():
        if name.rpartition("/")[0] == folder and literal.startswith(b'"') and literal != b'""':
            return name
    return ""


def _kinds(text: str) -> set[int]:
    lower = text.lower()
    return {number for number, parts in enumerate(KINDS) if any(part in lower for part in parts)}


def _specific(path: str) -> set[str]:
    """The words of a name without endings, but for those that any count may have, and letters such as a version's."""
    words = {word.lower() for word in _words.findall(path.rpartition("/")[2]) if len(word) > 1}
    return {re.sub(r"(?<=...)(s|ed|e)$", "", word) for word in words if word.removesuffix("s") not in GENERIC}
