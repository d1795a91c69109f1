"""Answers that do not say that they are whole: nothing may be concluded from what is not in them."""

import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from kit.answering import NOW, Account, Answer, Received, sample

from usage_ledger.core import contract_errors, provider_errors
from usage_ledger.core.errors import ConfigError
from usage_ledger.core.windows import DAY as DAY_LONG
from usage_ledger.core.windows import Window
from usage_ledger.http.page import Call, Page
from usage_ledger.model import Bucket
from usage_ledger.pipeline.rebuild import rebuild
from usage_ledger.providers import PROVIDERS
from usage_ledger.sources.listing import items_of

FIRST, SECOND, THIRD = date(2026, 11, 18), date(2026, 11, 19), date(2026, 11, 20)
DAY = date(2026, 11, 10)
Make = Callable[..., Account]


def openai(account: Make, costs: Any) -> Account:
    one = account("openai")
    one.server.answers["/projects"] = Answer({"object": "list", "data": [], "has_more": False, "last_id": None})
    one.server.answers["/costs"] = costs
    return one


def failures(one: Account, report: str, first: date, last: date | None = None) -> list[Any]:
    """What failed of a report; the lists of names that come along are not answered here."""
    return [one for one in one.run(first, last, reports=(report,)).failures if one.report == report]


def run_costs(one: Account) -> list[Any]:
    return failures(one, "costs", FIRST, THIRD)


def amounts(one: Account) -> list[tuple[Any, ...]]:
    return one.cost("usage_date, amount")


ALL = [(FIRST, Decimal("1.50")), (SECOND, Decimal("2.50")), (THIRD, Decimal("3.50"))]


def test_openai_bucket_missing_in_the_first_answer(account: Make) -> None:
    one = openai(account, Answer(sample("openai-bucket-missing", "page-2-second-run.json")))
    [failure] = run_costs(one)
    assert type(failure) is contract_errors.MissingBucket
    assert f"no bucket for {SECOND}; nothing of {SECOND} and 1 later date was loaded" in failure.what
    assert "asks for it again" in failure.next_step
    assert amounts(one) == ALL[:1]
    assert one.days("costs") == {FIRST: "loaded", SECOND: "failed", THIRD: "failed"}


def test_openai_bucket_missing_however_often_deletes_nothing(account: Make) -> None:
    one = openai(account, Answer(sample("openai-bucket-missing", "page-1.json")))
    assert run_costs(one) == []
    assert amounts(one) == ALL
    one.server.answers["/costs"] = Answer(sample("openai-bucket-missing", "page-2-second-run.json"))
    for _ in range(3):
        assert [type(failure) for failure in run_costs(one)] == [contract_errors.MissingBucket]
        assert amounts(one) == ALL
        assert one.days("costs") == dict.fromkeys((FIRST, SECOND, THIRD), "loaded")
    for table in ("ledger.cost_daily", "ops.day"):
        with one.engine.begin() as transaction:
            transaction.exec_driver_sql(f"DELETE FROM {table} WHERE connection_id = %s", (one.connection_id,))
    rebuild(one.connection(), Window(FIRST, THIRD + DAY_LONG), engine=one.engine, root=one.root)
    assert amounts(one) == ALL


def test_a_date_whose_bucket_comes_later_is_loaded_then(account: Make) -> None:
    one = openai(account, Answer(sample("openai-bucket-missing", "page-2-second-run.json")))
    run_costs(one)
    one.server.answers["/costs"] = Answer(sample("openai-bucket-missing", "page-1.json"))
    assert run_costs(one) == []
    assert amounts(one) == ALL
    assert one.days("costs") == dict.fromkeys((FIRST, SECOND, THIRD), "loaded")


def test_openai_data_null(account: Make) -> None:
    one = openai(account, Answer(sample("openai-data-null")))
    [failure] = failures(one, "costs", THIRD)
    assert type(failure) is provider_errors.NotWhole
    assert "`data`" in failure.what
    assert one.days("costs") == {THIRD: "failed"}
    assert one.server.count("/costs") == 2  # asked again once


def pages_of(first: bytes, *, refused: bytes) -> Callable[[Received], Answer]:
    return lambda request: Answer(refused, 400) if request.values("page") else Answer(first)


def test_openai_costs_dead_page_token(account: Make) -> None:
    case = "openai-costs-dead-page-token"
    refused = sample(case, "page-2-http-400.json")
    one = openai(account, pages_of(sample(case, "page-1.json"), refused=refused))
    assert run_costs(one) == []
    assert amounts(one) == [(FIRST, Decimal("1.50")), (THIRD, Decimal("2.50"))]
    assert one.days("costs") == {FIRST: "loaded", SECOND: "empty", THIRD: "loaded"}
    [(kind, severity, message)] = [event for event in one.events() if event[0] == "page_refused"]
    assert (kind, severity) == ("page_refused", "warning")
    assert "Page token not valid" in message


def test_a_dead_page_token_before_the_last_date_fails_the_window(account: Make) -> None:
    case = "openai-costs-dead-page-token"
    document = json.loads(sample(case, "page-1.json"))
    del document["data"][2]
    first = json.dumps(document).encode()
    one = openai(account, pages_of(first, refused=sample(case, "page-2-http-400.json")))
    assert [type(failure) for failure in run_costs(one)] == [provider_errors.BadRequest]
    assert amounts(one) == []
    assert set(one.days("costs").values()) == {"failed"}


def test_or_data_null(account: Make) -> None:
    one = account("openrouter")
    one.server.answers["/key"] = Answer({"data": {"is_management_key": True}})
    one.server.answers["/activity"] = Answer(sample("or-data-null"))
    [failure] = failures(one, "activity", DAY)
    assert type(failure) is provider_errors.NotWhole
    assert one.days("activity") == {DAY: "failed"}


def test_re_empty_object(account: Make) -> None:
    one = account("replicate")
    one.server.answers |= {
        "/account": Answer({"username": one.account}),
        "/deployments": Answer({"next": None, "results": []}),
        "/predictions": Answer(sample("re-empty-object")),
    }
    [failure] = failures(one, "predictions", DAY)
    assert type(failure) is provider_errors.NotWhole
    assert "`results`" in failure.what
    assert one.days("predictions") == {DAY: "failed"}


@pytest.mark.parametrize("answer", [{}, {"serverlessCosts": None, "dedicatedCosts": None}])
def test_a_vendor_that_leaves_out_empty_lists_may_do_so(account: Make, answer: Any) -> None:
    one = account("fireworks")
    one.server.answers["/accounts"] = Answer({"accounts": [{"name": f"accounts/{one.account}"}]})
    one.server.answers["/billingUsage"] = Answer(answer)
    assert failures(one, "usage", DAY) == []
    assert one.days("usage") == {DAY: "empty"}


@pytest.mark.parametrize("answer", [{"error": "no"}, {"detail": "no"}, {"code": 13}, {"status": "INTERNAL"}])
def test_an_error_with_status_200_is_no_empty_list_even_where_lists_may_be_left_out(account: Make, answer: Any) -> None:
    one = account("fireworks")
    one.server.answers["/accounts"] = Answer({"accounts": [{"name": f"accounts/{one.account}"}]})
    one.server.answers["/billingUsage"] = Answer(answer)
    assert len(failures(one, "usage", DAY)) == 1
    assert one.days("usage") == {DAY: "failed"}


@pytest.mark.parametrize("answer", [b"{}", b'{"data": null}'])
def test_a_listing_without_its_list_is_no_empty_one(answer: bytes) -> None:
    page = Page(Call("/x"), answer, 200, NOW)
    for listing in (PROVIDERS["openrouter"].accounts, PROVIDERS["openai"].accounts):
        with pytest.raises(provider_errors.NotWhole, match="has no `data`"):
            items_of(page, listing)
    assert items_of(page, PROVIDERS["fireworks"].accounts) == []


def test_a_list_of_names_is_read_as_far_as_it_can_be(account: Make) -> None:
    one = account("openai")
    page = {"object": "list", "data": [{"id": "user-1", "name": "Ada"}], "has_more": True, "last_id": "user-1"}
    dead = Answer({"error": {"message": "no such cursor"}}, 400)
    one.server.answers["/users"] = lambda request: dead if request.values("after") else Answer(page)
    one.server.answers["/costs"] = Answer(sample("openai-bucket-missing", "page-1.json"))
    ran = one.run(FIRST, THIRD, reports=("costs",))
    assert not {failure.report for failure in ran.failures} & {"costs", "users"}
    names = "SELECT id, name FROM ledger.name WHERE connection_id = %s"
    assert one.query(names) == [("user-1", "Ada")]
    assert "page_refused" in {kind for kind, _, _ in one.events()}


def test_a_bucket_for_every_date_needs_bounds_above_the_rows() -> None:
    with pytest.raises(ConfigError, match="a date without rows would have none"):
        Bucket("startTime", "endTime", every_day=True)
