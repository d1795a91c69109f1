"""JSON of which no type is declared: listings, page marks, what a report ignores."""

from typing import Any

import msgspec

from usage_ledger.core.errors import Shape


def document_of(text: bytes, what: str) -> Any:
    """What the text holds. Raises `Shape`: a number such as 1e999 is whole JSON, and no value."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Shape(f"{what} cannot be read: {error}") from error
