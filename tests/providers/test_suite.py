"""What holds of every provider and report: one suite over the stand-ins, with answers spoiled in every way that counts.

Each test runs the whole pipeline for two dates into a real PostgreSQL.
"""

import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import pytest
import zstandard
from kit.declared_requests import fans_out_over, lists_of, paging_of, request_of
from spoiled import FIRST, LAST, NOW, OPENS, Desk, Json, at, ending, ending_of, inner, of_facts, rows_of, without_total

from usage_ledger.connections import Connection
from usage_ledger.core import contract_errors, errors, provider_errors
from usage_ledger.model import (
    Catalogue,
    Cursor,
    Echo,
    HttpPages,
    Link,
    Listing,
    Mark,
    Meter,
    Moment,
    Objects,
    Offset,
    Paging,
    Provider,
    Report,
    RowSet,
)
from usage_ledger.pipeline.plan import Dates
from usage_ledger.pipeline.run import Ran, planned
from usage_ledger.providers import PROVIDERS

BOTH = [FIRST, LAST]
REPORTS = [(provider, report) for provider in PROVIDERS.values() for report in of_facts(provider)]
each_report = pytest.mark.parametrize(
    ("provider", "report"), REPORTS, ids=[f"{provider.name}-{report.name}" for provider, report in REPORTS]
)
each_provider = pytest.mark.parametrize("provider", PROVIDERS.values(), ids=PROVIDERS)
OPEN = {"replicate": ["`results.metrics.image_count`"]}
"""What a provider's documentation leaves open: told as news, when it comes."""
Query = Callable[..., list[tuple[Any, ...]]]


FIRST_COST = PROVIDERS["openai"].report("costs").row_sets[0]


def first_rows(report: Report) -> RowSet:
    """The row set that the spoiled row is of: the first with a meter that must be there, if any has one."""
    return next((one for one in report.row_sets if any(required(one))), report.row_sets[0])


def required(row_set: RowSet) -> Iterator[str]:
    for meter in row_set.meters:
        if isinstance(meter, Meter) and meter.absent != "null" and meter.path != row_set.skip_when_missing:
            yield meter.path


def spoil_row(report: Report, row_set: RowSet, change: Callable[[dict[str, Any]], None]) -> Callable[[str, Json], Json]:
    """Changes the first row of the first answer that has one; of a store's objects each event of the kind."""
    done: list[bool] = []

    def spoiled(_path: str, document: Json) -> Json:
        rows = rows_of(document, row_set.path)
        if isinstance(report.source, Objects):  # the first events of an object may be of the date before
            for row in filter(is_counted(row_set), rows):
                change(row)
        elif rows and not done:
            done.append(True)
            change(rows[0])
        return document

    return spoiled


def is_counted(row_set: RowSet) -> Callable[[Json], bool]:
    """Whether an event is of the kind that the row set counts."""
    where = row_set.where
    return lambda event: where is None or where.matches(event[where.path])


def replaced(row_set: RowSet, path: str, value: object) -> Callable[[str, Json], Json]:
    """Another value at a path, in the first row of each answer that has it."""

    def spoiled(_path: str, document: Json) -> Json:
        for row in rows_of(document, row_set.path):
            try:
                holder, leaf = at(row, path)
                holder[leaf] = value
            except (KeyError, TypeError):
                continue
            break
        return document

    return spoiled


def emptied(report: Report) -> Callable[[str, Json], Json]:
    """No row in any answer; the buckets that hold rows stay, as the vendor sends days without use, and other events."""

    def spoiled(_path: str, document: Json) -> Json:
        for row_set in report.row_sets:
            *outer, last = [part for part in row_set.path.split("/") if part != "*"]
            holders = rows_of(document, "/".join(outer)) if outer else [document]
            for holder in holders:
                if isinstance(holder.get(last), list):
                    others = holder[last] if isinstance(report.source, Objects) else []
                    holder[last] = [row for row in others if not is_counted(row_set)(row)]
        return without_total(report, document)

    return spoiled


def ways_to_tell(provider: Provider, report: Report) -> Iterator[Callable[[Desk], None]]:
    """What makes a provider tell another account: at the proving endpoint, in a header, in the rows."""
    listing = provider.accounts

    def another(_path: str, document: Json) -> Json:
        items = document
        for name in listing.items.split("/") if listing.items else ():
            items = items[name]
        for item in items if isinstance(items, list) else [items]:
            item[listing.id] = "org-other"
        return document

    def in_rows(_path: str, document: Json) -> Json:
        rows, *_, leaf = report.account.split("/")
        for row in document[rows]:
            row[leaf if leaf in row else "billing_account_id"] = "org-other"
        return document

    def at_endpoint(one: Desk) -> None:
        if "/" in listing.id:  # beside other values, in answers of the path that others have too
            one.site.raw[ending_of(listing.request)] = lambda body: body.replace(one.account.encode(), b"org-other")
        else:
            one.site.changes[listing.request.path] = another

    def by_rows(one: Desk) -> None:
        one.site.changes[ending(report)] = in_rows

    def by_header(one: Desk) -> None:
        assert provider.account_header is not None
        one.site.headers[provider.account_header.name] = "org-other"

    if listing.id:
        yield at_endpoint
    if report.account:
        yield by_rows
    if provider.account_header and re.fullmatch(provider.account_header.pattern, "acme1"):
        yield by_header


class Good(NamedTuple):
    """A connection after one good run of a report: what is true of it stays true."""

    desk: Desk
    ran: Ran
    requests: list[tuple[str, list[tuple[str, str]]]]


@pytest.fixture(scope="module")
def good_runs() -> dict[tuple[str, str], Good]:
    return {}


@pytest.fixture
def good(
    desk: Callable[[Provider], Desk], good_runs: dict[tuple[str, str], Good], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Provider, Report], Good]:
    """A good run of a report, made once, however many tests look at it."""

    def look(provider: Provider, report: Report) -> Good:
        key = (provider.name, report.name)
        if key not in good_runs:
            at_work = desk(provider)
            at_work.root = tmp_path_factory.mktemp("good")
            good_runs[key] = Good(at_work, at_work.run(report.name), list(at_work.site.requests))
            at_work.site.reset()
        return good_runs[key]

    return look


@each_report
def test_both_dates_are_loaded_and_rows_are_whole(
    good: Callable[[Provider, Report], Good], query: Query, provider: Provider, report: Report
) -> None:
    at_work, ran, _ = good(provider, report)
    assert ran.failures == []
    assert at_work.days(report.name) == dict.fromkeys(BOTH, "loaded")
    assert at_work.rows(report.name) > 0
    assert at_work.events("contract_warning") == []
    for table in report.tables:
        assert query(
            f"SELECT count(*) FROM ledger.{table} WHERE connection_id = %s AND (usage_date < %s OR usage_date > %s"
            " OR provider <> %s OR bucket_end - bucket_start <> '1 day' OR account_id <> %s)",
            at_work.connection_id,
            *BOTH,
            provider.name,
            at_work.account,
        ) == [(0,)]


@each_report
def test_the_account_of_each_request_is_told_by_its_key_alone(
    good: Callable[[Provider, Report], Good], provider: Provider, report: Report
) -> None:
    at_work, _, requests = good(provider, report)
    asked = [(path, parameters) for path, parameters in requests if path.endswith(ending(report))]
    assert asked
    wanted = {name for name, value in request_of(report).query if value != "{workspace}"}
    for _, parameters in asked:
        assert wanted <= {name for name, _ in parameters}
        assert not [value for _, value in parameters if at_work.key in value or "{" in value]
    for name, value in request_of(report).query:
        if isinstance(value, tuple):
            assert [told for key, told in asked[0][1] if key == name] == list(value)


@each_report
def test_no_declared_answer_holds_a_field_that_is_news(
    good: Callable[[Provider, Report], Good], provider: Provider, report: Report
) -> None:
    at_work = good(provider, report).desk
    news = at_work.events("unknown_field") + at_work.events("unknown_meter")
    assert [told for told in news if not any(one in told for one in OPEN.get(provider.name, ()))] == []
    assert at_work.events("not_grouped") == []


@each_report
def test_a_new_field_is_loaded_past_and_told_once(
    desk: Callable[[Provider], Desk], provider: Provider, report: Report
) -> None:
    row_set = first_rows(report)
    at_work = desk(provider)

    def add(_path: str, document: Json) -> Json:
        for row in rows_of(document, row_set.path):
            row["brand_new_tokens"] = 5
        return document

    at_work.site.changes[ending(report)] = add
    assert at_work.run(report.name).failures == []
    (told,) = [one for one in at_work.events("unknown_meter") if "brand_new_tokens" in one]
    assert report.row_sets[0].path.split("/")[0] in told
    assert at_work.rows(report.name) > 0


@each_report
def test_a_meter_of_another_name_stops_the_dates_with_its_path(
    desk: Callable[[Provider], Desk], provider: Provider, report: Report
) -> None:
    row_set = first_rows(report)
    if not any(required(row_set)):
        pytest.skip("every meter of the report may be absent")
    path = next(required(row_set))

    def rename(row: dict[str, Any]) -> None:
        holder, leaf = at(row, path)
        holder[f"{leaf}_v2"] = holder.pop(leaf)

    at_work = desk(provider)
    at_work.site.changes[ending(report)] = spoil_row(report, row_set, rename)
    failure, *_ = at_work.run(report.name).failures
    assert isinstance(failure, contract_errors.ContractBroken)
    assert path.replace("/", ".") in failure.what
    loaded = [day for day, state in at_work.days(report.name).items() if state == "loaded"]
    assert loaded != BOTH or report.longest == timedelta(days=1)


@each_report
@pytest.mark.parametrize("value", [-1, "1,000"], ids=str)
def test_a_count_that_is_none_stops_the_dates(
    desk: Callable[[Provider], Desk], provider: Provider, report: Report, value: Any
) -> None:
    for row_set in report.row_sets:
        paths = [meter.path for meter in row_set.meters if isinstance(meter, Meter) and meter.form == "integer"]
        if paths:
            break
    else:
        pytest.skip("the report counts nothing in whole numbers")

    at_work = desk(provider)
    at_work.site.changes[ending(report)] = replaced(row_set, paths[0], value)
    failures = at_work.run(report.name).failures
    assert failures
    assert all(isinstance(failure, contract_errors.ContractBroken) for failure in failures)


@each_report
def test_dates_without_use_are_empty_on_evidence_and_no_zero(
    desk: Callable[[Provider], Desk], provider: Provider, report: Report
) -> None:
    at_work = desk(provider)
    at_work.site.changes[ending(report)] = emptied(report)
    assert at_work.run(report.name).failures == []
    assert at_work.days(report.name) == dict.fromkeys(BOTH, "empty")
    assert at_work.rows(report.name) == 0
    proof = ending_of(provider.accounts.request)
    proofs = [path for path, _ in at_work.site.requests if path.endswith(proof)]
    assert bool(proofs) == bool(provider.accounts.id)


@each_report
def test_an_answer_of_another_account_is_landed_and_loaded_nowhere(
    good: Callable[[Provider, Report], Good], provider: Provider, report: Report
) -> None:
    """Every way in which a provider can tell the account, one after the other; where there is none, none is tried."""
    at_work, ran, _ = good(provider, report)
    assert ran.failures == []
    rows, pages = at_work.rows(report.name), sorted(at_work.root.rglob("page-*"))
    for foreign in ways_to_tell(provider, report):
        foreign(at_work)
        (failure,) = at_work.run(report.name).failures
        assert type(failure) is provider_errors.WrongAccount
        assert failure.what.startswith(f"the key does not see account {at_work.account}; it sees: ")
        assert at_work.rows(report.name) == rows
        assert sorted(at_work.root.rglob("page-*")) == pages
        at_work.site.reset()


@each_report
def test_loaded_dates_that_come_back_empty_are_held(
    desk: Callable[[Provider], Desk], provider: Provider, report: Report
) -> None:
    at_work = desk(provider)
    at_work.run(report.name)
    rows = at_work.rows(report.name)
    at_work.site.changes[ending(report)] = emptied(report)
    ran = at_work.run(report.name)
    assert ran.held
    assert at_work.rows(report.name) == rows
    assert at_work.days(report.name) == dict.fromkeys(BOTH, "held")


@each_report
def test_a_refusal_for_too_many_requests_is_waited_for(
    desk: Callable[[Provider], Desk], provider: Provider, report: Report
) -> None:
    at_work = desk(provider)
    if isinstance(report.source, Objects):
        pytest.skip("a store of objects has no limit that it tells")
    at_work.site.refusals[ending(report)] = [(429, b'{"error": {"message": "slow down"}}', {"Retry-After": "1"})]
    assert at_work.run(report.name).failures == []
    assert at_work.days(report.name) == dict.fromkeys(BOTH, "loaded")


@each_report
def test_a_provider_that_is_down_leaves_the_dates_to_be_tried_again(
    desk: Callable[[Provider], Desk], provider: Provider, report: Report
) -> None:
    at_work = desk(provider)
    at_work.site.refusals[ending(report)] = [(529, b"{}", {})] * 40
    failures = at_work.run(report.name).failures
    assert failures
    assert all(isinstance(failure, errors.TryAgain) for failure in failures)
    assert set(at_work.days(report.name).values()) <= {"failed"}
    at_work.site.reset()
    assert at_work.run(report.name).failures == []
    assert at_work.days(report.name) == dict.fromkeys(BOTH, "loaded")


@each_report
def test_an_answer_that_breaks_off_is_never_half_a_day(
    desk: Callable[[Provider], Desk], provider: Provider, report: Report
) -> None:
    at_work = desk(provider)
    at_work.site.raw[ending(report)] = lambda body: body[: len(body) * 2 // 3]
    failures = at_work.run(report.name).failures
    assert failures
    broken = provider_errors.IncompleteAnswer if isinstance(report.source, Objects) else provider_errors.BadJson
    assert all(isinstance(failure, broken) for failure in failures)
    assert at_work.rows(report.name) == 0


def more_without_a_way(paging: Paging, document: Json) -> Json:
    match paging:
        case Link(field):
            *outer, last = field.split("/")
            inner(document, "/".join(outer))[last] = "https://elsewhere.example/v1/next"
            return document
        case Cursor(field, more=more) if more:
            return document | {more: True, field: None}
        case Cursor(field):
            return document | {field: 7}
        case Offset(items):
            return document | {items: 7}


@each_report
def test_pages_that_cannot_be_followed_load_nothing(
    desk: Callable[[Provider], Desk], provider: Provider, report: Report
) -> None:
    paging = paging_of(report)
    if paging is None:
        pytest.skip("the report has one page")
    at_work = desk(provider)
    at_work.site.changes[ending(report)] = lambda _path, document: more_without_a_way(paging, document)
    failures = at_work.run(report.name).failures
    assert failures
    assert all(isinstance(failure, contract_errors.Shape | provider_errors.HostRefused) for failure in failures)
    assert at_work.rows(report.name) == 0


@each_report
def test_every_page_is_read(
    good: Callable[[Provider, Report], Good],
    desk: Callable[[Provider], Desk],
    query: Query,
    provider: Provider,
    report: Report,
) -> None:
    limits = {name: value for name, value in request_of(report).query if name == "limit"}
    if not limits:
        pytest.skip("the size of the report's pages is the vendor's")
    (whole, _, requests), paged = good(provider, report), desk(provider)
    once = len([path for path, _ in requests if path.endswith(ending(report))])
    paged.site.parameters["limit"] = "1"
    assert paged.run(report.name).failures == []
    assert len([path for path, _ in paged.site.requests if path.endswith(ending(report))]) > once
    sums = [
        query(
            f"SELECT usage_date, breakdown, count(*), sum({'amount' if table == 'cost_daily' else '1'})"
            f" FROM ledger.{table} WHERE connection_id = %s GROUP BY 1, 2 ORDER BY 1, 2",
            one.connection_id,
        )
        for table in report.tables
        for one in (whole, paged)
    ]
    if provider.name != "replicate" and provider.name != "anthropic":
        assert [len(one) for one in sums[::2]] == [len(one) for one in sums[1::2]]
    assert all(sums)


@each_report
def test_a_row_of_another_date_is_refused(desk: Callable[[Provider], Desk], provider: Provider, report: Report) -> None:
    row_set = report.row_sets[0]
    if isinstance(row_set.when, Moment):
        pytest.skip("events of other dates are left out")
    at_work = desk(provider)

    def shift(_path: str, document: Json) -> Json:
        text = json.dumps(document, default=float)
        for old, new in (("2026-11-17", "2026-10-17"), ("2026-11-18", "2026-10-18"), ("2026-11-19", "2026-10-19")):
            text = text.replace(old, new)
        for day in (17, 18, 19):
            text = text.replace(f"202611{day}", f"202610{day}")
            old_epoch = 1_795_046_400 + (day - 19) * 86_400
            text = text.replace(str(old_epoch), str(old_epoch - 31 * 86_400))
        return json.loads(text)

    at_work.site.changes[ending(report)] = shift
    failures = at_work.run(report.name).failures
    assert failures
    refused = (contract_errors.OutOfWindow, contract_errors.BadBucket)
    if any(isinstance(mark, Echo) for mark in report.marks):
        refused = (provider_errors.NotWhole,)  # what the answer says of its own window is moved too
    assert all(isinstance(failure, refused) for failure in failures)
    assert at_work.rows(report.name) == 0


MARKED = [
    (provider, report, mark)
    for provider in PROVIDERS.values()
    for report in of_facts(provider)
    for mark in report.marks
    if isinstance(mark, Mark) and "/" not in mark.path and isinstance(report.source, HttpPages)
]


@pytest.mark.parametrize(
    ("provider", "report", "mark"),
    MARKED,
    ids=[f"{one.name}-{report.name}-{mark.path}" for one, report, mark in MARKED],
)
def test_an_answer_that_says_that_it_is_not_whole_loads_nothing(
    desk: Callable[[Provider], Desk], provider: Provider, report: Report, mark: Mark
) -> None:
    at_work = desk(provider)
    said = "partial" if isinstance(mark.is_, str) else [{"message": "a part is missing"}] if mark.is_ is None else True
    at_work.site.changes[ending(report)] = lambda _, document: document | {mark.path: said}
    failures = at_work.run(report.name).failures
    assert {type(failure) for failure in failures} <= {provider_errors.NotWhole, provider_errors.BadRequest}
    assert failures
    assert at_work.rows(report.name) == 0


@each_report
def test_a_later_change_is_loaded_and_recorded(
    desk: Callable[[Provider], Desk], query: Query, provider: Provider, report: Report
) -> None:
    at_work = desk(provider)
    at_work.run(report.name)
    row_set = report.row_sets[0]
    if isinstance(row_set.when, Moment) and provider.name == "replicate":
        paths = [("metrics/predict_time", 99)]
    else:
        whole = [meter for meter in row_set.meters if isinstance(meter, Meter)]
        free = [meter for meter in whole if meter.column == "requests"] or whole  # a part may not exceed its whole
        paths = [(meter.path, 987_654_321) for meter in free]
        paths = paths or [(f"{row_set.meters[-1].path}/units", "987654321")]

    path, value = paths[-1]
    change = replaced(row_set, path, value)
    at_work.site.changes[ending(report)] = lambda path, document: without_total(report, change(path, document))
    at_work.now = at_work.now + timedelta(hours=2)
    at_work.run(report.name)
    moved = query(
        "SELECT DISTINCT meter, cause, breakdown FROM ops.restatement WHERE connection_id = %s", at_work.connection_id
    )
    assert moved
    assert {cause for _, cause, _ in moved} == {"provider"}
    assert {breakdown for _, _, breakdown in moved} <= {one.breakdown for one in report.row_sets}


@each_provider
def test_a_key_that_does_not_open_is_refused_and_loads_nothing(
    desk: Callable[[Provider], Desk], provider: Provider
) -> None:
    at_work = desk(provider)
    failures = at_work.run(key="wrong-key-that-does-not-open").failures
    assert [type(failure) for failure in failures] == [provider_errors.BadKey]
    assert "wrong-key" not in str(failures)


@each_report
def test_a_report_that_may_not_be_read_leaves_the_others_alone(
    desk: Callable[[Provider], Desk], provider: Provider, report: Report
) -> None:
    others = [one.name for one in provider.reports if not one.snapshot and ending(one) != ending(report)]
    at_work = desk(provider)
    at_work.site.refusals[ending(report)] = [
        (403, b'{"error": {"message": "Missing scopes: api.usage.read"}, "detail": "no"}', {})
    ] * 40
    ran = at_work.run(report.name, *others[:1])
    if report.needs_right:
        assert (ran.failures, at_work.events("extract_failed")) == ([], [])
        assert at_work.events("report_absent") == [f"the key may not read the report {report.name}"]
        return
    refused = provider_errors.StoreRefused if isinstance(report.source, Objects) else provider_errors.NoPermission
    assert {type(failure) for failure in ran.failures} == {refused}
    assert at_work.rows(report.name) == 0
    assert set(at_work.days(report.name).values()) <= {"failed"}
    for other in others[:1]:
        assert at_work.days(other) == dict.fromkeys(BOTH, "loaded")
    assert [message for message in at_work.events("extract_failed") if refused.__name__ in message]


def paths_of_lists(provider: Provider) -> set[str]:
    """What the paths of lists end with: of names, and of what a report is asked for one by one, or looks up."""
    facts = {ending(report) for report in provider.reports if not report.snapshot}
    return {ending(report) for report in provider.reports if report.snapshot} - facts | {
        listing.request.path.rsplit("}", 1)[-1] for report in provider.reports for listing in lists_of(report)
    }


@each_provider
@pytest.mark.parametrize("status", [403, 500])
def test_every_list_forbidden_or_broken_costs_no_fact(
    desk: Callable[[Provider], Desk], provider: Provider, status: int
) -> None:
    paths = paths_of_lists(provider)
    if not paths:
        pytest.skip("the provider has no lists")
    at_work = desk(provider)
    for path in paths:
        at_work.site.refusals[path] = [(status, b'{"error": {"message": "no list"}, "detail": "no list"}', {})] * 99
    ran = at_work.run()
    by_list = {report.name for report in provider.reports if isinstance(fans_out_over(report), Listing | Catalogue)}
    assert {failure.report for failure in ran.failures} <= by_list
    for report in provider.reports:
        if report in of_facts(provider) and report.name not in by_list and not report.opt_in:
            assert at_work.days(report.name) == dict.fromkeys(BOTH, "loaded"), report.name
    looked_up = {
        report.name
        for report in provider.reports
        if report.snapshot or (isinstance(report.source, HttpPages) and report.source.lookup)
    }
    assert at_work.events("names_missing") or looked_up <= {failure.report for failure in ran.failures}


@each_provider
def test_the_key_and_what_is_cut_are_in_nothing_that_is_kept(
    desk: Callable[[Provider], Desk], query: Query, provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    at_work = desk(provider)
    with caplog.at_level("DEBUG"):
        assert at_work.run().failures == []
    kept = b"".join(
        zstandard.ZstdDecompressor().stream_reader(path.read_bytes()).read()
        if path.suffix == ".zst"
        else path.read_bytes()
        for path in at_work.root.rglob("*")
        if path.is_file()
    )
    told = "\n".join(record.getMessage() for record in caplog.records)
    stored = repr(query("SELECT o::text FROM ops.load AS o WHERE connection_id = %s", at_work.connection_id))
    secrets = [at_work.key] if provider.name == "fireworks" else [OPENS]
    for secret in [*secrets, "PROMPT-CANARY", "@example.com"]:
        assert secret.encode() not in kept
        assert secret not in told
        assert secret not in stored


@each_provider
def test_names_are_kept_beside_the_facts_and_one_that_changes_splits_no_row(
    desk: Callable[[Provider], Desk], query: Query, provider: Provider
) -> None:
    kinds = {name.kind for report in provider.reports for row_set in report.row_sets for name in row_set.names}
    if not kinds:
        pytest.skip("the provider tells no names")
    lists = [
        (report, row_set.path, name.name)
        for report in provider.reports
        for row_set in report.row_sets
        for name in row_set.names
        if report.snapshot and not name.name.startswith("^")  # what an inner list says of an outer row is that row's
    ]
    at_work = desk(provider)
    assert at_work.run().failures == []
    stored = "SELECT DISTINCT kind FROM ledger.name WHERE connection_id = %s"
    assert {kind for (kind,) in query(stored, at_work.connection_id)} == kinds
    if not lists:
        return
    keys = "SELECT report, usage_date, row_key FROM ledger.usage_daily WHERE connection_id = %s ORDER BY 1, 2, 3"
    before = query(keys, at_work.connection_id)

    def renamed(path: str, field: str) -> Callable[[str, Json], Json]:
        def change(_path: str, document: Json) -> Json:
            for row in rows_of(document, path):
                row[field] = f"{row.get(field)} (new)"
            return document

        return change

    for report, path, field in lists:
        at_work.site.changes[ending(report)] = renamed(path, field)
    at_work.now = at_work.now + timedelta(days=1)
    assert at_work.run().failures == []
    assert query(keys, at_work.connection_id) == before
    newest = "SELECT count(*) FROM ledger.name WHERE connection_id = %s AND valid_to IS NULL AND name LIKE '%% (new)'"
    assert query(newest, at_work.connection_id) > [(0,)]


def test_a_provider_that_groups_no_more_is_told(desk: Callable[[Provider], Desk]) -> None:
    at_work = desk(PROVIDERS["openai"])
    report = PROVIDERS["openai"].report("embeddings")

    def ungrouped(_path: str, document: Json) -> Json:
        for row in rows_of(document, "data/results"):
            row.update(dict.fromkeys(("project_id", "user_id", "api_key_id", "model")))
        return document

    at_work.site.changes[ending(report)] = ungrouped
    assert at_work.run("embeddings").failures == []
    assert len(at_work.events("not_grouped")) == 1


def test_rows_that_are_alike_are_added_up_within_a_page_and_refused_over_two(
    desk: Callable[[Provider], Desk], query: Query
) -> None:
    at_work = desk(PROVIDERS["openai"])
    report = PROVIDERS["openai"].report("embeddings")
    at_work.run("embeddings")
    tokens = "SELECT sum(input_tokens) FROM ledger.usage_daily WHERE connection_id = %s"
    (before,) = query(tokens, at_work.connection_id)

    def doubled(_path: str, document: Json) -> Json:
        for bucket in document["data"]:
            bucket["results"] = [*bucket["results"], *bucket["results"]]
        return document

    at_work.site.changes[ending(report)] = doubled
    assert at_work.run("embeddings").failures == []
    (after,) = query(tokens, at_work.connection_id)
    assert after[0] == 2 * before[0]
    at_work.site.reset()
    at_work.site.parameters["limit"] = "1"
    first: list[Json] = []

    def same_bucket(_path: str, document: Json) -> Json:
        first.append(document["data"])
        return document | {"data": first[0]}

    at_work.site.changes[ending(report)] = same_bucket
    (failure,) = at_work.run("embeddings").failures
    assert type(failure) is contract_errors.DuplicateRow


@pytest.mark.parametrize("name", ["embeddings", "costs"])
def test_a_bucket_that_comes_twice_on_a_page_is_refused(desk: Callable[[Provider], Desk], name: str) -> None:
    at_work = desk(PROVIDERS["openai"])

    def twice(_path: str, document: Json) -> Json:
        return document | {"data": [*document["data"], document["data"][0]]}

    at_work.site.changes[ending(PROVIDERS["openai"].report(name))] = twice
    (failure,) = at_work.run(name).failures
    assert type(failure) is contract_errors.DuplicateRow
    assert "comes twice" in failure.what
    assert at_work.rows(name) == 0


def test_a_credit_takes_back_its_quantity_too(desk: Callable[[Provider], Desk], query: Query) -> None:
    at_work = desk(PROVIDERS["openai"])
    at_work.site.changes["/costs"] = replaced(FIRST_COST, "quantity", -5)
    assert at_work.run("costs").failures == []
    least = "SELECT min(quantity) FROM ledger.cost_daily WHERE connection_id = %s"
    assert query(least, at_work.connection_id) == [(-5,)]


def test_amounts_that_no_column_holds_together_are_refused(desk: Callable[[Provider], Desk]) -> None:
    at_work = desk(PROVIDERS["openai"])

    def huge(_path: str, document: Json) -> Json:
        for bucket in document["data"]:
            for row in bucket["results"]:
                row["amount"]["value"] = "90000000000000000000"
            bucket["results"] = [*bucket["results"], *bucket["results"]]
        return document

    at_work.site.changes["/costs"] = huge
    (failure,) = at_work.run("costs").failures
    assert type(failure) is contract_errors.OutOfRange


def test_a_cost_without_amount_is_left_out_and_told(desk: Callable[[Provider], Desk]) -> None:
    at_work = desk(PROVIDERS["openai"])
    report = PROVIDERS["openai"].report("costs")
    at_work.site.changes[ending(report)] = spoil_row(report, report.row_sets[0], lambda row: row.pop("amount") and None)
    assert at_work.run("costs").failures == []
    (told,) = at_work.events("left_out")
    assert told.startswith("1 rows have no `data.results.amount.value`")


def test_people_are_pseudonyms_unless_their_connection_says_otherwise(
    desk: Callable[[Provider], Desk], query: Query
) -> None:
    hidden, clear = desk(PROVIDERS["anthropic"]), desk(PROVIDERS["anthropic"])
    hidden.run("claude_code")
    clear.run("claude_code", people="clear")

    def users(one: Desk) -> list[str]:
        rows = query(
            "SELECT DISTINCT user_id FROM ledger.usage_daily WHERE connection_id = %s AND user_id <> '' ORDER BY 1",
            one.connection_id,
        )
        return [user for (user,) in rows]

    assert all(user.startswith("p_") and len(user) == 34 for user in users(hidden))
    assert all("@" in user for user in users(clear))
    assert len(users(hidden)) == len(users(clear)) > 1


def test_a_workspace_key_is_refused_before_anything_is_asked(desk: Callable[[Provider], Desk]) -> None:
    at_work = desk(PROVIDERS["openai"])
    beginning, kind = PROVIDERS["openai"].auth.other_keys[0]
    with pytest.raises(provider_errors.BadKey, match=kind.split(",")[0]) as refused:
        at_work.run(key=f"{beginning}of-a-project")
    assert "Admin" in refused.value.next_step
    assert at_work.site.requests == []


def test_a_prediction_that_has_not_ended_keeps_its_day_open(desk: Callable[[Provider], Desk], query: Query) -> None:
    at_work = desk(PROVIDERS["replicate"])
    report = PROVIDERS["replicate"].report("predictions")
    at_work.now = at_work.now + timedelta(days=30)
    row_set = report.row_sets[0]
    at_work.site.changes["/v1/predictions"] = spoil_row(report, row_set, lambda row: row.update(completed_at=None))
    assert at_work.run().failures == []
    settled = "SELECT usage_date, settled, evidence ->> 'open' FROM ops.day WHERE connection_id = %s ORDER BY 1"
    assert sorted(query(settled, at_work.connection_id), key=lambda row: row[1])[0][1:] == (False, "1")


def test_a_backfills_runs_take_a_snapshot_once_a_day(desk: Callable[[Provider], Desk]) -> None:
    at_work = desk(PROVIDERS["replicate"])
    connection = Connection(id=at_work.connection_id, provider="replicate", account=at_work.account)

    def snapshots(now: datetime, *, backfill: bool) -> list[str]:
        asked = planned(connection, Dates(FIRST, LAST), engine=at_work.engine, now=now, backfill=backfill)
        return [report.name for report, _ in asked if report.snapshot]

    assert snapshots(NOW, backfill=True) == ["hardware"]
    assert at_work.run().failures == []
    assert snapshots(NOW, backfill=True) == []
    assert snapshots(NOW, backfill=False) == ["hardware"]
    assert snapshots(NOW + timedelta(days=1), backfill=True) == ["hardware"]


def test_the_declarations_of_a_spoiled_report_are_not_what_is_tested() -> None:
    """The spoiling finds the rows: a suite that spoils nothing would be green."""
    report = PROVIDERS["openai"].report("completions")
    document = {"data": [{"results": [{"input_tokens": 1}, {"input_tokens": 2}]}]}
    assert [row["input_tokens"] for row in rows_of(document, "data/results")] == [1, 2]
    assert emptied(report)("", document) == {"data": [{"results": []}]}
    assert paging_of(report) is not None
    assert more_without_a_way(paging_of(report), {})["has_more"] is True


@each_provider
def test_a_fortnight_of_ordinary_use_warns_of_nothing(desk: Callable[[Provider], Desk], provider: Provider) -> None:
    """Weekends and rests are ordinary. What a vendor's documentation leaves open is told as news, once."""
    at_work = desk(provider)
    assert at_work.run(first=LAST - timedelta(13)).failures == []
    warnings = at_work.query(
        "SELECT kind, report, message FROM ops.event WHERE connection_id = %s AND severity <> 'info'",
        at_work.connection_id,
    )
    news = OPEN.get(provider.name, ())
    assert [warning for warning in warnings if not any(field in warning[2] for field in news)] == []
