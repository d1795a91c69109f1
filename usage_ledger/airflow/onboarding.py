"""Adds and checks connections, for commands: verify first, then register, store, and write the YAML."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import Engine

from usage_ledger.airflow.identity import provider_credential
from usage_ledger.airflow.store import delete_connection, ensure_pools, require_encryption, store_connection
from usage_ledger.airflow.stores import store_path
from usage_ledger.connections import Connection, connection_from, find_connection
from usage_ledger.core.error_classes import is_of_one_answer
from usage_ledger.core.errors import ConfigError, UsageLedgerError
from usage_ledger.core.project import connections_folder
from usage_ledger.core.provider_errors import ABSENT, CONCERNS_EVERY_REPORT, AccessDenied, NoPermission
from usage_ledger.core.windows import last_complete_date
from usage_ledger.http.client import Client, client_for
from usage_ledger.http.credential import Credential
from usage_ledger.model.provider import Provider
from usage_ledger.pipeline.run import prepare_warehouse
from usage_ledger.sources.account import verify_account
from usage_ledger.sources.question import Question
from usage_ledger.sources.source import source_of
from usage_ledger.warehouse import loads
from usage_ledger.warehouse.schema import ensure_schema


@dataclass
class Readable:
    """What a key can read: report names, and for the others why not."""

    proves_account: bool = False
    """Whether the provider told that the key belongs to the account."""
    reports: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    """Reports that the account does not have."""
    lesser: dict[str, str] = field(default_factory=dict)
    """Reports that it can read, but not by these groupings."""

    def without_names(self, provider: Provider) -> str:
        """What will have ids and no names, because its list cannot be read; '' when nothing will."""
        lists = [report for report in provider.reports if report.snapshot and report.name in self.refused]
        kinds = {name.kind for report in lists for row_set in report.row_sets for name in row_set.names}
        return ", ".join(sorted(f"{kind}s".replace("_", " ") for kind in kinds))


def readable(connection: Connection, client: Client, now: datetime | None = None) -> Readable:
    """Verify account and key, and ask each report for its last complete date; a list that cannot be had is refused.

    Raises `AccessDenied`, `TryAgain`.
    """
    untold = verify_account(connection, client)
    access = Readable()
    for report in connection.chosen_reports:
        day = last_complete_date(now or datetime.now(UTC), connection.day_zone(report))
        question = Question()
        try:
            source_of(connection, report, client, question=question).verify(day)
        except CONCERNS_EVERY_REPORT:
            raise
        except UsageLedgerError as error:
            if (report.may_be_absent and error.status == ABSENT) or (
                report.needs_right and isinstance(error, NoPermission)
            ):
                access.absent[report.name] = error.what
                continue
            if not isinstance(error, AccessDenied) and not (report.snapshot and is_of_one_answer(error)):
                raise
            of_vendor = "" if error.next_step == error.remedy else f": {error.next_step}"
            access.refused[report.name] = error.what + of_vendor
        else:
            access.reports.append(report.name)
            if question.form:
                access.lesser[report.name] = question.lacks(report.source)
    access.proves_account = client.answers_tell_account or (bool(connection.declared.accounts.id) and not untold)
    return access


@dataclass(frozen=True, slots=True)
class Connected:
    """What a new or replaced key can read, and the connection's file."""

    readable: Readable
    path: Path
    new: bool
    """Whether the file was written: an existing one is left as it is."""


def connect(connection_id: str, document: dict[str, Any], own: Credential | None, *, engine: Engine) -> Connected:
    """Verify a new account, store its key in Airflow, and write its YAML.

    `own` is the key with the settings that are stored with it; without one the identity that the document's
    `credential` names is verified, and no key is stored.
    The same id and account again replaces the key alone. Raises `ConfigError` for another account under a known id
    or a known account under another id, and what `readable` raises; then nothing is stored or written.
    """
    connection = connection_from(connection_id, document, f"{connection_id}.yaml")
    path = connections_folder() / f"{connection_id}.yaml"
    new = not path.exists()
    if not new:
        connection = _current(connection, path)  # its file is the truth; only the key is replaced
    with client_for(connection, _credential(connection, own), path_of=store_path) as client:
        access = readable(connection, client)
    chosen = [report.name for report in connection.chosen_reports if not report.snapshot]
    refused = [name for name in chosen if name in access.refused]
    if set(chosen) <= set(refused):
        raise AccessDenied(
            access.refused[chosen[0]], connection=connection_id, next_step="use a key that may read billing"
        )
    if refused and connection.reports is None and new:
        document = document | {"reports": [name for name in chosen if name not in refused]}
        connection = connection_from(connection_id, document, path.name)
    prepare_warehouse(connection, engine)
    ensure_pools()
    if own is not None:
        store_connection(connection.id, connection.declared, connection.account, own)
    if new:
        _write(path, document)
    return Connected(access, path, new)


def _current(connection: Connection, path: Path) -> Connection:
    """The connection as its file has it. Raises `ConfigError` where that is of another account or identity."""
    current = find_connection(connection.id)
    if (current.provider, current.account) != (connection.provider, connection.account):
        raise ConfigError(
            f"{path.name} is account {current.account} of {current.provider}",
            connection=connection.id,
            next_step="choose another id",
        )
    if current.credential != connection.credential:
        own = "it has its own key" if current.credential is None else f"`credential: {current.credential}`"
        raise ConfigError(
            f"{path.name} says otherwise: {own}",
            connection=connection.id,
            next_step="change `credential` in that file, and run the same command again",
        )
    return current


def _credential(connection: Connection, own: Credential | None) -> Credential:
    """What is verified. Raises `ConfigError` where a key could not be stored encrypted."""
    if own is None:
        return provider_credential(connection)
    require_encryption(connection.id)
    return replace(own, settings={**connection.settings, **own.settings})


def _write(path: Path, document: dict[str, Any]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"the key is stored, but {path.name} cannot be written: {error.strerror}",
            connection=path.stem,
            next_step=f"make {path.parent} writable and run the same command again",
        ) from error


def disconnect(connection_id: str, engine: Engine) -> tuple[bool, Path | None]:
    """Delete the stored key, then retire the connection: its file goes, its data stay.

    Returns whether a key was stored, and the file that was removed.
    """
    gone = delete_connection(connection_id)
    path = connections_folder() / f"{connection_id}.yaml"
    removed = path if path.is_file() else None
    if removed:
        removed.unlink()
    ensure_schema(engine)
    loads.execute(engine, "ops/retire_connection", {"connection_id": connection_id})
    return gone, removed
