"""Azure Monitor's metrics of an account of models: which are asked for, how they are split, what their points mean."""

from datetime import timedelta
from functools import partial

from usage_ledger import model as m

Meters = dict[str, tuple[str, ...]]
"""The metrics of each meter, which are added up."""
NAMESPACE = "Microsoft.CognitiveServices/accounts"
OF_MODELS, OF_MONITOR = (("api-version", "2024-10-01"),), (("api-version", "2024-02-01"),)
MOST_SERIES = 10_000
MAKERS = ("value/*/systemData",)
"""Names people, in lists of accounts and deployments."""
NEXT = m.Link("nextLink")
ACCOUNTS = m.Listing(
    m.Request(f"/subscriptions/{{subscription}}/providers/{NAMESPACE}", OF_MODELS),
    "value",
    "id",
    "resource",
    NEXT,
    form="whole",
    per=m.PerSetting("subscriptions", "subscription"),
    where=m.OneOf("kind", ("OpenAI", "AIServices")),
    once=True,
)
DEPLOYMENTS = m.Listing(
    m.Request("/{+resource}/deployments", OF_MODELS),
    "value",
    "id",
    "deployment",
    NEXT,
    form="whole",
    per=ACCOUNTS,
    once=True,
)
OFFERS = m.Listing(
    m.Request("/{+resource}/providers/Microsoft.Insights/metricDefinitions", OF_MONITOR),
    "value",
    "name/value",
    "metric",
    per=ACCOUNTS,
    once=True,
)
QUESTION = m.Request(
    "/{+resource}/providers/Microsoft.Insights/metrics",
    (
        *OF_MONITOR,
        ("metricnamespace", NAMESPACE),
        ("metricnames", "{metrics}"),
        ("timespan", "{interval}"),
        ("interval", "P1D"),
        ("aggregation", "Total"),
        ("top", str(MOST_SERIES)),
        ("$filter", "{filter}"),
    ),
)
TOKENS: Meters = {"input_tokens": ("InputTokens",), "output_tokens": ("OutputTokens",)}
PARTS: Meters = {
    "cached_input_tokens": ("cacheReadInputTokens",),
    "cache_write_tokens": ("ephemeral5mInputTokens", "ephemeral1hInputTokens"),
    "cache_write_1h_tokens": ("ephemeral1hInputTokens",),
    "audio_input_tokens": ("AudioPromptTokens",),
    "audio_output_tokens": ("AudioCompletionTokens",),
    "images": ("GeneratedImages",),
}
REQUESTS: Meters = {"requests": ("ModelRequests",)}
OLDER_TOKENS: Meters = {"input_tokens": ("ProcessedPromptTokens",), "output_tokens": ("GeneratedTokens",)}
OLDER_REQUESTS: Meters = {"requests": ("AzureOpenAIRequests",)}
OLDER = "azure_openai_metrics"
"""What the older family of metrics counted of the same traffic."""
MODEL = ("ModelDeploymentName", "Region", "ModelName", "ModelVersion")
OLDER_MODEL = ("ModelDeploymentName", "Region", "ModelVersion")
PLACES = {
    "modeldeploymentname": "deployment",
    "region": "region",
    "modelname": "model",
    "modelversion": "model_version",
}
PLACES |= {"statuscode": "status"}
UNREAD = (*(f"^^{name}" for name in ("id", "type", "displayDescription", "unit", "errorCode")), "^^name/localizedValue")
METRIC, DEPLOYMENT = "^^name/value", ("@resource", "^metadatavalues/modeldeploymentname")


def selection(dimensions: tuple[str, ...], *meters: Meters, required: bool = False) -> m.Selection:
    """The metrics of some meters, which one request splits by these dimensions."""
    names = dict.fromkeys(name for one in meters for names in one.values() for name in names)
    return m.Selection(tuple(names), (("filter", " and ".join(f"{one} eq '*'" for one in dimensions)),), required)


def rows(label: str, meters: Meters, dimensions: tuple[str, ...], breakdown: str = "") -> m.RowSet:
    """The points of some metrics: a row for each day and combination of dimensions, with a meter for each metric."""
    columns = [(PLACES[name], f"^metadatavalues/{name}") for name in map(str.lower, dimensions)]
    listed = partial(m.Lookup, path=DEPLOYMENT, items="value", id=("@resource", "name"), any_case=True)
    return m.RowSet(
        path="value/timeseries/data",
        label=label,
        table="usage_daily",
        breakdown=breakdown,
        when=m.Point("timeStamp", timedelta(days=1)),
        constants=(("usage_type", "serverless"),),
        where=m.OneOf(METRIC, selection((), meters).names),
        dimensions=(
            *(m.Dimension(column, (path,), missing="error") for column, path in columns),
            m.Dimension("resource", ("@resource",), form="lower"),
            listed(column="service_tier", value="sku/name"),
            *([] if dimensions[: len(MODEL)] == MODEL else [listed(column="model", value="properties/model/name")]),
        ),
        meters=tuple(m.Meter(name, "total", "decimal", where=m.OneOf(METRIC, of)) for name, of in meters.items()),
        sum_over=(METRIC, "timeStamp"),
        skip_when_missing="total",
        blank_is_idle=True,
        ignored=UNREAD,
    )


SELECTIONS = (
    selection(MODEL, TOKENS, PARTS, required=True),
    selection((*MODEL, "StatusCode"), REQUESTS, OLDER_REQUESTS, required=True),
    selection(OLDER_MODEL, OLDER_TOKENS),
)
USAGE = m.Report(
    name="usage",
    source=m.HttpPages(QUESTION, per=m.Catalogue(OFFERS, "metrics", SELECTIONS), lookup=DEPLOYMENTS),
    row_sets=(
        rows("tokens", TOKENS, MODEL),
        rows("parts", PARTS, MODEL),
        rows("requests", REQUESTS, (*MODEL, "StatusCode")),
        rows("older_tokens", OLDER_TOKENS, OLDER_MODEL, OLDER),
        rows("older_requests", OLDER_REQUESTS, (*MODEL, "StatusCode"), OLDER),
    ),
    day="UTC",
    longest=timedelta(days=30),
    reach=timedelta(days=92),
    older="they are lost: Azure Monitor keeps 93 days of metrics",
    reshape=m.Named("value/*/timeseries/*/metadatavalues", name="name/value", value="value"),
    marks=(
        m.Mark("value/*/errorCode", is_="Success"),
        m.EachOf("value/*/name/value", "metricnames"),
        m.Echo("timespan", "timespan"),
        m.Echo("interval", "interval"),
        m.Fewer("value/*/timeseries", than=MOST_SERIES),
    ),
    cut=MAKERS,
    ignored=("cost", "namespace", "resourceregion", "timespan", "interval"),
)
