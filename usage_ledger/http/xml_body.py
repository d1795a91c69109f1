"""Small answers that come as XML, for services that speak JSON to some callers only."""

from typing import Any
from xml.etree import ElementTree

import msgspec

LARGEST = 64 * 1024
"""Bytes. Who the caller is, and errors, are small."""


def as_json(body: bytes) -> bytes:
    """An XML document as JSON: `{"root": {"part": "text"}}`; anything else as it is.

    Parts of one name are a list; namespaces and attributes are left out. A document that declares a type or entities
    is not read.
    """
    if body.lstrip()[:1] != b"<" or len(body) > LARGEST or b"<!" in body:
        return body
    try:
        root = ElementTree.fromstring(body)  # noqa: S314 - without `<!` there is nothing to expand
        return msgspec.json.encode({_name(root): _value(root)})
    except (ElementTree.ParseError, RecursionError):
        return body


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _value(element: ElementTree.Element) -> Any:
    if not len(element):
        return (element.text or "").strip()
    parts: dict[str, Any] = {}
    for part in element:
        name, value = _name(part), _value(part)
        if name in parts:
            value = [*(parts[name] if isinstance(parts[name], list) else [parts[name]]), value]
        parts[name] = value
    return parts
