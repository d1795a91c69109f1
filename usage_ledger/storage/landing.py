"""Lands a provider's answer: its pages unchanged, compressed with zstd, and last the manifest that commits them.

    <raw>/<provider>/<connection key>/<report>/<from>_<to>/<load_id>/page-00000.json.zst …  manifest.json

`to` is exclusive. A folder without a manifest is not committed. Staged Parquet of the load is under
`<raw>/_staged/<load_id>/`, and is complete once `staged.json` exists. Every attempt has its own load id.
"""

import hashlib
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal, Self

import msgspec
import zstandard

from usage_ledger.core.storage_errors import RawCorrupt, StorageRefused
from usage_ledger.core.windows import Window
from usage_ledger.http.page import Page, Role
from usage_ledger.json.packed import LEVEL, Packed, unpacked
from usage_ledger.json.parts import PART, parts
from usage_ledger.storage.files import AnyPath, below, entries, exists, local_as_path, read_whole, write_whole

MANIFEST = "manifest.json"
RELEASED = "released.json"
UNSEALED = "0" * 64


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
    """The request's JSON body."""
    server_date: datetime | None = None
    """When it answered, by the provider's clock."""
    labels: dict[str, str] = {}
    role: Role = "rows"


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


def connection_key(connection_id: str) -> str:
    """A storage key for an id: a readable slug and a hash, never the id itself."""
    slug = re.sub(r"[^a-z0-9]+", "-", connection_id.lower()).strip("-")[:40]
    return f"{slug}-{hashlib.sha256(connection_id.encode(errors='surrogatepass')).hexdigest()[:16]}"


@dataclass
class Landing:
    """Writes one load's pages; nothing is committed before `commit`."""

    folder: AnyPath
    pages: list[LandedPage] = field(default_factory=list)

    @classmethod
    def begin(cls, root: AnyPath, provider: str, connection_id: str, report: str, window: Window, load_id: str) -> Self:
        """A fresh folder for a load. Raises `StorageRefused`."""
        span = f"{window.first}_{window.end}"
        return cls(below(root, provider, connection_key(connection_id), report, span, load_id))

    def land(self, page: Page, base_url: str) -> None:
        """Land one page; `base_url` is the origin of a call without one. Raises `StorageRefused`."""
        name = f"page-{len(self.pages):05d}.json.zst"
        call, body = page.call, page.body
        large = body if isinstance(body, Packed) else None
        write_whole(self.folder / name, large.file() if large else zstandard.compress(bytes(body), level=LEVEL))
        self.pages.append(
            LandedPage(
                file=name,
                sha256=large.sha256 if large else hashlib.sha256(bytes(body)).hexdigest(),
                bytes=len(body),
                path=call.path,
                parameters=[(key, value if isinstance(value, str) else list(value)) for key, value in call.query],
                status=page.status,
                requested_at=page.requested_at,
                method=call.method,
                origin=call.origin or base_url,
                body=call.body,
                server_date=page.server_date,
                labels=dict(page.labels),
                role=page.role,
            )
        )

    def commit(self, manifest: Manifest) -> str:
        """Write the manifest, which commits the load; returns its URI."""
        path = self.folder / MANIFEST
        unsealed = msgspec.structs.replace(manifest, seal=UNSEALED)
        text = msgspec.json.format(msgspec.json.encode(unsealed), indent=1)
        write_whole(path, text.replace(UNSEALED.encode(), hashlib.sha256(text).hexdigest().encode()))
        return str(path)


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


def load_folder(root: AnyPath, manifest_uri: str) -> AnyPath:
    """The folder of a load, from its manifest's URI, which must be under the root."""
    base = str(local_as_path(root)).rstrip("/")
    segments = manifest_uri.removeprefix(base + "/").split("/")
    if not manifest_uri.startswith(base + "/"):
        raise StorageRefused(
            f"the manifest {manifest_uri} is not under {base}",
            next_step="point USAGE_LEDGER_RAW at the storage it was landed in",
        )
    return below(root, *segments[:-1])


def landed_folders(root: AnyPath, provider: str, connection_id: str) -> Iterator[AnyPath]:
    """The folder of every committed load of a connection."""
    top = below(root, provider, connection_key(connection_id))
    for report in entries(top):
        for window in entries(report):
            for folder in entries(window):
                if exists(folder / MANIFEST):
                    yield folder


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


def landed_parts(folder: AnyPath, manifest: Manifest) -> Iterator[tuple[LandedPage, Iterator[bytes]]]:
    """Each page with rows, as one document or, when it is large, as several of the same shape (see `parts`).

    Raises `RawCorrupt`, before the first part, when the page is not what was landed.
    """
    for page in manifest.pages:
        if page.role != "rows":
            continue
        packed = read_whole(folder / page.file)
        if page.bytes <= PART:
            yield page, iter([_verified(page, packed)])
            continue
        digest = hashlib.sha256()
        try:
            for chunk in unpacked(io.BytesIO(packed)):
                digest.update(chunk)
        except zstandard.ZstdError as error:
            raise RawCorrupt(f"the landed page {page.file} is damaged") from error
        _require_same(page, digest.hexdigest())
        yield page, parts(unpacked(io.BytesIO(packed)))


def landed_pages(folder: AnyPath, manifest: Manifest, role: Role = "rows") -> Iterator[tuple[LandedPage, bytes]]:
    """Each page of a role and its bytes as landed.

    Raises `RawCorrupt` when they are not what was landed.
    """
    for page in manifest.pages:
        if page.role == role:
            yield page, _verified(page, read_whole(folder / page.file))


def _verified(page: LandedPage, packed: bytes) -> bytes:
    try:
        body = zstandard.ZstdDecompressor().decompress(packed, max_output_size=page.bytes)
    except zstandard.ZstdError as error:
        raise RawCorrupt(f"the landed page {page.file} is damaged") from error
    _require_same(page, hashlib.sha256(body).hexdigest())
    return body


def _require_same(page: LandedPage, digest: str) -> None:
    if digest != page.sha256:
        raise RawCorrupt(f"the landed page {page.file} is not what its manifest says")
