"""Fireworks AI's serverless money by API key, by model and by user: three cuts of one sum, none of which is the record.

Asked once for each, a UTC day at a time within the answer. Each page repeats the sum of the range. A row that lacks
what it is asked for is nobody's: `unattributedDimensions` says so, and `attributionCompleteness` is the evidence of
each date. Dedicated deployments and training are not in it.
Limits: 31 days a call, the last 100 days; a key of an account administrator.
Source: https://docs.fireworks.ai/api-reference/query-usage-costs
"""

from datetime import timedelta
from functools import partial

from usage_ledger import model as m

BODY = """{
    "startTime": "{start}", "endTime": "{end}", "scope": "ACCOUNT", "groupBy": ["DAY", "{dimension}"], "pageSize": 1000
}"""
rows = partial(
    m.RowSet,
    path="rows",
    table="cost_daily",
    basis="rated",
    when=m.Day("dimensions/startTime"),
    constants=(("usage_type", "serverless"), ("charge_category", "Usage")),
    meters=(m.Money("amount", "subtotal", absent="zero"),),
    ignored=("dimensions/unattributedDimensions",),
    optional=True,
    credits=True,
)
CURRENCY = m.Dimension("currency", ("subtotal/currencyCode",), missing="zero", form="upper")
# Without it, what nobody is billed for and a model that has no public name would be one row.
UNKNOWN = m.Dimension(
    "category", ("dimensions/unknownModel",), form="flag", values=(("true", "unknown"), ("false", ""))
)


def by(breakdown: str, dimension: str, *columns: m.Dimension) -> m.RowSet:
    """The rows of one of the three questions."""
    where = m.OneOf("@dimension", (dimension,))
    return rows(label=breakdown, breakdown=breakdown, where=where, dimensions=(*columns, UNKNOWN, CURRENCY))


KEY_COST = m.Report(
    name="key_cost",
    source=m.HttpPages(
        m.Request("/v1/accounts/{account}/usageCosts:query", method="POST", body=BODY, reads_only=True),
        m.Cursor("nextPageToken", "pageToken", into="body"),
        per=m.Fixed("dimension", ("API_KEY", "MODEL", "USER")),
    ),
    row_sets=(
        by("api_key", "API_KEY", m.Dimension("api_key_id", ("dimensions/apiKeyId",), missing="grouped")),
        by("model", "MODEL", m.Dimension("model", ("dimensions/model",), missing="grouped")),
        by("user", "USER", m.Dimension("user_id", ("dimensions/user",), missing="grouped", form="last_segment")),
    ),
    day="UTC",
    reach=timedelta(days=99),
    older="leave them out; the account's bill by line (`cost`) has older dates",
    pseudonyms=("rows/*/dimensions/user",),
    totals=(m.Total("cost_daily", "amount", path="", field="subtotal", repeated=True),),
    evidence=("attributionCompleteness",),
    ignored=("evaluationTime",),
    opt_in=True,
    needs_right="let a key of an account administrator read it, or leave it out of the YAML's `reports`",
)
