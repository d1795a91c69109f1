"""Put each fault into a month and write what the verdict says of it into docs/reconciliation.md: `make bill-faults`."""

import os
import re
import sys
import tempfile
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from kit.cluster import start_cluster  # noqa: E402  the kit is on no path of an installed package
from kit.second_month import FIRST, LAST, faults, fill_second_month, outcome_of, write_prices  # noqa: E402
from sqlalchemy import make_url  # noqa: E402

from usage_ledger.money.prices import apply_prices  # noqa: E402
from usage_ledger.warehouse.engine import warehouse_engine  # noqa: E402
from usage_ledger.warehouse.schema import ensure_schema  # noqa: E402

PAGE = ROOT / "docs" / "reconciliation.md"
PLACE = re.compile(r"(<!-- written by `make bill-faults` -->\n).*?(<!-- end of it -->)", re.DOTALL)
VERDICTS = """
SELECT verdict, count(*), sum(charged)::numeric(20, 2), sum(rated)::numeric(20, 2)
FROM marts.day_verdicts GROUP BY verdict ORDER BY verdict
"""


def main() -> None:
    """Fill a month, judge it clean and with each fault, and write the table. Ends with 1 when a fault is missed."""
    with tempfile.TemporaryDirectory(prefix="ul") as name:
        folder = Path(name)
        write_prices(folder / "prices")
        os.environ |= {"USAGE_LEDGER_PRICES": str(folder / "prices"), "USAGE_LEDGER_LOCAL": str(folder / "local")}
        server = start_cluster(folder / "postgres")
        try:
            engine = warehouse_engine(make_url(server.get_uri()))
            ensure_schema(engine)
            fill_second_month(engine, folder / "raw")
            apply_prices(engine)
            with closing(engine.raw_connection()) as connection:
                rows, missed = _rows(connection)
            engine.dispose()
        finally:
            server.cleanup()
    text = f"A month of the stand-in, {FIRST} to {LAST}:\n\n" + "\n".join(rows)
    PAGE.write_text(PLACE.sub(lambda match: f"{match[1]}{text}\n{match[2]}", PAGE.read_text(encoding="utf-8")), "utf-8")
    sys.stdout.write(text + "\n")
    sys.exit(bool(missed))


def _rows(connection: Any) -> tuple[list[str], list[str]]:
    cursor = connection.driver_connection.cursor()
    cursor.execute(VERDICTS)
    rows = ["| Verdict of a clean month | Days | Charged | Rated |", "| --- | --- | --- | --- |"]
    rows += [
        f"| `{verdict}` | {days} | {charged:,} | {rated:,} |" for verdict, days, charged, rated in cursor.fetchall()
    ]
    rows += ["", "| Fault | Verdicts of the days | First line to blame | Residual |", "| --- | --- | --- | --- |"]
    missed = []
    for fault in faults():
        outcome = outcome_of(cursor, fault)
        connection.rollback()
        line, cause = outcome.blame
        if not outcome.verdicts.get(fault.verdict) or fault.cause not in cause or fault.conflict > outcome.conflicts:
            missed.append(fault.name)
        verdicts = ", ".join(f"{days} `{verdict}`" for verdict, days in sorted(Counter(outcome.verdicts).items()))
        named = "; ".join(filter(None, (f"{line}: {cause}" if line else "", "sources differ" * fault.conflict)))
        rows.append(f"| {fault.name} | {verdicts} | {named or '-'} | {round(outcome.residual, 2) + 0:,.2f} |")
    return rows, missed


if __name__ == "__main__":
    main()
