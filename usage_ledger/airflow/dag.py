"""Builds one daily Dag per connection from its YAML. Reads no database, no secrets backend, no network."""

from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any
from zlib import crc32

from airflow.sdk import DAG, AssetAlias, Param, TriggerRule, get_parsing_context

from usage_ledger.airflow.assets import loaded_alias
from usage_ledger.airflow.retry_policy import policy, retries
from usage_ledger.airflow.step_operator import StepOperator
from usage_ledger.airflow.tasks import extract, load, repair, transform, validate
from usage_ledger.airflow.timetable import UsageDay
from usage_ledger.connections import Connection, all_connections, connection_files, find_connection
from usage_ledger.core.errors import ConfigError
from usage_ledger.core.settings import malformed_settings
from usage_ledger.http.retry import scale

PREFIX = "usage_"
ALERTS = "usage_alerts"
"""The Dag that is of no connection; see `usage_ledger.airflow.alerts`."""
SHARES = 4
"""Dag files `dags/usage_<n>.py`. Airflow parses them side by side, and gives each 30 seconds of its own."""


def share_of(connection_id: str) -> int:
    """Which of the Dag files builds a connection's Dag; the same in every process and release."""
    return crc32(connection_id.encode()) % SHARES


def build_dags(folder: Path | None = None, *, share: int | None = None) -> dict[str, DAG]:
    """The Dags of the readable connections, of one share or of all; in a task process, only of the one that runs."""
    running = running_dag()
    if running and running != ALERTS:
        connections = [find_connection(running.removeprefix(PREFIX), folder)]
    else:
        paths = [path for path in connection_files(folder) if share in (None, share_of(path.stem))]
        connections, _ = all_connections(paths)
    return {f"{PREFIX}{connection.id}": build_dag(connection) for connection in connections}


def running_dag() -> str | None:
    """The id of our Dag whose task runs in this process; None in the Dag processor and in commands."""
    running = get_parsing_context().dag_id
    return running if running and running.startswith(PREFIX) else None


def broken_connections(folder: Path | None = None) -> ConfigError | None:
    """One error that names every connection file that cannot be read, and every malformed setting."""
    _, broken = all_connections(connection_files(folder))
    settings = malformed_settings()
    if not broken and not settings:
        return None
    sentences = [str(error) for error in settings] + [_of_file(error) for error in broken]
    remedies = ["the defaults count until these settings are correct"] if settings else []
    remedies += ["correct these files; the other connections run"] if broken else []
    return ConfigError(" | ".join(sentences), next_step="; ".join(remedies))


def _of_file(error: ConfigError) -> str:
    """What is wrong with a file, whose name it begins with; what to do is said once, of all of them."""
    return error.what if error.next_step == error.remedy else f"{error.what}: {error.next_step}"


def build_dag(connection: Connection) -> DAG:
    """extract → transform → validate → load, once a usage date; → repair when something is left."""
    at = f"{connection.at:%H:%M}"
    provider = connection.declared
    with DAG(
        dag_id=f"{PREFIX}{connection.id}",
        dag_display_name=f"Usage: {connection.id}",
        description=f"{provider.title} usage and cost of account {connection.account}",
        schedule=UsageDay(at, connection.timezone),
        start_date=datetime(2015, 1, 1, tzinfo=UTC),
        catchup=False,
        is_paused_upon_creation=False,
        max_active_runs=4,
        tags={"usage-ledger", provider.name},
        doc_md=document(connection),
        default_args=task_defaults(),
        deadline=_deadline(connection),
    ) as dag:
        announces = {"outlets": [AssetAlias(loaded_alias(connection.id))]}
        of = {"op_args": [connection.id]}
        steps = [
            StepOperator(python_callable=extract, task_id="extract", pool=provider.name, **of),
            StepOperator(python_callable=transform, task_id="transform", **of),
            StepOperator(python_callable=validate, task_id="validate", **of),
            StepOperator(python_callable=load, task_id="load", **announces, **of),
            # Skipped by load when nothing is left, so that an ordinary run costs four tasks.
            StepOperator(
                python_callable=repair,
                task_id="repair",
                pool=provider.name,
                trigger_rule=TriggerRule.NONE_FAILED,
                map_index_template="{{ waiting | default('') }}",
                **announces,
                **of,
            ),
        ]
        for before, after in pairwise(steps):
            before >> after
    dag.params.update(params())  # not before: each task would copy them; nor set: each Dag would check them again
    return dag


def _deadline(connection: Connection) -> Any:
    """What Airflow does when a run is late; None, and nothing is imported, without a `deadline`."""
    if connection.deadline is None:
        return None
    from usage_ledger.airflow.deadline import late_alert

    return late_alert(connection.id, connection.deadline)


def task_defaults() -> dict[str, Any]:
    """What every task has; waits follow USAGE_LEDGER_RETRY_SCALE."""
    return {
        "owner": "usage-ledger",
        "retries": retries(),
        "retry_delay": timedelta(minutes=5) * scale(),
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(hours=1),
        **policy(),
        "execution_timeout": timedelta(hours=2),
    }


@cache
def params() -> dict[str, Param]:
    """The params of a manual run; the same in every Dag."""
    return {
        name: Param(None, type=["null", "string"], format="date", title=title, description=text)
        for name, title, text in (
            (
                *("from", "From usage date"),
                "First usage date, included. Leave both empty for the last complete date, and in a backfill.",
            ),
            ("to", "To usage date", "Last usage date, included; it must be over. Leave it empty in a backfill."),
        )
    }


def document(connection: Connection) -> str:
    """What the Dag's page in the UI says. Nothing that changes by itself: each change is a new Dag version."""
    provider = connection.declared
    reports = "\n".join(
        f"| `{report.name}` | {', '.join(f'`{table}`' for table in report.tables) or '`ledger.name`'} "
        f"| {'asked daily' if report.snapshot else 'days of ' + connection.day_zone(report).key} |"
        for report in connection.chosen_reports
    )
    filled = f"since {connection.start_date}" if connection.start_date else "since the newest date it holds"
    return f"""\
### {provider.title}, account `{connection.account}`

A run loads one **usage date** of `{connection.timezone}` at {connection.at:%H:%M} on the next day, reads the days of
the look-back again, and fills what the ledger lacks ({filled}).

| Report | Fills | Days |
| --- | --- | --- |
{reports}

- **repair** runs only when something is left: the older windows of a long fill, and what the provider did not give. It
  names the report that waits, and until when; the other reports are loaded meanwhile.
- **Backfill**: *Trigger → Backfill*; the dates are usage dates, both included.
- **One range**: *Trigger → Single run* with `from` and `to`; the fewest requests.
- **A held day** came back empty, or contradicts the provider's own total: the old rows stay (`ops.event`, `ops.day`).
- **Query**: schema `marts`. **Provider**: [{provider.docs}]({provider.docs})
"""
