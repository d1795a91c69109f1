"""Finds the call for the next page."""

import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from usage_ledger.core import contract_errors, provider_errors
from usage_ledger.http.page import Call, Page
from usage_ledger.json.document import document_of
from usage_ledger.model.request import Cursor, Link, Offset, Paging


def next_call(paging: Paging, page: Page, first: Call, hosts: tuple[str, ...]) -> Call | None:
    """The call after a page; None at the end. `first` is the call for the first page.

    Raises `Shape` for a page token of another type, and when there are more pages but no token;
    `HostRefused` for a link to another host than `hosts`.
    """
    match paging:
        case Cursor():
            return _by_cursor(paging, page, first)
        case Link():
            return _by_link(paging, page, first, hosts)
        case Offset():
            return _by_offset(paging, page, first)


def names_next(paging: Paging | None, page: Page) -> bool:
    """Whether a page itself names a next one, by a token or a link."""
    match paging:
        case Cursor(more=more):
            return bool(_token_of(paging, page)) and (not more or field_at(page, more) is True)
        case Link(field):
            return bool(field_at(page, field))
        case _:
            return False


def _by_cursor(paging: Cursor, page: Page, first: Call) -> Call | None:
    token = _token_of(paging, page)
    if token is not None and not isinstance(token, str):
        raise contract_errors.Shape(f"`{paging.field}` is not a string")
    if paging.more:
        more = field_at(page, paging.more)
        if not isinstance(more, bool):
            raise contract_errors.Shape(f"`{paging.more}` is not true or false")
        if more and not token:
            raise contract_errors.Shape(f"`{paging.more}` is true, but `{paging.field}` has no page token")
        token = token if more else ""
    if not token:
        return None
    if paging.into == "body":
        return replace(first, body=json.dumps(json.loads(first.body or "{}") | {paging.parameter: token}))
    return replace(first, query=(*first.query, (paging.parameter, token)))


def _token_of(paging: Cursor, page: Page) -> Any:
    token = field_at(page, paging.field)
    return field_at(page, paging.spelling) if paging.spelling and token in (None, "") else token


def _by_link(paging: Link, page: Page, first: Call, hosts: tuple[str, ...]) -> Call | None:
    """Use only a link's path and query: it may have another scheme, and may lack parameters of the first call."""
    link = field_at(page, paging.field)
    if link is None or link == "":
        return None
    if not isinstance(link, str):
        raise contract_errors.Shape(f"`{paging.field}` is not a string")
    try:
        url = urlsplit(link)
    except ValueError:
        raise provider_errors.HostRefused(f"`{paging.field}` is not a valid URL") from None
    if url.hostname not in hosts or url.username or url.path != first.path:
        raise provider_errors.HostRefused(f"`{paging.field}` leads to {url.hostname}{url.path}, not to the next page")
    named = parse_qsl(url.query, keep_blank_values=True)
    others = [(name, value) for name, value in first.query if name not in dict(named)]
    return replace(first, query=(*others, *named))


def _by_offset(paging: Offset, page: Page, first: Call) -> Call | None:
    """Continue to the total; without a total, until a page is empty: a short page may have successors."""
    count = page.counts.get(paging.items)
    if count is None:
        items = field_at(page, paging.items)
        if not isinstance(items, list):
            raise contract_errors.Shape(f"`{paging.items}` is not a list")
        count = len(items)
    end = int(str(dict(page.call.query).get(paging.parameter, "0"))) + count
    total = field_at(page, paging.total) if paging.total else None
    if total is not None and (not isinstance(total, int) or isinstance(total, bool)):
        raise contract_errors.Shape(f"`{paging.total}` is not a whole number")
    if total is not None and count == 0 and end < total:
        raise provider_errors.IncompleteAnswer(f"`{paging.items}` ends after {end} of {total} items")
    if count == 0 or (total is not None and end >= total):
        return None
    return replace(first, query=(*first.query, (paging.parameter, str(end))))


def field_at(page: Page, path: str) -> Any:
    """The value at a path of a page's outermost fields, through objects; None where there is none. Raises `Shape`."""
    name, *rest = path.split("/")
    raw = page.fields.get(name)
    value = None if raw is None else document_of(bytes(raw), f"`{name}`")
    for name in rest:
        value = value.get(name) if isinstance(value, dict) else None
    return value
