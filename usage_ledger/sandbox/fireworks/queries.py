"""What a request to the control plane asks for, read strictly, and how it is refused."""

from datetime import date, datetime, timedelta
from typing import NamedTuple, Self
from zoneinfo import ZoneInfo

from starlette.datastructures import QueryParams

from usage_ledger.sandbox.fireworks.usage import DIMENSIONS, USAGE_TYPES
from usage_ledger.sandbox.kit.queries import parse_instant
from usage_ledger.sandbox.kit.serving import Json, Refusal
from usage_ledger.sandbox.kit.slots import first_instant

LONGEST_WINDOW = timedelta(hours=31 * 24)
LARGEST_PAGE = 200
_ONE_DAY = timedelta(days=1)


def refusal(status: int, code: int, message: str) -> Refusal:
    """A `google.rpc.Status`; `code` is one of google.rpc.Code's numbers."""
    return Refusal(status, {"code": code, "message": message, "details": []})


def invalid(message: str) -> Refusal:
    """The refusal of a bad argument."""
    return refusal(400, 3, message)


def _instant(params: QueryParams, name: str) -> datetime:
    try:
        instant = parse_instant(params.get(name, ""))
    except ValueError:
        raise invalid(f"{name} is not a date that exists") from None
    if instant is None:
        raise invalid(f"{name} must be an RFC 3339 date-time with a zone")
    return instant


def _window(params: QueryParams) -> tuple[datetime, datetime]:
    start, end = _instant(params, "startTime"), _instant(params, "endTime")
    if end <= start:
        raise invalid("end_time must be after start_time")
    if end - start > LONGEST_WINDOW:
        raise invalid("end_time must not be more than 31 days after start_time")
    if not 2000 <= start.year <= end.year <= 2100:
        raise invalid("the window must lie in the years 2000 to 2100")
    return start, end


def _zone(params: QueryParams) -> ZoneInfo:
    name = params.get("timezone") or "UTC"
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise invalid("timezone is not an IANA time zone") from None


def _first_date(instant: datetime, zone: ZoneInfo) -> date:
    """The first local date that starts at `instant` or later."""
    day = instant.astimezone(zone).date()
    return day if first_instant(day, zone) >= instant else day + _ONE_DAY


class UsageQuery(NamedTuple):
    """`billingUsage`: the local dates `[start, end)` whose first instant is in the requested window."""

    start: date
    end: date
    zone: str
    group_by: tuple[str, ...]
    usage_type: str

    @classmethod
    def read(cls, params: QueryParams) -> Self:
        """From the query string; raises `Refusal`."""
        start, end = _window(params)
        zone = _zone(params)
        group_by = tuple(params.getlist("groupBy"))
        if unknown := [name for name in group_by if name not in DIMENSIONS]:
            raise invalid(f"unknown group_by dimension: {unknown[0]!r}")
        usage_type = params.get("usageType") or USAGE_TYPES[0]
        if usage_type not in USAGE_TYPES:
            raise invalid("unknown usage_type")
        return cls(_first_date(start, zone), _first_date(end, zone), zone.key, group_by, usage_type)


class SummaryQuery(NamedTuple):
    """`billing/summary`: the UTC dates `[start, end)`; the times of the requested window do not matter."""

    start: date
    end: date
    daily: bool

    @classmethod
    def read(cls, params: QueryParams) -> Self:
        """From the query string; raises `Refusal`."""
        start, end = _window(params)
        granularity = params.get("granularity") or "GRANULARITY_UNSPECIFIED"
        if granularity not in ("GRANULARITY_UNSPECIFIED", "DAILY"):
            raise invalid("unknown granularity")
        return cls(start.date(), end.date(), granularity == "DAILY")


def page(params: QueryParams, collection: str, items: list[Json]) -> Json:
    """One page of a list, as `pageSize` and `pageToken` ask for."""
    size, token = params.get("pageSize", "0"), params.get("pageToken") or "page-0"
    offset = token.removeprefix("page-")
    if not (size.isascii() and size.isdigit() and offset.isascii() and offset.isdigit()):
        raise invalid("page_size or page_token is not valid")
    first = int(offset[:9])
    last = first + min(int(size[:9]) or 50, LARGEST_PAGE)
    following = f"page-{last}" if last < len(items) else ""
    return {collection: items[first:last], "nextPageToken": following, "totalSize": len(items)}
