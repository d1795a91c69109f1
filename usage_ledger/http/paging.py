"""Which request brings the next page."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

from usage_ledger.core import errors
from usage_ledger.json.document import document_of
from usage_ledger.model.declaration import Paging

Parameters = tuple[tuple[str, str | tuple[str, ...]], ...]
Request = tuple[str, Parameters]
"""A path and its parameters."""


def following(
    paging: Paging, fields: Mapping[str, msgspec.Raw], first: Request, last: Request, hosts: tuple[str, ...]
) -> Request | None:
    """The request after `last`, from the outermost fields of its answer; None at the end.

    Raises `Shape` for a page mark of another type, and when there are more pages and nothing says which;
    `HostRefused` for a link to another host than `hosts`.
    """
    if paging.link:
        return _linked(paging, fields, first, hosts)
    path, parameters = first
    if paging.page:
        return _skipped(paging, fields, first, last)
    token = _field(fields, paging.cursor)
    if token is not None and not isinstance(token, str):
        raise errors.Shape(f"`{paging.cursor}` is no text")
    if paging.more:
        more = _field(fields, paging.more)
        if not isinstance(more, bool):
            raise errors.Shape(f"`{paging.more}` is not true or false")
        if more and not token:
            raise errors.Shape(f"`{paging.more}` is true, but `{paging.cursor}` names no page")
        token = token if more else ""
    return (path, (*parameters, (paging.parameter, token))) if token else None


def _field(fields: Mapping[str, msgspec.Raw], name: str) -> Any:
    raw = fields.get(name)
    return None if raw is None else document_of(bytes(raw), f"`{name}`")


def _linked(
    paging: Paging, fields: Mapping[str, msgspec.Raw], first: Request, hosts: tuple[str, ...]
) -> Request | None:
    """A link's path and query alone: it may name another scheme, and may have lost what was asked for."""
    link = _field(fields, paging.link)
    if link is None or link == "":
        return None
    if not isinstance(link, str):
        raise errors.Shape(f"`{paging.link}` is no text")
    try:
        url = urlsplit(link)
    except ValueError:
        raise errors.HostRefused(f"`{paging.link}` is no address") from None
    if url.hostname not in hosts or url.username or url.path != first[0]:
        raise errors.HostRefused(f"`{paging.link}` leads to {url.hostname}{url.path}, not to the next page")
    named = parse_qsl(url.query, keep_blank_values=True)
    kept = [(name, value) for name, value in first[1] if name not in dict(named)]
    return first[0], (*kept, *named)


def _skipped(paging: Paging, fields: Mapping[str, msgspec.Raw], first: Request, last: Request) -> Request | None:
    items = _field(fields, paging.cursor)
    if not isinstance(items, list):
        raise errors.Shape(f"`{paging.cursor}` is no list")
    if len(items) < paging.page:
        return None
    skipped = int(str(dict(last[1]).get(paging.parameter, "0"))) + len(items)
    return first[0], (*first[1], (paging.parameter, str(skipped)))
