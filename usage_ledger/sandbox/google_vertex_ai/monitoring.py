"""Cloud Monitoring's time series of models: tokens and calls, a point a day."""

from collections import Counter
from datetime import datetime, timedelta

from usage_ledger.sandbox.google_vertex_ai.account import exported_until
from usage_ledger.sandbox.google_vertex_ai.queries import GoogleCall, refusal
from usage_ledger.sandbox.google_vertex_ai.truth import GoogleVertexAITruth
from usage_ledger.sandbox.kit.queries import parse_instant, parse_whole
from usage_ledger.sandbox.kit.serving import Json
from usage_ledger.sandbox.kit.slots import instant_of, rfc3339, slot_of

METRICS = {
    f"aiplatform.googleapis.com/publisher/online_serving/{name}": name
    for name in ("token_count", "model_invocation_count")
}
DAY = timedelta(days=1)
Place = tuple[str, str, str]


def time_series(call: GoogleCall) -> Json:
    """One page of the series of a project. Raises `Refusal`."""
    params, project = call.params, call.request.path_params["project"]
    if project not in call.truth.all_projects:
        raise refusal(403, "forbidden", f"Permission monitoring.timeSeries.list denied on project {project}")
    metric = next((name for name in METRICS if f'metric.type="{name}"' in params.get("filter", "")), "")
    if not metric:
        raise refusal(404, "notFound", "Cannot find metric(s) that match type")
    first, end = (_instant(params.get(f"interval.{name}", "")) for name in ("startTime", "endTime"))
    aligned = params.get("aggregation.alignmentPeriod") == "86400s"
    if not aligned or params.get("aggregation.perSeriesAligner") != "ALIGN_SUM":
        raise refusal(400, "badRequest", "this sandbox aligns sums of days alone")
    series = _series(call.truth, project, METRICS[metric], first, end, call.now)
    size, begin = parse_whole(params.get("pageSize", "100000"), 1, 100_000), int(params.get("pageToken") or 0)
    shown = list(series.items())[begin : begin + (size or 1)]
    following = str(begin + len(shown)) if begin + len(shown) < len(series) else ""
    return {
        "timeSeries": [
            {
                "metric": {"type": metric, "labels": {"type": kind} if kind else {}},
                "resource": {
                    "type": "aiplatform.googleapis.com/PublisherModel",
                    "labels": {
                        "project_id": project,
                        "location": region,
                        "publisher": "google",
                        "model_user_id": model,
                    },
                },
                "metricKind": "DELTA",
                "valueType": "INT64",
                "points": [_point(day, units) for day, units in sorted(points.items(), reverse=True)],
            }
            for (region, model, kind), points in shown
        ],
        "unit": "1",
        "nextPageToken": following,
    }


def _series(
    account: GoogleVertexAITruth, project: str, metric: str, first: datetime, end: datetime, now: datetime
) -> dict[Place, Counter[datetime]]:
    series: dict[Place, Counter[datetime]] = {}
    meters = [(place, "", calls) for place, calls in account.calls.items()]
    if metric == "token_count":
        meters = [
            (
                (use.project, use.region, use.sku.model),
                "input" if "input_tokens" in use.sku.columns else "output",
                use.units,
            )
            for use in account.all_uses
            if (use.project, use.region, use.sku.model) in account.calls
        ]
    for (owner, region, model), kind, meter in meters:
        if owner != project:
            continue
        for slot in range(slot_of(first), slot_of(end), 96):
            if units := meter.between(slot, min(slot + 96, exported_until(now))):
                series.setdefault((region, model, kind), Counter())[instant_of(slot)] += units
    return series


def _point(day: datetime, units: int) -> Json:
    return {"interval": {"startTime": rfc3339(day), "endTime": rfc3339(day + DAY)}, "value": {"int64Value": str(units)}}


def _instant(text: str) -> datetime:
    moment = parse_instant(text)
    if moment is None:
        raise refusal(400, "badRequest", "Field interval.endTime is required")
    return moment
