"""A store of objects that somebody else writes: listed and read, never written. A folder, or a cloud's bucket."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self, cast

from usage_ledger.core.errors import ConfigError, Unreachable, UsageLedgerError
from usage_ledger.core.provider_errors import StoreRefused
from usage_ledger.storage.file_errors import is_transient, reason_of
from usage_ledger.storage.root import place

FOLDERS = "USAGE_LEDGER_STORES"
"""Folders, separated by colons, below which a connection's store may be a local folder; none without it."""
PIECE = 2**20
_connection = re.compile(r"[A-Za-z0-9_.-]+")


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object as the store tells of it: one that is written again differs in its size, version or time."""

    key: str
    """Its name below the store's URI."""
    size: int
    etag: str
    modified: datetime | None


class Store:
    """The objects below a URI. Nothing that its errors say holds more of the URI than place and path."""

    def __init__(self, files: Any, base: str, uri: str) -> None:
        self._files, self._base, self.uri = files, base.rstrip("/"), uri.rstrip("/")

    @classmethod
    def open(cls, uri: str, path_of: Callable[[str], Any] | None, *, setting: str) -> Self:
        """The store of a connection's setting. `path_of` makes the path object of a cloud's URI.

        Raises `ConfigError` for a URI that names no place, or leads elsewhere; `StoreRefused`, `Unreachable`.
        """
        shown = _checked(uri, setting)
        with _store_errors(shown):
            root = place(uri, path_of, name=f"settings.{setting}", holds="objects")
            if isinstance(root, Path):
                from upath import UPath

                folder = _allowed(root, setting)
                return cls(UPath(folder).fs, str(folder), shown)
            opened = cast(Any, root)
            return cls(opened.fs, str(opened.path), shown)

    def find(self, prefix: str, suffix: str = "") -> list[StoredObject]:
        """The objects below a prefix, by their keys in order; none where nothing has the prefix.

        Raises `StoreRefused`, also for a link that leads out of the store, and `Unreachable`.
        """
        with _store_errors(self.uri, "list"):
            self._files.invalidate_cache()
            listed = self._files.find(f"{self._base}/{prefix}".rstrip("/"), detail=True)
        stored = [self._object(name, info) for name, info in sorted(listed.items()) if not name.endswith("/")]
        return [one for one in stored if one.key.startswith(prefix) and one.key.endswith(suffix)]

    def look(self, one: StoredObject) -> StoredObject | None:
        """The object as it is now; None when it is gone. Raises `StoreRefused`, `Unreachable`."""
        name = f"{self._base}/{one.key}"
        with _store_errors(self.uri):
            self._files.invalidate_cache()
            try:
                return self._object(name, self._files.info(name))
            except FileNotFoundError:
                return None

    def read(self, one: StoredObject) -> Iterator[bytes]:
        """The object's bytes, in pieces; none of one that is gone. Raises `StoreRefused`, `Unreachable`."""
        with _store_errors(self.uri):
            try:
                file = self._files.open(f"{self._base}/{one.key}", "rb")
            except FileNotFoundError:
                return
            with file:
                while piece := file.read(PIECE):
                    yield piece

    def _object(self, name: str, info: dict[str, Any]) -> StoredObject:
        if info.get("islink") or ("ino" in info and Path(name).resolve() != Path(name)):
            raise StoreRefused(f"{name} is, or lies behind, a symbolic link, which may lead out of the store")
        version = str(info.get("ETag") or info.get("etag") or info.get("generation") or info.get("ino") or "")
        times = (info.get(name) for name in ("LastModified", "last_modified", "mtime", "updated"))
        modified = next((time for time in times if time), None)
        return StoredObject(
            name.removeprefix(self._base + "/"), int(info.get("size") or 0), version.strip('"'), _instant(modified)
        )


def _checked(uri: str, setting: str) -> str:
    """The URI without what is before its `@`. Raises `ConfigError` for a secret in it, or a path that climbs."""
    scheme, separator, rest = uri.partition("://")
    user, at, where = rest.partition("/")[0].rpartition("@")
    if at and not _connection.fullmatch(user):
        raise ConfigError(
            f"settings.{setting} has more than a connection's id before its @",
            next_step="write the id of an Airflow connection there, and keep keys in that",
        )
    path = (rest if separator else uri).split("/")[1:]
    if {".", ".."} & {*path} or any(sign in uri for sign in "?#\\") or not uri.isprintable():
        raise ConfigError(
            f"the path of settings.{setting} leads elsewhere", next_step="write it without `..`, `?` and `#`"
        )
    return f"{scheme}://{where}{rest[len(user + at + where) :]}" if separator else uri


def _allowed(path: Path, setting: str) -> Path:
    """The folder, with no link in its path.

    Raises `ConfigError` for one that the deployment has not allowed, `StoreRefused` where there is none.
    """
    folders = [Path(one).resolve() for one in os.environ.get(FOLDERS, "").split(":") if one.startswith("/")]
    real = path.resolve()
    if not any(real.is_relative_to(folder) for folder in folders):
        raise ConfigError(
            f"settings.{setting} is a local folder, and {FOLDERS} names none that it lies in",
            next_step=f"name the folder in {FOLDERS}, or a bucket in settings.{setting}",
        )
    if not real.is_dir():
        raise StoreRefused(f"there is no folder {path}, which settings.{setting} names")
    return real


def _instant(value: Any) -> datetime | None:
    """A time as a file system tells it: an instant, seconds since 1970, or a text."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value, UTC)
    if not isinstance(value, datetime):
        return None
    return value if value.tzinfo else value.replace(tzinfo=UTC)


@contextmanager
def _store_errors(uri: str, right: str = "read") -> Iterator[None]:
    """Translate the errors of any file system; the next step names the right that was needed."""
    try:
        yield
    except (UsageLedgerError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001  each file system has its own
        text = f"the store {uri} cannot be read ({reason_of(error)})"
        if is_transient(error):
            raise Unreachable(text) from None  # what the file system raised may hold a signed URL
        step = f"check the store's URI in the connection's settings, and that its credential may {right} objects there"
        raise StoreRefused(text, next_step=step) from None
