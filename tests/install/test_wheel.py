"""The built wheel works where there is no checkout: it holds SQL, data contracts, prices and boards."""

import json
from pathlib import Path

from kit.wheel import run_apart

from usage_ledger.core.project import BOARDS, CATALOGUES, CONTRACTS, ROOT, SQL
from usage_ledger.warehouse.marts import marts
from usage_ledger.warehouse.schema import steps

READ = """
import json
import usage_ledger
from usage_ledger.contracts.registry import contract
from usage_ledger.page.render import FOLDER, render
from usage_ledger.warehouse.marts import mart_name, marts
from usage_ledger.warehouse.schema import steps
from usage_ledger.warehouse.sql import text
print(json.dumps([
    usage_ledger.__file__,
    text("load/lock"),
    contract("usage_daily").names(),
    [mart_name(path) for path in marts()],
    [path.name for path in steps()],
    [render("overview.html", view="overview"), *sorted(path.name for path in (FOLDER / "static").iterdir())],
]))
"""


def test_the_wheel_reads_statements_contracts_and_marts_outside_of_a_checkout(bare: Path, tmp_path: Path) -> None:
    origin, statement, names, views, numbered, page = json.loads(run_apart(str(bare), "-c", READ, cwd=tmp_path))
    assert Path(origin).is_relative_to(bare.parents[1])
    assert statement == (SQL / "load/lock.sql").read_text(encoding="utf-8")
    assert {"usage_date", "connection_id", "input_tokens"} <= set(names)
    assert views == [path.stem.partition("_")[2] for path in marts()]
    assert "usage_meters" in views
    assert numbered == [path.name for path in steps()]
    assert "data-fragment" in page[0]
    assert {"page.css", "shim.js"} <= set(page[1:])
    installed = Path(origin).parent
    for folder in (SQL, CONTRACTS, CATALOGUES, BOARDS):
        copy = installed / folder.relative_to(ROOT)
        assert {path.relative_to(folder) for path in folder.rglob("*")} == {
            path.relative_to(copy) for path in copy.rglob("*")
        }


def test_a_checkout_reads_its_own_folders() -> None:
    assert (ROOT / "include" / "sql", ROOT / "data_contracts") == (SQL, CONTRACTS)
