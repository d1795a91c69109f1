"""Pages of a request over HTTP, sent once or for each thing of a listing, value of a setting, or fixed value."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime
from itertools import chain
from typing import Any

from usage_ledger.connections import Connection
from usage_ledger.core.error_classes import is_of_one_answer
from usage_ledger.core.errors import UsageLedgerError
from usage_ledger.core.provider_errors import ABSENT, BadRequest
from usage_ledger.core.windows import DAY, Window
from usage_ledger.http.client import Client
from usage_ledger.http.fill import Values, with_items
from usage_ledger.http.page import Page
from usage_ledger.model.each import Catalogue, Each, Listing
from usage_ledger.model.provider import Report
from usage_ledger.model.source import Forgotten, HttpPages
from usage_ledger.sources.batches import Answers, groups, remembered
from usage_ledger.sources.discovery import discover
from usage_ledger.sources.gaps import Gaps
from usage_ledger.sources.listing import Labels, Thing, list_things
from usage_ledger.sources.question import REFUSED, Question
from usage_ledger.sources.values import window_values

Listed = Iterator[tuple[Page | None, list[Thing]]]


class HttpPageSource:
    """The pages that `HttpPages` declares."""

    def __init__(
        self,
        connection: Connection,
        report: Report,
        declared: HttpPages,
        client: Client,
        inspect: Callable[[Page], None],
        question: Question,
        now: datetime,
    ) -> None:
        self._connection, self._report, self._client, self._inspect = connection, report, client, inspect
        self._declared = declared
        self._question, self._now = question, now
        self._gaps = Gaps()
        self._begun = False
        """Whether any page of rows came."""

    @property
    def gaps(self) -> list[str]:
        """What of lists could not be had, known after `pages`."""
        return self._gaps.texts

    def pages(self, window: Window) -> Iterator[Page]:
        """Required names and lookup pages first, then the rows of each thing, each after its listing's page.

        A list of names, and a lookup, is read as far as it can be: see `gaps`.
        """
        values = window_values(self._connection, self._report, window)
        declared = self._declared
        if declared.requires:
            names, empty = discover(self._client, declared.requires, values)
            yield names
            if empty:
                return
        if declared.lookup:
            for page, _ in self._things(declared.lookup, values, required=False):
                if page is not None:
                    yield replace(page, role="lookup")
        if declared.per is None:
            yield from self._rows(values, {})
            return
        listed = chain(self._listed(declared.per, values, window), self._forgotten(values, window))
        yield from self._in_batches(listed, values) if declared.batch else self._one_by_one(listed, values)
        if self._gaps.newest and not (self._begun or self._report.snapshot):
            raise self._gaps.newest

    def verify(self, day: date) -> None:
        """Ask for the names that a window of one day requires, and for its first request.

        Of a report that is asked for in batches, the first of each outer label: one region may differ from another. Of
        a list of names no more than the list: what cannot be had of its things costs no figure.
        """
        values = window_values(self._connection, self._report, Window(day, day + DAY))
        per, batch, requires = self._declared.per, self._declared.batch, self._declared.requires
        if requires:
            discover(self._client, requires, values)
        if per is None:
            next(self._pages(values, paged=False), None)
            return
        verified: list[Labels] = []
        for page, things in list_things(self._client, per, values, self._connection.settings):
            if batch:
                for labels, items in groups(things, batch, _label_of(per)):
                    if labels not in verified:
                        verified.append(labels)
                        next(self._rows(values, labels, items), None)
                continue
            if page is not None and self._report.snapshot:
                return
            for thing in things:
                if not thing.lacking:
                    next(self._rows_each(per)(values, thing.labels), None)
                    return

    def _things(self, each: Each | Catalogue, values: Values, *, required: bool = True) -> Listed:
        """The things of a list; of a list of names, and of one that is not required, as many as can be had."""
        begun = False
        try:
            for page, things in list_things(self._client, each, values, self._connection.settings):
                begun = True
                yield page, things
        except UsageLedgerError as error:
            lenient = not required or (begun and self._report.snapshot)
            if not isinstance(each, Listing) or not lenient or not is_of_one_answer(error):
                raise
            self._gaps.add(f"{'the rest of ' if begun else ''}the list {each.request.path}", error)

    def _one_by_one(self, listed: Listed, values: Values) -> Iterator[Page]:
        rows = self._rows_each(self._declared.per)
        for page, things in listed:
            if page is not None:
                yield page
            for thing in things:
                if thing.lacking:
                    self._gaps.add(_name_of(thing.labels), BadRequest(thing.lacking))
                else:
                    yield from rows(values, thing.labels)

    def _in_batches(self, listed: Listed, values: Values) -> Iterator[Page]:
        """Every page of the lists, then the rows of each group of things."""
        things: list[Thing] = []
        for page, more in listed:
            if page is not None:
                yield page
            things += more
        per, batch = self._declared.per, self._declared.batch
        for labels, items in groups(things, batch, _label_of(per)) if batch and per else ():
            yield from self._rows(values, labels, items)

    def _listed(self, per: Each | Catalogue, values: Values, window: Window) -> Listed:
        """The things of the list, and what it may have forgotten of each, for a window older than its memory."""
        declared = self._older_than_lists(window)
        for page, things in self._things(per, values):
            more = (one for thing in things for one in remembered(declared, thing, _label_of(per))) if declared else ()
            yield page, [*things, *more]

    def _forgotten(self, values: Values, window: Window) -> Listed:
        """The things that the list no longer names, for such a window."""
        declared = self._older_than_lists(window)
        if declared is None:
            return
        for listing in declared.lists:
            for page, things in self._things(listing, values, required=False):
                yield page, [one for thing in things for one in remembered(declared, thing, listing.label)]

    def _rows_each(self, each: Each | Catalogue | None) -> Callable[[Values, Labels], Iterator[Page]]:
        """How rows of one are read: only a thing of a list may be gone meanwhile."""
        return self._rows_of_thing if isinstance(each, Listing | Catalogue) else self._rows

    def _older_than_lists(self, window: Window) -> Forgotten | None:
        """What the list forgets, where a window begins before its memory."""
        declared = self._declared.batch.forgotten if self._declared.batch else None
        return declared if declared and window.first < (self._now - declared.after).date() else None

    def _rows_of_thing(self, values: Values, labels: Labels) -> Iterator[Page]:
        """The rows of one thing of a list; a gap where names are missing, or where the thing is gone meanwhile."""
        thing = _name_of(labels)
        if self._gaps.stopped:
            self._gaps.add(thing, self._gaps.stopped)
            return
        begun = False
        try:
            for page in self._rows(values, labels):
                begun = True
                yield page
        except UsageLedgerError as error:
            gone = error.status == ABSENT and not begun
            if not gone and not (self._report.snapshot and is_of_one_answer(error)):
                raise
            self._gaps.add(thing, error)

    def _rows(self, values: Values, labels: Labels, items: Sequence[Any] = ()) -> Iterator[Page]:
        answers = Answers(self._declared.batch, items)
        try:
            for page in self._pages({**values, **labels}, items):
                self._begun = True
                answers.add(page)
                yield replace(page, labels=labels)
            answers.require_all()
        except UsageLedgerError as error:
            error.about(labels=labels)
            raise

    def _pages(self, values: Values, items: Sequence[Any] = (), *, paged: bool = True) -> Iterator[Page]:
        """The pages of the fullest form that is answered; one form for all that a window is made of.

        `items` are those of a batch.
        Raises what the fullest form met, when no lesser one is answered either.
        """
        refusal: BadRequest | None = None
        for number, request in enumerate(self._question.requests(self._declared)):
            call = self._client.call_of(request, values)
            if self._declared.batch:
                call = with_items(call, self._declared.batch.into, items)
            pages = self._client.pages(call, self._declared.paging if paged else None, self._inspect)
            try:
                first = next(pages)
            except BadRequest as error:
                if refusal is None and (error.status != REFUSED or self._begun):
                    raise
                refusal = refusal or error
                continue
            if refusal is not None:
                self._question.form += number
                self._question.refusal = refusal.what
            yield first
            yield from pages
            return
        if refusal is not None:
            raise refusal


def _name_of(labels: Labels) -> str:
    """What a thing is called: by its innermost label."""
    return " ".join(next(reversed(labels.items()), ()))


def _label_of(per: Each | Catalogue) -> str:
    """What a thing itself is called, beside the labels of outer lists."""
    return per.label if isinstance(per, Listing) else ""
