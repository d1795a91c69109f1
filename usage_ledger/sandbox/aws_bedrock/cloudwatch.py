"""CloudWatch, as far as sums of metrics are read from it: what exists, and what it counted."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from usage_ledger.sandbox.aws_bedrock.account import BedrockAccount, Labels
from usage_ledger.sandbox.aws_bedrock.opened import Opened
from usage_ledger.sandbox.aws_bedrock.queries import refusal, text_of, whole_of
from usage_ledger.sandbox.kit.paging import page_token, parts_of_token
from usage_ledger.sandbox.kit.serving import Call, Json
from usage_ledger.sandbox.kit.slots import limit_of, slot_of
from usage_ledger.sandbox.kit.streams import Stream

LISTED_FOR = timedelta(days=14)
"""A metric without points for this long is in no list, though its points are still served."""
REACH = timedelta(days=455)
PERIODS = ((timedelta(days=63), 3600), (timedelta(days=15), 300), (timedelta(0), 60))
"""By the age of the start: what a period must be a multiple of, in seconds."""
MOST_QUERIES = 500
DAY = 86400
_ID = re.compile(r"[a-z][a-zA-Z0-9_]{0,254}")


class Metric(NamedTuple):
    """One series: CloudWatch knows it by its whole set of dimensions."""

    namespace: str
    name: str
    dimensions: Labels
    streams: tuple[Stream, ...]


def metrics_of(account: BedrockAccount, region: str) -> list[Metric]:
    """Every series of a region. What several callers publish under one set of dimensions is one series."""
    series: dict[tuple[str, str, Labels], list[Stream]] = {}
    for caller in account.callers:
        if caller.region == region:
            for labels in caller.dimension_sets:
                for name, stream in caller.meters.items():
                    series.setdefault((caller.namespace, name, labels), []).append(stream)
    return [Metric(*key, tuple(streams)) for key, streams in series.items()]


def list_metrics(call: Call[Opened]) -> Json:
    """The metrics that had a point within two weeks; one that is asked for by some of its dimensions has others too."""
    call.truth.require("cloudwatch:ListMetrics")
    account, document = call.truth.truth, call.document
    namespace, name = text_of(document, "Namespace"), text_of(document, "MetricName")
    filters = [(one.get("Name"), one.get("Value")) for one in document.get("Dimensions", ())]
    if len(filters) > 10:
        raise refusal("ValidationError", "Dimensions must have at most 10 items")
    if document.get("RecentlyActive", "PT3H") != "PT3H":
        raise refusal("ValidationError", "RecentlyActive must be PT3H")
    last = slot_of(call.now)
    first = slot_of(call.now - LISTED_FOR)
    metrics = [
        metric
        for metric in metrics_of(account, call.truth.region)
        if namespace in ("", metric.namespace)
        and name in ("", metric.name)
        and all(any(key == k and value in (None, v) for k, v in metric.dimensions) for key, value in filters)
        and any(stream.between(first, last) for stream in metric.streams)
    ]
    start = _continued(document, account.metrics_per_page)
    page = metrics[start : start + account.metrics_per_page]
    answer: Json = {"Metrics": [_described(metric) for metric in page], "OwningAccounts": []}
    if start + len(page) < len(metrics):
        answer["NextToken"] = page_token(start + len(page), account.metrics_per_page)
    return answer


def _described(metric: Metric) -> Json:
    dimensions = [{"Name": name, "Value": value} for name, value in metric.dimensions]
    return {"Namespace": metric.namespace, "MetricName": metric.name, "Dimensions": dimensions}


def _continued(document: Any, size: int) -> int:
    """Where a page begins. Raises `Refusal` for a token that was not given out."""
    token = text_of(document, "NextToken")
    parts = parts_of_token(token) if token else ["0", str(size)]
    if len(parts) != 2 or not parts[0].isdigit() or parts[1] != str(size):
        raise refusal("InvalidNextToken", "The next token is not valid")
    return int(parts[0])


class Piece(NamedTuple):
    """The points of one query that are on one page."""

    query: Any
    points: list[tuple[int, int]]
    whole: bool


def get_metric_data(call: Call[Opened]) -> Json:
    """The sums of every query's periods, without those in which nothing was counted."""
    call.truth.require("cloudwatch:GetMetricData")
    account, document = call.truth.truth, call.document
    queries = _checked(document)
    start, end = _span(document, call.now)
    series_by_key = {(m.namespace, m.name, frozenset(m.dimensions)): m for m in metrics_of(account, call.truth.region)}
    most = whole_of(document.get("MaxDatapoints", 100_800), "MaxDatapoints", 1, 100_800)
    size = min(most, account.points_per_page)
    skip = _continued(document, size)
    series = []
    for query in queries:
        stat = query["MetricStat"]
        period = _period(stat, start, call.now)
        metric = series_by_key.get(_key(stat["Metric"]))
        points = list(_points(metric, start, end, period, call.now)) if metric else []
        series.append((query, points if document.get("ScanBy") == "TimestampAscending" else points[::-1]))
    pieces, total = _page(series, skip, size)
    answer: Json = {"MetricDataResults": [_result(piece) for piece in pieces], "Messages": []}
    if skip + size < total:
        answer["NextToken"] = page_token(skip + size, size)
    return answer


def _checked(document: Any) -> list[Any]:
    queries = document.get("MetricDataQueries")
    if not isinstance(queries, list) or not 1 <= len(queries) <= MOST_QUERIES:
        raise refusal("ValidationError", f"MetricDataQueries must have 1 to {MOST_QUERIES} members")
    ids = [query.get("Id") for query in queries]
    if bad := [one for one in ids if not isinstance(one, str) or not _ID.fullmatch(one)]:
        raise refusal("ValidationError", f"The value {bad[0]!r} for parameter Id is not matching the expected pattern")
    if len(set(ids)) != len(ids):
        raise refusal("ValidationError", "The values for parameter Id in MetricDataQueries are not unique")
    for query in queries:
        if not isinstance(query.get("MetricStat"), dict) or "Expression" in query:
            raise refusal("ValidationError", "Exactly one of MetricStat and Expression must be given")
        if "Period" in query:
            raise refusal("ValidationError", "Period must not be specified with MetricStat in a MetricDataQuery")
    return queries


def _span(document: Any, now: datetime) -> tuple[datetime, datetime]:
    try:
        start, end = (datetime.fromtimestamp(document[name], UTC) for name in ("StartTime", "EndTime"))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise refusal("ValidationError", f"StartTime and EndTime must be timestamps ({error})") from None
    if start >= end:
        raise refusal("ValidationError", "The parameter StartTime must be less than the parameter EndTime")
    return max(start, now - REACH), end


def _period(stat: Any, start: datetime, now: datetime) -> int:
    if stat.get("Stat") != "Sum":
        raise refusal("ValidationError", "this stand-in answers for the statistic Sum alone")
    period = whole_of(stat.get("Period"), "Period", 1, 31_536_000)
    unit = next(unit for age, unit in PERIODS if now - start >= age or not age)
    if period % unit:
        raise refusal("ValidationError", f"Period must be a multiple of {unit} for a start of that age")
    return period


def _key(metric: Any) -> tuple[str, str, frozenset[tuple[str, str]]]:
    labels = frozenset((one["Name"], one["Value"]) for one in metric.get("Dimensions", ()))
    return metric.get("Namespace", ""), metric.get("MetricName", ""), labels


def _points(metric: Metric, start: datetime, end: datetime, period: int, now: datetime) -> Iterator[tuple[int, int]]:
    """Start and sum of each period with use, in quarters of an hour: nothing is counted more finely here."""
    at, limit = start, limit_of(now)
    while at < end:
        after = at + timedelta(seconds=period)
        low, high = min(slot_of(at), limit), min(slot_of(min(after, end)), limit)
        value = sum(stream.between(low, high) for stream in metric.streams)
        if value:
            yield int(at.timestamp()), value
        at = after


def _page(series: list[tuple[Any, list[tuple[int, int]]]], skip: int, size: int) -> tuple[list[Piece], int]:
    """The points after the first `skip`, at most `size`, by query; and how many there are in all."""
    pieces, position = [], 0
    for query, points in series:
        first, last = max(skip - position, 0), max(min(skip + size - position, len(points)), 0)
        position += len(points)
        if points[first:last] or (not points and skip == 0):
            pieces.append(Piece(query, points[first:last], last == len(points)))
    return pieces, position


def _result(piece: Piece) -> Json:
    query = piece.query
    return {
        "Id": query["Id"],
        "Label": query.get("Label", query["MetricStat"]["Metric"]["MetricName"]),
        "Timestamps": [at for at, _ in piece.points],
        "Values": [_double(value) for _, value in piece.points],
        "StatusCode": "Complete" if piece.whole else "PartialData",
    }


def _double(value: int) -> Decimal:
    """As doubles are written: with a fraction, and from ten millions on with an exponent."""
    if value < 10**7:
        return Decimal(f"{value}.0")
    digits = str(value).rstrip("0")
    return Decimal(f"{digits[0]}.{digits[1:] or '0'}E{len(str(value)) - 1}")
