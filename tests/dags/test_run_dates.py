"""The usage dates of a Dag run, however it came about."""

import logging
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from airflow.utils.types import DagRunType

from usage_ledger.airflow.run_dates import dates_of_run, described
from usage_ledger.airflow.run_note import write_note
from usage_ledger.airflow.timetable import UsageDay
from usage_ledger.connections import Connection
from usage_ledger.core.errors import BadWindow, PersonMustAct
from usage_ledger.pipeline.plan import Dates

NOW = datetime(2026, 11, 28, 16, 0, tzinfo=UTC)
LOS_ANGELES, BERLIN, TOKYO = "America/Los_Angeles", "Europe/Berlin", "Asia/Tokyo"
BLANK = {"from": None, "to": None}


def connection(timezone: str = "UTC") -> Connection:
    return Connection(id="acme_prod", provider="fireworks", account="acme", timezone=timezone)


def instant(text: str, zone: str = "UTC") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def run_of(
    kind: str = "manual", logical: datetime | None = None, interval: Any = (None, None), at: datetime = NOW
) -> Any:
    start, end = interval
    return SimpleNamespace(
        run_type=kind, logical_date=logical, data_interval_start=start, data_interval_end=end, run_after=at
    )


def dates(run: Any, params: Any = None, timezone: str = "UTC", now: datetime = NOW) -> tuple[str, str]:
    found = dates_of_run(connection(timezone), run, BLANK | (params or {}), now)
    return str(found.first), str(found.last)


def one(day: str) -> tuple[str, str]:
    return day, day


@pytest.mark.parametrize(("kind", "heal"), [("scheduled", True), ("backfill", False)])
def test_a_run_of_the_timetable_takes_its_interval(kind: str, heal: bool) -> None:
    run = run_of(kind, interval=(datetime(2026, 11, 18, tzinfo=UTC), datetime(2026, 11, 19, 3, tzinfo=UTC)))
    day = date(2026, 11, 18)
    assert dates_of_run(connection(), run, BLANK, NOW) == Dates(day, day, heal=heal)


def test_a_manual_run_without_any_date_takes_the_last_complete_one() -> None:
    assert dates(run_of()) == one("2026-11-27")
    assert dates(run_of(), {"from": "2026-10-01", "to": "2026-10-03"}) == ("2026-10-01", "2026-10-03")


@pytest.mark.parametrize("timezone", ["UTC", LOS_ANGELES, BERLIN, TOKYO, "Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_a_logical_date_of_midnight_utc_is_the_usage_date(timezone: str) -> None:
    """As the CLI, the REST API and TriggerDagRunOperator send it, with the interval that Airflow infers."""
    logical = instant("2026-11-03")
    inferred = UsageDay("03:00", timezone).infer_manual_data_interval(run_after=logical)
    assert dates(run_of(logical=logical, interval=(inferred.start, inferred.end)), timezone=timezone) == one(
        "2026-11-03"
    )
    by_trigger = UsageDay("03:00", timezone).infer_manual_data_interval(run_after=NOW)
    run = run_of("operator_triggered", logical, (by_trigger.start, by_trigger.end))
    assert dates(run, timezone=timezone) == one("2026-11-03")


def test_the_interval_that_is_inferred_for_a_logical_date_is_its_own() -> None:
    interval = UsageDay("03:00", LOS_ANGELES).infer_manual_data_interval(run_after=instant("2026-11-03"))
    assert (interval.start, interval.end) == (instant("2026-11-03"), instant("2026-11-04T03:00", LOS_ANGELES))


def test_an_interval_that_an_earlier_release_inferred_is_no_choice() -> None:
    before = (instant("2026-11-01"), instant("2026-11-02T11:00"))
    assert dates(run_of(logical=instant("2026-11-03"), interval=before), timezone=LOS_ANGELES) == one("2026-11-03")


@pytest.mark.parametrize(
    ("logical", "timezone"),
    [
        (instant("2026-11-03", LOS_ANGELES), LOS_ANGELES),
        (instant("2026-11-03", BERLIN), BERLIN),
        (instant("2026-11-03", TOKYO), TOKYO),
        (instant("2026-11-03", LOS_ANGELES), "UTC"),
        (instant("2026-11-03T09:17:33"), "UTC"),
        (instant("2026-11-03T21:17:33", BERLIN), BERLIN),
    ],
)
def test_a_date_picked_in_the_form_is_the_usage_date(logical: datetime, timezone: str) -> None:
    assert dates(run_of(logical=logical), timezone=timezone) == one("2026-11-03")


@pytest.mark.parametrize(
    ("logical", "timezone"),
    [
        (instant("2026-11-03", BERLIN), "UTC"),
        (instant("2026-11-03", TOKYO), "UTC"),
        (instant("2026-11-03T03:17:33"), LOS_ANGELES),
    ],
)
def test_a_logical_date_that_may_be_two_dates_is_refused(logical: datetime, timezone: str) -> None:
    with pytest.raises(BadWindow, match=r"may mean 2026-11-0[23] or 2026-11-0[34]") as refused:
        dates(run_of(logical=logical), timezone=timezone)
    assert "`from` and `to`" in (refused.value.next_step or "")


@pytest.mark.parametrize("timezone", ["UTC", LOS_ANGELES, BERLIN, TOKYO, "Pacific/Kiritimati", "Pacific/Pago_Pago"])
@pytest.mark.parametrize("hour", range(24))
def test_now_as_the_form_fills_it_in_is_no_choice(timezone: str, hour: int) -> None:
    now = datetime(2026, 11, 28, hour, 17, 5, tzinfo=UTC)
    last = str(now.astimezone(ZoneInfo(timezone)).date() - timedelta(days=1))
    inferred = UsageDay("03:00", timezone).infer_manual_data_interval(run_after=now)
    run = run_of(logical=now, interval=(inferred.start, inferred.end), at=now)
    assert dates(run, timezone=timezone, now=now) == one(last)
    days = {"from": "2026-10-01", "to": "2026-10-03"}
    assert dates(run, days, timezone, now) == ("2026-10-01", "2026-10-03")


def test_today_as_a_logical_date_is_not_over_and_means_the_last_complete_date() -> None:
    assert dates(run_of(logical=instant("2026-11-28"))) == one("2026-11-27")


def test_the_interval_of_the_form_is_taken_whole() -> None:
    interval = (instant("2026-11-03"), instant("2026-11-06"))
    assert dates(run_of(logical=NOW, interval=interval)) == ("2026-11-03", "2026-11-05")
    assert dates(run_of(logical=instant("2026-11-03"), interval=interval)) == ("2026-11-03", "2026-11-05")
    local = tuple(instant(day, LOS_ANGELES) for day in ("2026-11-03", "2026-11-06"))
    assert dates(run_of(logical=NOW, interval=local), timezone=LOS_ANGELES) == ("2026-11-03", "2026-11-05")
    same = {"from": "2026-11-03", "to": "2026-11-05"}
    assert dates(run_of(logical=NOW, interval=interval), same) == ("2026-11-03", "2026-11-05")


DISAGREEING = [
    (run_of(logical=instant("2026-11-03")), {"from": "2026-10-01", "to": "2026-10-02"}),
    (run_of(logical=instant("2026-11-10"), interval=(instant("2026-11-03"), instant("2026-11-06"))), {}),
    (
        run_of(logical=NOW, interval=(instant("2026-11-03"), instant("2026-11-06"))),
        {"from": "2026-11-03", "to": "2026-11-04"},
    ),
]
IMPOSSIBLE = [
    (run_of(), {"from": "2026-10-01"}),
    (run_of(), {"from": "2026-10-03", "to": "2026-10-01"}),
    (run_of(), {"from": "2026-11-01", "to": "2026-12-01"}),
    (run_of(), {"from": "x", "to": "y"}),
    (run_of(logical=instant("2027-01-01")), {}),
    (run_of(logical=NOW, interval=(instant("2026-11-20"), instant("2026-12-06"))), {}),
    (run_of("backfill", interval=(instant("2026-11-18"), None)), {"from": "2026-10-01", "to": "2026-10-02"}),
    (run_of("scheduled", interval=(instant("2026-11-18"), None)), {"from": "2026-10-01", "to": "2026-10-02"}),
]


@pytest.mark.parametrize(("run", "params"), DISAGREEING + IMPOSSIBLE)
def test_dates_that_disagree_or_cannot_be_are_refused_for_good(run: Any, params: dict[str, str]) -> None:
    with pytest.raises(BadWindow) as refused:
        dates(run, params)
    assert "acme_prod" in str(refused.value)
    assert refused.value.next_step
    assert isinstance(refused.value, PersonMustAct)  # no later try is made


@pytest.mark.parametrize("last", ["2026-11-18", "2026-11-20"])
def test_a_backfill_takes_its_own_day_where_its_parameters_name_the_range_again(last: str) -> None:
    run = run_of("backfill", interval=(instant("2026-11-18"), None))
    assert dates(run, {"from": "2026-11-16", "to": last}) == one("2026-11-18")


def test_a_backfill_with_parameters_beside_its_range_says_which_dates_to_leave_empty() -> None:
    run = run_of(DagRunType.BACKFILL_JOB, interval=(instant("2026-11-18"), None))
    with pytest.raises(BadWindow, match="this run loads 2026-11-18, and") as refused:
        dates(run, {"from": "2026-11-19", "to": "2026-11-20"})
    assert "leave both empty in a backfill" in str(refused.value)
    assert "DagRunType" not in str(refused.value)


def test_a_date_that_is_none_is_said_before_that_the_other_is_missing() -> None:
    with pytest.raises(BadWindow, match="2026-13-01"):
        dates(run_of(), {"from": "2026-13-01"})


@pytest.mark.parametrize("kind", ["scheduled", "backfill", "manual"])
def test_every_run_says_on_its_page_which_usage_dates_it_takes(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("USAGE_LEDGER_CONNECTIONS", str(tmp_path))
    (tmp_path / "acme_prod.yaml").write_text("provider: fireworks\naccount: acme\n", encoding="utf-8")
    logical = instant("2026-11-18")
    run = run_of(kind, logical=logical, interval=(logical, UsageDay("03:00", "UTC").due(logical.date())))
    run.conf, run.note = {}, None
    write_note(run, "acme_prod")
    assert run.note.startswith("usage dates 2026-11-18")
    run.note = "mine"
    write_note(run, "acme_prod")
    assert run.note == "mine"


def test_params_that_name_no_date_are_ignored_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        assert dates(run_of(), {"requested_by": "ci", "too": "2026-10-01"}) == one("2026-11-27")
    assert "'requested_by', 'too'" in caplog.text


def test_dates_are_described_as_a_person_reads_them() -> None:
    day = date(2026, 11, 3)
    assert described(Dates(day, day)) == "usage dates 2026-11-03"
    assert described(Dates(day, date(2026, 11, 5))) == "usage dates 2026-11-03 to 2026-11-05"
    assert "look-back" in described(Dates(day, day, heal=True))
