"""Check that a body is one whole JSON document."""

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

import msgspec

from usage_ledger.core import provider_errors
from usage_ledger.core.pseudonym import hide_addresses
from usage_ledger.json.parts import parts
from usage_ledger.json.places import MOST, Place
from usage_ledger.json.text import encoded, plain

BEGINNING = 200


def checked_document(body: bytes, headers: Mapping[str, str]) -> dict[str, msgspec.Raw]:
    """The outermost fields of a body that is one whole JSON document. Raises `EmptyBody`, `NotJson`, `BadJson`."""
    if not body.strip():
        raise provider_errors.EmptyBody("the answer has no body")
    _refuse_web_page(body, headers)
    whole = plain(body).strip()
    kind: Any = dict[str, msgspec.Raw] if whole.startswith(b"{") else msgspec.Raw
    try:
        document = msgspec.json.decode(encoded(whole), type=kind)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        size = f"it has {len(whole)} bytes and begins {_beginning(whole)}"
        raise provider_errors.BadJson(f"the answer is not one whole JSON document ({error}); {size}") from error
    return document if isinstance(document, dict) else {}


class Parts:
    """A large body, checked as it arrives: its outermost fields but the lists, and how many items one list has."""

    def __init__(self, headers: Mapping[str, str], count: str = "") -> None:
        self._headers, self._count = headers, count
        self.fields: dict[str, msgspec.Raw] = {}
        self.counts: dict[str, int] = {}

    def check(self, chunks: Iterator[bytes]) -> list[Place]:
        """Read all of it; returns where its parts lie, nothing of more than `MOST`. Raises `NotJson`, `BadJson`."""
        first = next(chunks)
        _refuse_web_page(first, self._headers)
        last = b""
        places: list[Place] = []
        try:
            for last in parts(chain([first], chunks), places=places):
                self._count_items(last)
            self.fields = msgspec.json.decode(last, type=dict[str, msgspec.Raw]) if last.startswith(b"{") else {}
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise provider_errors.BadJson(
                f"the answer is not one whole JSON document ({error}); it begins {_beginning(first)}"
            ) from error
        return places if len(places) <= MOST else []

    def _count_items(self, part: bytes) -> None:
        if not self._count or not part.startswith(b"{"):
            return
        items = msgspec.json.decode(part, type=dict[str, msgspec.Raw]).get(self._count)
        if items is not None and bytes(items).startswith(b"["):
            count = len(msgspec.json.decode(items, type=list[msgspec.Raw]))
            self.counts[self._count] = self.counts.get(self._count, 0) + count


def _refuse_web_page(body: bytes, headers: Mapping[str, str]) -> None:
    if "html" in headers.get("content-type", "").lower() or body.lstrip()[:1] == b"<":
        raise provider_errors.NotJson(f"the answer is a web page, not JSON; it begins {_beginning(body)}")


def _beginning(body: bytes) -> str:
    """The first characters, escaped: enough for a person to recognise what was sent, and no address of anybody."""
    return repr(hide_addresses(body[: 2 * BEGINNING].decode(errors="backslashreplace"))[:BEGINNING])
