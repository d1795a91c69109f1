"""Which dates an answer lacks: what a command says of dates that are missing, failed, held or not settled."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import groupby

from usage_ledger.core.windows import DAY, Window
from usage_ledger.model.provider import Provider, Report
from usage_ledger.warehouse.usage import DayState

SAYS = {
    "missing": "is not loaded, and not in these figures",
    "failed": "could not be loaded, and is not in these figures",
    "held": "is held: these figures are the ones before its new answer",
    "unsettled": "is not settled: its figures may still change",
}
HELD_ANYWAY = ("loaded", "empty", "held")
"""States in which the ledger has an answer for a date."""


def reports_with(provider: Provider, table: str, breakdown: str = "", usage_type: str = "") -> list[Report]:
    """The provider's reports with rows of a table in this cut, and of this usage type where one is named."""
    return [
        report
        for report in provider.reports
        if any(
            rows.table == table
            and rows.breakdown == breakdown
            and (not usage_type or dict(rows.constants).get("usage_type", usage_type) == usage_type)
            for rows in report.row_sets
        )
    ]


def effective(states: Iterable[DayState], provider: Provider) -> list[DayState]:
    """One state a date and record: where one of two reports is the record, that of the one that has the date."""
    best: dict[tuple[str, date], DayState] = {}
    for state in states:
        first = provider.report(state.report).yields_to
        place = (first or state.report, state.usage_date)
        other = best.get(place)
        if other is None or (other.state not in HELD_ANYWAY) or (not first and state.state in HELD_ANYWAY):
            best[place] = state
    return list(best.values())


def sentences(states: Iterable[DayState], connection_id: str) -> list[str]:
    """What a reader must know of dates that are not whole: a sentence for each report and state."""
    said = []
    marked = [(state.report, _mark(state), state.usage_date) for state in states]
    for (report, mark), group in groupby(sorted(marked), lambda one: one[:2]):
        if mark:
            ranges = list(windows(day for _, _, day in group))
            said.append(f"{report} of {_listed(ranges)} {SAYS[mark]}{_remedy(mark, ranges, connection_id)}.")
    return said


def windows(days: Iterable[date]) -> Iterator[Window]:
    """The dates, in ascending order, as ranges without a gap."""
    for _, group in groupby(enumerate(days), lambda pair: pair[1] - DAY * pair[0]):
        together = [day for _, day in group]
        yield Window(together[0], together[-1] + DAY)


def _mark(state: DayState) -> str:
    if state.state in ("missing", "failed", "held"):
        return state.state
    return "" if state.settled else "unsettled"


def _listed(ranges: Sequence[Window]) -> str:
    more = f" and {len(ranges) - 5} more ranges" if len(ranges) > 5 else ""
    return ", ".join(map(str, ranges[:5])) + more


def _remedy(mark: str, ranges: Sequence[Window], connection_id: str) -> str:
    if mark not in ("missing", "failed"):
        return ""
    return f": usage-ledger run {connection_id} --from {ranges[0].first} --to {ranges[-1].end - DAY}"
