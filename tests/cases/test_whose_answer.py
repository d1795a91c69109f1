"""Answers of another account: noticed once a run, before anything of it is landed or loaded."""

import itertools
from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest
from kit.answering import Account, Answer, Received, sample

from usage_ledger.core import provider_errors
from usage_ledger.providers import PROVIDERS
from usage_ledger.storage.landing import landed_folders

Accounts = Callable[..., Account]
DAY = date(2026, 11, 20)
CASE = "anthropic-key-of-another-organization"
accounts = itertools.count()
EMPTY = {
    "anthropic": ("claude_code", "/usage_report/claude_code", {"data": [], "has_more": False, "next_page": None}),
    "fireworks": ("usage", "/billingUsage", {"serverlessCosts": []}),
    "openai": ("costs", "/costs", {"object": "page", "data": [], "has_more": False, "next_page": None}),
    "replicate": ("predictions", "/predictions", {"next": None, "results": []}),
}
"""A report of each provider that can tell the account, the ending of its path, and an answer without rows."""
OF_OTHERS: dict[str, tuple[str, Answer]] = {
    "anthropic": ("/organizations/me", Answer(sample(CASE, "me-second-run.json"))),
    "fireworks": ("/v1/accounts", Answer({"accounts": [{"name": "accounts/org-other"}]})),
    "openai": ("/costs", Answer(EMPTY["openai"][2], headers={"openai-organization": "org-other"})),
    "replicate": ("/v1/account", Answer({"type": "organization", "username": "org-other"})),
}


def prepare(account: Account, *, second: bool = False, **headers: str) -> None:
    """The answers of the case's first or second run."""
    name = "answer-second-run.json" if second else "answer.json"
    account.server.answers["/cost_report"] = Answer(sample(CASE, name), headers=headers)


def own(account: Accounts, provider: str) -> Account:
    """An account whose id has the form of OpenAI's, which any provider takes."""
    return account(provider, f"org-mine{next(accounts)}")


def landed(account: Account) -> int:
    return len(list(landed_folders(account.root, account.provider, account.connection_id)))


def test_a_key_of_another_organization_changes_nothing(account: Accounts) -> None:
    mine = account("anthropic", "org-mine")
    prepare(mine)
    mine.server.answers["/organizations/me"] = Answer(sample(CASE, "me.json"))
    assert mine.run(DAY, reports=("cost",)).failures == []
    prepare(mine, second=True, **{"anthropic-organization-id": "org-other"})
    mine.server.answers["/organizations/me"] = OF_OTHERS["anthropic"][1]
    (failure,) = mine.run(DAY, reports=("cost",), key="sk-ant-admin01-of-others-0123456789").failures
    assert isinstance(failure, provider_errors.WrongAccount)
    assert str(failure).startswith("the key does not see account org-mine; it sees: org-other")
    assert mine.cost("amount") == [(Decimal(5),)]
    assert mine.server.count("/cost_report") == 1
    assert mine.query("SELECT count(*) FROM ops.restatement WHERE connection_id = %s") == [(0,)]


@pytest.mark.parametrize("provider", OF_OTHERS)
def test_another_account_is_noticed_before_a_page_is_landed(account: Accounts, provider: str) -> None:
    mine = own(account, provider)
    report, ending, body = EMPTY[provider]
    mine.server.answers[ending] = Answer(body)
    ending_of_proof, other = OF_OTHERS[provider]
    mine.server.answers[ending_of_proof] = other
    (failure,) = mine.run(DAY, reports=(report,)).failures
    assert isinstance(failure, provider_errors.WrongAccount)
    assert failure.what == f"the key does not see account {mine.account}; it sees: org-other"
    assert landed(mine) == 0
    assert not list(mine.root.rglob("page-*"))
    assert mine.query("SELECT state, error_class FROM ops.load WHERE connection_id = %s") == [
        ("failed", "WrongAccount")
    ]


def test_a_header_tells_where_the_proving_endpoint_does_not(account: Accounts) -> None:
    mine = own(account, "anthropic")
    prepare(mine, second=True, **{"anthropic-organization-id": "org-other"})
    (failure,) = mine.run(DAY, reports=("cost",)).failures
    assert isinstance(failure, provider_errors.WrongAccount)
    assert landed(mine) == 0
    assert mine.cost("amount") == []


def test_rows_that_tell_another_account_take_back_the_whole_run(account: Accounts) -> None:
    mine = own(account, "anthropic")
    prepare(mine, second=True)
    row = {
        "date": "2026-11-20T00:00:00Z",
        "organization_id": "org-other",
        "actor": {"type": "api_actor", "api_key_name": "ci"},
        "core_metrics": {"num_sessions": 1},
    }
    mine.server.answers["/claude_code"] = Answer({"data": [row], "has_more": False, "next_page": None})
    (failure,) = mine.run(DAY, reports=("cost", "claude_code")).failures
    assert isinstance(failure, provider_errors.WrongAccount)
    assert mine.cost("amount") == mine.usage("sessions") == []
    assert landed(mine) == 0, "a rebuild would load it"


@pytest.mark.parametrize(
    ("named", "told", "right"),
    [
        ("org-mine", "org-mine", True),
        ("org-mine", "org-other", False),
        ("org-mine", "acme-inc", True),
        ("org-mine", "user-abc123", True),
        ("org-mine", "", True),
        ("our-own-name", "org-other", True),
    ],
)
def test_an_organization_by_another_kind_of_name_is_believed(
    account: Accounts, named: str, told: str, right: bool
) -> None:
    mine = account("openai", f"{named}{next(accounts)}")
    told = mine.account if told == "org-mine" else told
    body = sample("openai-costs-key-grouping-refused", "answer-without-key-grouping.json")
    mine.server.answers["/costs"] = Answer(body, headers={"openai-organization": told} if told else {})
    failures = mine.run(DAY, reports=("costs",)).failures
    assert [type(failure) for failure in failures] == ([] if right else [provider_errors.WrongAccount])
    assert len(mine.cost("amount")) == right


@pytest.mark.parametrize("status", [403, 404])
def test_a_key_that_may_not_ask_whose_it_is_is_believed_and_told_once(account: Accounts, status: int) -> None:
    mine = account("anthropic")
    prepare(mine)
    mine.server.answers["/organizations/me"] = Answer({"error": {"message": "not for you"}}, status)
    for _ in range(2):
        assert mine.run(DAY, reports=("cost",)).failures == []
    assert mine.cost("amount") == [(Decimal(5),)]
    (event,) = [event for event in mine.events() if event[0] == "account_not_told"]
    assert event[1] == "info"
    assert "not for you" in event[2]


@pytest.mark.parametrize("provider", [name for name, one in PROVIDERS.items() if one.accounts.id and name in OF_OTHERS])
def test_a_proof_that_cannot_be_had_now_is_tried_again_later(account: Accounts, provider: str) -> None:
    mine = account(provider)
    ending = OF_OTHERS[provider][0]
    mine.server.answers[ending] = Answer({"error": {"message": "down"}}, 500)
    failures = mine.run(DAY, date(2026, 11, 22)).failures
    assert failures
    assert {type(failure) for failure in failures} == {provider_errors.ProviderDown}
    assert {request.path for request in mine.server.requests} == {
        request.path for request in mine.server.requests if request.path.endswith(ending)
    }
    assert len(mine.server.requests) == 4, "tried again within the run as any request, and not once a window"


def test_the_account_is_proved_once_a_run(account: Accounts) -> None:
    mine = account("anthropic")

    def answer(request: Received) -> Answer:
        return Answer({"id": mine.account}) if request.path.endswith("/me") else Answer(EMPTY["anthropic"][2])

    mine.server.answers["/"] = mine.server.answers["/organizations/me"] = answer
    mine.server.answers["/usage_report/claude_code"] = answer
    mine.run(DAY, date(2026, 11, 24), reports=("claude_code",))
    assert mine.server.count("/usage_report/claude_code") == 5
    assert mine.server.count("/organizations/me") == 1


@pytest.mark.parametrize("beginning", ["sk-ant-api03-", "sk-ant-admin01-", "sk-ant-xyz99-"])
def test_a_key_is_not_refused_by_how_it_begins(account: Accounts, beginning: str) -> None:
    mine = account("anthropic")
    mine.server.answers["/cost_report"] = Answer(sample("anthropic-personal-key"))
    assert mine.run(DAY, reports=("cost",), key=f"{beginning}of-a-person-0123456789").failures == []
    assert mine.cost("amount") == [(Decimal(5),)]


@pytest.mark.parametrize(("status", "kind"), [(401, "BadKey"), (403, "NoPermission")])
def test_a_key_that_may_not_read_gets_the_vendors_word(account: Accounts, status: int, kind: str) -> None:
    mine = account("anthropic")
    mine.server.answers["/cost_report"] = Answer({"error": {"message": "of a workspace"}}, status)
    (failure,) = mine.run(DAY, reports=("cost",), key="sk-ant-api03-of-a-workspace-0123456789").failures
    assert type(failure).__name__ == kind
    assert "of a workspace" in failure.what
