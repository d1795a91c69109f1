"""Rows a second of a day of 50,000 rows, from landed pages to the ledger, beside Fireworks' own; prints JSON.

What differs from provider to provider is what is measured: pages, their form, and what becomes of a row. How long a
provider's network takes is not. A row of Google's table is one of usage and one of cost, and counts as two. Run with
the socket folder of a PostgreSQL.
"""

import json
import random
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import ours
from answers import FIRST

import usage_ledger.airflow.preload  # noqa: F401  as in a task: all imports, and a frozen collector
from usage_ledger.connections import Connection, connection_from
from usage_ledger.core.windows import DAY, Window
from usage_ledger.http.page import Call, Page
from usage_ledger.pipeline.load import load
from usage_ledger.pipeline.transform import transform
from usage_ledger.pipeline.validate import validate
from usage_ledger.storage.landing import Landing
from usage_ledger.storage.manifest import Manifest
from usage_ledger.warehouse import loads

ROWS = 50_000
NOW = datetime(2026, 11, 20, tzinfo=UTC)
Json = dict[str, Any]


def fireworks(drawn: random.Random) -> Iterator[Json]:
    """One answer: keys and models."""
    bounds = {"startTime": f"{FIRST}T00:00:00Z", "endTime": f"{FIRST + DAY}T00:00:00Z"}
    rows = []
    for number in range(ROWS):
        prompt, cached = drawn.randrange(10**7), drawn.randrange(10**6)
        group = {
            "model_name": f"accounts/fireworks/models/model-{number % 65}",
            "api_key_id": f"key_{number // 65:08d}",
        }
        counts = {"promptTokens": prompt + cached, "cachedPromptTokens": cached, "uncachedPromptTokens": prompt}
        texts = {name: str(count) for name, count in (counts | {"completionTokens": drawn.randrange(10**6)}).items()}
        rows.append({**bounds, **texts, "audioInputSeconds": 0, "usageType": "TEXT", "group": group})
    yield {"serverlessCosts": rows, "dedicatedCosts": [], "trainingCosts": []}


def replicate(drawn: random.Random) -> Iterator[Json]:
    """500 pages of 100 predictions, each an event."""
    second = timedelta(seconds=86_400 / ROWS)
    midnight = datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC)
    for page in range(ROWS // 100):
        created = [midnight + second * (page * 100 + number) for number in range(100)]
        yield {
            "previous": None,
            "next": None,
            "results": [
                {
                    "id": f"{drawn.randrange(16**26):026x}",
                    "model": f"acme/model-{drawn.randrange(40)}",
                    "version": f"{drawn.randrange(9):064x}",
                    "status": "succeeded",
                    "source": "api",
                    "created_at": f"{at:%Y-%m-%dT%H:%M:%S.%fZ}",
                    "started_at": f"{at:%Y-%m-%dT%H:%M:%S.%fZ}",
                    "completed_at": f"{at + timedelta(seconds=2):%Y-%m-%dT%H:%M:%S.%fZ}",
                    "data_removed": False,
                    "metrics": {
                        "predict_time": drawn.randrange(10**9) / 10**9,
                        "total_time": 2.5,
                        "input_token_count": drawn.randrange(4000),
                        "output_token_count": drawn.randrange(900),
                    },
                }
                for at in created
            ],
        }


def aws_bedrock(drawn: random.Random) -> Iterator[Json]:
    """100 pages of 500 series, each with one sum."""
    at = int(datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC).timestamp())
    names = ("Invocations", "InputTokenCount", "OutputTokenCount", "CacheReadInputTokens")
    series = [f"namespace=AWS/Bedrock|model=vendor.model-{n // 4}-v1:0|metric={names[n % 4]}" for n in range(ROWS)]
    for first in range(0, ROWS, 500):
        results = [
            {
                "Id": f"m{number}",
                "Label": series[number],
                "Timestamps": [float(at)],
                "Values": [float(drawn.randrange(1, 10**9))],
                "StatusCode": "Complete",
            }
            for number in range(first, first + 500)
        ]
        yield {"Messages": [], "MetricDataResults": results}


def google_vertex_ai(drawn: random.Random) -> Iterator[Json]:
    """One table of a billing export."""
    columns = (
        *("usage_date", "billing_account_id", "project_id", "project_name", "region", "service_id", "sku_id"),
        *("sku_description", "sku_text", "usage_text", "usage_unit", "currency", "cost_type", "invoice_month"),
        *("usage_amount", "cost", "credits", "credited"),
    )
    rows = []
    for number in range(ROWS // 2):
        kind = ("Input", "Output")[number % 2]
        text = f"Gemini {2 + number // 2 % 8}.5 Flash Text {kind} - Predictions"
        sku = text.lower().replace(" - ", "-").replace(" ", "-")
        values = (
            *(str(FIRST), "01AB23-45CD67-89EF01", f"project-{number // 16}", "name", "europe-west4"),
            *("C7E2-9256-1C43", f"sku-{number % 16}", text, sku, f"regular count {sku}", "count", "EUR", "regular"),
            *(f"{FIRST:%Y%m}", str(drawn.randrange(10**8)), f"0.{drawn.randrange(10**9):09d}", "0", "no"),
        )
        rows.append({"f": [{"v": value} for value in values]})
    fields = [{"name": name, "type": "STRING"} for name in columns]
    yield {"jobComplete": True, "schema": {"fields": fields}, "totalRows": str(len(rows)), "rows": rows}


GOOGLE = {"billing_table": "acme-billing.billing.export", "job_project": "acme-billing", "location": "EU"}
DAYS: dict[str, tuple[Callable[[random.Random], Iterator[Json]], str, str, Json]] = {
    "fireworks": (fireworks, "usage", "bench", {}),
    "replicate": (replicate, "predictions", "bench", {}),
    "aws_bedrock": (aws_bedrock, "usage", "123456789012", {"regions": ["us-east-1"]}),
    "google_vertex_ai": (google_vertex_ai, "billing", "01AB23-45CD67-89EF01", GOOGLE),
}


def rows_a_second(provider: str, server: str, *, pages: list[bytes]) -> float:
    """Take a day's landed pages to an empty ledger."""
    _, name, account, settings = DAYS[provider]
    connection = connection_from("bench", {"provider": provider, "account": account, "settings": settings}, "bench")
    ours.prepare(server)
    engine = ours.engine_of(server)
    with tempfile.TemporaryDirectory() as folder:
        root, load_id = Path(folder), landed(connection, name, pages, Path(folder), engine)
        started = time.perf_counter()
        staged = transform(connection, load_id, engine=engine, root=root)
        validate(connection, load_id, engine=engine, root=root)
        load(connection, load_id, engine=engine, root=root)
        seconds = time.perf_counter() - started
    engine.dispose()
    received = sum(staged.tables[table].raw_rows for table in connection.declared.report(name).tables)
    assert received == ROWS, staged.tables  # noqa: S101
    return ROWS / seconds


def landed(connection: Connection, name: str, pages: list[bytes], root: Path, engine: Any) -> str:
    """The load of these pages."""
    load_id, window, report = str(uuid.uuid4()), Window(FIRST, FIRST + DAY), connection.declared.report(name)
    loads.begin(engine, load_id, connection.id, name, window, report.declaration(), "bench")
    landing = Landing.begin(root, connection.provider, connection.id, name, window, load_id)
    labels = {"region": "us-east-1"} if connection.provider == "aws_bedrock" else {}
    for body in pages:
        landing.land(Page(Call("/x", ()), body, 200, NOW, labels=labels), "http://provider")
    manifest = Manifest(
        load_id=load_id,
        connection_id=connection.id,
        provider=connection.provider,
        account=connection.account,
        report=name,
        window_from=window.first,
        window_to=window.end,
        day_zone="UTC",
        declaration=report.declaration(),
        fetched_at=NOW,
        pages=landing.pages,
        account_listed=True,
    )
    loads.landed(engine, load_id, NOW, landing.commit(manifest))
    return load_id


def main() -> None:
    speeds: dict[str, list[float]] = {}
    answers = {name: [json.dumps(page).encode() for page in of(random.Random(7))] for name, (of, *_) in DAYS.items()}  # noqa: S311
    for _ in range(3):
        for provider, pages in answers.items():
            speeds.setdefault(provider, []).append(rows_a_second(provider, sys.argv[1], pages=pages))
    medians = {name: statistics.median(values) for name, values in speeds.items()}
    sys.stdout.write(json.dumps(medians) + "\n")


if __name__ == "__main__":
    main()
