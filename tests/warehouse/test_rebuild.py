"""The warehouse comes again from raw storage alone: figures, names, restatements, holds and their release."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from usage_ledger.connections import Connection, connection_from
from usage_ledger.core.errors import ConfigError
from usage_ledger.core.windows import Window
from usage_ledger.http.auth import Credential
from usage_ledger.http.client import Client
from usage_ledger.pipeline.plan import Dates
from usage_ledger.pipeline.rebuild import rebuild, release
from usage_ledger.pipeline.run import Ran, run_all
from usage_ledger.sandbox.app import create_app, running
from usage_ledger.sandbox.fireworks.truth import FireworksTruth

KEY = "fw_rebuildKey0123456789"
FIRST, LAST = date(2026, 10, 30), date(2026, 11, 3)
FULL = FireworksTruth(account="acme")
FEWER = FireworksTruth(account="acme", seed=2)
NONE = FireworksTruth(account="acme", since=date(2026, 11, 15))
Rows = Callable[..., list[Any]]


@dataclass
class Ledger:
    """A connection whose provider may answer differently each time."""

    engine: Engine
    root: Path
    connection: Connection

    def run(self, truth: FireworksTruth, first: date = FIRST, last: date = LAST) -> Ran:
        with running(create_app([truth], KEY)) as url, self.client(url) as client:
            return run_all(
                self.connection,
                Dates(first, last),
                client=client,
                engine=self.engine,
                root=self.root,
                now=datetime.now(UTC),
            )

    def client(self, url: str) -> Client:
        return Client(self.connection.declared, base_url=url, credential=Credential(KEY), account="acme")

    def rebuild(self, span: Window | None = None) -> Ran:
        return rebuild(self.connection, span, engine=self.engine, root=self.root)


@pytest.fixture
def ledger(engine: Engine, query: Rows, tmp_path: Path) -> Iterator[Ledger]:
    query("DROP SCHEMA IF EXISTS ledger, ops, marts CASCADE; SELECT 1")
    document = {"provider": "fireworks", "account": "acme", "timezone": "America/Los_Angeles"}
    yield Ledger(engine, tmp_path, connection_from("acme", document, "acme.yaml"))
    query("DROP SCHEMA IF EXISTS ledger, ops, marts CASCADE; SELECT 1")


def everything(query: Rows) -> dict[str, list[Any]]:
    """All that must come again: whole rows of the ledger, of what changed later, and of each date's state."""
    tables = ("ledger.usage_daily", "ledger.cost_daily", "ledger.name", "ops.restatement", "ops.name_observation")
    found = {table: query(f"SELECT t::text FROM {table} AS t ORDER BY 1") for table in tables}
    found["ops.day"] = query(
        "SELECT connection_id, report, usage_date, day_zone, state, load_id, fetched_at, row_count, settled, evidence"
        " FROM ops.day ORDER BY report, usage_date"
    )
    return found


def test_after_the_schemas_are_dropped_raw_storage_restores_figures_and_restatements(
    ledger: Ledger, query: Rows
) -> None:
    ledger.run(FULL)
    ledger.run(FEWER, FIRST + timedelta(days=1), LAST - timedelta(days=1))
    assert ledger.run(NONE, LAST, LAST).held
    before = everything(query)
    assert all(before.values())
    query("DROP SCHEMA ledger, ops CASCADE; SELECT 1")
    ran = ledger.rebuild()
    assert ran.failures == []
    assert everything(query) == before


def test_a_rebuild_of_what_stands_changes_nothing(ledger: Ledger, query: Rows) -> None:
    ledger.run(FULL)
    ledger.run(FEWER)
    before = everything(query)
    for span in (None, Window(FIRST, FIRST + timedelta(days=1))):
        ran = ledger.rebuild(span)
        assert ran.failures == []
        assert sum(sum(outcome.changed.values()) for _, _, outcome in ran.loads) == 0
        assert everything(query) == before


def test_dates_that_are_asked_for_bring_their_loads_alone(ledger: Ledger, query: Rows) -> None:
    ledger.run(FULL, FIRST, FIRST)
    ledger.run(FULL, LAST, LAST)
    query("DROP SCHEMA ledger, ops CASCADE; SELECT 1")
    ledger.rebuild(Window(LAST, LAST + timedelta(days=1)))
    assert query("SELECT DISTINCT usage_date FROM ledger.usage_daily") == [(LAST,)]


def test_a_released_date_is_emptied_and_stays_so_after_a_rebuild(ledger: Ledger, query: Rows) -> None:
    ledger.run(FULL)
    ledger.run(NONE, LAST, LAST)
    held = query("SELECT report, state FROM ops.day WHERE usage_date = %s ORDER BY 1", LAST)
    assert held == [("cost", "held"), ("usage", "held")]
    ran = release(ledger.connection, LAST, engine=ledger.engine, root=ledger.root)
    assert (ran.failures, ran.held) == ([], False)
    assert query("SELECT count(*) FROM ledger.usage_daily WHERE usage_date = %s", LAST) == [(0,)]
    assert query("SELECT count(*) FROM ledger.usage_daily WHERE usage_date = %s", FIRST) != [(0,)]
    gone = query("SELECT count(*), count(new) FROM ops.restatement WHERE usage_date = %s", LAST)
    assert gone[0][0] > 0
    assert gone[0][1] == 0
    with pytest.raises(ConfigError, match="is not held"):
        release(ledger.connection, LAST, engine=ledger.engine, root=ledger.root)
    before = everything(query)
    query("DROP SCHEMA ledger, ops CASCADE; SELECT 1")
    ledger.rebuild()
    assert everything(query) == before


@pytest.mark.parametrize("newer", ["whole", "part"])
def test_an_old_load_that_cannot_be_read_is_a_note_where_newer_ones_brought_all_its_dates(
    ledger: Ledger, query: Rows, newer: str
) -> None:
    ledger.run(FULL)
    [(load_id,)] = query("SELECT load_id::text FROM ops.load WHERE report = 'usage'")
    ledger.run(FULL, FIRST, LAST if newer == "whole" else FIRST)
    before = query("SELECT u::text FROM ledger.usage_daily AS u ORDER BY 1")
    for page in ledger.root.glob(f"**/{load_id}/page-*"):
        page.write_bytes(b"damaged")
    ran = ledger.rebuild()
    told = [str(error) for error in ran.failures] if newer == "part" else ran.notes
    assert (len(ran.failures), len(ran.notes)) == ((1, 0) if newer == "part" else (0, 1))
    assert f"report usage, window {FIRST}" in told[0]
    assert query("SELECT u::text FROM ledger.usage_daily AS u ORDER BY 1") == before
    if newer == "whole":
        assert query("SELECT last_error_class FROM ops.connection_report WHERE report = 'usage'") == [(None,)]
