"""Wrong keys, wrong accounts, wrong answers, nothing there: the pipeline against a real loopback server.

Every test ends as every bad day should: the reason stands where people look, good data stand, and the next run heals.
"""

import json
import socket
from collections.abc import Callable
from typing import Any

import pytest
from kit.provider_site import COST, DAY, FIRST, KEYS, LAST, TRUTHS, USAGE, WRONG_KEY, Overruled, Query, Site
from sqlalchemy import Engine, make_url

from usage_ledger.core import contract_errors, errors, provider_errors, storage_errors, warehouse_errors
from usage_ledger.http.address import base_url
from usage_ledger.pipeline import run as pipeline
from usage_ledger.providers.fireworks import FIREWORKS
from usage_ledger.warehouse.engine import warehouse_engine


def failed(*reports: str) -> set[tuple[Any, ...]]:
    return {(report, day, "failed") for report in reports for day in (FIRST, LAST)}


@pytest.fixture
def dead_port() -> int:
    """A port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


# The key and the account


def test_a_bad_key_is_tried_once_and_shown_nowhere(site: Site) -> None:
    ran = site.run(key=WRONG_KEY)
    assert [type(error) for error in ran.failures] == [provider_errors.BadKey]
    assert (len(site.provider.requests), ran.loads) == (1, [])
    assert site.loads() == [("usage", "failed", "BadKey")]
    assert site.days() == failed("usage")
    [(kind, severity, report, _, next_step)] = site.events()
    assert (kind, severity, report) == ("extract_failed", "error", "usage")
    assert "usage-ledger connect" in next_step
    told = [str(ran.failures[0]), str(site.events()), str(site.loads("*")), *map(str, site.root.rglob("*"))]
    assert not any(WRONG_KEY in text or WRONG_KEY[4:12] in text for text in told)
    assert site.run().failures == []
    assert site.converged()


def test_a_key_that_may_not_read_one_report_loads_the_others(site: Site) -> None:
    site.provider.answers[COST] = (403, b'{"code": 7, "message": "permission denied on billing"}')
    ran = site.run(first=LAST - 40 * DAY)
    assert [(type(error), error.report) for error in ran.failures] == [(provider_errors.NoPermission, "cost")]
    assert "permission denied on billing" in str(ran.failures[0])
    assert site.provider.request_count(COST) == 1  # of two windows: the next would be refused as well
    assert {report for report, _, _ in ran.loads} == {"usage", "prices", "api_keys"}
    assert len(site.tokens()) == 41
    assert site.cost() == {}
    assert {state for report, _, state in site.days() if report == "cost"} == {"failed"}
    site.provider.answers.clear()
    assert site.run().failures == []
    assert site.cost() == TRUTHS[site.name].expected_cost(FIRST, LAST + DAY)


def test_names_that_the_key_may_not_read_are_an_event_and_no_failure(site: Site) -> None:
    site.provider.answers[KEYS] = (403, b"{}")
    ran = site.run()
    assert ran.failures == []
    assert site.converged()
    assert [event[:3] for event in site.events()] == [("names_missing", "warning", "api_keys")]


def test_a_snapshot_that_failed_leaves_no_failed_date_behind(site: Site) -> None:
    """It has no dates, so that no later success could clear one."""
    site.provider.answers = dict.fromkeys((KEYS, USAGE, COST), (403, b"{}"))
    site.run()
    site.provider.answers = dict.fromkeys((USAGE, COST), (403, b"{}"))
    assert {report for report, _, _ in site.run().loads} == {"prices", "api_keys"}
    rows = site.query(
        "SELECT usage_date, state FROM ops.day WHERE connection_id = %s AND report = 'api_keys'", site.name
    )
    assert rows == []


def test_a_wrong_slug_that_answers_200_with_nothing_is_no_empty_day(site: Site) -> None:
    ran = site.run(account="acmee")
    kinds = {error.report: type(error) for error in ran.failures}
    assert kinds == {"usage": provider_errors.WrongAccount}, "it ends the run"
    assert "acme0" in str(ran.failures[0])
    assert ran.loads == []
    assert site.days() == failed("usage")
    assert site.tokens() == {}


def test_an_account_without_usage_is_empty_when_the_key_sees_it(site: Site) -> None:
    empty = {USAGE: b'{"serverlessCosts": []}', COST: b'{"lineItems": [], "usageBuckets": []}'}
    site.provider.answers = {path: (200, body) for path, body in empty.items()}
    ran = site.run()
    assert ran.failures == []
    assert {state for _, _, state in site.days()} == {"empty"}
    site.provider.answers.clear()
    assert site.run().failures == []
    assert site.converged()


# The way there


@pytest.mark.parametrize("host", ["http://127.0.0.1:{port}", "https://127.0.0.1:{port}", "http://localhost:{port}/x"])
def test_a_host_that_is_not_allowed_is_sent_nothing(site: Site, monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    port = site.url.rsplit(":", 1)[1]
    monkeypatch.setenv("USAGE_LEDGER_ALLOWED_HOSTS", f"127.0.0.1:{int(port) + 1},api.fireworks.ai:8443")
    with pytest.raises(provider_errors.HostRefused, match="USAGE_LEDGER_ALLOWED_HOSTS"):
        site.run(url=base_url(FIREWORKS, host.format(port=port)))
    assert site.provider.requests == []
    monkeypatch.setenv("USAGE_LEDGER_ALLOWED_HOSTS", f"127.0.0.1:{port}")
    assert base_url(FIREWORKS, site.url) == site.url


def test_a_host_that_cannot_be_reached_is_tried_again_later_and_fails_nothing_for_good(
    site: Site, dead_port: int
) -> None:
    ran = site.run(url=f"http://127.0.0.1:{dead_port}")
    assert [(type(error), error.report) for error in ran.failures] == [
        (errors.Unreachable, report) for report in ("usage", "cost")
    ]
    assert all(isinstance(error, errors.TryAgain) and "\n" not in str(error) for error in ran.failures)
    assert {(state, error) for _, state, error in site.loads()} == {("failed", "Unreachable")}
    assert site.days() == failed("usage", "cost")
    assert {event[1] for event in site.events()} == {"warning"}
    assert site.run().failures == []
    assert site.converged()


def test_a_provider_that_is_down_for_one_report_leaves_its_loaded_days_alone(
    site: Site, content: Callable[..., Any]
) -> None:
    site.provider.answers[KEYS] = (403, b"{}")
    site.run()
    before = content("ops.restatement")
    site.provider.answers[USAGE] = (503, b"upstream says no")
    ran = site.run(reports=("usage",))
    assert [(type(error), error.report) for error in ran.failures] == [(provider_errors.ProviderDown, "usage")]
    assert site.provider.request_count(USAGE) == 1 + 4
    assert content("ops.restatement") == before
    assert site.converged()


# The warehouse and raw storage


@pytest.mark.parametrize("secret", ["pw-Th4t-stays-hidden"])
def test_a_warehouse_that_is_down_is_told_in_one_line_and_the_provider_is_not_asked(
    site: Site, dead_port: int, secret: str
) -> None:
    down = warehouse_engine(make_url(f"postgresql://loader:{secret}@127.0.0.1:{dead_port}/ledger"))
    with pytest.raises(warehouse_errors.WarehouseDown) as raised:
        site.run(engine=down)
    assert "\n" not in str(raised.value)
    assert "usage_warehouse" in str(raised.value)
    assert secret not in str(raised.value)
    assert site.provider.requests == []
    assert not site.root.exists()


def test_a_warehouse_that_is_lost_midway_is_told_and_the_next_run_heals(
    site: Site, dead_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    down = warehouse_engine(make_url(f"postgresql://loader@127.0.0.1:{dead_port}/ledger"))
    whole = pipeline.extract

    def extract_and_lose(*given: Any, engine: Engine, **more: Any) -> str:
        load_id = whole(*given, engine=engine, **more)
        monkeypatch.setattr("usage_ledger.pipeline.transform.loads.load_by_id", lambda _engine, one: lost(down, one))
        return load_id

    from usage_ledger.warehouse import loads

    lost = loads.load_by_id
    monkeypatch.setattr(pipeline, "extract", extract_and_lose)
    ran = site.run()
    assert {type(error) for error in ran.failures} == {warehouse_errors.WarehouseDown}
    assert {state for _, state, _ in site.loads()} <= {"landed", "extracting"}
    monkeypatch.undo()
    assert site.tokens() == {}
    assert site.run().failures == []
    assert site.converged()


def test_raw_storage_that_cannot_be_written_loads_nothing_and_heals_when_it_can(site: Site) -> None:
    site.root.write_text("a file where the folder should be")
    ran = site.run()
    assert {type(error) for error in ran.failures} == {storage_errors.StorageRefused}
    assert ran.loads == []
    assert all("USAGE_LEDGER_RAW" in str(error) and "\n" not in str(error) for error in ran.failures)
    assert {row[1:] for row in site.loads()} == {("failed", "StorageRefused")}
    assert site.days() == failed("usage", "cost")
    assert (site.tokens(), site.cost()) == ({}, {})
    site.root.unlink()
    assert site.run().failures == []
    assert site.converged()


# The answer


def usage_answer(**changed: Any) -> bytes:
    day = {"startTime": f"{FIRST}T00:00:00Z", "endTime": f"{FIRST + DAY}T00:00:00Z"}
    group = {"model_name": "m", "api_key_id": "k", "api_key_name": "n"}
    row = {**day, "promptTokens": "10", "completionTokens": "5", "group": group} | changed
    return json.dumps({"serverlessCosts": [row]}).encode()


BROKEN_ROWS = {
    "negative": ({"promptTokens": "-5"}, contract_errors.NegativeCount),
    "empty number": ({"promptTokens": ""}, contract_errors.EmptyNumber),
    "true": ({"promptTokens": True}, contract_errors.Shape),
    "object for text": ({"usageType": {"a": "TEXT"}}, contract_errors.Shape),
    "text for object": ({"group": "model"}, contract_errors.Shape),
    "beyond 64 bits": ({"promptTokens": str(2**63)}, contract_errors.OutOfRange),
    "grouping renamed": ({"group": {"model_name": "m", "key": "k"}}, contract_errors.MissingGroupKey),
    "field renamed": ({"promptTokens": None, "inputTokens": "10"}, contract_errors.MissingField),
    "cached above input": ({"cachedPromptTokens": "11"}, contract_errors.ValidationFailed),
}
BROKEN_ANSWERS = {
    "another day": (
        usage_answer(startTime="2026-10-01T00:00:00Z", endTime="2026-10-02T00:00:00Z"),
        contract_errors.OutOfWindow,
    ),
    "half a day": (usage_answer(endTime=f"{FIRST}T12:00:00Z"), contract_errors.BadBucket),
    "object for list": (b'{"serverlessCosts": {}}', contract_errors.Shape),
    "an error with 200": (b'{"code": 3, "message": "no such grouping"}', errors.UsageLedgerError),
}


@pytest.mark.parametrize(("changed", "error"), BROKEN_ROWS.values(), ids=BROKEN_ROWS)
def test_a_row_that_breaks_the_contract_fails_its_date_alone(
    site: Site, changed: dict[str, Any], error: type[errors.UsageLedgerError]
) -> None:
    good = {"startTime": f"{LAST}T00:00:00Z", "endTime": f"{LAST + DAY}T00:00:00Z"}
    rows = [json.loads(usage_answer(**one))["serverlessCosts"][0] for one in (changed, good)]
    site.provider.answers = {KEYS: (403, b"{}"), USAGE: (200, json.dumps({"serverlessCosts": rows}).encode())}
    [failure] = site.run(reports=("usage",)).failures
    assert type(failure) is error
    assert site.tokens() == {LAST: 10}
    assert site.days() == {("usage", FIRST, "failed"), ("usage", LAST, "loaded")}
    [told] = [row for row in site.loads("report, state, error_class, error_message") if row[0] == "usage"]
    assert told[1:] == ("loaded", error.__name__, str(failure))
    [event] = [event for event in site.events() if event[0] == "date_failed"]
    assert event[1:3] == ("error", "usage")
    assert event[3].startswith(f"{FIRST}: {error.__name__}: ")
    dates = site.query(
        "SELECT observed_on FROM ops.name_observation WHERE connection_id = %s AND kind = 'api_key'", site.name
    )
    assert dates == [(LAST,)]


def test_dates_of_a_window_that_fail_in_different_steps_are_all_told(site: Site) -> None:
    last = {"startTime": f"{LAST}T00:00:00Z", "endTime": f"{LAST + DAY}T00:00:00Z", "cachedPromptTokens": "11"}
    rows = [json.loads(usage_answer(**one))["serverlessCosts"][0] for one in ({"promptTokens": "-5"}, last)]
    site.provider.answers = {KEYS: (403, b"{}"), USAGE: (200, json.dumps({"serverlessCosts": rows}).encode())}
    [failure] = site.run(reports=("usage",)).failures
    assert f"nothing of {FIRST} and 1 later date was loaded" in failure.what
    assert site.days() == {("usage", FIRST, "failed"), ("usage", LAST, "failed")}
    texts = [event[3] for event in site.events() if event[0] == "date_failed"]
    assert [text.split(": ")[:2] for text in texts] == [[str(FIRST), "NegativeCount"], [str(LAST), "ValidationFailed"]]


@pytest.fixture(scope="module")
def loaded(provider: tuple[Overruled, str], engine: Engine, query: Query, tmp_path_factory: Any) -> Site:
    """A site whose first date is loaded; its key may not list keys, for speed."""
    provider[0].answers = {KEYS: (403, b"{}")}
    made = Site(*provider, engine, query, tmp_path_factory.mktemp("raw"))
    assert made.run(last=FIRST, reports=("usage",)).failures == []
    return made


@pytest.mark.parametrize(("body", "error"), BROKEN_ANSWERS.values(), ids=BROKEN_ANSWERS)
def test_an_answer_that_breaks_the_contract_changes_nothing_and_is_told(
    loaded: Site, content: Callable[..., Any], body: bytes, error: type[errors.UsageLedgerError]
) -> None:
    before = content("ops.restatement", "ops.name_observation")
    known = len(loaded.events())
    loaded.provider.answers = {KEYS: (403, b"{}"), USAGE: (200, body)}
    ran = loaded.run(reports=("usage",))
    assert [(failure.report, isinstance(failure, error)) for failure in ran.failures] == [("usage", True)]
    assert content("ops.restatement", "ops.name_observation") == before
    assert loaded.days() == {("usage", FIRST, "loaded"), ("usage", LAST, "failed")}
    told = [row for row in loaded.loads("report, state, error_class, error_message") if row[0] == "usage"]
    assert told[-1][1:] == ("failed", type(ran.failures[0]).__name__, str(ran.failures[0]))
    [event] = [event for event in loaded.events()[known:] if event[2] == "usage"]
    assert (event[0].rpartition("_")[2], event[1]) == ("failed", "error")
    assert "\n" not in event[3]
    assert event[4]


def test_an_answer_whose_arrays_all_have_other_names_is_no_empty_day(site: Site, content: Callable[..., Any]) -> None:
    """Rows that the declaration does not know stand in it: what it holds is unknown, not nothing."""
    site.run(last=FIRST, reports=("usage",))
    before = content()
    renamed = usage_answer().replace(b"serverlessCosts", b"serverlessUsage")
    site.provider.answers = {USAGE: (200, renamed), KEYS: (403, b"{}")}
    ran = site.run(reports=("usage",))
    assert content() == before
    assert site.days() == {("usage", FIRST, "loaded"), ("usage", LAST, "failed")}
    assert [isinstance(error, contract_errors.ContractBroken) for error in ran.failures] == [True]


def test_a_window_whose_answer_was_broken_can_be_run_again_once_it_is_corrected(site: Site) -> None:
    site.provider.answers[USAGE] = (200, usage_answer(promptTokens="-5"))
    assert [type(error) for error in site.run().failures] == [contract_errors.NegativeCount]
    assert (site.tokens(), len(site.cost())) == ({}, 2)
    site.provider.answers.clear()
    assert site.run().failures == []
    assert site.converged()


def test_a_landed_page_that_was_damaged_is_noticed_and_fetched_anew(
    site: Site, monkeypatch: pytest.MonkeyPatch, content: Callable[..., Any]
) -> None:
    site.provider.answers[KEYS] = (403, b"{}")
    site.run(reports=("usage",))
    before = content()
    whole = pipeline.extract

    def damaged(*given: Any, **more: Any) -> str:
        load_id = whole(*given, **more)
        [page] = site.root.glob(f"**/{load_id}/page-00000.json.zst")
        page.write_bytes(page.read_bytes()[:-3])
        return load_id

    monkeypatch.setattr(pipeline, "extract", damaged)
    ran = site.run(last=FIRST, reports=("usage",))
    monkeypatch.undo()
    assert {type(error) for error in ran.failures} == {storage_errors.RawCorrupt}
    assert content() == before
    assert site.run(reports=("usage",)).failures == []
    assert site.converged(("usage",))
