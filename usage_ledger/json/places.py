"""Where the parts of a large document lie in its bytes: who reads it again slices it there, and looks for nothing."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Literal

import msgspec

from usage_ledger.json.text import BOM, plain

MOST = 1000
"""Places of a document that a manifest has room for: a gigabyte of rows has some 260, only many members have more."""
_signs = BOM + b" \t\n\r,:[]{}"
Kind = Literal["key", "list", "value"]


class Place(msgspec.Struct, frozen=True, array_like=True):
    """Bytes of a document from `first` up to `end`, without it.

    They are a key of the outermost object, with its quotes; elements of the list that the key has, or that the document
    is, without brackets; or another value of the key.
    """

    kind: Kind
    first: int
    end: int


class WrongPlace(Exception):
    """The places are not those of the document."""


def parts_at(places: Sequence[Place], chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The parts that `parts` gave of a document, at the places that it noted. Raises `WrongPlace`.

    They are looked at no more than that: of another document they may be no JSON and no UTF-8, as their decoder sees.
    """
    yield from assemble(_texts(places, iter(chunks)), is_object=places[0].kind != "list")


def assemble(texts: Iterable[tuple[Kind, list[bytes]]], *, is_object: bool) -> Iterator[bytes]:
    """A part for each piece of a list, which has brackets, and last one for all other members of an object.

    A text comes in pieces, so that what is large is copied once.
    """
    key = b""
    others: list[bytes] = []
    for kind, pieces in texts:
        if kind == "list":
            yield plain(b"".join([b"{", key, b":", *pieces, b"}"] if is_object else pieces))
        elif kind == "key":
            key = b"".join(pieces)
        else:
            others.append(key + b":" + plain(b"".join(pieces)))
    if is_object:
        yield b"{" + b",".join(others) + b"}"


def _texts(places: Iterable[Place], chunks: Iterator[bytes]) -> Iterator[tuple[Kind, list[bytes]]]:
    """What lies at each place, as `assemble` takes it. Raises `WrongPlace` where more than signs lies between two."""
    held, at = b"", 0
    for kind, first, end in map(msgspec.structs.astuple, places):
        before, held = _take(first - at, held, chunks)
        pieces, held = _take(end - first, held, chunks)
        if b"".join(before).strip(_signs):
            raise WrongPlace
        at = end
        yield kind, [b"[", *pieces, b"]"] if kind == "list" else pieces
    if any(chunk.strip(_signs) for chunk in chain([held], chunks)):
        raise WrongPlace


def _take(count: int, held: bytes, chunks: Iterator[bytes]) -> tuple[list[bytes], bytes]:
    """So many bytes of what is held and of what follows it, and the rest of the last chunk. Raises `WrongPlace`."""
    pieces, size = [held], len(held)
    while size < count and (chunk := next(chunks, None)) is not None:
        pieces.append(chunk)
        size += len(chunk)
    if not 0 <= count <= size:
        raise WrongPlace
    last = pieces.pop()
    at = len(last) - (size - count)
    return [*pieces, last[:at]], last[at:]
