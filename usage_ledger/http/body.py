"""Reads an answer's body within its limits, and checks that it is complete."""

import time
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING

import httpx

from usage_ledger.core import crash, redaction
from usage_ledger.core.errors import Unreachable
from usage_ledger.core.provider_errors import IncompleteAnswer, TooLarge
from usage_ledger.json.packed import Packed
from usage_ledger.json.parts import PART
from usage_ledger.json.places import Place

if TYPE_CHECKING:
    from usage_ledger.http.sign_search import SignSearch

GZIP = b"\x1f\x8b"
LARGE = 64 * 1024
"""Bytes of a piece in which everything that may begin a secret is looked for at once."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one request. Seconds, bytes, counts."""

    connect_seconds: float = 10
    read_seconds: float = 60
    total_seconds: float = 180
    encoded_bytes: int = 1024 * 2**20
    decoded_bytes: int = 1024 * 2**20
    inflation: int = 200
    """Decoded bytes per encoded byte, beyond the first megabyte."""
    pages: int = 10_000
    all_bytes: int = 4 * 2**30
    """Decoded, of all pages of an answer."""
    job_seconds: float = 600
    """From the start of a query to its first page."""


def read_body(response: httpx.Response, limits: Limits, deadline: float) -> Iterator[bytes]:
    """The decoded body of a streamed answer, as it arrives.

    Raises `TooLarge` at a cap, `IncompleteAnswer` for a cut gzip stream, `Unreachable` past the deadline
    (of `time.monotonic()`).
    """
    coding = response.headers.get("content-encoding", "identity").strip().lower()
    if coding not in ("identity", "", "gzip"):
        raise TooLarge(f"the answer is encoded as {coding[:40]!r}; only gzip was requested")
    announced = response.headers.get("content-length", "")
    if announced.isascii() and announced.isdigit() and int(announced) > limits.encoded_bytes:
        raise TooLarge(f"the answer announces {announced[:30]} bytes; the limit is {limits.encoded_bytes}")
    chunks = _raw(response, limits, deadline)
    yield from _gunzip(chunks, limits) if coding == "gzip" else _plain(chunks, limits)


def _raw(response: httpx.Response, limits: Limits, deadline: float) -> Iterator[bytes]:
    for chunk in _bounded(response.iter_raw(), limits):
        if time.monotonic() > deadline:
            raise Unreachable(f"the answer was not complete after {limits.total_seconds:g} seconds")
        crash.point("ask")  # mid body
        yield chunk


def unpack(chunks: Iterator[bytes], limits: Limits) -> Iterator[bytes]:
    """The bytes of a file, decompressed where it begins as gzip does. Raises as `read_body`."""
    bounded = _bounded(chunks, limits)
    first = next(bounded, b"")
    rest = chain([first], bounded)
    yield from _gunzip(rest, limits) if first.startswith(GZIP) else _plain(rest, limits)


def _bounded(chunks: Iterator[bytes], limits: Limits) -> Iterator[bytes]:
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > limits.encoded_bytes:
            raise TooLarge(f"the answer is larger than {limits.encoded_bytes} bytes")
        yield chunk


def _plain(chunks: Iterator[bytes], limits: Limits) -> Iterator[bytes]:
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > limits.decoded_bytes:
            raise TooLarge(f"the answer is larger than {limits.decoded_bytes} bytes")
        yield chunk


def _gunzip(chunks: Iterator[bytes], limits: Limits) -> Iterator[bytes]:
    """Every member of a gzip stream: some writers append them."""
    inflater = zlib.decompressobj(wbits=31)
    encoded = decoded = 0
    for chunk in chunks:
        encoded += len(chunk)
        pending = chunk
        while pending:
            if inflater.eof:
                pending = pending.lstrip(b"\0")  # padding, which gzip leaves out too
                if not pending:
                    break
                inflater = zlib.decompressobj(wbits=31)
            try:
                part = inflater.decompress(pending, 2**20)
            except zlib.error as error:
                raise IncompleteAnswer("the answer's compression is damaged") from error
            pending = inflater.unconsumed_tail or inflater.unused_data
            decoded += len(part)
            if decoded > limits.decoded_bytes or decoded > 2**20 + limits.inflation * encoded:
                raise TooLarge(f"the answer inflates to more than {limits.inflation} times its size, or over the cap")
            yield part
    if not inflater.eof:
        raise IncompleteAnswer("the compressed answer was cut off")


def redacted(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """As `redaction.redact_bytes`: the end of each piece waits for the next, lest a secret lie across the two."""
    tail = b""
    for chunk in chunks:
        protected = redaction.protected()
        text = tail + chunk
        complete = len(text) - protected.longest + 1
        if complete <= 0:
            tail = text
            continue
        masked, end = protected.mask(text, complete) if _may_hold_secret(text, protected) else ([], 0)
        complete = max(complete, end)
        yield b"".join([*masked, text[end:complete]])
        tail = text[complete:]
    yield redaction.redact_bytes(tail)


def _may_hold_secret(text: bytes, protected: redaction.Protected) -> bool:
    return len(text) < LARGE or _search(protected).may_hold(text)


@lru_cache(maxsize=1)
def _search(protected: redaction.Protected) -> "SignSearch":
    from usage_ledger.http.sign_search import SignSearch  # most processes need no numpy

    return SignSearch(protected.signs)


def received(
    chunks: Iterator[bytes], inspect: Callable[[Iterator[bytes]], list[Place]], *, check: bool
) -> bytes | Packed:
    """The body, redacted: as bytes when it is small; packed, and inspected as it arrives, when it is large.

    `inspect` returns where the parts of what it reads lie.
    Without `check` (an answer without success) it is read and not inspected.
    """
    arriving = redacted(chunks)
    held: list[bytes] = []
    size = 0
    for chunk in arriving:
        held.append(chunk)
        size += len(chunk)
        if size > PART:
            break
    else:
        return b"".join(held)
    packed = Packed()

    def passing() -> Iterator[bytes]:
        for chunk in chain(held, arriving):
            packed.add(chunk)
            yield chunk

    if check:
        packed.places = inspect(passing())
    else:
        deque(passing(), maxlen=0)
    packed.close()
    return packed
