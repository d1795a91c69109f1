"""What was sent is what is kept; only a manifest makes it count; nothing is written outside of its folder."""

import errno
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import IO, Any

import msgspec
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from kit.fixed_client import FixedClient, list_of_accounts
from upath import UPath

from usage_ledger.connections import connection_from
from usage_ledger.core import errors, provider_errors, redaction, storage_errors
from usage_ledger.core.project import ROOT
from usage_ledger.core.pseudonym import _local_key, pseudonym
from usage_ledger.core.windows import DAY, Window
from usage_ledger.http.body import received
from usage_ledger.http.page import Call, Page
from usage_ledger.json.packed import Packed
from usage_ledger.json.parts import parts as cut_in_parts
from usage_ledger.json.places import Place
from usage_ledger.json.scrub import Scrubber
from usage_ledger.json.whole import Parts
from usage_ledger.model import Paging
from usage_ledger.pipeline.extract import land
from usage_ledger.providers.fireworks import FIREWORKS
from usage_ledger.sources.source import source_of
from usage_ledger.storage.files import AnyPath, read_whole, write_whole
from usage_ledger.storage.landing import Landing, connection_key, landed_pages, landed_parts, load_folder, request_body
from usage_ledger.storage.manifest import MANIFEST, Manifest, manifest_of

D = date(2026, 9, 14)
WINDOW = Window(D, D + DAY)
LOAD = "0b0e7f0a-4a4e-4b51-9d7c-3a8f3a5f6d11"
ACME = connection_from("acme", {"provider": "fireworks", "account": "acme"}, "acme.yaml")
USAGE = FIREWORKS.report("usage")
ASKED = datetime(2026, 9, 15, 3, tzinfo=UTC)
PAGES = [
    '{ "serverlessCosts" : [ {"promptTokens":"9007199254740993","x":1.10} ],\n"nextPageToken":"é\\u00e9" }'.encode(),
    b'{"serverlessCosts": [], "dedicatedCosts": null}\n',
]


def landed(root: AnyPath, *bodies: bytes, **more: Any) -> tuple[AnyPath, Manifest]:
    _, uri = land(
        ACME, USAGE, WINDOW, LOAD, client=FixedClient(*bodies or PAGES, requested_at=ASKED, **more), root=root
    )  # type: ignore[arg-type]
    folder = load_folder(root, uri)
    return folder, manifest_of(folder)


def bodies_of(folder: AnyPath, manifest: Manifest) -> list[bytes]:
    return [body for _, body in landed_pages(folder, manifest)]


def test_pages_are_landed_byte_for_byte_and_the_manifest_says_what_was_asked(tmp_path: Path) -> None:
    folder, manifest = landed(tmp_path)
    assert bodies_of(folder, manifest) == PAGES
    assert [page.sha256 for page in manifest.pages] == [hashlib.sha256(body).hexdigest() for body in PAGES]
    assert [page.bytes for page in manifest.pages] == list(map(len, PAGES))
    assert (manifest.load_id, manifest.connection_id, manifest.report) == (LOAD, "acme", "usage")
    assert (manifest.window, manifest.day_zone, manifest.fetched_at) == (WINDOW, "UTC", ASKED)
    assert manifest.declaration == USAGE.declaration()
    sent = dict(manifest.pages[0].parameters)
    assert (sent["startTime"], sent["endTime"]) == ("2026-09-14T00:00:00Z", "2026-09-15T00:00:00Z")
    assert manifest.pages[0].path == "/v1/accounts/acme/billingUsage"
    assert str(folder) == str(
        tmp_path / "fireworks" / connection_key("acme") / "usage" / "2026-09-14_2026-09-15" / LOAD
    )
    assert sorted(path.name for path in Path(str(folder)).iterdir()) == [
        "manifest.json",
        "page-00000.json.zst",
        "page-00001.json.zst",
    ]


def test_a_request_is_from_local_midnight_to_local_midnight() -> None:
    west = connection_from("w", {"provider": "fireworks", "account": "a", "timezone": "America/Los_Angeles"}, "w.yaml")
    client = FixedClient(b"{}", account="a")
    window = Window(date(2026, 10, 31), date(2026, 11, 2))
    [page] = source_of(west, USAGE, client).pages(window)  # type: ignore[arg-type]
    sent = dict(page.call.query)
    assert (sent["startTime"], sent["endTime"]) == ("2026-10-31T07:00:00Z", "2026-11-02T08:00:00Z")
    assert sent["timezone"] == "America/Los_Angeles"
    assert "annotations.team" in sent["groupBy"]


@given(bodies=st.lists(st.binary(min_size=1, max_size=200), min_size=1, max_size=4))
def test_any_bytes_come_back_equal(bodies: list[bytes]) -> None:
    root = UPath("memory://any-bytes")
    landing = Landing.begin(root, "fireworks", "acme", "usage", WINDOW, LOAD)
    for body in bodies:
        landing.land(Page(Call("/x", ()), body, 200, ASKED), "http://provider")
    manifest = Manifest(
        *(LOAD, "acme", "fireworks", "acme", "usage", WINDOW.first, WINDOW.end, "UTC", "d", ASKED, landing.pages)
    )
    folder = load_folder(root, landing.commit(manifest))
    assert bodies_of(folder, manifest_of(folder)) == bodies


def test_a_request_too_large_for_the_manifest_is_beside_its_page(tmp_path: Path) -> None:
    landing = Landing.begin(tmp_path, "fireworks", "acme", "usage", WINDOW, LOAD)
    small, large = json.dumps({"q": "x" * 2000}), json.dumps({"q": ["é" * 9] * 9999})
    for body in (small, large):
        landing.land(Page(Call("/x", (), "POST", body), b"{}", 200, ASKED), "http://provider")
    manifest = Manifest(
        *(LOAD, "acme", "fireworks", "acme", "usage", WINDOW.first, WINDOW.end, "UTC", "d", ASKED, landing.pages)
    )
    folder = load_folder(tmp_path, landing.commit(manifest))
    first, second = manifest_of(folder).pages
    assert (first.body, first.request, second.body) == (small, None, "")
    assert [request_body(folder, page) for page in (first, second)] == [small, large]
    assert len(read_whole(folder / "manifest.json")) < 4000
    assert second.request is not None
    (tmp_path / folder / second.request.file).write_bytes(zstandard.compress(large.replace("q", "r").encode()))
    with pytest.raises(storage_errors.RawCorrupt):
        request_body(folder, second)


# The parts of a large page

LARGE = json.dumps({"models": [{"n": number, "a": ["},{", {}]} for number in range(60)], "next": "é"}).encode()


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of 200 bytes, unpacked in pieces as they came: no end waits for what may be the rest of a secret."""
    monkeypatch.setattr(redaction, "_protected", redaction.Protected())
    monkeypatch.setattr("usage_ledger.json.packed.PIECE", 64)
    for module in ("json.parts", "http.body", "storage.landing"):
        monkeypatch.setattr(f"usage_ledger.{module}.PART", 200)


def arrived(body: bytes) -> Packed:
    packed = received(iter([body[n : n + 64] for n in range(0, len(body), 64)]), Parts({}).check, check=True)
    assert isinstance(packed, Packed)
    return packed


def landed_large(root: Path, **changes: Any) -> tuple[Path, Manifest]:
    """A large page as it arrived, its entry in the manifest changed."""
    landing = Landing.begin(root, "fireworks", "acme", "usage", WINDOW, LOAD)
    landing.land(Page(Call("/x", ()), arrived(LARGE), 200, ASKED), "http://provider")
    pages = [msgspec.structs.replace(page, **changes) for page in landing.pages]
    manifest = Manifest(
        *(LOAD, "acme", "fireworks", "acme", "usage", WINDOW.first, WINDOW.end, "UTC", "d", ASKED, pages)
    )
    folder = load_folder(root, landing.commit(manifest))
    return Path(str(folder)), manifest_of(folder)


def parts_of(folder: Path, manifest: Manifest) -> list[bytes]:
    return [part for _, parts in landed_parts(folder, manifest) for part in parts]


def require_whole(parts: list[bytes]) -> None:
    """The parts are those of the large page."""
    *lists, last = map(json.loads, parts)
    assert len(lists) > 1
    assert {"models": [row for part in lists for row in part["models"]]} | last == json.loads(LARGE)


def test_a_large_page_is_cut_where_it_was_cut_as_it_arrived(tmp_path: Path, tiny: None) -> None:
    noted: list[Place] = []
    expected = list(cut_in_parts(arrived(LARGE).chunks(), places=noted))
    require_whole(expected)
    folder, manifest = landed_large(tmp_path)
    assert manifest.pages[0].places == noted
    assert parts_of(folder, manifest) == expected


def test_a_manifest_of_before_there_were_places_is_read_as_before(tmp_path: Path, tiny: None) -> None:
    folder, _ = landed_large(tmp_path)
    document = json.loads((folder / MANIFEST).read_bytes())
    del document["pages"][0]["places"]
    (folder / MANIFEST).write_text(json.dumps(document | {"seal": ""}))
    older = manifest_of(folder)
    assert older.pages[0].places == []
    require_whole(parts_of(folder, older))


def test_a_place_that_was_changed_breaks_the_seal(tmp_path: Path, tiny: None) -> None:
    folder, manifest = landed_large(tmp_path)
    end = b"%d\n" % manifest.pages[0].places[1].end
    text = (folder / MANIFEST).read_bytes()
    assert end in text
    (folder / MANIFEST).write_bytes(text.replace(end, b"%d\n" % (int(end) + 1), 1))
    with pytest.raises(storage_errors.RawCorrupt, match="is not what was written"):
        manifest_of(folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda places: [*places, Place("list", len(LARGE), len(LARGE) + 1)],
        lambda places: [places[0], *places[2:]],
        lambda places: [*places[:3], places[1], *places[3:]],
        lambda places: places[:-1],
        lambda places: [Place("list", -1, places[-1].end)],
    ],
    ids=["beyond the end", "without a piece", "a piece twice", "without the last", "before the beginning"],
)
def test_places_that_do_not_fit_the_page_are_no_fault_of_the_provider(tmp_path: Path, tiny: None, change: Any) -> None:
    _, manifest = landed_large(tmp_path)
    folder, manifest = landed_large(tmp_path, places=change(manifest.pages[0].places))
    with pytest.raises(storage_errors.RawCorrupt, match=r"page-00000\.json\.zst is not what its manifest says"):
        parts_of(folder, manifest)


@pytest.mark.parametrize("places", [True, False])
def test_a_page_of_other_bytes_is_refused_with_places_and_without(tmp_path: Path, tiny: None, places: bool) -> None:
    folder, manifest = landed_large(tmp_path, **({} if places else {"places": []}))
    file = folder / manifest.pages[0].file
    for other in (LARGE.replace(b'"n": 7,', b'"n": 8,'), LARGE.replace(b'"n": 7,', b'"n": 7}'), LARGE[:-1] + b" "):
        file.write_bytes(zstandard.compress(other))
        with pytest.raises(storage_errors.RawCorrupt, match=r"page-00000\.json\.zst is not what its manifest says"):
            parts_of(folder, manifest)
    file.write_bytes(zstandard.compress(LARGE[:-1]))
    with pytest.raises(storage_errors.RawCorrupt, match=r"page-00000\.json\.zst is damaged"):
        parts_of(folder, manifest)


def test_a_body_that_was_scrubbed_has_no_places_of_another(tmp_path: Path, tiny: None) -> None:
    body = arrived(LARGE)
    assert Scrubber(()).scrub(body) is body
    scrubbed = Scrubber(("models/*/a",)).scrub(body)
    assert isinstance(scrubbed, Packed)
    assert (bool(body.places), scrubbed.places) == (True, [])


def test_a_refusal_of_the_rest_does_not_hide_that_a_page_was_damaged(
    tmp_path: Path, tiny: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Refusing(FixedClient):
        def pages(self, call: Call, paging: Paging | None, inspect: Any = None) -> Iterator[Page]:
            for page in super().pages(call, paging, inspect):
                yield page if call.path.endswith("/accounts") else replace(page, body=arrived(LARGE))
            if not call.path.endswith("/accounts"):
                [file] = tmp_path.rglob("page-00000.json.zst")
                file.write_bytes(zstandard.compress(LARGE.replace(b'"n": 7,', b'"n": 7}')))
                raise provider_errors.BadRequest("the page token is too old")

    with pytest.raises(storage_errors.RawCorrupt):
        land(ACME, FIREWORKS.report("prices"), WINDOW, LOAD, client=Refusing(b"{}"), root=tmp_path)  # type: ignore[arg-type]


# The commit mark


class FullDisk:
    """A path whose nth file cannot be written."""

    def __init__(self, path: Path, failing: int, opened: list[str]) -> None:
        self.path, self.failing, self.opened = path, failing, opened

    def __truediv__(self, name: str) -> "FullDisk":
        return FullDisk(self.path / name, self.failing, self.opened)

    def __str__(self) -> str:
        return str(self.path)

    def exists(self) -> bool:
        return self.path.exists()

    def open(self, mode: str = "r") -> IO[Any]:
        if "w" in mode:
            self.opened.append(self.path.name)
            if len(self.opened) == self.failing:
                raise OSError(errno.ENOSPC, "No space left on device")
            self.path.parent.mkdir(parents=True, exist_ok=True)
        return self.path.open(mode)


@pytest.mark.parametrize("failing", [1, 2, 3])
def test_without_every_page_there_is_no_manifest(tmp_path: Path, failing: int) -> None:
    opened: list[str] = []
    with pytest.raises(storage_errors.StorageRefused, match="No space left"):
        landed(FullDisk(tmp_path, failing, opened))
    assert opened == ["page-00000.json.zst", "page-00001.json.zst", "manifest.json"][:failing]
    assert list(tmp_path.rglob("manifest.json")) == []


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_local_file_is_whole_or_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str) -> None:
    target = tmp_path / "folder" / "file"
    write_whole(target, b"old")

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(*((os, "fsync") if failing == "fsync" else (Path, "replace")), refuse)
        with pytest.raises(storage_errors.StorageRefused):
            write_whole(target, b"new content")
    assert target.read_bytes() == b"old"
    assert list(target.parent.iterdir()) == [target]


def test_a_provider_that_breaks_off_between_pages_leaves_no_manifest(tmp_path: Path) -> None:
    class Breaking(FixedClient):
        def pages(self, call: Call, paging: Paging | None, inspect: Any = None) -> Iterator[Page]:
            yield from super().pages(call, paging, inspect)
            if not call.path.endswith("/accounts"):
                raise provider_errors.IncompleteAnswer("it broke off")

    with pytest.raises(provider_errors.IncompleteAnswer):
        land(ACME, USAGE, WINDOW, LOAD, client=Breaking(*PAGES), root=tmp_path)  # type: ignore[arg-type]
    assert len(list(tmp_path.rglob("page-*"))) == 2
    assert list(tmp_path.rglob("manifest.json")) == []


# Evidence for an answer without rows


def test_the_account_is_listed_once_a_client(tmp_path: Path) -> None:
    provider = FixedClient(b'{"dedicatedCosts": [{}]}')
    for number in range(3):
        land(ACME, USAGE, WINDOW, str(number), client=provider, root=tmp_path)  # type: ignore[arg-type]
    assert provider.calls["/v1/accounts"] == 1


def test_an_empty_answer_of_an_account_that_the_key_does_not_see_is_refused(tmp_path: Path) -> None:
    with pytest.raises(provider_errors.WrongAccount, match="beta"):
        landed(tmp_path, b"{}", lists=list_of_accounts("beta"))
    assert list(tmp_path.rglob("manifest.json")) == []


# Keys and addresses


def test_one_id_has_one_key_for_ever() -> None:
    assert connection_key("acme_eu") == "acme-eu-" + hashlib.sha256(b"acme_eu").hexdigest()[:16]


def test_an_object_store_serves_as_well(tmp_path: Path) -> None:
    root = UPath("memory://raw-of-landing")
    folder, manifest = landed(root)
    assert bodies_of(folder, manifest) == PAGES
    assert read_whole(folder / "manifest.json").startswith(b"{")
    with pytest.raises(storage_errors.StorageRefused):
        load_folder(root, "memory://another/manifest.json")


OBJECT_STORAGE = """
import sys
from airflow.sdk import ObjectStoragePath
from test_landing import PAGES, bodies_of, landed
root = ObjectStoragePath(sys.argv[1])
folder, manifest = landed(root)
assert bodies_of(folder, manifest) == PAGES
print(type(folder).__name__, folder)
"""


def test_airflows_own_path_serves_as_well(tmp_path: Path) -> None:
    """In a process of its own, because Airflow reads its settings once and for all."""
    environment = {
        "PATH": os.environ["PATH"],
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "tests"), str(Path(__file__).parent))),
    }
    done = subprocess.run(
        [sys.executable, "-c", OBJECT_STORAGE, f"file://{tmp_path}/raw"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (found,) = (tmp_path / "raw").rglob("manifest.json")
    assert json.loads(found.read_text())["load_id"] == LOAD
    assert f" {found.parent}" in done.stdout


# Cuts


@pytest.mark.parametrize(
    ("paths", "body", "left"),
    [
        ((), b'{ "a" : 1.10 }', b'{ "a" : 1.10 }'),
        (
            ("items/*/key",),
            b'{"items":[{"key":"s","n":1.10},{"n":2}],"t":"x"}',
            {"items": [{"n": 1.1}, {"n": 2}], "t": "x"},
        ),
        (("items/*/key",), b'{"items":null}', {"items": None}),
        (("items/*/key",), b'{"items":{"key":"s"}}', {"items": {"key": "s"}}),
        (("items/*/key",), b'{"other":1}', {"other": 1}),
        (("a/b",), b'{"a":{"b":"s","c":1}}', {"a": {"c": 1}}),
        (("a",), b'[{"a":1}]', [{"a": 1}]),
    ],
)
def test_cut_paths_are_dropped_and_nothing_else(paths: tuple[str, ...], body: bytes, left: Any) -> None:
    scrubbed = Scrubber(paths).scrub(body)
    assert scrubbed == left if isinstance(left, bytes) else json.loads(bytes(scrubbed)) == left


def test_a_cut_keeps_the_literal_form_of_numbers() -> None:
    assert b"1.10" in bytes(Scrubber(("key",)).scrub(b'{"key": "s", "n": 1.10, "big": 9007199254740993}'))


def test_the_names_report_lands_no_mail_address_and_no_key_fragment(tmp_path: Path) -> None:
    body = b'{"apiKeys":[{"keyId":"k1","displayName":"bot","email":"jo@x.example","key":"fw_123","prefix":"fw_1"}]}'

    people = b'{"users":[{"name":"accounts/acme/users/jo","email":"jo@x.example","displayName":"Jo Doe"}]}'
    client = FixedClient(body, lists=list_of_accounts("acme") | {"/v1/accounts/acme/users": people})

    report = FIREWORKS.report("api_keys")
    _, uri = land(ACME, report, WINDOW, LOAD, client=client, root=tmp_path)  # type: ignore[arg-type]
    folder = load_folder(tmp_path, uri)
    manifest = manifest_of(folder)
    assert [(page.role, page.labels) for page in manifest.pages] == [("listing", {}), ("rows", {"user": "jo"})]
    assert manifest.cut == list(report.cut)
    pages = [page for page in manifest.pages if page.role == "listing"]
    kept = b"".join(body for _, body in landed_pages(folder, manifest))
    people = read_whole(folder / pages[0].file)
    assert json.loads(kept) == {"apiKeys": [{"keyId": "k1", "displayName": "bot"}]}
    assert json.loads(zstandard.decompress(people)) == {"users": [{"name": "accounts/acme/users/jo"}]}


@pytest.fixture
def no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the local secret for pseudonyms will be made."""
    monkeypatch.delenv("USAGE_LEDGER_PSEUDONYM_KEY", raising=False)
    monkeypatch.setenv("USAGE_LEDGER_LOCAL", str(tmp_path / "local"))
    _local_key.cache_clear()
    yield tmp_path / "local" / "pseudonym.key"
    _local_key.cache_clear()


def test_many_who_make_the_secret_for_pseudonyms_at_once_have_the_same(no_secret: Path) -> None:
    tell = "from usage_ledger.core.pseudonym import pseudonym; print(pseudonym('jane@example.com'))"
    started = [subprocess.Popen([sys.executable, "-c", tell], stdout=subprocess.PIPE, text=True) for _ in range(8)]
    told = {process.communicate(timeout=60)[0] for process in started}
    assert told == {f"{pseudonym('Jane@Example.com')}\n"}
    assert [path.name for path in no_secret.parent.iterdir()] == [no_secret.name]
    assert (len(no_secret.read_bytes()), no_secret.stat().st_mode & 0o777) == (64, 0o600)


def test_a_secret_for_pseudonyms_that_is_no_secret_is_refused(no_secret: Path) -> None:
    no_secret.parent.mkdir()
    no_secret.touch()
    with pytest.raises(errors.ConfigError, match="holds no key"):
        pseudonym("jane@example.com")
    no_secret.unlink()
    no_secret.mkdir()
    with pytest.raises(errors.ConfigError, match="cannot be stored in"):
        pseudonym("jane@example.com")
