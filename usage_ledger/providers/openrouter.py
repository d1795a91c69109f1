"""OpenRouter: activity by model and endpoint, in tokens and dollars, per workspace and per key; credits and prices.

Measures: requests, those by own keys among them, tokens, and money (`/activity`): dollars charged to credits are the
record; what was paid to other providers with own keys is the breakdown `byok`, an estimate. Requested again per key,
the same activity is the breakdown `api_key`, without the keys that were deleted before their dates were loaded.
Grain: a UTC day x permanent model name x endpoint x workspace; rows that are alike in these are added up.
Units: tokens as integers; dollars as JSON numbers, rounded to 18 places, one amount for all of a row (meter `tokens`).
Token meaning: input includes cached tokens, output includes reasoning; live answers have held more reasoning than
output, so it is never checked against it.
Limits: the last 30 completed UTC days, one a call. Lag: not published, so three days are read again.
Snapshots: credits, prices of models (of the top provider) and keys are read daily; no history is served.
Total: `total_usage` of two snapshots of the credits must grow by the record's dollars, within the days that they lie
in. It includes all that is charged to credits: fees of own keys, deleted keys, every workspace, and requests that
timed out, which have no row; not what is paid to other providers with own keys. A difference is an event, no hold.
Source: https://openrouter.ai/docs/api-reference. Last checked: 2026-11-21.
"""

from dataclasses import replace
from datetime import timedelta
from functools import partial

from usage_ledger import model as m
from usage_ledger.providers.openrouter_models import MODELS
from usage_ledger.providers.refusals import OPENROUTER as REFUSALS

READ = (
    *("model", "requests", "prompt_tokens", "completion_tokens", "reasoning_tokens", "usage", "byok_usage_inference"),
    "byok_requests",
)
WHERE = m.dimensions(
    model="model_permaslug", variant="model", resource="endpoint_id", host="provider_name", project_id="workspace_id"
)
rows = partial(m.RowSet, path="data", when=m.Day("date"), dimensions=WHERE, ignored=READ, repeats=True)
TOKENS = rows(
    label="tokens",
    table="usage_daily",
    constants=(("usage_type", "serverless"),),
    meters=(
        m.Meter("requests", "requests"),
        m.Meter("input_tokens", "prompt_tokens"),
        m.Meter("output_tokens", "completion_tokens"),
        m.Meter("reasoning_tokens", "reasoning_tokens", absent="null"),
        m.Meter("byok_requests", "byok_requests", absent="null"),
    ),
)
MONEY = (("usage_type", "serverless"), ("charge_category", "Usage"), ("currency", "USD"), ("meter", "tokens"))
CREDITS = rows(
    label="credits",
    table="cost_daily",
    basis="billed",
    constants=MONEY,
    meters=(m.Meter("amount", "usage", "decimal", exact=False),),
)
OWN_KEYS = rows(
    label="byok",
    table="cost_daily",
    basis="estimated",
    breakdown="byok",
    constants=MONEY,
    meters=(m.Meter("amount", "byok_usage_inference", "decimal", exact=False),),
    skip_when_missing="byok_usage_inference",
)
OLDER = "leave them out; OpenRouter's console shows them under Analytics"
activity = partial(m.Report, day="UTC", longest=timedelta(days=1), reach=timedelta(days=30), older=OLDER)
ACTIVITY = m.Request("/api/v1/activity", (("date", "{date}"), ("group_by", "workspace")))
ACTIVITY_OF_KEY = replace(ACTIVITY, query=(*ACTIVITY.query, ("api_key_hash", "{key}")))
PAGING = m.Offset("data", "offset")
WORKSPACES = m.Listing(
    m.Request("/api/v1/workspaces", (("limit", "100"),)),
    "data",
    "id",
    "workspace",
    m.Offset("data", "offset", "total_count"),
    implied=True,
)
KEYS = m.Listing(
    m.Request("/api/v1/keys", (("include_disabled", "true"), ("workspace_id", "{workspace}"))),
    "data",
    "hash",
    "key",
    PAGING,
    per=WORKSPACES,
)


def by_key(row_set: m.RowSet) -> m.RowSet:
    """The same rows of one key's activity."""
    return replace(row_set, breakdown="api_key", dimensions=(*WHERE, *m.dimensions(api_key_id="@key")))


OPENROUTER = m.Provider(
    name="openrouter",
    title="OpenRouter",
    seller=m.Seller(host=False),
    base_url="https://openrouter.ai",
    hosts=("openrouter.ai",),
    accounts=m.Listing(m.Request("/api/v1/key"), "data", "", "account", single=True),
    account=m.Setting("account", "Account", "Your own name for the account or organization."),
    requests_per_minute=60,
    docs="https://openrouter.ai/docs/api-reference/analytics/get-activity",
    key_help="a management key (openrouter.ai, Settings, Management Keys)",
    key_flags=("is_management_key", "is_provisioning_key"),
    refusals=REFUSALS,
    reports=(
        activity(name="activity", source=m.HttpPages(ACTIVITY), row_sets=(TOKENS, CREDITS, OWN_KEYS)),
        activity(
            name="activity_by_key",
            source=m.HttpPages(ACTIVITY_OF_KEY, per=KEYS),
            row_sets=(by_key(TOKENS), by_key(CREDITS)),
            cut=("data/*/label",),
        ),
        m.Report(
            name="api_keys",
            source=m.HttpPages(KEYS.request, PAGING, per=WORKSPACES),
            row_sets=(
                m.RowSet(
                    path="data",
                    table="",
                    names=(
                        m.NameOf("api_key", id="hash", name="name", owner="creator_user_id", parent="workspace_id"),
                    ),
                    allow_extra_fields=True,
                ),
            ),
            snapshot=True,
            cut=("data/*/label",),
        ),
        MODELS,
        m.Report(
            name="credits",
            source=m.HttpPages(m.Request("/api/v1/credits")),
            row_sets=(),
            snapshot=True,
            ignored=("data/total_credits",),
            running_totals=(m.RunningTotal("data/total_usage", of="activity"),),
        ),
    ),
)
