"""Questions that some accounts are refused: asked in a lesser form, or not at all, and in full again each week."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from kit.answering import Account, Answer, Received, sample
from kit.declared_requests import request_of

from usage_ledger.airflow.onboarding import readable
from usage_ledger.core import provider_errors
from usage_ledger.core.windows import Window
from usage_ledger.model import HttpPages, Request
from usage_ledger.pipeline.repair import Remaining, Repair
from usage_ledger.pipeline.run import prepare_warehouse
from usage_ledger.providers import PROVIDERS
from usage_ledger.sources.question import Question
from usage_ledger.warehouse.engine import transaction

Accounts = Callable[..., Account]
DAY = date(2026, 11, 20)
CASE = "openai-costs-key-grouping-refused"
LESSER = sample(CASE, "answer-without-key-grouping.json")
FULL = LESSER.replace(b'"api_key_id": null', b'"api_key_id": "key_a"')


class Costs:
    """OpenAI's costs: an account that is refused the grouping by key, until it is not."""

    def __init__(self, refusal: Any = None) -> None:
        self.refusal = refusal or Answer(sample(CASE), 400)
        self.refused = True
        self.requests: list[list[str]] = []

    def __call__(self, request: Received) -> Answer:
        groupings = request.values("group_by")
        self.requests.append(groupings)
        if "api_key_id" not in groupings:
            return Answer(LESSER)
        return self.refusal if self.refused else Answer(FULL)

    @property
    def full(self) -> int:
        return sum("api_key_id" in groupings for groupings in self.requests)


def a_week_passes(account: Account) -> None:
    with transaction(account.engine) as cursor:
        cursor.execute(
            "UPDATE ops.connection_report SET refused_at = refused_at - interval '8 days' WHERE connection_id = %s",
            (account.connection_id,),
        )
        cursor.connection.commit()


def prepared(account: Accounts, costs: Costs) -> Account:
    mine = account("openai")
    mine.server.answers["/costs"] = costs
    return mine


def told(account: Account) -> list[tuple[str, str, str]]:
    return [event for event in account.events() if event[0] in ("lesser_question", "report_absent")]


@pytest.mark.parametrize(
    "refusal",
    [
        Answer(sample(CASE), 400),
        Answer({"error": {"message": "Invalid value: 'api_key_id'.", "param": None}}, 400),
        Answer(b"no", 400),
        Answer({"error": {"message": "Unknown grouping", "code": 400}}),
    ],
    ids=["case", "other words", "no JSON", "status 200"],
)
def test_costs_without_keys_are_worth_more_than_none(account: Accounts, refusal: Answer) -> None:
    mine = prepared(account, Costs(refusal))
    assert mine.run(DAY, reports=("costs",)).failures == []
    assert mine.cost("amount, project_id, line_item, api_key_id") == [
        (Decimal("1.5"), "proj_a", "gpt-5.4-mini, input", "")
    ]
    assert mine.days("costs") == {DAY: "loaded"}
    ((kind, severity, message),) = told(mine)
    assert (kind, severity) == ("lesser_question", "warning")
    assert message == "costs cannot be had by api_key_id: the provider refuses that to this account"


def test_a_refused_question_is_remembered_and_told_once(account: Accounts) -> None:
    costs = Costs()
    mine = prepared(account, costs)
    for _ in range(3):
        assert mine.run(DAY, reports=("costs",)).failures == []
    assert costs.full == 1
    assert len(costs.requests) == 4
    assert len(told(mine)) == 1


def test_the_full_question_is_asked_again_each_week(account: Accounts) -> None:
    costs = Costs()
    mine = prepared(account, costs)
    assert mine.run(DAY, reports=("costs",)).failures == []
    a_week_passes(mine)
    assert mine.run(DAY, reports=("costs",)).failures == []
    assert costs.full == 2
    assert len(told(mine)) == 1
    a_week_passes(mine)
    costs.refused = False
    for _ in range(2):
        assert mine.run(DAY, reports=("costs",)).failures == []
    assert costs.requests[-2:] == [["project_id", "line_item", "api_key_id"]] * 2


def test_from_one_form_to_the_other_nothing_doubles(account: Accounts) -> None:
    costs = Costs()
    mine = prepared(account, costs)
    mine.run(DAY, reports=("costs",))
    for refused, key in ((False, "key_a"), (True, ""), (False, "key_a")):
        costs.refused = refused
        a_week_passes(mine)
        assert mine.run(DAY, reports=("costs",)).failures == []
        assert mine.cost("amount, api_key_id") == [(Decimal("1.5"), key)]


def test_a_refusal_of_something_else_stays_one(account: Accounts) -> None:
    mine = account("openai")
    mine.server.answers["/costs"] = Answer({"error": {"message": "start_time is too early"}}, 400)
    (failure,) = mine.run(DAY, reports=("costs",)).failures
    assert isinstance(failure, provider_errors.BadRequest)
    assert "start_time" in failure.what
    assert told(mine) == []


def test_a_further_page_that_is_refused_is_no_refused_grouping(account: Accounts) -> None:
    mine = account("openai")
    token = LESSER.replace(b'"has_more": false', b'"has_more": true').replace(
        b'"next_page": null', b'"next_page": "page_2"'
    )

    def answer(request: Received) -> Answer:
        return Answer({"error": {"message": "page is invalid"}}, 400) if request.values("page") else Answer(token)

    mine.server.answers["/costs"] = answer
    mine.run(DAY, date(2026, 11, 21), reports=("costs",))
    assert {tuple(one.values("group_by")) for one in mine.server.requests if one.path.endswith("/costs")} == {
        ("project_id", "line_item", "api_key_id")
    }
    assert told(mine) == []


def test_check_asks_the_lesser_question_too(account: Accounts) -> None:
    mine = prepared(account, Costs())
    with mine.client() as client:
        access = readable(mine.connection(reports=("costs", "projects")), client)
    assert access.reports == ["costs"]
    assert access.lesser == {"costs": "api_key_id"}


def test_each_form_lacks_one_grouping_more() -> None:
    request = Request("/x", (("limit", "1"), ("group_by", ("a", "b", "c"))))
    source = HttpPages(request, lesser=("c", "b"))
    forms = [dict(one.query)["group_by"] for one in Question().requests(source)]
    assert forms == [("a", "b", "c"), ("a", "b"), ("a",)]
    assert [dict(one.query)["group_by"] for one in Question(2).requests(source)] == [("a",)]
    assert Question(1).lacks(source) == "c"


BOUNDS = {"starting_at": "2026-11-20T00:00:00Z", "ending_at": "2026-11-21T00:00:00Z"}
BUCKET = {"object": "bucket", "start_time": 1795132800, "end_time": 1795219200, "results": []}
NO_PREDICTION = Answer({"next": None, "results": []})
OTHERS = {
    "openai": (
        "costs",
        "/costs",
        Answer(FULL),
        Answer({"object": "page", "data": [BUCKET], "has_more": False, "next_page": None}),
    ),
    "replicate": ("predictions", "/predictions", NO_PREDICTION, NO_PREDICTION),
    "anthropic": (
        "cost",
        "/cost_report",
        Answer({"data": [BOUNDS | {"results": []}], "has_more": False}),
        Answer({"data": [], "has_more": False}),
    ),
}
"""Another report of a provider, the ending of its path, and answers: of that report, and of one without use."""
ABSENT = [
    (provider.name, report.name, request_of(report).path)
    for provider in PROVIDERS.values()
    for report in provider.reports
    if report.may_be_absent
]


@pytest.mark.parametrize(("provider", "report", "path"), ABSENT)
def test_a_report_that_the_account_does_not_have_is_no_failure(
    account: Accounts, provider: str, report: str, path: str
) -> None:
    mine = account(provider)
    other, ending, full, nothing = OTHERS[provider]
    mine.server.answers |= {
        ending: full,
        "/v1/account": Answer({"username": mine.account}),
        "/organizations/me": Answer({"id": mine.account}),
    }
    mine.server.answers[path] = Answer({"error": {"message": f"Invalid URL (GET {path})"}}, 404)
    for _ in range(2):
        ran = mine.run(DAY, reports=(report, other))
        assert ran.failures == []
    assert mine.server.count(path) == 1
    assert told(mine) == [("report_absent", "info", f"the account does not have the report {report}")]
    assert mine.days(report) == {}
    assert mine.query(
        "SELECT DISTINCT report FROM marts.coverage WHERE connection_id = %s AND usage_date = %s", DAY
    ) == [(other,)]
    assert mine.query("SELECT last_error_report FROM marts.connection_status WHERE connection_id = %s") == [(None,)]
    a_week_passes(mine)
    mine.run(DAY, reports=(report, other))
    assert mine.server.count(path) == 2
    assert len(told(mine)) == 1
    mine.server.answers[path] = nothing
    a_week_passes(mine)
    for _ in range(2):
        assert mine.run(DAY, reports=(report, other)).failures == []
    assert mine.server.count(path) == 4
    assert mine.days(report) == {DAY: "empty"}


@pytest.mark.parametrize(("provider", "report", "path"), ABSENT)
def test_a_report_that_was_loaded_before_is_not_absent_for_a_404(
    account: Accounts, provider: str, report: str, path: str
) -> None:
    mine = account(provider)
    *_, nothing = OTHERS[provider]
    mine.server.answers |= {path: nothing, "/v1/account": Answer({"username": mine.account})}
    mine.server.answers["/organizations/me"] = Answer({"id": mine.account, "name": "acme"})
    assert mine.run(DAY, reports=(report,)).failures == []
    mine.server.answers[path] = Answer({"error": {"message": "Not found"}}, 404)
    (failure,) = mine.run(DAY, reports=(report,)).failures
    assert type(failure) is provider_errors.BadRequest
    assert told(mine) == []
    assert mine.days(report) == {DAY: "empty"}


def test_a_404_of_any_other_report_is_a_failure(account: Accounts) -> None:
    mine = account("openai")
    (failure,) = mine.run(DAY, reports=("completions",)).failures
    assert isinstance(failure, provider_errors.BadRequest)
    assert not isinstance(failure, provider_errors.NoReport)


@pytest.mark.parametrize(("provider", "report", "path"), ABSENT)
def test_repair_asks_once_for_a_report_that_the_account_does_not_have_and_misses_nothing(
    account: Accounts, provider: str, report: str, path: str
) -> None:
    mine = account(provider)
    mine.server.answers[path] = Answer({"error": {"message": f"Invalid URL (GET {path})"}}, 404)
    connection = mine.connection(reports=(report, OTHERS[provider][0]))
    prepare_warehouse(connection, mine.engine)
    earlier = Window(date(2026, 1, 1), date(2026, 1, 31))
    windows = [earlier, Window(DAY, date(2026, 11, 21))]
    left = [Remaining(connection.declared.report(report), window) for window in windows]
    for _ in range(2):
        with mine.client() as client:
            work = Repair(
                connection,
                client=lambda client=client: client,
                engine=mine.engine,
                root=mine.root,
                run_id="repaired",
                wait=lambda _error, _tries: 60,
            )
            assert work.run(left, [], since=0).missing == []
    assert mine.server.count(path) == 1
