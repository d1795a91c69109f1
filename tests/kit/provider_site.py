"""One connection, its raw folder, its warehouse, and a stand-in provider whose answers a test may overrule."""

import itertools
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from sqlalchemy import Engine

from usage_ledger.connections import Connection
from usage_ledger.http.auth import Credential
from usage_ledger.http.client import Client
from usage_ledger.pipeline.plan import Dates
from usage_ledger.pipeline.run import Ran, run_all
from usage_ledger.providers.fireworks import FIREWORKS
from usage_ledger.sandbox.fireworks.truth import FireworksTruth

KEY = "fw_the-one-that-opens"
WRONG_KEY = "fw_S3cret-that-does-not-open"
NOW = datetime(2026, 11, 20, 13, 7, tzinfo=UTC)
DAY = timedelta(days=1)
FIRST, LAST = date(2026, 11, 11), date(2026, 11, 12)
ACCOUNTS = [f"acme{number}" for number in range(400)]
TRUTHS = {name: FireworksTruth(account=name, keys=2, models=2, deployments=1) for name in ACCOUNTS}
USAGE, COST, KEYS = "/billingUsage", "/billing/summary", "/apiKeys"
Query = Callable[..., list[tuple[Any, ...]]]
_numbers = itertools.count()


class Overruled:
    """The stand-in provider, but for paths with these endings, which answer as the test says."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app
        self.answers: dict[str, tuple[int, bytes]] = {}
        self.headers: dict[str, list[tuple[bytes, bytes]]] = {}
        """Further headers of the answers for an ending."""
        self.requests: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"]
        self.requests.append(path)
        for ending, (status, body) in self.answers.items():
            if path.endswith(ending):
                headers = [(b"content-type", b"application/json"), *self.headers.get(ending, ())]
                await send({"type": "http.response.start", "status": status, "headers": headers})
                await send({"type": "http.response.body", "body": body})
                return
        await self.app(scope, receive, send)

    def request_count(self, ending: str) -> int:
        return sum(path.endswith(ending) for path in self.requests)


class Site:
    """One connection, its raw folder, and the provider that it asks."""

    def __init__(self, provider: Overruled, url: str, engine: Engine, query: Query, root: Path) -> None:
        self.provider, self.url, self.engine, self.query, self.root = provider, url, engine, query, root
        self.name = ACCOUNTS[next(_numbers)]

    def run(
        self,
        *,
        key: str = KEY,
        account: str = "",
        url: str = "",
        first: date = FIRST,
        last: date = LAST,
        reports: tuple[str, ...] | None = ("usage", "cost"),
        engine: Engine | None = None,
        timezone: str = "UTC",
    ) -> Ran:
        connection = Connection(
            id=self.name, provider="fireworks", account=account or self.name, reports=reports, timezone=timezone
        )
        with self.client(key, account, url) as client:
            return run_all(
                connection, Dates(first, last), client=client, engine=engine or self.engine, root=self.root, now=NOW
            )

    def client(self, key: str = KEY, account: str = "", url: str = "") -> Client:
        """Asks the site."""
        return Client(
            FIREWORKS,
            base_url=url or self.url,
            credential=Credential(key),
            account=account or self.name,
            sleep=lambda _: None,
        )

    def loads(self, columns: str = "report, state, error_class") -> list[tuple[Any, ...]]:
        return self.query(
            f"SELECT {columns} FROM ops.load WHERE connection_id = %s ORDER BY started_at, report", self.name
        )

    def days(self) -> set[tuple[Any, ...]]:
        """The state of each date of the two reports that have dates."""
        rows = "SELECT report, usage_date, state FROM ops.day WHERE connection_id = %s AND report <> 'api_keys'"
        return set(self.query(rows, self.name))

    def events(self) -> list[tuple[Any, ...]]:
        return self.query(
            "SELECT kind, severity, report, message, next_step FROM ops.event WHERE connection_id = %s ORDER BY at",
            self.name,
        )

    def tokens(self) -> dict[date, int]:
        rows = self.query(
            "SELECT usage_date, sum(input_tokens) FROM ledger.usage_daily WHERE connection_id = %s GROUP BY 1",
            self.name,
        )
        return {day: int(tokens) for day, tokens in rows}

    def cost(self) -> dict[date, Any]:
        return dict(
            self.query(
                "SELECT usage_date, sum(amount) FROM ledger.cost_daily WHERE connection_id = %s"
                " AND breakdown = '' GROUP BY 1",
                self.name,
            )
        )

    def converged(self, reports: tuple[str, ...] = ("usage", "cost")) -> bool:
        """The ledger equals the truth, and every date says so."""
        truth = TRUTHS[self.name]
        usage = truth.expected_usage(FIRST, LAST + DAY, "UTC")
        expected = {(report, day, "loaded") for report in reports for day in usage}
        tokens = {day: meters["input_tokens"] for day, meters in usage.items()}
        cost = truth.expected_cost(FIRST, LAST + DAY) if "cost" in reports else {}
        return (self.tokens(), self.cost(), self.days()) == (tokens, cost, expected)
