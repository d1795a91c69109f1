"""Lists of names never cost facts: what cannot be had of them is a warning, and what can be had is read."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from kit.answering import Account, Answer, Received, sample

from usage_ledger.airflow.onboarding import readable
from usage_ledger.connections import Connection
from usage_ledger.core import provider_errors
from usage_ledger.pipeline.rebuild import rebuild
from usage_ledger.providers import PROVIDERS

Accounts = Callable[..., Account]
DAY, OLDER = date(2026, 11, 20), date(2026, 11, 10)
ONE_PROJECT = "openai-keys-one-project-500"
USAGE_ONLY = "openai-key-that-reads-usage-only"
NAMES = "SELECT id, name, parent_id, owner_id FROM ledger.name WHERE connection_id = %s ORDER BY id"
ACTIVITY = sample("or-reasoning-null").replace(b'"reasoning_tokens": null', b'"reasoning_tokens": 0')
SERVERLESS = {
    "startTime": "2026-11-10T00:00:00Z",
    "endTime": "2026-11-11T00:00:00Z",
    "promptTokens": "7",
    "completionTokens": "1",
    "group": {"model_name": "m", "api_key_id": "k"},
}
PREDICTION = {
    "id": "p1",
    "model": "acme/sharpen",
    "version": "v1",
    "deployment": "acme/sharp",
    "status": "succeeded",
    "source": "api",
    "created_at": "2026-11-20T10:00:00Z",
    "started_at": "2026-11-20T10:00:01Z",
    "completed_at": "2026-11-20T10:00:03Z",
    "metrics": {"predict_time": 2.0},
}


def one_project_fails(account: Account, failing: Answer) -> None:
    """The answers of the case, with one project's keys answered otherwise."""
    account.server.answers["/costs"] = Answer(sample(ONE_PROJECT))
    account.server.answers["/organization/projects"] = Answer(sample(ONE_PROJECT, "projects.json"))
    nobody = Answer({"object": "list", "data": [], "has_more": False, "last_id": None})
    account.server.answers["/users"] = account.server.answers["/service_accounts"] = nobody
    for project in ("proj_a", "proj_c"):
        body = sample(ONE_PROJECT, f"keys-{project}.json")
        account.server.answers[f"/{project}/api_keys"] = Answer(body)
    account.server.answers["/proj_b/api_keys"] = failing


@pytest.mark.parametrize(
    "failing",
    [
        Answer(sample(ONE_PROJECT, "keys-proj_b-http-500.json"), 500),
        Answer({"error": {"message": "no such project"}}, 404),
        Answer({"error": {"message": "archived"}}, 400),
        Answer({"error": {"message": "not yours"}}, 403),
        Answer({"error": {"message": "slow down"}}, 429),
        Answer(b"<html>busy</html>"),
        Answer({"data": None, "has_more": False}),
    ],
    ids=["500", "404", "400", "403", "429", "page", "null"],
)
def test_one_project_costs_neither_the_others_names_nor_the_run(account: Accounts, failing: Answer) -> None:
    mine = account("openai")
    one_project_fails(mine, failing)
    assert mine.run(DAY, reports=("costs",)).failures == []
    assert mine.cost("amount") == [(Decimal("1.5"),)]
    assert {"key_a", "key_c"} <= {row[0] for row in mine.query(NAMES)}
    (event,) = [event for event in mine.events() if event[1] != "info"]
    assert event[:2] == ("names_missing", "warning")
    assert "proj_b" in event[2]


def test_the_same_gap_is_told_once(account: Accounts) -> None:
    mine = account("openai")
    one_project_fails(mine, Answer(sample(ONE_PROJECT, "keys-proj_b-http-500.json"), 500))
    for _ in range(2):
        assert mine.run(DAY, reports=("costs",)).failures == []
    assert [kind for kind, *_ in mine.events()].count("names_missing") == 1


def test_a_list_whose_things_do_not_answer_is_given_up(account: Accounts) -> None:
    mine = account("openai")
    one_project_fails(mine, Answer(status=500))
    projects = [{"id": f"proj_{number}", "name": f"P{number}"} for number in range(200)]
    body = {"object": "list", "data": projects, "has_more": False, "last_id": "proj_199"}
    mine.server.answers["/organization/projects"] = Answer(body)
    mine.server.answers["/api_keys"] = Answer({"error": {"message": "down"}}, 500)
    assert mine.run(DAY, reports=("costs",)).failures == []
    assert mine.server.count("/api_keys") <= 12
    assert len([row for row in mine.query(NAMES) if row[0].startswith("proj_")]) == 200
    assert any("and 190 more" in message for _, _, message in mine.events())


def test_a_key_that_reads_costs_and_no_list_is_accepted_and_loads(account: Accounts) -> None:
    mine = account("openai")
    mine.server.answers["/costs"] = Answer(sample(USAGE_ONLY))
    mine.server.answers["/projects"] = Answer(sample(USAGE_ONLY, "projects-http-403.json"), 403)
    mine.server.answers["/users"] = Answer(sample(USAGE_ONLY, "users-http-403.json"), 403)
    with mine.client() as client:
        access = readable(mine.connection(reports=("costs",)), client)
    assert access.reports == ["costs"]
    assert set(access.refused) == {one.name for one in PROVIDERS["openai"].reports if one.snapshot}
    assert access.without_names(PROVIDERS["openai"]) == "api keys, projects, users"
    assert not access.proves_account
    ran = mine.run(DAY, reports=("costs",))
    assert ran.failures == []
    assert mine.cost("amount") == [(Decimal("1.5"),)]
    assert {severity for _, severity, _ in mine.events()} == {"warning"}
    assert mine.query("SELECT last_error_report FROM marts.connection_status WHERE connection_id = %s") == [(None,)]


def _openai_bucket(request: Received) -> Answer:
    return Answer(sample(USAGE_ONLY))


FACTS: dict[str, tuple[str, str, Any]] = {
    "anthropic": ("cost", "/cost_report", Answer(sample("anthropic-personal-key"))),
    "fireworks": (
        "usage",
        "/billingUsage",
        Answer({"serverlessCosts": [SERVERLESS], "dedicatedCosts": [], "trainingCosts": []}),
    ),
    "openai": ("costs", "/costs", _openai_bucket),
    "openrouter": ("activity", "/activity", Answer(ACTIVITY)),
    "replicate": ("predictions", "/predictions", Answer({"next": None, "results": [PREDICTION]})),
}


@pytest.mark.parametrize("provider", FACTS)
@pytest.mark.parametrize("status", [403, 404, 500])
def test_lists_that_cannot_be_had_leave_the_facts_and_the_run_green(
    account: Accounts, provider: str, status: int
) -> None:
    mine = account(provider)
    report, ending, answer = FACTS[provider]
    proof = PROVIDERS[provider].accounts

    def other(request: Received) -> Answer:
        told = status != 500 or request.path != proof.request.path or not proof.id
        return Answer({"error": {"message": "no list"}, "detail": "no list"}, status if told else 404)

    mine.server.answers["/"] = other
    for listing in ("projects", "users", "workspaces", "deployments", "keys", "accounts", "account", "me", "api_keys"):
        mine.server.answers[f"/{listing}"] = other
    for path in ("hardware", "models", "credits"):
        mine.server.answers[f"/{path}"] = other
    mine.server.answers[ending] = answer
    assert mine.run(OLDER if provider in ("fireworks", "openrouter") else DAY, reports=(report,)).failures == []
    assert set(mine.days(report).values()) == {"loaded"}
    assert {kind for kind, severity, _ in mine.events() if severity != "info"} >= {"names_missing"}
    assert {severity for _, severity, _ in mine.events()} <= {"info", "warning"}
    state = "SELECT last_error_report FROM marts.connection_status WHERE connection_id = %s"
    assert mine.query(state) == [(None,)]


def test_a_lookup_that_cannot_be_had_leaves_its_column_blank(account: Accounts) -> None:
    mine = account("replicate")
    mine.server.answers["/predictions"] = FACTS["replicate"][2]
    mine.server.answers["/deployments"] = Answer({"detail": "no"}, 403)
    mine.server.answers["/hardware"] = Answer([])
    assert mine.run(DAY, reports=("predictions",)).failures == []
    assert mine.usage("requests, deployment, accelerator") == [(1, "acme/sharp", "")]
    (event,) = [event for event in mine.events() if event[0] == "names_missing"]
    assert "/v1/deployments" in event[2]


def test_a_lookup_that_cannot_be_had_any_more_takes_away_nothing(account: Accounts) -> None:
    mine = account("replicate")
    mine.server.answers["/predictions"] = FACTS["replicate"][2]
    mine.server.answers["/hardware"] = Answer([])
    release = {"configuration": {"hardware": "gpu-t4"}}
    named = {"owner": "acme", "name": "sharp", "current_release": release}
    row = [(1, "acme/sharp", "gpu-t4")]
    for deployments in (Answer({"results": [named]}), Answer({"detail": "no"}, 403), Answer({"results": []})):
        mine.server.answers["/deployments"] = deployments
        assert mine.run(DAY, reports=("predictions",)).failures == []
        assert mine.usage("requests, deployment, accelerator") == row
    release["configuration"]["hardware"] = "gpu-a100"
    mine.server.answers["/deployments"] = Answer({"results": [named]})
    assert mine.run(DAY, reports=("predictions",)).failures == []
    assert mine.usage("requests, deployment, accelerator") == [(1, "acme/sharp", "gpu-a100")]
    assert mine.query("SELECT * FROM ops.restatement WHERE connection_id = %s") == []


def without_workspaces(account: Account) -> None:
    """An account from before workspaces, with one key."""
    account.server.answers["/workspaces"] = Answer(sample("or-no-workspaces"), 404)
    account.server.answers["/activity"] = Answer(ACTIVITY)
    account.server.answers["/models"] = Answer({"data": []})
    account.server.answers["/credits"] = Answer({"data": {"total_credits": 2.0, "total_usage": 1.0}})

    def keys(request: Received) -> Answer:
        named = request.values("workspace_id")
        first = not request.values("offset") and not named
        return Answer({"data": [{"hash": "k1", "name": "bot", "label": "sk-or-v1-x"}] if first else []})

    account.server.answers["/keys"] = keys


def test_an_account_without_workspaces_has_the_default_ones_keys(account: Accounts) -> None:
    mine = account("openrouter")
    without_workspaces(mine)
    ran = mine.run(OLDER, reports=("activity", "activity_by_key"))
    assert ran.failures == []
    assert {state for one in ("activity", "activity_by_key") for state in mine.days(one).values()} == {"loaded"}
    assert ("k1", "bot", None, None) in mine.query(NAMES)
    assert ("api_key", "k1") in mine.usage("breakdown, api_key_id")
    assert [event for event in mine.events() if event[1] != "info"] == []


def test_a_key_that_is_gone_between_the_list_and_its_question_costs_nothing_else(account: Accounts) -> None:
    mine = account("openrouter")
    without_workspaces(mine)
    body = ACTIVITY
    listed = Answer({"data": [{"hash": name, "name": name} for name in ("k1", "k2")]})
    mine.server.answers["/keys"] = lambda request: listed if not request.values("offset") else Answer({"data": []})

    def activity(request: Received) -> Answer:
        gone = request.values("api_key_hash") == ["k2"]
        return Answer({"error": {"message": "key not found", "code": 404}}, 404) if gone else Answer(body)

    mine.server.answers["/activity"] = activity
    assert mine.run(OLDER, reports=("activity", "activity_by_key")).failures == []
    assert ("api_key", "k1") in mine.usage("breakdown, api_key_id")
    assert any("k2" in message for kind, _, message in mine.events() if kind == "names_missing")
    mine.server.answers["/activity"] = lambda _: Answer({"error": {"message": "gone", "code": 404}}, 404)
    (failure,) = mine.run(OLDER, reports=("activity_by_key",)).failures
    assert isinstance(failure, provider_errors.BadRequest), "no key is there: that is no answer"


def test_a_report_by_key_fails_alone_where_its_list_is_forbidden(account: Accounts) -> None:
    mine = account("openrouter")
    without_workspaces(mine)
    mine.server.answers["/workspaces"] = Answer({"error": {"message": "no"}}, 403)
    failures = mine.run(OLDER, reports=("activity", "activity_by_key")).failures
    assert [(type(one), one.report) for one in failures] == [(provider_errors.NoPermission, "activity_by_key")]
    assert mine.days("activity") == {OLDER: "loaded"}


def test_the_rows_of_a_key_that_is_gone_stay_when_its_dates_are_read_again(account: Accounts) -> None:
    mine = account("openrouter")
    without_workspaces(mine)
    listed = ["k1", "k2", "k3"]
    used = {"k1": 1, "k2": 2, "k3": 3}

    def activity(request: Received) -> Answer:
        [key] = request.values("api_key_hash")
        body = ACTIVITY.replace(b'"requests": 44', b'"requests": %d' % used[key]) if key in used else b'{"data": []}'
        return Answer(body)

    def keys(request: Received) -> Answer:
        names = listed if not request.values("offset") else []
        return Answer({"data": [{"hash": name, "name": name} for name in names]})

    mine.server.answers |= {"/activity": activity, "/keys": keys}
    columns = "api_key_id, requests"
    assert mine.run(OLDER, reports=("activity_by_key",)).failures == []
    assert mine.usage(columns) == [("k1", 1), ("k2", 2), ("k3", 3)]
    listed.remove("k2")
    used["k1"] = 5
    assert mine.run(OLDER, reports=("activity_by_key",)).failures == []
    assert mine.usage(columns) == [("k1", 5), ("k2", 2), ("k3", 3)]
    changed = mine.query(
        "SELECT dimensions ->> 'api_key_id', meter, old, new FROM ops.restatement WHERE connection_id = %s"
    )
    assert changed == [("k1", "requests", 1, 5)]
    [(rows, state)] = mine.query("SELECT row_count, state FROM ops.day WHERE connection_id = %s")
    assert (rows, state) == (6, "loaded")  # of usage and of cost
    used.clear()  # what the keys that are left had is gone: no matter of the others
    assert mine.run(OLDER, reports=("activity_by_key",)).held
    assert mine.usage(columns) == [("k1", 5), ("k2", 2), ("k3", 3)]
    listed.clear()
    assert mine.run(OLDER, reports=("activity_by_key",)).failures == []
    rebuild(mine.connection(reports=("activity_by_key",)), None, engine=mine.engine, root=mine.root)
    assert mine.usage(columns) == [("k1", 5), ("k2", 2), ("k3", 3)]


def test_a_list_is_missing_once_whatever_the_id_of_the_request(account: Accounts) -> None:
    mine = account("openai")
    one_project_fails(mine, Answer({"error": {"message": "failed, tell us the request ID req_1a2b3c"}}, 400))
    assert mine.run(DAY, reports=("costs",)).failures == []
    one_project_fails(mine, Answer({"error": {"message": "failed, tell us the request ID req_9z8y7x"}}, 400))
    assert mine.run(DAY, reports=("costs",)).failures == []
    (event,) = [event for event in mine.events() if event[1] != "info"]
    assert "req_1a2b3c" in event[2]
    one_project_fails(mine, Answer({"error": {"message": "forbidden, request id req_5f"}}, 400))
    assert mine.run(DAY, reports=("costs",)).failures == []
    assert len([event for event in mine.events() if event[1] != "info"]) == 2


def test_a_key_in_the_older_form_has_its_workspace(account: Accounts) -> None:
    mine = account("anthropic")
    mine.server.answers["/cost_report"] = Answer(sample("anthropic-personal-key"))
    mine.server.answers["/api_keys"] = Answer(sample("anthropic-key-workspace-old-form"))
    assert mine.run(DAY, reports=("cost",)).failures == []
    assert mine.query(NAMES) == [("apikey_2", "ingest", "wrkspc_1", "user_1")]
    newer = {"id": "apikey_3", "name": "new", "scope": {"type": "workspace", "workspace_id": "wrkspc_2"}}
    mine.server.answers["/api_keys"] = Answer({"data": [newer], "has_more": False, "last_id": None})
    assert mine.run(DAY, reports=("cost",)).failures == []
    assert ("apikey_3", "new", "wrkspc_2", None) in mine.query(NAMES)


@pytest.mark.parametrize(
    ("named", "chosen"),
    [
        (None, ["cost", "usage", "prices", "api_keys"]),
        (("cost",), ["cost", "prices", "api_keys"]),
        (("cost", "api_keys"), ["cost", "api_keys"]),
        (("api_keys",), ["api_keys"]),
    ],
)
def test_lists_can_be_chosen_like_other_reports(named: tuple[str, ...] | None, chosen: list[str]) -> None:
    connection = Connection(id="acme", provider="fireworks", account="acme", reports=named)
    assert sorted(report.name for report in connection.chosen_reports) == sorted(chosen)
    lists = Connection(id="acme", provider="openai", account="acme", reports=("costs", "projects"))
    assert [report.name for report in lists.chosen_reports] == ["costs", "projects"]
