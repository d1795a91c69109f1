"""The product's own path on one answer: extract, transform, validate, load; prints JSON.

Each step by itself, in a fork of this process, when the question is how much memory a task needs beyond its imports.
"""

import argparse
import gc
import json
import os
import resource
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import answers
from sqlalchemy import Engine

import usage_ledger.airflow.preload  # noqa: F401  as in a task: all imports, and a frozen collector
from usage_ledger.connections import Connection, connection_from
from usage_ledger.core.windows import Window
from usage_ledger.http.auth import Credential
from usage_ledger.http.client import Client
from usage_ledger.pipeline.extract import extract
from usage_ledger.pipeline.load import load
from usage_ledger.pipeline.run import new_run_id
from usage_ledger.pipeline.transform import transform
from usage_ledger.pipeline.validate import validate
from usage_ledger.warehouse.engine import engine_url, warehouse_engine
from usage_ledger.warehouse.schema import ensure_schema

STEPS = ("extract", "transform", "validate", "load")
WINDOW = Window(answers.FIRST, answers.FIRST + timedelta(days=answers.DAYS))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("url")
    options.add_argument("server", help="the socket folder of a PostgreSQL")
    options.add_argument("--memory", action="store_true", help="each step in a process of its own")
    options.add_argument("--cut", action="store_true", help="leave a field of each row out of what is landed")
    options.add_argument("--before", help="a URL whose rows are loaded before the clock starts")
    told = options.parse_args()
    prepare(told.server)
    root = Path(tempfile.mkdtemp(prefix="ul"))
    try:
        if told.before:
            together(told.before, told.server, root)
        found = (separately if told.memory else together)(told.url, told.server, root, cut=told.cut)
        found["raw_bytes"] = sum(path.stat().st_size for path in (root / "fireworks").rglob("*.zst"))
    finally:
        shutil.rmtree(root)
    sys.stdout.write(json.dumps(found) + "\n")


def engine_of(server: str) -> Engine:
    return warehouse_engine(
        engine_url(user="postgres", password="", host=server, port=None, database="postgres", options={})
    )


def prepare(server: str) -> None:
    """An empty warehouse."""
    engine = engine_of(server)
    with engine.raw_connection().driver_connection.cursor() as cursor:  # type: ignore[union-attr]
        cursor.execute("DROP SCHEMA IF EXISTS ledger, ops, marts CASCADE")
        cursor.connection.commit()
    ensure_schema(engine)
    engine.dispose()


def steps(url: str, server: str, root: Path, *, cut: bool = False) -> dict[str, Callable[[str], Any]]:
    """What each step does, given the load's id."""
    engine = engine_of(server)
    connection: Connection = connection_from("bench", {"provider": "fireworks", "account": "bench"}, "bench")
    report = connection.declared.report("usage")
    report = replace(report, cut=("serverlessCosts/*/costNanoUsd",)) if cut else report

    def extracted(_load_id: str) -> str:
        key = f"fw_{secrets.token_hex(16)}"
        with Client(connection.declared, base_url=url, credential=Credential(key), account="bench") as client:
            return extract(connection, report, WINDOW, client=client, engine=engine, root=root, run_id=new_run_id())

    return {
        "extract": extracted,
        "transform": lambda load_id: transform(connection, load_id, engine=engine, root=root),
        "validate": lambda load_id: validate(connection, load_id, engine=engine, root=root),
        "load": lambda load_id: load(connection, load_id, engine=engine, root=root).rows,
    }


def together(url: str, server: str, root: Path, *, cut: bool = False) -> dict[str, Any]:
    """Wall seconds of each step, one after the other."""
    doing = steps(url, server, root, cut=cut)
    seconds: dict[str, float] = {}
    load_id = rows = ""
    for name in STEPS:
        started = time.perf_counter()
        result = doing[name](load_id)
        seconds[name] = time.perf_counter() - started
        load_id, rows = (result, rows) if name == "extract" else (load_id, result)
    return {"seconds": sum(seconds.values()), "steps": seconds, "rows": rows}


def separately(url: str, server: str, root: Path, *, cut: bool = False) -> dict[str, Any]:
    """Megabytes that each step needs beyond what this process has after its imports."""
    load_id, peaks = "", {}
    gc.collect()
    for name in STEPS:
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            result = steps(url, server, root, cut=cut)[name](load_id)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            os.write(writing, json.dumps([result if name == "extract" else load_id, (peak - base) / 1024]).encode())
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as pipe:
            load_id, peaks[name] = json.load(pipe)
        os.waitpid(child, 0)
    return {"peaks_mb": peaks}


if __name__ == "__main__":
    assert date.today() > WINDOW.end  # noqa: S101, DTZ011  only days that are over are asked for
    main()
