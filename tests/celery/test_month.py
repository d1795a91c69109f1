"""A month of ten connections on several machines: `make test-celery`. With `--losses` one dies, and then the queue.

It prints how long it took, what became of the tasks of the lost worker, and what ended by itself.

The backfill's last date is the one before the newest, because some stand-ins, as their providers, tell all of a date
only some hours after its end. The newest date has a scheduled run of each Dag.
"""

import logging
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from kit.filled_ledger import KEY
from kit.ledger_sums import ledger_sums, without_zeros
from losses import Loss, lose_queue, lose_worker, tries_of, waits
from machine import listening, wait_until
from production_cluster import CELERY, Cluster, cluster

from usage_ledger.airflow.timetable import UsageDay
from usage_ledger.core.project import local_folder
from usage_ledger.local.accounts import ACCOUNT, AT, connection_of, invented_account
from usage_ledger.providers import PROVIDERS
from usage_ledger.sandbox.accounts import STAND_INS, other_accounts
from usage_ledger.sandbox.app import create_app, running
from usage_ledger.sandbox.authress.archive import write_archive
from usage_ledger.sandbox.fireworks.truth import FireworksTruth

DAY = timedelta(days=1)
FIREWORKS = FireworksTruth(account=ACCOUNT)
CHOSEN = {"openai": ["completions", "costs"], "anthropic": ["analytics_usage", "analytics_cost"]}
"""Reports of the providers that have many, so that a month takes minutes."""
PATIENCE = 900.0
"""Seconds in which one more run ends."""
STATES = r"""
SELECT state, count(*) FROM dag_run WHERE dag_id LIKE 'usage\_%%\_demo' AND logical_date = ANY(%s) GROUP BY 1
"""


class Done(NamedTuple):
    """A cluster after its backfill of the dates `first` to `last`."""

    cluster: Cluster
    first: date
    last: date
    seconds: float
    loss: Loss | None


@pytest.fixture(scope="module")
def backfill(request: pytest.FixtureRequest) -> Iterator[Done]:
    """Everything is started, ten accounts are connected, and their month is loaded."""
    option = request.config.getoption
    last = UsageDay(AT, "UTC").newest(datetime.now(UTC)) - DAY
    first = last - DAY * (option("--dates") - 1)
    begin_archive(first)
    loss = None
    logging.disable(logging.INFO)  # Airflow's import lets moto tell of each request
    app = create_app([FIREWORKS], KEY, others=other_accounts(KEY, ACCOUNT))
    began = time.monotonic()
    with running(app) as url, cluster(option("--executor"), url, local_folder()) as made:
        tell(f"{made.executor}: up after {time.monotonic() - began:.0f} s")
        made.connect([account_of(name, url) for name in PROVIDERS])
        dags = [f"usage_{connection_of(name)}" for name in PROVIDERS]
        wait_for_dags(made, dags)
        tell(f"connected after {time.monotonic() - began:.0f} s")
        began, count = time.monotonic(), len(dags) * (option("--dates") + 1)
        begin_backfills(made, dags, first, last)
        if made.executor == CELERY and option("--losses"):
            wait_for_runs(made, first, last, count // 3)
            loss = lose_worker(made, "worker-1")
            tell(f"worker-1 was killed after {time.monotonic() - began:.0f} s")
            wait_for_runs(made, first, last, count * 2 // 3)
            lose_queue(made)
            tell(f"Redis was killed after {time.monotonic() - began:.0f} s")
        wait_for_runs(made, first, last, count)
        yield Done(made, first, last, time.monotonic() - began, loss)


def account_of(provider: str, url: str) -> tuple[str, dict[str, Any], Any]:
    document, credential = invented_account(provider, KEY, url)
    more = {"reports": CHOSEN[provider]} if provider in CHOSEN else {}
    return connection_of(provider), document | more, credential


def begin_archive(first: date) -> None:
    """Deliver the audit stream of all dates; by itself the stand-in begins with the last twenty."""
    now = datetime.now(UTC)
    write_archive(STAND_INS["authress"].truth(seed=1, account=ACCOUNT), now, days=(now.date() - first).days + 1)


def wait_for_dags(made: Cluster, dags: list[str]) -> None:
    query = "SELECT dag_id FROM dag WHERE dag_id = ANY(%s)"
    wait_until(lambda: len(made.metadata(query, dags)) == len(dags), "the Dags", 600)


def begin_backfills(made: Cluster, dags: list[str], first: date, last: date) -> None:
    dates = {"from_date": f"{first}T00:00:00Z", "to_date": f"{last}T00:00:00Z"}
    with made.api() as api:
        for dag_id in dags:
            document = {"dag_id": dag_id, "max_active_runs": 4, **dates}
            api.post("/api/v2/backfills", json=document).raise_for_status()


def states_of(made: Cluster, first: date, last: date) -> Counter[str]:
    """How many runs have which state: those of the backfill, and the scheduled ones of the date after it."""
    dates = [first + DAY * n for n in range((last - first).days + 2)]
    return Counter(dict(made.metadata(STATES, [datetime(day.year, day.month, day.day, tzinfo=UTC) for day in dates])))


def wait_for_runs(made: Cluster, first: date, last: date, count: int) -> None:
    """Until so many runs ended."""
    before, until = -1, 0.0
    while True:
        states = states_of(made, first, last)
        ended = states["success"] + states["failed"]
        if ended >= count:
            return
        if ended > before:
            before, until = ended, time.monotonic() + PATIENCE
        assert time.monotonic() < until, f"no run more ended in {PATIENCE:g} s: {dict(states)}"
        made.restarts.start_ended(made.machines)
        time.sleep(1)


def tell(text: str) -> None:
    print(f"  {text}", flush=True)  # noqa: T201


def test_every_run_of_the_month_succeeded(backfill: Done) -> None:
    made, first, last, seconds, _ = backfill
    runs, tries = states_of(made, first, last), tries_of(made)
    tell(f"{runs.total()} runs, {len(tries)} tries of tasks in {seconds:.0f} s")
    for task in sorted({one.place.task for one in tries}):
        lengths = sorted((one.end - one.start).total_seconds() for one in tries if one.place.task == task and one.end)
        tell(f"{task}: {len(lengths)} of {sum(lengths) / len(lengths):.1f} s, the longest {lengths[-1]:.0f} s")
    for one in tries:
        if one.place.number > 1 or one.state not in ("success", "running"):
            tell(f"{one.state}: {' '.join(map(str, one.place))}, {one.start:%H:%M:%S} to {one.end:%H:%M:%S}")
    for restart in made.restarts.all:
        tell(f"ended by itself: {restart.program} of {restart.machine}, {restart.at:%H:%M:%S}: {restart.reason}")
    assert runs == {"success": len(PROVIDERS) * ((last - first).days + 2)}


def test_the_tasks_of_the_lost_worker_were_tried_again(backfill: Done) -> None:
    if backfill.loss is None:
        pytest.skip("nothing was lost without --losses, nor with the LocalExecutor")
    waited = waits(backfill.loss, tries_of(backfill.cluster))
    for place, seconds in waited.items():
        tell(f"lost at {backfill.loss.at:%H:%M:%S}: {' '.join(map(str, place))}; again after {seconds:.0f} s")
    assert waited.keys() == set(backfill.loss.tries)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_ledger_equals_the_truth_of_the_stand_in(backfill: Done, provider: str) -> None:
    made, first, last = backfill[:3]
    connection_id = connection_of(provider)
    reports = [
        report.name
        for report in PROVIDERS[provider].reports
        if made.ledger("SELECT 1 FROM ops.day WHERE (connection_id, report) = (%s, %s)", connection_id, report.name)
        and not report.snapshot
    ]
    states = made.ledger(
        "SELECT DISTINCT state FROM ops.day WHERE connection_id = %s AND usage_date BETWEEN %s AND %s",
        *(connection_id, first, last),
    )
    assert ("loaded",) in states
    assert set(states) <= {("loaded",), ("empty",)}  # a stand-in may have no rows of a date, as its truth says
    assert reports
    for report in reports:
        sums = ledger_sums(made.ledger, connection_id, report)
        sums = {key: meters for key, meters in sums.items() if first <= key[0] <= last}
        if provider == "fireworks":
            truth = of_fireworks(report, first, last)
        else:
            truth = STAND_INS[provider].truth(seed=1, account=ACCOUNT).expected(report, first, last + DAY, "UTC")
        assert sums == without_zeros(truth), report


def of_fireworks(report: str, first: date, last: date) -> dict[Any, dict[str, Any]]:
    if report.endswith("cost"):
        return {(day, "", ""): {"amount": amount} for day, amount in FIREWORKS.expected_cost(first, last + DAY).items()}
    return {(day, "", ""): meters for day, meters in FIREWORKS.expected_usage(first, last + DAY, "UTC").items()}


def test_nothing_is_doubled(backfill: Done) -> None:
    for table in ("usage_daily", "cost_daily"):
        [(rows, keys)] = backfill.cluster.ledger(
            f"SELECT count(*), count(DISTINCT (connection_id, report, usage_date, row_key)) FROM ledger.{table}"
        )
        assert rows == keys > 0
        tell(f"ledger.{table}: {rows} rows")


def test_nothing_listens_but_on_loopback(backfill: Done) -> None:
    processes = [one for machine in backfill.cluster.machines.values() for one in machine.processes()]
    assert listening(processes) <= {"127.0.0.1", "::1"}


def test_a_worker_knows_nothing_that_opens_airflow(backfill: Done) -> None:
    made = backfill.cluster
    if made.executor != CELERY:
        pytest.skip("there is no worker with the LocalExecutor")
    keys = ("AIRFLOW_DATABASE_PASSWORD", "AIRFLOW_FERNET_KEY", "AIRFLOW_JWT_SECRET", "AIRFLOW_SESSION_KEY")
    for name in ("worker-1", "worker-2"):
        machine = made.machines[name]
        assert len(machine.processes()) > 4
        text = "".join(machine.environment.values()) + (machine.folder / "airflow.cfg").read_text(encoding="utf-8")
        environments = [Path(f"/proc/{one.pid}/environ").read_bytes() for one in machine.processes()]
        known = text.encode() + b"".join(environments)
        assert [key for key in keys if made.variables[key].encode() in known] == []
