"""Scrub a document before it is stored: what a report cuts or does not keep is dropped, people become pseudonyms.

All paths are one tree, applied in one pass. A large document goes through it part by part, so that memory does not
grow with the document.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain

import msgspec

from usage_ledger.core.pseudonym import hide_addresses, pseudonym
from usage_ledger.json.addresses import Addresses
from usage_ledger.json.document import document_of
from usage_ledger.json.packed import Packed
from usage_ledger.json.parts import parts
from usage_ledger.json.paths import EVERY
from usage_ledger.json.text import may_hold_address, plain

PART = 2**19
"""Bytes, about, that are scrubbed at once; each is copied some ten times on the way."""


@dataclass(slots=True)
class Rule:
    """What to do at one place of a document: change the value, drop it (`change` gives None), or go on below it."""

    place: str = ""
    """For messages: `data.user`."""
    below: dict[str, "Rule"] = field(default_factory=dict)
    change: Callable[[bytes], bytes | None] | None = None
    alone: bool = False
    """Of an object only the members in `below` are kept."""
    news: bool = True
    """A member that is not kept is recorded."""

    def at(self, path: str) -> "Rule":
        """The rule at a path below this one."""
        rule = self
        for segment in path.split("/"):
            place = rule.place if segment == EVERY else f"{rule.place}.{segment}".lstrip(".")
            rule = rule.below.setdefault(segment, Rule(place, alone=rule.alone, news=rule.news))
        return rule

    def next(self, name: str) -> "Rule | None":
        """The rule of an object's member."""
        return self.below.get(name) or (self.below.get(EVERY) if self.alone else None)


@dataclass(frozen=True, slots=True)
class Keep:
    """The paths which alone are kept of a document."""

    whole: frozenset[str]
    """Of any value."""
    scalars: frozenset[str]
    """Of a string, number or flag; what an object or a list there holds is dropped, and not recorded."""


class Scrubber:
    """Scrubs documents of one kind by one set of rules, and records what was dropped and replaced.

    `cut` and `pseudonyms` are paths (`items/*/field`); `keep` names those that alone are kept. `read` names the paths
    whose values keep their bytes: everywhere else an e-mail address becomes its pseudonym; None leaves all of them.
    """

    def __init__(
        self,
        cut: Iterable[str] = (),
        pseudonyms: Iterable[str] = (),
        keep: Keep | None = None,
        read: Iterable[str] | None = None,
    ) -> None:
        self._rules = Rule(alone=keep is not None)
        for path in sorted(keep.scalars) if keep else ():
            self._rules.at(path).news = False
        for path in sorted(keep.whole) if keep else ():
            self._rules.at(path).alone = False
        for paths, change in ((pseudonyms, _as_pseudonym), (cut, _dropped)):
            for path in paths:
                self._rules.at(path).change = change
        self._addresses = None if read is None else Addresses(read)
        self._gone: set[str] = set()

    @property
    def dropped(self) -> list[str]:
        """The fields that were dropped because they are not among those kept."""
        return sorted(map(hide_addresses, self._gone))

    @property
    def replaced(self) -> list[str]:
        """The fields in which an address was replaced, the outermost that are not read."""
        return sorted(map(hide_addresses, self._addresses.places)) if self._addresses else []

    def scrub(self, body: bytes | Packed) -> bytes | Packed:
        """The document scrubbed; the same object when there is nothing to do.

        Everything else keeps its literal form and its order; where a large document has members that are no list
        between its lists, they come last. Raises `ConfigError` when there is no usable key for pseudonyms, and
        `msgspec.DecodeError` for what is not JSON.
        """
        ruled = bool(self._rules.below) or self._rules.alone
        if not ruled and not (self._addresses and _may_hold_address(body)):
            return body
        if isinstance(body, bytes):
            text = plain(body)
            scrubbed = self._scrub(text)
            return body if scrubbed is text and not ruled else scrubbed
        before = self._addresses.count if self._addresses else 0
        packed = Packed()
        for piece in _rejoined(self._scrub(part) for part in parts(body.chunks(), PART)):
            packed.add(piece)
        packed.close()
        return packed if ruled or (self._addresses and self._addresses.count > before) else body

    def _scrub(self, text: bytes) -> bytes:
        scrubbed = self._apply(text, self._rules)
        return self._addresses.hide(scrubbed) if self._addresses else scrubbed

    def _apply(self, value: bytes, rule: Rule) -> bytes:
        """The value with all rules below it applied."""
        if not rule.below and not rule.alone:
            return value
        start = value.lstrip()[:1]
        if start == b"[" and (each := rule.below.get(EVERY) or (rule if rule.alone else None)):
            items = msgspec.json.decode(value, type=list[msgspec.Raw])
            changed = (self._changed(bytes(item), each) for item in items)
            return msgspec.json.encode([msgspec.Raw(item) for item in changed if item is not None])
        if start != b"{":
            return value
        members = msgspec.json.decode(value, type=dict[str, msgspec.Raw])
        touched = [name for name in (members if rule.alone else rule.below) if name in members]
        for name in touched:
            below = rule.next(name)
            if below is None and rule.news:
                self._gone.add(f"{rule.place}.{name}".lstrip("."))
            result = None if below is None else self._changed(bytes(members[name]), below)
            if result is None:
                del members[name]
            else:
                members[name] = msgspec.Raw(result)
        return msgspec.json.encode(members) if touched else value

    def _changed(self, value: bytes, rule: Rule) -> bytes | None:
        result = value if rule.change is None else rule.change(value)
        return None if result is None else self._apply(result, rule)


def _may_hold_address(body: bytes | Packed) -> bool:
    """A large document costs nothing when no at sign has passed, and is read once more when one has."""
    if isinstance(body, bytes):
        return may_hold_address(body)
    return body.has_at_sign and any(map(may_hold_address, parts(body.chunks(), PART)))


def _dropped(_value: bytes) -> None:
    return None


def _as_pseudonym(value: bytes) -> bytes:
    name = document_of(value, "a person's address") if value.startswith(b'"') else None
    return msgspec.json.encode(pseudonym(name)) if name else value


def _rejoined(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """One document from its parts, as `parts` cuts it: lists of one name are one list again."""
    pieces = iter(pieces)
    first = next(pieces, b"")
    match first.lstrip()[:1]:
        case b"[":
            yield from _list_of(first, pieces)
        case b"{":
            yield from _object_of(first, pieces)
        case _:
            yield first


def _list_of(first: bytes, others: Iterator[bytes]) -> Iterator[bytes]:
    yield b"["
    comma = b""
    for piece in chain([first], others):
        if elements := _elements(piece):
            yield comma
            yield elements
            comma = b","
    yield b"]"


def _object_of(first: bytes, others: Iterator[bytes]) -> Iterator[bytes]:
    yield b"{"
    unfinished: str | None = None
    comma, empty = b"", True
    for piece in chain([first], others):
        for name, value in msgspec.json.decode(piece, type=dict[str, msgspec.Raw]).items():
            text = bytes(value)
            elements = _elements(text) if text.startswith(b"[") else None
            if name != unfinished or elements is None:
                yield b"]" if unfinished is not None else b""
                yield comma + msgspec.json.encode(name) + b":" + (text if elements is None else b"[")
                comma, empty = b",", True
                unfinished = name if elements is not None else None
            if elements:
                yield b"" if empty else b","
                yield elements
                empty = False
    yield b"]}" if unfinished is not None else b"}"


def _elements(text: bytes) -> bytes:
    """What is between the brackets of a list."""
    return text.strip()[1:-1].strip()
