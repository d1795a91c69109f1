"""Removes the leftovers of killed processes from raw storage, and staged Parquet that no step will read again."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from usage_ledger.storage.files import (
    AnyPath,
    below,
    entries,
    entry_names,
    files_below,
    forget_listings,
    remove,
    written_at,
)
from usage_ledger.storage.landing import connection_key
from usage_ledger.storage.manifest import MANIFEST
from usage_ledger.storage.staged import FOLDER, NOTE

MIN_AGE = timedelta(days=7)
"""The age from which a file may be removed: far longer than any load takes."""


def sweep(root: AnyPath, provider: str, connection_id: str, report: str, *, now: datetime) -> int:
    """Remove uncommitted pages and staged Parquet of a report's loads; returns the number of folders removed.

    A folder is removed only when every file in it is older than `MIN_AGE`, and never when it has a manifest. A step
    that needs staged Parquet writes it again. Raises `StorageRefused`, `StorageDown`.
    """
    forget_listings(root)
    loads: dict[str, list[AnyPath]] = {}
    for path in files_below(below(root, provider, connection_key(connection_id), report), depth=3):
        loads.setdefault(str(path).rstrip("/").split("/")[-2], []).append(path)
    orphans = [files for files in loads.values() if MANIFEST not in {path.name for path in files}]
    staged = [entries(below(root, FOLDER, load_id)) for load_id in entry_names(below(root, FOLDER)) & loads.keys()]
    swept = sum(_remove_old(files, now) for files in (*orphans, *staged))
    forget_listings(root)
    return swept


def retract(folder: AnyPath) -> None:
    """Take back a committed load: without its manifest its pages are never read, and are swept like any leftovers."""
    remove([folder / MANIFEST])


def _remove_old(files: Iterable[AnyPath], now: datetime) -> bool:
    """Remove the files if all are old enough; returns whether. The note is removed first: it commits the others."""
    ordered = sorted(files, key=lambda path: path.name != NOTE)
    if not ordered or not all(now - written_at(path) > MIN_AGE for path in ordered):
        return False
    remove(ordered)
    return True
