"""Whatever a connection is called, what it lands lies below its own folder of raw storage, and nobody else's."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.object_store import object_store
from kit.raw_pages import BODY, REQUESTED_AT, WINDOW, begun, committed, counted, files, landed_manifests

from usage_ledger.core.storage_errors import StorageRefused
from usage_ledger.storage.files import read_whole
from usage_ledger.storage.landing import connection_key, load_folder
from usage_ledger.storage.manifest import MANIFEST
from usage_ledger.storage.staged import staged_folder
from usage_ledger.storage.sweep import MIN_AGE, sweep

KEY = re.compile(r"[a-z0-9-]{0,40}-[0-9a-f]{16}")
PARTS = (
    "..",
    ".",
    "a",
    "etc",
    "%2e%2e",
    "%252e",
    "..%c0%af",
    "\uff0e\uff0e",
    "~",
    "$HOME",
    "CON",
    "NUL.txt",
    "acme.",
    " ",
)
JOINTS = ("/", "\\", "//", "\0", "%2f", ":", "?", "#", "\u2215", "\n")
WHOLE = (
    *("", ".", "..", "...", "/", "//", "\\", "C:/x", "C:\\x", "file:///etc", "s3://other/raw", "\\\\host\\share"),
    *("x" * 250, "x" * 5000, "\ud800", "\udfff", "\u202e", "\u200b", "\ufeff", "\u0430cme", "ac\u043ce", "acm\u0435"),
    *("acme", "Acme", "ACME", "acme_", "acme-", "_acme", "-acme", "ac_me", "ac-me", "ac--me", "ac.me", "acme "),
    *("\u00e9", "e\u0301", "\u00c4", "\u1e9e", "ss", "\u00df", "AUX", "aux.json", "LPT1", "manifest.json", "_staged"),
    *("-822b33ad87c148a0", "acme-822b33ad87c148a0", "`id`", "$(id)", "; rm -rf .", "{{ x }}", "${x}", "*", "?", "[a]"),
)
HOSTILE = [*WHOLE, *(f"{one}{joint}{other}" for one in PARTS[:9] for joint in JOINTS for other in PARTS[:3])]
"""More than 200 ids that mean something to a file system, a shell, a URL, or look like another one."""


def hostile_ids_land_below_their_own_folder(root: Path) -> None:
    assert len(set(HOSTILE)) == len(HOSTILE) > 200
    keys = {found: connection_key(found) for found in HOSTILE}
    assert len(set(keys.values())) == len(HOSTILE)
    assert all(KEY.fullmatch(key) for key in keys.values())
    for found in HOSTILE:
        begun(root / "raw", "load", connection=found)
    assert {path.name for path in root.iterdir()} == {"raw"}
    span = f"{WINDOW.first}_{WINDOW.end}"
    assert files(root) == {f"raw/fireworks/{key}/usage/{span}/load/page-00000.json.zst" for key in keys.values()}


def hostile_ids_land_below_the_prefix_of_a_bucket(_root: Path) -> None:
    """A store takes any key literally, `raw/../../x` as well."""
    from upath import UPath

    with object_store() as store:
        bucket = store.bucket()
        store.client().put_object(Bucket=bucket, Key="raw/../../x", Body=b"taken literally")
        for found in HOSTILE[::10]:
            begun(UPath(f"s3://{bucket}/raw"), "load", connection=found)
        keys = store.keys(bucket) - {"raw/../../x"}
        assert len(keys) == len(HOSTILE[::10])
        assert all(
            re.fullmatch(rf"raw/fireworks/{KEY.pattern}/usage/[0-9_-]+/load/page-00000.json.zst", k) for k in keys
        )


def a_million_ids_have_a_million_keys(_root: Path) -> None:
    """The ids of every text of four of 32 letters, of which most are no letter of a key."""
    letters = "ab/\\.%:\0\n -_~\u0430\u00e9\u202eAB01?#$*\"'(){}<>"
    assert len(set(letters)) == 32
    hashes = set()
    for one in letters:
        for other in letters:
            for third in letters:
                for fourth in letters:
                    key = connection_key(one + other + third + fourth)
                    hashes.add(int(key[-16:], 16))
                assert KEY.fullmatch(key)
    assert len(hashes) == 32**4 > 1_000_000


def any_two_texts_have_two_keys(_root: Path) -> None:
    @given(st.text(), st.text())
    def apart(one: str, other: str) -> None:
        assert (connection_key(one) == connection_key(other)) is (one == other)
        assert KEY.fullmatch(connection_key(one))

    apart()


def other_segments_are_plain_names_or_refused(root: Path) -> None:
    """Load ids and reports are ours, and manifests' addresses come from the warehouse; none is trusted."""
    raw = root / "raw"
    committed(raw, "good")
    before = files(root)
    for found in HOSTILE:
        if re.fullmatch(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", found):
            continue
        with pytest.raises(StorageRefused, match="is no name in raw storage"):
            staged_folder(raw, found)
        with pytest.raises(StorageRefused, match="is no name in raw storage"):
            begun(raw, found)
        with pytest.raises(StorageRefused, match="is no name in raw storage"):
            begun(raw, "load", report=found)
        if "/" not in found:
            with pytest.raises(StorageRefused, match="is no name in raw storage"):
                load_folder(raw, f"{raw}/fireworks/{found}/load/{MANIFEST}")
    for address in (
        "/elsewhere/load/manifest.json",
        f"{raw}-other/load/manifest.json",
        f"{raw}/../other/load/manifest.json",
        f"{raw}/fireworks/../../other/manifest.json",
        f"{raw}//etc/manifest.json",
        str(raw),
        "s3://bucket/load/manifest.json",
        "",
    ):
        with pytest.raises(StorageRefused):
            load_folder(raw, address)
    assert files(root) == before


def links_lead_nowhere(root: Path) -> None:
    """Nothing below the root is followed, read, written or swept through a symbolic link; the root may be one."""
    outside = root / "outside"
    committed(outside, "theirs")
    theirs = files(outside)
    target = next(outside.rglob(MANIFEST)).parent
    for depth in range(1, 6):
        raw = root / f"raw{depth}"
        uri = Path(committed(raw, "good"))
        link = uri.parents[5 - depth]
        moved = root / f"moved{depth}"
        link.rename(moved)
        link.symlink_to(target.parents[5 - depth], target_is_directory=True)
        for reach in (
            lambda raw=raw: begun(raw, "good"),
            lambda raw=raw, uri=uri: load_folder(raw, str(uri)),
            lambda raw=raw: list(landed_manifests(raw, "fireworks", "acme")),
        ):
            with pytest.raises(StorageRefused, match="is a symbolic link"):
                reach()
        link.unlink()
        moved.rename(link)
        assert counted(raw) == {"good": [BODY]}
    raw = root / "raw1"
    folder = load_folder(raw, committed(raw, "more"))
    for name in (MANIFEST, "page-00000.json.zst"):
        path = folder / name
        path.rename(root / "aside")
        path.symlink_to(root / "aside")
        with pytest.raises(StorageRefused, match="is a symbolic link"):
            read_whole(path)
        path.unlink()
        (root / "aside").rename(path)
    (raw / "_staged").symlink_to(outside)
    with pytest.raises(StorageRefused, match="is a symbolic link"):
        staged_folder(raw, "good")
    (raw / "_staged").unlink()
    orphan = begun(raw, "orphan").folder
    (orphan.parent / "linked").symlink_to(target, target_is_directory=True)
    (orphan / "linked").symlink_to(target / "page-00000.json.zst")
    assert sweep(raw, "fireworks", "acme", "usage", now=REQUESTED_AT + 10_000 * MIN_AGE) == 1
    assert not orphan.exists()
    assert files(outside) == theirs
    assert counted(outside) == {"theirs": [BODY]}
    (orphan.parent / "linked").unlink()
    (root / "alias").symlink_to(raw, target_is_directory=True)
    assert set(counted(root / "alias")) == {"good", "more"}


@pytest.mark.parametrize(
    "holds",
    [
        hostile_ids_land_below_their_own_folder,
        hostile_ids_land_below_the_prefix_of_a_bucket,
        a_million_ids_have_a_million_keys,
        any_two_texts_have_two_keys,
        other_segments_are_plain_names_or_refused,
        links_lead_nowhere,
    ],
)
def test_x3_no_id_leads_out_of_raw_storage_or_to_anothers_folder(tmp_path: Path, holds: Callable[[Path], None]) -> None:
    """The folder of a connection is a slug and 16 digits of a SHA-256, whatever the id is."""
    holds(tmp_path)


def test_x18_a_cell_of_an_exported_table_is_no_formula() -> None:
    pytest.skip("the product exports no CSV or spreadsheet: the CSV of COPY goes from the load to the server alone")
