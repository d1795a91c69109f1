"""Reads things with ids from a provider's lists."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import chain
from typing import Any

from usage_ledger.core.contract_errors import Shape
from usage_ledger.core.provider_errors import ABSENT, BadRequest, NotWhole
from usage_ledger.http.client import Client
from usage_ledger.http.page import Page
from usage_ledger.json.document import document_of
from usage_ledger.json.text import plain
from usage_ledger.model.request import Listing


def list_things(
    client: Client, listing: Listing, labels: Mapping[str, str] | None = None
) -> Iterator[tuple[Page | None, list[dict[str, str]]]]:
    """Each page of a listing, with the labels of each thing on it: its id, and the labels of the outer list.

    A list that an account need not have, and does not have, has no page and one thing without an id. Raises `Shape`,
    and what `Client.pages` does.
    """
    outer = dict(labels or {})
    if listing.per:
        for page, holders in list_things(client, listing.per, outer):
            yield page, []
            for holder in holders:
                yield from list_things(client, replace(listing, per=None), {**outer, **holder})
        return
    pages = client.pages(client.call_of(listing.request, outer), listing.paging)
    try:
        first = next(pages)
    except BadRequest as error:
        if not listing.implied or error.status != ABSENT:
            raise
        yield None, [{**outer, listing.label: ""}]
        return
    for page in chain([first], pages):
        ids = [str(item[listing.id]) for item in items_of(page, listing) if item.get(listing.id)]
        if listing.form == "last_segment":
            ids = [one.rsplit("/", 1)[-1] for one in ids]
        yield replace(page, role="listing"), [{**outer, listing.label: one} for one in ids]


def items_of(page: Page, listing: Listing) -> list[dict[str, Any]]:
    """The objects on a page of a listing. Raises `Shape`, and `NotWhole` where the list itself is absent or null."""
    path = listing.request.path
    document = document_of(plain(bytes(page.body)), f"the list of {path}")
    items = document.get(listing.items) if listing.items and isinstance(document, dict) else document
    if items is None and not listing.optional:
        raise NotWhole(f"the answer of {path} has no `{listing.items}`, which the provider always sends")
    if listing.single:
        items = [items]
    if items is not None and not isinstance(items, list):
        raise Shape(f"`{listing.items}` of {path} is not a list")
    return [item for item in items or () if isinstance(item, dict)]
