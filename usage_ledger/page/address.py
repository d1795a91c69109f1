"""Addresses of views and of Airflow's own pages, relative to Airflow's base address."""

from collections.abc import Iterable
from urllib.parse import quote, urlencode

ROUTE = "plugin/usage"
"""Where Airflow shows the page; the shim shows the view that `view=` names."""


def view(name: str, **question: str | Iterable[str] | None) -> str:
    """A view with its question; what is None or empty is left out."""
    pairs = [("view", name)]
    for key, value in question.items():
        values = [value] if isinstance(value, str) else list(value or ())
        pairs += [(key.rstrip("_"), one) for one in values if one]
    return f"{ROUTE}?{urlencode(pairs)}"


def fragment(name: str, **question: str | Iterable[str] | None) -> str:
    """What the shim fetches for a view, or for a card by its path."""
    _, _, rest = view("", **question).partition("&")
    return f"usage-ledger/{quote(name)}" + (f"?{rest}" if rest else "")


def dag(connection_id: str) -> str:
    """The connection's Dag."""
    return f"dags/usage_{quote(connection_id, safe='')}"


def run(dag_id: str, run_id: str) -> str:
    """A run of a Dag."""
    return f"dags/{quote(dag_id, safe='')}/runs/{quote(run_id, safe='')}"


def task_log(dag_id: str, run_id: str, task_id: str) -> str:
    """The log of a run's task."""
    return f"{run(dag_id, run_id)}/tasks/{quote(task_id, safe='')}"


def backfills(connection_id: str) -> str:
    """The backfills of the connection's Dag, and the form for a new one."""
    return f"{dag(connection_id)}/backfills"
