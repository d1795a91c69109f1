"""A value in a decoded document."""

from typing import Any


def value_at(document: Any, path: str) -> Any:
    """The value at a path through objects and places of lists, such as `errors/0/reason`; None where there is none."""
    for name in path.split("/"):
        if isinstance(document, list) and name.isdecimal() and int(name) < len(document):
            document = document[int(name)]
        else:
            document = document.get(name) if isinstance(document, dict) else None
    return document
