"""The usage date is the unit of failure: a row that cannot stand costs its date, and no other."""

import json
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any

import pytest
from kit.answering import NOW, Account, Answer, sample

from usage_ledger.core import contract_errors
from usage_ledger.core.windows import Window
from usage_ledger.pipeline.extract import extract
from usage_ledger.pipeline.load import load
from usage_ledger.pipeline.plan import Dates
from usage_ledger.pipeline.rebuild import rebuild
from usage_ledger.pipeline.run import prepare_warehouse, run_all
from usage_ledger.pipeline.transform import transform
from usage_ledger.pipeline.validate import validate
from usage_ledger.reading import meters

CASE = "fw-one-row-fails-all-days"
FIRST, LAST = date(2026, 11, 1), date(2026, 11, 20)
FIELD = "serverlessCosts[19].completionTokens"
DATES = [FIRST + timedelta(days=number) for number in range(20)]
Accounts = Callable[..., Account]


def answer(changes: Mapping[int, str]) -> Answer:
    """One row for each of the twenty dates, some with another count of output tokens."""
    document = json.loads(sample(CASE))
    rows = document["serverlessCosts"]
    rows[19]["group"] = rows[0]["group"]
    for number, count in changes.items():
        rows[number]["completionTokens"] = count
    return Answer(document)


def fireworks_with(account: Accounts, changes: Mapping[int, str]) -> Account:
    fireworks = account("fireworks")
    fireworks.server.answers["/users"] = Answer({"users": []})
    fireworks.server.answers["/billingUsage"] = answer(changes)
    return fireworks


def run(fireworks: Account) -> list[Any]:
    return fireworks.run(FIRST, LAST, reports=("usage",)).failures


def failure_of(fireworks: Account, day: date) -> Any:
    """What the ledger of days says of a date's failure."""
    query = "SELECT evidence -> 'failed' FROM ops.day WHERE connection_id = %s AND report = 'usage' AND usage_date = %s"
    [(failure,)] = fireworks.query(query, day)
    return failure


def test_one_bad_row_of_twenty_days_costs_at_most_its_day(account: Accounts) -> None:
    fireworks = fireworks_with(account, {})
    fireworks.server.answers["/billingUsage"] = Answer(sample(CASE))
    run(fireworks)
    days = fireworks.days("usage")
    assert [days[day] for day in DATES[:-1]] == ["loaded"] * 19
    assert len(fireworks.usage("usage_date")) == 19 + (days[LAST] == "loaded")


def test_a_bad_row_fails_its_date_and_the_run_and_the_others_load(account: Accounts) -> None:
    fireworks = fireworks_with(account, {19: "12.5"})
    [error] = run(fireworks)
    assert isinstance(error, contract_errors.NonCanonicalInteger)
    assert str(error).startswith(f"{FIELD}: '12.5' is not a whole number in plain digits; nothing of {LAST} was loaded")
    assert f"connection {fireworks.connection_id}, report usage, window {FIRST} to {LAST}" in str(error)
    assert "`usage-ledger rebuild`" in str(error)
    assert fireworks.days("usage") == {**dict.fromkeys(DATES, "loaded"), LAST: "failed"}
    assert [day for (day,) in fireworks.usage("usage_date")] == DATES[:-1]


def test_a_failed_date_says_why_with_row_and_field(account: Accounts) -> None:
    fireworks = fireworks_with(account, {19: "12.5"})
    run(fireworks)
    assert FIELD in failure_of(fireworks, LAST)["message"]
    assert failure_of(fireworks, FIRST) is None
    [(day, severity, message, next_step)] = fireworks.query(
        "SELECT usage_date, severity, message, next_step FROM ops.event"
        " WHERE connection_id = %s AND kind = 'date_failed'"
    )
    assert (day, severity) == (LAST, "error")
    assert FIELD in message
    assert "rebuild" in next_step
    [(state, error_class, error_message)] = fireworks.query(
        "SELECT state, error_class, error_message FROM ops.load WHERE connection_id = %s AND report = 'usage'"
    )
    assert (state, error_class) == ("loaded", "NonCanonicalInteger")
    assert str(LAST) in error_message
    assert fireworks.query(
        "SELECT state, failed_days, last_error_class, open_events FROM marts.connection_status WHERE connection_id = %s"
    ) == [("failing", 1, "NonCanonicalInteger", 1)]


def test_a_date_that_was_loaded_keeps_its_figures_and_says_what_came(account: Accounts) -> None:
    fireworks = fireworks_with(account, {})
    assert run(fireworks) == []
    before = fireworks.usage("usage_date, output_tokens, load_id")
    fireworks.server.answers["/billingUsage"] = answer({0: "260", 19: "-4"})
    [error] = run(fireworks)
    assert isinstance(error, contract_errors.NegativeCount)
    assert fireworks.days("usage") == dict.fromkeys(DATES, "loaded")
    assert FIELD in failure_of(fireworks, LAST)["message"]
    after = fireworks.usage("usage_date, output_tokens, load_id")
    assert after[1:] == before[1:]
    assert after[0][:2] == (FIRST, 260)


def test_the_next_good_answer_loads_the_date_and_ends_its_failure(account: Accounts) -> None:
    fireworks = fireworks_with(account, {3: "x", 19: "12.5"})
    [error] = run(fireworks)
    assert f"nothing of {DATES[3]} and 1 later date was loaded" in str(error)
    fireworks.server.answers["/billingUsage"] = answer({})
    assert run(fireworks) == []
    assert fireworks.days("usage") == dict.fromkeys(DATES, "loaded")
    assert failure_of(fireworks, LAST) is None
    assert fireworks.query(
        "SELECT failed_days, last_error_class FROM marts.connection_status WHERE connection_id = %s"
    ) == [(0, None)]


def test_a_corrected_declaration_loads_the_failed_date_from_raw(account: Accounts, monkeypatch: Any) -> None:
    fireworks = fireworks_with(account, {19: " 7"})
    assert len(run(fireworks)) == 1
    requests = len(fireworks.server.requests)
    real = meters.whole_numbers

    def lenient(rows: Any, path: str) -> Any:
        rows.column(path)[:] = [value.strip() if isinstance(value, str) else value for value in rows.column(path)]
        return real(rows, path)

    monkeypatch.setattr(meters, "whole_numbers", lenient)
    ran = rebuild(fireworks.connection(reports=("usage",)), None, engine=fireworks.engine, root=fireworks.root)
    assert ran.failures == []
    assert fireworks.days("usage") == dict.fromkeys(DATES, "loaded")
    assert (LAST, 7) in fireworks.usage("usage_date, output_tokens")
    assert len(fireworks.server.requests) == requests


def test_a_rebuild_with_the_old_declaration_fails_the_same_date_alone(account: Accounts) -> None:
    fireworks = fireworks_with(account, {19: "12.5"})
    run(fireworks)
    before = fireworks.usage("usage_date, output_tokens, load_id")
    connection = fireworks.connection(reports=("usage",))
    [error] = rebuild(connection, None, engine=fireworks.engine, root=fireworks.root).failures
    assert FIELD in str(error)
    assert fireworks.usage("usage_date, output_tokens, load_id") == before
    fireworks.server.answers["/billingUsage"] = answer({})
    assert run(fireworks) == []
    ran = rebuild(connection, None, engine=fireworks.engine, root=fireworks.root)
    assert ran.failures == []


def test_all_dates_that_fail_fail_the_load(account: Accounts) -> None:
    fireworks = fireworks_with(account, dict.fromkeys(range(20), "-1"))
    [error] = run(fireworks)
    assert isinstance(error, contract_errors.NegativeCount)
    assert fireworks.days("usage") == dict.fromkeys(DATES, "failed")
    assert "serverlessCosts[7]" in failure_of(fireworks, DATES[7])["message"]
    [(state,)] = fireworks.query("SELECT state FROM ops.load WHERE connection_id = %s AND report = 'usage'")
    assert state == "failed"
    assert [kind for kind, _, _ in fireworks.events()].count("date_failed") == 10
    [others] = [message for kind, _, message in fireworks.events() if kind == "transform_failed"]
    assert "10 more dates from 2026-11-11 to 2026-11-20" in others


BROKEN, BEFORE = date(2026, 11, 10), date(2026, 11, 8)


def half_a_day(received: Any) -> Answer:
    """The rows of the dates that are asked for; the bucket of one is no day."""
    return rows_asked_for(received, f"{BROKEN}T12:00:00Z")


def rows_asked_for(received: Any, end_of_broken: str = "2026-11-11T00:00:00Z", bad: date | None = None) -> Answer:
    [first], [end] = received.values("startTime"), received.values("endTime")
    document = json.loads(sample(CASE))
    rows = [row for row in document["serverlessCosts"][:19] if first[:10] <= row["startTime"][:10] < end[:10]]
    for row in rows:
        if row["startTime"].startswith(str(BROKEN)):
            row["endTime"] = end_of_broken
        if row["startTime"].startswith(str(bad)):
            row["completionTokens"] = "12.5"
    return Answer(document | {"serverlessCosts": rows})


def scheduled(fireworks: Account, day: date) -> list[Any]:
    """The failures of a scheduled run for a date, which takes its look-back and what is missing."""
    connection = fireworks.connection(reports=("usage",), start_date=BEFORE)
    with fireworks.client() as client:
        dates = Dates(day, day, heal=True)
        return run_all(connection, dates, client=client, engine=fireworks.engine, root=fireworks.root, now=NOW).failures


def test_a_date_that_breaks_its_window_keeps_no_other_from_loading(account: Accounts) -> None:
    """A row whose date cannot be read fails its window; the next scheduled run asks for each of its dates alone."""
    fireworks = fireworks_with(account, {})
    fireworks.server.answers["/billingUsage"] = half_a_day
    [error] = fireworks.run(BEFORE, BROKEN, reports=("usage",)).failures
    assert isinstance(error, contract_errors.BadBucket)
    assert set(fireworks.days("usage").values()) == {"failed"}
    after = BROKEN + timedelta(days=1)
    [error] = scheduled(fireworks, after)
    assert isinstance(error, contract_errors.BadBucket)
    dates = [BEFORE, BEFORE + timedelta(days=1), after]
    assert fireworks.days("usage") == {**dict.fromkeys(dates, "loaded"), BROKEN: "failed"}


def test_a_loaded_date_whose_newest_answer_breaks_its_window_keeps_no_other_from_loading(account: Accounts) -> None:
    fireworks = fireworks_with(account, {})
    fireworks.server.answers["/billingUsage"] = rows_asked_for
    assert fireworks.run(BEFORE, BROKEN, reports=("usage",)).failures == []
    fireworks.server.answers["/billingUsage"] = half_a_day
    for later in (1, 2):
        last = BROKEN + timedelta(days=later)
        assert len(scheduled(fireworks, last)) == 1
    assert fireworks.days("usage")[last] == "loaded"
    assert fireworks.days("usage")[BROKEN] == "loaded"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"group": {"model_name": "m\0", "api_key_id": "k"}}, "`model`"),
        ({"group": {"model_name": "m", "api_key_id": "k\0", "api_key_name": "n"}}, "`api_key_id`"),
        ({"promptTokens": "9" * 19}, "promptTokens"),
        ({"uncachedPromptTokens": "1"}, "promptTokens"),
    ],
)
def test_the_sentence_of_a_failed_date_names_row_and_field(
    account: Accounts, change: dict[str, Any], field: str
) -> None:
    fireworks = fireworks_with(account, {})
    document = json.loads(sample(CASE))
    document["serverlessCosts"][7] |= change
    fireworks.server.answers["/billingUsage"] = Answer(document)
    run(fireworks)
    message = failure_of(fireworks, DATES[7])["message"]
    assert "serverlessCosts[7]" in message
    assert field in message


def test_a_load_of_failed_and_older_dates_can_be_loaded_again(account: Accounts) -> None:
    """As by a second try of the task: the first one is committed, and the second must say the same."""
    fireworks = fireworks_with(account, {})
    connection = fireworks.connection(reports=("usage",))
    prepare_warehouse(connection, fireworks.engine)
    fireworks.server.answers["/billingUsage"] = lambda received: rows_asked_for(received, bad=FIRST)
    where: dict[str, Any] = {"engine": fireworks.engine, "root": fireworks.root}
    report, window = connection.declared.report("usage"), Window(FIRST, FIRST + timedelta(days=2))
    with fireworks.client() as client:
        load_id = extract(connection, report, window, client=client, run_id="twice", **where)
    assert fireworks.run(DATES[1], reports=("usage",)).failures == []
    transform(connection, load_id, **where)
    validate(connection, load_id, **where)
    outcomes = [load(connection, load_id, **where) for _ in range(2)]
    assert [(one.failed, one.superseded) for one in outcomes] == [([FIRST], [DATES[1]])] * 2
    assert fireworks.days("usage") == {FIRST: "failed", DATES[1]: "loaded"}
    assert [kind for kind, _, _ in fireworks.events()].count("date_failed") == 1
