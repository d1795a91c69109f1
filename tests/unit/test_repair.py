"""The planning of what a run loads in bulk, what it leaves, and when that is asked for again."""

from datetime import UTC, date, datetime, timedelta

import pytest
from kit.fireworks_answers import serverless, usage
from kit.provider_site import DAY, FIRST, LAST, NOW, USAGE, Site

from usage_ledger.airflow import handover
from usage_ledger.airflow.retry_policy import wait_of
from usage_ledger.connections import Connection
from usage_ledger.core import contract_errors, provider_errors
from usage_ledger.core.windows import Window
from usage_ledger.pipeline.repair import NEVER, PORTION, Missing, Remaining, Repair, Repaired, portion
from usage_ledger.pipeline.run import Extracted
from usage_ledger.providers.fireworks import FIREWORKS

USED, COSTS = FIREWORKS.report("usage"), FIREWORKS.report("cost")
WINDOWS = [Window(date(2024, month, 1), date(2024, month, 28)) for month in range(1, 8)]
CONNECTION = Connection(id="acme", provider="fireworks", account="acme")


def test_the_newest_windows_of_each_report_are_landed_in_bulk_and_no_window_is_lost() -> None:
    planned = [(USED, window) for window in WINDOWS] + [(COSTS, WINDOWS[0])]
    first, later = portion(planned)
    assert first == [(USED, window) for window in WINDOWS[-PORTION:]] + [(COSTS, WINDOWS[0])]
    assert [(one.report, one.window) for one in later] == [(USED, window) for window in WINDOWS[:-PORTION]]


def test_what_is_left_is_handed_over_in_integers_alone() -> None:
    left = [
        Remaining(USED, WINDOWS[0]),
        Remaining(COSTS, WINDOWS[1], 1_800_000_000),
        Remaining(COSTS, WINDOWS[2], NEVER),
    ]
    rows = handover.encode(CONNECTION, left)
    assert all(type(value) is int for row in rows for value in row)
    assert handover.decode(CONNECTION, rows) == left


def test_a_failure_that_only_a_person_can_mend_is_never_asked_again() -> None:
    slow, no = provider_errors.RateLimited("slow", retry_after=86400), provider_errors.NoPermission("no")
    left = handover.remaining_of(Extracted(missing=[(USED, WINDOWS[0], slow), (COSTS, WINDOWS[0], no)]))
    assert left[0].not_before > datetime.now(UTC).timestamp()
    assert left[1].not_before == NEVER


def test_an_error_is_tried_again_so_often_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USAGE_LEDGER_RETRY_SCALE", "1")
    assert [wait_of(provider_errors.ProviderDown("down"), tries) for tries in (1, 2, 3, 4)] == [300, 600, 1200, None]
    assert wait_of(provider_errors.RateLimited("slow", retry_after=86400), 3) == 86400


def test_the_grid_names_each_report_that_waits_and_until_when() -> None:
    noon = int(datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp())
    missing = [
        Missing("usage", WINDOWS[1], provider_errors.RateLimited("slow"), noon),
        Missing("usage", WINDOWS[0], provider_errors.RateLimited("slow"), noon + 60),
        Missing("cost", WINDOWS[0], provider_errors.NoPermission("not allowed"), None),
    ]
    label, until = handover.waiting(missing)
    assert label == "usage waits until 2026-11-21 12:00:00 UTC; cost failed"
    assert until == datetime(2026, 11, 21, 12, tzinfo=UTC)
    final = missing[-1:]
    assert handover.waiting(final) == ("cost failed", None)
    assert str(handover.cause(CONNECTION, final)).startswith(
        "not allowed (connection acme, report cost, window 2024-01"
    )


def test_repair_waits_for_the_provider_then_loads_what_is_missing_and_nothing_twice(site: Site) -> None:
    connection = Connection(id=site.name, provider="fireworks", account=site.name, reports=("usage", "cost"))
    assert site.run(reports=("cost",)).failures == []
    clock = NOW.timestamp()

    def repaired() -> Repaired:
        with site.client() as client:
            work = Repair(
                connection,
                client=lambda: client,
                engine=site.engine,
                root=site.root,
                run_id="a_run",
                wait=wait_of,
                now=lambda: clock,
            )
            left = [Remaining(USED, Window(day, day + DAY), int(NOW.timestamp()) + 300) for day in (FIRST, LAST)]
            return work.run(left, [], since=int(NOW.timestamp()))

    assert [one.until for one in repaired().missing] == [int(clock) + 300] * 2
    assert site.provider.request_count(f"/{site.name}{USAGE}") == 0
    clock += 301
    site.provider.answers[f"/{site.name}{USAGE}"] = (429, b"{}")
    site.provider.headers[f"/{site.name}{USAGE}"] = [(b"retry-after", b"86400")]
    assert len(repaired().missing) == 2
    assert site.provider.request_count(f"/{site.name}{USAGE}") == 1  # its other window would be refused as well
    site.provider.answers.clear()
    assert repaired().missing == []
    assert len(site.tokens()) == 2
    asked = site.provider.request_count(f"/{site.name}{USAGE}")
    assert repaired().outcomes == []
    assert site.provider.request_count(f"/{site.name}{USAGE}") == asked


def test_a_report_that_is_refused_is_asked_once_and_stays_missing(site: Site) -> None:
    connection = Connection(id=site.name, provider="fireworks", account=site.name, reports=("usage",))
    assert site.run(reports=("cost",)).failures == []
    site.provider.answers[f"/{site.name}{USAGE}"] = (403, b"{}")
    for asked in (1, 1):
        with site.client() as client:
            work = Repair(
                connection, client=lambda c=client: c, engine=site.engine, root=site.root, run_id="b_run", wait=wait_of
            )
            left = [Remaining(USED, Window(LAST, LAST + timedelta(days=1)))]
            done = work.run(left, [], since=0)
        [missing] = done.missing
        assert (type(missing.error), missing.until) == (provider_errors.NoPermission, None)
        assert site.provider.request_count(f"/{site.name}{USAGE}") == asked
    site.provider.answers.clear()


def test_failed_dates_of_a_load_stay_missing_and_are_not_asked_for_again(site: Site) -> None:
    """Another try would bring the same: a person must act, and the other date is loaded."""
    connection = Connection(id=site.name, provider="fireworks", account=site.name, reports=("usage",))
    assert site.run(reports=("cost",)).failures == []
    site.provider.answers[f"/{site.name}{USAGE}"] = (200, usage(serverless(FIRST, "-1"), serverless(LAST)))
    for outcomes in (1, 0):
        with site.client() as client:
            work = Repair(
                connection, client=lambda c=client: c, engine=site.engine, root=site.root, run_id="c_run", wait=wait_of
            )
            done = work.run([Remaining(USED, Window(FIRST, LAST + DAY))], [], since=0)
        [missing] = done.missing
        assert (type(missing.error), missing.until) == (contract_errors.NegativeCount, None)
        assert f"nothing of {FIRST} was loaded" in str(missing.error)
        assert len(done.outcomes) == outcomes
        assert list(site.tokens()) == [LAST]
        assert site.provider.request_count(f"/{site.name}{USAGE}") == 1
    site.provider.answers.clear()
