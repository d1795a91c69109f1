"""JSON without a declared type: listings, page marks, what a report ignores."""

from typing import Any

import msgspec

from usage_ledger.core.contract_errors import Shape
from usage_ledger.json.problems import problem_of


def document_of(text: bytes, what: str) -> Any:
    """The decoded value. Raises `Shape`, also for a number such as 1e999, which is valid JSON and has no value."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Shape(f"{what} cannot be read: {problem_of(error)}") from error
