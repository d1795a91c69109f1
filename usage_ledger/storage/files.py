"""Whole files or none, on any path object, and what goes wrong with them as errors of ours."""

import contextlib
import errno
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Protocol, Self, cast

from usage_ledger.core import crash
from usage_ledger.core.errors import RawGone, StorageDown, StorageRefused

PASSING = (errno.EBUSY, errno.EAGAIN, errno.ETIMEDOUT, getattr(errno, "EREMOTEIO", errno.EBUSY))
"""What s3fs makes of a store's 500 and 503."""
UNANSWERED = {"ConnectionError", "TimeoutError", "HTTPClientError", "ServiceRequestError"}
"""Names of classes: Python's and requests' own, botocore's, Azure's. None of those packages need be installed."""
_segment = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")


class AnyPath(Protocol):
    """What is used of a path: `pathlib.Path`, `UPath` and Airflow's `ObjectStoragePath` all have it."""

    @property
    def name(self) -> str: ...
    def __truediv__(self, name: str, /) -> Self: ...
    def open(self, mode: str = ..., /) -> IO[Any]: ...
    def exists(self) -> bool: ...
    def iterdir(self) -> Iterator[Self]: ...
    def rglob(self, pattern: str, /) -> Iterator[Self]: ...
    def unlink(self, missing_ok: bool = ...) -> None: ...


def rooted(root: AnyPath) -> AnyPath:
    """The same folder; one of the local file system as a `pathlib.Path`, which can write atomically."""
    if getattr(root, "protocol", "") in ("file", "local"):
        return cast(AnyPath, Path(str(cast(Any, root).path)))
    return root


def below(root: AnyPath, *segments: str) -> AnyPath:
    """The path of these segments under the root.

    Raises `StorageRefused` for a segment that is no plain name, and where a local part of it is a symbolic link: the
    root itself may be one, but what is kept below it stays below it.
    """
    path = rooted(root)
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


@contextmanager
def told(doing: str) -> Iterator[None]:
    """Says what went wrong with a file; each cloud's file system raises classes of its own.

    Raises `RawGone` for what is not there, `StorageDown` for what passes by itself, else `StorageRefused`.
    """
    try:
        yield
    except (StorageRefused, StorageDown, MemoryError):
        raise
    except Exception as error:
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        text = f"raw storage cannot be {doing} ({why})"
        if isinstance(error, FileNotFoundError) and doing == "read":
            raise RawGone(text) from error
        names = {kind.__name__ for kind in type(error).__mro__}
        if getattr(error, "errno", None) in PASSING or names & UNANSWERED:
            raise StorageDown(text) from error
        raise StorageRefused(text) from error


def write_whole(path: AnyPath, data: bytes | IO[bytes]) -> None:
    """The file with exactly these bytes, or those that another file still has; or no file.

    An object store's put is whole by itself.

    Raises `StorageRefused`, `StorageDown`.
    """
    with told("written"):
        if isinstance(path, Path):
            _write_and_rename(path, data)
        else:
            with path.open("wb") as file:
                _copy(data, file)


def read_whole(path: AnyPath) -> bytes:
    """The file's bytes. Raises `RawGone`, `StorageRefused`, `StorageDown`."""
    _refuse_link(path)
    with told("read"), path.open("rb") as file:
        return cast(bytes, file.read())


def opened(path: AnyPath) -> IO[bytes]:
    """The file, to be read anywhere; one of an object store as a copy without a name.

    Raises `RawGone`, `StorageRefused`, `StorageDown`.
    """
    _refuse_link(path)
    with told("read"):
        if isinstance(path, Path):
            return path.open("rb")
        with path.open("rb") as file:
            copy = tempfile.TemporaryFile()  # noqa: SIM115  the caller closes it
            shutil.copyfileobj(file, copy, 2**20)
    copy.seek(0)
    return cast(IO[bytes], copy)


def exists(path: AnyPath) -> bool:
    """Whether the file is there; what cannot be seen is not absent. Raises `StorageRefused`, `StorageDown`."""
    _refuse_link(path)
    with told("read"):
        return path.exists()


def entries(folder: AnyPath) -> list[AnyPath]:
    """What lies in the folder, in order; nothing where there is none. Raises `StorageRefused`, `StorageDown`."""
    with told("read"):
        found = sorted(folder.iterdir(), key=str) if folder.exists() else []
    for path in found:
        _refuse_link(path)
    return found


def names(folder: AnyPath) -> set[str]:
    """How the things in the folder are called. Raises `StorageRefused`, `StorageDown`."""
    with told("read"):
        return {path.name for path in folder.iterdir()} if folder.exists() else set()


def files_below(folder: AnyPath, depth: int) -> list[AnyPath]:
    """The files this many levels below the folder, in one listing of an object store.

    Raises `StorageRefused`, `StorageDown`.
    """
    base = f"{str(folder).rstrip('/')}/"
    with told("read"):
        found = list(folder.rglob("*")) if folder.exists() else []
    return [path for path in found if str(path).removeprefix(base).count("/") == depth - 1]


def written_at(path: AnyPath) -> datetime:
    """When the file was written, by the storage's clock. Raises `RawGone`, `StorageRefused`, `StorageDown`."""
    with told("read"):
        if isinstance(path, Path):
            return datetime.fromtimestamp(path.lstat().st_mtime, UTC)
        return cast(datetime, cast(Any, path).fs.modified(cast(Any, path).path))


def remove(files: Iterable[AnyPath]) -> None:
    """The files are no more, nor is their local folder once it is empty. Raises `StorageRefused`, `StorageDown`."""
    for path in files:
        with told("written"):
            path.unlink(missing_ok=True)
        if isinstance(path, Path):
            with contextlib.suppress(OSError):
                path.parent.rmdir()


def forget_listings(path: AnyPath) -> None:
    """Ask the store itself from now on: s3fs and its kind remember what they listed."""
    for seen in (path, getattr(path, "__wrapped__", None)):
        if not isinstance(seen, Path) and hasattr(seen, "fs"):
            cast(Any, seen).fs.invalidate_cache()


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


def raw_root(default: Path) -> AnyPath:
    """Raw storage for commands: the URI in USAGE_LEDGER_RAW, else a local folder.

    Cloud file systems need the project's extra of that name; their credentials come from the environment.
    """
    told = os.environ.get("USAGE_LEDGER_RAW", "")
    if not told:
        return cast(AnyPath, default)
    if "://" not in told or told.startswith("file://"):
        return cast(AnyPath, Path(told.removeprefix("file://")))
    from upath import UPath

    return cast(AnyPath, UPath(told))
