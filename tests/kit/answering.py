"""One connection of any provider, whose server answers each path as a test says."""

import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from sqlalchemy import Engine

from usage_ledger.connections import Connection
from usage_ledger.http.auth import Credential
from usage_ledger.http.client import Client
from usage_ledger.pipeline.plan import Dates
from usage_ledger.pipeline.run import Ran, run_all
from usage_ledger.storage.landing import landed_folders

NOW = datetime(2026, 11, 28, 13, 7, tzinfo=UTC)
KEYS = {"anthropic": "sk-ant-admin01-of-the-test-0123456789", "fireworks": "fw_of-the-test-0123456789"}
CASES = Path(__file__).resolve().parents[1] / "cases"
_numbers = itertools.count()


@dataclass(frozen=True)
class Answer:
    """One answer: a document that is sent as JSON, or bytes as they are."""

    content: Any = field(default_factory=dict)
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        return self.content if isinstance(self.content, bytes) else json.dumps(self.content).encode()


def sample(case: str, name: str = "answer.json") -> bytes:
    """The bytes of a file of `tests/cases/<case>`."""
    return (CASES / case / name).read_bytes()


@dataclass(frozen=True)
class Received:
    """One request as the server received it."""

    path: str
    query: list[tuple[str, str]]
    body: bytes = b""

    def values(self, name: str) -> list[str]:
        """The values of a query parameter, which may be repeated."""
        return [value for key, value in self.query if key == name]


Reply = Answer | Callable[[Received], Answer]


class AnsweringServer:
    """An ASGI app: the longest ending that the path has gives the answer; a path without one gets 404."""

    def __init__(self) -> None:
        self.answers: dict[str, Reply] = {}
        self.requests: list[Received] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = (await receive()).get("body", b"")
        request = Received(scope["path"], parse_qsl(scope["query_string"].decode(), keep_blank_values=True), body)
        self.requests.append(request)
        endings = sorted((ending for ending in self.answers if request.path.endswith(ending)), key=len)
        reply = self.answers[endings[-1]] if endings else Answer({"error": {"message": "no such path"}}, 404)
        answer = reply(request) if callable(reply) else reply
        headers = [(b"content-type", b"application/json")]
        headers += [(name.encode(), value.encode()) for name, value in answer.headers.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    def count(self, ending: str) -> int:
        """How many requests had a path with this ending."""
        return sum(request.path.endswith(ending) for request in self.requests)


class Account:
    """A connection, its raw folder and its warehouse. The account's id is unique unless the test names one."""

    def __init__(
        self,
        provider: str,
        server: AnsweringServer,
        url: str,
        engine: Engine,
        query: Any,
        root: Path,
        account: str = "",
    ) -> None:
        self.provider, self.server, self.url, self.engine, self.root = provider, server, url, engine, root
        self.connection_id = f"{provider}_{next(_numbers)}"
        self.account = account or f"acme-{self.connection_id.replace('_', '-')}"
        self._query = query

    def run(
        self,
        first: date,
        last: date | None = None,
        *,
        reports: tuple[str, ...] | None = None,
        now: datetime = NOW,
        heal: bool = False,
        key: str = "",
        **yaml: Any,
    ) -> Ran:
        """Run the steps for dates, both included, with further keys of the connection's YAML.

        `heal`: as a scheduled run of the last date does.
        """
        connection = self.connection(reports=reports, **yaml)
        with self.client(key) as client:
            return run_all(
                connection,
                Dates(first, last or first, heal),
                client=client,
                engine=self.engine,
                root=self.root,
                now=now,
            )

    def connection(self, **yaml: Any) -> Connection:
        """The connection's YAML, read."""
        return Connection(id=self.connection_id, provider=self.provider, account=self.account, **yaml)

    def client(self, key: str = "") -> Client:
        """A client that waits for nothing."""
        return Client(
            self.connection().declared,
            base_url=self.url,
            credential=Credential(key or KEYS.get(self.provider, "key-of-the-test-0123456789")),
            account=self.account,
            sleep=lambda _: None,
        )

    def query(self, text: str, *values: Any) -> list[tuple[Any, ...]]:
        """The rows of a query whose first `%s` is the connection."""
        return list(self._query(text, self.connection_id, *values))

    def days(self, report: str) -> dict[date, str]:
        """The state of each date of a report."""
        return dict(
            self.query("SELECT usage_date, state FROM ops.day WHERE connection_id = %s AND report = %s", report)
        )

    def age_holds(self) -> None:
        """As if what is held had been held for two hours more."""
        with self.engine.begin() as transaction:
            transaction.exec_driver_sql(
                "UPDATE ops.day SET evidence = evidence || jsonb_build_object("
                "'held_since', (evidence ->> 'held_since')::timestamptz - interval '2 hours')"
                " WHERE connection_id = %s AND jsonb_exists(evidence, 'held_since')",
                (self.connection_id,),
            )

    def events(self) -> list[tuple[str, str, str]]:
        """Kind, severity and message of each event, in order."""
        return self.query("SELECT kind, severity, message FROM ops.event WHERE connection_id = %s ORDER BY at")

    def usage(self, columns: str) -> list[tuple[Any, ...]]:
        """Columns of the usage rows, in their order."""
        return self.query(f"SELECT {columns} FROM ledger.usage_daily WHERE connection_id = %s ORDER BY {columns}")

    def cost(self, columns: str) -> list[tuple[Any, ...]]:
        """Columns of the cost rows, in their order."""
        return self.query(f"SELECT {columns} FROM ledger.cost_daily WHERE connection_id = %s ORDER BY {columns}")

    def raw(self) -> bytes:
        """Every landed byte, unpacked, one page after the other."""
        import zstandard

        pages = [
            zstandard.ZstdDecompressor().stream_reader(path.read_bytes(), read_across_frames=True).read()
            for folder in landed_folders(self.root, self.provider, self.connection_id)
            for path in sorted(Path(str(folder)).glob("*.zst"))
        ]
        return b"\n".join(pages)
