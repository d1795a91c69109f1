"""Check that a body is one whole JSON document."""

from collections import deque
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

import msgspec

from usage_ledger.core import errors
from usage_ledger.json.parts import parts
from usage_ledger.json.text import encoded, plain


def checked_document(body: bytes, headers: Mapping[str, str]) -> dict[str, msgspec.Raw]:
    """The outermost fields of a body that is one whole JSON document. Raises `EmptyBody`, `NotJson`, `BadJson`."""
    if not body.strip():
        raise errors.EmptyBody("the answer has no body")
    _refuse_web_page(body, headers)
    whole = plain(body).strip()
    kind: Any = dict[str, msgspec.Raw] if whole.startswith(b"{") else msgspec.Raw
    try:
        value = msgspec.json.decode(encoded(whole), type=kind)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        size = f"it has {len(whole)} bytes and begins {_beginning(whole)}"
        message = f"the answer is not one whole JSON document ({error}); {size}"
        raise errors.BadJson(message) from error
    return value if isinstance(value, dict) else {}


def checked_parts(chunks: Iterator[bytes], headers: Mapping[str, str], *, check: bool) -> dict[str, msgspec.Raw]:
    """As `checked_document`, of a body that arrives: its outermost fields but the lists. Raises the same."""
    if not check:
        deque(chunks, maxlen=0)
        return {}
    first = next(chunks)
    _refuse_web_page(first, headers)
    try:
        last = deque(parts(chain([first], chunks)), maxlen=1).pop()
        return msgspec.json.decode(last, type=dict[str, msgspec.Raw]) if last.startswith(b"{") else {}
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        message = f"the answer is not one whole JSON document ({error}); it begins {_beginning(first)}"
        raise errors.BadJson(message) from error


def _refuse_web_page(body: bytes, headers: Mapping[str, str]) -> None:
    if "html" in headers.get("content-type", "").lower() or body.lstrip()[:1] == b"<":
        raise errors.NotJson(f"the answer is a web page, not JSON; it begins {_beginning(body)}")


def _beginning(body: bytes) -> str:
    """The first bytes, escaped: enough for a person to recognise what was sent."""
    return repr(body[:200])[1:]
