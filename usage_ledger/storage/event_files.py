"""Lands a file of events without people: `<raw>/_imports/<provider>/<connection key>/<hash>/`, with a manifest.

The hash is that of the stored bytes, so that a file which is imported again is landed once.
"""

from datetime import datetime

from usage_ledger.core.windows import Window
from usage_ledger.json.packed import Packed
from usage_ledger.storage.files import AnyPath, below, exists, write_whole
from usage_ledger.storage.landing import Landing, connection_key
from usage_ledger.storage.manifest import MANIFEST, LandedPage, Manifest, manifest_of

FOLDER = "_imports"
FILE = "events.csv.zst"


def land_events(
    root: AnyPath,
    provider: str,
    connection_id: str,
    account: str,
    window: Window,
    packed: Packed,
    *,
    name: str,
    pseudonyms: list[str],
    dropped: list[str],
    now: datetime,
) -> tuple[str, datetime | None]:
    """The manifest's URI, and when the same file was landed before. Raises `StorageRefused`, `StorageDown`."""
    landing = Landing(below(root, FOLDER, provider, connection_key(connection_id), packed.sha256[:32]))
    if exists(landing.folder / MANIFEST):
        return str(landing.folder / MANIFEST), manifest_of(landing.folder).fetched_at
    write_whole(landing.folder / FILE, packed.file())
    page = LandedPage(
        file=FILE, sha256=packed.sha256, bytes=len(packed), path=name, parameters=[], status=200, requested_at=now
    )
    manifest = Manifest(
        load_id=packed.sha256[:32],
        connection_id=connection_id,
        provider=provider,
        account=account,
        report="events",
        window_from=window.first,
        window_to=window.end,
        day_zone="UTC",
        declaration="",
        fetched_at=now,
        pages=[page],
        pseudonyms=pseudonyms,
        dropped=dropped,
    )
    return landing.commit(manifest), None
