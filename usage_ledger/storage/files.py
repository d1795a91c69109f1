"""Whole files or none, on any path object."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Protocol, Self, cast

from usage_ledger.core.errors import StorageRefused


class AnyPath(Protocol):
    """What is used of a path: `pathlib.Path`, `UPath` and Airflow's `ObjectStoragePath` all have it."""

    def __truediv__(self, name: str, /) -> Self: ...
    def open(self, mode: str = ..., /) -> IO[Any]: ...
    def exists(self) -> bool: ...
    def iterdir(self) -> Iterator[Self]: ...


def rooted(root: AnyPath) -> AnyPath:
    """The same folder; one of the local file system as a `pathlib.Path`, which can write atomically."""
    if getattr(root, "protocol", "") in ("file", "local"):
        return cast(AnyPath, Path(str(cast(Any, root).path)))
    return root


def write_whole(path: AnyPath, data: bytes) -> None:
    """The file with exactly these bytes, or no file. An object store's put is whole by itself.

    Raises `StorageRefused`.
    """
    try:
        if isinstance(path, Path):
            _write_and_rename(path, data)
        else:
            with path.open("wb") as file:
                file.write(data)
    except OSError as error:
        raise StorageRefused(f"raw storage cannot be written ({error.strerror or type(error).__name__})") from error


def read_whole(path: AnyPath) -> bytes:
    """The file's bytes. Raises `StorageRefused`."""
    try:
        with path.open("rb") as file:
            return cast(bytes, file.read())
    except OSError as error:
        raise StorageRefused(f"raw storage cannot be read ({error.strerror or type(error).__name__})") from error


def _write_and_rename(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise
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
