"""A provider that is read by POST, once for each region that its connection names: through all four steps."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from kit.asking import Server, http
from kit.cumulus import CUMULUS, DAY, DOCUMENT, KEY, START, rows, run
from sqlalchemy import Engine

from usage_ledger import model as m
from usage_ledger.airflow.provider_info import get_provider_info
from usage_ledger.connections import connection_from
from usage_ledger.core import errors
from usage_ledger.core.contract_errors import Shape
from usage_ledger.core.provider_errors import NoPermission, NotWhole
from usage_ledger.http.auth import Credential
from usage_ledger.http.client import client_for
from usage_ledger.http.page import Call, Page
from usage_ledger.providers import PROVIDERS
from usage_ledger.sources.batches import Answers, groups
from usage_ledger.sources.listing import Thing, list_things
from usage_ledger.sources.source import source_of
from usage_ledger.storage.landing import landed_folders
from usage_ledger.storage.manifest import Manifest, manifest_of


@pytest.fixture(autouse=True)
def _declared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PROVIDERS, "cumulus", CUMULUS)


def test_pages_of_a_post_are_landed_with_their_request_and_loaded(
    monkeypatch: pytest.MonkeyPatch,
    engine: Engine,
    query: Callable[..., list[tuple[Any, ...]]],
    tmp_path: Path,
    scripted: Server,
) -> None:
    mine = http('{"id": "posting"}')
    server = scripted(mine, rows("a", 1, "t2"), http("{}", "503 Busy"), rows("b", 2), rows("a", 4))
    connection, ran = run(monkeypatch, engine, tmp_path, server.url, "posting")
    assert ran.failures == []
    assert query(
        "SELECT model, region, input_tokens FROM ledger.usage_daily WHERE connection_id = 'posting' ORDER BY 1, 2"
    ) == [("a", "east", 1), ("a", "west", 4), ("b", "east", 2)]
    [manifest] = [manifest_of(folder) for folder in landed_folders(tmp_path, "cumulus", connection.id)]
    window = {"from": START, "to": START + 86_400, "pageSize": 1}
    assert [(page.method, page.origin, page.path, json.loads(page.body)) for page in manifest.pages] == [
        ("POST", server.url, "/v1/blue/usage:query", window | {"region": "east"}),
        ("POST", server.url, "/v1/blue/usage:query", window | {"region": "east", "token": "t2"}),
        ("POST", server.url, "/v1/blue/usage:query", window | {"region": "west"}),
    ]
    assert KEY not in repr(manifest) and isinstance(manifest, Manifest)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"region": ["east"]}, "settings.tenant` is missing"),
        ({"tenant": "blue"}, "settings.region` is missing"),
        ({"tenant": "Blue!", "region": ["east"]}, r"settings.tenant`: 'Blue!' is not allowed; allowed: \[a-z\]"),
        ({"tenant": "blue", "region": "east"}, "settings.region`: allowed is a list"),
        ({"tenant": "blue", "region": ["east"], "colour": "x"}, "settings.colour` is not a setting of Cumulus"),
    ],
)
def test_a_malformed_setting_names_itself_its_value_and_what_is_allowed(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(errors.ConfigError, match=message):
        connection_from("cumulus_acme", DOCUMENT | {"settings": settings}, "cumulus_acme.yaml")


def test_airflow_and_the_file_may_not_name_different_values(
    monkeypatch: pytest.MonkeyPatch, engine: Engine, tmp_path: Path, scripted: Server
) -> None:
    server = scripted(http('{"id": "agreeing"}'), rows("a", 1))
    with pytest.raises(errors.ConfigError, match="says tenant 'red', the YAML says 'blue'"):
        run(monkeypatch, engine, tmp_path, server.url, "contrary", tenant="red")
    assert server.requests == []
    run(monkeypatch, engine, tmp_path, server.url, "agreeing", tenant="blue", region="east, west")
    assert len(server.requests) == 3  # the account's proof, and one for each region


def test_airflows_form_has_a_field_for_each_setting() -> None:
    [form] = [one for one in get_provider_info()["connection-types"] if one["connection-type"] == "cumulus"]
    assert {name: field["label"] for name, field in form["conn-fields"].items()} == {
        "tenant": "Tenant",
        "region": "Regions",
    }


def question(metric: Mapping[str, Any], number: int) -> dict[str, Any] | None:
    """What is asked of one metric; nothing of those that count no tokens."""
    return {"id": f"m{number}", "model": metric["model"]} if metric["unit"] == "token" else None


METRICS = m.Listing(
    m.Request("/v1/metrics:list", method="POST", reads_only=True, body='{"place": "{place}", "on": "{date}"}'),
    "metrics",
    "",
    "metric",
    m.Cursor("next", "token", into="body"),
    per=m.PerSetting("region", "place"),
)
BATCHED = m.Report(
    name="batched",
    source=m.HttpPages(
        m.Request(
            "/v1/metrics:read",
            method="POST",
            reads_only=True,
            body='{"from": "{date}", "through": "{last_date}", "to": "{end_date}", "queries": [{"id": "all"}]}',
            headers=(("Content-Type", "application/x-cumulus-1.0"), ("X-Target", "Read")),
            audience="metrics/{place}",
        ),
        m.Cursor("next", "token", into="body"),
        per=METRICS,
        batch=m.Batch("queries", 2, question),
    ),
    row_sets=(
        m.RowSet(
            path="rows",
            table="usage_daily",
            when=m.Bucket("start", "end", clock="epoch"),
            dimensions=m.dimensions(model="model", region="@place"),
            meters=(m.Meter("input_tokens", "tokens"),),
        ),
    ),
    day="UTC",
    opt_in=True,
)


def metrics(*models: str, token: str | None = None) -> bytes:
    listed = [{"model": model, "unit": "token"} for model in models]
    return http(json.dumps({"metrics": [*listed, {"model": "z", "unit": "second"}], "next": token}))


def test_things_of_a_list_are_asked_for_in_batches_region_by_region(
    monkeypatch: pytest.MonkeyPatch,
    engine: Engine,
    query: Callable[..., list[tuple[Any, ...]]],
    tmp_path: Path,
    scripted: Server,
) -> None:
    monkeypatch.setitem(PROVIDERS, "cumulus", replace(CUMULUS, reports=(*CUMULUS.reports, BATCHED)))
    monkeypatch.setitem(DOCUMENT, "reports", ["batched"])
    mine = http('{"id": "batching"}')
    lists = [metrics("c", "a", token="t2"), metrics("b", "a"), metrics("d"), rows("a", 1, "p2"), rows("b", 2)]
    server = scripted(mine, *lists, rows("c", 4), rows("d", 8))
    _, ran = run(monkeypatch, engine, tmp_path, server.url, "batching")
    assert ran.failures == []
    assert query(
        "SELECT model, region, input_tokens FROM ledger.usage_daily WHERE connection_id = 'batching' ORDER BY 1"
    ) == [("a", "east", 1), ("b", "east", 2), ("c", "east", 4), ("d", "west", 8)]
    [manifest] = [manifest_of(folder) for folder in landed_folders(tmp_path, "cumulus", "batching")]
    assert [(page.role, page.labels) for page in manifest.pages] == [
        *[("listing", {"place": place}) for place in ("east", "east", "west")],
        *[("rows", {"place": place}) for place in ("east", "east", "east", "west")],
    ]
    sent = [json.loads(page.body) for page in manifest.pages]
    assert sent[:3] == [
        {"place": "east", "on": "2026-11-18"},
        {"place": "east", "on": "2026-11-18", "token": "t2"},
        {"place": "west", "on": "2026-11-18"},
    ]
    window = {"from": "2026-11-18", "through": "2026-11-18", "to": "2026-11-19"}
    assert [one["queries"] for one in sent[3:]] == [
        [{"id": "all"}, *[{"id": f"m{n}", "model": model} for n, model in enumerate(models)]]
        for models in ("ab", "ab", "c", "d")
    ]
    assert [{name: one[name] for name in one if name != "queries"} for one in sent[3:]] == [
        window,
        window | {"token": "p2"},
        window,
        window,
    ]
    heads = [request.partition(b"\r\n\r\n")[0].decode().lower() for request in server.requests]
    kinds = [re.findall("content-type: (.*)", head) for head in heads]
    assert kinds == [[], *[["application/json\r"]] * 3, *[["application/x-cumulus-1.0\r"]] * 4]


def test_the_check_of_a_report_in_batches_sends_the_first_batch(
    monkeypatch: pytest.MonkeyPatch, scripted: Server
) -> None:
    monkeypatch.setenv("USAGE_LEDGER_RETRY_SCALE", "0")
    connection = connection_from("checking", DOCUMENT, "x.yaml")
    audiences: list[str] = []
    server = scripted(metrics(), metrics("d"), http("{}", "403 No"))
    monkeypatch.setenv("USAGE_LEDGER_ALLOWED_HOSTS", server.url.removeprefix("http://"))
    with client_for(connection, Credential(KEY, {}, server.url)) as client:
        client._http.event_hooks = {"request": [lambda sent: audiences.append(sent.extensions["audience"])]}
        with pytest.raises(NoPermission):
            source_of(connection, BATCHED, client).verify(DAY)
    assert audiences == ["", "", "metrics/west"]


def test_items_of_another_shape_are_refused_before_anything_is_asked() -> None:
    [_] = groups([Thing({}, {"model": "a", "unit": "token"})], m.Batch("queries", 2, question), "metric")
    with pytest.raises(Shape, match="its batch is made of"):
        list(groups([Thing({}, {"model": "a"})], m.Batch("queries", 2, question), "metric"))


def test_things_of_several_outer_labels_may_share_a_batch() -> None:
    things = [
        Thing({"place": place, "kind": kind}, {"model": f"{kind}-{place}", "unit": "token"})
        for kind in ("old", "new")
        for place in ("east", "west")
    ]
    mixed = groups(things, m.Batch("queries", 9, question, mixed=("kind",)), "metric")
    assert [(labels, [one["model"] for one in items]) for labels, items in mixed] == [
        ({"place": "east"}, ["new-east", "old-east"]),
        ({"place": "west"}, ["new-west", "old-west"]),
    ]


@pytest.mark.parametrize("results", [b"5", b'{"Id": "a"}', b'[{"Id": {"a": 1}}]', b'["a"]', b"null"])
def test_answers_of_another_shape_name_nothing_that_was_requested(results: bytes) -> None:
    answers = Answers(m.Batch("queries", 2, question, answers=("results", "Id")), [{"Id": "a"}])
    answers.add(Page(Call("/v1/x"), b'{"results": ' + results + b"}", 200, datetime(2026, 11, 18, tzinfo=UTC)))
    with pytest.raises(NotWhole, match="lacks 1 of what was asked for"):
        answers.require_all()


def test_a_function_is_hashed_by_its_name_and_needs_one() -> None:
    other = replace(BATCHED, source=replace(BATCHED.source, batch=m.Batch("queries", 9, question)))
    assert other.declaration() == BATCHED.declaration() != CUMULUS.reports[0].declaration()
    unnamed = replace(BATCHED, source=replace(BATCHED.source, batch=m.Batch("queries", 2, lambda item, _: item)))
    with pytest.raises(errors.ConfigError, match="without a name"):
        unnamed.declaration()


@pytest.mark.parametrize("spoiled", [{"per": m.PerSetting("region")}, {"request": m.Request("/v1/x")}, {"per": None}])
def test_a_batch_needs_a_list_and_a_body(spoiled: dict[str, Any]) -> None:
    with pytest.raises(errors.ConfigError, match="in batches"):
        replace(BATCHED.source, **spoiled)


def test_a_report_that_is_opted_in_to_is_fetched_only_where_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PROVIDERS, "cumulus", replace(CUMULUS, reports=(*CUMULUS.reports, BATCHED)))
    chosen = {
        names: [report.name for report in connection_from("c", DOCUMENT | {"reports": names}, "c.yaml").chosen_reports]
        for names in (None, ("usage",), ("usage", "batched"))
    }
    assert chosen == {None: ["usage"], ("usage",): ["usage"], ("usage", "batched"): ["usage", "batched"]}


def test_a_request_may_be_repeated_for_fixed_values_and_a_setting_needs_a_value() -> None:
    [(page, things)] = list_things(None, m.Fixed("metric", ("b", "a")))  # type: ignore[arg-type]  nothing is asked
    assert (page, [thing.labels for thing in things]) == (None, [{"metric": "b"}, {"metric": "a"}])
    both = m.Fixed("metric", ("b", "a"), per=m.PerSetting("regions", "place"))
    [(page, things)] = list_things(None, both, {}, {"regions": ("east", "west")})  # type: ignore[arg-type]
    assert [tuple(thing.labels.values()) for thing in things] == [
        *(("east", "b"), ("east", "a")),
        *(("west", "b"), ("west", "a")),
    ]
    with pytest.raises(errors.ConfigError, match="`region` has no value"):
        list(list_things(None, m.PerSetting("region"), {}, {"region": ()}))  # type: ignore[arg-type]
