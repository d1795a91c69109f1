"""OpenAI: what the organization used, in ten reports, what it costs, and the names of projects, users and keys.

Measures: tokens, requests, images, characters, seconds, bytes, sessions, tool calls (`organization/usage/*`); billed
money per project, line item and key (`organization/costs`), which is what equals the invoice. Model, meter, class and
context of a line are read from its text, by the rules in `openai_lines.py`; a line without a quantity is a purchase.
Grain: a UTC day x everything that the report can be grouped by.
Units: tokens as integers; money in whole dollars, as a number or a quoted decimal.
Token meaning: `input_tokens` includes cached and cache-write tokens, of text, audio and images; output includes
reasoning, which has no field of its own. A figure by modality includes what of it was cached.
Whole: each date asked for has a bucket, with rows or without; a date without one was not read.
Limits: 31 daily buckets of usage a page, 180 of costs. Lag: not published, so three days are read again.
Not given: whether all parts by modality make up the total (a difference is reported, and loaded); what the daily
`usage_bytes` is of the day (a gauge); requests of web searches, which completions count as well, are not read.
Source: https://platform.openai.com/docs/api-reference/usage. Last checked: 2026-11-21.
"""

from datetime import timedelta
from functools import partial

from usage_ledger import model as m
from usage_ledger.providers.openai_lines import LINE
from usage_ledger.providers.refusals import OPENAI as REFUSALS

PAGING, LIST = m.Cursor("next_page", "page", more="has_more"), m.Cursor("last_id", "after", more="has_more")
OF_PAGE, OF_BUCKET = ("object",), ("object", "^object")
NAMES = {one: one for one in ("project_id", "user_id", "api_key_id", "model", "service_tier")}
NAMES |= {"size": "variant", "source": "operation", "context_level": "variant", "vector_store_id": "resource"}
PEOPLE = ("project_id", "user_id", "api_key_id")
EVERYONE = (*PEOPLE, "model")
BUCKETS = (("start_time", "{start_epoch}"), ("end_time", "{end_epoch}"), ("bucket_width", "1d"))
BUCKET = m.Bucket("^start_time", "^end_time", clock="epoch", every_day=True)
PAGES = (("limit", "100"),)
optional = partial(m.Meter, absent="null")
daily = partial(m.Report, day="UTC", ignored=OF_PAGE)
REQUESTS = m.Meter("requests", "num_model_requests")
INPUT = m.Meter("input_tokens", "input_tokens")


def usage(name: str, usage_type: str, group_by: tuple[str, ...], *meters: m.Meter, **more: tuple) -> m.Report:  # type: ignore[type-arg]
    """One of the usage reports: they differ in what they count and what they can be grouped by."""
    batch = (m.Dimension("batch", ("batch",), form="flag"),) if "batch" in group_by else ()
    dimensions = tuple(m.Dimension(NAMES[one], (one,)) for one in group_by if one != "batch")
    return daily(
        name=name,
        source=m.HttpPages(
            m.Request(f"/v1/organization/usage/{name}", (*BUCKETS, ("limit", "31"), ("group_by", group_by))), PAGING
        ),
        row_sets=(
            m.RowSet(
                path="data/results",
                table="usage_daily",
                when=BUCKET,
                constants=(("usage_type", usage_type),),
                dimensions=dimensions + batch,
                meters=meters,
                balances=more.get("balances", ()),
                ignored=OF_BUCKET + more.get("ignored", ()),
                repeats=True,
            ),
        ),
        may_be_absent=name in ("file_search_calls", "web_search_calls"),
        longest=timedelta(days=31),
    )


COMPLETIONS = usage(
    "completions",
    "serverless",
    (*EVERYONE, "batch", "service_tier"),
    REQUESTS,
    INPUT,
    optional("cached_input_tokens", "input_cached_tokens"),
    optional("cache_write_tokens", "input_cache_write_tokens"),
    optional("audio_input_tokens", "input_audio_tokens", plus=("input_cached_audio_tokens",)),
    optional("image_input_tokens", "input_image_tokens", plus=("input_cached_image_tokens",)),
    optional("cached_audio_input_tokens", "input_cached_audio_tokens"),
    optional("cached_image_input_tokens", "input_cached_image_tokens"),
    m.Meter("output_tokens", "output_tokens"),
    optional("audio_output_tokens", "output_audio_tokens"),
    optional("image_output_tokens", "output_image_tokens"),
    balances=(
        m.Balance(
            "input_tokens", ("input_uncached_tokens", "input_cached_tokens", "input_cache_write_tokens"), promised=False
        ),
        m.Balance(
            "output_tokens", ("output_text_tokens", "output_audio_tokens", "output_image_tokens"), promised=False
        ),
    ),
    ignored=("input_text_tokens", "input_cached_text_tokens"),
)
COST_ROWS = m.RowSet(
    path="data/results",
    table="cost_daily",
    basis="billed",
    when=BUCKET,
    constants=(("charge_category", "Usage"),),
    dimensions=(
        *m.dimensions(project_id="project_id", line_item="line_item", api_key_id="api_key_id", unit="quantity_unit"),
        m.Dimension("currency", ("amount/currency",), missing="zero", form="upper"),
        *LINE,
    ),
    meters=(
        m.Meter("quantity", "quantity", "decimal", absent="null", exact=False, double=True),
        m.Meter("amount", "amount/value", "decimal", exact=False),
    ),
    skip_when_missing="amount/value",
    ignored=OF_BUCKET,
    repeats=True,
    credits=True,
    purchases=True,
)
BY_LINE_ITEM = (("limit", "180"), ("group_by", ("project_id", "line_item", "api_key_id")))
COSTS = m.HttpPages(m.Request("/v1/organization/costs", (*BUCKETS, *BY_LINE_ITEM)), PAGING, lesser=("api_key_id",))
OWNERS = ("owner/user", "owner/service_account")
OF_OWNER = ("owner/type", *(f"{owner}/{field}" for owner in OWNERS for field in ("created_at", "role")))
WHO = tuple(f"data/*/{owner}/{field}" for owner in OWNERS for field in ("name", "email"))
PROJECTS = m.Listing(m.Request("/v1/organization/projects", PAGES), "data", "id", "project", LIST)


def names(name: str, path: str, row: m.NameOf, per: m.Listing | None = None, **more: tuple) -> m.Report:  # type: ignore[type-arg]
    """A list that gives ids their names."""
    return m.Report(
        name=name,
        source=m.HttpPages(m.Request(path, (*PAGES, *more.get("query", ()))), LIST, per),
        row_sets=(m.RowSet(path="data", table="", names=(row,), ignored=more["ignored"]),),
        snapshot=True,
        cut=more.get("cut", ()),
        ignored=("object", "first_id"),
    )


OPENAI = m.Provider(
    name="openai",
    title="OpenAI",
    seller=m.Seller(part="Project"),
    base_url="https://api.openai.com",
    hosts=("api.openai.com",),
    accounts=m.Listing(m.Request("/v1/organization/projects", (("limit", "1"),)), "data", "", "account"),
    account=m.Setting("account", "Organization", "The organization's id (org-…), or your own name for it."),
    requests_per_minute=60,
    docs="https://platform.openai.com/docs/api-reference/usage",
    key_help="an Admin key, sk-admin-… (platform.openai.com, Organization settings, Admin keys; an owner makes it)",
    auth=m.HeaderKey(
        other_keys=(
            ("sk-proj-", "a project's key, which cannot read what the organization used"),
            ("sk-svcacct-", "a service account's key, which cannot read what the organization used"),
        )
    ),
    account_header=m.AccountHeader("openai-organization", pattern=r"org-[A-Za-z0-9]+"),
    refusals=REFUSALS,
    reports=(
        COMPLETIONS,
        usage("embeddings", "embedding", EVERYONE, REQUESTS, INPUT),
        usage("moderations", "moderation", EVERYONE, REQUESTS, INPUT),
        usage("images", "image", (*EVERYONE, "size", "source"), REQUESTS, m.Meter("images", "images")),
        usage("audio_speeches", "speech", EVERYONE, REQUESTS, m.Meter("characters", "characters")),
        usage("audio_transcriptions", "transcription", EVERYONE, REQUESTS, m.Meter("audio_seconds", "seconds")),
        usage("vector_stores", "storage", ("project_id",), m.Meter("storage_bytes", "usage_bytes")),
        usage("code_interpreter_sessions", "tool", ("project_id",), m.Meter("sessions", "num_sessions")),
        usage("file_search_calls", "tool", (*PEOPLE, "vector_store_id"), m.Meter("tool_calls", "num_requests")),
        usage(
            "web_search_calls",
            "tool",
            (*EVERYONE, "context_level"),
            m.Meter("web_searches", "num_requests"),
            ignored=("num_model_requests",),
        ),
        daily(name="costs", source=COSTS, row_sets=(COST_ROWS,), longest=timedelta(days=180)),
        names(
            "projects",
            "/v1/organization/projects",
            m.NameOf("project", id="id", name="name", tags=("status",)),
            query=(("include_archived", "true"),),
            ignored=("object", "created_at", "archived_at", "external_key_id"),
        ),
        names(
            "users",
            "/v1/organization/users",
            m.NameOf("user", id="id", name="name"),
            ignored=("object", "role", "added_at", "is_service_account"),
            cut=("data/*/email",),
        ),
        names(
            "api_keys",
            "/v1/organization/projects/{project}/api_keys",
            m.NameOf("api_key", id="id", name="name", parent="@project", owner=tuple(f"{one}/id" for one in OWNERS)),
            per=PROJECTS,
            query=(("owner_project_access", "any"),),
            ignored=("object", "created_at", "last_used_at", "owner_project_access", *OF_OWNER),
            cut=("data/*/redacted_value", *WHO),
        ),
        names(
            "service_accounts",
            "/v1/organization/projects/{project}/service_accounts",
            m.NameOf("user", id="id", name="name", parent="@project"),
            per=PROJECTS,
            ignored=("object", "role", "created_at"),
        ),
    ),
)
