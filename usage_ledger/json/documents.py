"""JSON documents that follow each other in one text, with or without line breaks, as the list of one document."""

import re
from collections.abc import Iterable, Iterator

import msgspec

from usage_ledger.json.text import BOM, encoded, plain

_blank = b" \t\n\r\x1e"
_trailing = re.compile(r"trailing characters \(byte (\d+)\)")


def as_list(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """`{"documents":[…]}` in pieces: each document of the text as it stands there, and the items of one that is a list.

    Record separators (RFC 7464) between documents count as blanks. Raises `msgspec.DecodeError`, with its place in the
    text, for what is no document, and for one that is cut off; `UnicodeDecodeError` for what is not UTF-8.
    """
    yield b'{"documents":['
    comma = b""
    for document in _documents(b"".join(chunks).removeprefix(BOM)):
        inner = document[1:-1].strip(_blank) if document.startswith(b"[") else document
        if inner:
            yield comma + inner
            comma = b","
    yield b"]}"


def _documents(text: bytes) -> Iterator[bytes]:
    """Each document. A view of the rest costs no copy, so that the time is linear."""
    readable, at = memoryview(encoded(plain(text))), 0  # of the same length
    while True:
        while text[at : at + 1] and text[at] in _blank:
            at += 1
        if at == len(text):
            return
        size = _size_of_first(readable[at:], at)
        yield text[at : at + size].rstrip(_blank)
        at += size


def _size_of_first(rest: memoryview, at: int) -> int:
    """Bytes of the first document. msgspec stops at what follows it, and says where."""
    try:
        msgspec.json.decode(rest, type=msgspec.Raw)
    except msgspec.DecodeError as error:
        if match := _trailing.search(str(error)):
            return int(match[1]) - 1
        raise msgspec.DecodeError(f"the document that begins at byte {at} is cut off or malformed: {error}") from None
    return len(rest)
