"""The command `usage-ledger` in this process, over a test's warehouse."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Protocol

import pytest
from sqlalchemy import Engine

from usage_ledger.cli import main


@dataclass(frozen=True)
class Done:
    """What a command wrote, and the code it left with."""

    stdout: str
    stderr: str
    returncode: int


class Ledger(Protocol):
    """Runs a command with these words, and checks the code it leaves with, where one is named."""

    def __call__(self, *words: str, code: int | None = None) -> Done: ...


@contextmanager
def ledger_command(engine: Engine, folder: Path, **environment: str) -> Iterator[Ledger]:
    """The command over the engine's database, with local state, raw storage and connections in a folder."""
    connections = folder / "connections"
    connections.mkdir(parents=True, exist_ok=True)
    settings = {
        "USAGE_LEDGER_LOCAL": str(folder / "local"),
        "USAGE_LEDGER_CONNECTIONS": str(connections),
        "USAGE_LEDGER_RAW": str(folder / "raw"),
        "AIRFLOW_CONN_USAGE_WAREHOUSE": f"postgres://postgres@/{engine.url.database}?host={engine.url.query['host']}",
    }

    def run(*words: str, code: int | None = None) -> Done:
        out, err, status = StringIO(), StringIO(), 0
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            patch.setattr(sys, "argv", ["usage-ledger", *words])
            for name, value in {**settings, **environment}.items():
                patch.setenv(name, value)
            try:
                main()
            except SystemExit as ended:
                status = ended.code if isinstance(ended.code, int) else 1
        done = Done(out.getvalue(), err.getvalue(), status)
        assert "Traceback" not in done.stderr
        assert code is None or done.returncode == code, done
        return done

    yield run
