"""Lands a provider's answer: its pages unchanged, compressed with zstd, and last the manifest that commits them.

    <raw>/<provider>/<connection key>/<report>/<from>_<to>/<load_id>/page-00000.json.zst …  manifest.json

A request's body that is large is beside its page, in `page-00000.request.zst`.

`to` is exclusive. A folder without a manifest is not committed. Staged Parquet of the load is under
`<raw>/_staged/<load_id>/`, and is complete once `staged.json` exists. Every attempt has its own load id.
"""

import hashlib
import io
import re
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

import msgspec
import zstandard

from usage_ledger.core.ahead import Ahead
from usage_ledger.core.steps import count
from usage_ledger.core.storage_errors import RawCorrupt, StorageRefused
from usage_ledger.core.windows import Window
from usage_ledger.http.page import NO_CONTENT, Page, Role
from usage_ledger.json.packed import LEVEL, Packed, unpacked
from usage_ledger.json.parts import PART, parts
from usage_ledger.json.places import WrongPlace, parts_at
from usage_ledger.storage.files import AnyPath, below, entries, exists, local_as_path, read_whole, write_whole
from usage_ledger.storage.manifest import MANIFEST, UNSEALED, LandedPage, Manifest, Request

LONGEST_BODY = 2048
"""Characters of a request's body that the manifest holds itself."""


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
        request = self._land_request(call.body) if len(call.body) > LONGEST_BODY else None
        large = body if isinstance(body, Packed) else None
        write_whole(self.folder / name, large.file() if large else zstandard.compress(bytes(body), level=LEVEL))
        count("bytes", len(body))
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
                body="" if request else call.body,
                request=request,
                server_date=page.server_date,
                labels=dict(page.labels),
                role=page.role,
                etag=page.etag,
                modified=page.modified,
                places=large.places if large else [],
            )
        )

    def _land_request(self, body: str) -> Request:
        name, text = f"page-{len(self.pages):05d}.request.zst", body.encode()
        write_whole(self.folder / name, zstandard.compress(text, level=LEVEL))
        return Request(name, hashlib.sha256(text).hexdigest(), len(text))

    def commit(self, manifest: Manifest) -> str:
        """Write the manifest, which commits the load; returns its URI."""
        path = self.folder / MANIFEST
        unsealed = msgspec.structs.replace(manifest, seal=UNSEALED)
        text = msgspec.json.format(msgspec.json.encode(unsealed), indent=1)
        write_whole(path, text.replace(UNSEALED.encode(), hashlib.sha256(text).hexdigest().encode()))
        return str(path)


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


class Parts(Iterator[bytes]):
    """A landed page as one document or, when it is large, as several of the same shape (see `parts`).

    It is read once, and a part ahead: a large page that is not what was landed may give parts, and then raises
    `RawCorrupt` at its end. So who meets an error in a part asks `verify` first whose error it is.
    """

    def __init__(self, page: LandedPage, packed: bytes, thread: Executor) -> None:
        self._page, self._digest = page, hashlib.sha256()
        self._chunks = self._hashed(packed)
        self._ahead = Ahead(self._cut(), thread) if page.bytes > PART else None
        self._parts = self._ahead or iter([_verified(page, packed)])

    def _hashed(self, packed: bytes) -> Iterator[bytes]:
        try:
            for chunk in unpacked(io.BytesIO(packed), self._page.bytes):
                self._digest.update(chunk)
                yield chunk
        except zstandard.ZstdError as error:
            raise RawCorrupt(f"the landed page {self._page.file} is damaged") from error

    def _cut(self) -> Iterator[bytes]:
        """The parts: at their places, where these are in the manifest; a damaged one is then perhaps no JSON."""
        try:
            yield from parts_at(self._page.places, self._chunks) if self._page.places else parts(self._chunks)
        except WrongPlace:
            raise _not_as_landed(self._page) from None

    def __next__(self) -> bytes:
        try:
            return next(self._parts)
        except (StopIteration, msgspec.DecodeError, UnicodeDecodeError):
            self.verify()
            raise

    def verify(self) -> None:
        """Read what is left. Raises `RawCorrupt` unless the page is what was landed."""
        if self._ahead is not None:
            with suppress(msgspec.DecodeError, UnicodeDecodeError):
                self._ahead.wait()
            deque(self._chunks, maxlen=0)
            _require_same(self._page, self._digest.hexdigest())


def landed_parts(folder: AnyPath, manifest: Manifest) -> Iterator[tuple[LandedPage, Parts]]:
    """Each page with rows, and its parts. Raises `RawCorrupt`, as the parts do."""
    with ThreadPoolExecutor(1, "parts") as thread:
        for page in manifest.pages:
            if page.role == "rows" and page.status != NO_CONTENT:
                yield page, Parts(page, read_whole(folder / page.file), thread)


def landed_pages(folder: AnyPath, manifest: Manifest, role: Role = "rows") -> Iterator[tuple[LandedPage, bytes]]:
    """Each page of a role and its bytes as landed.

    Raises `RawCorrupt` when they are not what was landed.
    """
    for page in manifest.pages:
        if page.role == role:
            yield page, _verified(page, read_whole(folder / page.file))


def request_body(folder: AnyPath, page: LandedPage) -> str:
    """The JSON body of a page's request, from wherever it is. Raises `RawGone`, `RawCorrupt`, `StorageRefused`."""
    landed = page.request
    return _verified(landed, read_whole(folder / landed.file)).decode() if landed else page.body


def _verified(page: LandedPage | Request, packed: bytes) -> bytes:
    try:
        body = zstandard.ZstdDecompressor().decompress(packed, max_output_size=page.bytes)
    except zstandard.ZstdError as error:
        raise RawCorrupt(f"the landed page {page.file} is damaged") from error
    _require_same(page, hashlib.sha256(body).hexdigest())
    return body


def _require_same(page: LandedPage | Request, digest: str) -> None:
    if digest != page.sha256:
        raise _not_as_landed(page)


def _not_as_landed(page: LandedPage | Request) -> RawCorrupt:
    return RawCorrupt(f"the landed page {page.file} is not what its manifest says")
