"""Reading parameters strictly. Each stand-in refuses in its own words what these do not accept."""

import re
from datetime import UTC, datetime

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)


def parse_instant(text: str) -> datetime | None:
    """An RFC 3339 date-time, in UTC; None for any other form. Raises `ValueError` for a date that does not exist."""
    if not _RFC3339.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except OverflowError as error:
        raise ValueError(str(error)) from None


def parse_whole(text: str, low: int, high: int) -> int | None:
    """A whole number of at most nine digits from `low` to `high`; None for anything else."""
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) and low <= int(text) <= high else None
