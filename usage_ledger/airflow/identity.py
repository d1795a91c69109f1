"""With which identity a connection asks its provider: its own key, another Airflow connection, or the machine's."""

from collections.abc import Mapping
from typing import Any

from usage_ledger.airflow.credentials import find
from usage_ledger.airflow.metadata import Stored
from usage_ledger.airflow.native import NATIVE, native_credential
from usage_ledger.connections import MACHINE, Connection, all_connections, connection_files
from usage_ledger.core.errors import ConfigError, NoConnection
from usage_ledger.http.credential import Credential, Machine
from usage_ledger.http.secrets import protect_key
from usage_ledger.model.provider import Provider
from usage_ledger.providers import PROVIDERS

Settings = Mapping[str, str | tuple[str, ...]]


def provider_credential(connection: Connection) -> Credential:
    """What a connection's requests are signed with, and its settings: the file's, and those that Airflow stores.

    The YAML's `credential` names another Airflow connection, or the machine; without it the connection's own key is
    read, and nothing else is tried. Raises `NoConnection`, and `ConfigError` where an identity is another vendor's, is
    not understood whole, or names other values than the file.
    """
    if connection.credential == MACHINE:
        return Credential(Machine(), _of_file(connection, {}))
    stored = find(connection.credential or connection.id)
    if stored is None:
        raise _no_connection(connection)
    provider = connection.declared
    if stored.conn_type == NATIVE.get(type(provider.auth)):
        native = native_credential(provider.auth, stored, connection.credential or connection.id)
        return Credential(native.key, _of_file(connection, native.settings), native.host)
    _require_own_type(connection, stored)
    if not stored.password:
        raise _no_connection(connection)
    protect_key(stored.password)
    settings = _of_file(connection, settings_of(provider, stored.extra) | _account_of(connection, stored))
    return Credential(stored.password, settings, stored.host or None)


def settings_of(provider: Provider, extra: Mapping[str, Any]) -> dict[str, str | tuple[str, ...]]:
    """The provider's settings that Airflow's form holds; of a repeated one the values between commas."""
    settings: dict[str, str | tuple[str, ...]] = {}
    for setting in provider.settings:
        value = extra.get(setting.name) or ""
        text = (",".join(map(str, value)) if isinstance(value, list) else str(value)).strip()
        values = tuple(part.strip() for part in text.split(",") if part.strip())
        if text:
            settings[setting.name] = values if setting.repeated else text
    return settings


def account_of(login: str | None, extra: Mapping[str, Any]) -> str:
    """The account of Airflow's form: its login; '' where it names none. Earlier versions stored it in the extra."""
    return str(login or extra.get("account") or "").strip()


def file_of(provider: Provider, account: str) -> Connection | None:
    """The connection of the account's YAML, where it is here: Airflow's form holds only what belongs to the key."""
    for connection in all_connections(connection_files())[0]:
        if (connection.provider, connection.account) == (provider.name, account):
            return connection
    return None


def _of_file(connection: Connection, stored: Settings) -> Settings:
    """The stored settings and the file's. Raises `ConfigError` where both name one and differ."""
    named = {"account": connection.account, **connection.settings}
    for name, value in stored.items():
        if value and name in named and value != named[name]:
            raise ConfigError(
                f"the Airflow connection says {name} {value!r}, the YAML says {named[name]!r}",
                connection=connection.id,
                next_step="make them equal",
            )
    return {**{name: value for name, value in stored.items() if name != "account"}, **connection.settings}


def _account_of(connection: Connection, stored: Stored) -> dict[str, str]:
    """The account of the form, where it is that of the connection's own key."""
    account = account_of(stored.login, stored.extra)
    return {"account": account} if account and connection.credential is None else {}


def _require_own_type(connection: Connection, stored: Stored) -> None:
    """Raises `ConfigError` for an Airflow connection of another vendor: its key would be sent to a stranger."""
    own, native = connection.provider, NATIVE.get(type(connection.declared.auth), "")
    foreign = stored.conn_type in {*PROVIDERS, *NATIVE.values()} - {own}
    if stored.conn_type != own and (foreign or connection.credential is not None):
        raise ConfigError(
            f"the Airflow connection {connection.credential or connection.id!r} is of type {stored.conn_type!r}",
            connection=connection.id,
            next_step=f"name one of type {own}{f' or {native}' if native else ''} as `credential`",
        )


def _no_connection(connection: Connection) -> NoConnection:
    name = connection.credential or connection.id
    if connection.credential is not None:
        step = f"add {name} under Admin, Connections in Airflow, or correct `credential` in the YAML"
    else:
        step = f"run `usage-ledger connect PROVIDER {name}`, or add it under Admin, Connections"
        if connection.declared.auth.machine:
            step += f"; for the machine's own identity write `credential: {MACHINE}` in the YAML"
    return NoConnection(
        f"Airflow has no connection {name!r} with a key that it can decrypt", connection=connection.id, next_step=step
    )
