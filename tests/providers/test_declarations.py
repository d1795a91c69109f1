"""What every provider's declaration has to keep, whatever it declares.

`python tests/providers/test_declarations.py` writes the golden file of hashes anew.
"""

import dataclasses
import json
import re
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from kit.declared_requests import fans_out_over, request_of

from usage_ledger import model as m
from usage_ledger.contracts.registry import contract
from usage_ledger.core.errors import ConfigError
from usage_ledger.model import Catalogue, Day, HeaderKey, Moment, PerSetting, Provider, Report, RowSet, Template
from usage_ledger.providers import PROVIDERS
from usage_ledger.reading.layout import layout

REPORTS = [(provider, report) for provider in PROVIDERS.values() for report in provider.reports]
each_provider = pytest.mark.parametrize("provider", PROVIDERS.values(), ids=PROVIDERS)
each_report = pytest.mark.parametrize(
    ("provider", "report"), REPORTS, ids=[f"{provider.name}-{report.name}" for provider, report in REPORTS]
)
GOLDEN = Path(__file__).parents[1] / "fixtures" / "declarations.json"
OUR_WORDS = {
    "start",
    "end",
    "start_epoch",
    "end_epoch",
    "date",
    "last",
    "last_date",
    "end_date",
    "interval",
    "zone",
    "account",
}


def fact_rows(report: Report) -> list[RowSet]:
    return [row_set for row_set in report.row_sets if row_set.table]


def usage_types(row_set: RowSet) -> list[str]:
    """The usage types that a row set's rows may have; '' stands for any."""
    constant = dict(row_set.constants).get("usage_type")
    if constant:
        return [constant]
    told = [one for one in row_set.dimensions if one.column == "usage_type"]
    if told and isinstance(told[0], m.Derived):
        return list(dict.fromkeys(rule.value for rule in told[0].rules))
    return [ours for _, ours in told[0].values] if told else [""]


def filled_by_records(provider: Provider) -> Counter[tuple[str, str, str]]:
    """How many row sets of the record fill a meter of a usage type, where each report that yields does so."""
    return Counter(
        (row_set.table, usage_type, meter.column)
        for report in provider.reports
        for row_set in fact_rows(report)
        if not row_set.breakdown and not report.yields_to
        if ("charge_category", "Credit") not in row_set.constants  # taken off another row set's amounts
        for usage_type in usage_types(row_set)
        for meter in row_set.meters
    )


def filled_by(report: Report) -> set[tuple[str, str, str]]:
    """Table, usage type and meter of what a report's record fills."""
    return {
        (row_set.table, usage_type, meter.column)
        for row_set in fact_rows(report)
        if not row_set.breakdown
        for usage_type in usage_types(row_set)
        for meter in row_set.meters
    }


@each_provider
def test_no_two_records_fill_one_meter_of_one_usage_type(provider: Provider) -> None:
    assert {one: count for one, count in filled_by_records(provider).items() if count > 1} == {}


def test_a_second_record_would_be_seen() -> None:
    provider = PROVIDERS["anthropic"]
    spoiled = replace(
        provider,
        reports=tuple(
            replace(report, row_sets=tuple(replace(row_set, breakdown="") for row_set in report.row_sets))
            for report in provider.reports
        ),
    )
    assert filled_by_records(spoiled)["usage_daily", "serverless", "input_tokens"] == 2


@each_provider
def test_a_report_yields_to_one_that_fills_all_its_meters(provider: Provider) -> None:
    """The record would lose figures otherwise; and the breakdown of what yielded must be its alone."""
    for report in provider.reports:
        assert report.name not in {row_set.breakdown for row_set in report.row_sets}
        if report.yields_to:
            preferred = provider.report(report.yields_to)
            assert filled_by(preferred) >= filled_by(report)
            assert (preferred.day, preferred.yields_to) == (report.day, "")


@each_report
def test_a_report_fills_columns_of_the_contract_with_their_roles(provider: Provider, report: Report) -> None:
    for row_set in fact_rows(report):
        table = contract(row_set.table)
        dimensions = [one.column for one in row_set.dimensions] + [name for name, _ in row_set.constants]
        meters = [one.column for one in row_set.meters]
        assert set(dimensions) <= set(table.names("dimension"))
        assert set(meters) <= set(table.names("meter"))
        sent = [one.column for one in row_set.dimensions if not isinstance(one, m.Derived)]
        assert len(set(sent)) == len(sent)  # several may be parsed for one column
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
        assert row_set.when is not None
        assert not isinstance(row_set.when, Day) or report.day == "UTC"


@each_report
def test_a_request_asks_for_its_window_and_names_nothing_unknown(provider: Provider, report: Report) -> None:
    labels = {setting.name for setting in provider.settings}
    per, request = fans_out_over(report), request_of(report)
    if isinstance(per, Catalogue):
        labels |= {per.label, *(name for one in per.selections for name, _ in one.labels)}
        per = per.listing
    while per is not None:
        labels.add(per.name if isinstance(per, PerSetting) else per.label)
        per = getattr(per, "per", None)
    if request.statement:
        labels.add("statement")
        assert not re.search(r"['\"]{\w+}['\"]", request.statement.text)  # values are parameters
    texts = [value for _, value in request.query if isinstance(value, str)]
    templates = [value.text for _, value in request.query if isinstance(value, Template)]
    base = request.base if isinstance(request.base, str) else ""
    parts = [request.path, base, request.audience, request.body, *texts, *templates]
    placeholders = set(re.findall(r"{\+?(\w+)(?:[+-]\d+)?}", " ".join(parts)))
    assert placeholders <= OUR_WORDS | labels
    if not report.snapshot and not all(isinstance(row_set.when, Moment) for row_set in report.row_sets):
        assert placeholders & {"start", "start_epoch", "date", "interval"}  # events of other dates are left out anyway
    assert not [value for value in texts if "{" in value and not re.fullmatch(r"{\w+([+-]\d+)?}", value)]


@each_provider
def test_a_provider_says_what_its_key_must_be_and_where_it_may_be_sent(provider: Provider) -> None:
    assert provider.base_url.startswith("https://")
    assert provider.base_url.removeprefix("https://").split("/")[0] in provider.hosts
    assert len(provider.key_help) > 20
    assert provider.account.name == "account"
    assert all(setting.help for setting in (provider.account, *provider.settings))
    assert {report.name for report in provider.reports if not report.snapshot}
    module = __import__(f"usage_ledger.providers.{provider.name}", fromlist=["x"])
    for word in ("Measures:", "Grain:", "Units:", "Limits:", "Lag:", "Source: https://", "Last checked: 20"):
        assert word in module.__doc__, word


@each_provider
def test_what_a_provider_is_asked_never_holds_a_key(provider: Provider) -> None:
    asked = repr([report.source for report in provider.reports])
    assert not isinstance(provider.auth, HeaderKey) or provider.auth.header.lower() in ("authorization", "x-api-key")
    assert not re.search(r"password|secret|token=", asked, re.IGNORECASE)


def hashes() -> dict[str, str]:
    return {f"{provider.name}.{report.name}": report.declaration() for provider, report in REPORTS}


def test_every_hash_is_the_one_in_the_golden_file() -> None:
    """A hash that changes books the next differences as ours: its change belongs in a review."""
    assert hashes() == json.loads(GOLDEN.read_text(encoding="utf-8"))


def widened(value: Any) -> Any:
    """The same declaration, each of its classes with one word more that nothing uses."""
    if isinstance(value, tuple):
        return tuple(map(widened, value))
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return value
    more = [("unused", tuple, dataclasses.field(default=()))]
    wider = dataclasses.make_dataclass(type(value).__name__, more, bases=(type(value),), frozen=True)
    fields = {field.name: widened(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return wider(**fields)


@each_report
def test_a_word_that_the_model_gains_and_nobody_uses_changes_no_hash(provider: Provider, report: Report) -> None:
    assert widened(report).declaration() == report.declaration()


@each_report
def test_what_decides_rows_changes_the_hash_and_planning_does_not(provider: Provider, report: Report) -> None:
    planning = replace(report, longest=timedelta(days=2), reach=timedelta(days=9), settle_days=9, ignored=("x",))
    assert planning.declaration() == report.declaration()
    assert replace(report, cut=(*report.cut, "x/*/y")).declaration() != report.declaration()
    for number, row_set in enumerate(report.row_sets):
        for changed in (replace(row_set, breakdown="another"), replace(row_set, constants=(("channel", "x"),))):
            others = (*report.row_sets[:number], changed, *report.row_sets[number + 1 :])
            assert replace(report, row_sets=others).declaration() != report.declaration()


def test_a_column_that_the_contract_lacks_is_refused() -> None:
    report = PROVIDERS["fireworks"].report("usage")
    row_set = replace(report.row_sets[0], dimensions=m.dimensions(colour="colour"))
    with pytest.raises(ConfigError, match=r"colour.*usage_daily lacks"):
        layout(replace(report, row_sets=(row_set,)))


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(hashes(), indent=1, sort_keys=True) + "\n", encoding="utf-8")
