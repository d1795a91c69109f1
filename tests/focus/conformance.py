"""Does the export keep to FOCUS, and would a checker notice if it did not? Run by `make focus`.

Fills a ledger from the stand-ins, exports it in both versions, and lets the checkers read the files; then
again with one fault after the other. Writes the figures into docs/focus.md.
"""

import os
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from kit.cluster import start_cluster
from kit.filled_ledger import fill_ledger
from sqlalchemy import URL

from focus.checkers import CONTRADICTIONS, Verdict, lint, official, repaired_rules
from focus.injected_faults import FAULTS, Change
from usage_ledger.core.project import ROOT
from usage_ledger.money.focus import VERSIONS, export_month
from usage_ledger.warehouse.engine import warehouse_engine
from usage_ledger.warehouse.schema import ensure_schema

FIRST, LAST = date(2026, 11, 1), date(2026, 11, 19)
MOST = 50
PAGE = ROOT / "docs" / "focus.md"
BEGIN, END = "<!-- figures of make focus -->\n", "<!-- end -->"


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="ul-focus-"))
    os.environ |= {"USAGE_LEDGER_LOCAL": str(folder / "local"), "AIRFLOW_HOME": str(folder / "airflow")}
    try:
        passes, figures = clean(folder, export(folder))
        print(figures)  # noqa: T201
        noticed, found_by = faults(folder)
        print(found_by)  # noqa: T201
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(repaired_rules(), ignore_errors=True)
    write_page(figures, found_by)
    if not (passes and noticed):
        sys.exit("make focus: the export breaks a rule, or a fault was not noticed; see above")


def export(folder: Path) -> dict[str, int]:
    """Write both files; how many lines each has."""
    server = start_cluster(folder / "pg")
    try:
        engine = warehouse_engine(URL.create("postgresql+psycopg2", username="postgres", host=str(folder / "pg")))
        ensure_schema(engine)
        fill_ledger(engine, folder / "raw", FIRST, LAST)
        return {version: export_month(engine, version, FIRST, folder / f"{version}.parquet") for version in VERSIONS}
    finally:
        server.cleanup()


def checked(folder: Path, name: str) -> tuple[Verdict, list[str]]:
    """What the checkers say of the two files of that name: the official validator of 1.2, the lint of 1.4."""
    verdict = official(folder / f"{name}1.2.parquet")
    return verdict, lint(folder / f"{name}1.4.parquet")


def clean(folder: Path, counts: dict[str, int]) -> tuple[bool, str]:
    """Whether the export passes, and the figures of it."""
    verdict, complaints = checked(folder, "")
    failing = [name for name in verdict.failing if name not in CONTRADICTIONS]
    for line in (*failing, *complaints[:20]):
        print(f"  {line}", file=sys.stderr)  # noqa: T201
    rows = [
        ("lines exported", *(f"{counts[version]:,}" for version in VERSIONS)),
        ("checks", f"{verdict.checks}, {verdict.left_out} of them left out", "of structure and meaning"),
        ("failing", f"{len(failing)}", f"{len(complaints)}"),
        ("failing, and contradictory upstream", ", ".join(verdict.failing) or "none", "none"),
    ]
    return not failing and not complaints, table("", "1.2, official validator", "1.4, lint", rows=rows)


def faults(folder: Path) -> tuple[bool, str]:
    """Whether each fault is noticed, and the table of who notices it."""
    samples = {version: sample(pq.read_table(folder / f"{version}.parquet")) for version in VERSIONS}

    def tried(number: int, change: Change) -> tuple[str, str]:
        for version, lines in samples.items():
            pq.write_table(change(lines), folder / f"{number}-{version}.parquet")
        verdict, complaints = checked(folder, f"{number}-")
        failing = [name for name in verdict.failing if name not in CONTRADICTIONS]
        return as_count(failing), as_count(complaints)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found_by = list(pool.map(tried, range(len(FAULTS) + 1), (lambda lines: lines, *FAULTS.values())))
    (sound, *noticed) = found_by
    rows = [(name, *who) for name, who in zip(FAULTS, noticed, strict=True)]
    for name, *who in rows:
        if not any(who):
            print(f"  not noticed: {name}", file=sys.stderr)  # noqa: T201
    by = [sum(map(bool, column)) for column in zip(*noticed, strict=True)]
    rows.append(("**noticed**", *(f"**{count} of {len(FAULTS)}**" for count in by)))
    return not any(sound) and all(map(any, noticed)), table(
        "Fault", "official, failing checks", "lint, complaints", rows=rows
    )


def as_count(complaints: list[str]) -> str:
    """How many there are; the lint names fifty at most."""
    return f"{len(complaints)}{'+' * (len(complaints) >= MOST)}" if complaints else ""


def sample(lines: pa.Table) -> pa.Table:
    """Rows of each provider and class of charge, and of each SKU."""
    kinds = {(row["x_ProviderCode"], row["ChargeCategory"], row["SkuId"]): n for n, row in enumerate(lines.to_pylist())}
    return lines.take(sorted(kinds.values()))


def table(*heading: str, rows: list[tuple[str, ...]]) -> str:
    lines = [heading, ("---",) * len(heading), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def write_page(*tables: str) -> None:
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(before + BEGIN + "\n".join(tables) + END + after, encoding="utf-8")


if __name__ == "__main__":
    main()
