"""Pages of a request over HTTP, sent once or for each thing of a listing or value of a setting."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime

from usage_ledger.connections import Connection
from usage_ledger.core.error_classes import is_of_one_answer
from usage_ledger.core.errors import UsageLedgerError
from usage_ledger.core.provider_errors import ABSENT, BadRequest
from usage_ledger.core.windows import DAY, Window, first_instant
from usage_ledger.http.client import Client
from usage_ledger.http.fill import Values
from usage_ledger.http.page import Page
from usage_ledger.model.provider import Report
from usage_ledger.model.request import HttpPages, Listing, PerSetting
from usage_ledger.sources.gaps import Gaps
from usage_ledger.sources.listing import list_things
from usage_ledger.sources.question import REFUSED, Question

Labels = dict[str, str]


class HttpPageSource:
    """The pages that `HttpPages` declares."""

    def __init__(
        self,
        connection: Connection,
        report: Report,
        client: Client,
        inspect: Callable[[Page], None],
        question: Question,
    ) -> None:
        self._connection, self._report, self._client, self._inspect = connection, report, client, inspect
        self._declared: HttpPages = report.source
        self._question = question
        self._gaps = Gaps()
        self._begun = False
        """Whether any page of rows came."""

    @property
    def gaps(self) -> list[str]:
        """What of lists could not be had, known after `pages`."""
        return self._gaps.texts

    def pages(self, window: Window) -> Iterator[Page]:
        """Lookup pages first, then the rows of each thing; a listing's page comes before the rows of its things.

        A list of names, and a lookup, is read as far as it can be: see `gaps`.
        """
        if self._declared.lookup:
            for page, _ in self._things(self._declared.lookup, required=False):
                if page is not None:
                    yield replace(page, role="lookup")
        values = self._values(window)
        match self._declared.per:
            case Listing() as listing:
                for page, things in self._things(listing):
                    if page is not None:
                        yield page
                    for labels in things:
                        yield from self._rows_of_thing(values, labels)
                if self._gaps.newest and not (self._begun or self._report.snapshot):
                    raise self._gaps.newest
            case PerSetting(setting):
                for value in self._connection.setting_values(setting):
                    yield from self._rows(values, {setting: value})
            case None:
                yield from self._rows(values, {})

    def verify(self, day: date) -> None:
        """Send the first request of a window of one day."""
        values = self._values(Window(day, day + DAY))
        match self._declared.per:
            case Listing() as listing:
                while listing.per:
                    listing = listing.per
                next(list_things(self._client, listing), None)
                return
            case PerSetting(setting):
                values = {**values, setting: self._connection.setting_values(setting)[0]}
            case None:
                pass
        next(self._pages(values, paged=False), None)

    def _things(self, listing: Listing, *, required: bool = True) -> Iterator[tuple[Page | None, list[Labels]]]:
        """The things of a list; of a list of names, and of one that is not required, as many as can be had."""
        begun = False
        try:
            for page, things in list_things(self._client, listing):
                begun = True
                yield page, things
        except UsageLedgerError as error:
            if not is_of_one_answer(error) or (required and not (begun and self._report.snapshot)):
                raise
            self._gaps.add(f"{'the rest of ' if begun else ''}the list {listing.request.path}", error)

    def _rows_of_thing(self, values: Values, labels: Labels) -> Iterator[Page]:
        """The rows of one thing of a list; a gap where names are missing, or where the thing is gone meanwhile."""
        thing = " ".join(next(reversed(labels.items())))
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

    def _rows(self, values: Values, labels: Labels) -> Iterator[Page]:
        for page in self._pages({**values, **labels}):
            self._begun = True
            yield replace(page, labels=labels)

    def _pages(self, values: Values, *, paged: bool = True) -> Iterator[Page]:
        """The pages of the fullest form that is answered; one form for all that a window is made of.

        Raises what the fullest form met, when no lesser one is answered either.
        """
        refusal: BadRequest | None = None
        for number, request in enumerate(self._question.requests(self._declared)):
            call = self._client.call_of(request, values)
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

    def _values(self, window: Window) -> Values:
        """The values of a request's placeholders: the connection's settings that have one value, and the window's ends,
        which are the first instants of local dates."""
        zone = self._connection.day_zone(self._report)
        start, end = first_instant(window.first, zone), first_instant(window.end, zone)
        settings = self._connection.settings.items()
        return {
            **{name: value for name, value in settings if isinstance(value, str)},
            "start": _rfc3339(start),
            "end": _rfc3339(end),
            "start_epoch": int(start.timestamp()),
            "end_epoch": int(end.timestamp()),
            "date": str(window.first),
            "zone": zone.key,
        }


def _rfc3339(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")
