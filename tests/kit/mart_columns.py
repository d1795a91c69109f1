"""Writes which columns every mart has, with their types and in their order, for `tests/warehouse/test_mart_columns.py`.

`make mart-columns` runs it. What is there may grow at the end alone; to let a mart break, delete its entry first.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path

from sqlalchemy import Engine, make_url

from usage_ledger.core.project import ROOT
from usage_ledger.warehouse.engine import transaction, warehouse_engine
from usage_ledger.warehouse.marts import changes, mart_columns
from usage_ledger.warehouse.schema import ensure_schema

FILE = ROOT / "tests" / "fixtures" / "mart_columns.json"
Columns = dict[str, dict[str, str]]
"""By mart, each column and its type, in their order."""


def promised() -> Columns:
    """What the file says."""
    columns: Columns = json.loads(FILE.read_text(encoding="utf-8"))
    return columns


def columns_of(engine: Engine) -> Columns:
    """What the marts of a warehouse have."""
    with transaction(engine) as cursor:
        return {name: dict(columns) for name, columns in sorted(mart_columns(cursor).items())}


def broken(before: Columns, now: Columns) -> list[str]:
    """Every mart that is gone, or has changed otherwise than by columns at its end."""
    said = [f"marts.{name} is gone" for name in before if name not in now]
    for name, columns in before.items():
        if name in now and (changed := changes(list(columns.items()), list(now[name].items()))):
            said.append(f"marts.{name}: {changed}")
    return said


def main() -> int:
    from kit.cluster import start_cluster

    folder = Path(tempfile.mkdtemp(prefix="ul"))
    try:
        server = start_cluster(folder / "pg")
        try:
            engine = warehouse_engine(make_url(server.get_uri("postgres")))
            ensure_schema(engine)
            now = columns_of(engine)
            engine.dispose()
        finally:
            server.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if FILE.exists() and (said := broken(promised(), now)):
        sys.stderr.write("\n".join([*said, "nothing was written; see CONTRIBUTING.md, Change a mart"]) + "\n")
        return 1
    FILE.write_text(json.dumps(now, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT / "tests"))
    sys.exit(main())
