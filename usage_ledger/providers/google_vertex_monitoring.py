"""Google Cloud Monitoring: tokens and calls of Vertex AI per model, region and project, a second cut of what is billed.

Off by default. A point is a day's sum; the answer names its start and end. Known labels tell input from output, not
what was read from a cache. A project whose models were never called has no such metric, and answers 404. Data is there
for about six weeks.
Source: https://docs.cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.timeSeries/list. Last checked: 2026-11-28.
"""

from datetime import timedelta

from usage_ledger import model as m

SERIES = "aiplatform.googleapis.com/publisher/online_serving/"
POINTS = m.RowSet(
    path="timeSeries/points",
    table="usage_daily",
    when=m.Bucket("interval/startTime", "interval/endTime"),
    breakdown="monitoring",
    constants=(("usage_type", "serverless"),),
    dimensions=m.from_parent(
        m.dimensions(
            project_id="resource/labels/project_id",
            region="resource/labels/location",
            model="resource/labels/model_user_id",
            host="resource/labels/publisher",
        )
    ),
    meters=tuple(
        m.Meter(column, "value/int64Value", where=m.OneOf(path, (value,)))
        for column, path, value in (
            ("input_tokens", "^metric/labels/type", "input"),
            ("output_tokens", "^metric/labels/type", "output"),
            ("requests", "^metric/type", f"{SERIES}model_invocation_count"),
        )
    ),
    sum_over=("^metric/type", "^metric/labels/type"),
    ignored=("^metricKind", "^valueType", "^resource/type"),
    optional=True,
)
LABELS = ("metric.label.type", *(f"resource.label.{name}" for name in ("model_user_id", "location", "publisher")))
QUERY = (
    ("filter", "{filter}"),
    ("interval.startTime", "{start}"),
    ("interval.endTime", "{end}"),
    ("aggregation.alignmentPeriod", "86400s"),
    ("aggregation.perSeriesAligner", "ALIGN_SUM"),
    ("aggregation.crossSeriesReducer", "REDUCE_SUM"),
    ("aggregation.groupByFields", LABELS),
    ("view", "FULL"),
)
METRICS = tuple(f'metric.type="{SERIES}{name}"' for name in ("token_count", "model_invocation_count"))
MONITORING = m.Report(
    name="requests",
    source=m.HttpPages(
        m.Request("/v3/projects/{project}/timeSeries", QUERY, base="https://monitoring.googleapis.com"),
        m.Cursor("nextPageToken", "pageToken"),
        per=m.Fixed("filter", METRICS, m.PerSetting("projects", "project")),
    ),
    row_sets=(POINTS,),
    day="UTC",
    reach=timedelta(days=41),
    marks=(m.Mark("executionErrors", absent=True), m.Mark("unreachable", absent=True)),
    ignored=("unit",),
    opt_in=True,
)
