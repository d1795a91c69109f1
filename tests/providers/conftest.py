"""What the tests of all providers share."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kit.rules_by_arrow import rules_by_arrow  # noqa: F401  for every test here
from spoiled import Desk, Spoiled, everyone
from sqlalchemy import Engine

from usage_ledger.model import Provider
from usage_ledger.sandbox.app import running

Query = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture(scope="module")
def service() -> Iterator[tuple[Spoiled, str]]:
    site = Spoiled(everyone())
    with running(site) as url:  # type: ignore[arg-type]
        yield site, url


@pytest.fixture
def desk(
    service: tuple[Spoiled, str], engine: Engine, query: Query, tmp_path: Path
) -> Iterator[Callable[[Provider], Desk]]:
    site, url = service
    site.reset()
    yield lambda provider: Desk(provider.name, site, url, engine, query, tmp_path)
    site.reset()
