"""Removes the leftovers of killed processes from raw storage, and staged Parquet that no step will read again."""

from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta

from usage_ledger.storage.files import (
    AnyPath,
    below,
    entries,
    entry_names,
    files_below,
    forget_listings,
    remove,
    size_of,
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
    loads = _files_of_loads(root, provider, connection_id, report)
    orphans = [files for files in loads.values() if MANIFEST not in {path.name for path in files}]
    staged = [entries(below(root, FOLDER, load_id)) for load_id in entry_names(below(root, FOLDER)) & loads.keys()]
    swept = sum(_remove_old(files, now) for files in (*orphans, *staged))
    forget_listings(root)
    return swept


def remove_loads(
    root: AnyPath, provider: str, connection_id: str, report: str, chosen: Callable[[list[str]], Collection[str]]
) -> tuple[int, int]:
    """Remove the landed loads of a report that are chosen from all their ids; returns how many, and their bytes.

    A manifest goes first: what is left of a load when this is killed is swept like any leftovers. Raises
    `StorageRefused`, `StorageDown`.
    """
    loads = _files_of_loads(root, provider, connection_id, report)
    landed = [load_id for load_id, files in loads.items() if MANIFEST in {path.name for path in files}]
    removed, size = 0, 0
    for load_id in chosen(landed) if landed else ():
        ordered = sorted(loads[load_id], key=lambda path: path.name != MANIFEST)
        size += sum(map(size_of, ordered))
        remove(ordered[:1])
        remove(ordered[1:])
        removed += 1
    forget_listings(root)
    return removed, size


def _files_of_loads(root: AnyPath, provider: str, connection_id: str, report: str) -> dict[str, list[AnyPath]]:
    """The files of each load of a report, by load id."""
    forget_listings(root)
    loads: dict[str, list[AnyPath]] = {}
    for path in files_below(below(root, provider, connection_key(connection_id), report), depth=3):
        loads.setdefault(str(path).rstrip("/").split("/")[-2], []).append(path)
    return loads


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
