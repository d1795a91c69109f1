"""Fireworks AI: metered usage, rated cost, prices, and the names of API keys.

Measures: serverless tokens and audio seconds, dedicated accelerator-seconds, training tokens or seconds
(`billingUsage`); rated money per line item (`billing/summary`). Embeddings and images are not metered there yet.
`rates`, off by default and no record (`prometheus`): deployments' tokens, estimated from what your Prometheus scrapes.
`key_cost`, off by default: serverless money by API key, model and user, three breakdowns (`usageCosts:query`).
`usage_utc`, off by default and no record (`utc_day`): `usage` in UTC days, for a connection in another time zone, whose
bill can then be compared by day.
`prices`, daily: the list of serverless prices, which the vendor does not date, with the classes of service.
Bill lines: the category says the meter; the model is the one whose display name on the price list the line has, blank
where none has it. A variant with an id of its own (Fast) is a model; Priority, which has none, is a tier.
Grain: usage, one row per local day x every grouping that exists; cost, one row per UTC day x line item.
Units: int64 as text (absent is 0), seconds as numbers, money as google.type.Money; a line below 0 is a credit.
Limits: 31 x 24 h a call; `key_cost` for the last 100 days and an account administrator's key, without which it is left
out with a warning; 10 or 6,000 requests a minute an account. Lag: not published, so three days are read again.
Not given: whether an answer is whole (empty arrays may be left out; cost has a total); the form of annotation keys in
`group` and of bucket times in a zone (all documented ones load). Landed, not read: `costNanoUsd`.
Source: https://docs.fireworks.ai/api-reference/get-billing-usage (and get-billing-summary). Last checked: 2026-11-20.
"""

from dataclasses import replace
from functools import partial

from usage_ledger import model as m
from usage_ledger.providers.fireworks_costs import COST, PRICES, WINDOW
from usage_ledger.providers.fireworks_events import EVENTS
from usage_ledger.providers.fireworks_key_costs import KEY_COST
from usage_ledger.providers.fireworks_rates import RATES, SETTINGS
from usage_ledger.providers.refusals import FIREWORKS as REFUSALS

PAGING, PAGES = m.Cursor("nextPageToken", "pageToken"), (("pageSize", "200"),)
rows = partial(m.RowSet, optional=True)
usage = partial(rows, table="usage_daily", when=m.Bucket("startTime", "endTime"))
OWN, TAGS = "accounts/{account}/", ("team", "project", "environment")
GROUPINGS = (
    *("model_name", "api_key_id", "api_key_name", "deployment_name", "accelerator_type"),
    *("job_id", "job_type", "usage_type", "base_model", *(f"annotations.{tag}" for tag in TAGS)),
)


def tags(*more: str) -> tuple[m.Dimension, ...]:
    """The three custom tags; a row without one is unattributed."""
    return tuple(
        m.Dimension(f"tag_{tag}", (f"group/annotations.{tag}", f"group/{tag}", *(f"{path}/{tag}" for path in more)))
        for tag in TAGS
    )


SERVERLESS = usage(
    path="serverlessCosts",
    constants=(("usage_type", "serverless"),),
    dimensions=(
        m.Dimension("model", ("group/model_name",), missing="grouped"),
        m.Dimension("api_key_id", ("group/api_key_id",), missing="grouped"),
        m.Dimension("operation", ("usageType",)),
        *tags(),
    ),
    meters=(
        m.Meter("input_tokens", "promptTokens", absent="zero"),
        m.Meter("cached_input_tokens", "cachedPromptTokens", absent="null"),
        m.Meter("output_tokens", "completionTokens", absent="zero"),
        m.Meter("audio_seconds", "audioInputSeconds", "decimal", absent="null", exact=False, double=True),
    ),
    balances=(m.Balance("promptTokens", ("cachedPromptTokens", "uncachedPromptTokens")),),
    names=(m.NameOf("api_key", id="group/api_key_id", name="group/api_key_name"),),
    sum_over=("group/api_key_name",),
    ignored=("modelName", "apiKeyId", "costNanoUsd"),
)
DEDICATED = usage(
    path="dedicatedCosts",
    constants=(("usage_type", "dedicated"),),
    dimensions=(
        m.Dimension("deployment", ("deploymentId", "group/deployment_name"), "grouped", "last_segment", within=OWN),
        m.Dimension("accelerator", ("acceleratorType", "group/accelerator_type")),
        *m.dimensions(model="baseModel", region="placement", operation="usageType"),
        *tags(),
    ),
    meters=(m.Meter("accelerator_seconds", "acceleratorSeconds", absent="zero"),),
)
TRAINING = usage(
    path="trainingCosts",
    constants=(("usage_type", "training"),),
    dimensions=(
        m.Dimension("job_id", ("jobId", "group/job_id")),
        m.Dimension("operation", ("jobType", "group/job_type")),
        m.Dimension("variant", ("usageType", "group/usage_type")),
        m.Dimension("resource", ("trainingSessionId",)),
        m.Dimension("accelerator", ("acceleratorType", "group/accelerator_type")),
        m.Dimension("model", ("baseModel", "group/base_model")),
        *tags("annotations"),
    ),
    meters=(
        m.Meter("training_tokens", "tokens", absent="null"),
        m.Meter("accelerator_seconds", "acceleratorSeconds", absent="null"),
    ),
)
API_KEYS = rows(
    path="apiKeys",
    table="",
    names=(m.NameOf("api_key", id="keyId", name="displayName", owner="@user", tags="annotations"),),
    ignored=("secure", "createTime", "expireTime", "lastUsed"),
)

METERED = (SERVERLESS, DEDICATED, TRAINING)
USAGE = m.Request("/v1/accounts/{account}/billingUsage", (*WINDOW, ("timezone", "{zone}"), ("groupBy", GROUPINGS)))
USERS = m.Listing(m.Request("/v1/accounts/{account}/users", PAGES), "users", "name", "user", PAGING, optional=True)

FIREWORKS = m.Provider(
    name="fireworks",
    title="Fireworks AI",
    base_url="https://api.fireworks.ai",
    hosts=("api.fireworks.ai",),
    accounts=m.Listing(m.Request("/v1/accounts", PAGES), "accounts", "name", "account", PAGING, optional=True),
    account=m.Setting("account", "Account", "The account's slug, as in accounts/<slug>."),
    requests_per_minute=600,
    docs="https://docs.fireworks.ai/accounts/exporting-usage-and-costs",
    key_help="an API key of the account (app.fireworks.ai, Settings, API Keys); any role may read billing",
    refusals=REFUSALS,
    events=EVENTS,
    settings=SETTINGS,
    reports=(
        m.Report("usage", m.HttpPages(USAGE, PAGING), METERED, date_labels=True),
        m.Report(
            "usage_utc",
            m.HttpPages(USAGE, PAGING),
            tuple(replace(row_set, breakdown="utc_day") for row_set in METERED),
            day="UTC",
            opt_in=True,
        ),
        COST,
        KEY_COST,
        PRICES,
        m.Report(
            name="api_keys",
            source=m.HttpPages(m.Request("/v1/accounts/{account}/users/{user}/apiKeys"), PAGING, per=USERS),
            row_sets=(API_KEYS,),
            snapshot=True,
            cut=("users/*/email", "users/*/displayName", "apiKeys/*/email", "apiKeys/*/key", "apiKeys/*/prefix"),
        ),
        RATES,
    ),
)
