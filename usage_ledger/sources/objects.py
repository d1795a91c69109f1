"""The objects that a stream of events is archived in, below a folder for each date or hour."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta

from msgspec import DecodeError

from usage_ledger.connections import Connection
from usage_ledger.core.contract_errors import SilentDate, error_of_dates
from usage_ledger.core.errors import ConfigError
from usage_ledger.core.provider_errors import IncompleteAnswer, TooLarge
from usage_ledger.core.windows import DAY, Window, first_instant
from usage_ledger.http.body import received, unpack
from usage_ledger.http.client import Client
from usage_ledger.http.page import Call, Page
from usage_ledger.json.documents import as_list
from usage_ledger.json.problems import problem_of
from usage_ledger.model.provider import Report
from usage_ledger.model.source import Objects
from usage_ledger.storage.objects import Store, StoredObject

HOUR = timedelta(hours=1)
READINGS = 3
"""How often an object is read that changes while it is read."""


class ObjectSource:
    """The objects that `Objects` declares, each a page: the list of the documents in it, as they stand there."""

    def __init__(
        self, connection: Connection, report: Report, declared: Objects, client: Client, inspect: Callable[[Page], None]
    ) -> None:
        self._connection, self._report, self._declared = connection, report, declared
        self._client, self._inspect = client, inspect

    @property
    def gaps(self) -> list[str]:
        """Nothing: an object that cannot be read fails the window."""
        return []

    def pages(self, window: Window) -> Iterator[Page]:
        """Each object below the window's prefixes, by prefix and key.

        Raises `SilentDate` where there is none, `IncompleteAnswer` for one that is cut off, gone or never the same,
        `TooLarge`, and what `Store` raises.
        """
        store, limits = self._store(), self._client.limits
        objects = list(self._objects(store, window))
        if not objects:
            place = f"below {self._declared.prefix} of {store.uri}"
            silent = {day: SilentDate(f"{place} there is no object for {day}") for day in window}
            raise error_of_dates(silent, window.days)
        if len(objects) > limits.pages:
            raise TooLarge(f"{store.uri} holds more than {limits.pages} objects for {window}")
        size = 0
        for one in objects:
            page = self._page(store, one)
            size += len(page.body)
            if size > limits.all_bytes:
                raise TooLarge(f"the objects for {window} hold more than {limits.all_bytes} bytes")
            self._inspect(page)
            yield page

    def verify(self, day: date) -> None:
        """List the objects of a day up to the first one, and begin to read that. Raises what `Store` raises."""
        store = self._store()
        for one in self._objects(store, Window(day, day + DAY)):
            next(store.read(one), None)
            return

    def _store(self) -> Store:
        setting = self._declared.setting
        uris = self._connection.setting_values(setting)
        if not uris:
            raise ConfigError(f"settings.{setting} is missing", next_step="write the URI of the objects there")
        return Store.open(uris[0], self._client.path_of, setting=setting)

    def _objects(self, store: Store, window: Window) -> Iterator[StoredObject]:
        zone = self._connection.day_zone(self._report)
        start, end = first_instant(window.first, zone), first_instant(window.end, zone)
        for prefix in prefixes(self._declared, start, end):
            yield from store.find(prefix, self._declared.suffix)

    def _page(self, store: Store, one: StoredObject) -> Page:
        """One object, read again when it is another one after it was read."""
        for _ in range(READINGS):
            requested_at = datetime.now(UTC)
            try:
                documents = as_list(unpack(store.read(one), self._client.limits))
                body = received(documents, lambda _: [], check=False)
                broken = None
            except (IncompleteAnswer, DecodeError, UnicodeDecodeError) as error:  # perhaps because it is being written
                broken = problem_of(error)
            now = store.look(one)
            if now is None:
                raise IncompleteAnswer(f"the object {one.key} of {store.uri} is gone since it was listed")
            if now == one and broken is None:
                call = Call(f"/{one.key}", origin=store.uri)
                return Page(call, body, 200, requested_at, etag=one.etag, modified=one.modified)
            if now == one:
                raise IncompleteAnswer(f"the object {one.key} of {store.uri} is damaged: {broken}")
            one = now
        raise IncompleteAnswer(f"the object {one.key} of {store.uri} changes while it is read")


def prefixes(declared: Objects, start: datetime, end: datetime) -> list[str]:
    """The folders in which the events between two instants may have arrived, in order."""
    hour = (start - declared.early).astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    folders: dict[str, None] = {}
    while hour < end + declared.late:
        parts = {"yyyy": f"{hour:%Y}", "mm": f"{hour:%m}", "dd": f"{hour:%d}", "hh": f"{hour:%H}"}
        folder = declared.prefix
        for name, text in parts.items():
            folder = folder.replace("{" + name + "}", text)
        folders[folder] = None
        hour += HOUR
    return list(folders)
