"""Where raw storage is: one rule for commands and tasks."""

import os
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from usage_ledger.core.errors import ConfigError, one_line
from usage_ledger.core.project import local_folder
from usage_ledger.storage.files import AnyPath

SETTING = "USAGE_LEDGER_RAW"
CLOUDS = {
    "s3": ("s3fs", "apache-airflow-providers-amazon"),
    "gs": ("gcsfs", "apache-airflow-providers-google"),
    "abfs": ("adlfs", "apache-airflow-providers-microsoft-azure"),
}
"""The extra of this package for each scheme of a URI, and the distributions by which commands and tasks open it."""


def raw_root(path_of: Callable[[str], Any] | None = None) -> AnyPath:
    """Raw storage: the absolute path or URI in USAGE_LEDGER_RAW, else a folder of the local stack.

    `path_of` makes the path object of a cloud's URI. Without it the cloud's credentials come from the environment.
    Raises `ConfigError` for a value that is neither, and for a cloud whose extra is not installed.
    """
    value = os.environ.get(SETTING, "")
    return place(value, path_of, name=SETTING, holds="raw storage") if value else cast(AnyPath, local_folder() / "raw")


def place(value: str, path_of: Callable[[str], Any] | None, *, name: str, holds: str) -> AnyPath:
    """The path object of an absolute path or a URI: local ones are a `pathlib.Path`.

    Raises `ConfigError` for a value that is neither, and for a cloud whose extra is not installed; `name` is that of
    the setting, `holds` what it is the place of.
    """
    if "://" not in value:
        return _local(value, value, name, holds)
    try:
        uri = urlsplit(value)
    except ValueError:
        raise _malformed(value, name, holds) from None
    if uri.scheme == "file" and uri.netloc in ("", "localhost"):
        return _local(value, value.removeprefix("file://").removeprefix("localhost"), name, holds)
    if uri.scheme not in CLOUDS or not uri.netloc.rpartition("@")[2]:
        raise _malformed(value, name, holds)
    _require_extra(uri.scheme, name)
    if path_of is None:
        from upath import UPath

        path_of = UPath
    return cast(AnyPath, path_of(value))


def _local(value: str, path: str, name: str, holds: str) -> AnyPath:
    if not Path(path).is_absolute() or not path.isprintable():
        raise _malformed(value, name, holds)
    return cast(AnyPath, Path(path))


def _require_extra(scheme: str, name: str) -> None:
    missing = [one for one in CLOUDS[scheme] if not _is_installed(one)]
    if missing:
        raise ConfigError(
            f"{name} begins with {scheme}://, and {' and '.join(missing)} of the extra `{scheme}` is not installed",
            next_step=f'run `pip install "usage-ledger[{scheme}]"` where Airflow\'s tasks run, and here',
        )


def _is_installed(distribution: str) -> bool:
    try:
        metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True


def _malformed(value: str, name: str, holds: str) -> ConfigError:
    return ConfigError(
        f"{name} is {one_line(value, 100)!r}, which names no place for {holds}",
        next_step="set an absolute path, or a URI such as file:///data/raw, s3://bucket/raw, gs://bucket or abfs://container",
    )
