"""E-mail addresses in a document become pseudonyms, wherever it is not declared that the value is read."""

import re
from collections.abc import Iterable

import msgspec

from usage_ledger.core.pseudonym import hide_addresses
from usage_ledger.json.paths import EVERY
from usage_ledger.json.text import may_hold_address

Tree = dict[str, "Tree"]
"""Paths by their segments; an empty one is a value that is read."""
_string = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)


class Addresses:
    """Replaces addresses outside of the values at the paths `read`; records where."""

    def __init__(self, read: Iterable[str]) -> None:
        self._read: Tree = {}
        self.places: set[str] = set()
        """The outermost undeclared fields that held an address: `data.user`, and `data.*` for a field's name."""
        self.count = 0
        """How many strings changed."""
        for path in read:
            tree = self._read
            for segment in path.split("/"):
                tree = tree.setdefault(segment, {})

    def hide(self, text: bytes) -> bytes:
        """The document without addresses; the same object when it has none, and every other value as it was."""
        return self._hide(text, self._read or None, "")

    def _hide(self, value: bytes, read: Tree | None, place: str) -> bytes:
        if not may_hold_address(value):
            return value
        start = value.lstrip()[:1]
        if read is None or start not in (b"[", b"{"):
            return value if read == {} else self._hide_all(value, place)
        if start == b"[":
            items = msgspec.json.decode(value, type=list[msgspec.Raw])
            each = read.get(EVERY)
            parts = list(map(bytes, items))
            hidden = [self._hide(part, each, place) for part in parts]
            return b"[" + b",".join(hidden) + b"]" if hidden != parts else value
        return self._hide_members(value, read, place)

    def _hide_members(self, value: bytes, read: Tree, place: str) -> bytes:
        members = msgspec.json.decode(value, type=dict[str, msgspec.Raw])
        changed = False
        parts = []
        for name, raw in members.items():
            below, member = read.get(name, read.get(EVERY)), bytes(raw)
            key = msgspec.json.encode(name)
            if below is None and may_hold_address(key):
                key = self._hide_all(key, f"{place}.*".lstrip("."))
            hidden = self._hide(member, below, f"{place}.{name}".lstrip("."))
            changed |= hidden != member or key != msgspec.json.encode(name)
            parts.append(key + b":" + hidden)
        return b"{" + b",".join(parts) + b"}" if changed else value

    def _hide_all(self, value: bytes, place: str) -> bytes:
        """The value with each of its strings, keys too, without addresses."""

        def hide(match: re.Match[bytes]) -> bytes:
            if not may_hold_address(match[0]):
                return match[0]
            text = msgspec.json.decode(match[0], type=str)
            hidden = hide_addresses(text)
            if hidden == text:
                return match[0]
            self.places.add(place)
            self.count += 1
            return msgspec.json.encode(hidden)

        return _string.sub(hide, value)
