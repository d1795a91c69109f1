"""Azure Monitor: which metrics an account offers, and their totals."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from decimal import Decimal

from usage_ledger.sandbox.azure_openai.account import Deployment, Resource
from usage_ledger.sandbox.azure_openai.catalogue import METRICS, STATUSES, Metric
from usage_ledger.sandbox.azure_openai.queries import (
    NAMESPACE,
    AzureCall,
    MetricsQuery,
    require_action,
    require_version,
    resource_of,
)
from usage_ledger.sandbox.kit.serving import Json
from usage_ledger.sandbox.kit.slots import instant_of, rfc3339, slot_of
from usage_ledger.sandbox.kit.streams import used

_AVAILABLE = [{"timeGrain": grain, "retention": "P93D"} for grain in ("PT1M", "PT15M", "PT1H", "P1D")]
Point = tuple[int, Mapping[str, int]]
"""The first slot of a bucket, and what each meter counted in it."""


def definitions(call: AzureCall) -> Json:
    """The metrics that an account offers."""
    require_version(call, "2024-02-01")
    resource = resource_of(call)
    require_action(call.truth, "no_definitions", "Microsoft.Insights/metricDefinitions/read", resource.path)
    offered = [(name, metric) for name, metric in METRICS.items() if resource.kind in metric.kinds]
    if "no_models" in call.truth.faults and resource == call.truth.all_resources[0]:
        offered = [(name, metric) for name, metric in offered if name in ("ProcessedPromptTokens", "GeneratedTokens")]
    return {"value": [_definition(resource, name, metric) for name, metric in offered]}


def _definition(resource: Resource, name: str, metric: Metric) -> Json:
    return {
        "id": f"{resource.path}/providers/microsoft.insights/metricdefinitions/{name}",
        "resourceId": resource.path,
        "namespace": NAMESPACE,
        "category": metric.category,
        "name": {"value": name, "localizedValue": name},
        "isDimensionRequired": False,
        "unit": "Count",
        "primaryAggregationType": "Total",
        "supportedAggregationTypes": ["Total"],
        "metricAvailabilities": _AVAILABLE,
        "dimensions": [{"value": one, "localizedValue": one} for one in metric.dimensions],
    }


def metrics(call: AzureCall) -> Json:
    """The totals of metrics, each with its series."""
    resource = resource_of(call)
    require_action(call.truth, "no_metrics", "Microsoft.Insights/metrics/read", resource.path)
    query = MetricsQuery.read(call, resource)
    if "shorter" in call.truth.faults:
        query = query._replace(end=query.end - timedelta(days=1))
    answers = [_metric(call, resource, query, name) for name in query.names]
    if "metric_error" in call.truth.faults:
        message = f"Sampling type is not found. Metric: {query.names[0]}, SamplingType: NullableTotal."
        answers[0] |= {"timeseries": [], "errorCode": "InvalidSamplingType", "errorMessage": message}
    return {
        "cost": (len(query.names) * len(query.buckets) * 1440) - 1,
        "timespan": f"{rfc3339(query.start)}/{rfc3339(query.end)}",
        "interval": query.interval,
        "namespace": NAMESPACE,
        "resourceregion": resource.location,
        "value": answers,
    }


def _metric(call: AzureCall, resource: Resource, query: MetricsQuery, name: str) -> Json:
    series: list[Json] = []
    for deployment in call.truth.all_deployments:
        if deployment.resource == resource:
            series += _series(call, query, METRICS[name], deployment)
    return {
        "id": f"{resource.path}/providers/Microsoft.Insights/metrics/{name}",
        "type": "Microsoft.Insights/metrics",
        "name": {"value": name, "localizedValue": name},
        "displayDescription": f"{name} of a model.",
        "unit": "Count",
        "timeseries": series[: query.top],
        "errorCode": "Success",
    }


def _series(call: AzureCall, query: MetricsQuery, metric: Metric, one: Deployment) -> Iterator[Json]:
    """The series of a deployment: one, or one for each status where the request splits by it."""
    if metric.formats and one.model.format not in metric.formats:
        return
    places = _places(one)
    if any(places.get(name, value).lower() != value.lower() for name, value in query.only.items()):
        return
    points = list(_points(call, query, one))
    groups: list[tuple[Mapping[str, str], tuple[str, ...]]] = [(places, metric.meters)]
    if "statuscode" in query.split:
        groups = [({**places, "statuscode": status}, (status,)) for status in STATUSES]
    for values, meters in groups:
        if points and any(meter in one.meters for meter in meters):
            yield {
                "metadatavalues": [
                    {"name": {"value": name, "localizedValue": name}, "value": values.get(name, "")}
                    for name in query.split
                ],
                "data": [_point(slot, sum(amounts.get(m, 0) for m in meters), one) for slot, amounts in points],
            }


def _places(one: Deployment) -> Mapping[str, str]:
    """The values of a deployment's dimensions; names in lower case, as they come."""
    return {
        "apiname": "Azure OpenAI API" if one.model.format == "OpenAI" else "Model Inference API",
        "region": one.resource.location,
        "modeldeploymentname": one.name,
        "modelname": one.model.name,
        "modelversion": one.model.version,
        "featurename": one.model.name,
        "usagechannel": "online",
    }


def _points(call: AzureCall, query: MetricsQuery, one: Deployment) -> Iterator[Point]:
    """The buckets in which the deployment existed, as far as they have begun."""
    for first, last in query.buckets:
        begins, ends = instant_of(first), instant_of(last)
        if begins < call.now and one.created_at < ends and not (one.deleted_at and one.deleted_at <= begins):
            yield first, used(one.meters, first, min(last, slot_of(call.now)))


def _point(slot: int, total: int, one: Deployment) -> Json:
    point: Json = {"timeStamp": rfc3339(instant_of(slot))}
    if total or one.blank == "zero":
        return point | {"total": Decimal(f"{total}.0")}
    return point | {"total": None} if one.blank == "null" else point
