"""The Dag `usage_alerts`: after loads, and once a day, it brings the money up to date and says what is wrong."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from airflow.sdk import DAG, AssetAlias, AssetAny, AssetOrTimeSchedule, CronTriggerTimetable, task

from usage_ledger.airflow.assets import loaded_alias
from usage_ledger.airflow.dag import ALERTS, task_defaults
from usage_ledger.airflow.task_log import explained
from usage_ledger.connections import connection_files
from usage_ledger.core.errors import ConfigError, UsageLedgerError
from usage_ledger.core.redaction import redact

if TYPE_CHECKING:
    from sqlalchemy import Engine

log = logging.getLogger(__name__)
DAILY = "30 6 * * *"
"""When it runs even if nothing was loaded, so that a connection that is behind is noticed; UTC."""


def build_alerts_dag(folder: Path | None = None) -> DAG:
    """One task, after each load that changed rows, and daily. A new connection's file counts at the next parse."""
    aliases = [AssetAlias(loaded_alias(path.stem)) for path in connection_files(folder)]
    daily = CronTriggerTimetable(DAILY, timezone="UTC")
    with DAG(
        dag_id=ALERTS,
        dag_display_name="Usage: alerts",
        description="Prices, owners, budgets, verdicts; then who is notified of what",
        schedule=AssetOrTimeSchedule(timetable=daily, assets=AssetAny(*aliases)) if aliases else daily,
        start_date=datetime(2015, 1, 1, tzinfo=UTC),
        catchup=False,
        is_paused_upon_creation=False,
        max_active_runs=1,
        tags={"usage-ledger"},
        doc_md=DOCUMENT,
        default_args=task_defaults() | {"retries": 1, "execution_timeout": timedelta(hours=1)},
    ) as dag:
        task(alert, task_id="alert")()
    return dag


DOCUMENT = """\
### What should somebody hear of?

**alert** brings prices, owners and budgets of `include` into the ledger, records what each team's use cost, judges the
bills, and writes to `ops.alert`, once each: a budget that is crossed or will be, a day that costs far more or less than
days of its kind, a bill that differs from what was metered, sources that disagree on a price, and connections that are
failing, held or behind.

Then it notifies by the Airflow connections that a budget or team names, else by those of `USAGE_LEDGER_NOTIFY`. A step
that fails stops no other; the task then ends red, and says which.
"""


@explained
def alert() -> None:
    """Bring the money up to date, write new findings, notify. Raises `ConfigError` with a sentence for each failure."""
    from usage_ledger.airflow.credentials import warehouse_url
    from usage_ledger.airflow.notify import default_targets, send
    from usage_ledger.money.alerts import deliver, evaluate
    from usage_ledger.warehouse.engine import warehouse_engine
    from usage_ledger.warehouse.schema import ensure_schema

    engine = warehouse_engine(warehouse_url())
    ensure_schema(engine)
    failures = list(_bring_up_to_date(engine))
    evaluation = evaluate(engine, datetime.now(UTC).date())
    log.info("%d new alerts, %d have ended", evaluation.raised, evaluation.cleared)
    failures += [str(error) for error in evaluation.failures]
    failures += deliver(engine, default_targets(), send)
    if failures:
        raise ConfigError(" | ".join(failures), next_step="what failed is tried again by the next run")


def _bring_up_to_date(engine: "Engine") -> Iterator[str]:
    """A sentence for each step that failed; each is tried, whatever became of those before it."""
    for step in (_prices, _owners, _team_costs, _budgets, _verdicts):
        try:
            for line in step(engine):
                log.warning("%s", line)
        except UsageLedgerError as error:
            log.error("%s", error)
            yield str(error)
        except Exception as error:  # a defect in one step is no reason to tell nobody of the others'
            log.exception("a step of the money failed")
            yield redact(f"a step of the money failed by a defect ({type(error).__name__}: {error})")


def _prices(engine: "Engine") -> list[str]:
    from usage_ledger.money.prices import apply_prices

    return apply_prices(engine)


def _owners(engine: "Engine") -> list[str]:
    from usage_ledger.money.owners import apply_owners

    apply_owners(engine)
    return []


def _team_costs(engine: "Engine") -> list[str]:
    from usage_ledger.money.team_costs import record_team_costs

    record_team_costs(engine)
    return []


def _budgets(engine: "Engine") -> list[str]:
    from usage_ledger.money.budgets import apply_budgets

    return apply_budgets(engine)


def _verdicts(engine: "Engine") -> list[str]:
    from usage_ledger.money.verdict import record_verdicts

    record_verdicts(engine)
    return []
