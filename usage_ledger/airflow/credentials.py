"""Finds connections and the warehouse: in the environment, else where Airflow keeps them, else the local stack's.

Commands and tasks look in the same order, so that they never speak of two warehouses.
"""

import contextlib
import json
import logging
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from sqlalchemy import URL

from usage_ledger.airflow.connection_text import parse
from usage_ledger.airflow.metadata import AskAirflow, Stored, read_connection
from usage_ledger.core import redaction
from usage_ledger.core.errors import CannotDecrypt, ConfigError, Unreachable
from usage_ledger.core.project import CHECKOUT, local_folder
from usage_ledger.warehouse.engine import engine_url

WAREHOUSE = "usage_warehouse"
LOCAL_DATABASE = "ledger"
HOOK_OPTIONS = frozenset(
    (
        *("iam", "aws_conn_id", "azure_conn_id", "redshift", "redshift-serverless", "cluster-identifier"),
        *("workgroup-name", "cursor", "sqlalchemy_scheme", "sqlalchemy_query"),
    )
)
"""What Airflow's Postgres hook reads from a connection's extra itself; all else goes to the driver."""


def warehouse_url() -> URL:
    """The warehouse: connection `usage_warehouse`, else the local stack's own. Raises `ConfigError`.

    The extra means what it means to Airflow's Postgres hook: options of the driver, but for the hook's own.
    """
    stored = find(WAREHOUSE)
    if stored is None:
        return local_url(LOCAL_DATABASE)
    if stored.extra.get("iam"):
        stored = _with_token(stored)
    options = {name: value for name, value in stored.extra.items() if name not in HOOK_OPTIONS}
    query = stored.extra.get("sqlalchemy_query") or {}
    if not isinstance(query, dict):
        raise ConfigError(
            f"`sqlalchemy_query` of connection {WAREHOUSE} is not an object", next_step="correct its extra"
        )
    return engine_url(
        user=stored.login or "",
        password=stored.password or "",
        host=stored.host or "",
        port=stored.port,
        database=stored.schema or "",
        options={name: str(value) for name, value in (options | query).items() if value is not None},
    )


def _with_token(stored: Stored) -> Stored:
    """The connection with the token that Airflow's Postgres hook gets from AWS or Azure instead of a password."""
    quiet_airflow()
    from airflow.sdk import Connection

    try:
        from airflow.providers.postgres.hooks.postgres import PostgresHook

        whole = {"conn_id": WAREHOUSE, "extra": json.dumps(stored.extra)}
        parts = {name: getattr(stored, name) for name in ("conn_type", "host", "login", "password", "port", "schema")}
        login, token, port = PostgresHook(WAREHOUSE).get_iam_token(Connection(**whole, **parts))
    except Exception as error:  # noqa: BLE001  each cloud's library has its own
        raise ConfigError(
            f"no IAM token for connection {WAREHOUSE}: {str(error)[:300]}",
            next_step="check `iam` and `aws_conn_id` or `azure_conn_id` in its extra; its provider must be installed",
        ) from None
    redaction.protect(token)
    return replace(stored, login=login, password=token, port=port)


def local_url(database: str) -> URL:
    """A database of the embedded PostgreSQL, through its socket folder."""
    folder = local_folder() / "postgres"
    if not folder.is_dir():
        raise ConfigError(
            "there is no warehouse",
            next_step=f"{'start the local stack with `make up`, or ' * CHECKOUT}set AIRFLOW_CONN_{WAREHOUSE.upper()}",
        )
    return engine_url(user="postgres", password="", host=str(folder), port=None, database=database, options={})


def find(connection_id: str) -> Stored | None:
    """A connection from the environment or from Airflow; None when neither has it."""
    setting = f"AIRFLOW_CONN_{connection_id.upper()}"
    text = os.environ.get(setting)
    if text:
        return parse(text, setting)
    if in_task():
        return _from_task(connection_id)
    return _from_airflow(connection_id)


def in_task() -> bool:
    """True in a process that Airflow runs a task in: it may ask the execution API alone."""
    supervisor = sys.modules.get("airflow.sdk.execution_time.task_runner")
    return supervisor is not None and getattr(supervisor, "SUPERVISOR_COMMS", None) is not None


def _from_task(connection_id: str) -> Stored | None:
    """From Airflow's API server. Raises `Unreachable`.

    The server says "not found" also of what it could not read just now, and the SDK of what it got no answer about.
    Believed, that would end a task for good, or send its rows to another warehouse than the one that is named: so it
    counts only after an answer that can but come from the metadata database.
    """
    from airflow.sdk import Connection, get_current_context
    from airflow.sdk.exceptions import AirflowNotFoundException, AirflowRuntimeError

    with contextlib.suppress(AirflowNotFoundException):
        return _stored(Connection.get(connection_id))
    context = get_current_context()
    run = context["dag_run"]
    try:
        context["ti"].get_dagrun_state(run.dag_id, run.run_id)  # waits for the server for half a minute
        return _stored(Connection.get(connection_id))
    except AirflowNotFoundException:
        return None
    except AirflowRuntimeError as error:
        raise Unreachable(
            f"Airflow's API server does not answer ({error.error.error.value})",
            connection=connection_id,
            next_step="a task tries again by itself; see the API server's log if it lasts",
        ) from None


def _from_airflow(connection_id: str) -> Stored | None:
    """From Airflow's secrets backends and its metadata database, which a command may read."""
    if not airflow_is_set_up():
        return None
    with contextlib.suppress(AskAirflow):  # first without its import, which takes seconds
        return read_connection(connection_id)
    quiet_airflow()
    from airflow.exceptions import AirflowNotFoundException
    from airflow.models.connection import Connection

    try:
        return _stored(Connection.get_connection_from_secrets(connection_id))
    except AirflowNotFoundException:
        if _is_in_metadata(connection_id):
            raise CannotDecrypt("the stored key cannot be decrypted", connection=connection_id) from None
        return None


def _is_in_metadata(connection_id: str) -> bool:
    """Whether there is such a connection after all: Airflow says "not found" of one that it failed to read, too."""
    from airflow.models.connection import Connection
    from sqlalchemy import select

    with metadata() as session:
        row = session.scalar(select(Connection.id).where(Connection.conn_id == connection_id))
    return row is not None


@contextlib.contextmanager
def metadata() -> Iterator[Any]:
    """A session on Airflow's metadata database. Raises `ConfigError` when it does not answer, or refuses."""
    from airflow.utils.session import create_session
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with create_session(scoped=False) as session:
            yield session
    except SQLAlchemyError:
        raise ConfigError(
            "Airflow's metadata database does not answer, or refuses",
            next_step="see that it runs, as after `make up`, and try again",
        ) from None


def _stored(row: Any) -> Stored:
    return Stored(row.conn_type, row.host, row.login, row.password, row.port, row.schema, dict(row.extra_dejson))


def airflow_is_set_up() -> bool:
    """Whether there is an Airflow to ask: a configuration file, or settings that name its database or a backend."""
    names = (f"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN{source}" for source in ("", "_CMD", "_SECRET"))
    if any(os.environ.get(name) for name in (*names, "AIRFLOW__SECRETS__BACKEND", "AIRFLOW_CONFIG")):
        return True
    home = os.environ.get("AIRFLOW_HOME", "")
    return bool(home) and os.path.isfile(os.path.join(home, "airflow.cfg"))  # noqa: PTH113, PTH118  no path object needed


def quiet_airflow() -> None:
    """Keep Airflow's own log lines out of a command's standard output, which holds data.

    Airflow's own processes have it imported: they keep their level, and the tasks that they start inherit it.
    """
    if "airflow" not in sys.modules:
        os.environ.setdefault("AIRFLOW__LOGGING__LOGGING_LEVEL", "ERROR")
        logging.getLogger("airflow").setLevel(logging.ERROR)
