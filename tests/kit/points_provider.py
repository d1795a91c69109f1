"""A fictional provider that answers with points of several metrics, of which a date's row is made."""

import json
import tempfile
import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any
from unittest import mock

import pyarrow as pa

from usage_ledger import model as m
from usage_ledger.connections import Connection
from usage_ledger.core.windows import Window
from usage_ledger.http.page import Call, Page
from usage_ledger.pipeline.transform import stage
from usage_ledger.providers import PROVIDERS
from usage_ledger.storage.landing import Landing
from usage_ledger.storage.manifest import Manifest
from usage_ledger.storage.staged import Staged, open_table

DAY = date(2026, 11, 10)
MIDNIGHT = int(datetime(2026, 11, 10, tzinfo=UTC).timestamp())
LATER = datetime(2026, 11, 20, 3, tzinfo=UTC)
HOUR = timedelta(hours=1)
ACCOUNTS = m.Listing(m.Request("/account"), "", "", "account", single=True)
POINTS = m.RowSet(
    path="series/points",
    table="usage_daily",
    when=m.Point("at", HOUR, edge="start", clock="epoch"),
    constants=(("usage_type", "serverless"),),
    dimensions=m.dimensions(model="^model"),
    meters=(
        m.Meter("input_tokens", "value", form="decimal", where=m.OneOf("^metric", ("InputTokens", "CacheReadTokens"))),
        m.Meter("cached_input_tokens", "value", form="decimal", where=m.OneOf("^metric", ("CacheReadTokens",))),
        m.Meter("requests", "value", form="decimal", where=m.Matches("^metric", "Invocations(Total)?")),
    ),
    sum_over=("^metric", "at"),
)
STRATUS = m.Provider(
    name="stratus",
    title="Stratus",
    base_url="https://api.stratus.example",
    hosts=("api.stratus.example",),
    accounts=ACCOUNTS,
    account=m.Setting("account", "Account", "The account's id."),
    requests_per_minute=6000,
    docs="https://docs.stratus.example",
    key_help="an API key",
    reports=(m.Report("usage", m.HttpPages(m.Request("/metrics")), (POINTS,), day="UTC"),),
)


def provider(row_set: m.RowSet = POINTS, **report: Any) -> m.Provider:
    """The provider with another row set, and other values of its report."""
    return replace(STRATUS, reports=(replace(STRATUS.reports[0], row_sets=(row_set,), **report),))


def series(metric: str, model: str, *points: tuple[Any, Any]) -> dict[str, Any]:
    """A series; each point is its hour, or its instant as sent, and its value."""
    at = (MIDNIGHT + 3600 * hour if isinstance(hour, int) and abs(hour) < 100 else hour for hour, _ in points)
    return {
        "metric": metric,
        "model": model,
        "points": [{"at": one, "value": value} for one, (_, value) in zip(at, points, strict=True)],
    }


def staged(
    declared: m.Provider,
    document: dict[str, Any],
    *,
    zone: str = "UTC",
    labels: Mapping[str, str] = MappingProxyType({}),
) -> tuple[Staged, pa.Table]:
    """What the transform makes of one page about two dates: its note, and the rows of `usage_daily`.

    Raises what `stage` raises.
    """
    with tempfile.TemporaryDirectory() as folder, mock.patch.dict(PROVIDERS, {declared.name: declared}):
        connection = Connection(id="stratus_acme", provider="stratus", account="acme", timezone=zone)
        report, root = declared.reports[0], Path(folder)
        load_id, window = str(uuid.uuid4()), Window(DAY, DAY + timedelta(days=2))
        landing = Landing.begin(root, "stratus", connection.id, report.name, window, load_id)
        page = Page(Call("/metrics"), json.dumps(document).encode(), 200, LATER, labels=labels)
        landing.land(page, "http://provider")
        facts = (load_id, connection.id, "stratus", "acme", report.name, window.first, window.end)
        manifest = Manifest(
            *facts, connection.day_zone(report).key, report.declaration(), LATER, landing.pages, account_listed=True
        )
        landing.commit(manifest)
        note = stage(connection, report, manifest, landing.folder, root)
        return note, open_table(root, load_id, "usage_daily").whole()
