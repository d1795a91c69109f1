"""What is true of an invented Authress account, in the ledger's columns: every event counts once, on its own date."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from usage_ledger.sandbox.authress.account import AuthressAccount, Check
from usage_ledger.sandbox.authress.archive import arrival_end
from usage_ledger.sandbox.authress.events import HOUR, events_of_hour
from usage_ledger.sandbox.kit.slots import midnight
from usage_ledger.sandbox.kit.totals import Totals, add_to

DIMENSIONS = ("", "resource", "operation", "status")
"""What `expected` breaks down by."""
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class AuthressTruth(AuthressAccount):
    """An account, and what is true of it."""

    def expected(
        self, report: str, first: date, end: date, zone: str = "UTC", *, by: str = "", now: datetime | None = None
    ) -> Totals:
        """Totals per (local date, '', value of `by`). With `now`, only what the archive holds by then."""
        if report != "checks" or by not in DIMENSIONS:
            raise ValueError(f"nothing is expected of {report!r} by {by!r}")
        totals: Totals = {}
        hour = midnight(first) - _DAY
        while hour < midnight(end) + _DAY:
            for event in events_of_hour(self, hour):
                day = event.time.astimezone(ZoneInfo(zone)).date()
                if event.check is None or not first <= day < end:
                    continue
                if now is None or arrival_end(event.arrivals[0]) <= now:
                    add_to(totals, (day, "", _value(event.check, by)), {"requests": event.count})
            hour += HOUR
        return totals


def _value(check: Check, by: str) -> str:
    values = {
        "resource": "/" + check.resource.removeprefix("/"),
        "operation": check.action.lower(),
        "status": check.result,
    }
    return values.get(by, "")
