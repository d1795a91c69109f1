"""Removes what killed processes left in raw storage, and staged Parquet that no step will read again."""

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
from usage_ledger.storage.landing import MANIFEST, connection_key
from usage_ledger.storage.staged import FOLDER, NOTE

MIN_AGE = timedelta(days=7)
"""How long a file is left alone: far longer than any load takes."""


def sweep(root: AnyPath, provider: str, connection_id: str, report: str, *, now: datetime) -> int:
    """Remove pages that never got a manifest, and staged Parquet, of the report's loads; how many folders went.

    A folder goes only when every file in it is older than `MIN_AGE`; one with a manifest never. Staged Parquet is made
    anew by whoever needs it. Raises `StorageRefused`, `StorageDown`.
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


def _remove_old(files: Iterable[AnyPath], now: datetime) -> bool:
    """Whether the folder's files were old enough to go. The note goes first: without it the rest does not count."""
    ordered = sorted(files, key=lambda path: path.name != NOTE)
    if not ordered or not all(now - written_at(path) > MIN_AGE for path in ordered):
        return False
    remove(ordered)
    return True
