"""What owners cost the warehouse: `python benchmarks/team_costs.py`.

Fills a fresh database of the embedded PostgreSQL with the bills and usage of a few connections, as reconciliation.py
does, and with rules for most of their keys; records what each team's use cost; gives every other connection the
rows that were recorded of the first. Prints the processor seconds of the server's process for what is asked of it.
"""

import argparse
import sys
from collections.abc import Callable

from fresh_warehouse import fresh_warehouse
from reconciliation import SIZE as DEFAULTS
from reconciliation import fill, process_of
from sqlalchemy import Engine

from usage_ledger.money.team_costs import record_team_costs
from usage_ledger.warehouse.engine import transaction

SIZE = {"connections": 1000, "days": 400, "billed": 20}
TEAMS = """
INSERT INTO ledger.team (team, cost_center, notify, source_commit, change_id)
SELECT 'team_' || t, t::text, '{}', '', gen_random_uuid() FROM generate_series(0, 4) AS t
"""
RULES = """
INSERT INTO ledger.owner_rule (rule_id, connection_id, kind, id, team, app, valid_from, valid_to, source_commit,
    change_id)
SELECT 'rule_' || k, '', 'api_key', 'key_' || k, 'team_' || k % 5, '', '-infinity', 'infinity', '', gen_random_uuid()
FROM generate_series(0, 4) AS k
"""
BUDGETS = """
INSERT INTO ledger.budget (name, team, connection_id, amount, currency, warn_at, forecast, notify, valid_from, valid_to,
    source_commit, recorded_at)
SELECT 'budget_' || t, 'team_' || t, '', 1000000, 'USD', '{80,100}', true, '{}', '-infinity', 'infinity', '', now()
FROM generate_series(0, 4) AS t
"""
COPIES = (
    """
    INSERT INTO ledger.team_cost
    SELECT 'c' || c, usage_date, currency, team, app, method, provider, amount, settled
    FROM ledger.team_cost, generate_series(%(billed)s + 1, %(connections)s) AS c
    WHERE connection_id = 'c1'
    """,
    "ALTER TABLE ops.day DISABLE TRIGGER note_change",
    """
    INSERT INTO ops.day (connection_id, report, usage_date, day_zone, state, load_id, fetched_at, row_count, settled)
    SELECT 'c' || c, report, usage_date, day_zone, state, load_id, fetched_at, row_count, settled
    FROM ops.day, generate_series(%(billed)s + 1, %(connections)s) AS c
    WHERE connection_id = 'c1'
    """,
    "ALTER TABLE ops.day ENABLE TRIGGER note_change",
)
LATELY = (
    "UPDATE ops.day SET fetched_at = clock_timestamp() WHERE usage_date > current_date - 4 AND connection_id = 'c1'"
)
RELOAD = "UPDATE ledger.cost_daily SET amount = amount + 1 WHERE usage_date > current_date - 4"
MONTH = "date_trunc('month', current_date - 1)::date"
QUESTIONS = {
    "marts.allocated_cost of a connection's 3 days": """
        SELECT * FROM marts.allocated_cost WHERE connection_id = 'c1' AND usage_date > current_date - 4
    """,
    "marts.daily_cost_by_team of the month, by connection and team": f"""
        SELECT connection_id, team, currency, sum(amount) FROM marts.daily_cost_by_team
        WHERE usage_date >= {MONTH} GROUP BY 1, 2, 3
    """,
    "marts.daily_cost_by_team of a connection": "SELECT * FROM marts.daily_cost_by_team WHERE connection_id = 'c9'",
    "marts.unallocated_share of the month": f"SELECT * FROM marts.unallocated_share WHERE month = {MONTH}",
    "marts.budget_status of 5 teams": "SELECT * FROM marts.budget_status",
}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    for name, default in SIZE.items():
        options.add_argument(f"--{name}", type=int, default=default)
    size = vars(options.parse_args())
    measure(size)


def measure(size: dict[str, int]) -> None:
    """Print the processor seconds of each question."""
    with fresh_warehouse() as engine:
        fill(engine, DEFAULTS | {"connections": size["billed"], "days": size["days"]})
        run(engine, TEAMS, RULES, BUDGETS)
        with process_of(engine) as spent:

            def timed(what: str, work: Callable[[], object]) -> None:
                before = spent()
                work()
                sys.stdout.write(f"{spent() - before:8.2f} s  {what}\n")
                sys.stdout.flush()

            timed(f"to record {size['days']} days of a connection", lambda: record_team_costs(engine, "c1"))
            run(engine, LATELY)
            timed("to record 3 of them again", lambda: record_team_costs(engine, "c1"))
            with transaction(engine) as cursor:
                for text in COPIES:
                    cursor.execute(text, size)
                cursor.execute("DELETE FROM ops.team_cost_due")
                cursor.execute("ANALYZE ledger.team_cost, ops.day")
            for what, text in QUESTIONS.items():
                timed(what, lambda text=text: read(engine, text))  # type: ignore[misc]
            run(engine, RELOAD)
            late = f"the same month while 3 days of {size['billed']} connections are not recorded yet"
            timed(late, lambda: read(engine, QUESTIONS["marts.unallocated_share of the month"]))
            check(engine)


def run(engine: Engine, *texts: str) -> None:
    with transaction(engine) as cursor:
        for text in texts:
            cursor.execute(text)


def read(engine: Engine, text: str) -> None:
    with transaction(engine) as cursor:
        cursor.execute(text)
        cursor.fetchall()


def check(engine: Engine) -> None:
    """Raises `SystemExit` where what is recorded of the first connection is not its bill."""
    with transaction(engine) as cursor:
        cursor.execute(
            "SELECT (SELECT sum(amount) FROM marts.bill_lines WHERE connection_id = 'c1')"
            " = (SELECT sum(amount) FROM marts.daily_cost_by_team WHERE connection_id = 'c1')"
        )
        if cursor.fetchone() != (True,):
            raise SystemExit("what is recorded does not add up to the bill")


if __name__ == "__main__":
    main()
