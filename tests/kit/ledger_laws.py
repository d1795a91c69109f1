"""What must hold of the warehouse: at any instant, and when all is done. Each check says what differs."""

import json
from collections.abc import Callable, Iterable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from kit.restating_provider import METERS, Account
from usage_ledger.storage.landing import landed_pages, load_folder, manifest_of

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
        for name, report, day, state, told, rows, sums, amount, fetched_at in query(SNAPSHOT, list(self.accounts)):
            if report in REPORTS:
                found = (rows, amount) if report == "cost" else (rows, *(sums or [0] * len(METERS)))
                self.days[name, report, day] = (state, told, found)
                if fetched_at is not None:
                    self.fetched[name, report, day] = fetched_at

    def mixed(self) -> list[str]:
        """Dates that are not wholly what the provider said at some time, or nothing at all."""
        differing = []
        for (name, report, day), (state, told, found) in self.days.items():
            if told != found[0]:
                differing.append(f"{name} {report} {day}: ops.day ({state}) tells {told} rows, there are {found[0]}")
            if any(found) and found not in self.accounts[name].ever(report, day):
                differing.append(f"{name} {report} {day}: {found} is nothing that the provider ever said")
        return differing

    def differences(self) -> list[str]:
        """Dates that are not as the provider says now, and does not say `loaded` or `empty` of them."""
        differing = []
        for name, account in self.accounts.items():
            for report in REPORTS:
                for day in account.dates:
                    wanted = account.expected(report, day)
                    state, told, found = self.days.get((name, report, day), ("unknown", 0, ()))
                    if (state, told, found) != ("loaded" if wanted[0] else "empty", wanted[0], wanted):
                        differing.append(f"{name} {report} {day}: {state} {told} {found}, but the truth is {wanted}")
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
    """Loads that are said to be loaded, though a date of theirs was not confirmed by them or by a later one."""
    rows = query(
        "SELECT load.load_id::text, load.report, late.usage_date FROM ops.load AS load"
        " CROSS JOIN LATERAL generate_series(window_from, window_to - 1, interval '1 day') AS late (usage_date)"
        " LEFT JOIN ops.day AS day USING (connection_id, report, usage_date)"
        " WHERE load.connection_id = %s AND load.report = ANY(%s) AND load.state = 'loaded'"
        " AND (day.fetched_at >= load.fetched_at) IS NOT TRUE",
        account.name,
        list(REPORTS),
    )
    return [f"{account.name}: ops.load says loaded, ops.day does not: {row}" for row in rows]


def _doubled(query: Query, account: Account) -> list[str]:
    found = []
    for table in ("usage_daily", "cost_daily"):
        everything = f"SELECT report, usage_date, row_key FROM ledger.{table} WHERE connection_id = %s"
        found += query(
            f"SELECT report, usage_date, count(*) FROM ({everything}) AS rows GROUP BY 1, 2, row_key"
            " HAVING count(*) > 1",
            account.name,
        )
    names = query(
        "SELECT id, count(*) FROM ledger.name WHERE connection_id = %s AND valid_to IS NULL GROUP BY kind, id"
        " HAVING count(*) > 1",
        account.name,
    )
    return [f"{account.name}: doubled {row}" for row in (*found, *names)]


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
    found = []
    for load_id, report, state, first, end, fetched_at, uri, sums, dates, day_fetched_at in rows:
        where = f"{account.name} {report} load {load_id}"
        if state not in ("loaded", "held") or fetched_at != day_fetched_at:
            found.append(f"{where}: {state}, fetched {fetched_at}, but its dates say {day_fetched_at}")
            continue
        folder = load_folder(root, uri)
        if not list(landed_pages(folder, manifest_of(folder))):
            found.append(f"{where}: has no page in raw storage")
        if len(dates) != (end - first).days:
            continue
        for table, told in sums.items():
            if table not in ("usage_daily", "cost_daily"):
                continue
            meters = [name.split(" ")[0] for name in told if name != "rows"]
            ((count, *standing),) = query(
                f"SELECT count(*){''.join(f', sum({meter})' for meter in meters)} FROM ledger.{table}"
                " WHERE connection_id = %s AND report = %s AND usage_date >= %s AND usage_date < %s",
                *(account.name, report, first, end),
            )
            wanted = [Decimal(value) for name, value in told.items() if name != "rows"]
            if [count, *standing] != [told["rows"], *wanted]:
                found.append(f"{where}: {json.dumps(told)} in ops.load, {count} and {standing} in ledger.{table}")
    return found


def _broken_chains(query: Query, account: Account) -> list[str]:
    """Each restatement begins where the one before it ended, and the last one ends at what stands."""
    rows = query(
        "SELECT report, usage_date, row_key, meter, old, told_before, number FROM ("
        " SELECT *, lag(new) OVER value AS told_before, row_number() OVER value AS number FROM ops.restatement"
        " WHERE connection_id = %s"
        " WINDOW value AS (PARTITION BY report, usage_date, table_name, row_key, meter ORDER BY detected_at)"
        ") AS told WHERE number > 1 AND old IS DISTINCT FROM told_before",
        account.name,
    )
    found = [f"{account.name}: restatement does not follow the one before it: {row}" for row in rows]
    for table, meters in (("usage_daily", METERS), ("cost_daily", ("amount",))):
        for meter in meters:
            rows = query(
                "SELECT told.usage_date, told.row_key, told.new, standing.value FROM ("
                " SELECT DISTINCT ON (report, usage_date, row_key) * FROM ops.restatement"
                " WHERE connection_id = %s AND table_name = %s AND meter = %s"
                " ORDER BY report, usage_date, row_key, detected_at DESC"
                f") AS told LEFT JOIN (SELECT connection_id, report, usage_date, row_key, {meter} AS value"
                f" FROM ledger.{table}) AS standing USING (connection_id, report, usage_date, row_key)"
                " WHERE told.new IS DISTINCT FROM standing.value",
                *(account.name, table, meter),
            )
            found += [f"{account.name} {table}.{meter}: the last restatement is not what stands: {row}" for row in rows]
    return found


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
