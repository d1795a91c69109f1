"""A connection of any provider, whose server answers as a test says."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from fastapi import FastAPI
from kit.answering import Account, Answer, AnsweringServer
from kit.rules_by_arrow import rules_by_arrow  # noqa: F401  for every test here
from sqlalchemy import Engine

from usage_ledger.sandbox.app import running


@pytest.fixture(scope="module")
def answering() -> Iterator[tuple[AnsweringServer, str]]:
    server = AnsweringServer()
    with running(cast(FastAPI, server)) as url:
        yield server, url


PRICES = {"data": [{"id": "m", "display_name": "M", "pricing": [{"sku": "x", "amount": "1", "unit": "1M tokens"}]}]}
"""Fireworks' list, by which a bill's models are looked up."""


@pytest.fixture
def account(
    answering: tuple[AnsweringServer, str], engine: Engine, query: Any, tmp_path: Path
) -> Callable[..., Account]:
    """Makes a connection of a provider; `server.answers` says what its server answers."""
    server, url = answering
    server.answers.clear()
    server.answers["/v1/serverless/models"] = Answer(PRICES)
    server.requests.clear()
    return lambda provider, account="": Account(provider, server, url, engine, query, tmp_path / "raw", account)
