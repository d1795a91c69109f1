"""The layer that knows Airflow. A Dag file needs `dags` alone, and its companion `raise_for_broken_files`."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.sdk import DAG


def dags() -> "dict[str, DAG]":
    """Every Dag by its id: one for each connection whose file can be read, and `usage_alerts`.

    In the process of a task only that task's Dag is built. Raises `ConfigError` for a release of Airflow that is too
    old or too new.
    """
    from usage_ledger.airflow.versions import require_airflow_version

    require_airflow_version()
    from usage_ledger.airflow.dag import ALERTS, build_dags, running_dag

    running = running_dag()
    if running == ALERTS:
        return _alerts()
    return build_dags() if running else build_dags() | _alerts()


def raise_for_broken_files() -> None:
    """Raises one `ConfigError` that names every connection file that cannot be read, and every malformed setting.

    In a Dag file of its own it shows under Import Errors, while the Dags of the other connections run.
    """
    from usage_ledger.airflow.versions import require_airflow_version

    require_airflow_version()
    from usage_ledger.airflow.dag import broken_connections

    if error := broken_connections():
        raise error


def _alerts() -> "dict[str, DAG]":
    from usage_ledger.airflow.alerts import build_alerts_dag

    dag = build_alerts_dag()
    return {dag.dag_id: dag}
