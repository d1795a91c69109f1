"""One bad row costs its usage date and no other, of every provider and report, however long the window."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from spoiled import LAST, Desk, Json, at, ending, of_facts, rows_of

from usage_ledger.core.contract_errors import ContractBroken
from usage_ledger.model import Count, Moment, Money, Objects, Provider, Report
from usage_ledger.providers import PROVIDERS

REPORTS = [(provider, report) for provider in PROVIDERS.values() for report in of_facts(provider)]
each_report = pytest.mark.parametrize(
    ("provider", "report"), REPORTS, ids=[f"{provider.name}-{report.name}" for provider, report in REPORTS]
)
WRONG = {"form": "1,000", "JSON type": [7]}


def metered_paths(report: Report) -> Iterator[tuple[str, str]]:
    """The path of a row set, and of a number in its rows."""
    for row_set in report.row_sets:
        for meter in row_set.meters if row_set.table else ():
            if not isinstance(meter, Count):
                yield row_set.path, f"{meter.path}/units" if isinstance(meter, Money) else meter.path


class OneRow:
    """Makes a number of one row wrong, of all that are answered."""

    def __init__(self, report: Report, value: Any) -> None:
        self.report, self.value, self.path = report, value, ""

    def __call__(self, _path: str, document: Json) -> Json:
        if isinstance(self.report.source, Objects):
            return self._events(document)
        for rows, path in () if self.path else metered_paths(self.report):
            for row in rows_of(document, rows):
                holder, leaf = self._holder(row, path)
                if holder.get(leaf) is not None:
                    holder[leaf], self.path = self.value, path
                    return document
        return document

    def _events(self, document: Json) -> Json:
        """Events come in several objects, and some twice: all of one date are made wrong."""
        for row_set in self.report.row_sets:
            assert isinstance(row_set.when, Moment)
            for event in rows_of(document, row_set.path):
                holder, leaf = self._holder(event, row_set.meters[0].path)  # type: ignore[union-attr]
                if event[row_set.when.path].startswith(str(LAST)) and holder.get(leaf) is not None:
                    holder[leaf], self.path = self.value, leaf
        return document

    @staticmethod
    def _holder(row: dict[str, Any], path: str) -> tuple[dict[str, Any], str]:
        try:
            holder, leaf = at(row, path)
        except (KeyError, TypeError):
            return {}, ""
        return holder or {}, leaf  # an object on the way may be null


@each_report
@pytest.mark.parametrize(("days", "wrong"), [(31, "form"), (3, "JSON type"), (180, "form")])
def test_one_bad_row_costs_one_date(
    desk: Callable[[Provider], Desk], provider: Provider, report: Report, days: int, wrong: str
) -> None:
    if days == 180 and report.longest < timedelta(days=days):
        pytest.skip("no window of the report is that long")
    days = min(days, max(report.longest.days, 3))  # where a window is one date, three of them tell as much
    at_work = desk(provider)
    spoil = OneRow(report, WRONG[wrong])
    at_work.site.changes[ending(report)] = spoil
    ran = at_work.run(report.name, first=LAST - timedelta(days=days - 1))
    assert spoil.path
    [failure] = ran.failures
    assert isinstance(failure, ContractBroken)
    states = Counter(at_work.days(report.name).values())
    assert states["failed"] == 1
    assert states["loaded"] + states["empty"] == days - 1
    assert states["loaded"] > 0
