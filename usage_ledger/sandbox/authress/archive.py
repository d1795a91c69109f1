"""The archive of the audit stream, as a delivery service writes it into an object store.

An object holds what arrived within three hours, one JSON document after another. It lies below the hour, in UTC, in
which its oldest event arrived. Some objects are gzipped, and most have no line breaks.
"""

import gzip
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from functools import cache

import msgspec

from usage_ledger.sandbox.authress.account import AuthressAccount
from usage_ledger.sandbox.authress.events import HOUR, Event, events_of_hour, written
from usage_ledger.sandbox.kit.slots import midnight
from usage_ledger.sandbox.kit.streams import stable

_BATCH = 3 * HOUR
_LATEST = timedelta(days=1)
"""No event arrives later than this."""


def arrival_end(arrival: datetime) -> datetime:
    """When the object that holds what arrived at an instant is written."""
    day = arrival.replace(hour=0, minute=0, second=0, microsecond=0)
    return day + ((arrival - day) // _BATCH + 1) * _BATCH


def objects(
    account: AuthressAccount, first: date, end: date, now: datetime | None = None, since: datetime | None = None
) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of the objects of what arrived on the UTC dates `[first, end)`, as far as written by `now`.

    With `since`, without those that were written by then.
    """

    @cache
    def of_hour(hour: datetime) -> tuple[Event, ...]:  # nine batches look at each hour
        return tuple(events_of_hour(account, hour))

    batch = max(midnight(first), since or midnight(first))
    while batch < midnight(end):
        until = batch + _BATCH
        if now is not None and until > now:
            return
        arrived = sorted(_arrived(of_hour, batch, until), key=lambda one: (one[0], one[1].event_id))
        if arrived:
            yield _object(account, batch, arrived)
        batch = until


def _arrived(
    of_hour: Callable[[datetime], tuple[Event, ...]], start: datetime, end: datetime
) -> Iterator[tuple[datetime, Event]]:
    hour = start - _LATEST
    while hour < end:
        for event in of_hour(hour):
            yield from ((at, event) for at in event.arrivals if start <= at < end)
        hour += HOUR


def _object(account: AuthressAccount, batch: datetime, arrived: list[tuple[datetime, Event]]) -> tuple[str, bytes]:
    oldest = arrived[0][0]
    number = batch.hour // 3
    documents = [msgspec.json.encode(written(event)) for _, event in arrived]
    body = (b"\n" if number % 3 == 0 else b"").join(documents)
    lot = f"{stable('object', account.seed, account.account, batch):016x}"
    name = f"{oldest:%Y/%m/%d/%H}/audit-1-{oldest:%Y-%m-%d-%H-%M-%S}-{lot}"
    return (f"{name}.gz", gzip.compress(body, mtime=0)) if number % 2 else (name, body)


def write_archive(account: AuthressAccount, now: datetime, *, days: int = 20) -> None:
    """Write what arrived by now into the account's archive: at first that of the last days, then what is new."""
    mark = account.archive / ".delivered"
    until = datetime.fromisoformat(mark.read_text()) if mark.exists() else midnight(now.date() - timedelta(days=days))
    for name, body in objects(account, until.date(), now.date() + timedelta(days=1), now, since=until):
        path = account.archive / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.write_text(max(until, arrival_end(now) - _BATCH).isoformat())
