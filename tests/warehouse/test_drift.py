"""What a provider adds is kept, loaded where it is safe, and told once; what it renames stops the window."""

import json
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from usage_ledger.core.errors import MissingField, Shape
from usage_ledger.core.windows import Window
from usage_ledger.pipeline.connections import Connection, connection_from
from usage_ledger.pipeline.load import load
from usage_ledger.pipeline.transform import transform
from usage_ledger.pipeline.validate import validate
from usage_ledger.storage.landing import Landing, Manifest
from usage_ledger.warehouse import loads

DAY = date(2026, 9, 14)
ROW = {
    "startTime": "2026-09-14T00:00:00Z",
    "endTime": "2026-09-15T00:00:00Z",
    "promptTokens": "10",
    "completionTokens": "5",
    "usageType": "TEXT_COMPLETION_INFERENCE_USAGE",
    "group": {"model_name": "m", "api_key_id": "k"},
}


@pytest.fixture
def connection(request: pytest.FixtureRequest) -> Connection:
    name = f"drift_{abs(hash(request.node.name)) % 10**9}"
    return connection_from(name, {"provider": "fireworks", "account": name}, "x")


@pytest.fixture
def bring(engine: Engine, tmp_path: Path, connection: Connection) -> Callable[[Any], str]:
    """Lands an answer of one day and takes it through every step; returns the load's id."""

    def through(answer: Any) -> str:
        report = connection.declared.report("usage")
        load_id = str(uuid.uuid4())
        window = Window(DAY, DAY + timedelta(days=1))
        loads.register(engine, connection.id, connection.provider, connection.account, connection.timezone)
        loads.begin(engine, load_id, connection.id, "usage", window, report.declaration(), "run")
        landing = Landing.begin(tmp_path, "fireworks", connection.id, "usage", window, load_id)
        now = datetime.now(UTC)
        landing.page(json.dumps(answer).encode(), path="/", parameters=(), status=200, asked_at=now)
        manifest = Manifest(
            load_id=load_id,
            connection_id=connection.id,
            provider="fireworks",
            account=connection.account,
            report="usage",
            window_from=window.first,
            window_to=window.end,
            day_zone="UTC",
            declaration=report.declaration(),
            fetched_at=now,
            pages=landing.pages,
        )
        loads.landed(engine, load_id, now, landing.commit(manifest))
        for step in (transform, validate, load):
            step(connection, load_id, engine=engine, root=tmp_path)
        return load_id

    return through


def test_a_new_field_is_told_once_however_many_rows_and_days_have_it(
    bring: Callable[[Any], str], connection: Connection, query: Callable[..., list[Any]]
) -> None:
    rows = [
        ROW | {"group": {"model_name": f"m{n}", "api_key_id": "k"}, "videoTokens": "7", "costNanoUsd": 0}
        for n in range(50)
    ]
    for _ in range(3):
        bring({"serverlessCosts": rows, "newArray": [{"x": 1}], "nextPageToken": ""})
    told = query(
        "SELECT message, next_step FROM ops.event WHERE connection_id = %s AND kind = 'unknown_field' ORDER BY 1",
        connection.id,
    )
    assert [message.split("`")[1] for message, _ in told] == ["newArray", "serverlessCosts.videoTokens"]
    assert all("rebuild" in next_step for _, next_step in told)
    loaded = query("SELECT count(*), sum(input_tokens) FROM ledger.usage_daily WHERE connection_id = %s", connection.id)
    assert loaded == [(50, 500)]


def test_an_unknown_kind_of_use_is_loaded_under_its_own_word_and_warned_of(
    bring: Callable[[Any], str], connection: Connection, query: Callable[..., list[Any]]
) -> None:
    row = {
        "startTime": ROW["startTime"],
        "endTime": ROW["endTime"],
        "deploymentId": "d",
        "acceleratorType": "NVIDIA_FUTURE_1TB",
        "acceleratorSeconds": "9",
    }
    bring({"dedicatedCosts": [row]})
    values = query("SELECT accelerator FROM ledger.usage_daily WHERE connection_id = %s", connection.id)
    assert values == [("NVIDIA_FUTURE_1TB",)]
    ((message,),) = query(
        "SELECT message FROM ops.event WHERE connection_id = %s AND kind = 'contract_warning'", connection.id
    )
    assert "accelerator" in message


def test_a_renamed_field_stops_the_window_with_its_path(
    bring: Callable[[Any], str], connection: Connection, query: Callable[..., list[Any]]
) -> None:
    renamed = {name: value for name, value in ROW.items() if name != "promptTokens"} | {"inputTokens": "10"}
    with pytest.raises(MissingField, match=r"serverlessCosts\[0\]\.promptTokens"):
        bring({"serverlessCosts": [renamed]})
    with pytest.raises(Shape, match="promptTokens"):
        bring({"serverlessCosts": [ROW | {"promptTokens": 10.5}]})
    assert query("SELECT count(*) FROM ledger.usage_daily WHERE connection_id = %s", connection.id) == [(0,)]
