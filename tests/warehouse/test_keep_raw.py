"""Raw storage loses the loads that are older than `keep_raw`, and never one that the ledger stands on."""

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest
from kit.object_store import object_store
from kit.upgrading import ask
from sqlalchemy import Engine

from usage_ledger.connections import Connection, connection_from
from usage_ledger.core.errors import ConfigError
from usage_ledger.core.storage_errors import StorageDown
from usage_ledger.http.auth import Credential
from usage_ledger.http.client import Client
from usage_ledger.pipeline.leftovers import remove_old_loads
from usage_ledger.pipeline.plan import Dates
from usage_ledger.pipeline.rebuild import rebuild
from usage_ledger.pipeline.run import Ran, run_all
from usage_ledger.sandbox.app import create_app, running
from usage_ledger.sandbox.fireworks.truth import FireworksTruth
from usage_ledger.storage import sweep
from usage_ledger.storage.files import AnyPath
from usage_ledger.storage.landing import landed_folders
from usage_ledger.storage.root import place

KEY = "fw_keepRawKey0123456789"
FIRST, LAST, DAY = date(2026, 10, 30), date(2026, 11, 2), timedelta(days=1)
FULL, OTHER = FireworksTruth(account="acme"), FireworksTruth(account="acme", seed=2)
NONE = FireworksTruth(account="acme", since=date(2026, 11, 15))
LATER = datetime.now(UTC) + timedelta(days=401)
FACTS = ("usage_daily", "cost_daily")


def connection(**settings: str) -> Connection:
    document = {"provider": "fireworks", "account": "acme", "reports": ["usage", "cost", "api_keys"], **settings}
    return connection_from("acme", document, "acme.yaml")


ACME = connection(keep_raw="400 days")


@pytest.fixture(params=["folder", "bucket"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AnyPath]:
    if request.param == "folder":
        yield cast(AnyPath, tmp_path / "raw")
        return
    with object_store() as store:
        yield place(f"s3://{store.bucket()}/raw", None, name="raw", holds="raw storage")


@pytest.fixture
def run(database: Engine, root: AnyPath) -> Callable[..., Ran]:
    """Loads the dates from a provider that answers so."""

    def load(truth: FireworksTruth, first: date = FIRST, last: date = LAST) -> Ran:
        with (
            running(create_app([truth], KEY)) as url,
            Client(ACME.declared, base_url=url, credential=Credential(KEY), account="acme") as client,
        ):
            now = datetime.now(UTC)
            return run_all(ACME, Dates(first, last), client=client, engine=database, root=root, now=now)

    return load


def remove(engine: Engine, root: AnyPath, by: Connection = ACME, now: datetime = LATER) -> None:
    for report in by.declared.reports:
        remove_old_loads(by, report, engine=engine, root=root, now=now)


def landed(root: AnyPath) -> dict[str, int]:
    """How many loads of each report raw storage has."""
    counts: dict[str, int] = {}
    for folder in landed_folders(root, "fireworks", "acme"):
        report = str(folder).split("/")[-3]
        counts[report] = counts.get(report, 0) + 1
    return counts


def facts(engine: Engine) -> dict[str, object]:
    rows = "SELECT (to_jsonb(row) - 'load_id')::text FROM ledger.{} AS row ORDER BY 1"
    return {table: ask(engine, rows.format(table)) for table in FACTS}


def test_loads_go_once_newer_ones_have_brought_all_their_dates_and_a_rebuild_gives_the_same(
    database: Engine,
    root: AnyPath,
    run: Callable[..., Ran],
    empty_database: Callable[..., Engine],
    caplog: pytest.LogCaptureFixture,
) -> None:
    run(FULL)
    run(OTHER, last=LAST - DAY)
    remove(database, root)
    assert landed(root) == {"usage": 2, "cost": 2, "api_keys": 2}  # the last date stands on the first load
    run(OTHER)
    remove(database, root, now=LATER - timedelta(days=2))
    remove(database, root, by=connection())
    assert landed(root) == {"usage": 3, "cost": 3, "api_keys": 3}
    with caplog.at_level(logging.INFO, "usage_ledger"):
        remove(database, root)
    assert landed(root) == {"usage": 1, "cost": 1, "api_keys": 3}
    said = [message for message in caplog.messages if "removed 2 loads" in message]
    assert [message.split(":")[0] for message in said] == ["usage", "cost"]
    assert all(" (0 bytes)" not in message for message in said)
    before = facts(database)
    assert rebuild(ACME, None, engine=database, root=root).failures == []
    assert facts(database) == before
    fresh = empty_database()
    assert rebuild(ACME, None, engine=fresh, root=root).failures == []
    assert facts(fresh) == before
    remove(database, root)
    assert landed(root) == {"usage": 1, "cost": 1, "api_keys": 3}


def test_loads_of_a_held_failed_or_unknown_date_stay(database: Engine, root: AnyPath, run: Callable[..., Ran]) -> None:
    run(FULL)
    run(FULL)
    assert run(NONE).held
    before = landed(root)
    remove(database, root)
    assert landed(root) == before
    ask(database, "UPDATE ops.day SET state = 'failed', load_id = NULL")
    remove(database, root)
    assert landed(root) == before
    ask(database, "DELETE FROM ops.day")
    remove(database, root)
    assert landed(root) == before


def test_the_daily_run_removes_and_a_newest_load_that_is_gone_keeps_the_older_one(
    database: Engine, root: AnyPath, run: Callable[..., Ran]
) -> None:
    run(FULL)
    ask(database, "UPDATE ops.load SET fetched_at = fetched_at - interval '401 days'")
    ask(database, "UPDATE ops.day SET fetched_at = fetched_at - interval '401 days'")
    run(FULL)
    assert landed(root) == {"usage": 2, "cost": 2, "api_keys": 2}  # a run removes before its own are loaded
    ask(database, "UPDATE ops.day SET load_id = gen_random_uuid() WHERE report = 'cost'")
    run(FULL, first=FIRST, last=FIRST)
    assert landed(root) == {"usage": 2, "cost": 3, "api_keys": 3}


def test_a_removal_that_breaks_off_leaves_no_load_that_looks_whole(
    database: Engine, root: AnyPath, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    run(FULL)
    run(OTHER)
    before = facts(database)

    def break_off(files: list[AnyPath]) -> None:
        real_remove(files[:1])
        raise StorageDown("the store does not answer")

    real_remove = sweep.remove
    with monkeypatch.context() as patch, pytest.raises(StorageDown):
        patch.setattr(sweep, "remove", break_off)
        remove(database, root)
    assert landed(root)["usage"] == 1
    assert rebuild(ACME, None, engine=database, root=root).failures == []
    assert facts(database) == before


@pytest.mark.parametrize("value", ["400", "0 days", "-1 days", "1 year", 400, "400 days ago"])
def test_what_is_no_number_of_days_is_refused(value: object) -> None:
    with pytest.raises(ConfigError, match=r"acme\.yaml: key `keep_raw`: .* allowed: such as 400 days"):
        connection_from("acme", {"provider": "fireworks", "account": "acme", "keep_raw": value}, "acme.yaml")


@pytest.mark.parametrize(("settings", "least"), [({}, 4), ({"lookback_days": "9"}, 10)])
def test_no_longer_than_the_longest_lookback_is_refused(settings: dict[str, str], least: int) -> None:
    longest = max(connection(**settings).lookback(report) for report in ACME.chosen_reports)
    assert longest == least - 1
    with pytest.raises(ConfigError, match=rf"acme\.yaml: key `keep_raw`: {longest} days .* allowed: {least} days or"):
        connection(keep_raw=f"{longest} days", **settings)
    assert connection(keep_raw=f"{least} days", **settings).keep_raw == timedelta(days=least)
