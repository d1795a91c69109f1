"""Writes what the benchmarks found: docs/benchmarks.json, and docs/benchmarks.md and .svg made of it alone."""

import json
import os
import platform
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

PLOT = Path(__file__).resolve().parent / "plot.py"
PEERS = PLOT.parents[1] / ".venv-bench" / "bin" / "python"


@dataclass(frozen=True)
class Goal:
    """What a figure should be at least or at most, and what it is."""

    key: str
    least: float | None
    most: float | None
    what: str


GOALS = (  # what a person feels, then what a machine needs, then others
    Goal("cli_help_s", None, 0.3, "seconds, cold `usage-ledger --help`"),
    Goal("cli_status_s", None, 1.5, "seconds, cold `usage-ledger status`, the warehouse named in the environment"),
    Goal("requests_daily", None, 1, "request of the usage report for a daily run with its look-back"),
    Goal("requests_400_days", None, 13, "requests of the usage report for 400 days in a range run"),
    Goal("worker_parse_10000_s", None, 2, "seconds for a worker's own parse, 10,000 connections"),
    Goal("poisoned_slowdown", None, 1.1, "of the time without it: one poisoned connection among 100"),
    Goal("raw_vs_zstd3", None, 1.2, "of the page compressed with zstd 3: raw storage"),
    Goal("peak_rss_over_base_mb", None, 300, "MB beyond its imports in the hungriest step, 1,000,000 rows"),
    Goal("scrub_peak_over_base_mb", None, 100, "MB beyond its imports: extract of 100 MiB with pseudonyms"),
    Goal("cut_peak_over_base_mb", None, 150, "MB beyond its imports: extract of 1,000,000 rows, a field of each cut"),
    Goal("slowest_provider_vs_fireworks", 0.5, None, "of Fireworks' rows a second, for the slowest of other forms"),
    Goal("growth_50k_to_1m", None, 1.1, "of the line through 50,000 and 200,000 rows, at 1,000,000 rows"),
    Goal("parse_1000_vs_empty", None, 1.3, "of 1,000 empty Dags: parsing and serialising 1,000 connections"),
    Goal("daily_1000_vs_empty", None, 1.3, "of 1,000 empty Dags: 1,000 connections, a day each"),
    Goal("backfill_365_vs_empty", None, 1.3, "of an empty Dag's wall time: 365 days, native backfill"),
    Goal("full_path_vs_floor", None, 1.6, "times the floor: typed decode, Arrow, `COPY`, insert, nothing else"),
    Goal("full_path_vs_dlt", 5.5, None, "times as fast as dlt with the same rows and `merge`"),
    Goal("second_load_vs_dlt", 8, None, "times as fast as dlt: the same rows a second time, what a look-back does"),
    Goal("changed_load_vs_dlt", 6, None, "times as fast as dlt: the same rows a second time, one of a hundred changed"),
    Goal("full_path_vs_dlt_arrow", 0.8, None, "times as fast as dlt fed with a table that was flattened by hand"),
    Goal("full_path_vs_dlt_arrow_parquet", 1.1, None, "times as fast as dlt in its best form, flattening on the clock"),
)


def write(docs: Path, figures: dict[str, Any]) -> None:
    """Add figures to those of other runs, and write all of them."""
    path = docs / "benchmarks.json"
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    machine = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30),
        "system": f"{platform.system()} {platform.machine()}",
    }
    known |= figures | {"machine": machine}
    path.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    text = markdown(known)
    (docs / "benchmarks.md").write_text(text, encoding="utf-8")
    subprocess.run([str(PEERS), str(PLOT), str(path), str(docs / "benchmarks.svg")], check=True)
    print(text)  # noqa: T201


def markdown(known: dict[str, Any]) -> str:
    """All figures beside their goals."""
    machine, versions = known["machine"], known.get("versions", {})
    lines = [
        "# Benchmarks",
        "",
        f"Written by `make bench` and `make bench-airflow` on {machine['date']}: {machine['cores']} cores,"
        f" {machine['memory_gb']} GB, {machine['system']};"
        f" {', '.join(f'{name} {version}' for name, version in versions.items())}.",
        "",
        "| Figure | Goal | Found | |",
        "| --- | --- | --- | --- |",
    ]
    for goal in GOALS:
        wanted = f"at least {goal.least:g}" if goal.least is not None else f"at most {goal.most:g}"
        found = known.get(goal.key)
        if found is None:
            lines.append(f"| `{goal.key}`: {goal.what} | {wanted} | not measured | |")
            continue
        met = found >= goal.least if goal.least is not None else found <= (goal.most or 0)
        lines.append(
            f"| `{goal.key}`: {goal.what} | {wanted} | {_told(found)} | {'' if met else 'short of its goal'} |"
        )
    lines += ["", "![Seconds by rows, and beside others](benchmarks.svg)", ""]
    if "seconds" in known:
        steps = ", ".join(f"{name} {seconds:.2f}" for name, seconds in known["steps"].items())
        lines += [
            f"Seconds for {known['rows']:,} rows of one `billingUsage` answer, imports excluded, medians of"
            f" {known['rounds']} rounds in which all took turns. Ours lands, validates with Great Expectations and"
            f" proves its sums; its steps: {steps}. dlt's Arrow table is fetched, decoded and flattened before the"
            " clock starts; its `dlt_arrow_parquet` does that on the clock, and loads through an ADBC driver. `again`"
            " and `changed` load what was loaded before the clock started. pandas took part once.",
            "",
            "| | Seconds |",
            "| --- | --- |",
            *(
                f"| {name} | {seconds:.2f} |"
                for name, seconds in sorted(known["seconds"].items(), key=lambda one: one[1])
            ),
            "",
            f"Memory beyond imports with {known['largest_answer_mb']:.0f} MB of JSON:"
            f" {', '.join(f'{name} {peak:.0f} MB' for name, peak in known['peaks_mb'].items())}.",
            "",
            "| Rows | Seconds |",
            "| --- | --- |",
            *(f"| {int(rows):,} | {seconds:.2f} |" for rows, seconds in known["growth"].items()),
            "",
        ]
    if "rows_a_second" in known:
        lines += [
            "A day of 50,000 rows from landed pages to the ledger: Replicate's are events on 500 pages, Bedrock's are"
            " series of CloudWatch on 100 pages, Google's are a table of BigQuery.",
            "",
            "| | Rows a second |",
            "| --- | --- |",
            *(f"| {name} | {speed:,.0f} |" for name, speed in known["rows_a_second"].items()),
            "",
        ]
    return "\n".join(lines)


def _told(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) or value >= 100 else f"{value:.2f}"
