"""Addresses planted at every undeclared place of every answer of every provider are found nowhere afterwards."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kit.canary import contents
from spoiled import Desk, Json, ending

from usage_ledger.core.pseudonym import pseudonym
from usage_ledger.model import Objects, Provider
from usage_ledger.providers import PROVIDERS
from usage_ledger.storage.landing import landed_folders
from usage_ledger.storage.manifest import manifest_of

each_provider = pytest.mark.parametrize("provider", PROVIDERS.values(), ids=PROVIDERS)
CANARY = "canary.bird@people.example"
SEEN = (b"canary.bird", b"canary%2Ebird", b"people.example")
TABLES = "SELECT c.oid::regclass::text FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace"
TABLES += " WHERE n.nspname IN ('ledger', 'ops') AND c.relkind = 'r'"
Query = Callable[..., list[tuple[Any, ...]]]


def statuses_for(provider: Provider) -> list[int]:
    """An error with and without success from every provider; from one each status, whose code is everybody's."""
    return [200, 400, 403, 404, 412, 429, 500] if provider.name == "fireworks" else [200, 403]


def planted(document: Json, maps: set[str], name: str = "") -> Json:
    """The document with addresses in each object: as a value, in a text, nested, as a key; keys of maps are read."""
    if isinstance(document, list):
        return [planted(one, maps) for one in document]
    if not isinstance(document, dict):
        return document
    changed = {key: planted(value, maps, key) for key, value in document.items()}
    if name in maps:
        return changed
    nested = {"email": CANARY, CANARY: None, "all": [{"text": f"<{CANARY}>, {CANARY.upper()}"}]}
    link = f"mailto:{CANARY.replace('@', '%40')}?x=1"
    return changed | {"zz_person": CANARY, "zz_by": nested, "zz_link": link, CANARY: True}


def maps_of(provider: Provider) -> set[str]:
    paths = [row_set.path for report in provider.reports for row_set in report.row_sets]
    return {path.split("/")[-2] for path in paths if path.endswith("/*")}


def escaped(body: bytes) -> bytes:
    """Every second address in escapes that mean the same."""
    pieces = body.split(CANARY.encode())
    signs = (CANARY.encode(), CANARY.replace("@", "\\u0040").replace("b", "\\u0062").encode())
    return b"".join(piece + signs[n % 2] * (n < len(pieces) - 1) for n, piece in enumerate(pieces))


def rows_as_text(query: Query) -> Iterator[tuple[str, bytes]]:
    for (table,) in query(TABLES):
        for (row,) in query(f"SELECT t::text FROM {table} AS t"):
            yield table, row.encode()


def places_with_the_canary(folder: Path, query: Query, more: bytes = b"") -> list[str]:
    places = [*contents(folder), *rows_as_text(query), ("texts", more)]
    return sorted({where for where, data in places if any(one in data.lower() for one in SEEN)})


@each_provider
def test_planted_addresses_are_nowhere_in_raw_warehouse_and_logs(
    desk: Callable[[Provider], Desk], query: Query, provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    at_work = desk(provider)
    at_work.site.changes[""] = lambda _path, document: planted(document, maps_of(provider))
    at_work.site.raw[""] = escaped
    with caplog.at_level("DEBUG"):
        ran = at_work.run()
    assert ran.failures == []
    folders = list(landed_folders(at_work.root, provider.name, at_work.connection_id))
    manifests = {manifest.report: manifest for manifest in map(manifest_of, folders)}
    chosen = [report for report in provider.reports if not report.opt_in]
    assert set(manifests) == {report.name for report in chosen}
    for report in chosen:
        assert manifests[report.name].addresses or report.lists_people
    assert any(pseudonym(CANARY).encode() in data for _, data in contents(at_work.root))
    assert places_with_the_canary(at_work.root, query, caplog.text.encode()) == []
    events = query(
        "SELECT report, message FROM ops.event WHERE connection_id = %s AND kind = 'address_replaced'",
        at_work.connection_id,
    )
    assert len(events) == len(set(events)) > 0


@pytest.mark.parametrize(
    ("provider", "status"),
    [(provider, status) for provider in PROVIDERS.values() for status in statuses_for(provider)],
    ids=lambda value: value.name if isinstance(value, Provider) else str(value),
)
def test_an_address_in_an_error_is_nowhere(
    desk: Callable[[Provider], Desk], query: Query, provider: Provider, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    at_work = desk(provider)
    report = next(report for report in provider.reports if not report.snapshot)
    if isinstance(report.source, Objects):
        pytest.skip("its facts are read from a store, whose errors hold none of an answer's text")
    document: dict[str, Any] = {}
    for path in provider.error_messages:
        *outer, last = path.split("/")
        holder = document.setdefault(outer[0], {}) if outer else document
        holder[last] = f"{CANARY} may not do this"
    at_work.site.refusals[ending(report)] = [(status, escaped(json.dumps(document).encode()), {})] * 9
    ran = at_work.run(report.name)
    assert any(pseudonym(CANARY) in str(failure) for failure in ran.failures)
    told = f"{[*map(str, ran.failures)]} {ran.notes} {caplog.text}"
    assert places_with_the_canary(at_work.root, query, told.encode()) == []


def test_the_search_finds_a_planted_address(tmp_path: Path, query: Query) -> None:
    (tmp_path / "page.json").write_text(json.dumps({"x": CANARY}), encoding="utf-8")
    assert places_with_the_canary(tmp_path, query) == [str(tmp_path / "page.json")]


@each_provider
def test_ordinary_lists_of_people_hold_nothing_that_is_news(
    desk: Callable[[Provider], Desk], provider: Provider
) -> None:
    at_work = desk(provider)
    assert at_work.run().failures == []
    news = at_work.events("address_replaced") + at_work.events("unknown_field")
    assert [text for text in news if "it was not stored" in text or "addresses" in text] == []
