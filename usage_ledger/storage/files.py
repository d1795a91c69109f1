"""Files, written whole or not at all, on any path object."""

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Protocol, Self, cast

from usage_ledger.core import crash
from usage_ledger.core.storage_errors import StorageRefused
from usage_ledger.storage.file_errors import storage_errors

_segment = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")


class AnyPath(Protocol):
    """The methods of a path that are used: `pathlib.Path`, `UPath` and Airflow's `ObjectStoragePath` all have it."""

    @property
    def name(self) -> str: ...
    def __truediv__(self, name: str, /) -> Self: ...
    def open(self, mode: str = ..., /) -> IO[Any]: ...
    def exists(self) -> bool: ...
    def iterdir(self) -> Iterator[Self]: ...
    def rglob(self, pattern: str, /) -> Iterator[Self]: ...
    def unlink(self, missing_ok: bool = ...) -> None: ...


def local_as_path(root: AnyPath) -> AnyPath:
    """The same folder; one of the local file system as a `pathlib.Path`, which can write atomically."""
    if getattr(root, "protocol", "") in ("file", "local"):
        return cast(AnyPath, Path(str(cast(Any, root).path)))
    return root


def below(root: AnyPath, *segments: str) -> AnyPath:
    """The path of these segments under the root.

    Raises `StorageRefused` for a segment that is not a plain name, and where a local part of it is a symbolic link:
    the root itself may be one, but no path below it may lead outside.
    """
    path = local_as_path(root)
    for segment in segments:
        if not _segment.fullmatch(segment):
            raise StorageRefused(f"{segment!r} is no name in raw storage", next_step="use the keys that were landed")
        path = path / segment
        _refuse_link(path)
    return path


def _refuse_link(path: AnyPath) -> None:
    if isinstance(path, Path) and path.is_symlink():
        raise StorageRefused(
            f"{path} is a symbolic link, which raw storage does not follow",
            next_step="put the files themselves there, or point USAGE_LEDGER_RAW at their place",
        )


def write_whole(path: AnyPath, data: bytes | IO[bytes]) -> None:
    """Write exactly these bytes, or those of an open file; on failure no file is left.

    An object store's put is atomic by itself.

    Raises `StorageRefused`, `StorageDown`.
    """
    with storage_errors("written"):
        if isinstance(path, Path):
            _write_and_rename(path, data)
        else:
            with path.open("wb") as file:
                _copy(data, file)


def read_whole(path: AnyPath) -> bytes:
    """The file's bytes. Raises `RawGone`, `StorageRefused`, `StorageDown`."""
    _refuse_link(path)
    with storage_errors("read"), path.open("rb") as file:
        return cast(bytes, file.read())


def open_seekable(path: AnyPath) -> IO[bytes]:
    """The file, open and seekable; one of an object store as an anonymous local copy.

    Raises `RawGone`, `StorageRefused`, `StorageDown`.
    """
    _refuse_link(path)
    with storage_errors("read"):
        if isinstance(path, Path):
            return path.open("rb")
        with path.open("rb") as file:
            copy = tempfile.TemporaryFile()  # noqa: SIM115  the caller closes it
            shutil.copyfileobj(file, copy, 2**20)
    copy.seek(0)
    return cast(IO[bytes], copy)


def exists(path: AnyPath) -> bool:
    """Whether the file exists; a failed lookup is an error. Raises `StorageRefused`, `StorageDown`."""
    _refuse_link(path)
    with storage_errors("read"):
        return path.exists()


def entries(folder: AnyPath) -> list[AnyPath]:
    """The entries of the folder, sorted; empty if there is no folder. Raises `StorageRefused`, `StorageDown`."""
    with storage_errors("read"):
        listing = sorted(folder.iterdir(), key=str) if folder.exists() else []
    for path in listing:
        _refuse_link(path)
    return listing


def entry_names(folder: AnyPath) -> set[str]:
    """The names of the entries of the folder. Raises `StorageRefused`, `StorageDown`."""
    with storage_errors("read"):
        return {path.name for path in folder.iterdir()} if folder.exists() else set()


def files_below(folder: AnyPath, depth: int) -> list[AnyPath]:
    """The files this many levels below the folder, in one listing of an object store.

    Raises `StorageRefused`, `StorageDown`.
    """
    base = f"{str(folder).rstrip('/')}/"
    with storage_errors("read"):
        listing = list(folder.rglob("*")) if folder.exists() else []
    return [path for path in listing if str(path).removeprefix(base).count("/") == depth - 1]


def written_at(path: AnyPath) -> datetime:
    """When the file was written, by the storage's clock. Raises `RawGone`, `StorageRefused`, `StorageDown`."""
    with storage_errors("read"):
        if isinstance(path, Path):
            return datetime.fromtimestamp(path.lstat().st_mtime, UTC)
        return cast(datetime, cast(Any, path).fs.modified(cast(Any, path).path))


def size_of(path: AnyPath) -> int:
    """The file's bytes as it is stored. Raises `RawGone`, `StorageRefused`, `StorageDown`."""
    with storage_errors("read"):
        if isinstance(path, Path):
            return path.lstat().st_size
        return cast(int, cast(Any, path).fs.size(cast(Any, path).path))


def remove(files: Iterable[AnyPath]) -> None:
    """Remove the files, and their local folder once it is empty. Raises `StorageRefused`, `StorageDown`."""
    for path in files:
        with storage_errors("written"):
            path.unlink(missing_ok=True)
        if isinstance(path, Path):
            with contextlib.suppress(OSError):
                path.parent.rmdir()


def forget_listings(path: AnyPath) -> None:
    """Drop cached listings, so that the store itself is asked: s3fs and its kind cache them."""
    for layer in (path, getattr(path, "__wrapped__", None)):
        if not isinstance(layer, Path) and hasattr(layer, "fs"):
            cast(Any, layer).fs.invalidate_cache()


def _copy(data: bytes | IO[bytes], file: IO[bytes]) -> None:
    if isinstance(data, bytes):
        file.write(data)
    else:
        shutil.copyfileobj(data, file, 2**20)


def _write_and_rename(path: Path, data: bytes | IO[bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
    try:
        with os.fdopen(descriptor, "wb") as file:
            crash.point("write")  # an empty temporary file
            _copy(data, file)
            file.flush()
            os.fsync(file.fileno())
        crash.point("write")  # a whole one, under another name
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise
    crash.point("write")
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the name is as durable as the bytes
    finally:
        os.close(folder)
