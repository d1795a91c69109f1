"""What a page must say of itself to be whole, as its report declares: looked at before its load is committed."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from kit.answering import Account, Answer

from usage_ledger.core import contract_errors, provider_errors
from usage_ledger.core.errors import ConfigError
from usage_ledger.model import Mark
from usage_ledger.providers import PROVIDERS
from usage_ledger.storage.landing import landed_folders

DAY = date(2026, 11, 10)
Make = Callable[..., Account]


def marked(account: Make, monkeypatch: pytest.MonkeyPatch, *marks: Mark) -> Account:
    """OpenRouter, as if its activity had these marks."""
    provider = PROVIDERS["openrouter"]
    activity = replace(provider.report("activity"), marks=marks)
    monkeypatch.setitem(PROVIDERS, "openrouter", replace(provider, reports=(activity,)))
    one = account("openrouter")
    one.server.answers["/key"] = Answer({"data": {"is_management_key": True}})
    return one


COMPLETE = Mark("job/complete", is_=True)
NOT_TOLD = Mark("unreachable", absent=True, otherwise="refuse")


@pytest.mark.parametrize(
    ("mark", "more"),
    [
        (COMPLETE, {}),
        (COMPLETE, {"job": None}),
        (COMPLETE, {"job": {"complete": False}}),
        (COMPLETE, {"job": {"complete": "true"}}),
        (COMPLETE, {"job": {"complete": 1}}),
        (replace(NOT_TOLD, otherwise="again"), {"unreachable": ["eu-west"]}),
    ],
)
def test_a_page_that_does_not_say_that_it_is_whole_is_asked_for_again_and_never_landed(
    account: Make, monkeypatch: pytest.MonkeyPatch, mark: Mark, more: Any
) -> None:
    one = marked(account, monkeypatch, mark)
    one.server.answers["/activity"] = Answer({"data": [], **more})
    [failure] = one.run(DAY).failures
    assert type(failure) is provider_errors.NotWhole
    assert f"`{mark.path}`" in failure.what
    assert one.server.count("/activity") == 2
    assert one.days("activity") == {DAY: "failed"}
    assert list(landed_folders(one.root, "openrouter", one.connection_id)) == []


def test_a_page_that_its_mark_refuses_is_asked_for_once(account: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    one = marked(account, monkeypatch, NOT_TOLD)
    one.server.answers["/activity"] = Answer({"data": [], "unreachable": ["eu-west"]})
    [failure] = one.run(DAY).failures
    assert type(failure) is contract_errors.ContractBroken
    assert "eu-west" in failure.what
    assert one.server.count("/activity") == 1


@pytest.mark.parametrize("more", [{}, {"unreachable": None}, {"unreachable": []}])
def test_a_page_with_its_marks_is_taken_and_they_are_no_news(
    account: Make, monkeypatch: pytest.MonkeyPatch, more: Any
) -> None:
    one = marked(account, monkeypatch, COMPLETE, NOT_TOLD)
    one.server.answers["/activity"] = Answer({"data": [], "job": {"complete": True}, **more})
    assert one.run(DAY).failures == []
    assert one.days("activity") == {DAY: "empty"}
    assert one.events() == []


@pytest.mark.parametrize("more", [{}, {"is_": True, "absent": True}])
def test_a_mark_says_one_thing(more: Any) -> None:
    with pytest.raises(ConfigError, match="declare `is_` or `absent`"):
        Mark("job/complete", **more)


def test_a_mark_changes_no_declaration() -> None:
    activity = PROVIDERS["openrouter"].report("activity")
    assert replace(activity, marks=(COMPLETE,)).declaration() == activity.declaration()
