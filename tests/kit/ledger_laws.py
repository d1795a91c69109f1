"""What must hold of the warehouse: at any instant, and when all is done. Each check says what differs."""

import json
from collections.abc import Callable, Iterable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from kit.restating_provider import METERS, Account
from usage_ledger.storage.landing import landed_pages, load_folder
from usage_ledger.storage.manifest import manifest_of

Query = Callable[..., list[tuple[Any, ...]]]
REPORTS = ("usage", "cost")

# One statement, so one snapshot: each date's rows and sums, beside what `ops.day` says of it.
SNAPSHOT = f"""
SELECT connection_id, report, usage_date, coalesce(day.state, 'unknown'), coalesce(day.row_count, 0),
    coalesce(used.rows, 0) + coalesce(billed.rows, 0), used.sums, coalesce(billed.amount, 0), day.fetched_at
FROM ops.day AS day
FULL JOIN (
    SELECT connection_id, report, usage_date, count(*) AS rows,
        ARRAY[{", ".join(f"coalesce(sum({meter}), 0)" for meter in METERS)}] AS sums
    FROM ledger.usage_daily GROUP BY 1, 2, 3
) AS used USING (connection_id, report, usage_date)
FULL JOIN (
    SELECT connection_id, report, usage_date, count(*) AS rows, sum(amount) AS amount
    FROM ledger.cost_daily GROUP BY 1, 2, 3
) AS billed USING (connection_id, report, usage_date)
WHERE connection_id = ANY(%s)
"""


class Snapshot:
    """Every date of some accounts in one instant: its state, the rows that it should have, and what there is."""

    def __init__(self, query: Query, accounts: Iterable[Account]) -> None:
        self.accounts = {account.name: account for account in accounts}
        self.days: dict[tuple[str, str, date], tuple[str, int, tuple[Any, ...]]] = {}
        self.fetched: dict[tuple[str, str, date], datetime] = {}
        days = query(SNAPSHOT, list(self.accounts))
        for name, report, day, state, count, rows, sums, amount, fetched_at in days:
            if report in REPORTS:
                content = (rows, amount) if report == "cost" else (rows, *(sums or [0] * len(METERS)))
                self.days[name, report, day] = (state, count, content)
                if fetched_at is not None:
                    self.fetched[name, report, day] = fetched_at

    def mixed(self) -> list[str]:
        """Dates that are not wholly what the provider said at some time, or nothing at all."""
        differing = []
        for (name, report, day), (state, count, content) in self.days.items():
            if count != content[0]:
                differing.append(f"{name} {report} {day}: {count} rows in ops.day ({state}), {content[0]} in ledger")
            if any(content) and content not in self.accounts[name].ever(report, day):
                differing.append(f"{name} {report} {day}: {content} is nothing that the provider ever said")
        return differing

    def differences(self) -> list[str]:
        """Dates that are not as the provider says now, and does not say `loaded` or `empty` of them."""
        differing = []
        for name, account in self.accounts.items():
            for report in REPORTS:
                for day in account.dates:
                    truth = account.expected(report, day)
                    state, count, content = self.days.get((name, report, day), ("unknown", 0, ()))
                    if (state, count, content) != ("loaded" if truth[0] else "empty", truth[0], truth):
                        differing.append(f"{name} {report} {day}: {state} {count} {content}, but the truth is {truth}")
        return differing


def unexplained(query: Query, account: Account, root: Path) -> list[str]:
    """Doubled rows; dates whose load is not in `ops.load` and raw storage with equal sums; broken chains."""
    return [
        *_doubled(query, account),
        *false_successes(query, account),
        *_unproven(query, account, root),
        *_broken_chains(query, account),
    ]


def false_successes(query: Query, account: Account) -> list[str]:
    """Loads that are said to be loaded, though a date of theirs was not confirmed by them or by a later one.

    A date that failed is told as such: the others of its load are loaded.
    """
    rows = query(
        "SELECT load.load_id::text, load.report, late.usage_date FROM ops.load AS load"
        " CROSS JOIN LATERAL generate_series(window_from, window_to - 1, interval '1 day') AS late (usage_date)"
        " LEFT JOIN ops.day AS day USING (connection_id, report, usage_date)"
        " WHERE load.connection_id = %s AND load.report = ANY(%s) AND load.state = 'loaded'"
        " AND (day.fetched_at >= load.fetched_at) IS NOT TRUE"
        " AND NOT EXISTS (SELECT FROM ops.event WHERE event.load_id = load.load_id AND event.kind = 'date_failed'"
        " AND event.usage_date = late.usage_date)",
        account.name,
        list(REPORTS),
    )
    return [f"{account.name}: ops.load says loaded, ops.day does not: {row}" for row in rows]


def _doubled(query: Query, account: Account) -> list[str]:
    faults = []
    for table in ("usage_daily", "cost_daily"):
        everything = f"SELECT report, usage_date, row_key FROM ledger.{table} WHERE connection_id = %s"
        faults += query(
            f"SELECT report, usage_date, count(*) FROM ({everything}) AS rows GROUP BY 1, 2, row_key"
            " HAVING count(*) > 1",
            account.name,
        )
    names = query(
        "SELECT id, count(*) FROM ledger.name WHERE connection_id = %s AND valid_to IS NULL GROUP BY kind, id"
        " HAVING count(*) > 1",
        account.name,
    )
    return [f"{account.name}: doubled {row}" for row in (*faults, *names)]


def _unproven(query: Query, account: Account, root: Path) -> list[str]:
    """Each date's load is recorded, its pages stand, and its sums are the ledger's where it made its whole window."""
    rows = query(
        "SELECT day.load_id::text, load.report, load.state, load.window_from, load.window_to, load.fetched_at,"
        " load.manifest_uri, load.sums, array_agg(day.usage_date), max(day.fetched_at)"
        " FROM ops.day AS day LEFT JOIN ops.load AS load USING (load_id)"
        " WHERE day.connection_id = %s AND day.report = ANY(%s) GROUP BY 1, 2, 3, 4, 5, 6, 7, 8",
        account.name,
        list(REPORTS),
    )
    faults = []
    for load_id, report, state, first, end, fetched_at, uri, sums, dates, day_fetched_at in rows:
        where = f"{account.name} {report} load {load_id}"
        if state not in ("loaded", "held") or fetched_at != day_fetched_at:
            faults.append(f"{where}: {state}, fetched {fetched_at}, but its dates say {day_fetched_at}")
            continue
        folder = load_folder(root, uri)
        if not list(landed_pages(folder, manifest_of(folder))):
            faults.append(f"{where}: has no page in raw storage")
        if len(dates) != (end - first).days:
            continue
        for table, recorded in sums.items():
            if table not in ("usage_daily", "cost_daily"):
                continue
            meters = [name.split(" ")[0] for name in recorded if name != "rows"]
            ((count, *current),) = query(
                f"SELECT count(*){''.join(f', sum({meter})' for meter in meters)} FROM ledger.{table}"
                " WHERE connection_id = %s AND report = %s AND usage_date >= %s AND usage_date < %s",
                *(account.name, report, first, end),
            )
            expected = [Decimal(value) for name, value in recorded.items() if name != "rows"]
            if [count, *current] != [recorded["rows"], *expected]:
                faults.append(f"{where}: {json.dumps(recorded)} in ops.load, {count} and {current} in ledger.{table}")
    return faults


def _broken_chains(query: Query, account: Account) -> list[str]:
    """Each restatement begins where the one before it ended, and the last one ends at what stands."""
    rows = query(
        "SELECT report, usage_date, row_key, meter, old, value_before, number FROM ("
        " SELECT *, lag(new) OVER value AS value_before, row_number() OVER value AS number FROM ops.restatement"
        " WHERE connection_id = %s"
        " WINDOW value AS (PARTITION BY report, usage_date, table_name, row_key, meter ORDER BY detected_at)"
        ") AS latest WHERE number > 1 AND old IS DISTINCT FROM value_before",
        account.name,
    )
    faults = [f"{account.name}: restatement does not follow the one before it: {row}" for row in rows]
    for table, meters in (("usage_daily", METERS), ("cost_daily", ("amount",))):
        for meter in meters:
            rows = query(
                "SELECT latest.usage_date, latest.row_key, latest.new, current.value FROM ("
                " SELECT DISTINCT ON (report, usage_date, row_key) * FROM ops.restatement"
                " WHERE connection_id = %s AND table_name = %s AND meter = %s"
                " ORDER BY report, usage_date, row_key, detected_at DESC"
                f") AS latest LEFT JOIN (SELECT connection_id, report, usage_date, row_key, {meter} AS value"
                f" FROM ledger.{table}) AS current USING (connection_id, report, usage_date, row_key)"
                " WHERE latest.new IS DISTINCT FROM current.value",
                *(account.name, table, meter),
            )
            faults += [f"{account.name} {table}.{meter}: not as last restated: {row}" for row in rows]
    return faults


def row_versions(query: Query, account: Account) -> list[tuple[Any, ...]]:
    """Where each row of the account lies and which transaction wrote it: equal only if none was rewritten."""
    tables = ("ledger.usage_daily", "ledger.cost_daily", "ledger.name", "ops.restatement", "ops.name_observation")
    return [
        row
        for table in tables
        for row in query(
            f"SELECT tableoid::regclass::text, ctid::text, xmin::text FROM {table}"
            " WHERE connection_id = %s ORDER BY 1, 2",
            account.name,
        )
    ]
