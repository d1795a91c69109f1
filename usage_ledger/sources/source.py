"""The protocol of every source, and the source of a report."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Protocol

from usage_ledger.connections import Connection
from usage_ledger.core.windows import Window
from usage_ledger.http.client import Client
from usage_ledger.http.page import Page
from usage_ledger.model.provider import Report
from usage_ledger.model.source import HttpPages, Objects, QueryJob, Source
from usage_ledger.sources.http_pages import HttpPageSource
from usage_ledger.sources.objects import ObjectSource
from usage_ledger.sources.query_job import QueryJobSource
from usage_ledger.sources.question import Question


class PageSource(Protocol):
    """Pages of one report of one connection."""

    @property
    def gaps(self) -> list[str]:
        """What of lists of names could not be had, in a sentence each; known after `pages`."""

    def pages(self, window: Window) -> Iterator[Page]:
        """Every page of a window, listings and lookups included, in the order in which they are landed."""

    def verify(self, day: date) -> None:
        """Send the smallest request that shows whether the credential may read the report.

        Raises what `Client.ask` does.
        """


def source_of(
    connection: Connection,
    report: Report,
    client: Client,
    inspect: Callable[[Page], None] = lambda _: None,
    question: Question | None = None,
    now: datetime | None = None,
) -> PageSource:
    """The source that a report declares; `inspect` may refuse a page of rows by raising.

    `question` is the form to ask in, and holds afterwards the one that was answered. `now` is the clock by which a
    window is old.
    """
    match report.source:
        case HttpPages() as pages:
            return HttpPageSource(
                connection, report, pages, client, inspect, question or Question(), now or datetime.now(UTC)
            )
        case QueryJob() as job:
            return QueryJobSource(connection, report, job, client, inspect)
        case Objects() as objects:
            return ObjectSource(connection, report, objects, client, inspect)


def is_repeated(source: Source) -> bool:
    """Whether a window is asked for once for each of several things."""
    match source:
        case HttpPages(per=per):
            return per is not None
        case QueryJob() | Objects():
            return False
