"""Anthropic: messages by key and by person, billed cost, Claude Code, and the names of workspaces and keys.

Measures: tokens and web searches (`usage_report/messages`, requested twice: a call takes five groupings at most),
money (`cost_report`), sessions, lines, commits, tool calls and cost of Claude Code (`usage_report/claude_code`).
Grain: a UTC day x the groupings. Record: `analytics/usage` and `analytics/cost` where the account has them (365 days,
settled after 30): key, actor, workspace, model, speed, with requests and list amounts; `messages` and `cost` are then
breakdowns of their own names, else the record: model, key, workspace, tier, context window. Breakdown `user`: account,
service account, geography, model and workspace. Breakdown `actor`: Claude Code, which the messages count as well.
Units: tokens as integers; money as decimal strings of cents; estimated cost as a number of cents.
Token meaning: four disjoint counters and no total are sent; `input_tokens` is their sum: uncached, read from the cache,
written to it for 5 minutes and for an hour. Thinking is part of the output.
Whole: each date asked for has a bucket, but in Claude Code and `analytics`; a date without one was not read.
Limits: 31 daily buckets a page; Claude Code one day a call. Lag: minutes, for Claude Code an hour; three days are read
again. Not given: finality; requests of the record; priority-tier cost; the id of the default workspace, which is ''.
Source: https://docs.claude.com/en/api/usage-cost-api (and claude-code-analytics-api). Last checked: 2026-11-21.
"""

from datetime import timedelta
from decimal import Decimal
from functools import partial

from usage_ledger import model as m
from usage_ledger.providers.anthropic_analytics import ANALYTICS, charges
from usage_ledger.providers.refusals import ANTHROPIC as REFUSALS

PAGING, LIST = m.Cursor("next_page", "page", more="has_more"), m.Cursor("last_id", "after_id", more="has_more")
CENTS, CACHE, ROOT = Decimal("0.01"), "cache_creation", "/v1/organizations"
WRITES = tuple(f"{CACHE}/ephemeral_{lifetime}_input_tokens" for lifetime in ("5m", "1h"))
PARTS, OF_CODE = ("cache_read_input_tokens", *WRITES), ("tokens/cache_read", "tokens/cache_creation")
bucketed = partial(m.RowSet, path="data/results", when=m.Bucket("^starting_at", "^ending_at", every_day=True))
daily = partial(m.Report, day="UTC", longest=timedelta(days=31))
BUCKETS = (("starting_at", "{start}"), ("ending_at", "{end}"), ("bucket_width", "1d"), ("limit", "31"))
BY_LINE, ONE_DAY = ("group_by[]", ("workspace_id", "description")), (("starting_at", "{date}"), ("limit", "1000"))
actors = partial(m.RowSet, table="usage_daily", breakdown="actor", constants=(("usage_type", "agent"),), repeats=True)
TOKENS = (
    m.Meter("input_tokens", "uncached_input_tokens", plus=PARTS, others=CACHE, unread="*input_tokens"),
    m.Meter("cached_input_tokens", "cache_read_input_tokens"),
    m.Meter("cache_write_tokens", WRITES[0], plus=WRITES[1:], others=CACHE),
    m.Meter("cache_write_1h_tokens", WRITES[1]),
    m.Meter("output_tokens", "output_tokens"),
    m.Meter("web_searches", "server_tool_use/web_search_requests"),
)


def messages(name: str, group_by: tuple[str, ...], dimensions: tuple[m.Dimension, ...], breakdown: str) -> m.Report:
    """The messages report, in one of its two cuts."""
    return daily(
        name=name,
        source=m.HttpPages(m.Request(f"{ROOT}/usage_report/messages", (*BUCKETS, ("group_by[]", group_by))), PAGING),
        row_sets=(
            bucketed(
                table="usage_daily",
                breakdown=breakdown,
                constants=(("usage_type", "serverless"),),
                dimensions=dimensions,
                meters=TOKENS,
                ignored=tuple(one for one in (*KEYS, *PEOPLE) if one not in group_by),
            ),
        ),
        yields_to="" if breakdown else "analytics_usage",
    )


KEYS = ("model", "api_key_id", "workspace_id", "service_tier", "context_window")
PEOPLE = ("account_id", "service_account_id", "inference_geo", "model", "workspace_id")
TIERS = m.dimensions(service_tier="service_tier", context_window="context_window", speed="speed")
BY_KEY = (*m.dimensions(model="model", api_key_id="api_key_id", project_id="workspace_id"), *TIERS)
BY_USER = (
    m.Dimension("user_id", ("account_id", "service_account_id")),
    *m.dimensions(region="inference_geo", model="model", project_id="workspace_id", speed="speed"),
)
COST_ROWS = bucketed(
    table="cost_daily",
    basis="billed",
    constants=(("charge_category", "Usage"),),
    dimensions=(
        *m.dimensions(model="model", project_id="workspace_id", region="inference_geo", line_item="description"),
        *charges(),
        *TIERS,
        m.Dimension("currency", ("currency",), missing="zero", form="upper"),
    ),
    meters=(m.Meter("amount", "amount", "decimal", scale=CENTS, exact=False),),
    repeats=True,
    credits=True,
)
COST_PAGES = m.HttpPages(m.Request(f"{ROOT}/cost_report", (*BUCKETS, BY_LINE)), PAGING)
WHO = (
    *m.dimensions(user_id="actor/email_address", resource="actor/api_key_name", channel="terminal_type"),
    *m.dimensions(variant="customer_type", service_tier="subscription_type"),
)
MODEL = (*m.from_parent(WHO), *m.dimensions(model="model"))
CLAUDE_CODE = (
    actors(
        path="data",
        when=m.Day("date"),
        dimensions=WHO,
        meters=(
            m.Meter("sessions", "core_metrics/num_sessions"),
            m.Meter("lines_added", "core_metrics/lines_of_code/added"),
            m.Meter("lines_removed", "core_metrics/lines_of_code/removed"),
            m.Meter("commits", "core_metrics/commits_by_claude_code"),
            m.Meter("pull_requests", "core_metrics/pull_requests_by_claude_code"),
        ),
        ignored=("organization_id", "actor/type"),
    ),
    *(
        actors(
            path="data/tool_actions/*",
            label=answer,
            when=m.Day("^date"),
            constants=(("usage_type", "agent"), ("status", answer)),
            dimensions=(*m.from_parent(WHO), *m.dimensions(operation="*")),
            meters=(m.Meter("tool_calls", answer),),
        )
        for answer in ("accepted", "rejected")
    ),
    actors(
        path="data/model_breakdown",
        when=m.Day("^date"),
        dimensions=MODEL,
        meters=(
            m.Meter("input_tokens", "tokens/input", plus=OF_CODE, unread="tokens/*"),
            m.Meter("cached_input_tokens", "tokens/cache_read"),
            m.Meter("cache_write_tokens", "tokens/cache_creation"),
            m.Meter("output_tokens", "tokens/output"),
        ),
    ),
    m.RowSet(
        path="data/model_breakdown",
        label="cost",
        table="cost_daily",
        basis="estimated",
        breakdown="actor",
        when=m.Day("^date"),
        constants=(("usage_type", "agent"), ("charge_category", "Usage"), ("meter", "tokens")),
        dimensions=(*MODEL, m.Dimension("currency", ("estimated_cost/currency",), missing="zero", form="upper")),
        meters=(m.Meter("amount", "estimated_cost/amount", "decimal", scale=CENTS, exact=False),),
        skip_when_missing="estimated_cost/amount",
        repeats=True,
    ),
)


def names(name: str, row: m.NameOf, ignored: tuple[str, ...], *flags: str, cut: tuple[str, ...] = ()) -> m.Report:
    """A list that gives ids their names."""
    return m.Report(
        name=name,
        source=m.HttpPages(m.Request(f"{ROOT}/{name}", (("limit", "1000"), *((flag, "true") for flag in flags))), LIST),
        row_sets=(m.RowSet(path="data", table="", names=(row,), ignored=("type", "created_at", *ignored)),),
        snapshot=True,
        cut=cut,
        ignored=("first_id",),
    )


ANTHROPIC = m.Provider(
    name="anthropic",
    title="Anthropic",
    base_url="https://api.anthropic.com",
    hosts=("api.anthropic.com",),
    auth=m.HeaderKey("x-api-key", ""),
    account_header=m.AccountHeader("anthropic-organization-id"),
    headers=(("anthropic-version", "2023-06-01"),),
    accounts=m.Listing(m.Request(f"{ROOT}/me"), "", "id", "account", single=True),
    account=m.Setting("account", "Organization", "The organization's id, as in Console, Settings, Organization."),
    requests_per_minute=60,
    docs="https://docs.claude.com/en/api/usage-cost-api",
    key_help="an Admin key, sk-ant-admin01-… (Claude Console, Settings, Admin keys), or an admin's without a workspace",
    refusals=REFUSALS,
    reports=(
        messages("messages", KEYS, BY_KEY, ""),
        messages("messages_by_user", PEOPLE, BY_USER, "user"),
        *ANALYTICS,
        daily("cost", COST_PAGES, (COST_ROWS,), yields_to="analytics_cost"),
        m.Report(
            name="claude_code",
            source=m.HttpPages(m.Request(f"{ROOT}/usage_report/claude_code", ONE_DAY), PAGING),
            row_sets=CLAUDE_CODE,
            day="UTC",
            longest=timedelta(days=1),
            pseudonyms=("data/*/actor/email_address",),
            account="data/*/organization_id",
        ),
        names(
            "workspaces",
            m.NameOf("project", id="id", name="name", tags="tags"),
            ("archived_at", "display_color", "compartment_id", "external_key_id", "data_residency"),
            *("include_archived", "include_default"),
        ),
        names(
            "api_keys",
            m.NameOf(
                "api_key", id="id", name="name", parent=("scope/workspace_id", "workspace_id"), owner="created_by/id"
            ),
            ("status", "expires_at", "principal", "created_by/type", "scope/type"),
            cut=("data/*/partial_key_hint",),
        ),
        names("users", m.NameOf("user", id="id", name="name"), ("role", "added_at"), cut=("data/*/email",)),
    ),
)
