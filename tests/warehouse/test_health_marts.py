"""The marts of how loads go: the event log, attempts, reports, keys. Every test's rows are rolled back."""

import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from kit.provider_site import FIRST, KEY, LAST, Site
from psycopg2.extensions import cursor as Cursor  # noqa: N812
from sqlalchemy import Engine

from usage_ledger.connections import Connection
from usage_ledger.core import pseudonym
from usage_ledger.core.windows import DAY, Window
from usage_ledger.http.credential import Credential, Federation, Machine, TokenFile, key_tag
from usage_ledger.pipeline.repair import Remaining, Repair
from usage_ledger.providers.fireworks import FIREWORKS
from usage_ledger.warehouse.sql import statement

NOV = date(2026, 11, 1)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def cursor(engine: Engine) -> Iterator[Cursor]:
    """One transaction, so that `now()` stands still; undone at the end."""
    with closing(engine.raw_connection()) as connection:
        yield connection.driver_connection.cursor()
        connection.rollback()


def add(cursor: Cursor, table: str, **values: Any) -> None:
    marks = ", ".join(["%s"] * len(values))
    cursor.execute(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})", list(values.values()))


def add_connection(cursor: Cursor, connection_id: str = "acme", **values: Any) -> None:
    same = {"connection_id": connection_id, "provider": "fireworks", "account_id": connection_id, "timezone": "UTC"}
    add(cursor, "ops.connection", **(same | values))


def add_report(cursor: Cursor, report: str, **values: Any) -> None:
    add(cursor, "ops.connection_report", **({"connection_id": "acme", "report": report} | values))


def add_day(cursor: Cursor, report: str, usage_date: date, state: str = "loaded") -> None:
    same = {"connection_id": "acme", "report": report, "day_zone": "UTC"}
    add(cursor, "ops.day", **same, usage_date=usage_date, state=state)


def add_load(cursor: Cursor, state: str = "loaded", **values: Any) -> str:
    load_id = str(uuid.uuid4())
    same = {
        "connection_id": "acme", "report": "usage", "window_from": NOV, "window_to": NOV + timedelta(2),
        "declaration": "d", "run_id": "r", "started_at": NOON,
    }  # fmt: skip
    add(cursor, "ops.load", load_id=load_id, state=state, **(same | values))
    return load_id


def add_change(cursor: Cursor, load_id: str, meter: str, row: int = 1, **values: Any) -> None:
    same = {
        "connection_id": "acme", "report": "usage", "usage_date": NOV, "table_name": "usage_daily",
        "dimensions": "{}", "old": 1, "new": 2, "cause": "provider", "detected_at": NOON,
    }  # fmt: skip
    row_key = str(uuid.UUID(int=row))
    add(cursor, "ops.restatement", row_key=row_key, meter=meter, new_load_id=load_id, **(same | values))


def answer(cursor: Cursor, query: str) -> list[tuple[Any, ...]]:
    """The rows, as a login of a BI tool sees them."""
    cursor.execute("SET LOCAL ROLE bi_reader")
    cursor.execute(query)
    rows = cursor.fetchall()
    cursor.execute("RESET ROLE")
    return rows


def test_an_event_is_open_until_a_load_mends_it_and_names_its_run(cursor: Cursor) -> None:
    add_connection(cursor, retired_at=NOON)
    load_id, mending = add_load(cursor, run_id="a_run"), add_load(cursor)
    same = {"connection_id": "acme", "message": "m", "next_step": "n"}
    add(cursor, "ops.event", **same, at=NOON, kind="vanished", severity="error", report="usage", usage_date=NOV,
        load_id=load_id)  # fmt: skip
    add(cursor, "ops.event", **same, at=NOON + HOUR, kind="load_failed", severity="warning", load_id=load_id,
        closed_at=NOON + HOUR, closed_by=mending)  # fmt: skip
    add(cursor, "ops.event", **same, at=NOON + 2 * HOUR, kind="rounded", severity="info")
    add(cursor, "ops.event", **same | {"connection_id": "never"}, at=NOON + 3 * HOUR, kind="x", severity="error")
    assert answer(
        cursor,
        "SELECT connection_id, provider, report, usage_date, kind, message, next_step, run_id, closed_by::text, open"
        " FROM marts.events ORDER BY at",
    ) == [
        ("acme", "fireworks", "usage", NOV, "vanished", "m", "n", "a_run", None, True),
        ("acme", "fireworks", None, None, "load_failed", "m", "n", "a_run", mending, False),
        ("acme", "fireworks", None, None, "rounded", "m", "n", None, None, False),
        ("never", None, None, None, "x", "m", "n", None, None, True),
    ]


def test_a_load_says_its_window_and_how_many_rows_changed(cursor: Cursor) -> None:
    add_connection(cursor)
    loaded = add_load(cursor, row_count=7, manifest_uri="file:///secret/place", ended_at=NOON)
    add_load(cursor, "failed", report="cost", error_class="BadKey", error_message="wrong", started_at=NOON + HOUR)
    for meter, row in (("input_tokens", 1), ("output_tokens", 1), ("input_tokens", 2)):
        add_change(cursor, loaded, meter, row)
    add_change(cursor, loaded, "input_tokens", 3, report="other")
    add_change(cursor, str(uuid.uuid4()), "input_tokens", 4)
    assert answer(
        cursor,
        "SELECT provider, report, first_date, last_date, state, run_id, row_count, changed_rows, error_class,"
        " error_message FROM marts.loads ORDER BY started_at",
    ) == [
        ("fireworks", "usage", NOV, NOV + timedelta(1), "loaded", "r", 7, 2, None, None),
        ("fireworks", "cost", NOV, NOV + timedelta(1), "failed", "r", None, None, "BadKey", "wrong"),
    ]
    [row] = answer(cursor, "SELECT row::text FROM marts.loads AS row WHERE state = 'loaded'")
    assert "secret" not in row[0]


def test_what_a_run_changed_adds_up_to_the_restatements(cursor: Cursor) -> None:
    add_connection(cursor)
    first, second = add_load(cursor, run_id="one"), add_load(cursor, run_id="two")
    money = {"table_name": "cost_daily", "dimensions": '{"currency": "USD"}'}
    add_change(cursor, first, "input_tokens", 1)
    add_change(cursor, first, "input_tokens", 2, old=None, new=10)
    add_change(cursor, first, "unit_price", 3, **money)
    add_change(cursor, first, "unit_price", 4, **money)
    add_change(cursor, second, "amount", 5, **money, old=3, new=None, breakdown="user", cause="declaration")
    columns = "run_id, usage_date, meter, currency, breakdown, cause, row_count, old, new, difference"
    assert answer(cursor, f"SELECT {columns} FROM marts.run_changes ORDER BY run_id, meter") == [
        ("one", NOV, "input_tokens", "", "", "provider", 2, 1, 12, 11),
        ("one", NOV, "unit_price", "USD", "", "provider", 2, None, None, None),
        ("two", NOV, "amount", "USD", "user", "declaration", 1, 3, None, -3),
    ]
    sums = "SELECT meter, sum(difference) FROM marts.{} WHERE difference IS NOT NULL GROUP BY meter ORDER BY meter"
    assert answer(cursor, sums.format("run_changes")) == answer(cursor, sums.format("restatements"))


def test_every_report_has_the_first_state_that_is_true_of_it(cursor: Cursor) -> None:
    [(last,)] = answer(cursor, "SELECT (now() AT TIME ZONE 'UTC')::date - 1")
    long_ago = NOON - timedelta(900)
    add_connection(cursor)
    error = {"last_error_at": NOON, "last_error_message": "m"}
    fine = {"since": long_ago, "last_success_at": NOON}
    add_report(cursor, "a_ended", **fine, until=NOON, **error, last_error_class="BadKey")
    add_report(cursor, "b_absent", since=long_ago, absent=True, until=NOON)
    add_report(cursor, "c_forbidden", **fine, **error, last_error_class="NoPermission")
    add_report(cursor, "d_failing", **fine, **error, last_error_class="Shape")
    for report in ("e_held", "h_behind", "j_failed", "k_ok"):
        add_report(cursor, report, **fine)
    add_report(cursor, "f_new")
    add_report(cursor, "g_never", since=long_ago)
    for back in range(4):
        day = last - timedelta(back)
        add_day(cursor, "d_failing", day)
        add_day(cursor, "e_held", day, "held" if back == 2 else "empty")
        if back != 1:
            add_day(cursor, "h_behind", day)
        add_day(cursor, "j_failed", day, "failed" if back == 1 else "loaded")
        if back:
            add_day(cursor, "k_ok", day)
    columns = "report, state, first_date, newest_loaded_date, loaded_days, held_days, failed_days, missing_days"
    oldest = last - timedelta(3)
    assert answer(cursor, f"SELECT {columns} FROM marts.report_status ORDER BY report") == [
        ("a_ended", "ended", None, None, 0, 0, 0, None),
        ("b_absent", "absent", None, None, 0, 0, 0, None),
        ("c_forbidden", "forbidden", None, None, 0, 0, 0, 0),
        ("d_failing", "failing", oldest, last, 4, 0, 0, 0),
        ("e_held", "held", oldest, last, 3, 1, 0, 0),
        ("f_new", "new", None, None, 0, 0, 0, 0),
        ("g_never", "behind", None, None, 0, 0, 0, 0),
        ("h_behind", "behind", oldest, last, 3, 0, 0, 1),
        ("j_failed", "behind", oldest, last, 3, 0, 1, 0),
        ("k_ok", "ok", oldest, last - timedelta(1), 3, 0, 0, 1),
    ]
    assert answer(cursor, "SELECT missing_days, failed_days, held_days FROM marts.connection_status") == [(2, 1, 1)]
    cursor.execute("UPDATE ops.connection SET retired_at = now()")
    assert answer(cursor, "SELECT DISTINCT state, missing_days FROM marts.report_status") == [("ended", None)]


def test_the_settle_lag_is_the_highest_age_at_which_the_vendor_changed_a_figure(cursor: Cursor) -> None:
    add_connection(cursor)
    for report in ("usage", "cost"):
        add_report(cursor, report, lookback_days=3)
    load_id = add_load(cursor)
    for meter, days, cause in (
        ("input_tokens", 2, "provider"),
        ("output_tokens", 4, "provider"),
        ("requests", 9, "owner"),
    ):
        add_change(cursor, load_id, meter, detected_at=datetime(2026, 11, 1 + days, 12, tzinfo=UTC), cause=cause)
    columns = "report, lookback_days, settle_lag_days"
    assert answer(cursor, f"SELECT {columns} FROM marts.report_status ORDER BY report") == [
        ("cost", 3, None),
        ("usage", 3, 3),
    ]
    assert answer(cursor, "SELECT max(age_days) FROM marts.restatement_lag") == [(3,)]


# Keys


def use(cursor: Cursor, key: str, at: datetime, deployment: str = "a") -> None:
    """A run used a key, tagged by the key of this deployment."""
    values = {"connection_id": "acme", "deployment": deployment * 16, "tag": key * 16}
    cursor.execute(statement("ops/use_key"), values)
    cursor.execute(
        "UPDATE ops.credential SET last_used_at = %(at)s,"
        " first_used_at = CASE WHEN first_used_at > now() - interval '1 hour' THEN %(at)s ELSE first_used_at END"
        " WHERE (connection_id, deployment, tag) = (%(connection_id)s, %(deployment)s, %(tag)s)",
        values | {"at": at},
    )


def keys(cursor: Cursor) -> list[tuple[Any, ...]]:
    return answer(cursor, "SELECT connection_id, provider, first_used_at, last_used_at FROM marts.credentials")


def days(number: int) -> datetime:
    return NOON - timedelta(900 - number)


@pytest.mark.parametrize(
    ("uses", "since"),
    [
        (["1"], 0),
        (["1", "1", "1"], 0),
        (["1", "1", "2"], 2),
        (["1", "2", "2"], 1),
        (["1", "2", "1"], 2),  # it came back: a new one since then
        (["1", "2", "1", "1"], 2),
    ],
)
def test_a_changed_tag_is_a_new_key(cursor: Cursor, uses: list[str], since: int) -> None:
    add_connection(cursor)
    for number, key in enumerate(uses):
        use(cursor, key, days(number))
    assert keys(cursor) == [("acme", "fireworks", days(since), days(len(uses) - 1))]


@pytest.mark.parametrize(
    ("uses", "since"),
    [
        ([("a", "1"), ("b", "2")], None),  # one key on two machines, or two keys: nobody can tell
        ([("a", "1"), ("b", "2"), ("a", "1")], None),
        ([("a", "1"), ("a", "1"), ("b", "2"), ("b", "3")], 3),  # the deployment's key was set once, and stayed
        ([("a", "1"), ("b", "2"), ("b", "3"), ("b", "3")], 2),
        ([("a", "1"), ("b", "2"), ("b", "3"), ("a", "4")], None),
        ([("b", "2"), ("a", "1"), ("b", "3")], None),
    ],
)
def test_machines_that_cannot_compare_keys_say_that_it_is_not_known(
    cursor: Cursor, uses: list[tuple[str, str]], since: int | None
) -> None:
    add_connection(cursor)
    for number, (deployment, key) in enumerate(uses):
        use(cursor, key, days(number), deployment)
    assert keys(cursor) == [("acme", "fireworks", None if since is None else days(since), days(len(uses) - 1))]


@pytest.mark.parametrize("key", [Machine(), TokenFile("x"), Federation({"a": "b"}), ""])
def test_an_identity_without_a_key_has_no_tag(key: Any) -> None:
    assert key_tag(Credential(key), "acme") is None


def test_a_run_that_was_answered_remembers_the_key_and_one_that_was_refused_does_not(site: Site) -> None:
    rows = "SELECT count(*), min(first_used_at), max(last_used_at) FROM ops.credential WHERE connection_id = %s"
    site.run(key="a-wrong-key-of-the-same-length")
    assert site.query(rows, site.name)[0][0] == 0
    assert site.run().failures == []
    [(count, first, last)] = site.query(rows, site.name)
    assert (count, first == last) == (1, True)
    site.run(first=LAST)
    [(count, again, later)] = site.query(rows, site.name)
    assert (count, again) == (1, first)
    assert later > last
    [(row,)] = site.query("SELECT row::text FROM ops.credential AS row WHERE connection_id = %s", site.name)
    assert KEY not in row


def test_a_machine_that_has_no_key_for_tags_loads_all_the_same(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(pseudonym.SETTING, "short")
    assert site.run().failures == []
    assert site.query("SELECT count(*) FROM ops.credential WHERE connection_id = %s", site.name) == [(0,)]


def test_what_repair_fetches_counts_as_a_use_too(site: Site) -> None:
    connection = Connection(id=site.name, provider="fireworks", account=site.name, reports=("usage",))
    site.run(key="a-wrong-key-of-the-same-length")
    with site.client() as client:
        work = Repair(
            connection, client=lambda: client, engine=site.engine, root=site.root, run_id="r", wait=lambda *_: None
        )
        left = [Remaining(FIREWORKS.report("usage"), Window(day, day + DAY)) for day in (FIRST, LAST)]
        assert work.run(left, [], since=0).missing == []
    assert site.query("SELECT count(*) FROM ops.credential WHERE connection_id = %s", site.name) == [(1,)]


FRESH = """
SELECT report, newest_date, days_behind, hours_to_load, hours_behind, late
FROM marts.freshness WHERE connection_id = 'acme' ORDER BY report
"""


def test_freshness_counts_from_the_end_of_the_newest_date(cursor: Cursor) -> None:
    cursor.execute("SELECT now()")
    [(now,)] = cursor.fetchall()
    today = now.astimezone(UTC).date()
    midnight = datetime(today.year, today.month, today.day, tzinfo=UTC)
    add_connection(cursor)
    behind = {"usage": 1, "cost": 2, "late": 3, "behind": 5}
    for report, days in behind.items():
        add_report(cursor, report, since=midnight - 9 * DAY, last_success_at=midnight)
        add_day(cursor, report, today - days * DAY)
        fetched = midnight - (days - 1) * DAY + timedelta(hours=3)
        cursor.execute("UPDATE ops.day SET fetched_at = %s WHERE report = %s", [fetched, report])
    add_day(cursor, "behind", today - DAY, "failed")
    add_report(cursor, "fresh_list", since=midnight, last_success_at=now - 5 * HOUR)
    add_report(cursor, "old_list", since=midnight - 9 * DAY, last_success_at=now - 3 * DAY)
    add_report(cursor, "never", since=now - 9 * DAY)
    add_report(cursor, "ended", since=midnight, until=midnight)
    hours = {days: round((now - midnight) / HOUR + 24 * (days - 1), 1) for days in behind.values()}
    rows = answer(cursor, FRESH)
    expected = [
        ("behind", today - 5 * DAY, 4, 3, hours[5], True),
        ("cost", today - 2 * DAY, 1, 3, hours[2], False),
        ("fresh_list", None, None, None, 5, False),
        ("late", today - 3 * DAY, 2, 3, hours[3], True),
        ("never", None, None, None, None, True),
        ("old_list", None, None, None, 72, True),
        ("usage", today - DAY, 0, 3, hours[1], False),
    ]
    shown = [tuple(float(value) if isinstance(value, Decimal) else value for value in row) for row in rows]
    assert shown == [pytest.approx(row, abs=0.06) if None not in row else row for row in expected]


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Etc/GMT+12"])
def test_freshness_is_counted_in_the_reports_own_days(cursor: Cursor, zone: str) -> None:
    """26 hours apart, so that one of the two has another date than UTC."""
    cursor.execute("SELECT now()")
    [(now,)] = cursor.fetchall()
    today = now.astimezone(ZoneInfo(zone)).date()
    add_connection(cursor)
    add_report(cursor, "usage", since=now - 9 * DAY, last_success_at=now)
    add_day(cursor, "usage", today - DAY)
    cursor.execute("UPDATE ops.day SET day_zone = %s WHERE connection_id = 'acme'", [zone])
    midnight = datetime(today.year, today.month, today.day, tzinfo=ZoneInfo(zone))
    shown = answer(cursor, "SELECT ended_at, days_behind, late FROM marts.freshness WHERE connection_id = 'acme'")
    assert shown == [(midnight, 0, False)]
