"""Scrub a document before it is stored: drop fields that a report cuts, and replace people by pseudonyms.

All paths are one tree, applied in one pass. A large document goes through it part by part, so that memory does not
grow with the document.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain

import msgspec

from usage_ledger.core.pseudonym import pseudonym
from usage_ledger.json.document import document_of
from usage_ledger.json.packed import Packed
from usage_ledger.json.parts import parts
from usage_ledger.json.text import plain

PART = 2**19
"""Bytes, about, that are scrubbed at once; each is copied some ten times on the way."""
EVERY = "*"
"""The segment of a path that matches each element of a list."""


@dataclass(slots=True)
class Rule:
    """What to do at one place of a document: change the value, drop it (`change` gives None), or go on below it."""

    below: dict[str, "Rule"] = field(default_factory=dict)
    change: Callable[[bytes], bytes | None] | None = None


def scrub(body: bytes | Packed, cut: tuple[str, ...], pseudonyms: tuple[str, ...]) -> bytes | Packed:
    """The document without the fields at the paths `cut` (`items/*/field`), and with pseudonyms at `pseudonyms`.

    Everything else keeps its literal form and its order; where the large document has members that are no list
    between its lists, they come last. Raises `ConfigError` when there is no usable key for pseudonyms, and
    `msgspec.DecodeError` for what is not JSON.
    """
    if not cut and not pseudonyms:
        return body
    rules = _rules(cut, pseudonyms)
    if isinstance(body, bytes):
        return _apply(plain(body), rules)
    scrubbed = Packed()
    for piece in _rejoined(_apply(part, rules) for part in parts(body.chunks(), PART)):
        scrubbed.add(piece)
    scrubbed.close()
    return scrubbed


def _rules(cut: Iterable[str], pseudonyms: Iterable[str]) -> Rule:
    """The paths as one tree. A path that is cut takes everything below it along."""
    root = Rule()
    for paths, change in ((pseudonyms, _as_pseudonym), (cut, _dropped)):
        for path in paths:
            rule = root
            for segment in path.split("/"):
                rule = rule.below.setdefault(segment, Rule())
            rule.change = change
    return root


def _dropped(_value: bytes) -> None:
    return None


def _as_pseudonym(value: bytes) -> bytes:
    name = document_of(value, "a person's address") if value.startswith(b'"') else None
    return msgspec.json.encode(pseudonym(name)) if name else value


def _apply(value: bytes, rule: Rule) -> bytes:
    """The value with all rules below it applied."""
    start = value.lstrip()[:1]
    if start == b"[" and (each := rule.below.get(EVERY)):
        items = msgspec.json.decode(value, type=list[msgspec.Raw])
        changed = (_changed(bytes(item), each) for item in items)
        return msgspec.json.encode([msgspec.Raw(item) for item in changed if item is not None])
    if start != b"{" or not rule.below:
        return value
    members = msgspec.json.decode(value, type=dict[str, msgspec.Raw])
    touched = [name for name in rule.below if name in members]
    if not touched:
        return value
    for name in touched:
        result = _changed(bytes(members[name]), rule.below[name])
        if result is None:
            del members[name]
        else:
            members[name] = msgspec.Raw(result)
    return msgspec.json.encode(members)


def _changed(value: bytes, rule: Rule) -> bytes | None:
    if rule.change is None:
        return _apply(value, rule)
    result = rule.change(value)
    return None if result is None else _apply(result, rule)


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
