"""What the verdict on every bill costs the warehouse: `python benchmarks/reconciliation.py`.

Fills a fresh database of the embedded PostgreSQL with 100 connections of 400 days, each day with 13 lines of a bill and
25 rows of usage, and prints the processor seconds that the server's process takes to record the verdicts of one
connection, to record three of its days again, and to read `marts.reconciliation` of all.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psutil
from fresh_warehouse import fresh_warehouse
from sqlalchemy import Engine

from usage_ledger.money.verdict import record_verdicts
from usage_ledger.warehouse.engine import transaction

SIZE = {"connections": 100, "days": 400, "rows": 25, "models": 4}
"""Connections, days, and a day's rows of usage and models; the row 24 is of an accelerator."""
MONTHS = """
SELECT ops.ensure_month(fact, day::date)
FROM unnest(ARRAY['usage_daily', 'cost_daily']) AS fact,
    generate_series(current_date - %(days)s, current_date, interval '1 day') AS day
WHERE extract(day FROM day) = 1 OR day = current_date - %(days)s
"""
CONNECTIONS = """
INSERT INTO ops.connection (connection_id, provider, account_id, timezone)
SELECT 'c' || c, 'acme', 'c' || c, 'UTC' FROM generate_series(1, %(connections)s) AS c
"""
DAYS = """
INSERT INTO ops.day (connection_id, report, usage_date, day_zone, state, load_id, fetched_at, row_count, settled)
SELECT 'c' || c, report, current_date - d, 'UTC', 'loaded', gen_random_uuid(), now(), 5, true
FROM generate_series(%(days)s, 1, -1) AS d, generate_series(1, %(connections)s) AS c,
    unnest(ARRAY['usage', 'costs']) AS report
"""
MODELS = """
INSERT INTO ledger.model (provider, model, family)
SELECT 'acme', 'accounts/acme/models/model-' || m, 'model-' || m FROM generate_series(1, 4) AS m
"""
PRICES = """
INSERT INTO ledger.price (provider, connection_id, model, family, meter, service_tier, context_from, region, host,
    currency, amount, per, valid_from, valid_to, rank, origin, source)
SELECT 'acme', '', 'accounts/acme/models/model-' || m, 'model-' || m, meter, tier, 0, '', '', 'USD',
    m * CASE tier WHEN 'priority' THEN 5 ELSE 4 END, 1000000, date '-infinity', date 'infinity', rank, 'list',
    'list ' || rank
FROM generate_series(1, 4) AS m,
    unnest(ARRAY['uncached_input_tokens', 'cached_input_tokens', 'output_tokens']) AS meter,
    unnest(ARRAY['standard', 'priority', 'batch']) AS tier, unnest(ARRAY[2, 4, 5]::smallint[]) AS rank
UNION ALL
SELECT 'acme', '', 'H100', '', 'accelerator_seconds', 'standard', 0, '', '', 'USD', 0.002, 1,
    date '-infinity', date 'infinity',
    2, 'list', 'list 2'
"""
USAGE = """
INSERT INTO ledger.usage_daily (connection_id, report, usage_date, row_key, usage_type, operation, model, variant,
    deployment, resource, region, accelerator, api_key_id, job_id, tag_team, tag_project, tag_environment, provider,
    account_id, breakdown, basis, bucket_start, bucket_end, load_id, model_version, service_tier, batch, context_window,
    host, project_id, user_id, channel, status, speed, input_tokens, cached_input_tokens, output_tokens,
    accelerator_seconds)
SELECT 'c' || c, 'usage', current_date - d, gen_random_uuid(), '', '',
    CASE WHEN k < 24 THEN 'accounts/acme/models/model-' || 1 + k %% %(models)s ELSE '' END, '', '', '', '',
    CASE k WHEN 24 THEN 'H100' ELSE '' END, 'key_' || k / 4, '', '', '', '', 'acme', 'c' || c, '', 'metered',
    current_date - d, current_date - d + 1, gen_random_uuid(), '', '', '', '', '', '', '', '', '', '',
    CASE WHEN k < 24 THEN 5000 + d + k END, CASE WHEN k < 24 THEN 3000 + c END, CASE WHEN k < 24 THEN 700 + k END,
    CASE k WHEN 24 THEN 86400 END
FROM generate_series(%(days)s, 1, -1) AS d, generate_series(1, %(connections)s) AS c,
    generate_series(0, %(rows)s - 1) AS k
"""
BILL = """
INSERT INTO ledger.cost_daily (connection_id, report, usage_date, row_key, usage_type, category, charge_category,
    line_item, currency, provider, account_id, breakdown, basis, bucket_start, bucket_end, load_id, quantity, amount,
    meter, model, variant, resource, host, region, service_tier, context_window, project_id, api_key_id, user_id,
    channel, unit, speed, sku_id, invoice_month, deployment, accelerator, batch)
SELECT connection_id, 'costs', usage_date, gen_random_uuid(), '', meter, 'Usage', model, 'USD', 'acme', connection_id,
    '', 'billed', usage_date, usage_date + 1, gen_random_uuid(), quantity, quantity * price, meter, model, '', '',
    '', '',
    '', '', '', '', '', '', '', '', '', '', '', accelerator, ''
FROM (
    SELECT connection_id, usage_date, model, accelerator, meter, sum(quantity) AS quantity,
        CASE meter WHEN 'accelerator_seconds' THEN 0.002 ELSE right(model, 1)::numeric * 0.000004 END AS price
    FROM ledger.usage_daily
    CROSS JOIN LATERAL (VALUES
        ('uncached_input_tokens', input_tokens - cached_input_tokens::numeric), ('output_tokens', output_tokens),
        ('cached_input_tokens', cached_input_tokens), ('accelerator_seconds', accelerator_seconds)
    ) AS part (meter, quantity)
    WHERE quantity > 0
    GROUP BY connection_id, usage_date, model, accelerator, meter
) AS used
"""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    for name, default in SIZE.items():
        options.add_argument(f"--{name}", type=int, default=default)
    size = vars(options.parse_args())
    figures = measured(size)
    sys.stdout.write(
        f"marts.reconciliation of {size['connections']} connections x {size['days']} days: {figures['read']:.2f} s of "
        f"server processor; to record all days of one connection: {figures['one']:.2f} s; three days again: "
        f"{figures['again']:.2f} s\n"
    )


def measured(size: dict[str, int]) -> dict[str, float]:
    """Processor seconds to record all verdicts, to read them, and to record three days of one connection again."""
    with fresh_warehouse() as engine:
        fill(engine, size)
        with process_of(engine) as spent:
            record_verdicts(engine, "c1")
            first = spent()
            with transaction(engine) as cursor:
                cursor.execute("UPDATE ops.day SET fetched_at = clock_timestamp() WHERE usage_date > current_date - 4")
            record_verdicts(engine, "c1")
            again = spent() - first
        fill_history(engine, size)
        with process_of(engine) as spent:
            for _ in range(5):
                read(engine, size)
            return {"one": first, "again": again, "read": spent() / 5}


@contextmanager
def process_of(engine: Engine) -> Iterator[Callable[[], float]]:
    """The processor seconds of the server's one process that serves the engine, without workers beside it."""
    with transaction(engine) as cursor:
        cursor.execute("ALTER DATABASE postgres SET max_parallel_workers_per_gather = 0")
    engine.dispose()
    with transaction(engine) as cursor:
        process = psutil.Process(cursor.connection.info.backend_pid)
    before = process.cpu_times()

    def spent() -> float:
        now = process.cpu_times()
        return now.user + now.system - before.user - before.system

    yield spent


def fill(engine: Engine, size: dict[str, int]) -> None:
    with transaction(engine) as cursor:
        for text in (MONTHS, CONNECTIONS, DAYS, MODELS, PRICES, USAGE, BILL):
            cursor.execute(text, size)
    connection: Any = engine.raw_connection()
    connection.driver_connection.set_isolation_level(0)
    connection.cursor().execute("VACUUM ANALYZE")  # as the server does by itself, a little later
    connection.invalidate()


HISTORY = """
INSERT INTO ops.verdict (connection_id, usage_date, currency, said_at, verdict, charged, rated, low, high, residual,
    settled, blame)
SELECT 'c' || c, verdict.usage_date, currency, said_at, verdict, charged, rated, low, high, residual, settled, blame
FROM ops.verdict AS verdict, generate_series(2, %(connections)s) AS c
WHERE connection_id = 'c1'
"""


def fill_history(engine: Engine, size: dict[str, int]) -> None:
    """What was recorded of one connection, of every other."""
    with transaction(engine) as cursor:
        cursor.execute(HISTORY, size)
        cursor.execute("ANALYZE ops.verdict")


def read(engine: Engine, size: dict[str, int]) -> None:
    """Read every verdict. Raises `SystemExit` where one is another than the facts make it."""
    with transaction(engine) as cursor:
        cursor.execute("SELECT * FROM marts.reconciliation")
        rows = cursor.fetchall()
    if [row[4] for row in rows] != ["reconciled"] * size["days"] * size["connections"]:
        raise SystemExit("the facts are equal, but a verdict says otherwise")


if __name__ == "__main__":
    main()
