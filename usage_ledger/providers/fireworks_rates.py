"""Fireworks AI's deployments as a Prometheus of the team's own recorded them: rates of tokens, added up to days.

The vendor serves rates of the last minute as text, and no history; a team's Prometheus or VictoriaMetrics that scrapes
them has one. A rate at an instant times 60 is what came in the minute before it, and 1,440 of them tile a day. The
mean of a deployment's series counts one once that several servers scrape.

The vendor lists no rate of generated tokens. The name here follows that of the others: where the vendor serves it, or a
recording rule of the team's own has it, output is read, and elsewhere it is null.
Source: https://docs.fireworks.ai/deployments/exporting-metrics
"""

from datetime import timedelta
from decimal import Decimal
from functools import partial

from usage_ledger import model as m

SETTINGS = (
    m.Setting(
        "prometheus_url",
        "Prometheus URL",
        "For the report `rates` alone: the base URL, above /api/v1/query_range, of your own Prometheus or "
        "VictoriaMetrics that scrapes the vendor's metrics. Its host:port must be in USAGE_LEDGER_ALLOWED_HOSTS.",
        pattern=r"https?://[!-~]{1,500}",
    ),
    m.Setting(
        "prometheus_token",
        "Prometheus token",
        "The bearer token of that server, where it wants one. The vendor's key is never sent there.",
        secret=True,
    ),
)
SERVER = m.OwnServer("prometheus_url", bearer="prometheus_token")
METRICS = {
    "input_tokens": "tokens_prompt_total:sum_by_deployment",
    "cached_input_tokens": "tokens_cached_prompt_total:sum_by_deployment",
    "output_tokens": "tokens_generated_total:sum_by_deployment",
}
PEAKS = {f"peak_{column}_per_second": METRICS[column] for column in ("input_tokens", "output_tokens")}
rate = partial(m.Meter, path="value", form="decimal", exact=False, double=True)
RATE = m.Template('avg by (base_model, deployment_id) ({metric}{deployment_account="{account}"})')
ANY = m.Template('{__name__=~"tokens_.+_total:sum_by_deployment",deployment_account="{account}"}')
PROMETHEUS = m.RowSet(
    path="rows",
    table="usage_daily",
    basis="estimated",
    breakdown="prometheus",
    when=m.Point("time", timedelta(minutes=1), edge="end", clock="epoch"),
    constants=(("usage_type", "dedicated"),),
    dimensions=(
        m.Dimension("model", ("base_model",), missing="required"),
        m.Dimension("deployment", ("deployment_id",), missing="grouped", form="last_segment"),
    ),
    meters=(
        *(rate(column, scale=Decimal(60), where=m.OneOf("@metric", (name,))) for column, name in METRICS.items()),
        *(rate(column, where=m.OneOf("@metric", (name,))) for column, name in PEAKS.items()),
    ),
    sum_over=("@metric", "time"),
)
RATES = m.Report(
    name="rates",
    source=m.HttpPages(
        m.Request(
            "/api/v1/query_range",
            (("query", RATE), ("start", "{start_epoch+60}"), ("end", "{end_epoch}"), ("step", "60")),
            base=SERVER,
        ),
        per=m.Fixed("metric", tuple(METRICS.values())),
        requires=m.Discovery(
            m.Request(
                "/api/v1/label/__name__/values",
                (("match[]", ANY), ("start", "{start_epoch}"), ("end", "{end_epoch-1}")),
                base=SERVER,
            ),
            items="data",
            names=(METRICS["input_tokens"],),
            otherwise="look whether the vendor or a relabelling of yours names its metrics otherwise",
        ),
    ),
    row_sets=(PROMETHEUS,),
    reshape=m.Series("data/result", labels="metric", points="values"),
    marks=(
        m.Mark("status", is_="success"),
        m.Mark("isPartial", is_=False, absent=True),
        m.Mark("warnings", absent=True),  # of an answer that lacks a part, from servers that ask several others
    ),
    ignored=("stats", "infos", "data/resultType"),
    longest=timedelta(days=1),
    settle_days=1,
    opt_in=True,
)
