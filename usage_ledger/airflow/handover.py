"""What the tasks of a run hand over, and how the grid names what is missing."""

import time
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from usage_ledger.airflow.retry_policy import wait_of
from usage_ledger.connections import Connection
from usage_ledger.core.errors import TryAgain, UsageLedgerError
from usage_ledger.core.windows import Window

if TYPE_CHECKING:
    from usage_ledger.pipeline.repair import Missing, Remaining
    from usage_ledger.pipeline.run import Extracted

LOADS, LEFT, SINCE, WINDOWS = "loads", "left", "since", "windows"
"""What a task hands over in XCom, under the key `loads`: the load ids that go on, how many windows are left, and, of
extract, the Unix second of its start and the windows that are left (see `encode`)."""
DATES = "usage_dates"
"""The XCom key of the first and last usage date of a run, as integers: 20261103."""


LONGEST_LABEL = 250
"""Characters that Airflow stores of a map index."""


def remaining_of(done: "Extracted") -> list["Remaining"]:
    """The windows that extract could not land, with the second of their next try."""
    from usage_ledger.pipeline.repair import NEVER, Remaining

    left = []
    for report, window, error in done.missing:
        wait = wait_of(error, 1) if isinstance(error, TryAgain) else None
        left.append(Remaining(report, window, NEVER if wait is None else int(time.time() + wait) + 1))
    return left


def encode(connection: Connection, left: Sequence["Remaining"]) -> list[list[int]]:
    """Windows as integers: the report's place in the provider's declaration, first day, end day, `not_before`."""
    places = {report.name: place for place, report in enumerate(connection.declared.reports)}
    return [
        [places[one.report.name], one.window.first.toordinal(), one.window.end.toordinal(), one.not_before]
        for one in left
    ]


def decode(connection: Connection, rows: Sequence[Sequence[int]]) -> list["Remaining"]:
    """What `encode` wrote."""
    from usage_ledger.pipeline.repair import Remaining

    reports = connection.declared.reports
    return [
        Remaining(reports[place], Window(date.fromordinal(first), date.fromordinal(end)), not_before)
        for place, first, end, not_before in rows
    ]


def waiting(missing: Sequence["Missing"]) -> tuple[str, datetime | None]:
    """Each report that waits, and until when, in a line for the grid; and when to go on: None when none waits."""
    until: dict[str, int] = {}
    for one in missing:
        if one.until is not None:
            until[one.report] = min(one.until, until.get(one.report, one.until))
    instants = {name: datetime.fromtimestamp(at, UTC) for name, at in sorted(until.items())}
    waits = [f"{name} waits until {at:%Y-%m-%d %H:%M:%S} UTC" for name, at in instants.items()]
    failed = sorted({one.report for one in missing if one.until is None})
    line = "; ".join([*waits, *(f"{name} failed" for name in failed)])
    return line[:LONGEST_LABEL], min(instants.values(), default=None)


def cause(connection: Connection, missing: Sequence["Missing"]) -> UsageLedgerError:
    """The error of a run whose windows stay missing: the first of them, and of how many it is."""
    first = missing[0]
    error = first.error.about(connection=connection.id, report=first.report, window=str(first.window))
    if len(missing) > 1:
        error.what += f"; {len(missing)} windows are missing"
    return error
