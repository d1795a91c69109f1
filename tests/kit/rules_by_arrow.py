"""Validation without Great Expectations where nothing is wrong, for tests that are about something else.

Its one expectation of a table costs 10 ms, its import seconds; what breaks a rule is still told by it.
`tests/contracts` compares the two.
"""

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def rules_by_arrow(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if "engine" in request.fixturenames:
        from usage_ledger.pipeline import expectations

        monkeypatch.setattr(expectations, "none_broken", lambda count: not count)
    yield
