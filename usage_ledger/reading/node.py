"""An object of an answer: its declared fields, and the msgspec types that decode it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any, Literal, cast, get_args

import msgspec
from msgspec import UNSET, Raw, UnsetType

from usage_ledger.reading.paths import TEXTS

Text = str | None | UnsetType
Whole = int | str | None | UnsetType
_LEAF: dict[str, Any] = {
    "text": str | None,
    "required_text": Text,
    "flag": bool | None,
    "epoch": int | None,
    "integer": Whole,
    "decimal": Raw,
    "json": Raw,
}
"""The JSON type of each kind. An absent `text` reads as null; a `required_text` distinguishes absent from null."""
Mode = Literal["packed", "strict", "tolerant", "literal"]
MODES: tuple[Mode, ...] = get_args(Mode)
"""How a page is decoded; see `Layout`."""
EXACT = ("packed", "strict")
"""The modes that refuse undeclared fields."""
_NULLABLE = [_LEAF[kind] for kind in ("text", "flag", "epoch")]
"""The kinds that read as null where they are absent."""


@dataclass
class Node:
    """An object of the answer: its declared fields, each a leaf, an object or a list of objects."""

    leaves: dict[str, str] = field(default_factory=dict)
    objects: dict[str, "Node"] = field(default_factory=dict)
    lists: dict[str, "Node"] = field(default_factory=dict)
    maps: dict[str, "Node"] = field(default_factory=dict)
    """Objects whose keys are the vendor's: each entry is a row."""
    open: bool = False
    """Only a part is declared: other fields are not reported as unknown."""
    packed: bool = False
    """It holds the texts of a row and nothing else: it can stay as it is written, for each spelling to be read once."""
    _structs: dict[Mode, type[msgspec.Struct]] = field(default_factory=dict)

    def want(self, segments: Sequence[str], kind: str) -> None:
        """Declare the leaf at a path below this object."""
        head, *rest = segments
        if rest:
            self.objects.setdefault(head, Node()).want(rest, kind)
        else:
            self.leaves[head] = kind

    def admit(self, segments: Sequence[str]) -> None:
        """Declare a value of any type at a path below this object, `*` being each element of a list."""
        head, *rest = segments
        if (node := self.lists.get(head) or self.maps.get(head)) is not None:
            if rest[1:]:
                node.admit(rest[1:])
        elif rest and rest[0] != "*":
            self.objects.setdefault(head, Node()).admit(rest)
        elif head not in self.objects:
            self.leaves.setdefault(head, "json")

    @property
    def has_texts_alone(self) -> bool:
        """Whether there is no number, list or map in it."""
        if self.lists or self.maps or self.open or not {*self.leaves.values()} <= {*TEXTS}:
            return False
        return all(node.has_texts_alone for node in self.objects.values())

    @cached_property
    def packed_objects(self) -> dict[str, "Node"]:
        """Its objects that are packed, once this object is complete."""
        return {name: child for name, child in self.objects.items() if child.packed}

    @cached_property
    def decoder(self) -> Any:
        """Of an object that is packed. Refuses undeclared fields."""
        return msgspec.json.Decoder(cast(Any, self.struct("strict")) | None)

    def struct(self, mode: Mode = "tolerant") -> type[msgspec.Struct]:
        """The msgspec type of this object, once it is complete. Attributes are `f0`, `f1`, …"""
        if mode not in self._structs:
            self._structs[mode] = self._define(mode)
        return self._structs[mode]

    def _define(self, mode: Mode) -> type[msgspec.Struct]:
        fields: list[Any] = []
        for number, (json_name, kind) in enumerate(self._children(mode)):
            blank: Any = Raw() if kind is Raw else None if kind in _NULLABLE else UNSET
            fields.append((f"f{number}", kind, msgspec.field(default=blank, name=json_name)))
        return msgspec.defstruct(
            "Object", fields, frozen=True, gc=False, forbid_unknown_fields=mode in EXACT and not self.open
        )

    def attribute(self, json_name: str) -> str:
        """The struct's attribute for a field."""
        return f"f{[*self.leaves, *self.objects, *self.lists, *self.maps].index(json_name)}"

    def values(self, objects: Sequence[Any], json_name: str) -> list[Any]:
        """The value that each of these objects has in a field."""
        return _reader(self.attribute(json_name))(objects)

    def _children(self, mode: Mode) -> Iterable[tuple[str, Any]]:
        for name, kind in self.leaves.items():
            yield name, Raw if (kind, mode) == ("integer", "literal") else _LEAF[kind]
        for name, node in self.objects.items():
            yield name, Raw if node.packed and mode == "packed" else node.struct(mode) | None | UnsetType
        for name, node in self.lists.items():
            row: Any = node.struct(mode)
            yield name, list[row] | None | UnsetType
        for name, node in self.maps.items():
            entry: Any = node.struct(mode)
            yield name, dict[str, entry] | None | UnsetType


@cache
def _reader(attribute: str) -> Callable[[Sequence[Any]], list[Any]]:
    """Reads an attribute of many objects: one that stands in the code is read three times as fast as by its name."""
    source = f"lambda objects: [one.{attribute} for one in objects]"
    return cast(Callable[[Sequence[Any]], list[Any]], eval(source, {}))  # noqa: S307  our own names: f0, f1
