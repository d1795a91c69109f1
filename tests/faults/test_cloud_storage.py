"""Raw storage on S3 and Google Cloud Storage; and what `probe` says of storage that cannot be used."""

import os
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from kit.debian_programs import free_port
from kit.google_store import google_store
from kit.object_store import FAULTS, ObjectStore, object_store
from kit.provider_site import Site
from kit.raw_pages import BODY, begun, check_sweep, committed, counted, files
from upath import UPath

from usage_ledger.connections import Connection
from usage_ledger.core.errors import ConfigError
from usage_ledger.core.storage_errors import RawGone, StorageDown, StorageRefused
from usage_ledger.pipeline.rebuild import rebuild
from usage_ledger.storage.file_errors import storage_errors
from usage_ledger.storage.files import read_whole, write_whole
from usage_ledger.storage.probe import probe

CLOUDS = ("s3", "gs")


@contextmanager
def s3_store() -> Iterator[str]:
    with object_store() as store:
        yield store.bucket()


@pytest.fixture(scope="module", params=CLOUDS)
def cloud(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URI of a bucket in each cloud."""
    stores: dict[str, Callable[[], Any]] = {"s3": s3_store, "gs": google_store}
    with stores[request.param]() as bucket:
        yield f"{request.param}://{bucket}"


@pytest.fixture
def store() -> Iterator[ObjectStore]:
    with object_store() as made:
        yield made


def test_whole_loads_alone_count_and_old_orphans_are_swept(cloud: str) -> None:
    check_sweep(UPath(f"{cloud}/sweep"))


def test_a_large_page_comes_back_as_it_was(cloud: str) -> None:
    root, body = UPath(f"{cloud}/large"), os.urandom(12 * 2**20)
    committed(root, "large", BODY, body)
    assert counted(root) == {"large": [BODY, body]}


def test_what_is_not_there_is_gone_and_not_merely_refused(cloud: str) -> None:
    with pytest.raises(RawGone):
        read_whole(UPath(f"{cloud}/nothing/here"))
    assert counted(UPath(f"{cloud}/nothing")) == {}
    root = UPath(f"{cloud}/orphan")
    begun(root, "begun")
    assert counted(root) == {}


def test_a_run_and_a_rebuild_equal_the_truth(cloud: str, site: Site, versions: Callable[[], Any]) -> None:
    site.root = UPath(f"{cloud}/raw")  # type: ignore[assignment]
    assert site.run().failures == []
    assert site.converged()
    before = versions()
    connection = Connection(id=site.name, provider="fireworks", account=site.name)
    assert rebuild(connection, None, engine=site.engine, root=site.root).failures == []
    assert (site.converged(), versions()) == (True, before)


def test_probe_leaves_nothing(cloud: str) -> None:
    root = UPath(f"{cloud}/probe")
    probe(root)
    assert files(root) == set()


def test_probe_says_to_make_a_bucket_that_is_not_there(cloud: str) -> None:
    scheme = cloud.partition("://")[0]
    root = UPath(f"{scheme}://not-made-yet/raw")
    with pytest.raises(ConfigError, match=f"raw storage {root} cannot be used .*make the bucket or container") as said:
        probe(root)
    assert "\\n" not in str(said.value)
    with pytest.raises(StorageRefused):
        write_whole(root / "x", b"x")


def test_probe_asks_for_the_rights_of_a_credential_that_may_not_write(store: ObjectStore) -> None:
    bucket = store.bucket()
    with pytest.raises(ConfigError, match=r"Access Denied.*give its credential s3:ListBucket, s3:GetObject, s3:PutObj"):
        probe(UPath(f"s3://{bucket}/forbidden/raw"))
    assert store.keys(bucket) == set()


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (301, "PermanentRedirect", "The bucket you are attempting to access must be addressed using another endpoint."),
        (400, "AuthorizationHeaderMalformed", "The region 'us-east-1' is wrong; expecting 'eu-central-1'"),
    ],
)
def test_probe_names_the_region_of_a_bucket_that_is_elsewhere(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch, status: int, code: str, message: str
) -> None:
    monkeypatch.setitem(FAULTS, "/elsewhere/", (status, code, message))
    with pytest.raises(ConfigError, match="set AWS_DEFAULT_REGION to the bucket's region"):
        probe(UPath(f"s3://{store.bucket()}/elsewhere/raw"))


def test_probe_names_a_store_that_does_not_answer(store: ObjectStore) -> None:
    with pytest.raises(ConfigError, match="see that the store answers from this machine"):
        probe(UPath(f"s3://{store.bucket()}/raw", endpoint_url=f"http://127.0.0.1:{free_port()}"))


def test_probe_asks_for_credentials_where_there_are_none(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(ConfigError, match="give the credentials in the environment"):
        probe(UPath(f"s3://{store.bucket()}/raw"))


def test_probe_of_a_folder(tmp_path: Path) -> None:
    root = tmp_path / "raw"
    probe(root)
    assert list(root.rglob("*")) == []
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(ConfigError, match=r"let this user write in the folder.*USAGE_LEDGER_RAW names it"):
        probe(tmp_path / "file" / "raw")


def test_probe_refuses_a_store_that_gives_back_other_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("usage_ledger.storage.probe.read_whole", lambda _path: b"older bytes")
    with pytest.raises(ConfigError, match="gave back other bytes than were written"):
        probe(tmp_path / "raw")


def test_probe_shows_no_signed_url_of_what_the_store_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_path: Path, _data: bytes) -> None:
        raise StorageRefused("may not be written") from PermissionError("https://store/raw?sig=s1gnature expired")

    monkeypatch.setattr("usage_ledger.storage.probe.write_whole", refuse)
    with pytest.raises(ConfigError) as said:
        probe(tmp_path / "raw")
    shown = "".join(traceback.format_exception(said.value))
    assert "https://store/raw?… expired" in shown
    assert "s1gnature" not in shown


class HttpResponseError(Exception):
    """As Azure's library and gcsfs raise them: with the status of the answer."""

    def __init__(self, status_code: int) -> None:
        super().__init__("The server is busy.\nRequestId:1")
        self.status_code = status_code


@pytest.mark.parametrize(("status", "error"), [(503, StorageDown), (429, StorageDown), (403, StorageRefused)])
def test_a_busy_store_is_tried_again_also_where_its_library_wraps_what_it_said(
    status: int, error: type[Exception]
) -> None:
    """adlfs makes a `RuntimeError` of every write that failed."""
    with pytest.raises(error) as said, storage_errors("written"):
        raise RuntimeError("Failed to upload block: The server is busy.\nRequestId:1") from HttpResponseError(status)
    assert "RequestId" not in str(said.value)
