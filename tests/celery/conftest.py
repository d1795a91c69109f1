"""Options of `make test-celery OPTIONS=…`."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("several machines")
    group.addoption("--executor", default="CeleryExecutor", choices=("CeleryExecutor", "LocalExecutor"))
    # OpenRouter answers for 30 dates, of which the newest is loaded by its own schedule.
    group.addoption("--dates", type=int, default=29, help="usage dates of each connection")
    group.addoption("--losses", action="store_true", help="kill a worker and Redis in the middle")
