"""What a landed load holds: the file that commits it."""

import hashlib
from datetime import date, datetime
from typing import Any, Literal

import msgspec

from usage_ledger.core.storage_errors import RawCorrupt
from usage_ledger.core.windows import Window
from usage_ledger.http.page import Role
from usage_ledger.json.places import Place
from usage_ledger.storage.files import AnyPath, read_whole

MANIFEST = "manifest.json"
UNSEALED = "0" * 64


class Request(msgspec.Struct, frozen=True):
    """A request's body that is too large for a manifest: its file, and the hash and size of its bytes."""

    file: str
    sha256: str
    bytes: int


class LandedPage(msgspec.Struct, frozen=True):
    """One landed page: its file, the hash and size of its bytes, and its request."""

    file: str
    sha256: str
    bytes: int
    path: str
    parameters: list[tuple[str, str | list[str]]]
    status: int
    requested_at: datetime
    method: Literal["GET", "POST"] = "GET"
    origin: str = ""
    body: str = ""
    """The request's JSON body; '' for one that is landed in a file of its own."""
    request: Request | None = None
    """Where that is, and its hash."""
    server_date: datetime | None = None
    """When it answered, by the provider's clock."""
    labels: dict[str, str] = {}
    role: Role = "rows"
    etag: str = ""
    """Of an object of a store: its version, by the store's word."""
    modified: datetime | None = None
    """When that was written."""
    places: list[Place] = []
    """Where the parts of a large page lie; without them they are looked for in it."""


class Manifest(msgspec.Struct, frozen=True):
    """What was requested, when, and which pages came. Written last."""

    load_id: str
    connection_id: str
    provider: str
    account: str
    report: str
    window_from: date
    window_to: date
    day_zone: str
    declaration: str
    fetched_at: datetime
    pages: list[LandedPage]
    tzdata: str = ""
    """The version of the time zone data that the days were computed with."""
    cut: list[str] = []
    """Paths that were dropped before anything was stored."""
    pseudonyms: list[str] = []
    """Paths whose values were replaced by a keyed hash."""
    keep: list[str] = []
    """Paths which alone were kept, of lists of people and keys; of other pages all is as sent but for what follows."""
    dropped: list[str] = []
    """Fields that such a list had and that are not declared."""
    addresses: list[str] = []
    """Fields that are not declared and held e-mail addresses: a keyed hash took the place of each."""
    account_listed: bool | None = None
    """Whether the account was proved, or the provider has no word for it; an answer without rows needs it."""
    gaps: list[str] = []
    """What of lists of names could not be had, and why."""
    refusal: str = ""
    """What the provider said to the request of a further page, where the pages before it are the whole answer."""
    seal: str = ""
    """SHA-256 of this file with zeros in its place. Manifests of the first version have none."""

    @property
    def window(self) -> Window:
        return Window(self.window_from, self.window_to)


def manifest_of(folder: AnyPath) -> Manifest:
    """The manifest of a load's folder. Raises `RawGone`, `RawCorrupt`, `StorageRefused`."""
    text = read_whole(folder / MANIFEST)
    try:
        manifest = msgspec.convert(_renamed(msgspec.json.decode(text)), Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RawCorrupt(f"{folder / MANIFEST} is damaged ({error})") from error
    unsealed = text.replace(manifest.seal.encode(), UNSEALED.encode()) if manifest.seal else text
    if manifest.seal and hashlib.sha256(unsealed).hexdigest() != manifest.seal:
        raise RawCorrupt(f"{folder / MANIFEST} is not what was written")
    return manifest


def _renamed(document: Any) -> Any:
    """A manifest in today's format: earlier ones name a page's role and its two times otherwise."""
    pages = document.get("pages") if isinstance(document, dict) else None
    for page in pages if isinstance(pages, list) else ():
        if isinstance(page, dict) and "asked_at" in page:
            page["requested_at"] = page.pop("asked_at")
        if isinstance(page, dict) and "rows" in page:
            page["role"] = "lookup" if page.pop("beside", False) else "rows" if page["rows"] else "listing"
            page["server_date"] = page.pop("told_at", None)
    return document
