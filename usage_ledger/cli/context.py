"""What a command does before it asks for a connection: adopt the local stack, start its database if needed."""

import os

from sqlalchemy import URL, Engine

from usage_ledger.airflow.credentials import WAREHOUSE, warehouse_url
from usage_ledger.airflow.identity import provider_credential
from usage_ledger.airflow.stores import store_path
from usage_ledger.connections import Connection, find_connection
from usage_ledger.core.settings import require_settings
from usage_ledger.http.client import Client, client_for
from usage_ledger.local import postgres
from usage_ledger.local.settings import adopt_environment, airflow_home, postgres_folder
from usage_ledger.storage.files import AnyPath
from usage_ledger.storage.root import raw_root
from usage_ledger.warehouse.engine import warehouse_engine


def command_warehouse() -> URL:
    """The warehouse for a command; without the connection `usage_warehouse` the embedded PostgreSQL serves."""
    _adopt_settings()
    named = bool(os.environ.get(f"AIRFLOW_CONN_{WAREHOUSE.upper()}"))
    if not named and (_speaks_with_local_airflow() or not os.environ.get("AIRFLOW_HOME")):
        postgres.start()
    return warehouse_url()


def command_engine() -> Engine:
    """The warehouse's engine."""
    return warehouse_engine(command_warehouse())


def command_root() -> AnyPath:
    """Raw storage; a folder of the local stack where no other is named. Raises `ConfigError`."""
    return raw_root()


def command_client(connection_id: str) -> tuple[Connection, Client]:
    """A connection and a client for it. Raises `ConfigError`, `NoConnection`, `HostRefused`."""
    _adopt_settings()
    connection = find_connection(connection_id)
    require_stack_database()
    credential = provider_credential(connection)
    return connection, client_for(connection, credential, path_of=store_path)


def require_stack_database() -> None:
    """Where Airflow's metadata are the local stack's, its database must run before Airflow is asked."""
    _adopt_settings()
    if _speaks_with_local_airflow() and postgres_folder().is_dir():
        postgres.start()


def _adopt_settings() -> None:
    """Raises `ConfigError` for a malformed setting."""
    adopt_environment()
    require_settings()


def _speaks_with_local_airflow() -> bool:
    return os.environ.get("AIRFLOW_HOME") == str(airflow_home())
