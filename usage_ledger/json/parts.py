"""One large JSON document as several small ones of the same shape, read as it arrives and checked on the way."""

import re
from collections.abc import Iterable, Iterator

import msgspec

from usage_ledger.json.places import Kind, Place, assemble
from usage_ledger.json.text import BOM, encoded, plain

PART = 4 * 2**20
"""Bytes, about, of a part: large enough that its fixed costs do not count, small enough for its decoded rows to be."""
TRIES = 64
LONGEST_SIGN = 16
"""Bytes of the longest thing that can look wrong only because its end has not arrived: a pair of escapes."""
_blank = b" \t\n\r"
_key = re.compile(rb'"(?:[^"\\]|\\.)*"')
_trailing = re.compile(r"trailing characters \(byte (\d+)\)")
_place = re.compile(r"\(byte (\d+)\)")


def parts(chunks: Iterable[bytes], size: int | None = None, places: list[Place] | None = None) -> Iterator[bytes]:
    """The document as one part if it is small, else its outermost lists cut between two elements.

    `{"a": [1, 2, 3], "b": 4}` may become `{"a":[1,2]}`, `{"a":[3]}`, `{"b":4}`. Laid end to end the lists are the
    document's own, every element as sent. `places` is filled with where they lie, for `parts_at`: what is small, or no
    list or object, has none. Raises `msgspec.DecodeError`, with the place in the whole document, for what is not JSON,
    and for a key that the outermost object has twice: cut, both lists would be read; `UnicodeDecodeError` for what is
    not UTF-8.
    """
    yield from map(encoded, _parts(_Text(chunks, [] if places is None else places), size or PART))


def _parts(text: "_Text", size: int) -> Iterator[bytes]:
    text.fill(size + 1)
    if text.ended:
        yield text.whole()
    elif text.next() == b"[":
        yield from assemble(_lists(text, size), is_object=False)
        text.end()
    elif text.next() == b"{":
        yield from assemble(_members(text, size), is_object=True)
    else:
        text.fill(None)
        yield text.whole()


def _lists(text: "_Text", size: int) -> Iterator[tuple[Kind, list[bytes]]]:
    for rows in text.elements(size):
        yield "list", [rows]


def _members(text: "_Text", size: int) -> Iterator[tuple[Kind, list[bytes]]]:
    keys: set[bytes] = set()
    text.skip(1)
    while (key := text.key(first=not keys)) is not None:
        if key in keys:
            raise msgspec.DecodeError(f"the key {key.decode(errors='replace')} comes twice (byte {text.passed})")
        keys.add(key)
        yield "key", [key]
        if text.next() == b"[":
            yield from _lists(text, size)
        else:
            yield "value", [text.value()]
    text.end()


class _Text:
    """The text that has arrived and is not yet consumed."""

    def __init__(self, chunks: Iterable[bytes], places: list[Place]) -> None:
        self._chunks, self._places = iter(chunks), places
        self._held = b""
        self.ended = False
        self.passed = 0
        """Bytes taken so far."""

    def fill(self, size: int | None) -> None:
        """Hold at least so many bytes, or all that is left."""
        held, length = [self._held], len(self._held)
        while not self.ended and (size is None or length < size):
            chunk = next(self._chunks, None)
            if chunk is None:
                self.ended = True
            else:
                held.append(chunk)
                length += len(chunk)
        self._held = b"".join(held)
        if not self.passed and self._held.startswith(BOM):
            self.skip(len(BOM))

    def whole(self) -> bytes:
        text = plain(self._held)
        msgspec.json.decode(text, type=msgspec.Raw)
        return text

    def skip(self, count: int) -> None:
        self._held = self._held[count:]
        self.passed += count

    def _pass(self, kind: Kind, count: int) -> None:
        self._places.append(Place(kind, self.passed, self.passed + count))
        self.skip(count)

    def next(self) -> bytes:
        """The next byte that is not blank, not consumed; empty at the end of the text."""
        while True:
            rest = self._held.lstrip(_blank)
            self.passed += len(self._held) - len(rest)
            self._held = rest
            if rest or self.ended:
                return rest[:1]
            self.fill(1)

    def key(self, *, first: bool) -> bytes | None:
        """The next member's key, with its quotes, the colon taken too; None at the object's end."""
        if self.next() == b"}":
            self.skip(1)
            return None
        if not first:
            self._take(b",")
        self.next()
        while (match := _key.match(self._held)) is None and not self.ended:
            self.fill(2 * len(self._held) + 1)
        if match is None:
            raise self._malformed()
        key = match[0]
        msgspec.json.decode(key, type=str)
        self._pass("key", len(key))
        self._take(b":")
        return key

    def value(self) -> bytes:
        """The next value, whole."""
        while True:
            at = self._end_of(self._held)
            if at is not None and (at < len(self._held) or self.ended):
                value = self._held[:at]
                self._pass("value", at)
                return value
            if self.ended:
                raise self._malformed("Input data was truncated")
            self.fill(2 * len(self._held) + 1)

    def elements(self, size: int) -> Iterator[bytes]:
        """The next list, in pieces that are lists."""
        self.skip(1)
        has_elements, target = False, size
        while True:
            self.fill(target)
            if has_elements and self.next() == b"]":
                raise self._malformed()  # after a comma
            if not self.ended and (piece := self._elements_held(2)):  # the rule, and half the work
                has_elements, target = True, size
                yield piece
                continue
            at = self._end_of(b"[" + self._held, before=1)
            if at is not None and (at - 1 < len(self._held) or self.ended):
                end = self._held.rindex(b"]", 0, at - 1)
                piece = b"[" + self._held[: end + 1]
                self._pass("list", end)
                self.skip(at - 1 - end)
                yield piece
                return
            if self.ended:
                raise self._malformed("Input data was truncated")
            piece = self._elements_held(TRIES)
            target = size if piece else 2 * len(self._held)
            if piece:
                has_elements = True
                yield piece

    def end(self) -> None:
        """Check that nothing follows."""
        self.fill(None)
        if self.next():
            raise self._malformed("trailing characters")

    def _elements_held(self, tries: int) -> bytes | None:
        """As many whole elements as are held, as a list, and the comma after them taken: the last `},` that fits."""
        at = len(self._held)
        for _ in range(tries):
            at = self._held.rfind(b"}", 0, at)
            if at < 0:
                return None
            comma = at + 1
            while self._held[comma : comma + 1] in (b" ", b"\t", b"\n", b"\r"):
                comma += 1
            if self._held[comma : comma + 1] != b",":
                continue
            piece = b"[" + self._held[: at + 1] + b"]"
            try:
                msgspec.json.decode(plain(piece), type=msgspec.Raw)
            except (msgspec.DecodeError, RecursionError):
                continue  # the end of something inside of an element
            self._pass("list", at + 1)
            self.skip(comma - at)
            return piece
        return None

    def _end_of(self, text: bytes, before: int = 0) -> int | None:
        """Where the value at the beginning of a text ends; None when the text ends first.

        msgspec stops at what follows a value, and says where.
        """
        try:
            msgspec.json.decode(plain(text), type=msgspec.Raw)
        except msgspec.DecodeError as error:
            if match := _trailing.search(str(error)):
                return int(match[1]) - 1
            place = _place.search(str(error))
            if not self.ended and (place is None or int(place[1]) > len(text) - LONGEST_SIGN):
                return None  # cut off, perhaps in an escape or a word
            raise self._placed(error, before) from None
        return len(text)

    def _take(self, sign: bytes) -> None:
        if self.next() != sign:
            raise self._malformed()
        self.skip(1)

    def _malformed(self, what: str = "") -> msgspec.DecodeError:
        what = what or ("invalid character" if self._held else "Input data was truncated")
        return msgspec.DecodeError(f"JSON is malformed: {what} (byte {self.passed})")

    def _placed(self, error: msgspec.DecodeError, before: int) -> msgspec.DecodeError:
        return msgspec.DecodeError(
            _place.sub(lambda match: f"(byte {int(match[1]) + self.passed - before})", str(error))
        )
