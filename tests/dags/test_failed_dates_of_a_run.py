"""A run with a failed date: the load task brings and announces the others, and the last task says what is wrong."""

from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import DownstreamTasksSkipped
from kit.fireworks_answers import serverless, usage
from kit.provider_site import DAY, FIRST, LAST, USAGE, Site
from kit.task_failure import failure

from usage_ledger.airflow import assets, tasks
from usage_ledger.airflow.handover import LEFT, LOADS, SINCE
from usage_ledger.connections import Connection
from usage_ledger.core import contract_errors
from usage_ledger.core.windows import Window
from usage_ledger.pipeline.extract import extract
from usage_ledger.pipeline.transform import transform
from usage_ledger.pipeline.validate import validate
from usage_ledger.providers.fireworks import FIREWORKS

RUN = "scheduled__2026-11-13T00:00:00+00:00"


class Events:
    """Takes what a task announces."""

    def __init__(self) -> None:
        self.announced: dict[str, int] = {}

    def __getitem__(self, _alias: Any) -> "Events":
        return self

    def add(self, asset: Any, extra: dict[str, int]) -> None:
        self.announced[asset.name.partition("/")[0]] = extra["changed_rows"]


@pytest.fixture
def load_id(site: Site, monkeypatch: pytest.MonkeyPatch) -> str:
    """A validated load of a run, in which the first of two dates has failed."""
    connection = Connection(id=site.name, provider="fireworks", account=site.name, reports=("usage",))
    assert site.run(reports=("cost",)).failures == []
    site.provider.answers[f"/{site.name}{USAGE}"] = (200, usage(serverless(FIRST, "-1"), serverless(LAST)))
    window, report = Window(FIRST, LAST + DAY), FIREWORKS.report("usage")
    with site.client() as client:
        load_id = extract(connection, report, window, client=client, engine=site.engine, root=site.root, run_id=RUN)
    for step in (transform, validate):
        step(connection, load_id, engine=site.engine, root=site.root)
    handed = {LOADS: [load_id], LEFT: 0, SINCE: 0}
    instance = SimpleNamespace(try_number=1, task_id="load", xcom_pull=lambda **_: handed)
    context = {"ti": instance, "dag_run": SimpleNamespace(run_id=RUN)}
    for module in (tasks, assets):
        monkeypatch.setattr(module, "get_current_context", lambda: context)
    monkeypatch.setattr(tasks, "_resources", lambda _id: (connection, site.engine, site.root))
    return load_id


def test_the_load_task_brings_the_other_dates_and_leaves_the_failure_to_the_last_task(site: Site, load_id: str) -> None:
    events = Events()
    try:
        tasks.load(site.name, events)
    except DownstreamTasksSkipped:
        pytest.fail("the run would end green")
    assert events.announced["usage_daily"] == 1
    assert list(site.tokens()) == [LAST]
    requests = site.provider.request_count(f"/{site.name}{USAGE}")
    with pytest.raises(failure(contract_errors.NegativeCount), match=f"nothing of {FIRST} was loaded"):
        tasks.repair(site.name, events)
    assert site.provider.request_count(f"/{site.name}{USAGE}") == requests


def test_what_a_repair_that_ends_red_has_loaded_is_announced_by_the_next_run(site: Site, load_id: str) -> None:
    context, events = tasks.get_current_context(), Events()
    with pytest.raises(failure(contract_errors.NegativeCount)):
        tasks.repair(site.name, events)
    assert list(site.tokens()) == [LAST]
    assert events.announced == {}  # Airflow would take none of a task that fails
    context["dag_run"].run_id = "scheduled__2026-11-14T00:00:00+00:00"
    context["ti"].xcom_pull = lambda **_: {LOADS: [], LEFT: 0, SINCE: 0}
    for announced in ({"usage_daily": 1}, {}):
        events.announced.clear()
        with pytest.raises(DownstreamTasksSkipped):
            tasks.load(site.name, events)
        assert events.announced == announced
