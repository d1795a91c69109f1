"""Anthropic's usage and cost by key and actor: the successors of `usage_report/messages` and `cost_report`.

Rows are of a day and a group; a call takes five groupings, beside `cost_type` and `token_type`. An actor is a person, a
service account, a key, or whom a cloud provider names: ids are kept, addresses and names are dropped, and a name of a
cloud provider's becomes a pseudonym. Requests are null where costs are grouped by type: they are those of the usage.
"""

from datetime import date, timedelta
from decimal import Decimal
from functools import partial

from usage_ledger import model as m

GROUP_BY = ("actor", "api_key_id", "workspace_id", "model", "speed")
OTHERS = (
    *("actor_type", "agent_id", "claude_tag_category", "claude_tag_user_id", "context_window", "deployment_id"),
    *("environment_id", "inference_geo", "organization_id", "product", "rbac_group_id", "service_tier", "session_id"),
    *("slack_channel_id", "user_profile_id"),
)
ACTOR = "group/actor"
WHO = (
    m.Dimension("user_id", (f"{ACTOR}/user_id", f"{ACTOR}/service_account_id", f"{ACTOR}/subject")),
    m.Dimension("resource", (f"{ACTOR}/provider", f"{ACTOR}/type")),
    *m.dimensions(api_key_id="group/api_key_id", project_id="group/workspace_id"),
    *m.dimensions(model="group/model", speed="group/speed"),
)
IGNORED = (*(f"group/{name}" for name in OTHERS), f"{ACTOR}/api_key_id", f"{ACTOR}/deleted")
CACHE = "usage/cache_creation"
WRITES = tuple(f"{CACHE}/ephemeral_{lifetime}_input_tokens" for lifetime in ("5m", "1h"))
PARTS = ("usage/cache_read_input_tokens", *WRITES)
TOKEN_TYPES = (
    *(
        ("cache_read_input_tokens", "cached_input_tokens"),
        ("cache_creation.ephemeral_5m_input_tokens", "cache_write_tokens"),
    ),
    ("cache_creation.ephemeral_1h_input_tokens", "cache_write_1h_tokens"),
)
COST_TYPES = (
    m.Rule("web_search", "web_searches"),
    m.Rule("code_execution|session_usage", "compute_seconds"),  # by the time that something ran
)


def charges(group: str = "") -> tuple[m.Dimension | m.Derived, ...]:
    """What a line of money is for: the type of cost, and of tokens where it is for tokens."""
    return (
        m.Dimension("category", (f"{group}cost_type",)),
        m.Dimension("meter", (f"{group}token_type",), values=TOKEN_TYPES),
        m.Derived("meter", f"{group}cost_type", COST_TYPES),
    )


rows = partial(m.RowSet, path="data", when=m.Bucket("starting_at", "ending_at"))
USAGE = rows(
    table="usage_daily",
    constants=(("usage_type", "serverless"),),
    dimensions=WHO,
    meters=(
        m.Meter("requests", "usage/requests", absent="null"),
        m.Meter("input_tokens", "usage/uncached_input_tokens", plus=PARTS, others=CACHE, unread="usage/*input_tokens"),
        m.Meter("cached_input_tokens", "usage/cache_read_input_tokens"),
        m.Meter("cache_write_tokens", WRITES[0], plus=WRITES[1:], others=CACHE),
        m.Meter("cache_write_1h_tokens", WRITES[1]),
        m.Meter("output_tokens", "usage/output_tokens"),
        m.Meter("web_searches", "usage/server_tool_use/web_search_requests"),
    ),
    balances=(
        m.Balance("usage/total_tokens", ("usage/uncached_input_tokens", *PARTS, "usage/output_tokens"), promised=False),
    ),
    ignored=IGNORED,
)
COST = rows(
    table="cost_daily",
    basis="billed",
    constants=(("charge_category", "Usage"),),
    dimensions=(*WHO, *charges("group/"), m.Dimension("currency", ("cost/currency",), missing="zero", form="upper")),
    meters=(
        m.Meter("amount", "cost/amount", "decimal", scale=Decimal("0.01"), exact=False),
        m.Meter("list_amount", "cost/list_amount", "decimal", scale=Decimal("0.01"), exact=False, absent="null"),
    ),
    credits=True,
    ignored=(*IGNORED, "cost/requests"),
)


def analytics(name: str, path: str, row_set: m.RowSet, *types: str) -> m.Report:
    """One of the two reports. Its figures settle 30 days after the date, says Anthropic."""
    query = (
        *(("starting_at", "{start}"), ("ending_at", "{end}"), ("time_bucket_width", "1d"), ("limit", "1000")),
        *(("order_by", "time"), ("order", "asc"), ("group_by[]", (*GROUP_BY, *types))),
    )
    trial = (("anthropic-beta", "analytics-usage-cost-2026-08-24"),)
    return m.Report(
        name=name,
        source=m.HttpPages(
            m.Request(f"/v1/organizations/analytics/{path}", query, headers=trial),
            m.Cursor("next_page", "page", more="has_more"),
        ),
        row_sets=(row_set,),
        day="UTC",
        longest=timedelta(days=31),
        reach=timedelta(days=365),
        begins=date(2026, 1, 1),
        older="leave them out: `messages` and `cost` have them",
        settle_days=30,
        may_be_absent=True,
        cut=(f"data/*/{ACTOR}/email_address", f"data/*/{ACTOR}/name"),
        pseudonyms=(f"data/*/{ACTOR}/subject",),
        ignored=("data_refreshed_at",),
    )


ANALYTICS = (
    analytics("analytics_usage", "usage", USAGE),
    analytics("analytics_cost", "cost", COST, "cost_type", "token_type"),
)
