"""The values of a request's placeholders."""

from datetime import datetime
from zoneinfo import ZoneInfo

from usage_ledger.connections import Connection
from usage_ledger.core.windows import DAY, Window, first_instant
from usage_ledger.http.fill import Values
from usage_ledger.model.provider import Report
from usage_ledger.sources.listing import single_values


def window_values(connection: Connection, report: Report, window: Window) -> Values:
    """The settings that have one value, and the window: its dates, and its ends, the first instants of local dates."""
    return {**single_values(connection.settings), **_values_of(window, connection.day_zone(report))}


def _values_of(window: Window, zone: ZoneInfo) -> Values:
    start, end = first_instant(window.first, zone), first_instant(window.end, zone)
    return {
        "start": _rfc3339(start),
        "end": _rfc3339(end),
        "last": _rfc3339(first_instant(window.end - DAY, zone)),
        "interval": f"{_rfc3339(start)}/{_rfc3339(end)}",
        "start_epoch": int(start.timestamp()),
        "end_epoch": int(end.timestamp()),
        "date": str(window.first),
        "last_date": str(window.end - DAY),
        "end_date": str(window.end),
        "zone": zone.key,
    }


def _rfc3339(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")
