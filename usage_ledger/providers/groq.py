"""Groq: tokens and requests per model and project, estimated from rates over five minutes.

Measures: input and output tokens and requests, of every status, of an organization with Enterprise metrics (Prometheus
API, answered by VictoriaMetrics). There are no counters and no money: a rate at an instant times 300 is what came in
the five minutes before it, and the 288 rates from 00:05 to 24:00 UTC tile a day. A rate that is not there counts as 0;
how many of the 288 the series of a date have, at least and at most, is in the date's evidence (`points`).
Grain: one row per UTC day x model x project.
Units: rates as decimals in text; each is multiplied by 300 and rounded to a whole number, half to even, once.
Accuracy: `estimated`. Where Groq takes its samples some seconds before each edge, a day is shifted by as much: within
0.1 % a day of steady traffic, nothing over several days (37 s off: -0.08 % and +0.10 %, by VictoriaMetrics 1.79.5 and
Prometheus 2.42 alike). The first seconds of a new series may be missing. It is no invoice: the record of what is
charged is Groq's bill, in the console, and this report is the record of the ledger.
Limits: one day a request, four requests a day: the names of the metrics, then one for each of three metrics.
Reach: what Groq stores, which is not published (the software keeps a month by default). Of a date without any metric
it is not known whether it was not used or is too old: it is empty and not settled, and deletes nothing. Of a date that
is too old in part the rest comes, and nothing in the answer tells: ask for no dates older than 30 days.
Lag: not published; two days are read again.
Rights: Groq has no roles for keys. A key of the organization with Enterprise metrics reads them.
Not given: whether input holds cached tokens, whether batch jobs, speech and failed requests count, the names of the
labels `project_id` and `status_code`, whether a project's key sees the others, whose organization the key is of.
`cached_input_tokens` stays null: it is open whether `prompt_cache_hits` counts tokens or requests. Earlier metrics were
percentiles (`tokens_in:P99:rate5m`), of which no total is made: where they alone are there, the report fails.
Source: https://console.groq.com/docs/prometheus-metrics. Last checked: 2026-11-28.
"""

from datetime import timedelta
from decimal import Decimal
from functools import partial

from usage_ledger import model as m
from usage_ledger.providers.refusals import GROQ as REFUSALS

API = "/v1/metrics/prometheus/api/v1"
STEP = timedelta(minutes=5)
METRICS = {
    "input_tokens": "model_project_id:tokens_in:rate5m",
    "output_tokens": "model_project_id:tokens_out:rate5m",
    "requests": "model_project_id_status_code:requests:rate5m",
}
NAMES = tuple(METRICS.values())
# The right-hand edges: 00:05 to 24:00. A list of names is of whole days, so that of one date ends before the next.
POINTS = (("start", "{start_epoch+300}"), ("end", "{end_epoch}"), ("step", "300"))
DATE = (("start", "{start_epoch}"), ("end", "{end_epoch-1}"))
PEAKS = {f"peak_{column}_per_second": METRICS[column] for column in ("input_tokens", "output_tokens")}
rate = partial(m.Meter, path="value", form="decimal", exact=False, double=True)
RATES = m.RowSet(
    path="rows",
    table="usage_daily",
    basis="estimated",
    when=m.Point("time", STEP, edge="end", clock="epoch"),
    constants=(("usage_type", "serverless"),),
    dimensions=(
        m.Dimension("model", ("model",), missing="required"),
        m.Dimension("project_id", ("project_id",), missing="grouped"),
    ),
    meters=(
        *(rate(column, scale=Decimal(300), where=m.OneOf("@metric", (name,))) for column, name in METRICS.items()),
        *(rate(column, where=m.OneOf("@metric", (name,))) for column, name in PEAKS.items()),
    ),
    sum_over=("@metric", "time"),
)

GROQ = m.Provider(
    name="groq",
    title="Groq",
    base_url="https://api.groq.com",
    hosts=("api.groq.com",),
    accounts=m.Listing(m.Request("/openai/v1/models"), "data", "", "model"),
    account=m.Setting(
        "account", "Organization", "The organization's id, org_…, or a name of your own: Groq tells no key whose it is."
    ),
    requests_per_minute=120,
    docs="https://console.groq.com/docs/prometheus-metrics",
    key_help="an API key, gsk_…, of an organization with Enterprise metrics (console.groq.com/keys); it can run models "
    "too, so keep it well",
    error_messages=("error/message", "error"),
    refusals=REFUSALS,
    reports=(
        m.Report(
            name="usage",
            source=m.HttpPages(
                m.Request(
                    f"{API}/query_range", (("query", m.Template("sum by (model, project_id) ({metric})")), *POINTS)
                ),
                per=m.Fixed("metric", NAMES),
                requires=m.Discovery(
                    m.Request(f"{API}/label/__name__/values", DATE),
                    items="data",
                    names=NAMES,
                    otherwise="percentiles add up to no total, and metrics of other names are unknown here: look for "
                    "a newer version of this program",
                ),
            ),
            row_sets=(RATES,),
            reshape=m.Series("data/result", labels="metric", points="values"),
            marks=(m.Mark("status", is_="success"), m.Mark("isPartial", is_=False, absent=True)),
            ignored=("stats", "data/resultType"),
            day="UTC",
            longest=timedelta(days=1),
            settle_days=2,
        ),
    ),
)
