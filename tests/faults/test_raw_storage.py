"""Raw storage that is cut off, orphaned, damaged, shared, busy, closed, full, outdated or emptied.

On the local file system, on an S3 server, and through Airflow's own paths. After each: only whole loads count, what
the warehouse holds stands, and the next run makes it equal to what the provider says.
"""

import contextlib
import itertools
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from kit.landed_by_hand import Account, sent
from kit.object_store import ObjectStore, object_store, with_airflow
from kit.provider_site import COST, DAY, FIRST, KEY, LAST, USAGE, Site
from kit.raw_pages import BODY, WINDOW, begun, check_late_manifest, check_sweep, committed, counted, files
from kit.small_disk import root_of, small_disk
from kit.staged_loads import T0
from sqlalchemy import Engine

from usage_ledger.connections import Connection
from usage_ledger.contracts.registry import arrow_schema
from usage_ledger.core.contract_errors import ValidationFailed
from usage_ledger.core.errors import TryAgain
from usage_ledger.core.project import ROOT
from usage_ledger.core.provider_errors import BadRequest
from usage_ledger.core.storage_errors import RawCorrupt, RawGone, StagedUnusable, StorageDown, StorageRefused
from usage_ledger.core.windows import Window
from usage_ledger.http.auth import Credential
from usage_ledger.http.client import Client
from usage_ledger.pipeline.extract import extract
from usage_ledger.pipeline.rebuild import rebuild, release
from usage_ledger.pipeline.run import extract_all
from usage_ledger.pipeline.transform import transform
from usage_ledger.pipeline.validate import validate
from usage_ledger.providers.fireworks import FIREWORKS
from usage_ledger.storage.landing import connection_key, landed_pages, load_folder
from usage_ledger.storage.manifest import MANIFEST, manifest_of
from usage_ledger.storage.staged import open_table, read_note, read_staged, staged_folder
from usage_ledger.storage.sweep import MIN_AGE, sweep
from usage_ledger.storage.table_writer import write_table
from usage_ledger.warehouse import loads

TESTS = Path(__file__).parents[1]
Query = Callable[..., list[tuple[Any, ...]]]
Content = Callable[..., dict[str, str]]
_numbers = itertools.count()


@pytest.fixture(scope="module")
def store() -> Iterator[ObjectStore]:
    with object_store() as made:
        yield made


def bucket_path(name: str, *parts: str, **options: str) -> Any:
    """Raw storage in a bucket, as the product makes it of USAGE_LEDGER_RAW."""
    from upath import UPath

    return UPath("/".join((f"s3://{name}", *parts)), **options)


def connection_of(site: Site) -> Connection:
    return Connection(id=site.name, provider="fireworks", account=site.name)


def extracted(site: Site, run_id: str) -> str:
    """A load of both dates' usage, landed by the step itself."""
    connection = connection_of(site)
    report, window = connection.declared.report("usage"), Window(FIRST, LAST + DAY)
    with Client(connection.declared, base_url=site.url, credential=Credential(KEY), account=site.name) as client:
        return extract(connection, report, window, client=client, engine=site.engine, root=site.root, run_id=run_id)


def folder_of(site: Site, load_id: str) -> Path:
    """The landed folder of a load in local storage."""
    return Path(str(load_folder(site.root, loads.load_by_id(site.engine, load_id).manifest_uri or "")))  # type: ignore[arg-type]


# Half a file

PUT = """
import sys, pathlib
from kit.raw_pages import committed
committed(pathlib.Path(sys.argv[1]), 'killed', b'x' * 5000)
"""


@pytest.mark.parametrize("where", ["write:1", "write:2", "write:3", "write:4", "write:5", "write:6", "s3"])
def test_r1_a_write_that_breaks_off_leaves_the_whole_file_or_none(
    request: pytest.FixtureRequest, tmp_path: Path, where: str
) -> None:
    """Local: killed with an empty, a whole and a renamed page, and so with the manifest, which alone makes it count.

    S3: the connection breaks within the body. What is left over is in nobody's way, and swept when it is old.
    """
    root: Any
    if where == "s3":
        store = request.getfixturevalue("store")
        bucket = store.bucket()
        root = bucket_path(bucket, "raw")
        big = os.urandom(1_000_000)
        with cutting(store, 300_000) as url, pytest.raises(StorageDown):
            committed(bucket_path(bucket, "raw", endpoint_url=url), "killed", big)
        assert store.keys(bucket) == set()
    else:
        root = tmp_path / "raw"
        environment = os.environ | {"CRASH_AT": where, "PYTHONPATH": os.pathsep.join(map(str, (ROOT, TESTS)))}
        done = subprocess.run([sys.executable, "-c", PUT, str(root)], env=environment, check=False)
        assert done.returncode == -signal.SIGKILL
        assert any(name.endswith(".tmp") for name in files(root)) is (where[-1] not in "36")
    counts = where == "write:6"
    assert counted(root) == ({"killed": [b"x" * 5000]} if counts else {})
    committed(root, "next")
    swept = sweep(root, "fireworks", "acme", "usage", now=datetime.now(UTC) + MIN_AGE + DAY)
    assert swept == (0 if counts or where == "s3" else 1)
    assert set(counted(root)) == {"next", *(["killed"] if counts else [])}
    assert len(files(root)) == 2 * len(counted(root))


@contextmanager
def cutting(store: ObjectStore, after: int) -> Iterator[str]:
    """The address of a way to the store that breaks off after so many bytes of a connection."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = server.accept()
                threading.Thread(target=there, args=(near,), daemon=True).start()

    def there(near: socket.socket) -> None:
        with near, socket.create_connection((store.host, store.port)) as far, contextlib.suppress(OSError):
            near.settimeout(10)
            threading.Thread(target=back, args=(near, far), daemon=True).start()
            left = after
            while left > 0 and (data := near.recv(min(left, 65536))):
                far.sendall(data)
                left -= len(data)

    def back(near: socket.socket, far: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := far.recv(65536):
                near.sendall(data)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(5)


# Orphans


SWEPT = """
import sys
from airflow.sdk import ObjectStoragePath
from kit.raw_pages import check_late_manifest, check_sweep
check_sweep(ObjectStoragePath(f"{sys.argv[1]}/raw"))
check_late_manifest(ObjectStoragePath(f"{sys.argv[1]}/late"))
print("all checked")
"""


@pytest.mark.parametrize("kind", ["local", "s3", "airflow", "a run"])
def test_r2_pages_without_a_manifest_are_not_used_and_go_after_seven_days(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str
) -> None:
    """So does staged Parquet, which is made anew where it is asked for. What has a manifest stays for ever."""
    if kind == "a run":
        check_sweep_of_a_run(request.getfixturevalue("site"))
        return
    if kind == "local":
        check_sweep(tmp_path / "raw")
        return
    bucket = request.getfixturevalue("store").bucket()
    if kind == "s3":
        check_sweep(bucket_path(bucket, "raw"))
        check_late_manifest(bucket_path(bucket, "late"))
    else:
        assert "all checked" in with_airflow(tmp_path, SWEPT, f"s3://{bucket}")


def check_sweep_of_a_run(site: Site) -> None:
    assert site.run().failures == []
    first = files(site.root)
    report = site.root / "fireworks" / connection_key(site.name) / "usage"
    for load_id, days in (("old", 8), ("young", 6)):
        begun(site.root, load_id, connection=site.name)
        for path in (report / f"{WINDOW.first}_{WINDOW.end}" / load_id).iterdir():
            then = path.stat().st_mtime - days * DAY.total_seconds()
            os.utime(path, (then, then))
    for path in site.root.rglob("*.*"):
        if "/young/" not in str(path) and "/old/" not in str(path):
            then = path.stat().st_mtime - 8 * DAY.total_seconds()
            os.utime(path, (then, then))
    with site.client() as client:
        asked = [(FIREWORKS.report("usage"), WINDOW)]
        left_to = {"client": client, "engine": site.engine, "root": site.root, "run_id": "one of many"}
        assert extract_all(connection_of(site), asked, **left_to, sweeping=False).failures == []
    assert any("/old/" in name for name in files(site.root))
    assert site.run().failures == []
    left = files(site.root)
    pages = {name for name in first if not name.startswith("_staged/")}
    assert pages < left
    assert not (first - pages) & left
    assert any("/young/" in name for name in left)
    assert not any("/old/" in name for name in left)
    [(load_id,), *_] = site.query(
        "SELECT load_id::text FROM ops.load WHERE connection_id = %s AND report = 'usage' ORDER BY started_at",
        site.name,
    )
    connection = connection_of(site)
    with pytest.raises(StagedUnusable, match="has no staged"):
        validate(connection, load_id, engine=site.engine, root=site.root)
    assert rebuild(connection, None, engine=site.engine, root=site.root).failures == []
    assert site.converged()


# Damage


def test_r3_damaged_raw_storage_is_never_transformed_and_the_next_try_fetches_it_anew(
    site: Site, content: Content, tmp_path: Path
) -> None:
    """Whatever bit of a page, or byte of a manifest, flips; wherever it ends early; whatever stands in its place."""
    uri = committed(tmp_path, "good", BODY, BODY + b" ")
    folder = Path(str(load_folder(tmp_path, uri)))  # type: ignore[arg-type]
    manifest = manifest_of(folder)  # type: ignore[arg-type]
    names = [MANIFEST, *(page.file for page in manifest.pages)]
    for name in names:
        path = folder / name
        whole = path.read_bytes()
        damaged = [whole[:end] for end in range(len(whole))]
        damaged += [
            whole[:place] + bytes([whole[place] ^ 1 << bit]) + whole[place + 1 :]
            for place in range(len(whole))
            for bit in (range(8) if name != MANIFEST else (place % 8,))
        ]
        damaged += [(folder / other).read_bytes() for other in names if other != name]
        refused = 0
        for data in damaged:
            path.write_bytes(data)
            try:
                found = manifest_of(folder)  # type: ignore[arg-type]
                bodies = [body for _, body in landed_pages(folder, found)]  # type: ignore[arg-type]
            except RawCorrupt as error:
                assert name in str(error) or name == MANIFEST
                refused += 1
            else:  # a blank became another, or the seal's name was hit
                assert msgspec.structs.replace(found, seal="") == msgspec.structs.replace(manifest, seal="")
                assert bodies == [BODY, BODY + b" "]
        assert refused > 0.95 * len(damaged)
        path.write_bytes(whole)

    connection = connection_of(site)
    assert site.run(first=FIRST, last=FIRST, reports=("usage",)).failures == []
    before = content()
    load_id = extracted(site, "one run")
    asked = site.provider.request_count(USAGE)
    page = folder_of(site, load_id) / "page-00000.json.zst"
    flipped = bytearray(page.read_bytes())
    flipped[len(flipped) // 2] ^= 1
    page.write_bytes(flipped)
    with pytest.raises(RawCorrupt, match=r"page-00000.* \(connection acme"):
        transform(connection, load_id, engine=site.engine, root=site.root)
    assert content() == before
    assert site.loads("state, error_class")[-1] == ("failed", "RawCorrupt")
    assert extracted(site, "one run") != load_id
    assert site.provider.request_count(USAGE) == asked + 1
    assert site.run().failures == []
    assert site.converged()
    manifest_path = page.with_name(MANIFEST)
    manifest_path.write_bytes(manifest_path.read_bytes().replace(b"2026", b"2025", 1))
    told = [str(failure) for failure in rebuild(connection, None, engine=site.engine, root=site.root).failures]
    assert len(told) == 1
    assert f"{manifest_path} is not what was written" in told[0]
    assert site.converged()


# Two at once


@pytest.mark.parametrize("kind", ["local", "s3"])
def test_r4_no_two_writers_ever_share_a_file(request: pytest.FixtureRequest, site: Site, kind: str) -> None:
    """Every attempt writes under its own load id, so nothing need be put on condition that it is absent.

    What a task and its forgotten predecessor both stage of one load is equal to the last byte.
    """
    if kind == "s3":
        site.root = bucket_path(request.getfixturevalue("store").bucket(), "raw")
    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(lambda number: extracted(site, f"run {number}"), range(8)))
    assert len(set(ids)) == 8
    found = files(site.root)
    assert len(found) == 8 * 2
    for load_id in ids:
        assert sum(load_id in name.split("/") for name in found) == 2
        uri = loads.load_by_id(site.engine, load_id).manifest_uri or ""
        folder = load_folder(site.root, uri)  # type: ignore[arg-type]
        assert manifest_of(folder).load_id == load_id
        assert [json.loads(body) for _, body in landed_pages(folder, manifest_of(folder))]

    def staged_bytes(_number: int) -> dict[str, bytes]:
        transform(connection_of(site), ids[0], engine=site.engine, root=site.root)
        folder = staged_folder(site.root, ids[0])  # type: ignore[arg-type]
        # What the other one is writing just now has a name of its own.
        return {path.name: path.open("rb").read() for path in folder.iterdir() if not path.name.startswith(".")}

    one = staged_bytes(0)
    assert {"usage_daily.parquet", "staged.json"} <= set(one)
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(staged_bytes, range(2))) == [one, one]


# A store that does not take it


class Fault:
    """Storage that fails between `strike` and `heal`."""

    def __init__(self, root: Any, strike: Callable[[], None], heal: Callable[[], None]) -> None:
        self.root, self.strike, self.heal = root, strike, heal


@contextmanager
def faulty(kind: str, request: pytest.FixtureRequest, folder: Path) -> Iterator[Fault]:
    if kind == "full disk":
        disk = folder / "disk"
        disk.mkdir()
        with small_disk(disk, "2m") as process_id:
            seen = root_of(process_id) / disk.relative_to("/")
            filler = seen / "filler"

            def fill() -> None:
                with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
                    while True:
                        file.write(b"x" * 512)

            yield Fault(seen / "raw", fill, filler.unlink)
        return
    store: ObjectStore = request.getfixturevalue("store")
    bucket, client = store.bucket(), store.client()

    def delete() -> None:
        for key in store.keys(bucket):
            client.delete_object(Bucket=bucket, Key=key)
        client.delete_bucket(Bucket=bucket)

    if kind == "bucket gone":
        yield Fault(bucket_path(bucket, "raw"), delete, lambda: client.create_bucket(Bucket=bucket))
    else:
        store.healed = True
        root = bucket_path(bucket, kind, "raw")
        yield Fault(root, lambda: setattr(store, "healed", False), lambda: setattr(store, "healed", True))


LANDED = """
import sys
from airflow.sdk import ObjectStoragePath
from kit.raw_pages import committed
from usage_ledger.core.errors import UsageLedgerError
for address in sys.argv[1:]:
    try:
        committed(ObjectStoragePath(address), "load")
        print("landed")
    except UsageLedgerError as error:
        print(type(error).__name__, error)
"""


@pytest.mark.parametrize(
    ("kind", "error", "told"),
    [
        ("busy", None, ""),
        ("slow", StorageDown, "reduce your request rate"),
        ("forbidden", StorageRefused, "Access Denied"),
        ("bucket gone", StorageRefused, "bucket does not exist"),
        ("full disk", StorageRefused, "No space left on device"),
        ("airflow", None, ""),
    ],
)
def test_r5_storage_that_does_not_take_it_fails_in_one_sentence_and_the_run_goes_on_later(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str, error: type[Exception] | None, told: str
) -> None:
    """A store that is busy is asked again, in place and by the next try; the others wait for a person.

    The loaded date stands meanwhile.
    """
    if kind == "airflow":
        store = request.getfixturevalue("store")
        store.healed, bucket = False, store.bucket()
        places = (f"s3://{bucket}/busy", f"s3://{bucket}/slow", f"s3://{bucket}/forbidden", f"s3://{bucket}-gone")
        lines = with_airflow(tmp_path, LANDED, *(f"{place}/raw" for place in places)).splitlines()
        ends = [line for line in lines if line.startswith(("landed", "Storage"))]
        assert [line.split(" ")[0] for line in ends] == ["landed", "StorageDown", "StorageRefused", "StorageRefused"]
        assert all("raw storage cannot be written (" in line for line in ends[1:])
        return
    site, content = request.getfixturevalue("site"), request.getfixturevalue("content")
    usage = ("usage",)
    with faulty(kind, request, tmp_path) as fault:
        site.root = fault.root
        assert site.run(first=FIRST, last=FIRST, reports=usage).failures == []
        before = content()
        fault.strike()
        ran = site.run(reports=usage)
        if error is None:
            assert ran.failures == []
            assert {verb for verb, _ in request.getfixturevalue("store").refused} >= {"PUT", "HEAD", "GET"}
        else:
            assert {type(failure) for failure in ran.failures} == {error}
            failure = ran.failures[0]
            assert isinstance(failure, TryAgain) is (error is StorageDown)
            assert re.fullmatch(
                rf"raw storage cannot be written \(.*{told}.*\) \(connection .*\): [^:]*\.", str(failure)
            )
            assert content() == before
            assert ("usage", FIRST, "loaded") in site.days()
            assert site.loads("state, error_class")[-1][1] == error.__name__
        fault.heal()
        assert site.run(reports=usage).failures == []
        assert site.converged(usage)


def test_r6_uploads_that_nobody_ended_hold_up_nothing_and_the_documented_rule_ends_them(store: ObjectStore) -> None:
    """A store lists and reads no part of them, so nothing of ours can meet or sweep them: the bucket's rule does."""
    client, bucket = store.client(), store.bucket()
    root = bucket_path(bucket, "raw")
    uri = committed(root, "good")
    key = uri.removeprefix(f"s3://{bucket}/").replace("/good/", "/begun/").replace(MANIFEST, "page-00000.json.zst")
    upload = client.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
    client.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=1, Body=b"x" * 100)
    assert files(root) == {name for name in files(root) if "/good/" in name}
    assert counted(root) == {"good": [BODY]}
    assert sweep(root, "fireworks", "acme", "usage", now=datetime.now(UTC) + 2 * MIN_AGE) == 0
    begun(root, "begun", BODY)
    assert set(counted(root)) == {"good"}
    assert sweep(root, "fireworks", "acme", "usage", now=datetime.now(UTC) + 2 * MIN_AGE) == 1
    assert [one["Key"] for one in client.list_multipart_uploads(Bucket=bucket)["Uploads"]] == [key]
    text = " ".join((ROOT / "docs" / "operate.md").read_text(encoding="utf-8").split())
    [(name, days)] = re.findall(r"`(AbortIncompleteMultipartUpload)`[^.]* (\d+) days", text)
    rule = {"ID": "uploads", "Status": "Enabled", "Filter": {"Prefix": ""}, name: {"DaysAfterInitiation": int(days)}}
    client.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})
    [kept] = client.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert kept[name] == {"DaysAfterInitiation": 7}


# Staged Parquet


@pytest.fixture
def account(engine: Engine, tmp_path: Path) -> Account:
    return Account(engine, tmp_path / "raw", f"parquet{next(_numbers)}")


def validated(account: Account) -> str:
    """A load that awaits its load step; an earlier one of the same date is in the ledger."""
    account.whole([sent(FIRST, "a", "1"), sent(FIRST, "b", "1")], FIRST, FIRST)
    load_id = account.landed([sent(FIRST, f"m{n}", str(n)) for n in range(40)], FIRST, FIRST, T0 + DAY)
    account.transform(load_id)
    account.validate(load_id)
    return load_id


def without_rows(table: pa.Table) -> pa.Table:
    return table.slice(0, 0)


def another_type(table: pa.Table) -> pa.Table:
    place = table.schema.get_field_index("input_tokens")
    return table.set_column(place, "input_tokens", table["input_tokens"].cast(pa.string()))


def another_name(table: pa.Table) -> pa.Table:
    return table.rename_columns(["tokens_in" if name == "input_tokens" else name for name in table.column_names])


def another_order(table: pa.Table) -> pa.Table:
    return table.select(list(reversed(table.column_names)))


def one_column_more(table: pa.Table) -> pa.Table:
    return table.append_column("extra", pa.array(["x"] * table.num_rows))


def test_r7_parquet_that_is_cut_empty_or_of_another_schema_is_refused_and_made_anew(
    account: Account, content: Content, query: Query
) -> None:
    load_id = validated(account)
    before = content("ops.day", "ops.restatement")
    folder = Path(str(staged_folder(account.root, load_id)))
    path, note = folder / "usage_daily.parquet", folder / "staged.json"
    whole, noted, table = path.read_bytes(), note.read_bytes(), open_table(account.root, load_id, "usage_daily").whole()
    staged = read_note(account.root, load_id)

    def changed(change: Callable[[pa.Table], pa.Table]) -> Callable[[], None]:
        return lambda: write_table(account.root, load_id, "usage_daily", change(table))

    damages: list[tuple[Callable[[], Any], str]] = [
        *(
            (changed(change), "columns and types")
            for change in (another_type, another_name, another_order, one_column_more)
        ),
        (changed(without_rows), "has 0 rows"),
        (changed(lambda one: one.slice(1)), "has 39 rows"),
        *(
            (lambda end=end: path.write_bytes(whole[:end]), "is damaged")
            for end in (0, 4, len(whole) // 2, len(whole) - 1)
        ),
        (path.unlink, "has no usage_daily.parquet"),
        (note.unlink, "has no staged.json"),
        (lambda: note.write_bytes(noted[:-5]), "note .* is damaged"),
        (lambda: note.write_bytes(noted.replace(b"usage_daily", b"usage_\xe7aily")), "note .* is damaged"),
    ]
    for damage, told in damages:
        damage()
        with pytest.raises(StagedUnusable, match=told) as raised:
            account.load(load_id)
        assert load_id in str(raised.value)
        assert "clear the load's transform" in str(raised.value)
        assert content("ops.day", "ops.restatement") == before
        assert query("SELECT state, error_class FROM ops.load WHERE load_id = %s", load_id) == [
            ("failed", "StagedUnusable")
        ]
        path.write_bytes(whole)
        note.write_bytes(noted)
        loads.advance(account.engine, load_id, "validated")
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(StagedUnusable):
        account.validate(load_id)
    another_type_staged = changed(another_type)
    another_type_staged()
    with pytest.raises(ValidationFailed, match="input_tokens is string, not int64"):
        account.validate(load_id)

    dice = random.Random(7)  # noqa: S311
    refused = 0
    for _ in range(400):
        flipped = bytearray(whole)
        flipped[dice.randrange(len(whole))] ^= 1 << dice.randrange(8)
        path.write_bytes(flipped)
        try:
            found = read_staged(account.root, staged, "usage_daily", arrow_schema("usage_daily")).whole()
        except StagedUnusable:
            refused += 1
        else:
            assert found.equals(table)
    assert refused > 100
    account.transform(load_id)
    assert path.read_bytes() == whole
    account.validate(load_id)
    assert account.load(load_id).rows == 40


def test_r8_parquet_and_manifests_of_an_older_version_are_never_guessed_but_rebuilt_from_raw(
    account: Account, content: Content, query: Query
) -> None:
    """Its Parquet lacks a column, its note a field; the pages have all that the newer version needs."""
    load_id = validated(account)
    before = content("ops.day", "ops.restatement")
    folder = Path(str(staged_folder(account.root, load_id)))
    older = open_table(account.root, load_id, "usage_daily").whole().drop_columns(["audio_seconds"])
    pq.write_table(older, folder / "usage_daily.parquet")
    note = json.loads((folder / "staged.json").read_text())
    (folder / "staged.json").write_text(json.dumps({name: note[name] for name in ("load_id", "tables")}))
    with pytest.raises(StagedUnusable, match="does not have the columns and types of the contract"):
        account.load(load_id)
    assert content("ops.day", "ops.restatement") == before
    uri = Path(loads.load_by_id(account.engine, load_id).manifest_uri or "")
    manifest = json.loads(uri.read_text())
    uri.write_text(json.dumps({name: manifest[name] for name in manifest if name not in ("seal", "tzdata", "cut")}))
    ran = rebuild(account.connection, None, engine=account.engine, root=account.root)
    assert ran.failures == []
    assert query("SELECT count(*) FROM ledger.usage_daily WHERE connection_id = %s", account.connection.id) == [(40,)]


# Deleted


@pytest.mark.parametrize("provider_still", ["has it", "refuses it", "says nothing of it"])
def test_r9_what_retention_deleted_is_fetched_anew_and_the_warehouse_stands_where_it_cannot_be(
    site: Site, content: Content, versions: Callable[[], Any], provider_still: str
) -> None:
    """A rebuild says what is gone. A provider that no longer has it fails the run, or its dates are held."""
    assert site.run().failures == []
    assert site.converged()
    before, rows = content(), versions()
    connection = connection_of(site)
    shutil.rmtree(site.root)
    told = rebuild(connection, None, engine=site.engine, root=site.root)
    assert told.loads == []
    assert [(type(failure), failure.report) for failure in told.failures] == [(RawGone, "cost"), (RawGone, "usage")]
    assert all(f"2 dates from {FIRST} to {LAST}" in str(failure) for failure in told.failures)
    [some] = rebuild(connection, Window(LAST, LAST + DAY), engine=site.engine, root=site.root).failures[:1]
    assert f"1 dates from {LAST} to {LAST}" in str(some)
    assert (content(), versions()) == (before, rows)
    if provider_still == "refuses it":
        site.provider.answers = {USAGE: (404, b'{"message": "too old"}'), COST: (404, b'{"message": "too old"}')}
        ran = site.run(reports=("usage", "cost"))
        assert [type(failure) for failure in ran.failures] == [BadRequest, BadRequest]
        assert (content(), versions()) == (before, rows)
    elif provider_still == "says nothing of it":
        site.provider.answers = {USAGE: (200, b"{}"), COST: (200, b"{}")}
        ran = site.run(reports=("usage", "cost"))
        assert (ran.failures, ran.held) == ([], True)
        assert (content(), versions()) == (before, rows)
        shutil.rmtree(site.root)
        with pytest.raises(RawGone, match="No such file"):
            release(connection, LAST, engine=site.engine, root=site.root)
        assert files(site.root) == set()
        assert (content(), versions()) == (before, rows)
    site.provider.answers = {}
    assert site.run().failures == []
    assert site.converged()
    assert versions() == rows
    nobody = Connection(id=f"{site.name}_new", provider="fireworks", account=f"{site.name}_new")
    with pytest.raises(RawGone, match=f"holds nothing of connection {nobody.id}"):
        rebuild(nobody, None, engine=site.engine, root=site.root)
