"""Faults of shape and meaning: what is new is kept and told, what is broken is named and fails its date or all."""

import json
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from kit.fireworks_answers import bounds, serverless, usage
from kit.provider_site import COST, FIRST, LAST, USAGE, Query, Site
from sqlalchemy import Engine

from usage_ledger.connections import Connection
from usage_ledger.core import contract_errors, errors, provider_errors
from usage_ledger.model import Provider
from usage_ledger.pipeline.rebuild import rebuild
from usage_ledger.providers import PROVIDERS
from usage_ledger.providers.fireworks import FIREWORKS

Json = dict[str, Any]


def run(site: Site, *rows: Json, **more: Any) -> errors.UsageLedgerError | None:
    """Both dates, answered with these rows; the failure, or None."""
    site.provider.answers[USAGE] = (200, usage(*rows, **more))
    ran = site.run(reports=("usage",))
    return next((error for error in ran.failures if error.report == "usage"), None)


def months(site: Site, **days: Json) -> None:
    """Load one date after the other, each answered with its row."""
    for day, row in days.items():
        at = date.fromisoformat(day.replace("d", "").replace("_", "-"))
        site.provider.answers[USAGE] = (200, usage(serverless(at) | row))
        assert site.run(first=at, last=at, reports=("usage",)).failures == []


def ledger(site: Site, columns: str) -> list[tuple[Any, ...]]:
    return site.query(f"SELECT {columns} FROM ledger.usage_daily WHERE connection_id = %s ORDER BY 1, 2", site.name)


def kinds(site: Site) -> list[str]:
    """What people were told, but for the date that has no rows here."""
    return [event[0] for event in site.events() if event[0] != "rows_stopped"]


def test_s1_an_unknown_field_is_kept_in_raw_and_told_once(site: Site) -> None:
    rows = [serverless(FIRST, model=f"m{n}") | {"tier": "gold", "nested": {"a": [1]}} for n in range(50)]
    assert run(site, *rows, newArray=[{"x": 1}]) is None
    assert run(site, *rows, newArray=[{"x": 1}]) is None
    assert len(ledger(site, "usage_date, model")) == 50
    assert kinds(site) == ["unknown_field"] * 3
    told = " ".join(event[3] for event in site.events())
    assert all(path in told for path in ("`newArray`", "`serverlessCosts.tier`", "`serverlessCosts.nested`"))


@pytest.mark.parametrize("name", ["reasoningTokens", "costMicroUsd", "gpuSeconds", "imageCount"])
def test_s2_an_unknown_field_that_looks_like_a_meter_is_told_as_such(site: Site, name: str) -> None:
    assert run(site, serverless(FIRST), serverless(LAST) | {name: 7}) is None
    [(kind, severity, _, message, next_step)] = site.events()
    assert (kind, severity) == ("unknown_meter", "warning")
    assert name in message
    assert "usage-ledger rebuild" in next_step


def test_s3_an_unknown_word_is_kept_as_sent_counted_and_told(site: Site) -> None:
    body = {"usageBuckets": [{**bounds(FIRST), "lineItems": [_line("VIDEO")]}]}
    site.provider.answers[COST] = (200, json.dumps(body).encode())
    assert site.run(first=FIRST, last=FIRST, reports=("cost",)).failures == []
    rows = site.query("SELECT usage_type, amount FROM ledger.cost_daily WHERE connection_id = %s", site.name)
    assert [(kind, int(amount)) for kind, amount in rows] == [("VIDEO", 3)]
    assert "contract_warning" in kinds(site)


def _line(series: str) -> Json:
    money = {"currencyCode": "USD", "units": "3"}
    return {"series": series, "category": "c", "groupingKey": "k", "groupingValue": "v", "totalCost": money}


def test_s4_one_row_of_ten_thousand_with_a_renamed_field_fails_its_date(site: Site) -> None:
    rows = [serverless(FIRST, model=f"m{n}") for n in range(10_000)] + [serverless(LAST)]
    rows[7_341]["outputTokens"] = rows[7_341].pop("completionTokens")
    failure = run(site, *rows)
    assert isinstance(failure, contract_errors.MissingField)
    assert "serverlessCosts[7341].completionTokens" in str(failure)
    assert [day for day, _ in ledger(site, "usage_date, model")] == [LAST]
    assert {(day, state) for _, day, state in site.days()} == {(FIRST, "failed"), (LAST, "loaded")}


@pytest.mark.parametrize("key", ["model_name", "api_key_id"])
def test_s5_a_group_key_that_is_missing_or_blank_is_unattributed_and_a_renamed_one_fails(site: Site, key: str) -> None:
    row = serverless(FIRST)
    name = row["group"].pop(key)
    row["group"]["new_name"] = name
    failure = run(site, serverless(FIRST), row)
    assert isinstance(failure, contract_errors.MissingGroupKey)
    assert f"serverlessCosts[1].group.{key}" in str(failure)
    assert "new_name" in str(failure)
    del row["group"]["new_name"]
    for _ in range(2):
        assert run(site, serverless(FIRST), row) is None
        assert len(ledger(site, "usage_date, model")) == 2
        row["group"][key] = ""


def test_s6_the_same_row_twice_is_never_added_up_by_guess(site: Site) -> None:
    failure = run(site, serverless(FIRST), serverless(LAST), serverless(FIRST))
    assert isinstance(failure, contract_errors.DuplicateRow)
    assert "serverlessCosts[2] repeats [0]" in str(failure)
    assert [day for day, _ in ledger(site, "usage_date, model")] == [LAST]


def test_s7_one_key_with_two_values_is_a_conflict(site: Site) -> None:
    assert isinstance(run(site, serverless(FIRST, "5"), serverless(FIRST, "6")), contract_errors.ConflictingRows)
    assert ledger(site, "usage_date, model") == []
    named = [serverless(FIRST, tokens, group={"api_key_name": tokens}) for tokens in ("5", "6")]
    assert run(site, *named) is None  # declared: rows split by the key's name alone are parts of one
    assert ledger(site, "usage_date, input_tokens") == [(FIRST, 11)]


@pytest.mark.parametrize(
    ("old", "new"), [("promptTokens", "inputTokens"), ("serverlessCosts", "serverlessUsage"), ("startTime", "start")]
)
def test_s8_a_renamed_field_or_array_fails_and_raw_keeps_the_answer(site: Site, old: str, new: str) -> None:
    assert run(site, serverless(FIRST)) is None
    site.provider.answers[USAGE] = (200, usage(serverless(FIRST)).replace(f'"{old}"'.encode(), f'"{new}"'.encode()))
    [failure] = site.run(reports=("usage",)).failures
    assert isinstance(failure, contract_errors.ContractBroken)
    assert old in str(failure) or new in str(failure)
    assert "raw pages are kept" in str(failure)
    assert ledger(site, "usage_date, input_tokens") == [(FIRST, 7)]
    of_date = old == "promptTokens"  # a row without it fails its date; the other two are wrong with the answer itself
    assert any(event[0] == ("date_failed" if of_date else "transform_failed") for event in site.events())


def test_what_a_rename_stopped_is_loaded_from_raw_once_the_declaration_is_corrected(
    site: Site, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is asked for again."""
    connection = Connection(id=site.name, provider="fireworks", account=site.name, reports=("usage",))
    assert run(site, serverless(FIRST)) is None
    renamed = usage(serverless(FIRST, "9")).replace(b'"promptTokens"', b'"inputTokens"')
    site.provider.answers[USAGE] = (200, renamed)
    assert isinstance(site.run(reports=("usage",)).failures[0], contract_errors.MissingField)
    asked = len(site.provider.requests)
    monkeypatch.setitem(PROVIDERS, "fireworks", corrected())
    ran = rebuild(connection, None, engine=engine, root=site.root)
    assert ran.failures == []
    [note] = ran.notes  # the page with the old name
    assert "inputTokens is absent" in note
    assert ledger(site, "usage_date, input_tokens") == [(FIRST, 9)]
    assert len(site.provider.requests) == asked


def corrected() -> Provider:
    """Fireworks' declaration with the field's new name."""
    report = FIREWORKS.report("usage")
    first, *others = report.row_sets
    meters = tuple(
        replace(meter, path="inputTokens") if meter.path == "promptTokens" else meter for meter in first.meters
    )
    row_set = replace(first, meters=meters, balances=())
    changed = replace(report, row_sets=(row_set, *others))
    return replace(FIREWORKS, reports=tuple(changed if one is report else one for one in FIREWORKS.reports))


@pytest.mark.parametrize(
    ("field", "value", "good"),
    [
        ("promptTokens", 7, True),
        ("promptTokens", [7], False),
        ("promptTokens", {"value": 7}, False),
        ("promptTokens", 7.0, True),
        ("promptTokens", 7.5, False),
        ("usageType", 7, False),
        ("group", "model", False),
        ("startTime", 1790000000, False),
        ("audioInputSeconds", "3.5", True),
        ("audioInputSeconds", True, False),
    ],
)
def test_s9_another_type_is_taken_where_nothing_is_lost_and_refused_elsewhere(
    site: Site, field: str, value: Any, good: bool
) -> None:
    failure = run(site, serverless(FIRST) | {field: value})
    assert (failure is None) is good
    if failure:
        assert isinstance(failure, contract_errors.ContractBroken)
        assert field in str(failure) or "serverlessCosts" in str(failure)


def test_s10_a_renamed_key_splits_no_row_and_rewrites_no_history(site: Site, query: Query) -> None:
    months(
        site,
        d2026_11_01={"group": {"model_name": "m", "api_key_id": "k", "api_key_name": "old"}},
        d2026_11_02={"group": {"model_name": "m", "api_key_id": "k", "api_key_name": "new"}},
    )
    assert len(ledger(site, "usage_date, api_key_id")) == 2
    assert len({key for key, _ in ledger(site, "row_key::text, api_key_id")}) == 1
    rows = query(
        "SELECT usage_date, api_key_name_on_day FROM marts.daily_usage_by_api_key WHERE connection_id = %s ORDER BY 1",
        site.name,
    )
    assert [name for _, name in rows] == ["old", "new"]


def test_s11_a_name_that_a_new_key_takes_over_is_two_histories(site: Site, query: Query) -> None:
    months(
        site,
        d2026_11_01={"group": {"model_name": "m", "api_key_id": "k1", "api_key_name": "web"}},
        d2026_11_02={"group": {"model_name": "m", "api_key_id": "k2", "api_key_name": "web"}},
    )
    names = query(
        "SELECT id, name, valid_from FROM ledger.name WHERE connection_id = %s AND id LIKE 'k_' ORDER BY 1", site.name
    )
    assert names == [("k1", "web", date(2026, 11, 1)), ("k2", "web", date(2026, 11, 2))]
    assert {key for _, key in ledger(site, "usage_date, api_key_id")} == {"k1", "k2"}


def test_s12_an_alias_that_moves_stays_as_reported(site: Site) -> None:
    group = {"api_key_id": "k"}
    rows = [serverless(FIRST, "1", model="m-latest", group=group), serverless(FIRST, "2", model="m-v2", group=group)]
    assert run(site, *rows) is None
    assert ledger(site, "model, input_tokens") == [("m-latest", 1), ("m-v2", 2)]


@pytest.mark.parametrize(
    ("deployment", "own"),
    [("accounts/{me}/deployments/d1", True), ("d1", True), ("accounts/other/deployments/d1", False)],
)
def test_s14_a_resource_of_another_account_fails_the_window(site: Site, deployment: str, own: bool) -> None:
    """Names of models are not so: a base model belongs to whoever made it."""
    row = {**bounds(FIRST), "deploymentId": deployment.format(me=site.name), "acceleratorSeconds": "60"}
    row["baseModel"] = "accounts/fireworks/models/base"
    failure = run(site, serverless(FIRST), dedicatedCosts=[row])
    if own:
        assert failure is None
        assert ledger(site, "deployment, accelerator_seconds")[-1][0] == "d1"
    else:
        assert isinstance(failure, provider_errors.WrongAccount)
        assert "accounts/other/deployments/d1" in str(failure)
        assert ledger(site, "usage_date, model") == []


@pytest.mark.parametrize("name", ["x\x00y", "x\ud800y"], ids=["nul", "half_a_character"])
def test_an_unknown_field_whose_name_no_text_column_takes_is_told_escaped(site: Site, name: str) -> None:
    assert run(site, serverless(FIRST) | {name: 1}) is None
    ((told,),) = site.query(
        "SELECT message FROM ops.event WHERE connection_id = %s AND kind = 'unknown_field'", site.name
    )
    assert "x\\x00y" in told


def test_a_small_answer_of_another_shape_is_kept_in_raw(site: Site) -> None:
    failure = run(site, serverless(FIRST) | {"promptTokens": ["7"]})
    assert isinstance(failure, contract_errors.Shape)
    assert [path.parent.name for path in site.root.rglob("manifest.json*") if "usage" in path.parts]
