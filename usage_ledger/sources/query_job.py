"""The result of a query that the provider runs as a job."""

import time
from collections.abc import Callable, Iterator
from datetime import date

from usage_ledger.connections import Connection
from usage_ledger.core.provider_errors import IncompleteAnswer
from usage_ledger.core.windows import DAY, Window
from usage_ledger.http.client import Client
from usage_ledger.http.fill import Values
from usage_ledger.http.page import Call, Page
from usage_ledger.http.paging import field_at
from usage_ledger.model.provider import Report
from usage_ledger.model.source import QueryJob
from usage_ledger.sources.values import window_values

LONGEST_WAIT = 15.0
"""Seconds between two questions whether the result is there: 1, 2, 4, 8, 15, 15, …"""


class QueryJobSource:
    """The pages that `QueryJob` declares. An answer that comes before the result is there is not landed."""

    def __init__(
        self,
        connection: Connection,
        report: Report,
        declared: QueryJob,
        client: Client,
        inspect: Callable[[Page], None],
    ) -> None:
        self._connection, self._report, self._declared = connection, report, declared
        self._client, self._inspect = client, inspect

    @property
    def gaps(self) -> list[str]:
        """Nothing: a query has its whole result, or none."""
        return []

    def pages(self, window: Window) -> Iterator[Page]:
        """The pages of the result, the first one by whichever answer brought it.

        Raises `IncompleteAnswer` when the result is not there within the client's limit.
        """
        values = window_values(self._connection, self._report, window)
        started = self._ask(self._client.call_of(self._declared.request, values))
        call = self._results_call(values, started)
        yield from self._client.pages(call, self._declared.paging, self._inspect, begun=self._ready(call, started))

    def verify(self, day: date) -> None:
        """Send what shows whether the credential may read: the declared check, or else the query for one day."""
        values = window_values(self._connection, self._report, Window(day, day + DAY))
        self._client.ask(self._client.call_of(self._declared.check or self._declared.request, values))

    def _ready(self, call: Call, page: Page) -> Page:
        """The first page of the result, asked for again and again, ever more slowly."""
        limit, wait, waits = self._client.limits.job_seconds, 1.0, 0.0
        began = time.monotonic()
        while not self._is_ready(page):
            if max(waits, time.monotonic() - began) + wait > limit:
                raise IncompleteAnswer(f"the query has no result after {limit:g} seconds")
            self._client.wait(wait)
            waits, wait = waits + wait, min(2 * wait, LONGEST_WAIT)
            page = self._ask(call)
        return page

    def _ask(self, call: Call) -> Page:
        return self._client.ask(call, inspect=lambda page: self._inspect(page) if self._is_ready(page) else None)

    def _is_ready(self, page: Page) -> bool:
        return field_at(page, self._declared.ready) is True

    def _results_call(self, values: Values, started: Page) -> Call:
        """The call for the result. Raises `IncompleteAnswer` where the answer does not tell what its path holds."""
        texts = {path: field_at(started, path) for path in self._declared.fields}
        ids = {path: "" if text is None else str(text) for path, text in texts.items()}
        lacking = [path for path, text in ids.items() if not text and "{" + path + "}" in self._declared.results.path]
        if lacking:
            raise IncompleteAnswer(f"the answer to the query has no `{'`, `'.join(lacking)}`")
        return self._client.call_of(self._declared.results, {**values, **ids})
