"""What a view of the Usage page costs: `python benchmarks/page.py`.

Fills a fresh database of the embedded PostgreSQL with 1,000 connections of 400 days, each day with three lines of a
bill and four rows of usage. Prints the seconds that each card of the overview takes: asked first, asked again within
the lifetime of an answer, and asked again without it.
"""

import argparse
import sys
import time
from datetime import UTC, datetime

import reconciliation
from fresh_warehouse import fresh_warehouse
from sqlalchemy import Engine

from usage_ledger.money.team_costs import record_team_costs
from usage_ledger.page import overview
from usage_ledger.page.reader import LIFETIME, Reader
from usage_ledger.warehouse.engine import transaction

SIZE = {"connections": 1000, "days": 400, "rows": 4, "models": 1}
SETTLED_OR_OPEN = "UPDATE ops.day SET settled = false WHERE usage_date > current_date - 4"
REPORTS = """
INSERT INTO ops.connection_report (connection_id, report, since, last_success_at)
SELECT connection_id, report, now() - interval '400 days', now()
FROM ops.connection CROSS JOIN unnest(ARRAY['usage', 'costs']) AS report
"""
TEAM_COSTS = """
INSERT INTO ledger.team_cost SELECT (jsonb_populate_record(recorded, jsonb_build_object('connection_id', 'c' || c))).*
FROM ledger.team_cost AS recorded, generate_series(2, %(connections)s) AS c
WHERE recorded.connection_id = 'c1'
"""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    for name, default in SIZE.items():
        options.add_argument(f"--{name}", type=int, default=default)
    size = vars(options.parse_args())
    with fresh_warehouse() as engine:
        fill(engine, size)
        measure(engine, size)


def fill(engine: Engine, size: dict[str, int]) -> None:
    reconciliation.fill(engine, size)
    with transaction(engine) as cursor:
        cursor.execute(REPORTS)
        cursor.execute(SETTLED_OR_OPEN)
    record_team_costs(engine, "c1")
    with transaction(engine) as cursor:
        cursor.execute(TEAM_COSTS, size)
        cursor.execute("DELETE FROM ops.team_cost_due")  # theirs is recorded too
        cursor.execute("ANALYZE")


def measure(engine: Engine, size: dict[str, int]) -> None:
    ids = [f"c{number}" for number in range(1, size["connections"] + 1)]
    kept, fresh = Reader(engine, timeout=600, lifetime=max(LIFETIME, 3600)), Reader(engine, timeout=600, lifetime=0)
    now = datetime.now(UTC).date()
    totals = [0.0, 0.0, 0.0]
    sys.stdout.write(f"{size['connections']} connections x {size['days']} days: seconds for first, again, uncached\n")
    for name in overview.CARDS:
        seconds = []
        for reader in (kept, kept, fresh):
            begin = time.perf_counter()
            overview.card_html(name, reader, ids, now)
            seconds.append(time.perf_counter() - begin)
        totals = [total + spent for total, spent in zip(totals, seconds, strict=True)]
        sys.stdout.write(f"  {name:12} {seconds[0]:8.2f} {seconds[1]:8.3f} {seconds[2]:8.2f}\n")
    sys.stdout.write(f"  {'overview':12} {totals[0]:8.2f} {totals[1]:8.3f} {totals[2]:8.2f}\n")


if __name__ == "__main__":
    main()
