"""Every provider's stand-in behind one address, whose answers a test may spoil; each test has an account of its own."""

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import parse_qsl, urlencode

from fastapi import FastAPI
from kit.declared_requests import OBJECTS, request_of
from sqlalchemy import Engine

from usage_ledger.connections import Connection
from usage_ledger.core import errors, provider_errors
from usage_ledger.http.auth import Credential
from usage_ledger.http.body import Limits, unpack
from usage_ledger.http.client import Client
from usage_ledger.json.documents import as_list
from usage_ledger.model import (
    Columns,
    HttpPages,
    OwnServer,
    Positions,
    Provider,
    Report,
    Request,
    Reshape,
    Series,
    Table,
)
from usage_ledger.pipeline import run
from usage_ledger.pipeline.plan import Dates
from usage_ledger.pipeline.run import Ran
from usage_ledger.providers import PROVIDERS
from usage_ledger.sandbox.accounts import STAND_INS
from usage_ledger.sandbox.app import create_app
from usage_ledger.sandbox.fireworks.truth import FireworksTruth
from usage_ledger.storage.objects import Store, StoredObject

NOW = datetime(2026, 11, 20, 13, 7, tzinfo=UTC)
DAY = timedelta(days=1)
FIRST, LAST = date(2026, 11, 17), date(2026, 11, 18)
FIREWORKS_KEY = "fw_the-one-that-opens"
OPERATION = "X-Amz-Target"
"""A header that names the operation, where one path has many."""
HOLDER = "holder of this row"
OPENS = "opens-"
"""What the keys of the other providers begin with; the account's name follows."""
ACCOUNTS = [f"acme{number}" for number in range(2000)]


def truth_of(provider: str, name: str) -> Any:
    """The invented account of that name."""
    if provider == "fireworks":
        return FireworksTruth(account=name, keys=2, models=2, deployments=1)
    return STAND_INS[provider].truth(account=name)


def used(provider: str, name: str) -> bool:
    """Whether the account was used on both dates: an invented one rests now and then."""
    if provider == "fireworks":
        return True
    report = next(report for report in PROVIDERS[provider].reports if not report.snapshot)
    found = truth_of(provider, name).expected(report.name, FIRST, LAST + DAY, "UTC", now=NOW)
    return {day for (day, *_), meters in found.items() if any(meters.values())} == {FIRST, LAST}


_names = iter(ACCOUNTS)
Json = Any
Change = Callable[[str, Json], Json]
"""An answer's path and document into what is sent instead."""


class Everyone(Mapping[str, Any]):
    """The accounts of a provider by key: every name has one."""

    def __init__(self, provider: str) -> None:
        self._made: dict[str, Any] = {}
        self._provider = provider

    def __getitem__(self, key: str) -> Any:
        if not key.startswith(OPENS):
            raise KeyError(key)
        return self._made.setdefault(key, truth_of(self._provider, key.removeprefix(OPENS)))

    def __iter__(self) -> Iterator[str]:
        return (OPENS + name for name in ACCOUNTS)

    def __len__(self) -> int:
        return len(ACCOUNTS)


def everyone() -> FastAPI:
    """All stand-ins at one address."""
    truths = [truth_of("fireworks", name) for name in ACCOUNTS]
    app = create_app(truths, FIREWORKS_KEY, now=lambda: NOW)
    for provider, stand_in in STAND_INS.items():
        app.include_router(stand_in.router(Everyone(provider), lambda: NOW))
    return app


class Spoiled:
    """The stand-ins, whose answers to paths with an ending a test may change, refuse, or break off."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.reset()

    def reset(self) -> None:
        self.changes: dict[str, Change] = {}
        self.refusals: dict[str, list[tuple[int, bytes, dict[str, str]]]] = {}
        self.raw: dict[str, Callable[[bytes], bytes]] = {}
        self.headers: dict[str, str] = {}
        """Headers of every answer."""
        self.parameters: dict[str, str] = {}
        """Parameters that are sent on with another value."""
        self.requests: list[tuple[str, list[tuple[str, str]]]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = scope["path"] + dict(scope["headers"]).get(OPERATION.lower().encode(), b"").decode()
        asked = parse_qsl(scope["query_string"].decode())
        self.requests.append((path, asked))
        for ending, refusals in self.refusals.items():
            if path.endswith(ending) and refusals:
                await self._say(send, *refusals.pop(0))
                return
        if self.parameters:
            told = [(name, self.parameters.get(name, value)) for name, value in asked]
            scope = scope | {"query_string": urlencode(told).encode()}
        scope = scope | {"headers": [one for one in scope["headers"] if one[0] != b"accept-encoding"]}
        started: dict[str, Any] = {}
        body = b""

        async def collect(message: Any) -> None:
            nonlocal body
            if message["type"] == "http.response.start":
                started.update(message)
            else:
                body += message.get("body", b"")

        await self.app(scope, receive, collect)
        for ending, change in self.changes.items():
            if path.endswith(ending) and started["status"] == 200:
                document = json.loads(body, parse_float=Decimal)
                shape = shapes().get(ending)
                if tells_account(shape, document):
                    continue
                document = vendors_shape(shape, change(path, rows_shape(shape, document)))
                body = json.dumps(document, default=float).encode()
        for ending, damage in self.raw.items():
            if path.endswith(ending):
                body = damage(body)
        await self._say(send, started["status"], body, {})

    def objects(self, plain: Callable[[Store, StoredObject], Iterator[bytes]]) -> Any:
        """Reads an object of a store, spoiled as an answer to `/objects` would be; a refusal is the store's."""

        def read(store: Store, one: StoredObject) -> Iterator[bytes]:
            body = b"".join(plain(store, one))
            self.requests.append((OBJECTS, []))
            for ending, refusals in self.refusals.items():
                if OBJECTS.endswith(ending) and refusals:
                    status, said, _ = refusals.pop(0)
                    error = provider_errors.StoreRefused if status == 403 else errors.Unreachable
                    raise error(f"the store {store.uri} cannot be read ({said.decode()})")
            for ending, change in self.changes.items():
                if OBJECTS.endswith(ending):
                    text = b"".join(as_list(unpack(iter([body]), Limits())))
                    document = json.loads(text, parse_float=Decimal)
                    documents = change(OBJECTS, document)["documents"]
                    body = "\n".join(json.dumps(document, default=float) for document in documents).encode()
            for ending, damage in self.raw.items():
                if OBJECTS.endswith(ending):
                    body = damage(body)
            yield body

        return read

    async def _say(self, send: Any, status: int, body: bytes, headers: dict[str, str]) -> None:
        told = {"content-type": "application/json", **self.headers, **headers}
        pairs = [(name.encode(), value.encode()) for name, value in told.items()]
        await send({"type": "http.response.start", "status": status, "headers": pairs})
        await send({"type": "http.response.body", "body": body})


planned = run.planned


def chosen(*given: Any, **more: Any) -> list[Any]:
    """What a run asks for, without the lists that come along every day: they would take most of a test's time."""
    return [(report, window) for report, window in planned(*given, **more) if not report.snapshot]


@dataclass
class Desk:
    """One connection to one provider, and what the warehouse holds of it."""

    provider: str
    site: Spoiled
    url: str
    engine: Engine
    query: Callable[..., list[tuple[Any, ...]]]
    root: Path
    name: str = ""
    now: datetime = NOW

    def __post_init__(self) -> None:
        self.name = self.name or next(name for name in _names if used(self.provider, name))

    @property
    def truth(self) -> Any:
        return truth_of(self.provider, self.name)

    @property
    def account(self) -> str:
        """The id by which the provider knows the account."""
        return str(self.truth.account_id)

    @property
    def host(self) -> str:
        """The connection's own base URL."""
        return self.url + (STAND_INS[self.provider].prefix if self.provider in STAND_INS else "")

    @property
    def key(self) -> str:
        return FIREWORKS_KEY if self.provider == "fireworks" else OPENS + self.name

    def run(self, *reports: str, key: str = "", first: date = FIRST, **more: Any) -> Ran:
        settings = {"timezone": "UTC", **more}
        connection = Connection(
            id=f"{self.provider}_{self.name}",
            provider=self.provider,
            account=self.account,
            reports=reports or None,
            settings=self.truth.settings,
            **settings,
        )
        declared = PROVIDERS[self.provider]
        with (
            Client(
                declared,
                base_url=self.host,
                credential=Credential(self.truth.secret(key or self.key), self.truth.settings, host=self.host),
                account=self.account,
                sleep=lambda _: None,
            ) as client,
            mock.patch.object(run, "planned", chosen if reports else run.planned),
            mock.patch.object(Store, "read", self.site.objects(Store.read)),
        ):
            return run.run_all(
                connection, Dates(first, LAST), client=client, engine=self.engine, root=self.root, now=self.now
            )

    @property
    def connection_id(self) -> str:
        return f"{self.provider}_{self.name}"

    def rows(self, report: str) -> int:
        counts = [
            self.query(
                f"SELECT count(*) FROM ledger.{table} WHERE connection_id = %s AND report = %s",
                self.connection_id,
                report,
            )[0][0]
            for table in ("usage_daily", "cost_daily")
        ]
        return sum(counts)

    def days(self, report: str) -> dict[date, str]:
        return dict(
            self.query(
                "SELECT usage_date, state FROM ops.day WHERE connection_id = %s AND report = %s",
                self.connection_id,
                report,
            )
        )

    def events(self, kind: str) -> list[str]:
        rows = self.query(
            "SELECT message FROM ops.event WHERE connection_id = %s AND kind = %s", self.connection_id, kind
        )
        return [message for (message,) in rows]


def of_facts(provider: Provider) -> list[Report]:
    """The reports with dates that the stand-ins answer: none that is read from a server of the user's own."""
    return [
        report
        for report in provider.reports
        if not report.snapshot
        and not (isinstance(report.source, HttpPages) and isinstance(report.source.request.base, OwnServer))
    ]


def without_total(report: Report, document: Json) -> Json:
    """An answer without the vendor's own totals, which a spoiled row would contradict."""
    return document | dict.fromkeys(total.path or total.field for total in report.totals)


def ending(report: Report) -> str:
    """What the path of a report's answers ends with."""
    return ending_of(request_of(report))


def ending_of(request: Request) -> str:
    """What the path of a request's answers ends with: behind it, the operation that a header names."""
    return request.path.rsplit("}", 1)[-1] + dict(request.headers).get(OPERATION, "")


@cache
def shapes() -> dict[str, Reshape]:
    """How answers become rows, by what the paths of their requests end with."""
    reports = [report for provider in PROVIDERS.values() for report in provider.reports]
    return {ending(report): report.reshape for report in reports if report.reshape}


def inner(document: Json, path: str) -> Any:
    """What is at a path through objects; '' is the document."""
    for name in path.split("/") if path else ():
        document = document[name]
    return document


def rows_shape(shape: Reshape | None, document: Json) -> Json:
    """An answer with the `rows` that its report declares, so that a test may change one by its declared paths."""
    match shape:
        case Series(path, labels, points):
            holder, name = at(document, path)
            rows = [
                {**one[labels], "time": time, "value": value} for one in holder.pop(name) for time, value in one[points]
            ]
            return document | {"rows": rows}
        case Columns(path, label, arrays):
            holders = document.pop(path)
            rows = [row for number, one in enumerate(holders) for row in rows_of_columns(one, label, arrays, number)]
            return document | {"rows": rows, HOLDER: holders}
        case Positions(path, field, names):
            for one in rows_of(document, path.replace("*/", "")):
                one[field] = dict(zip(names, one[field], strict=True))
        case Table(columns, rows, cells=None):
            names = [one["name"] for one in inner(document, columns)]
            return document | {"rows": [dict(zip(names, row, strict=True)) for row in inner(document, rows)]}
        case Table(columns, rows, cells=(array, value)):
            names = [one["name"] for one in inner(document, columns)]
            arrays = [[cell[value] for cell in row[array]] for row in inner(document, rows)]
            return document | {"rows": [dict(zip(names, row, strict=True)) for row in arrays]}
    return document


def tells_account(shape: Reshape | None, document: Json) -> bool:
    """Whether an answer has one column, the account's, where others of the same path have rows of usage."""
    return isinstance(shape, Table) and bool(shape.cells) and len(inner(document, shape.columns)) == 1


def rows_of_columns(one: Json, label: str, arrays: Any, number: int) -> list[Json]:
    """The rows of a holder, with its number; of the holder what is no array stays."""
    pairs = dict(pair.split("=", 1) for pair in one[label].split("|"))
    columns = [one.pop(name) for name, _ in arrays]
    names = [name for _, name in arrays]
    return [pairs | dict(zip(names, row, strict=True)) | {HOLDER: number} for row in zip(*columns, strict=True)]


def columns_of_rows(holders: list[Json], rows: list[Json], label: str, arrays: Any) -> list[Json]:
    """The holders with arrays of these rows; one whose rows differ in their labels comes once for each."""
    fields = {name: field for field, name in arrays}
    found: dict[tuple[int, str], Json] = {}
    for row in rows:
        number = row.pop(HOLDER)
        text = "|".join(f"{key}={value}" for key, value in row.items() if key not in fields)
        one = found.setdefault(
            (number, text), holders[number] | {label: text} | {field: [] for field in fields.values()}
        )
        for name, field in fields.items():
            one[field] += [row[name]] if name in row else []
    numbers = {number for number, _ in found}
    idle = [one | {field: [] for field in fields.values()} for n, one in enumerate(holders) if n not in numbers]
    return [*found.values(), *idle]


def vendors_shape(shape: Reshape | None, document: Json) -> Json:
    """The answer as the vendor writes it, with what a test changed. A point without a value is short of one."""
    match shape:
        case Series(path, labels, points) if path.split("/")[0] in document:
            holder, name = at(document, path)
            if "rows" not in document:
                return document
            rows = document.pop("rows")
            series: dict[str, Json] = {}
            for row in rows or ():
                label_set = {key: value for key, value in row.items() if key not in ("time", "value")}
                one = series.setdefault(json.dumps(label_set, default=float), {labels: label_set, points: []})
                one[points].append([row[key] for key in ("time", "value") if key in row])
            holder[name] = None if rows is None else [*series.values()]
        case Columns(path, label, arrays):
            holders, rows = document.pop(HOLDER, []), document.get("rows")
            if "rows" in document:
                document[path] = None if rows is None else columns_of_rows(holders, rows, label, arrays)
                del document["rows"]
        case Positions(path, field):
            for one in rows_of(document, path.replace("*/", "")):
                one[field] = [*one.get(field, {}).values()]
        case Table(columns, path) if path.split("/")[0] in document:
            *outer, name = path.split("/")
            holder = inner(document, "/".join(outer))
            if "rows" not in document:
                del holder[name]
                return document
            rows = document.pop("rows")
            headers = inner(document, columns)
            names = list(dict.fromkeys(itertools.chain((one["name"] for one in headers), *(rows or ()))))
            headers[:] = [{"name": one} for one in names]
            holder[name] = rows and [[row.get(one) for one in names] for row in rows]
            if shape.cells and rows:
                array, value = shape.cells
                holder[name] = [{array: [{value: row.get(one)} for one in names]} for row in rows]
    return document


def rows_of(document: Json, path: str) -> list[dict[str, Any]]:
    """The rows of a row set in an answer."""
    found: list[Any] = [document]
    segments = path.split("/")
    for number, segment in enumerate(segments):
        if segment == "*":
            continue
        found = [one.get(segment) or () for one in found]
        if segments[number + 1 : number + 2] == ["*"]:
            found = list(itertools.chain.from_iterable(one.values() for one in found if one))
        else:
            found = list(itertools.chain.from_iterable(found))
    return found


def at(row: dict[str, Any], path: str) -> tuple[dict[str, Any], str]:
    """The object that holds a path's last field, and that field."""
    *parents, leaf = path.split("/")
    for parent in parents:
        row = row[parent]
    return row, leaf
