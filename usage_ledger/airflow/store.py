"""Writes to Airflow's metadata database: connections, pools and assets. Each raises as `metadata`."""

import contextlib
import json
from typing import Any

from usage_ledger.airflow.credentials import airflow_is_set_up, metadata, quiet_airflow
from usage_ledger.airflow.metadata import AskAirflow, read_pools
from usage_ledger.airflow.native import NATIVE
from usage_ledger.connections import Connection
from usage_ledger.core.errors import ConfigError
from usage_ledger.core.project import CHECKOUT
from usage_ledger.http.credential import Credential
from usage_ledger.model.provider import Provider
from usage_ledger.providers import PROVIDERS

DEFAULT_POOL = "default_pool"
"""Airflow's own pool, of the tasks that ask no provider."""
NO_AIRFLOW = f"{'run `make up` first, or ' * CHECKOUT}set AIRFLOW_HOME and run `airflow db migrate`"
UNUSED_PORT = 0
"""What Airflow's UI sends for the hidden port when it tests a stored connection; Airflow refuses one that differs."""


def store_connection(connection_id: str, provider: Provider, account: str, own: Credential) -> None:
    """Store or replace a connection: its key, and the settings that are stored with the key, encrypted.

    Raises `ConfigError` when they would stand in clear.
    """
    require_encryption(connection_id)
    from airflow.models.connection import Connection
    from sqlalchemy import delete

    with metadata() as session:
        # Not read first: one that another Fernet key encrypted cannot be, and is to be replaced nevertheless.
        session.execute(delete(Connection).where(Connection.conn_id == connection_id))
        stored = Connection(conn_id=connection_id)
        stored.conn_type = provider.name
        stored.host = own.host
        stored.login = account
        stored.port = UNUSED_PORT
        stored.description = f"{provider.title} account {account}"
        stored.set_password(str(own.key))
        stored.set_extra(json.dumps(dict(own.settings)))
        session.add(stored)


def require_encryption(connection_id: str) -> None:
    """Raises `ConfigError` when Airflow would keep keys in clear, which it does without a word."""
    _require_airflow()
    from airflow.models.crypto import get_fernet

    if not get_fernet().is_encrypted:
        raise ConfigError(
            "Airflow's Fernet key is empty, so the key would be stored in clear",
            connection=connection_id,
            next_step="set [core] fernet_key (32 bytes, urlsafe base64), then connect again",
        )


def delete_connection(connection_id: str) -> bool:
    """Delete a stored key at once; False when there was none. A cloud's own connection stays: it may be others' too."""
    _require_airflow()
    from airflow.models.connection import Connection
    from sqlalchemy import delete, func

    with metadata() as session:
        ours = func.coalesce(Connection.conn_type, "").not_in(NATIVE.values())
        gone = session.execute(delete(Connection).where(Connection.conn_id == connection_id, ours))
        return bool(gone.rowcount)


def ensure_pools() -> list[str]:
    """Make the pool of every provider that is missing; an existing one keeps its size. Returns those made.

    A task whose pool does not exist would wait for ever without a word.
    """
    _require_airflow()
    from airflow.models.pool import Pool
    from sqlalchemy import select

    with metadata() as session:
        existing = set(session.scalars(select(Pool.pool)))
        missing = [provider for name, provider in PROVIDERS.items() if name not in existing]
        for provider in missing:
            session.add(
                Pool(
                    pool=provider.name,
                    slots=provider.pool_slots,
                    description=f"Requests to {provider.title} at a time",
                    include_deferred=False,
                )
            )
    return [provider.name for provider in missing]


def ensure_assets(connection: Connection) -> list[str]:
    """Make the assets of a connection's tables that are missing, each with its alias. Returns the names of those made.

    Airflow makes the asset of an alias when a task announces it, and fails one of two tasks that do so at once.
    """
    _require_airflow()
    from sqlalchemy.exc import IntegrityError

    with metadata() as session:
        try:
            with session.begin_nested():
                return _add_assets(session, connection)
        except IntegrityError:  # another scheduler, or a task, has just made one of them
            with session.begin_nested():
                return _add_assets(session, connection)


def _add_assets(session: Any, connection: Connection) -> list[str]:
    from airflow.assets.manager import asset_manager
    from airflow.models.asset import AssetAliasModel, AssetModel
    from airflow.serialization.definitions.assets import SerializedAsset
    from sqlalchemy import select

    from usage_ledger.airflow.assets import loaded_alias, table_asset, tables_of

    assets = {asset.name: asset for asset in (table_asset(connection.id, table) for table in tables_of(connection))}
    rows = session.scalars(select(AssetModel).where(AssetModel.name.in_(assets)).order_by(AssetModel.name))
    models = {row.name: row for row in rows if row.uri == assets[row.name].uri}
    missing = [asset for name, asset in assets.items() if name not in models]
    serialized = [SerializedAsset(one.name, one.uri, group="asset", extra={}, watchers=[]) for one in missing]
    new = asset_manager.create_assets(serialized, session=session)
    alias = session.scalar(select(AssetAliasModel).where(AssetAliasModel.name == loaded_alias(connection.id)))
    for model in (*models.values(), *new):
        if alias is not None and alias not in model.aliases:
            model.aliases.append(alias)
    session.flush()
    return [asset.name for asset in missing]


def keep_ports() -> None:
    """From now on this process stores a connection of ours with the port that the UI's *Test* sends, if with none."""
    from airflow.models.connection import Connection as Row
    from sqlalchemy import event

    def fill_port(_mapper: object, _connection: object, row: Any) -> None:
        if row.port is None and row.conn_type in PROVIDERS:
            row.port = UNUSED_PORT

    for moment in ("before_insert", "before_update"):
        event.listen(Row, moment, fill_port)


def ensure_ports() -> None:
    """Store the port that the UI's *Test* sends where the UI stored none for a connection of ours, before it did."""
    _require_airflow()
    from airflow.models.connection import Connection as Row
    from sqlalchemy import update

    with metadata() as session:
        ours = Row.conn_type.in_(PROVIDERS), Row.port.is_(None)
        session.execute(update(Row).where(*ours).values(port=UNUSED_PORT))


def missing_pools() -> list[str]:
    """The pools of our tasks that are missing or have no slot; none where there is no Airflow to ask."""
    if not airflow_is_set_up():
        return []
    needed = {*PROVIDERS, DEFAULT_POOL}
    with contextlib.suppress(AskAirflow):
        return sorted(needed - read_pools())
    quiet_airflow()
    from airflow.models.pool import Pool
    from sqlalchemy import select

    with metadata() as session:
        usable = set(session.scalars(select(Pool.pool).where(Pool.slots != 0)))
    return sorted(needed - usable)


def _require_airflow() -> None:
    if not airflow_is_set_up():
        raise ConfigError("there is no Airflow to store it in", next_step=NO_AIRFLOW)
    quiet_airflow()
