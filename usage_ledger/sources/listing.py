"""What a request is repeated for: things of a provider's lists, values of a setting, fixed values."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any
from weakref import WeakKeyDictionary

from usage_ledger.core.contract_errors import Shape
from usage_ledger.core.errors import ConfigError, UsageLedgerError
from usage_ledger.core.provider_errors import ABSENT, BadRequest, NotWhole
from usage_ledger.http.client import Client
from usage_ledger.http.fill import Values
from usage_ledger.http.page import Call, Page
from usage_ledger.json.document import document_of
from usage_ledger.json.text import plain
from usage_ledger.json.value import value_at
from usage_ledger.model.each import Catalogue, Each, Fixed, Listing, PerSetting
from usage_ledger.model.where import Where

Labels = dict[str, str]
Settings = Mapping[str, str | tuple[str, ...]]
"""A connection's settings, by name."""


_answers: WeakKeyDictionary[Client, dict[Call, list[Page]]] = WeakKeyDictionary()
"""The pages of lists that are asked for once a run."""


@dataclass(frozen=True, slots=True)
class Thing:
    """What a request is sent once for: by its labels, of the outer lists too, and as the item of its own list."""

    labels: Labels
    item: Mapping[str, Any] = field(default_factory=dict)
    lacking: str = ""
    """Why it cannot be asked for."""


def list_things(
    client: Client, each: Each | Catalogue, values: Values | None = None, settings: Settings | None = None
) -> Iterator[tuple[Page | None, list[Thing]]]:
    """Each page of a list with the things on it. What is not listed by the provider has no page.

    A list that an account need not have, and does not have, has one thing without an id. `values` fill the requests
    of lists, with the labels of the outer ones. Raises `ConfigError` for a setting without a value, `Shape`, and what
    `Client.pages` does.
    """
    match each:
        case Fixed(label, fixed, outer):
            places = [{outer.name: value} for value in _values_of(outer.setting, settings or {})] if outer else [{}]
            yield None, [Thing({**place, label: value}) for place in places for value in fixed]
        case PerSetting(setting):
            yield None, [Thing({each.name: value}) for value in _values_of(setting, settings or {})]
        case Listing() | Catalogue():
            per = each.per if isinstance(each, Listing) else each.listing.per
            for page, holders in list_things(client, per, values, settings) if per else [(None, [Thing({})])]:
                if page is not None:
                    yield page, []
                for holder in holders:
                    yield from _things_of(client, each, values or {}, holder.labels)


def single_values(settings: Settings) -> dict[str, str]:
    """The settings that have one value, which any request may hold."""
    return {name: value for name, value in settings.items() if isinstance(value, str)}


def _values_of(setting: str, settings: Settings) -> tuple[str, ...]:
    value = settings.get(setting, ())
    if not value:
        raise ConfigError(f"the setting `{setting}` has no value", next_step=f"write it under `settings.{setting}`")
    return (value,) if isinstance(value, str) else tuple(value)


def _things_of(
    client: Client, each: Listing | Catalogue, values: Values, outer: Labels
) -> Iterator[tuple[Page | None, list[Thing]]]:
    if isinstance(each, Listing):
        return _listed(client, each, values, outer)
    return _selected(client, each, values, outer)


def _pages(client: Client, listing: Listing, call: Call) -> Iterator[Page]:
    """The pages of a list; those that this client has read whole before, where one answer serves a run."""
    before = _answers.setdefault(client, {})
    if not listing.once or call not in before:
        pages = client.pages(call, listing.paging)
        if not listing.once:
            return pages
        before[call] = list(pages)
    return iter(before[call])


def _listed(
    client: Client, listing: Listing, values: Values, outer: Labels
) -> Iterator[tuple[Page | None, list[Thing]]]:
    pages = _pages(client, listing, client.call_of(listing.request, {**values, **outer}))
    try:
        first = next(pages)
    except UsageLedgerError as error:
        if not listing.implied or not isinstance(error, BadRequest) or error.status != ABSENT:
            error.about(labels=outer)
            raise
        yield None, [Thing({**outer, listing.label: ""})]
        return
    for page in chain([first], pages):
        yield replace(page, role="listing", labels=outer), _things_on(page, listing, outer)


def _selected(
    client: Client, catalogue: Catalogue, values: Values, outer: Labels
) -> Iterator[tuple[Page | None, list[Thing]]]:
    """The pages of the list of names, then each selection. Of what is gone meanwhile (404) the first one, whole: the
    answer to it says so."""
    names: set[str] = set()
    selections = catalogue.selections
    try:
        for page, things in _listed(client, catalogue.listing, values, outer):
            yield page, []
            names |= {thing.labels[catalogue.listing.label] for thing in things}
    except BadRequest as error:
        if error.status != ABSENT:
            raise
        selections = selections[:1]
        names |= {*selections[0].names}
    for selection in selections:
        offered = [name for name in selection.names if name in names]
        lacking = "" if offered else f"the provider offers none of {', '.join(selection.names)}"
        if offered or selection.required:
            labels = {**dict(selection.labels), catalogue.label: ",".join(offered), **outer}
            yield None, [Thing(labels, lacking=lacking)]


def _things_on(page: Page, listing: Listing, outer: Labels) -> list[Thing]:
    """The things on a page; of a list whose items have ids, those that have one."""
    items = [item for item in items_of(page, listing) if not listing.where or _is_meant(item, listing.where)]
    if not listing.id:
        return [Thing(outer, item) for item in items]
    things = []
    for item in items:
        if value := value_at(item, listing.id):
            one = str(value).rsplit("/", 1)[-1] if listing.form == "last_segment" else str(value)
            things.append(Thing({**outer, listing.label: one}, item))
    return things


def items_of(page: Page, listing: Listing) -> list[dict[str, Any]]:
    """The objects on a page of a listing. Raises `Shape`, and `NotWhole` where the list itself is absent or null."""
    path = listing.request.path
    document = document_of(plain(bytes(page.body)), f"the list of {path}")
    items = document
    for name in listing.items.split("/") if listing.items and isinstance(document, dict) else ():
        items = items.get(name) if isinstance(items, dict) else None
    if items is None and not listing.optional:
        raise NotWhole(f"the answer of {path} has no `{listing.items}`, which the provider always sends")
    if listing.single:
        items = [items]
    if items is not None and not isinstance(items, list):
        raise Shape(f"`{listing.items}` of {path} is not a list")
    return [item for item in items or () if isinstance(item, dict)]


def _is_meant(item: Any, where: Where) -> bool:
    text = value_at(item, where.path)
    return isinstance(text, str) and where.matches(text)
