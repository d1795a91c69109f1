"""Validation without Great Expectations where nothing is wrong, for tests that are about something else.

Its one expectation of a load costs 40 ms, however few rows there are; what breaks a rule is still told by it.
`tests/contracts` compares the two.
"""

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def rules_by_arrow(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if "engine" in request.fixturenames:
        from usage_ledger.pipeline import rules, validate

        def all_met(of_table: list[rules.Rule], columns: rules.Columns, rows: int) -> bool:
            return not rules.count_broken(of_table, columns, rows)[rules.BROKEN].any()

        monkeypatch.setattr(validate, "all_met", all_met)
    yield
