"""Where raw storage is: one rule for commands and tasks."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from usage_ledger.core.errors import ConfigError, one_line
from usage_ledger.core.project import local_folder
from usage_ledger.storage.files import AnyPath

SETTING = "USAGE_LEDGER_RAW"
CLOUDS = ("s3", "gs", "abfs")


def raw_root(path_of: Callable[[str], Any] | None = None) -> AnyPath:
    """Raw storage: the absolute path or URI in USAGE_LEDGER_RAW, else a folder of the local stack.

    `path_of` makes the path object of a cloud's URI. Without it the cloud's credentials come from the environment.
    Cloud file systems need the project's extra of that name. Raises `ConfigError` for a value that is neither.
    """
    value = os.environ.get(SETTING, "")
    if not value:
        return cast(AnyPath, local_folder() / "raw")
    if "://" not in value:
        return _local(value, value)
    try:
        uri = urlsplit(value)
    except ValueError:
        raise _malformed(value) from None
    if uri.scheme == "file" and uri.netloc in ("", "localhost"):
        return _local(value, value.removeprefix("file://").removeprefix("localhost"))
    if uri.scheme not in CLOUDS or not uri.netloc.rpartition("@")[2]:
        raise _malformed(value)
    if path_of is None:
        from upath import UPath

        path_of = UPath
    return cast(AnyPath, path_of(value))


def _local(value: str, path: str) -> AnyPath:
    if not Path(path).is_absolute() or not path.isprintable():
        raise _malformed(value)
    return cast(AnyPath, Path(path))


def _malformed(value: str) -> ConfigError:
    return ConfigError(
        f"{SETTING} is {one_line(value, 100)!r}, which names no place for raw storage",
        next_step="set an absolute path, or a URI such as file:///data/raw, s3://bucket/raw, gs://bucket or abfs://container",
    )
