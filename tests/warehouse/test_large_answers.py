"""What is too large to hold goes through in parts, and nothing about it is different: here everything is too large."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import zstandard
from kit.fireworks_answers import serverless, usage
from kit.provider_site import COST, FIRST, KEY, LAST, USAGE, Query, Site
from kit.raw_pages import landed_manifests

import usage_ledger.http.body
import usage_ledger.json.parts
import usage_ledger.json.whole
import usage_ledger.storage.landing
import usage_ledger.storage.table_writer
from usage_ledger.core import contract_errors, errors, provider_errors, storage_errors
from usage_ledger.pipeline import validate
from usage_ledger.storage.landing import landed_pages, load_folder


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of 500 bytes, row groups of 7 rows, frames of 12."""
    for module in (usage_ledger.json.parts, usage_ledger.http.body, usage_ledger.storage.landing):
        monkeypatch.setattr(module, "PART", 500)
    monkeypatch.setattr(usage_ledger.storage.table_writer, "ROW_GROUP", 7)
    monkeypatch.setattr(validate, "AT_ONCE", 20)
    monkeypatch.setattr(validate, "PART", 12)


def run(site: Site, body: bytes, status: int = 200) -> errors.UsageLedgerError | None:
    site.provider.answers[USAGE] = (status, body)
    ran = site.run(first=FIRST, last=FIRST, reports=("usage",))
    return next((error for error in ran.failures if error.report == "usage"), None)


def rows(count: int = 60, **more: Any) -> list[dict[str, Any]]:
    return [serverless(FIRST, str(number), model=f"m{number}", **more) for number in range(count)]


def landed(site: Site) -> list[bytes]:
    """The pages of the usage report as they lie in raw storage."""
    return [
        body
        for uri, manifest in landed_manifests(site.root, "fireworks", site.name)
        if manifest.report == "usage"
        for _, body in landed_pages(load_folder(site.root, uri), manifest)
    ]


@pytest.fixture(params=[1000, 0], ids=["places", "no places"])
def most(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many places a manifest has room for."""
    monkeypatch.setattr(usage_ledger.json.whole, "MOST", request.param)
    return int(request.param)


def test_answers_in_parts_make_the_ledger_equal_the_truth(site: Site, most: int) -> None:
    assert site.run(first=FIRST, last=LAST).failures == []
    assert site.converged()


def test_a_page_is_landed_byte_for_byte_and_loaded_row_for_row(site: Site, query: Query, most: int) -> None:
    body = usage(*rows(), newField={"a": [1]})
    assert run(site, body) is None
    assert landed(site) == [body]
    manifests = [manifest for _, manifest in landed_manifests(site.root, "fireworks", site.name)]
    assert any(page.places for manifest in manifests for page in manifest.pages) == bool(most)
    found = query("SELECT model, input_tokens FROM ledger.usage_daily WHERE connection_id = %s", site.name)
    assert sorted(found) == sorted((f"m{number}", number) for number in range(60))
    assert [event[3] for event in site.events() if event[0] == "unknown_field"] == [
        "the answer holds `newField`, which is not declared; raw storage has it"
    ]


def test_rows_that_the_vendor_splits_are_added_up_across_parts(site: Site, query: Query) -> None:
    names = ("web", "batch", "cron")
    split = [
        serverless(FIRST, str(number), model=f"m{number % 30}", group={"api_key_name": names[number // 30]})
        for number in range(90)
    ]
    assert run(site, usage(*split, *rows(4, key="other"))) is None
    found = dict(
        query(
            "SELECT model, input_tokens FROM ledger.usage_daily WHERE connection_id = %s AND api_key_id = 'k'",
            site.name,
        )
    )
    assert found == {f"m{number}": 3 * number + 90 for number in range(30)}
    [(count, raw)] = query(
        "SELECT count(*), sum(output_tokens) FROM ledger.usage_daily WHERE connection_id = %s", site.name
    )
    assert (count, raw) == (34, 94)


@pytest.mark.parametrize(
    ("again", "error"),
    [("5", contract_errors.DuplicateRow), ("6", contract_errors.ConflictingRows)],
    ids=["equal", "other values"],
)
def test_a_row_that_comes_twice_in_different_parts_is_refused_with_both_places(
    site: Site, again: str, error: type[Exception]
) -> None:
    failure = run(site, usage(*rows(), serverless(FIRST, again, model="m5")))
    assert type(failure) is error
    assert "serverlessCosts[60] repeats [5]" in str(failure)
    assert site.tokens() == {}


def test_the_place_of_a_bad_value_is_that_in_the_page(site: Site) -> None:
    failure = run(site, usage(*rows(), serverless(FIRST, "-1", model="last")))
    assert type(failure) is contract_errors.NegativeCount
    assert "serverlessCosts[60].promptTokens" in str(failure)


@pytest.mark.parametrize(
    ("body", "status", "error", "requests"),
    [
        (usage(*rows())[:-2], 200, provider_errors.BadJson, 2),
        (usage(*rows()) + b"}", 200, provider_errors.BadJson, 2),
        (b"<html>" + b"x" * 5000, 200, provider_errors.NotJson, 2),
        (b'{"message": "' + b"x" * 5000 + b'"}', 403, provider_errors.NoPermission, 1),
        (b'{"rows": [1], "rows": [2], "text": "' + b"x" * 5000 + b'"}', 200, provider_errors.BadJson, 2),
    ],
    ids=["cut", "too long", "web page", "refusal", "key twice"],
)
def test_what_is_no_answer_is_refused_while_it_arrives(
    site: Site, body: bytes, status: int, error: type[Exception], requests: int
) -> None:
    assert type(run(site, body, status)) is error
    assert site.provider.request_count(f"{site.name}{USAGE}") == requests


def test_an_echoed_key_is_scrubbed_wherever_it_lies(site: Site) -> None:
    """In pieces as the network brings them, some end amid the key."""
    echoes = [serverless(FIRST, "1", model=f"{'x' * number} {KEY}") for number in range(60)]
    assert run(site, usage(*echoes)) is None
    [body] = landed(site)
    assert KEY.encode() not in body
    assert body.count(b"***") == 60
    assert [row["group"]["model_name"] for row in json.loads(body)["serverlessCosts"]] == [
        f"{'x' * number} ***" for number in range(60)
    ]


def test_a_damaged_page_is_not_transformed(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    real = usage_ledger.storage.landing.read_whole

    def damaged(path: Any) -> bytes:
        data = bytearray(real(path))
        if path.name.endswith(".zst"):
            data[len(data) // 2] ^= 1
        return bytes(data)

    monkeypatch.setattr(usage_ledger.storage.landing, "read_whole", damaged)
    assert type(run(site, usage(*rows()))) is storage_errors.RawCorrupt
    assert site.tokens() == {}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda body: body.replace(b'"promptTokens": "1', b'"promptTokens": "2', 1),
        lambda body: body[:-5],
        lambda body: body.replace(b'"startTime": "', b'"startTime": 7, "x": "', 1),
        lambda body: body[:2000] + b"\xff" + body[2001:],
        lambda body: body.replace(b"serverlessCosts", b"serverlessCoats"),
        lambda body: body + b" ",
        lambda body: body[:2000] + b"\0" + body[2001:],
        lambda body: body.replace(b'"promptTokens": "1', b'"promptTokens":: "', 1),
    ],
    ids=["another number", "cut", "another type", "no UTF-8", "another list", "one byte more", "no JSON", "two colons"],
)
def test_a_large_page_that_was_changed_in_storage_is_named_so_whatever_it_holds(
    site: Site, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[bytes], bytes], most: int
) -> None:
    """It is hashed while it is read: its own errors are no fault of the provider."""
    real = usage_ledger.storage.landing.read_whole

    def replaced(path: Any) -> bytes:
        data = real(path)
        if not path.name.endswith(".zst"):
            return data
        whole = zstandard.ZstdDecompressor().decompress(data, max_output_size=2**28)
        if b"promptTokens" not in whole:
            return data
        assert spoil(whole) != whole
        return zstandard.compress(spoil(whole))

    monkeypatch.setattr(usage_ledger.storage.landing, "read_whole", replaced)
    assert type(run(site, usage(*rows()))) is storage_errors.RawCorrupt
    assert site.tokens() == {}


def test_a_page_that_is_damaged_before_it_is_read_once_more_is_named_so(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To tell what a page holds that has no declared array."""
    real = usage_ledger.storage.landing.read_whole
    body = json.dumps({"otherCosts": [{"n": number} for number in range(200)]}).encode()
    readings = []

    def replaced(path: Any) -> bytes:
        data = real(path)
        if path.name.endswith(".zst") and zstandard.ZstdDecompressor().decompress(data, max_output_size=2**28) == body:
            readings.append(path)
            return zstandard.compress(body.replace(b'"n": 7}', b'"n" 77}')) if len(readings) > 1 else data
        return data

    monkeypatch.setattr(usage_ledger.storage.landing, "read_whole", replaced)
    assert type(run(site, body)) is storage_errors.RawCorrupt
    assert len(readings) == 2


def test_each_rule_looks_at_every_frame_and_keys_at_all_of_them(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    from usage_ledger.storage import table_writer

    real = table_writer.TableWriter.add

    def run_with(change: Any) -> errors.UsageLedgerError | None:
        monkeypatch.setattr(table_writer.TableWriter, "add", lambda self, table: real(self, change(table)))
        return run(site, usage(*rows()))

    def below_zero(table: Any) -> Any:
        at = table.column_names.index("output_tokens")
        return table.set_column(at, table.schema.field(at), [[-1] * table.num_rows])

    def one_key(table: Any) -> Any:
        at = table.column_names.index("row_key")
        return table.set_column(at, table.schema.field(at), [["f" * 32] * table.num_rows])

    failure = run_with(lambda table: below_zero(table) if "output_tokens" in table.column_names else table)
    assert "`output_tokens` is below zero: 60 rows, such as output_tokens=-1, " in str(failure)
    failure = run_with(lambda table: one_key(table) if "row_key" in table.column_names else table)
    assert "a key comes more than once: 60 rows" in str(failure)
    assert "60 rows" in str(failure)


def test_the_summary_too(site: Site) -> None:
    assert site.run(first=FIRST, last=LAST, reports=("cost",)).failures == []
    assert site.provider.request_count(COST) == 1
    assert len(site.cost()) == 2
