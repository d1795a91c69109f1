"""Dates of a landed load that a person accepted though they came back empty: beside its pages, for a rebuild."""

from collections.abc import Iterable
from datetime import date

import msgspec

from usage_ledger.storage.files import AnyPath, exists, read_whole, write_whole
from usage_ledger.storage.manifest import manifest_of

RELEASED = "released.json"


def release_dates(folder: AnyPath, dates: Iterable[date]) -> None:
    """Record with a load's pages that a person accepted it for these dates, though they came back empty.

    Raises `RawGone` when the load's folder no longer exists.
    """
    manifest_of(folder)
    write_whole(folder / RELEASED, msgspec.json.encode(sorted({*released_dates(folder), *dates})))


def released_dates(folder: AnyPath) -> list[date]:
    """The dates that were released for a load."""
    if not exists(folder / RELEASED):
        return []
    return msgspec.json.decode(read_whole(folder / RELEASED), type=list[date])
