"""Who changes the books of this project's money."""

import getpass
import os


def who() -> str:
    """The Dag of Airflow, or the person of this machine."""
    dag = os.environ.get("AIRFLOW_CTX_DAG_ID")
    if dag:
        return f"Airflow, Dag {dag}"
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as in containers
        return f"user {os.getuid()}"
