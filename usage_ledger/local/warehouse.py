"""What a command does before it asks for a connection: adopt the local stack, start its database if needed."""

import os

from sqlalchemy import URL

from usage_ledger.airflow.connections import WAREHOUSE, warehouse_url
from usage_ledger.local import postgres
from usage_ledger.local.settings import adopt_environment, airflow_home, postgres_folder


def command_warehouse() -> URL:
    """The warehouse for a command; without the connection `usage_warehouse` the embedded PostgreSQL serves."""
    adopt_environment()
    named = bool(os.environ.get(f"AIRFLOW_CONN_{WAREHOUSE.upper()}"))
    if not named and (_speaks_with_local_airflow() or not os.environ.get("AIRFLOW_HOME")):
        postgres.start()
    return warehouse_url()


def require_stack_database() -> None:
    """Where Airflow's metadata are the local stack's, its database must run before Airflow is asked."""
    if _speaks_with_local_airflow() and postgres_folder().is_dir():
        postgres.start()


def _speaks_with_local_airflow() -> bool:
    return os.environ.get("AIRFLOW_HOME") == str(airflow_home())
