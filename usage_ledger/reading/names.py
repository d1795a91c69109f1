"""Readable names of ids by day: they go to `ledger.name`, never onto a fact."""

import hashlib
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import msgspec
import pyarrow as pa

from usage_ledger.contracts.registry import arrow_schema
from usage_ledger.core.contract_errors import BadId
from usage_ledger.json.document import document_of
from usage_ledger.model.rows import NameOf
from usage_ledger.reading.nested import Rows
from usage_ledger.storage.manifest import Manifest
from usage_ledger.storage.staged import Note

NAMES = "name_observation"
LONGEST = 4096
"""Bytes of a name."""
ALTERED = {
    "replaced_characters": "a name holds NUL characters; the warehouse cannot store them and shows U+FFFD instead",
    "long_name": f"a name is longer than {LONGEST} bytes; the warehouse holds its beginning and a hash",
}


@dataclass
class Names:
    """The name of each id on each day, and the kinds of changes to names."""

    names: dict[tuple[str, str, date], tuple[str, str | None, str | None, str | None]] = field(default_factory=dict)
    altered: set[str] = field(default_factory=set)

    def gather(self, rows: Rows, days: list[date], which: list[int]) -> None:
        """Add the names in rows; of several names of an id on one day the greatest string stays. Raises `BadId`."""
        for name_of in rows.row_set.names:
            columns = (*(_values(rows, path) for path in _paths(name_of)), _tags(rows, name_of.tags))
            for number, id_, name, parent, owner, tags in dict.fromkeys(zip(which, *columns, strict=True)):
                if not id_ or not name:
                    continue
                if "\0" in id_:
                    place = rows.place([*columns[0]].index(id_))
                    raise BadId(f"{place}: the id of kind {name_of.kind} holds a NUL character")
                key, text = (name_of.kind, id_, days[number]), self._storable(name)
                if self.names.get(key, ("",))[0] < text:
                    self.names[key] = (text, parent or None, owner or None, tags or None)

    def table(self, manifest: Manifest) -> pa.Table:
        """All names in the contract's columns."""
        rows = [
            (manifest.connection_id, kind, id_, day, *attributes, manifest.load_id.replace("-", ""))
            for (kind, id_, day), attributes in sorted(self.names.items())
        ]
        schema = arrow_schema(NAMES)
        return pa.table(
            [pa.array(column, field.type) for column, field in zip(zip(*rows, strict=True), schema, strict=True)],
            schema=schema,
        )

    def notes(self) -> list[Note]:
        """A note for each kind of change to names."""
        return [Note(kind, ALTERED[kind], "raw holds it as sent") for kind in sorted(self.altered)]

    def _storable(self, name: str) -> str:
        """A name that the warehouse can store: without NUL; a long one as its beginning and a hash of the whole."""
        encoded = name.encode()
        if "\0" in name:
            self.altered.add("replaced_characters")
            name = name.replace("\0", "\ufffd")
        if len(encoded) > LONGEST:
            self.altered.add("long_name")
            beginning = name.encode()[: LONGEST - 20].decode(errors="ignore")
            name = f"{beginning}…{hashlib.sha256(encoded).hexdigest()[:16]}"
        return name


def _paths(name_of: NameOf) -> tuple[str | tuple[str, ...], ...]:
    return (name_of.id, name_of.name, name_of.parent, name_of.owner)


def _values(rows: Rows, path: str | tuple[str, ...]) -> list[Any]:
    """The values at a path, or at the first of several that has one, falsy where not sent; JSON as canonical text."""
    if isinstance(path, tuple):
        return [next(filter(None, values), None) for values in zip(*(_values(rows, one) for one in path), strict=True)]
    if not path:
        return [None] * len(rows)
    values = rows.column(path)
    if values and isinstance(values[0], msgspec.Raw):
        decoded = [document_of(bytes(value), f"`{path}`") if bytes(value) else None for value in values]
        return [_text(value) if value else None for value in decoded]
    return values


def _tags(rows: Rows, tags: str | tuple[str, ...]) -> list[Any]:
    """Tags as canonical JSON, falsy where there are none."""
    if isinstance(tags, str):
        return _values(rows, tags)
    names = [path.rpartition("/")[2] for path in tags]
    sent = zip(*(rows.column(path) for path in tags), strict=True)
    labels = ({name: text for name, text in zip(names, texts, strict=True) if text} for texts in sent)
    return [_text(one) if one else None for one in labels]


def _text(value: Any) -> str:
    return msgspec.json.encode(value, order="deterministic").decode()
