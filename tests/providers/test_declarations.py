"""What every provider's declaration has to keep, whatever it declares."""

import re
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from usage_ledger.contracts.registry import contract
from usage_ledger.model.declaration import Provider, Report, RowSet
from usage_ledger.providers import PROVIDERS
from usage_ledger.reading.nested import layout

REPORTS = [(provider, report) for provider in PROVIDERS.values() for report in provider.reports]
each_provider = pytest.mark.parametrize("provider", PROVIDERS.values(), ids=PROVIDERS)
each_report = pytest.mark.parametrize(
    ("provider", "report"), REPORTS, ids=[f"{provider.name}-{report.name}" for provider, report in REPORTS]
)
OUR_WORDS = {"start", "end", "start_epoch", "end_epoch", "date", "zone", "account"}


def fact_rows(report: Report) -> list[RowSet]:
    return [row_set for row_set in report.row_sets if row_set.table]


def usage_types(row_set: RowSet) -> list[str]:
    """The usage types that a row set's rows may have; '' stands for any."""
    constant = dict(row_set.constants).get("usage_type")
    if constant:
        return [constant]
    told = [one for one in row_set.dimensions if one.column == "usage_type"]
    return [ours for _, ours in told[0].values] if told else [""]


def filled_by_records(provider: Provider) -> Counter[tuple[str, str, str]]:
    """How many row sets of the record fill a meter of a usage type."""
    return Counter(
        (row_set.table, usage_type, meter.column)
        for report in provider.reports
        for row_set in fact_rows(report)
        if not row_set.breakdown
        for usage_type in usage_types(row_set)
        for meter in row_set.meters
    )


@each_provider
def test_no_two_records_fill_one_meter_of_one_usage_type(provider: Provider) -> None:
    assert {one: count for one, count in filled_by_records(provider).items() if count > 1} == {}


def test_a_second_record_would_be_seen() -> None:
    from dataclasses import replace

    provider = PROVIDERS["anthropic"]
    spoiled = replace(
        provider,
        reports=tuple(
            replace(report, row_sets=tuple(replace(row_set, breakdown="") for row_set in report.row_sets))
            for report in provider.reports
        ),
    )
    assert filled_by_records(spoiled)["usage_daily", "serverless", "input_tokens"] == 2


@each_report
def test_a_report_fills_columns_of_the_contract_with_their_roles(provider: Provider, report: Report) -> None:
    for row_set in fact_rows(report):
        table = contract(row_set.table)
        dimensions = [one.column for one in row_set.dimensions] + [name for name, _ in row_set.constants]
        meters = [one.column for one in row_set.meters]
        assert set(dimensions) <= set(table.names("dimension"))
        assert set(meters) <= set(table.names("meter"))
        assert len(set(dimensions)) == len(dimensions)
        assert len(set(meters)) == len(meters) > 0
        for column, value in (*row_set.constants, ("basis", row_set.basis)):
            assert value in table.column(column).valid_values or not table.column(column).valid_values, column
        if row_set.table == "cost_daily":
            assert "amount" in meters
            assert "currency" in dimensions
            assert "charge_category" in dimensions


@each_report
def test_row_sets_of_a_report_have_names_of_their_own(provider: Provider, report: Report) -> None:
    names = [row_set.name for row_set in report.row_sets]
    assert len(set(names)) == len(names)
    layout(report)


@each_report
def test_each_row_has_one_date(provider: Provider, report: Report) -> None:
    for row_set in fact_rows(report):
        told = [bool(row_set.bucket[0]), bool(row_set.day), bool(row_set.moment)]
        assert sum(told) == 1
        assert bool(row_set.moment) == bool(row_set.event)
        assert not row_set.day or (report.day, report.longest) == ("UTC", timedelta(days=1))


@each_report
def test_a_request_asks_for_its_window_and_names_nothing_unknown(provider: Provider, report: Report) -> None:
    labels: set[str] = set()
    listing = report.per
    while listing:
        labels.add(listing.label)
        listing = listing.within
    texts = [value for _, value in report.parameters if isinstance(value, str)]
    placeholders = set(re.findall(r"{(\w+)}", " ".join([report.path, *texts])))
    assert placeholders <= OUR_WORDS | labels
    if not report.snapshot:
        assert placeholders & {"start", "start_epoch", "date"}
    assert not [value for value in texts if "{" in value and not re.fullmatch(r"{\w+}", value)]


@each_report
def test_a_page_is_followed_by_a_way_that_ends(provider: Provider, report: Report) -> None:
    paging = report.paging
    if paging is None:
        return
    ways: list[Any] = [paging.link, paging.page, paging.cursor and not paging.page]
    assert sum(map(bool, ways)) == 1
    assert bool(paging.parameter) != bool(paging.link)


@each_provider
def test_a_provider_says_what_its_key_must_be_and_where_it_may_be_sent(provider: Provider) -> None:
    assert provider.base_url.startswith("https://")
    assert provider.base_url.removeprefix("https://").split("/")[0] in provider.hosts
    assert len(provider.key_help) > 20
    assert "account" in {field.name for field in provider.fields}
    assert all(field.help for field in provider.fields)
    assert {report.name for report in provider.reports if not report.snapshot}
    module = __import__(f"usage_ledger.providers.{provider.name}", fromlist=["x"])
    for word in ("Measures:", "Grain:", "Units:", "Limits:", "Lag:", "Source: https://", "Last checked: 20"):
        assert word in module.__doc__, word


@each_provider
def test_what_a_provider_is_asked_never_holds_a_key(provider: Provider) -> None:
    asked = repr([(report.path, report.parameters, report.per) for report in provider.reports])
    assert provider.header.lower() in ("authorization", "x-api-key")
    assert not re.search(r"password|secret|token=", asked, re.IGNORECASE)
