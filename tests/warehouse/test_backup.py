"""The commands of docs/operate.md bring a warehouse back; what came after the dump comes again from raw storage."""

import os
import re
import subprocess
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from kit.command import ledger_command
from kit.upgrading import ask
from sqlalchemy import Engine

from usage_ledger.connections import Connection
from usage_ledger.core.project import ROOT
from usage_ledger.http.auth import Credential
from usage_ledger.http.client import Client
from usage_ledger.local.postgres import program
from usage_ledger.pipeline.plan import Dates
from usage_ledger.pipeline.run import Ran, run_all
from usage_ledger.sandbox.app import create_app, running
from usage_ledger.sandbox.fireworks.truth import FireworksTruth

KEY = "fw_backupKey0123456789"
ACME = Connection(id="acme_prod", provider="fireworks", account="acme", reports=("usage", "cost", "api_keys"))
FIRST, LAST = date(2026, 11, 1), date(2026, 11, 3)
FULL, OTHER = FireworksTruth(account="acme"), FireworksTruth(account="acme", seed=2)


def blocks() -> tuple[str, str]:
    """The commands that the page gives: those of a backup, and those of a restore."""
    page = (ROOT / "docs" / "operate.md").read_text(encoding="utf-8")
    section = page.split("\n## Backup and restore\n")[1].split("\n## ")[0]
    backup, restore = re.findall(r"^```\n(.+?)^```", section, re.MULTILINE | re.DOTALL)
    return backup, restore


@pytest.fixture
def shell(database: Engine, tmp_path: Path) -> Callable[[str], None]:
    """Runs commands of the page as they are; those of ours in this process."""
    (tmp_path / "backup").mkdir()
    folder = tmp_path / "connections"
    folder.mkdir()
    (folder / "acme_prod.yaml").write_text("provider: fireworks\naccount: acme\nreports: [usage, cost, api_keys]\n")
    url = f"postgresql://postgres@/{database.url.database}?host={database.url.query['host']}"
    variables = {"WAREHOUSE": url, "RAW": str(tmp_path / "raw"), "BACKUP": str(tmp_path / "backup")}
    path = f"{program('pg_dump').parent}{os.pathsep}{os.environ['PATH']}"

    def run(block: str) -> None:
        for line in block.splitlines():
            if line.startswith("usage-ledger "):
                with ledger_command(database, tmp_path) as command:
                    command(*line.split()[1:], code=0)
                continue
            done = subprocess.run(
                ["/bin/sh", "-euc", line],
                env={"PATH": path, **variables},
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            assert done.returncode == 0, (line, done.stderr)

    return run


@pytest.fixture
def load(database: Engine, tmp_path: Path) -> Callable[..., Ran]:
    def run(truth: FireworksTruth, last: date = LAST) -> Ran:
        with (
            running(create_app([truth], KEY)) as url,
            Client(ACME.declared, base_url=url, credential=Credential(KEY), account="acme") as client,
        ):
            now, root = datetime.now(UTC), tmp_path / "raw"
            return run_all(ACME, Dates(FIRST, last), client=client, engine=database, root=root, now=now)

    return run


def content(engine: Engine) -> list[object]:
    """Every row of the ledger, what was restated, and which load each date stands on."""
    tables = ("usage_daily", "cost_daily", "name")
    questions = [f"SELECT row::text FROM ledger.{table} AS row ORDER BY 1" for table in tables]
    questions.append("SELECT report, usage_date, state, load_id::text, row_count FROM ops.day ORDER BY 1, 2")
    questions.append(
        "SELECT report, usage_date, row_key::text, meter, old, new FROM ops.restatement ORDER BY 1, 2, 3, 4, 5"
    )
    return [ask(engine, question) for question in questions]


def drop(engine: Engine) -> None:
    ask(engine, "DROP SCHEMA marts, ops, ledger, bi CASCADE")
    assert ask(engine, "SELECT to_regclass('ledger.usage_daily')::text") == [(None,)]


def test_a_dump_is_brought_back_and_what_came_after_it_is_rebuilt(
    database: Engine, load: Callable[..., Ran], shell: Callable[[str], None], tmp_path: Path
) -> None:
    backup, restore = blocks()
    load(FULL)
    ask(database, "CREATE SCHEMA bi")
    ask(database, "CREATE VIEW bi.spend AS SELECT usage_date, amount FROM marts.daily_cost")
    shell(backup)
    before, spend = content(database), ask(database, "SELECT * FROM bi.spend ORDER BY 1, 2")
    assert all([before[0], before[1], spend])

    drop(database)
    shell(restore)
    assert content(database) == before
    assert ask(database, "SELECT * FROM bi.spend ORDER BY 1, 2") == spend
    load(FULL)
    assert content(database)[:3] == before[:3]

    load(OTHER)  # the figures change after the dump
    truth = content(database)
    assert truth[0] != before[0]
    drop(database)
    shell(restore)
    assert content(database)[:2] == truth[:2]
    assert content(database)[4] == truth[4]
