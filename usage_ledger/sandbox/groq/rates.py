"""The metrics server's answers: rates of five minutes, evaluated at the times that a query asks for."""

from collections.abc import Iterator
from decimal import Context, Decimal

from usage_ledger.sandbox.groq.account import METRICS, PERCENTILES, SLOT_WINDOWS, WINDOW, Series
from usage_ledger.sandbox.groq.queries import (
    MOST_POINTS,
    GroqCall,
    Query,
    bad_query,
    dates_between,
    parse_query,
    seconds_of,
    step_of,
    success,
)
from usage_ledger.sandbox.kit.serving import Json
from usage_ledger.sandbox.kit.slots import midnight

RETENTION = 31 * 86_400
_SHORT, _LONG = Context(prec=15), Context(prec=17)
"""How many digits are printed: engines differ."""


def query_range(call: GroqCall) -> Json:
    """A matrix: for each label set the rate at every step at which it has a sample."""
    start, end, step = seconds_of(call.request, "start"), seconds_of(call.request, "end"), step_of(call.request)
    if end < start:
        raise bad_query("end is before start")
    if (end - start) // step >= MOST_POINTS:
        raise bad_query(f"too many points for the given step={step}")
    query = parse_query(call.params.get("query", ""))
    times = range(start, min(end, int(call.now.timestamp())) + 1, step)
    result: list[Json] = [
        {"metric": labels, "values": [[time, value] for time, value in points]}
        for labels, points in _evaluated(call, query, times)
    ]
    return _answer(call, "matrix", result)


def query(call: GroqCall) -> Json:
    """A vector: the rate of each label set at one time."""
    time = seconds_of(call.request, "time") if "time" in call.params else int(call.now.timestamp())
    points = _evaluated(call, parse_query(call.params.get("query", "")), range(time, time + 1))
    return _answer(call, "vector", [{"metric": labels, "value": list(values[0])} for labels, values in points])


def names(call: GroqCall) -> Json:
    """The names of the metrics, or another label's values, that have a sample on a date of the range."""
    label = call.request.path_params["label"]
    first, last = dates_between(seconds_of(call.request, "start"), seconds_of(call.request, "end"))
    start = int(midnight(first).timestamp())
    end = min(int(midnight(last).timestamp()) + 86_400, int(call.now.timestamp()))
    times = range(start + WINDOW, end + 1, WINDOW)
    series = [one for one in call.truth.all_series if next(_points(call, one, times), None)]
    if label == "__name__" and call.truth.names == "percentiles":
        return success(sorted(PERCENTILES) if series else [])
    values = {dict((("__name__", one.metric), *one.labels)).get(label, "") for one in series}
    return success(sorted(filter(None, values)))


def models(call: GroqCall) -> Json:
    """The models that a key may use: shows that a key is valid, and no more."""
    ids = sorted({dict(one.labels)["model"] for one in call.truth.all_series})
    created = int(call.truth.start.timestamp()) - call.truth.number("models") % 86_400
    return {
        "object": "list",
        "data": [{"id": name, "object": "model", "created": created, "owned_by": "Example"} for name in ids],
    }


def _answer(call: GroqCall, kind: str, result: list[Json]) -> Json:
    answer = success({"resultType": kind, "result": result[::2] if call.truth.partial else result})
    return answer | {"isPartial": True} if call.truth.partial else answer


def _evaluated(call: GroqCall, query: Query, times: range) -> Iterator[tuple[dict[str, str], list[tuple[int, str]]]]:
    """Each label set that a query keeps, with its points; one without a sample is left out."""
    if query.metric not in METRICS or call.truth.names == "percentiles":
        return
    groups: dict[tuple[tuple[str, str], ...], dict[int, Decimal]] = {}
    for series in call.truth.all_series:
        if series.metric != query.metric:
            continue
        labels = (("__name__", series.metric), *series.labels)
        group = groups.setdefault(tuple(pair for pair in labels if query.by is None or pair[0] in query.by), {})
        for time, tokens in _points(call, series, times):
            group[time] = group.get(time, Decimal(0)) + tokens
    for labels, sums in groups.items():
        digits = _LONG if len(dict(labels).get("model", "")) % 2 else _SHORT
        points = [(time, f"{digits.divide(sums[time], Decimal(WINDOW)).normalize():f}") for time in sorted(sums)]
        if call.truth.not_a_number and points:
            points[0] = (points[0][0], "NaN")
        if points:
            yield dict(labels), points


def _points(call: GroqCall, series: Series, times: range) -> Iterator[tuple[int, Decimal]]:
    """The tokens of the five minutes before the newest sample of each time, where there is one in five minutes."""
    account, now = call.truth, call.now.timestamp()
    if not times:
        return
    counts = series.windows(times[0] // WINDOW - 2, (times[-1] + account.offset) // WINDOW)
    oldest = max(now - RETENTION, account.start.timestamp())
    for time in times:
        window = (time + account.offset) // WINDOW - 1
        sample = (window + 1) * WINDOW - account.offset
        if not oldest < sample <= now:
            continue
        # Traffic within a window is even, and a sample's five minutes end `offset` seconds before a window does.
        tokens = Decimal(counts[window - 1] * account.offset + counts[window] * (WINDOW - account.offset)) / WINDOW
        if tokens or (not series.vanishes and series.stream.born * SLOT_WINDOWS < window):
            yield time, tokens
