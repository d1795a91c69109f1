"""CloudWatch's daily sums of Bedrock's metrics.

The list of metrics is asked for in each region and namespace, the sums of all of a region in batches. Each question has
a label of ours, which comes back with its points, so that the answer alone says what it holds.
Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html.
"""

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from usage_ledger import model as m
from usage_ledger.providers.aws_bedrock_models import MODELS, PROFILES
from usage_ledger.providers.aws_json import REGIONS, question

SETS = {"AWS/Bedrock": {"ModelId": "model"}, "AWS/BedrockMantle": {"Model": "model", "Project": "project"}}
"""By namespace the one set of dimensions that is read, of the several under which the same calls are published."""
READ, WRITTEN = "CacheReadInputTokens", "CacheWriteInputTokens"
OTHER_NAMES = {"CacheReadInputTokenCount": READ, "CacheWriteInputTokenCount": WRITTEN}
COLUMNS = {
    "requests": ("Invocations", "Inferences"),
    "input_tokens": ("InputTokenCount", "TotalInputTokens", READ, WRITTEN),
    "cached_input_tokens": (READ,),
    "cache_write_tokens": (WRITTEN,),
    "output_tokens": ("OutputTokenCount", "TotalOutputTokens"),
    "images": ("OutputImageCount",),
}
METRICS = {name for names in COLUMNS.values() for name in names} | set(OTHER_NAMES)
OF_MANTLE = {"Inferences", "TotalInputTokens", "TotalOutputTokens"}
PROFILE = r"(?:.*/)?(?:us|us-gov|eu|apac|jp|au|ca|sa|in|kr|uk|me|af|il|mx|global)\.(?P<model>[^/.]+\..+)"
"""The id of a cross-region inference profile: where it runs, then the model."""
PATTERNS = (PROFILE, r".*foundation-model/(?P<model>.+)", r"(?P<model>.+)")


def query_of(metric: Mapping[str, Any], number: int) -> dict[str, Any] | None:
    """The question for a metric's daily sums, with a label that says what it is; None where it is not read."""
    labels = {one["Name"]: one["Value"] for one in metric["Dimensions"]}
    names, name = SETS[metric["Namespace"]], metric["MetricName"]
    if name not in METRICS or labels.keys() != names.keys():
        return None
    parts = {"namespace": metric["Namespace"], **{names[key]: labels[key] for key in sorted(labels)}}
    parts |= {"metric": OTHER_NAMES.get(name, name)} | ({"other_name": name} if name in OTHER_NAMES else {})
    label = "|".join(f"{key}={value}" for key, value in parts.items())
    if "${" in label or label.count("|") >= len(parts):
        raise ValueError(f"{label!r} would not come back as it is sent")
    dimensions = [{"Name": key, "Value": labels[key]} for key in sorted(labels)]
    series = {"Namespace": metric["Namespace"], "MetricName": name, "Dimensions": dimensions}
    return {"Id": f"m{number}", "Label": label, "MetricStat": {"Metric": series, "Period": 86400, "Stat": "Sum"}}


def metrics_of(one: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What a model, a profile, or the model of a metric may have had besides, before CloudWatch's list forgot it."""
    if "MetricName" in one:
        return [{**one, "MetricName": name} for name in sorted(METRICS)]
    dimensions = [{"Name": "ModelId", "Value": one.get("modelId") or one["inferenceProfileId"]}]
    return [
        {"Namespace": "AWS/Bedrock", "MetricName": name, "Dimensions": dimensions}
        for name in sorted(METRICS - OF_MANTLE)
    ]


cloudwatch = partial(question, "monitoring", "{region}", "1.0")
TOKEN = m.Cursor("NextToken", "NextToken", into="body")
LISTED = m.Listing(
    cloudwatch("GraniteServiceVersion20100801.ListMetrics", {"Namespace": "{namespace}"}),
    "Metrics",
    id="",
    label="metric",
    paging=TOKEN,
    per=m.Fixed("namespace", tuple(SETS), per=REGIONS),
)
FORGOTTEN = m.Forgotten(timedelta(days=13), (MODELS, PROFILES), metrics_of)
SUMS = {"StartTime": "{start_epoch}", "EndTime": "{end_epoch}", "ScanBy": "TimestampAscending", "MetricDataQueries": []}
COUNTS = m.RowSet(
    path="rows",
    table="usage_daily",
    when=m.Point("at", timedelta(days=1), clock="epoch"),
    constants=(("usage_type", "serverless"),),
    dimensions=(
        *m.dimensions(variant="model", region="@region", project_id="project", operation="namespace"),
        m.Derived("model", "model", tuple(m.Rule(pattern, r"\g<model>") for pattern in PATTERNS)),
    ),
    meters=tuple(
        m.Meter(column, "value", "decimal", where=m.OneOf("metric", names)) for column, names in COLUMNS.items()
    ),
    sum_over=("metric", "at"),
    other_name="other_name",
)
USAGE = m.Report(
    name="usage",
    source=m.HttpPages(
        cloudwatch("GraniteServiceVersion20100801.GetMetricData", SUMS),
        TOKEN,
        per=LISTED,
        batch=m.Batch(
            "MetricDataQueries",
            500,
            query_of,
            mixed=("namespace", "type"),
            answers=("MetricDataResults", "Id"),
            forgotten=FORGOTTEN,
            thing=("@region", "namespace", "model", "project"),
        ),
    ),
    row_sets=(COUNTS,),
    marks=(
        m.Mark("MetricDataResults/*/StatusCode", is_="Complete", while_more="PartialData", forbidden="Forbidden"),
        m.Mark("Messages", absent=True),
    ),
    reshape=m.Columns("MetricDataResults", "Label", (("Timestamps", "at"), ("Values", "value"))),
    day="UTC",
    reach=timedelta(days=455),
)
