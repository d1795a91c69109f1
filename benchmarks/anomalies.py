"""How well the score of anomalies tells a strange day from a clean one: `python benchmarks/anomalies.py`.

Ninety-two days of what the stand-ins of seven providers charge, for one seed on which the score was chosen and ten
others on which it is judged, go into a fresh database of the embedded PostgreSQL. Then each of the last fortnight's
days is doubled, then halved, and `marts.anomalies` says what it thinks. Writes the table in docs/budgets.md.
"""

import argparse
import re
import sys
import uuid
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from fresh_warehouse import fresh_warehouse
from psycopg2.extras import execute_values
from sqlalchemy import Engine

from usage_ledger.contracts.registry import contract
from usage_ledger.core.project import ROOT
from usage_ledger.sandbox.accounts import STAND_INS
from usage_ledger.sandbox.fireworks.truth import FireworksTruth
from usage_ledger.warehouse.engine import transaction

FIRST, END = date(2026, 8, 20), date(2026, 11, 20)
STRANGE = [END - timedelta(days=number) for number in range(14, 0, -1)]
CHOSEN, JUDGED = 1, range(2, 12)
FLOOR = Decimal(50)
LINES = {
    "openai": ("costs", "line_item"),
    "anthropic": ("cost", "model"),
    "openrouter": ("activity", "model"),
    "google_vertex_ai": ("billing_export", "model"),
    "aws_bedrock": ("cost", "category"),
    "azure_openai": ("cost", "deployment"),
}
"""The report of what each provider's stand-in charges, and what tells its lines apart; Fireworks' is another."""
BLANK = [
    name
    for name in contract("cost_daily").names("dimension")
    if name not in ("line_item", "charge_category", "currency")
]
COLUMNS = (
    *("connection_id", "report", "usage_date", "row_key", "provider", "account_id", "breakdown", "basis"),
    *("bucket_start", "bucket_end", "load_id", "line_item", "charge_category", "currency", "amount", *BLANK),
)
INSERT = f"INSERT INTO ledger.cost_daily ({', '.join(COLUMNS)}) VALUES %s"
DAYS = """
INSERT INTO ops.day (connection_id, report, usage_date, day_zone, state, row_count, settled)
SELECT DISTINCT connection_id, report, usage_date, 'UTC', 'loaded', 1, true FROM ledger.cost_daily
"""
MULTIPLY = "UPDATE ledger.cost_daily SET amount = amount * %s WHERE usage_date = %s"
SCORES = """
SELECT name, usage_date, amount_score, line_score, abs(amount - expected), direction
FROM marts.anomalies
WHERE amount_score IS NOT NULL OR line_score IS NOT NULL
"""
PAGE = ROOT / "docs" / "budgets.md"
PLACE = re.compile(r"(<!-- measured by `make anomalies` -->\n).*?(<!-- end of it -->)", re.DOTALL)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--score", type=Decimal, default=Decimal(4))
    options.add_argument("--no-write", action="store_true")
    chosen = options.parse_args()
    with fresh_warehouse() as engine:
        fill(engine)
        table = figures(measured(engine), chosen.score)
    sys.stdout.write(table)
    if not chosen.no_write:
        PAGE.write_text(PLACE.sub(lambda place: place[1] + table + place[2], PAGE.read_text("utf-8")), "utf-8")


def fill(engine: Engine) -> None:
    """A connection `<provider>/<seed>` of each stand-in, with its charges."""
    with transaction(engine) as cursor:
        for month in (8, 9, 10, 11):
            cursor.execute("SELECT ops.ensure_month('cost_daily', %s)", (date(2026, month, 1),))
        for seed in (CHOSEN, *JUDGED):
            execute_values(cursor, INSERT, list(rows(seed)), page_size=5000)
        cursor.execute(DAYS)
    with transaction(engine) as cursor:
        cursor.execute("ANALYZE ledger.cost_daily")
        cursor.execute("ANALYZE ops.day")


def rows(seed: int) -> Iterator[tuple[Any, ...]]:
    for provider, day, line, amount in charges(seed):
        start = datetime.combine(day, time(), UTC)
        ids = (
            str(uuid.uuid4()),
            provider,
            "acme",
            "",
            "billed",
            start,
            start + timedelta(days=1),
            str(uuid.UUID(int=0)),
        )
        yield (f"{provider}/{seed}", "cost", day, *ids, line, "Usage", "USD", amount, *[""] * len(BLANK))


def charges(seed: int) -> Iterator[tuple[str, date, str, Decimal]]:
    """Provider, usage date, line and amount of what the stand-ins charge."""
    truth = FireworksTruth(seed=seed, account="acme")
    for number in range((END - FIRST).days):
        day = FIRST + timedelta(days=number)
        for item in truth.summary(day, day + timedelta(days=1), False)["lineItems"]:
            cost = item["totalCost"]
            line = " ".join(str(item.get(name, "")) for name in ("category", "groupingValue", "secondaryGroupingValue"))
            yield "fireworks", day, line, int(cost["units"]) + Decimal(cost["nanos"]).scaleb(-9)
    for provider, (report, by) in LINES.items():
        totals = STAND_INS[provider].truth(seed=seed, account="acme").expected(report, FIRST, END, by=by)
        for (day, breakdown, line), amounts in totals.items():
            if breakdown in ("", report) and "amount" in amounts:
                yield provider, day, line, Decimal(amounts["amount"])


Day = tuple[str, str, Decimal, Decimal, str]
"""The case, the connection, the larger score, the difference in money, the direction."""


def measured(engine: Engine) -> list[Day]:
    """What the view says of clean days, and of each strange one."""
    found = [("clean", *one[1:]) for one in scores(engine, None, 1)]
    for day in STRANGE:
        found += [("doubled", *one[1:]) for one in scores(engine, day, 2)]
        found += [("halved", *one[1:]) for one in scores(engine, day, Decimal("0.5"))]
    return found


def scores(engine: Engine, day: date | None, factor: Decimal | int) -> Iterator[Day]:
    with engine.raw_connection().driver_connection as connection, connection.cursor() as cursor:  # type: ignore[union-attr]
        if day:
            cursor.execute(MULTIPLY, (factor, day))
        cursor.execute(SCORES)
        for name, usage_date, amount_score, line_score, difference, direction in cursor.fetchall():
            if day in (None, usage_date):
                score = max(abs(amount_score or 0), abs(line_score or 0))
                yield ("", name, score, difference or Decimal(0), direction)
        connection.rollback()


def figures(days: list[Day], score: Decimal) -> str:
    """The table: per provider, with and without the floor in money."""
    lines = [
        f"Score {score}, seeds {min(JUDGED)} to {max(JUDGED)}; chosen on seed {CHOSEN}.",
        "",
        "| Provider's stand-in | Doubled days found | Halved days found | False alarms, of clean days |",
        "| --- | --- | --- | --- |",
    ]
    seeds = {str(seed) for seed in JUDGED}
    judged = [day for day in days if day[1].partition("/")[2] in seeds]
    providers = sorted({day[1].partition("/")[0] for day in judged})
    for title, floor, names in (
        (f"all that differ by {FLOOR} USD or more", FLOOR, providers),
        *((name, Decimal(0), [name]) for name in providers),
        ("all, without a floor in money", Decimal(0), providers),
    ):
        of = [day for day in judged if day[1].partition("/")[0] in names]
        lines.append(f"| {title} | {' | '.join(cells(of, score, floor))} |")
    return "\n".join(lines) + "\n"


def cells(days: Iterable[Day], score: Decimal, floor: Decimal) -> Iterator[str]:
    days = list(days)
    for case, direction in (("doubled", "high"), ("halved", "low"), ("clean", "")):
        of = [day for day in days if day[0] == case]
        if case != "clean":  # a change below the floor is none that the floor lets through
            of = [day for day in of if day[3] >= floor]
        alarms = [day for day in of if day[2] >= score and day[3] >= floor and day[4].startswith(direction)]
        share = f" ({len(alarms) / len(of):.1%})" if of and case != "clean" else ""
        yield f"{len(alarms)} of {len(of)}{share}"


if __name__ == "__main__":
    main()
