"""Authress: the audit stream's archive, read from a folder and from a bucket; names over REST."""

import gzip
import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from usage_ledger.connections import Connection
from usage_ledger.core.provider_errors import WrongAccount
from usage_ledger.core.windows import Window
from usage_ledger.http.auth import Credential
from usage_ledger.http.client import Client
from usage_ledger.pipeline.plan import Dates
from usage_ledger.pipeline.rebuild import rebuild
from usage_ledger.pipeline.run import Ran, run_all
from usage_ledger.sandbox.app import create_app, running
from usage_ledger.sandbox.authress.api import authress_router
from usage_ledger.sandbox.authress.archive import write_archive
from usage_ledger.sandbox.authress.events import CANARY
from usage_ledger.sandbox.authress.truth import AuthressTruth

NOW = datetime(2026, 11, 20, 13, 7, tzinfo=UTC)
FIRST, LAST, DAY = date(2026, 11, 17), date(2026, 11, 18), timedelta(days=1)
NAMES = [f"acc-{number}" for number in range(40)]
Query = Callable[..., list[tuple[Any, ...]]]
_names = iter(NAMES)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    accounts = {name: AuthressTruth(account=name) for name in NAMES}
    app = create_app([], "unused", now=lambda: NOW, others=[lambda now, _: authress_router(accounts, now)])
    with running(app) as address:
        yield f"{address}/authress"


class Archive:
    """One account, its archive, and a connection to it."""

    def __init__(self, url: str, engine: Engine, query: Query, root: Path) -> None:
        self.truth = AuthressTruth(account=next(_names))
        self.url, self.engine, self.query, self.root = url, engine, query, root
        self.connection = Connection(
            id=self.truth.account.replace("-", "_"),
            provider="authress",
            account=self.truth.account,
            settings=self.truth.settings,
        )
        write_archive(self.truth, NOW, days=6)

    def run(self, first: date = FIRST, last: date = LAST, key: str = "") -> Ran:
        credential = Credential(key or self.truth.secret(self.truth.account), host=self.url)
        with Client(
            self.connection.declared,
            base_url=self.url,
            credential=credential,
            account=self.truth.account,
            sleep=lambda _: None,
        ) as client:
            return run_all(
                self.connection, Dates(first, last), client=client, engine=self.engine, root=self.root, now=NOW
            )

    def checks(self) -> dict[tuple[date, str, str, str], int]:
        rows = self.query(
            "SELECT usage_date, resource, operation, status, sum(requests) FROM ledger.usage_daily"
            " WHERE connection_id = %s GROUP BY 1, 2, 3, 4",
            self.connection.id,
        )
        return {tuple(row[:4]): int(row[4]) for row in rows}  # type: ignore[misc]

    def objects(self, day: date) -> list[Path]:
        return sorted(path for path in (self.truth.archive / f"{day:%Y/%m/%d}").rglob("*") if path.is_file())

    def states(self) -> dict[date, str]:
        sql = "SELECT usage_date, state FROM ops.day WHERE connection_id = %s AND report = 'checks'"
        return dict(self.query(sql, self.connection.id))


@pytest.fixture
def archive(url: str, engine: Engine, query: Query, tmp_path: Path) -> Archive:
    return Archive(url, engine, query, tmp_path)


def documents(path: Path) -> list[dict[str, Any]]:
    """The events of an object, decoded one after another by the standard library."""
    text = (gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()).decode()
    decoder, found, at = json.JSONDecoder(), [], 0
    while at < len(text):
        document, at = decoder.raw_decode(text, at)
        found.append(document)
        while text[at : at + 1] == "\n":
            at += 1
    return found


def counted_by_hand(archive: Archive) -> dict[tuple[date, str, str, str], int]:
    """What the objects say, read without any code of the product: every event once, on the date of its time."""
    seen: dict[str, tuple[tuple[date, str, str, str], int]] = {}
    for day in (FIRST - DAY, FIRST, LAST, LAST + DAY):
        for path in archive.objects(day):
            for event in documents(path):
                if event["detail-type"] == "AuthorizationRequest":
                    detail = event["detail"]
                    resource = "/" + detail["resource"]["resourceUri"].lstrip("/")
                    place = date.fromisoformat(event["time"][:10]), resource, detail["permission"]["action"].lower()
                    seen[detail["eventId"]] = ((*place, detail["authorizationResult"]), detail["count"])
    sums: dict[tuple[date, str, str, str], int] = {}
    for place, count in seen.values():
        if FIRST <= place[0] <= LAST:
            sums[place] = sums.get(place, 0) + count
    return sums


def test_every_event_counts_once_on_its_own_date_and_raw_alone_gives_it_again(archive: Archive, query: Query) -> None:
    ran = archive.run()
    assert ran.failures == []
    assert archive.states() == {FIRST: "loaded", LAST: "loaded"}
    assert archive.checks() == counted_by_hand(archive)
    by_date = {
        day: meters["requests"] for (day, *_), meters in archive.truth.expected("checks", FIRST, LAST + DAY).items()
    }
    assert {day: sum(n for (on, *_), n in archive.checks().items() if on == day) for day in by_date} == by_date
    repeats = [
        event["detail"]["eventId"]
        for day in (FIRST, LAST)
        for path in archive.objects(day)
        for event in documents(path)
    ]
    assert len(repeats) > len(set(repeats)), "no event comes twice: the test shows nothing"
    landed = b"".join(path.read_bytes() for path in archive.root.rglob("*") if path.suffix == ".json")
    assert CANARY.encode() not in landed
    names = query("SELECT kind, id, name FROM ledger.name WHERE connection_id = %s", archive.connection.id)
    assert ("role", "billing", "Billing") in names
    assert len([kind for kind, *_ in names if kind == "service_account"]) == 24
    before = query(
        "SELECT usage_date, row_key, requests, load_id FROM ledger.usage_daily WHERE connection_id = %s",
        archive.connection.id,
    )
    for path in archive.objects(FIRST):
        path.unlink()
    rebuild(archive.connection, Window(FIRST, LAST + DAY), engine=archive.engine, root=archive.root)
    assert (
        query(
            "SELECT usage_date, row_key, requests, load_id FROM ledger.usage_daily WHERE connection_id = %s",
            archive.connection.id,
        )
        == before
    )


def test_a_late_event_is_added_when_its_date_is_read_again(archive: Archive) -> None:
    late = sorted(archive.objects(LAST + DAY))
    texts = {path: path.read_bytes() for path in late}
    for path in late:
        path.unlink()
    archive.run()
    fewer = archive.checks()
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text)
    archive.run()
    assert archive.checks() == counted_by_hand(archive) != fewer


def test_a_date_without_any_event_is_never_an_empty_one(archive: Archive, query: Query) -> None:
    for day in (LAST, LAST + DAY):
        for path in archive.objects(day):
            path.unlink()
    ran = archive.run()
    assert [type(failure).__name__ for failure in ran.failures] == ["SilentDate"]
    assert archive.states() == {FIRST: "loaded", LAST: "failed"}
    said = query(
        "SELECT message FROM ops.event WHERE connection_id = %s AND usage_date = %s", archive.connection.id, LAST
    )
    assert any("is the stream on?" in text for (text,) in said)


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        (lambda text: text[:-9], "IncompleteAnswer", "is damaged: the document that begins at byte"),
        (lambda text: text + b"\n<html>", "IncompleteAnswer", "is damaged"),
        (lambda text: text.replace(b'"count":', b'"count":"x","was":'), "ContractBroken", "count"),
        (lambda text: text.replace(b'"count":', b'"counted":'), "ContractBroken", "count"),
        (lambda text: text.replace(b'"time":"2026', b'"time":"20x6', 1), "ContractBroken", "time"),
    ],
    ids=["torn", "a web page behind it", "a count as text", "a count of another name", "no instant"],
)
def test_a_spoiled_object_is_refused_by_name(
    archive: Archive, change: Callable[[bytes], bytes], error: str, said: str
) -> None:
    path = next(path for path in archive.objects(FIRST) if path.suffix != ".gz")
    path.write_bytes(change(path.read_bytes()))
    failures = archive.run().failures
    assert failures
    assert error in {kind.__name__ for kind in type(failures[0]).__mro__}
    assert said in str(failures[0])
    assert archive.states().get(FIRST) != "loaded"


def test_the_key_of_another_account_is_refused_before_anything_is_read(archive: Archive) -> None:
    other = AuthressTruth(account=next(_names))
    with pytest.raises(WrongAccount, match=f"of account {other.account}, the connection of {archive.truth.account}"):
        archive.run(key=other.secret(other.account))
    assert archive.states() == {}
