"""What tests of the schema share: a database with nothing in it, and marts of the test's own."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine

from usage_ledger.warehouse import marts as marts_module
from usage_ledger.warehouse import schema
from usage_ledger.warehouse.marts import marts


@pytest.fixture
def database(empty_database: Callable[..., Engine]) -> Engine:
    """A database with nothing in it."""
    return empty_database()


@pytest.fixture
def own_marts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of views that the test fills, in place of the project's."""
    folder = tmp_path / "sql" / "marts"
    folder.mkdir(parents=True)
    for module in (schema, marts_module):
        monkeypatch.setattr(module, "marts", lambda: marts(folder))
    return folder
