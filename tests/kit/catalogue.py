"""Which faults have a test, and how each ended: the record `docs/faults.json`, written by a whole run of the tests.

A test belongs to a case of the catalogue by its name: `test_h18_…` in tests/faults or tests/security is the test of
case H18. One function a case; it may be parametrised. A case counts as passed only if all of its test ran.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest

CASES = {"H": 28, "B": 25, "S": 14, "T": 21, "P": 8, "R": 9, "K": 9, "C": 12, "X": 20, "A": 10}
"""HTTP, bytes, shape, time, paging, raw storage, kill, concurrency, security, Airflow: how many cases of each."""
RECORD = Path(__file__).parents[2] / "docs" / "faults.json"
FOLDERS = ("tests/faults/", "tests/security/")
_case = re.compile(r"test_([a-z])([0-9]{1,2})_")


def numbers() -> list[str]:
    """Every number of the catalogue, in order."""
    return [f"{letter}{number}" for letter, count in CASES.items() for number in range(1, count + 1)]


def case_of(node_id: str) -> str | None:
    """The case that a test is named by."""
    match = _case.search(node_id) if node_id.startswith(FOLDERS) else None
    number = f"{match[1].upper()}{match[2]}" if match else ""
    return number if number in numbers() else None


class Catalogue:
    """Watches a run of the tests. With several workers the process that starts them hears of every test."""

    def __init__(self) -> None:
        self.reports: dict[str, list[pytest.TestReport]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        case = case_of(report.nodeid)
        if case:
            self.reports.setdefault(case, []).append(report)

    def pytest_sessionfinish(self) -> None:
        if set(self.reports) == set(numbers()):
            RECORD.write_text(json.dumps(self.record(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    def record(self) -> dict[str, dict[str, Any]]:
        """Each case with its test and its state; a skipped one with the reason."""
        return {number: {"test": self._test(number)} | self._state(number) for number in numbers()}

    def _test(self, number: str) -> str:
        """The test of a case, without its parameters."""
        return min(report.nodeid.split("[")[0] for report in self.reports[number])

    def _state(self, number: str) -> dict[str, str]:
        reports = self.reports[number]
        if any(report.failed for report in reports):
            return {"state": "failed"}
        reasons = sorted({_reason(report) for report in reports if report.skipped})
        return {"state": "skipped", "reason": "; ".join(reasons)} if reasons else {"state": "passed"}


def _reason(report: pytest.TestReport) -> str:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return reason.removeprefix("Skipped: ")
