"""The registry of connections: one YAML file each, named after the connection's id. The files hold no secrets."""

import re
from collections.abc import Iterable
from datetime import date, time, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from usage_ledger.core.errors import ConfigError, one_line
from usage_ledger.core.project import connections_folder
from usage_ledger.core.windows import checked_duration
from usage_ledger.model.provider import Provider, Report
from usage_ledger.model.settings import check_settings
from usage_ledger.providers import PROVIDERS, provider_named
from usage_ledger.yaml_file import read_yaml

MACHINE = "machine"
"""The YAML's `credential` that stands for the identity of the machine that runs the task."""
CREDENTIAL_PATTERN = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,249}"
ID_PATTERN = r"[a-z0-9][a-z0-9_]{0,62}"
"""No hyphen: a shell cannot export AIRFLOW_CONN_A-B."""
RESERVED_IDS = ("alerts",)
"""Ids whose Dag is of no connection: `usage_alerts`."""


class Connection(BaseModel):
    """A connection's settings, from its YAML file."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    id: str = Field(exclude=True)
    provider: str
    account: str
    timezone: str = "UTC"
    at: time = time(3)
    start_date: date | None = None
    lookback_days: int | None = Field(default=None, ge=0, le=400)
    deadline: Annotated[str, BeforeValidator(checked_duration)] | None = None
    """How long after it is due a run may take before somebody is told, such as `2h` or `90m`."""
    reports: tuple[str, ...] | None = None
    people: Literal["pseudonyms", "clear"] = "pseudonyms"
    keep_raw: timedelta | None = None
    """How long raw storage keeps a load after it was fetched that is the newest of no date any more; None: for ever."""
    credential: str | None = None
    """The id of the Airflow connection whose identity asks, or `machine`; without it the connection's own id."""
    settings: dict[str, str | tuple[str, ...]] = Field(default_factory=dict)
    """What the provider declares beyond account and key, by name; a repeated setting is a list."""

    @field_validator("provider")
    @classmethod
    def _check_provider(cls, name: str) -> str:
        if name not in PROVIDERS:
            raise ValueError(f"there is no provider {name!r}; allowed: {', '.join(sorted(PROVIDERS))}")
        return name

    @field_validator("timezone")
    @classmethod
    def _check_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ValueError, OSError, KeyError) as error:
            raise ValueError(f"there is no time zone {name!r}; allowed: IANA names such as Europe/Berlin") from error
        return name

    @field_validator("at", mode="before")
    @classmethod
    def _clock_time(cls, value: Any) -> time:
        if not isinstance(value, str) or not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value):
            raise ValueError(f"{value!r} is not a local time; allowed: HH:MM, such as 03:00")
        return time.fromisoformat(value)

    @field_validator("keep_raw", mode="before")
    @classmethod
    def _whole_days(cls, value: Any) -> timedelta:
        days = re.fullmatch(r"([1-9]\d{0,4}) days?", value) if isinstance(value, str) else None
        if days is None:
            raise ValueError(f"{value!r} is no number of days; allowed: such as 400 days")
        return timedelta(days=int(days[1]))

    @model_validator(mode="after")
    def _fits_provider(self) -> "Connection":
        provider = PROVIDERS[self.provider]
        pattern = provider.account.pattern
        if not re.fullmatch(pattern, self.account):
            raise ValueError(
                f"key `account`: {self.account!r} is not an account id of {provider.title}; allowed: {pattern}"
            )
        _check_credential(provider, self.credential)
        check_settings(provider, self.settings, own_key=self.credential is None)
        allowed = [report.name for report in provider.reports]
        for name in self.reports or ():
            if name not in allowed:
                raise ValueError(f"key `reports`: there is no report {name!r}; allowed: {', '.join(allowed)}")
        return self

    @model_validator(mode="after")
    def _keeps_what_is_read_again(self) -> "Connection":
        longest = max((self.lookback(report) for report in self.chosen_reports), default=0)
        if self.keep_raw is not None and self.keep_raw.days <= longest:
            raise ValueError(
                f"key `keep_raw`: {self.keep_raw.days} days is no longer than the longest look-back, {longest} days; "
                f"allowed: {longest + 1} days or more"
            )
        return self

    @property
    def declared(self) -> Provider:
        """The provider's declaration."""
        return provider_named(self.provider)

    def setting_values(self, name: str) -> tuple[str, ...]:
        """The values of a setting; empty when the file does not have it."""
        value = self.settings.get(name, ())
        return (value,) if isinstance(value, str) else value

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    def day_zone(self, report: Report) -> ZoneInfo:
        """The time zone of a report's days."""
        return ZoneInfo("UTC") if report.day == "UTC" else self.zone

    def days_of(self, report: Report) -> str | None:
        """The name of the time zone of a report's days; None for a snapshot, which has no days."""
        return None if report.snapshot else self.day_zone(report).key

    def lookback(self, report: Report) -> int:
        """How many days before the usage date are requested again: the YAML's value, else the report's."""
        return report.settle_days if self.lookback_days is None else self.lookback_days

    @property
    def chosen_reports(self) -> tuple[Report, ...]:
        """The reports to fetch; where `reports` names no list, every list is among them.

        A report that a connection must opt in to is fetched only where `reports` names it.
        """
        declared, named = self.declared.reports, self.reports
        if named is None:
            return tuple(report for report in declared if not report.opt_in)
        lists = {report.name for report in declared if report.snapshot and not report.opt_in}
        chosen = set(named) if lists & set(named) else {*named, *lists}
        return tuple(report for report in declared if report.name in chosen)


def _check_credential(provider: Provider, credential: str | None) -> None:
    """Raises `ValueError` for what can be no connection's id, or a machine's identity where there is none."""
    if credential is not None and not re.fullmatch(CREDENTIAL_PATTERN, credential):
        raise ValueError(
            f"key `credential`: {credential!r} is not allowed; allowed: the id of an Airflow connection, or {MACHINE}"
        )
    if credential == MACHINE and not provider.auth.machine:
        raise ValueError(
            f"key `credential`: a machine has no identity at {provider.title}; allowed: the id of an Airflow connection"
        )


def checked_id(connection_id: str) -> str:
    """The id, when it is valid. Raises `ConfigError`."""
    if not re.fullmatch(ID_PATTERN, connection_id):
        raise ConfigError(
            f"{one_line(connection_id, 80)!r} cannot be a connection id",
            next_step="use lower-case letters, digits and underscores, at most 63, not beginning with an underscore",
        )
    if connection_id in RESERVED_IDS:
        raise ConfigError(f"{connection_id!r} is the name of a Dag of its own", next_step="choose another id")
    return connection_id


def read_connection(path: Path) -> Connection:
    """The connection of one YAML file, cached until the file changes.

    Raises `ConfigError` naming file, key and what is allowed.
    """
    connection_id = checked_id(path.stem)
    try:
        stamp = path.stat()
        return _read(path, stamp.st_ino, stamp.st_size, stamp.st_mtime_ns)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path.name} is not valid YAML: {error}", connection=connection_id) from error
    except OSError as error:
        raise ConfigError(f"{path.name} cannot be read: {error.strerror}", connection=connection_id) from error


@lru_cache(maxsize=1024)
def _read(path: Path, *_stamp: int) -> Connection:
    return connection_from(path.stem, read_yaml(path), path.name)


def connection_from(connection_id: str, document: Any, source: str) -> Connection:
    """Build a connection from a mapping. Raises `ConfigError`."""
    checked_id(connection_id)
    if not isinstance(document, dict):
        raise ConfigError(f"{source} is not a mapping of settings", connection=connection_id)
    if "id" in document:
        raise ConfigError(f"{source}: key `id` is not allowed; the file's name is the id", connection=connection_id)
    try:
        return Connection.model_validate({**document, "id": connection_id})
    except ValidationError as error:
        raise ConfigError(f"{source}: {_explained(error)}", connection=connection_id) from None


def find_connection(connection_id: str, folder: Path | None = None) -> Connection:
    """The registered connection of that id. Raises `ConfigError`."""
    where = folder or connections_folder()
    path = where / f"{checked_id(connection_id)}.yaml"
    if not path.is_file():
        ids = sorted(path.stem for path in where.glob("*.yaml"))
        hint = f"the folder has: {', '.join(ids[:10])}" if ids else "create one with `usage-ledger connect`"
        raise ConfigError(f"there is no connection {connection_id!r} in {where}", next_step=hint)
    return read_connection(path)


def connection_files(folder: Path | None = None) -> list[Path]:
    """The registry's files, in order."""
    return sorted((folder or connections_folder()).glob("*.yaml"))


def all_connections(files: Iterable[Path]) -> tuple[list[Connection], list[ConfigError]]:
    """Every readable connection, and an error for each other file."""
    readable: list[Connection] = []
    broken: list[ConfigError] = []
    for path in files:
        try:
            readable.append(read_connection(path))
        except ConfigError as error:
            broken.append(error)
    return readable, broken


def _explained(error: ValidationError) -> str:
    allowed = ", ".join(name for name in Connection.model_fields if name != "id")
    parts = []
    for problem in error.errors():
        key = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            parts.append(f"key `{key}` is unknown; allowed: {allowed}")
        elif problem["type"] == "missing":
            parts.append(f"key `{key}` is missing")
        else:
            said = problem["msg"].removeprefix("Value error, ")
            parts.append(f"key `{key}`: {said}" if key else said)
    return "; ".join(parts)
