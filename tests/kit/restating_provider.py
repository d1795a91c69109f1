"""A stand-in Fireworks whose accounts restate their days, and which fails in every way that a test asks for."""

import json
import logging
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any, cast
from zoneinfo import ZoneInfo

from fastapi import FastAPI

from kit.doomed import KEY, NOW
from usage_ledger.providers.fireworks import GROUPINGS
from usage_ledger.sandbox.app import create_app, running
from usage_ledger.sandbox.fireworks.truth import FireworksTruth
from usage_ledger.sandbox.kit.slots import first_instant

DAY = timedelta(days=1)
METERS = (
    *("input_tokens", "cached_input_tokens", "output_tokens"),
    *("audio_seconds", "accelerator_seconds", "training_tokens"),
)
SPLIT_BY = tuple(name for name in GROUPINGS if name != "api_key_name")
"""What tells rows of usage apart: rows equal but for a key's name are one."""


@dataclass(frozen=True)
class Version:
    """What an account used on a date: by how many keys, models and deployments, and in how many of the day's hours."""

    keys: int = 3
    models: int = 2
    deployments: int = 1
    hours: int = 48


VERSIONS = (Version(), Version(models=3), Version(keys=2, deployments=2), Version(hours=17), Version(hours=9))
"""One after the other rows are added, removed, and changed."""
NOTHING = Version(hours=0)
"""The day is gone."""


@cache
def truth_of(account: str, version: Version) -> FireworksTruth:
    return FireworksTruth(
        account=account, keys=version.keys, models=version.models, deployments=version.deployments, training_jobs=1
    )


def until(day: date, zone: str, version: Version) -> datetime:
    """When the account stopped its use of that date."""
    begins = first_instant(day, ZoneInfo(zone))
    return min(begins + timedelta(hours=version.hours), first_instant(day + DAY, ZoneInfo(zone)))


@cache
def _usage_of_day(account: str, version: Version, day: date, zone: str, dimensions: Sequence[str]) -> dict[str, Any]:
    return truth_of(account, version).usage(day, day + DAY, zone, dimensions, now=until(day, zone, version))


@cache
def _summary_of_day(account: str, version: Version, day: date) -> dict[str, Any]:
    return truth_of(account, version).summary(day, day + DAY, True, now=until(day, "UTC", version))


@cache
def expected(account: str, version: Version, report: str, day: date, zone: str) -> tuple[Any, ...]:
    """The oracle: what the ledger holds of a date: rows; then each meter's sum, or the amount in dollars.

    The sums come from the account's own running totals; the rows are those of its answer, for there is no other count.
    """
    truth, now = truth_of(account, version), until(day, zone, version)
    if report == "cost":
        buckets = _summary_of_day(account, version, day)["usageBuckets"]
        return sum(len(bucket["lineItems"]) for bucket in buckets), truth.expected_cost(day, day + DAY, now=now)[day]
    answer = _usage_of_day(account, version, day, zone, SPLIT_BY)
    usage = truth.expected_usage(day, day + DAY, zone, now=now)[day]
    return sum(map(len, answer.values())), *(usage[meter] for meter in METERS)


@dataclass(frozen=True)
class Restated:
    """An account at an instant; it serves the sandbox as `FireworksTruth` does."""

    account: str
    versions: tuple[tuple[date, Version], ...]

    @property
    def all_keys(self) -> tuple[Any, ...]:
        return truth_of(self.account, VERSIONS[0]).all_keys

    @property
    def all_models(self) -> tuple[Any, ...]:
        return truth_of(self.account, VERSIONS[1]).all_models

    @property
    def tiers(self) -> bool:
        return False

    @property
    def start(self) -> datetime:
        return truth_of(self.account, VERSIONS[0]).start

    def usage(self, start: date, end: date, zone: str, dimensions: Sequence[str], *_: Any, **__: Any) -> Any:
        answer: dict[str, list[Any]] = {"serverlessCosts": [], "dedicatedCosts": [], "trainingCosts": []}
        for day, version in self._within(start, end):
            for name, rows in _usage_of_day(self.account, version, day, zone, tuple(dimensions)).items():
                answer[name] += rows
        return answer

    def summary(self, start: date, end: date, *_: Any, **__: Any) -> Any:
        parts = [_summary_of_day(self.account, version, day) for day, version in self._within(start, end)]
        return {name: [one for part in parts for one in part[name]] for name in ("lineItems", "usageBuckets")}

    def _within(self, start: date, end: date) -> Iterator[tuple[date, Version]]:
        return ((day, version) for day, version in self.versions if start <= day < end)


@dataclass
class Account:
    """One account, its connection's zone, the version of each of its dates, and every version that there ever was."""

    name: str
    zone: str
    dates: tuple[date, ...]
    app: FastAPI
    now: dict[date, Version] = field(default_factory=dict)
    said: dict[date, set[Version]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.restate(dict.fromkeys(self.dates, VERSIONS[0]))

    def restate(self, versions: dict[date, Version]) -> None:
        """From now on the provider says so of these dates."""
        self.now |= versions
        for day, version in versions.items():
            self.said.setdefault(day, set()).add(version)
        self.app.state.accounts[self.name] = Restated(self.name, tuple((day, self.now[day]) for day in self.dates))

    def expected(self, report: str, day: date) -> tuple[Any, ...]:
        return self._of(report, day, self.now[day])

    def ever(self, report: str, day: date) -> set[tuple[Any, ...]]:
        """Everything that the provider ever said of the date."""
        return {self._of(report, day, version) for version in tuple(self.said[day])}

    def _of(self, report: str, day: date, version: Version) -> tuple[Any, ...]:
        return expected(self.name, version, report, day, self.zone if report == "usage" else "UTC")


class Abandoned(Exception):
    """The provider stops amid an answer."""


class Faulty:
    """The provider, but for a share of its answers, which fail; `served` counts the failures by kind.

    None of them is a lie that nobody could see through: rows are never altered unseen.
    """

    def __init__(self, app: FastAPI, rng: random.Random) -> None:
        self.app, self.share = app, 0.0
        self.served: dict[str, int] = {}
        self._rng = rng
        self._kinds: dict[str, Callable[[bytes], tuple[int, bytes]]] = {
            "500": lambda _: (500, b'{"code":13,"message":"internal"}'),
            "503": lambda _: (503, b""),
            "429": lambda _: (429, b'{"code":8,"message":"slow down"}'),
            "429 for an hour": lambda _: (429, b"{}"),
            "cut": lambda body: (200, body),
            "cut JSON": lambda body: (200, body[: len(body) // 2]),
            "no body": lambda _: (200, b""),
            "no rows": lambda _: (200, b'{"serverlessCosts":[],"dedicatedCosts":[],"usageBuckets":[],"lineItems":[]}'),
            "web page": lambda _: (200, b"<html>log in</html>"),
            "error object": lambda _: (200, b'{"error":{"code":13,"message":"internal"}}'),
            "renamed": lambda body: (200, body.replace(b"promptTokens", b"inTokens").replace(b"totalCost", b"cost")),
            "negative": lambda body: (200, body.replace(b'"completionTokens":"', b'"completionTokens":"-')),
            "other total": _another_total,
            "total alone": _total_alone,
            "null lists": lambda _: (200, b'{"serverlessCosts":null,"dedicatedCosts":null,"usageBuckets":null}'),
            "nothing": lambda _: (200, b"{}"),
            "error text": lambda _: (200, b'{"error":"internal"}'),
        }

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or self._rng.random() >= self.share:
            await self.app(scope, receive, send)
            return
        kind = self._rng.choice(list(self._kinds))
        status, body = self._kinds[kind](await self._answer(scope, receive))
        self.served[kind] = self.served.get(kind, 0) + 1
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        if kind == "429 for an hour":
            headers.append((b"retry-after", b"3600"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        if kind == "cut" and body:
            await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
            raise Abandoned
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Any, receive: Any) -> bytes:
        """What the provider would have said, uncompressed."""
        parts: list[bytes] = []

        async def keep(message: Any) -> None:
            parts.append(message.get("body", b""))

        headers = [pair for pair in scope["headers"] if pair[0] != b"accept-encoding"]
        await self.app({**scope, "headers": headers}, receive, keep)
        return b"".join(parts)


def _another_total(body: bytes) -> tuple[int, bytes]:
    """A bill whose own total is not the sum of its rows."""
    document = json.loads(body, parse_float=Decimal)
    for item in document.get("lineItems", [])[:1]:
        item["totalCost"]["units"] = str(int(item["totalCost"]["units"]) + 7)
    return 200, json.dumps(document, default=float).encode()


def _total_alone(body: bytes) -> tuple[int, bytes]:
    """A bill without its rows."""
    document = json.loads(body, parse_float=Decimal)
    return 200, json.dumps(
        document | ({"usageBuckets": []} if "usageBuckets" in document else {}), default=float
    ).encode()


@contextmanager
def provider(rng: random.Random) -> Iterator[tuple[Faulty, str]]:
    """Serves accounts that are made with its app while the context lasts; gives it and its base URL."""
    faulty = Faulty(create_app([], KEY, now=lambda: NOW), rng)
    with running(cast(FastAPI, faulty)) as url:
        logging.getLogger("uvicorn.error").disabled = True  # an answer that breaks off is no news
        try:
            yield faulty, url
        finally:
            logging.getLogger("uvicorn.error").disabled = False
