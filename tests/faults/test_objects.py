"""A store of objects that somebody else writes: what is read of it, when it is read again, and what it may not be."""

import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from kit.asking import Server, http
from kit.cumulus import CUMULUS, KEY
from kit.object_store import ObjectStore, object_store, with_airflow
from sqlalchemy import Engine
from upath import UPath

from usage_ledger import model as m
from usage_ledger.connections import Connection, connection_from
from usage_ledger.core import errors, provider_errors
from usage_ledger.core.contract_errors import SilentDate
from usage_ledger.core.windows import Window
from usage_ledger.http.auth import Credential
from usage_ledger.http.body import Limits
from usage_ledger.http.client import Client, client_for
from usage_ledger.pipeline.plan import Dates
from usage_ledger.pipeline.rebuild import rebuild
from usage_ledger.pipeline.run import Ran, run_all
from usage_ledger.providers import PROVIDERS
from usage_ledger.sources.objects import prefixes
from usage_ledger.sources.source import source_of
from usage_ledger.storage.landing import landed_folders
from usage_ledger.storage.manifest import manifest_of
from usage_ledger.storage.objects import Store, StoredObject

FIRST, LAST = date(2026, 11, 16), date(2026, 11, 18)
WINDOW = Window(FIRST, date(2026, 11, 19))
NOW = datetime(2026, 11, 20, 3, tzinfo=UTC)
ARCHIVE = m.Objects("archive", "{yyyy}/{mm}/{dd}/", suffix=".json")
CALLS = m.Report(
    name="calls",
    source=ARCHIVE,
    row_sets=(
        m.RowSet(
            path="documents",
            table="usage_daily",
            when=m.Moment("at", "id"),
            where=m.OneOf("kind", ("call",)),
            constants=(("usage_type", "authorization"),),
            dimensions=m.dimensions(operation="what"),
            meters=(m.Meter("requests", "count"),),
        ),
    ),
    day="UTC",
    longest=timedelta(days=31),
)
PROVIDER = replace(
    CUMULUS,
    settings=(m.Setting("archive", "Archive", "Where events are.", pattern=r"\S+", required=True),),
    reports=(CALLS,),
)
Query = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture(autouse=True)
def _declared(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(PROVIDERS, "cumulus", PROVIDER)
    monkeypatch.setenv("USAGE_LEDGER_STORES", f"/nowhere:{tmp_path}")


def event(number: int, at: str, what: str = "read", kind: str = "call") -> dict[str, Any]:
    return {"id": f"e{number}", "at": at, "kind": kind, "what": what, "count": number}


def write(folder: Path, key: str, *events: dict[str, Any], packed: bool = False) -> Path:
    path = folder / key
    path.parent.mkdir(parents=True, exist_ok=True)
    body = "\n".join(map(json.dumps, events)).encode()
    middle = len(body) // 2
    members = gzip.compress(body[:middle]) + b"\0" + gzip.compress(body[middle:]) + b"\0\0"
    path.write_bytes(members if packed else body)
    return path


def connection_of(folder: Path | str, name: str = "objects") -> Connection:
    document = {"provider": "cumulus", "account": name, "settings": {"archive": str(folder)}}
    return connection_from(name, document, "x.yaml")


def client_of(connection: Connection, **more: Any) -> Client:
    return client_for(connection, Credential(KEY, {}), **more)


def pages_of(folder: Path | str, **more: Any) -> list[Any]:
    connection = connection_of(folder)
    with client_of(connection, **more) as client:
        return list(source_of(connection, CALLS, client).pages(WINDOW))


def run(
    monkeypatch: pytest.MonkeyPatch, scripted: Server, connection: Connection, *, engine: Engine, root: Path
) -> Ran:
    server = scripted(http(json.dumps({"id": connection.account})))
    monkeypatch.setenv("USAGE_LEDGER_ALLOWED_HOSTS", server.url.removeprefix("http://"))
    with client_for(connection, Credential(KEY, {}, server.url)) as client:
        return run_all(connection, Dates(FIRST, LAST), client=client, engine=engine, root=root, now=NOW)


def test_objects_are_read_by_arrival_and_their_events_belong_to_their_own_dates(
    monkeypatch: pytest.MonkeyPatch, scripted: Server, engine: Engine, query: Query, tmp_path: Path
) -> None:
    archive, raw = tmp_path / "archive", tmp_path / "raw"
    write(archive, "2026/11/15/23/z.json", event(1, "2026-11-16T00:00:01Z"))
    write(archive, "2026/11/16/10/b.json", event(2, "2026-11-16T10:00:00Z"), event(4, "2026-11-16T10:00:00Z", "write"))
    write(archive, "2026/11/16/10/a.json", event(2, "2026-11-16T10:00:00Z"), packed=True)  # delivered twice
    write(archive, "2026/11/16/10/a.tmp")
    write(archive, "2026/11/17/10/a.json", event(8, "2026-11-17T10:00:00Z", kind="login"))
    write(archive, "2026/11/19/23/late.json", event(16, "2026-11-18T23:59:59Z"), packed=True)
    write(archive, "2026/11/20/00/too-late.json", event(32, "2026-11-18T23:59:59Z"))
    write(archive, "2026/11/14/00/before.json", event(64, "2026-11-16T00:00:00Z"))
    connection = connection_of(archive)
    assert run(monkeypatch, scripted, connection, engine=engine, root=raw).failures == []
    counted = "SELECT usage_date, operation, requests FROM ledger.usage_daily WHERE connection_id = 'objects'"
    expected = [(FIRST, "read", 3), (FIRST, "write", 4), (LAST, "read", 16)]
    assert sorted(query(counted)) == expected
    days = "SELECT usage_date, state FROM ops.day WHERE connection_id = 'objects' ORDER BY 1"
    assert [state for _, state in query(days)] == ["loaded", "empty", "loaded"]  # a login: somebody was there
    [manifest] = [manifest_of(folder) for folder in landed_folders(raw, "cumulus", "objects")]
    assert [(page.origin, page.path) for page in manifest.pages] == [
        (str(archive), f"/2026/11/{key}.json") for key in ("15/23/z", "16/10/a", "16/10/b", "17/10/a", "19/23/late")
    ]
    assert all(page.etag and page.modified and page.role == "rows" for page in manifest.pages)
    for path in archive.rglob("*.json"):
        path.unlink()
    query("DELETE FROM ledger.usage_daily WHERE connection_id = 'objects' RETURNING 1")
    query("DELETE FROM ops.day WHERE connection_id = 'objects' RETURNING 1")
    assert rebuild(connection, None, engine=engine, root=raw).failures == []
    assert sorted(query(counted)) == expected


def test_a_date_without_any_event_is_silent_not_empty(
    monkeypatch: pytest.MonkeyPatch, scripted: Server, engine: Engine, query: Query, tmp_path: Path
) -> None:
    archive = tmp_path / "archive"
    write(archive, "2026/11/16/10/a.json", event(1, "2026-11-16T10:00:00Z"))
    write(archive, "2026/11/18/10/a.json", event(2, "2026-11-18T10:00:00Z"))
    connection = connection_of(archive, "silent")
    [failure] = run(monkeypatch, scripted, connection, engine=engine, root=tmp_path / "raw").failures
    assert isinstance(failure, SilentDate)
    assert "no event of any kind arrived of 2026-11-17; is the stream on?" in str(failure)
    days = "SELECT usage_date, state FROM ops.day WHERE connection_id = 'silent' ORDER BY 1"
    assert [state for _, state in query(days)] == ["loaded", "failed", "loaded"]
    for path in archive.rglob("*.json"):
        path.unlink()
    [failure] = run(monkeypatch, scripted, connection, engine=engine, root=tmp_path / "raw").failures
    assert isinstance(failure, SilentDate)
    assert f"of {archive} there is no object for 2026-11-16" in str(failure)
    assert [state for _, state in query(days)] == ["loaded", "failed", "loaded"]
    events = "SELECT count(*) FROM ledger.usage_daily WHERE connection_id = 'silent'"
    assert query(events) == [(2,)]


def changing(monkeypatch: pytest.MonkeyPatch, change: Callable[[StoredObject, int], None]) -> list[str]:
    """The keys that are read; `change` happens to the store after each reading."""
    keys: list[str] = []
    plain = Store.read

    def read(store: Store, one: StoredObject) -> Iterator[bytes]:
        yield from plain(store, one)
        keys.append(one.key)
        change(one, len(keys))

    monkeypatch.setattr(Store, "read", read)
    return keys


def test_an_object_that_changes_while_it_is_read_is_read_again_and_then_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = write(tmp_path, "2026/11/16/a.json", event(1, "2026-11-16T10:00:00Z"))
    until = 1

    def change(_: StoredObject, times: int) -> None:
        if times <= until:
            write(tmp_path, "2026/11/16/a.json", *[event(n, "2026-11-16T10:00:00Z") for n in range(times + 1)])

    keys = changing(monkeypatch, change)
    [page] = pages_of(tmp_path)
    assert (len(keys), json.loads(page.body)) == (
        2,
        {"documents": list(map(json.loads, path.read_text().splitlines()))},
    )
    keys.clear()
    until = 9
    with pytest.raises(provider_errors.IncompleteAnswer, match="changes while it is read"):
        pages_of(tmp_path)
    assert len(keys) == 3
    keys.clear()
    monkeypatch.setattr(Store, "find", lambda *_: [StoredObject("2026/11/16/gone.json", 1, "", None)])
    with pytest.raises(provider_errors.IncompleteAnswer, match="gone since it was listed"):
        pages_of(tmp_path)


def test_the_right_that_a_store_refuses_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write(tmp_path, "2026/11/16/a.json", event(1, "2026-11-16T10:00:00Z"))

    def refuse(*_: Any, **__: Any) -> Any:
        raise PermissionError(13, "Access Denied")

    for name, right in (("open", "read"), ("find", "list")):
        with monkeypatch.context() as patch:
            patch.setattr(type(UPath(tmp_path).fs), name, refuse)
            with pytest.raises(provider_errors.StoreRefused, match=rf"\(Access Denied\).*may {right} objects there"):
                pages_of(tmp_path)


def test_an_object_that_is_cut_off_or_a_bomb_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "2026/11/16/a.json", event(1, "2026-11-16T10:00:00Z"), packed=True)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(provider_errors.IncompleteAnswer, match=r"a\.json of .* is damaged: the compressed answer"):
        pages_of(tmp_path)
    path.write_bytes(gzip.compress(b"[" + b" " * 5_000_000 + b"]"))
    with pytest.raises(provider_errors.TooLarge, match="inflates"):
        pages_of(tmp_path)
    path.write_bytes(b'"' + b"x" * 3000 + b'"')
    for limits in (Limits(encoded_bytes=2000), Limits(decoded_bytes=2000), Limits(all_bytes=2000)):
        with pytest.raises(provider_errors.TooLarge):
            pages_of(tmp_path, limits=limits)
    write(tmp_path, "2026/11/16/b.json")
    with pytest.raises(provider_errors.TooLarge, match="more than 1 objects"):
        pages_of(tmp_path, limits=Limits(pages=1))


def test_a_store_leads_nowhere_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    write(outside, "11/16/a.json", event(1, "2026-11-16T10:00:00Z"))
    inside.mkdir()
    monkeypatch.setenv("USAGE_LEDGER_STORES", str(inside))
    for place in (outside, inside / ".." / "outside", f"file://{inside}/../outside", "/etc", tmp_path):
        with pytest.raises(errors.ConfigError, match=r"settings\.archive"):
            pages_of(place)
    (inside / "link").symlink_to(outside)
    with pytest.raises(errors.ConfigError, match="names none that it lies in"):
        pages_of(inside / "link")
    (inside / "2026").symlink_to(outside)
    with pytest.raises(provider_errors.StoreRefused, match="symbolic link"):
        pages_of(inside)
    (inside / "2026").unlink()
    (inside / "2026/11/16").mkdir(parents=True)
    (inside / "2026/11/16/a.json").symlink_to(outside / "11/16/a.json")
    with pytest.raises(provider_errors.StoreRefused, match="symbolic link"):
        pages_of(inside)
    with pytest.raises(provider_errors.StoreRefused, match="there is no folder"):
        pages_of(inside / "mistyped")
    connection = connection_of(inside)
    connection.settings.clear()
    with client_of(connection) as client, pytest.raises(errors.ConfigError, match=r"settings\.archive is missing"):
        source_of(connection, CALLS, client).verify(FIRST)
    monkeypatch.delenv("USAGE_LEDGER_STORES")
    with pytest.raises(errors.ConfigError, match="USAGE_LEDGER_STORES"):
        pages_of(inside)


@pytest.mark.parametrize(
    "uri",
    [
        "ftp://host/archive",
        "archive",
        "s3://AKIA:secret@bucket/archive",
        "s3://bucket/../other",
        "s3://bucket/archive?versionId=1",
        "s3://",
    ],
)
def test_a_uri_that_names_no_place_or_holds_a_secret_is_refused(uri: str) -> None:
    with pytest.raises(errors.ConfigError, match=r"settings\.archive") as refused:
        pages_of(uri)
    assert "secret" not in str(refused.value)


@pytest.fixture(scope="module")
def store() -> Iterator[ObjectStore]:
    with object_store() as made:
        yield made


IN_AIRFLOW = """
import sys
from datetime import date, timedelta
from usage_ledger.airflow.stores import store_path
from usage_ledger.storage.objects import Store

store = Store.open(sys.argv[1], store_path, setting="archive")
print([(one.key, one.size, b"".join(store.read(one))) for one in store.find("2026/11/16/")])
"""


def test_a_bucket_is_read_alike_and_says_what_it_may_not(store: ObjectStore, tmp_path: Path) -> None:
    bucket, client = store.bucket(), store.client()
    body = json.dumps({"events": [event(1, "2026-11-16T10:00:00Z")]}).encode()
    for key in ("logs/2026/11/16/", "logs/2026/11/16/b.json", "logs/2026/11/16/a b=é.json", "logs/2026/11/160/c.json"):
        client.put_object(Bucket=bucket, Key=key, Body=body)
    uri = f"s3://{bucket}/logs"
    pages = pages_of(uri)
    assert [(page.call.origin, page.call.path) for page in pages] == [
        (uri, "/2026/11/16/a b=é.json"),
        (uri, "/2026/11/16/b.json"),
    ]
    [etag] = {page.etag for page in pages}
    assert etag == client.head_object(Bucket=bucket, Key="logs/2026/11/16/b.json")["ETag"].strip('"')
    assert datetime.now(UTC) - pages[0].modified < timedelta(minutes=5)
    listed = with_airflow(tmp_path, IN_AIRFLOW, f"s3://aws_archive@{bucket}/logs")
    assert f"('2026/11/16/b.json', {len(body)}, {body!r})" in listed

    connection = connection_of(uri)
    with client_of(connection) as mine:
        source_of(connection, CALLS, mine).verify(FIRST)
    with pytest.raises(SilentDate):
        pages_of(f"s3://{bucket}/empty")
    with pytest.raises(provider_errors.StoreRefused, match="the store s3://nowhere-at-all/logs cannot be read"):
        pages_of("s3://nowhere-at-all/logs")
    with pytest.raises(provider_errors.StoreRefused, match=r"/forbidden cannot be read .*may list objects there"):
        pages_of(f"s3://aws_default@{bucket}/forbidden", path_of=lambda uri: UPath(uri.replace("aws_default@", "")))
    with pytest.raises(errors.Unreachable, match="cannot be read"):
        pages_of(f"s3://{bucket}/slow/raw/fireworks")


def test_prefixes_are_those_of_the_hours_before_the_dates_and_the_time_after() -> None:
    start, end = datetime(2026, 11, 16, 8, tzinfo=UTC), datetime(2026, 11, 17, 8, tzinfo=UTC)
    assert prefixes(ARCHIVE, start, end) == ["2026/11/16/", "2026/11/17/", "2026/11/18/"]
    hourly = replace(ARCHIVE, prefix="year={yyyy}/{mm}-{dd}/{hh}/", late=timedelta(hours=2))
    listed = prefixes(hourly, start, end)
    assert (listed[0], listed[-1], len(listed)) == ("year=2026/11-16/07/", "year=2026/11-17/09/", 27)


@pytest.mark.parametrize("prefix", ["", "{yyyy}/{mm}/", "{yyyy}/{mm}/{dd}", "../{yyyy}/{mm}/{dd}/", "/{yyyy}{mm}{dd}/"])
def test_a_prefix_is_a_dated_folder(prefix: str) -> None:
    with pytest.raises(errors.ConfigError, match="no folder with the date"):
        m.Objects("archive", prefix)
