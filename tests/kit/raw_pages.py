"""Pages in raw storage, landed as the product lands them, and what of them counts."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

from usage_ledger.contracts.registry import arrow_schema
from usage_ledger.core.windows import Window
from usage_ledger.http.page import Call, Page
from usage_ledger.storage.landing import Landing, landed_folders, landed_pages, load_folder
from usage_ledger.storage.manifest import MANIFEST, Manifest, manifest_of
from usage_ledger.storage.staged import Staged, StagedTable, write_note
from usage_ledger.storage.sweep import MIN_AGE, sweep
from usage_ledger.storage.table_writer import write_table

WINDOW = Window(date(2026, 11, 11), date(2026, 11, 12))
REQUESTED_AT = datetime(2026, 11, 12, 3, tzinfo=UTC)
BODY = b'{"serverlessCosts": [{"promptTokens": "7"}], "dedicatedCosts": []}'
MINUTE = timedelta(minutes=1)


def begun(root: Any, load_id: str, *bodies: bytes, connection: str = "acme", report: str = "usage") -> Landing:
    """A load's pages, without their manifest."""
    landing = Landing.begin(root, "fireworks", connection, report, WINDOW, load_id)
    for body in bodies or (BODY,):
        landing.land(Page(Call("/x", (("a", "1"),)), body, 200, REQUESTED_AT), "http://provider")
    return landing


def committed(root: Any, load_id: str, *bodies: bytes, connection: str = "acme", report: str = "usage") -> str:
    """A whole load; its manifest's address."""
    landing = begun(root, load_id, *bodies, connection=connection, report=report)
    facts = (load_id, connection, "fireworks", connection, report, WINDOW.first, WINDOW.end, "UTC", "d", REQUESTED_AT)
    return landing.commit(Manifest(*facts, landing.pages))


def landed_manifests(root: Any, provider: str, connection: str) -> Iterator[tuple[str, Manifest]]:
    """Every committed load of a connection: its manifest's address and the manifest."""
    for folder in landed_folders(root, provider, connection):
        yield str(folder / MANIFEST), manifest_of(folder)


def counted(root: Any) -> dict[str, list[bytes]]:
    """The loads that count, and what their pages hold."""
    return {
        manifest.load_id: [body for _, body in landed_pages(load_folder(root, uri), manifest)]
        for uri, manifest in landed_manifests(root, "fireworks", "acme")
    }


def files(root: Any) -> set[str]:
    """Every file below, by its address under the root."""
    base = f"{str(root).rstrip('/')}/"
    files = [path for path in root.rglob("*") if path.is_file()] if root.exists() else []
    return {str(path).removeprefix(base) for path in files}


def check_sweep(root: Any) -> None:
    """What is swept and what is not, on any storage; the clock is moved, not the files."""
    uri = committed(root, "good")
    begun(root, "orphan", BODY, BODY)
    begun(root, "anothers", connection="other")
    begun(root, "of-another-report", report="cost")
    for load_id in ("good", "orphan", "unknown"):
        write_table(root, load_id, "usage_daily", arrow_schema("usage_daily").empty_table())
        write_note(root, Staged(load_id, {"usage_daily": StagedTable(0, 0, {})}))
    before = files(root)
    assert len(before) == 2 + 2 + 1 + 1 + 3 * 2
    assert set(counted(root)) == {"good"}
    written = datetime.now(UTC)
    for young in (written, written + MIN_AGE - MINUTE):
        assert sweep(root, "fireworks", "acme", "usage", now=young) == 0
        assert files(root) == before
    assert sweep(root, "fireworks", "acme", "usage", now=written + MIN_AGE + MINUTE) == 3
    gone = {name for name in before if "/orphan/" in name or name.startswith("_staged/good/")}
    assert len(gone) == 2 + 2 * 2
    assert files(root) == before - gone
    assert counted(root) == {"good": [BODY]}
    assert manifest_of(load_folder(root, uri)).load_id == "good"
    assert sweep(root, "fireworks", "acme", "usage", now=written + timedelta(days=100)) == 0


def check_late_manifest(root: Any) -> None:
    """A manifest that another process wrote since this one listed the folder keeps it."""
    import boto3

    folder = begun(root, "late").folder
    assert len(list(folder.rglob("*"))) == len(list(folder.iterdir())) == 1
    bucket, _, key = f"{folder}/{MANIFEST}".removeprefix("s3://").partition("/")
    boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=b"{}")
    assert sweep(root, "fireworks", "acme", "usage", now=datetime.now(UTC) + 2 * MIN_AGE) == 0
    assert len([name for name in files(root) if "/late/" in name]) == 2
