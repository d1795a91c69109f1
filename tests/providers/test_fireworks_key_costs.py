"""Fireworks' money by key, model and user: three cuts that each equal the vendor's own sum; `usage` in UTC days."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from test_fireworks import SERVERLESS, D, Transformed

from usage_ledger.providers.fireworks import FIREWORKS
from usage_ledger.sandbox.fireworks.key_costs import DIMENSIONS, CostQuery, key_costs
from usage_ledger.sandbox.fireworks.truth import FireworksTruth
from usage_ledger.sandbox.kit.slots import FOREVER, local_days

Json = dict[str, Any]
DAY = date(2026, 11, 19)


def money(units: str, nanos: int = 0, currency: str = "USD") -> Json:
    return {"currencyCode": currency, "units": units, "nanos": nanos}


def row(amount: Json, day: date = D, **dimensions: Any) -> Json:
    return {"dimensions": {"startTime": f"{day}T00:00:00Z", **dimensions}, "subtotal": amount}


def answer(*rows: Json, total: Json | None = None, **more: Any) -> Json:
    sum_of_rows = money(str(sum(int(one["subtotal"]["units"]) for one in rows)))
    return {"rows": list(rows), "subtotal": total or sum_of_rows, "attributionCompleteness": "COMPLETE", **more}


@pytest.fixture
def transformed(tmp_path: Path) -> Transformed:
    return Transformed(tmp_path)


def test_each_question_is_a_breakdown_of_its_own(transformed: Transformed) -> None:
    """The client here answers each of the three questions alike: only the column that was asked for is read."""
    sent = answer(row(money("3"), apiKeyId="key_a", model="m", user="accounts/acme/users/jo"))
    rows = sorted(transformed(sent, report="key_cost").rows("cost_daily"), key=lambda one: one["breakdown"])
    assert [(one["breakdown"], one["api_key_id"], one["model"]) for one in rows] == [
        ("api_key", "key_a", ""),
        ("model", "", "m"),
        ("user", "", ""),
    ]
    assert rows[2]["user_id"].startswith("p_")
    assert {(one["amount"], one["currency"], one["usage_date"], one["basis"]) for one in rows} == {
        (Decimal(3), "USD", D, "rated")
    }
    assert transformed.staged.mismatch == ""
    assert transformed.staged.evidence == {
        "provider_total_amount": {"USD": "9.000000000"},
        "attributionCompleteness": {"API_KEY": "COMPLETE", "MODEL": "COMPLETE", "USER": "COMPLETE"},
    }
    assert transformed.notes == []


def test_the_sum_that_each_page_repeats_counts_once(transformed: Transformed) -> None:
    pages = [answer(row(money("3"), apiKeyId=key, model=key, user=key), total=money("6")) for key in "ab"]
    transformed(*pages, report="key_cost")
    assert transformed.staged.agrees
    assert len(transformed.rows("cost_daily")) == 6


@pytest.mark.parametrize("total", [money("4"), money("3", 1), money("3", currency="EUR")], ids=str)
def test_a_sum_that_differs_is_a_mismatch(transformed: Transformed, total: Json) -> None:
    transformed(answer(row(money("3"), apiKeyId="a", model="a", user="a"), total=total), report="key_cost")
    assert transformed.staged.mismatch
    assert not transformed.staged.agrees


def test_an_answer_without_its_sum_is_no_mismatch(transformed: Transformed) -> None:
    sent = answer(row(money("3"), apiKeyId="a", model="a", user="a")) | {"subtotal": None}
    transformed(sent, report="key_cost")
    assert (transformed.staged.mismatch, transformed.staged.agrees) == ("", False)


def test_what_is_nobodys_and_what_has_no_public_name_are_two_rows(transformed: Transformed) -> None:
    sent = answer(
        row(money("1"), unattributedDimensions=["MODEL"]),
        row(money("2"), unknownModel=True),
        row(money("4"), unknownModel=False, apiKeyId="a", model="a", user="a"),
    )
    rows = transformed(sent, report="key_cost").rows("cost_daily")
    of_model = [(one["model"], one["category"], one["amount"]) for one in rows if one["breakdown"] == "model"]
    assert sorted(of_model) == [("", "", 1), ("", "unknown", 2), ("a", "", 4)]


def test_completeness_is_stored_with_the_dates(transformed: Transformed) -> None:
    sent = answer(row(money("1"), unattributedDimensions=["API_KEY"]), attributionCompleteness="INCOMPLETE")
    transformed(sent, report="key_cost")
    assert transformed.staged.evidence["attributionCompleteness"]["API_KEY"] == "INCOMPLETE"


def test_the_stand_in_adds_up_to_the_bill_of_tokens() -> None:
    """Each cut is the bill's lines of text, but for what each row cuts below a nano-dollar."""

    truth = FireworksTruth(account="acme")
    day = datetime(2026, 11, 19, tzinfo=UTC)
    bucket = truth.summary(DAY, DAY + timedelta(days=1), daily=True)["usageBuckets"][0]
    billed = sum(
        int(line["totalCost"]["units"]) * 10**9 + line["totalCost"]["nanos"]
        for line in bucket["lineItems"]
        if line["category"].startswith("LLM ")
    )
    for dimension in DIMENSIONS:
        query = CostQuery(DAY, DAY + timedelta(days=1), dimension, 0, 2)
        total = key_costs(truth, query, local_days(DAY, DAY + timedelta(days=1), UTC), FOREVER, day)["subtotal"]
        assert abs(int(total["units"]) * 10**9 + total["nanos"] - billed) < 20


def test_usage_in_utc_days_is_another_cut_for_a_connection_in_a_zone(transformed: Transformed) -> None:
    report = FIREWORKS.report("usage_utc")
    assert (report.opt_in, {row_set.breakdown for row_set in report.row_sets}) == (True, {"utc_day"})
    transformed({"serverlessCosts": [SERVERLESS]}, report="usage_utc", zone="America/Los_Angeles")
    (row,) = transformed.rows()
    assert (row["usage_date"], row["bucket_start"], row["input_tokens"]) == (
        D,
        datetime(2026, 9, 14, tzinfo=UTC),
        2480150,
    )
