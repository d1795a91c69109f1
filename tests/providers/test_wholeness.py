"""What holds of every provider and report: an answer that is not whole changes nothing, however often it comes."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from spoiled import FIRST, LAST, Desk, Json, ending, of_facts, rows_of, without_total

from usage_ledger.core import contract_errors, provider_errors
from usage_ledger.model import Bucket, Objects, Provider, QueryJob, Report
from usage_ledger.providers import PROVIDERS

BOTH = [FIRST, LAST]
REPORTS = [(provider, report) for provider in PROVIDERS.values() for report in of_facts(provider)]

REPORTS_BY_NAME = sorted({report.name for _, report in REPORTS})


def parametrized(choose: Callable[[Report], bool]) -> Any:
    chosen = [(provider, report) for provider, report in REPORTS if choose(report)]
    names = [f"{provider.name}-{report.name}" for provider, report in chosen]
    return pytest.mark.parametrize(("provider", "report"), chosen, ids=names)


def every_day(report: Report) -> bool:
    return any(isinstance(one.when, Bucket) and one.when.every_day for one in report.row_sets)


def optional(report: Report) -> bool:
    return all(row_set.optional for row_set in report.row_sets)


def lists(report: Report) -> set[str]:
    """The outermost arrays of a report's answers."""
    return {row_set.path.split("/")[0] for row_set in report.row_sets}


FORMS: dict[str, Callable[[Report, Json], Json]] = {
    "null": lambda report, document: document | dict.fromkeys(lists(report)),
    "missing": lambda report, document: {
        name: value
        for name, value in without_total(report, document).items()
        if name not in lists(report) and name != "lineItems"
    },
    "nothing": lambda *_: {},
}


def form_that_repeats(report: Report) -> str:
    """The form that comes again and again for this report; all three come so for the reports together."""
    return list(FORMS)[REPORTS_BY_NAME.index(report.name) % len(FORMS)]


ERRORS = [
    {"message": "no"},
    {"error": "no"},
    {"error": {"message": "no"}},
    {"detail": "no"},
    {"errors": [{"message": "no"}]},
    {"code": 13, "status": "INTERNAL"},
]


def errors_for(provider: Provider, report: Report) -> list[Json]:
    """All errors, or a share of them where a provider has several reports, which then get all of them together."""
    names = [one.name for one in of_facts(provider)]
    shares = min(len(names), 3)
    return ERRORS[names.index(report.name) % shares :: shares]


def age_holds(at_work: Desk) -> None:
    """As if what is held had been held for two hours more."""
    with at_work.engine.begin() as transaction:
        transaction.exec_driver_sql(
            "UPDATE ops.day SET evidence = evidence || jsonb_build_object("
            "'held_since', (evidence ->> 'held_since')::timestamptz - interval '2 hours')"
            " WHERE connection_id = %s AND jsonb_exists(evidence, 'held_since')",
            (at_work.connection_id,),
        )


@parametrized(lambda report: not (optional(report) or isinstance(report.source, Objects)))
@pytest.mark.parametrize("form", FORMS)
def test_an_answer_without_a_list_that_is_always_sent_is_no_empty_one(
    desk: Callable[[Provider], Desk], provider: Provider, report: Report, form: str
) -> None:
    at_work = desk(provider)
    at_work.site.changes[ending(report)] = lambda _, document: FORMS[form](report, document)
    failures = at_work.run(report.name).failures
    # Of a query nothing at all is not even the name of its job.
    refusal = provider_errors.IncompleteAnswer if isinstance(report.source, QueryJob) else provider_errors.NotWhole
    assert failures
    assert all(isinstance(failure, refusal) for failure in failures)
    assert at_work.days(report.name) == dict.fromkeys(BOTH, "failed")
    if form != form_that_repeats(report):  # the refusal is the same, and one form shows that it holds
        return
    at_work.site.reset()
    at_work.run(report.name)
    rows = at_work.rows(report.name)
    assert rows
    at_work.site.changes[ending(report)] = lambda _, document: FORMS[form](report, document)
    for _ in range(3):
        assert at_work.run(report.name).failures
        age_holds(at_work)
    assert at_work.rows(report.name) == rows
    assert at_work.days(report.name) == dict.fromkeys(BOTH, "loaded")


@parametrized(optional)
@pytest.mark.parametrize("form", FORMS)
def test_a_list_that_its_vendor_leaves_out_is_empty_on_evidence_and_deletes_nothing_at_once(
    desk: Callable[[Provider], Desk], provider: Provider, report: Report, form: str
) -> None:
    at_work = desk(provider)
    spoil = at_work.site.changes
    spoil[ending(report)] = lambda _, document: FORMS[form](report, without_total(report, document))
    assert at_work.run(report.name).failures == []
    assert at_work.days(report.name) == dict.fromkeys(BOTH, "empty")
    if form != form_that_repeats(report):
        return
    spoil.clear()
    at_work.run(report.name)
    rows = at_work.rows(report.name)
    assert rows
    spoil[ending(report)] = lambda _, document: FORMS[form](report, without_total(report, document))
    assert at_work.run(report.name).held
    assert at_work.rows(report.name) == rows


@parametrized(lambda report: not optional(report) and any("/" in one.path for one in report.row_sets))
def test_an_element_without_a_list_that_is_always_sent_breaks_the_answer(
    desk: Callable[[Provider], Desk], provider: Provider, report: Report
) -> None:
    at_work = desk(provider)
    path = next(one.path for one in report.row_sets if "/" in one.path)
    outer, inner = path.split("/")[:2]

    def spoil(_path: str, document: Json) -> Json:
        for element in document[outer][:1]:
            element[inner] = None
        return document

    at_work.site.changes[ending(report)] = spoil
    failures = at_work.run(report.name).failures
    assert {type(failure) for failure in failures} == {provider_errors.NotWhole}
    assert all(outer in failure.what and inner in failure.what for failure in failures)
    assert at_work.rows(report.name) == 0


@parametrized(every_day)
def test_a_date_whose_bucket_did_not_come_is_never_empty(
    desk: Callable[[Provider], Desk], provider: Provider, report: Report
) -> None:
    at_work = desk(provider)

    def without_last(_path: str, document: Json) -> Json:
        return document | {"data": document["data"][:-1]}

    at_work.site.changes[ending(report)] = without_last
    [failure] = at_work.run(report.name).failures
    assert type(failure) is contract_errors.MissingBucket
    assert str(LAST) in failure.what
    assert at_work.days(report.name) == {FIRST: "loaded", LAST: "failed"}
    at_work.site.reset()
    at_work.run(report.name)
    rows = at_work.rows(report.name)
    for change in (without_last, lambda _, document: document | {"data": []}):
        at_work.site.changes[ending(report)] = change
        for _ in range(2):
            assert at_work.run(report.name).failures
            age_holds(at_work)
        assert at_work.rows(report.name) == rows
        assert at_work.days(report.name) == dict.fromkeys(BOTH, "loaded")


@parametrized(every_day)
@pytest.mark.parametrize("whole", [True, False])
def test_a_dead_page_token_is_the_end_where_each_date_has_its_bucket(
    desk: Callable[[Provider], Desk], provider: Provider, report: Report, whole: bool
) -> None:
    at_work = desk(provider)

    def spoil(_path: str, document: Json) -> Json:
        data = document["data"] if whole else document["data"][:-1]
        return document | {"data": data, "has_more": True, "next_page": "page_dead"}

    at_work.site.changes[ending(report)] = spoil
    failures = at_work.run(report.name).failures
    assert [type(failure) for failure in failures] == ([] if whole else [provider_errors.BadRequest])
    assert at_work.days(report.name) == dict.fromkeys(BOTH, "loaded" if whole else "failed")
    assert len(at_work.events("page_refused")) == whole


@parametrized(lambda _: True)
def test_an_error_with_status_200_is_never_no_use(
    desk: Callable[[Provider], Desk], provider: Provider, report: Report
) -> None:
    at_work = desk(provider)
    at_work.run(report.name)
    rows = at_work.rows(report.name)
    for error in errors_for(provider, report):
        at_work.site.raw[ending(report)] = lambda _, error=error: json.dumps(error).encode()  # type: ignore[misc]
        assert at_work.run(report.name).failures, error
        age_holds(at_work)
    assert at_work.rows(report.name) == rows
    assert at_work.days(report.name) == dict.fromkeys(BOTH, "loaded")


def test_the_spoiling_finds_what_it_takes_away() -> None:
    report = PROVIDERS["openai"].report("completions")
    document = {"object": "page", "data": [{"results": [{"input_tokens": 1}]}]}
    assert FORMS["null"](report, document) == {"object": "page", "data": None}
    assert FORMS["missing"](report, document) == {"object": "page"}
    assert rows_of(document, "data/results")
    assert every_day(report) and not optional(report)
    assert report.longest > timedelta(days=2)
