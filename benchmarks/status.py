"""What the state of many connections costs the warehouse: `python benchmarks/status.py`.

Fills a fresh database of the embedded PostgreSQL with 1,000 connections, 11 reports each, a year of dates, and prints
the processor seconds that the server's process takes for `usage-ledger status`.
"""

import argparse
import sys
from typing import Any

import psutil
from fresh_warehouse import fresh_warehouse
from sqlalchemy import Engine

from usage_ledger.warehouse.engine import transaction
from usage_ledger.warehouse.sql import statement

CONNECTIONS = """
INSERT INTO ops.connection (connection_id, provider, account_id, timezone, since)
SELECT 'c' || c, 'openai', 'c' || c, 'UTC', now() - interval '2 years'
FROM generate_series(1, %(connections)s) AS c
"""
REPORTS = """
INSERT INTO ops.connection_report (connection_id, report, last_success_at)
SELECT 'c' || c, 'r' || r, now()
FROM generate_series(1, %(connections)s) AS c, generate_series(1, %(reports)s) AS r
"""
DAYS = """
INSERT INTO ops.day (connection_id, report, usage_date, day_zone, state, load_id, fetched_at, row_count, settled)
SELECT 'c' || c, 'r' || r, current_date - d, 'UTC', CASE WHEN (c + r + d) %% 97 = 0 THEN 'failed' ELSE 'loaded' END,
    gen_random_uuid(), now(), 5, true
FROM generate_series(%(days)s, 1, -1) AS d, generate_series(1, %(connections)s) AS c,
    generate_series(1, %(reports)s) AS r
"""
"""Date by date, so that the dates of one report lie apart, as daily runs leave them."""
SIZE = {"connections": 1000, "reports": 11, "days": 365}
"""What a warehouse of a large organization holds."""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    for name, default in SIZE.items():
        options.add_argument(f"--{name}", type=int, default=default)
    size = vars(options.parse_args())
    figures = measured(size)
    sys.stdout.write(
        f"status of {size['connections']} connections x {size['reports']} reports x {size['days']} days: "
        f"{figures['all']:.2f} s of server processor; of one connection: {figures['one'] * 1000:.1f} ms\n"
    )


def measured(size: dict[str, int]) -> dict[str, float]:
    """Processor seconds of the status of all connections, and of one."""
    with fresh_warehouse() as engine:
        fill(engine, size)
        return {"all": seconds(engine, None, times=5), "one": seconds(engine, "c1", times=500)}


def fill(engine: Engine, size: dict[str, int]) -> None:
    with transaction(engine) as cursor:
        for text in (CONNECTIONS, REPORTS, DAYS):
            cursor.execute(text, size)
    connection: Any = engine.raw_connection()
    connection.driver_connection.set_isolation_level(0)
    connection.cursor().execute("VACUUM ANALYZE")  # as the server does by itself, a little later
    connection.invalidate()


def seconds(engine: Engine, connection_id: str | None, *, times: int) -> float:
    """The processor's time that the server's process takes for one query, on average, without workers beside it."""
    with transaction(engine) as cursor:
        cursor.execute("SET max_parallel_workers_per_gather = 0")
        process = psutil.Process(cursor.connection.info.backend_pid)
        before = process.cpu_times()
        for _ in range(times):
            cursor.execute(statement("ops/status"), {"connection_id": connection_id})
            cursor.fetchall()
        after = process.cpu_times()
    return (after.user + after.system - before.user - before.system) / times


if __name__ == "__main__":
    main()
