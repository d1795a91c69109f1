"""How much work a row costs, counted in calls and not in seconds, so that a slow-down shows on any machine.

The data path works on columns: beside a few calls a row that read what the decoder made, a larger answer costs no
more calls than a small one. What a row may cost stands below, a third above what it costs now.
"""

import cProfile
import gc
import json
import pstats
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from kit.fireworks_answers import serverless, usage
from kit.fixed_client import FixedClient

from usage_ledger.connections import Connection, connection_from
from usage_ledger.contracts.registry import contract
from usage_ledger.core.windows import Window
from usage_ledger.http.page import Call, Page
from usage_ledger.model import Report
from usage_ledger.pipeline import validate
from usage_ledger.pipeline.extract import land
from usage_ledger.pipeline.transform import stage
from usage_ledger.providers.fireworks import FIREWORKS
from usage_ledger.storage.landing import Landing, load_folder
from usage_ledger.storage.manifest import Manifest, manifest_of
from usage_ledger.storage.staged import open_table
from usage_ledger.warehouse.copy import as_binary, as_csv, batches_of

FIRST = date(2026, 11, 1)
DAY = timedelta(days=1)
METRICS = ("InputTokenCount", "Invocations")
NOW = datetime(2026, 11, 20, tzinfo=UTC)
WINDOW = Window(FIRST, FIRST + timedelta(days=10))
CONNECTION = Connection(id="acme", provider="fireworks", account="acme")
REPORT = FIREWORKS.report("usage")
CALLS_A_ROW = {"land": 0.01, "stage": 0.7, "check": 0.05, "csv": 0.03, "binary": 0.03, "reshape": 110.0, "events": 33.0}


def answer(rows: int) -> bytes:
    made = [
        serverless(
            FIRST + timedelta(days=number % 10),
            str(number),
            model=f"m{number // 10}",
            group={"api_key_name": "web"},
            cachedPromptTokens="0",
            uncachedPromptTokens=str(number),
        )
        for number in range(rows)
    ]
    return usage(*made)


def series(rows: int) -> Iterator[bytes]:
    """Series of CloudWatch, 500 a page: their labels become a row's texts."""
    at = datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC).timestamp()
    for first in range(0, rows, 500):
        results = [
            {
                "Id": f"m{number}",
                "Label": f"namespace=AWS/Bedrock|model=m{number // 2}|metric={METRICS[number % 2]}",
                "Timestamps": [at],
                "Values": [float(number)],
                "StatusCode": "Complete",
            }
            for number in range(first, first + 500)
        ]
        yield json.dumps({"Messages": [], "MetricDataResults": results}).encode()


def predictions(rows: int) -> Iterator[bytes]:
    """Events, 500 a page."""
    for first in range(0, rows, 500):
        results = [
            {
                "id": f"p{number}",
                "model": f"acme/m{number % 7}",
                "status": "succeeded",
                "created_at": f"{FIRST}T00:{number % 60:02}:00Z",
                "completed_at": f"{FIRST}T01:00:00Z",
                "metrics": {"predict_time": 1.5, "input_token_count": number},
            }
            for number in range(first, first + 500)
        ]
        yield json.dumps({"previous": None, "next": None, "results": results}).encode()


AWS = {"provider": "aws_bedrock", "account": "123456789012", "settings": {"regions": ["us-east-1"]}}
FORMS = {
    "reshape": (AWS, "usage", series),
    "events": ({"provider": "replicate", "account": "acme"}, "predictions", predictions),
}


def landed(root: Path, step: str, rows: int) -> tuple[Connection, Report, Path]:
    """A day of another form of answer, page by page."""
    declared, name, pages = FORMS[step]
    connection = connection_from("acme", declared, "acme")
    provider, report = connection.provider, connection.declared.report(name)
    window, load_id = Window(FIRST, FIRST + DAY), f"{rows:031x}{len(name):x}"
    landing = Landing.begin(root, provider, "acme", name, window, load_id)
    for body in pages(rows):
        landing.land(Page(Call("/x", ()), body, 200, NOW, labels={"region": "us-east-1"}), "http://provider")
    manifest = Manifest(
        load_id, "acme", provider, connection.account, name, window.first, window.end, "UTC", report.declaration(), NOW,
        landing.pages, account_listed=True,
    )  # fmt: skip
    return connection, report, load_folder(root, landing.commit(manifest))


def calls(work: Callable[[], Any]) -> tuple[int, Any]:
    """How many calls of functions, Python's and built-in ones, the work makes."""
    gc.collect()
    profile = cProfile.Profile()
    result = profile.runcall(work)
    return pstats.Stats(profile).total_calls, result  # type: ignore[attr-defined]


def counted(root: Path, rows: int) -> dict[str, int]:
    found: dict[str, int] = {}
    load_id, body = f"{rows:032x}", answer(rows)
    client: Any = FixedClient(body)
    found["land"], (_, uri) = calls(lambda: land(CONNECTION, REPORT, WINDOW, load_id, client=client, root=root))
    folder = load_folder(root, uri)
    found["stage"], staged = calls(lambda: stage(CONNECTION, REPORT, manifest_of(folder), folder, root))
    assert staged.tables["usage_daily"].rows == rows
    table = contract("usage_daily")
    found["check"], findings = calls(
        lambda: validate.check(
            table, open_table(root, load_id, "usage_daily"), rows=rows, window=WINDOW, bucket_seconds=[86400]
        )
    )
    assert findings == []
    for form, parts in (("csv", as_csv), ("binary", lambda batches: as_binary(batches, ["row_key", "load_id"]))):
        batches = batches_of(open_table(root, load_id, "usage_daily"), list(table.names()))
        found[form], size = calls(lambda: sum(map(len, parts(batches))))  # noqa: B023  called at once
        assert size > 100 * rows
    for step in FORMS if rows >= 500 else ():
        connection, report, folder = landed(root, step, rows)
        found[step], staged = calls(lambda: stage(connection, report, manifest_of(folder), folder, root))  # noqa: B023
        assert staged.tables["usage_daily"].raw_rows == rows
    return found


@pytest.fixture(scope="module")
def per_row(tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    """Calls for each further row, of each step; measured when all that is made once has been made."""
    root = tmp_path_factory.mktemp("work")
    counted(root, 500)
    few, many = counted(root, 1_000), counted(root, 3_000)
    return {step: (many[step] - few[step]) / 2_000 for step in few}


@pytest.mark.parametrize("step", CALLS_A_ROW)
def test_a_row_costs_no_more_calls_than_before(per_row: dict[str, float], step: str) -> None:
    assert per_row[step] <= CALLS_A_ROW[step], per_row


def test_the_count_notices_work_that_is_done_row_by_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from usage_ledger.reading import rows as gather

    real = gather.meters_of

    def slowly(rows: Any, sent: Any) -> Any:
        for value in rows.column("promptTokens") if rows.row_set.path == "serverlessCosts" else ():
            hash(value)
        return real(rows, sent)

    monkeypatch.setattr(gather, "meters_of", slowly)
    few, many = counted(tmp_path, 1_000), counted(tmp_path, 3_000)
    assert (many["stage"] - few["stage"]) / 2_000 > 2 * CALLS_A_ROW["stage"]
