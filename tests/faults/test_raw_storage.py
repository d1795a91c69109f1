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
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from landed_by_hand import Account, sent
from object_store import ObjectStore, object_store, with_airflow
from provider_site import COST, DAY, FIRST, KEY, LAST, USAGE, Site
from raw_pages import BODY, WINDOW, begun, check_sweep, committed, counted, files
from small_disk import seen_by, small_disk
from sqlalchemy import Engine
from staged_loads import T0

from usage_ledger.core.errors import (
    BadRequest,
    PersonMustAct,
    RawCorrupt,
    RawGone,
    StagedUnusable,
    StorageDown,
    StorageRefused,
    TryAgain,
    ValidationFailed,
)
from usage_ledger.core.project import ROOT
from usage_ledger.core.windows import Window
from usage_ledger.http.client import Client
from usage_ledger.pipeline.connections import Connection
from usage_ledger.pipeline.extract import extract
from usage_ledger.pipeline.rebuild import rebuild, release
from usage_ledger.pipeline.transform import transform
from usage_ledger.storage.landing import MANIFEST, connection_key, landed_pages, load_folder, manifest_of
from usage_ledger.storage.staged import read_note, read_staged, read_table, staged_folder, write_table
from usage_ledger.storage.sweep import KEPT, sweep
from usage_ledger.warehouse import loads
from usage_ledger.warehouse.contracts import arrow_schema

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


# Half a file

PUT = "import sys, pathlib, raw_pages; raw_pages.committed(pathlib.Path(sys.argv[1]), 'killed', b'x' * 5000)"


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
        big = random.Random(1).randbytes(1_000_000)
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
    swept = sweep(root, "fireworks", "acme", "usage", now=datetime.now(UTC) + KEPT + DAY)
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
from raw_pages import check_sweep
check_sweep(ObjectStoragePath(sys.argv[1]))
print("all checked")
"""


@pytest.mark.parametrize("kind", ["local", "s3", "airflow local", "airflow s3"])
def test_r2_pages_without_a_manifest_are_not_used_and_go_after_seven_days(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str
) -> None:
    """So does staged Parquet. What has a manifest stays for ever, and so does what is not the report's own."""
    if "s3" in kind:
        address = f"s3://{request.getfixturevalue('store').bucket()}/raw"
    else:
        address = f"file://{tmp_path}/raw"
    if "airflow" in kind:
        assert "all checked" in with_airflow(tmp_path, SWEPT, address)
    else:
        check_sweep(bucket_path(address.removeprefix("s3://")) if "s3" in kind else tmp_path / "raw")


# In a run: an orphan of a killed one, old enough


def aged(folder: Path, by: timedelta) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            then = path.stat().st_mtime - by.total_seconds()
            os.utime(path, (then, then))


def connection_of(site: Site) -> Connection:
    return Connection(id=site.name, provider="fireworks", account=site.name)


def extracted(site: Site, run_id: str, root: Any = None) -> str:
    """The usage of both dates, landed by the step itself."""
    connection = connection_of(site)
    report = connection.declared.report("usage")
    with Client(connection.declared, base_url=site.url, key=KEY, account=site.name) as client:
        return extract(
            connection,
            report,
            Window(FIRST, LAST + DAY),
            client=client,
            engine=site.engine,
            root=root or site.root,
            run_id=run_id,
        )


def test_r2_and_a_run_sweeps(site: Site) -> None:
    pass
