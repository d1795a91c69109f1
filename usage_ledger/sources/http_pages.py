"""Pages of a request over HTTP, sent once or for each thing of a listing or value of a setting."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime

from usage_ledger.connections import Connection
from usage_ledger.core.windows import DAY, Window, first_instant
from usage_ledger.http.client import Client
from usage_ledger.http.fill import Values
from usage_ledger.http.page import Page
from usage_ledger.model.provider import Report
from usage_ledger.model.request import HttpPages, Listing, PerSetting
from usage_ledger.sources.listing import list_things

Labels = dict[str, str]


class HttpPageSource:
    """The pages that `HttpPages` declares."""

    def __init__(self, connection: Connection, report: Report, client: Client, inspect: Callable[[Page], None]) -> None:
        self._connection, self._report, self._client, self._inspect = connection, report, client, inspect
        self._declared: HttpPages = report.source

    def pages(self, window: Window) -> Iterator[Page]:
        """Lookup pages first, then the rows of each thing; a listing's page comes before the rows of its things."""
        if self._declared.lookup:
            for page, _ in list_things(self._client, self._declared.lookup):
                yield replace(page, role="lookup")
        values = self._values(window)
        match self._declared.per:
            case Listing() as listing:
                for page, things in list_things(self._client, listing):
                    yield page
                    for labels in things:
                        yield from self._rows(values, labels)
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
                request = listing.request
            case PerSetting(setting):
                request = self._declared.request
                values = {**values, setting: self._connection.setting_values(setting)[0]}
            case None:
                request = self._declared.request
        self._client.ask(self._client.call_of(request, values))

    def _rows(self, values: Values, labels: Labels) -> Iterator[Page]:
        call = self._client.call_of(self._declared.request, {**values, **labels})
        for page in self._client.pages(call, self._declared.paging, self._inspect):
            yield replace(page, labels=labels)

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
