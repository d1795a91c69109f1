"""What each vendor's answers without success mean and what to do next, where status and general rules do not say it."""

from usage_ledger.model import Refusal

FIREWORKS = (
    Refusal("blocked", "settle the account with Fireworks AI (Billing, spending limit), then run again", status=412),
    Refusal("request", "correct `account` to the account's slug, as in accounts/<slug>", status=404, text=("account",)),
)
OPENAI = (
    Refusal(
        "blocked",
        "the organization's quota is used up: look at plan and billing, then run again",
        code="insufficient_quota",
    ),
    Refusal(
        "place",
        "OpenAI does not serve the place that this machine calls from: run it, or its way out, from a supported "
        "country; the key is fine",
        code="unsupported_country_region_territory",
    ),
    Refusal(
        "permission",
        "make an Admin key with the scopes that the message names, or leave the report out of the YAML's `reports`",
        text=("Missing scopes",),
    ),
)
ANTHROPIC = (
    Refusal(
        "blocked",
        "raise the organization's spend limit or its credit (Console, Settings, Limits), then run again",
        text=("specified API usage limits", "spend limit", "spend cap", "credit balance"),
    ),
    Refusal(
        "request",
        "an organization that is billed by a cloud marketplace has no Admin API; any other lacks this report alone: "
        "leave it out of the YAML's `reports`",
        status=404,
    ),
)
OPENROUTER = (
    Refusal(
        "request",
        "OpenRouter answers for the last 30 completed UTC days: run dates of those",
        status=400,
        text=("completed", "30 days"),
    ),
    Refusal(
        "key", "use a management key (openrouter.ai, Settings, Management Keys)", status=403, text=("management key",)
    ),
    Refusal(
        "request",
        "the key or workspace was deleted meanwhile: run again, the list no longer has it",
        status=404,
        text=("key", "workspace"),
    ),
)
GROQ = (
    Refusal(
        "request",
        "metrics are for organizations with Enterprise access: ask Groq to enable them; if they are, correct the "
        "connection's host, below which /v1/metrics/prometheus must be",
        status=404,
    ),
    Refusal("blocked", "raise the monthly spend limit (console.groq.com, Settings, Limits)", code="blocked_api_access"),
)
REPLICATE = (Refusal("blocked", "pay at replicate.com/account/billing, then run again", status=402),)
GOOGLE = (
    Refusal("throttled", "", status=403, code="rateLimitExceeded"),
    Refusal("throttled", "", status=403, code="quotaExceeded"),
    Refusal("throttled", "", status=400, code="jobRateLimitExceeded"),
    Refusal(
        "permission",
        "grant the role BigQuery Job User (`roles/bigquery.jobUser`) on the project of the setting `job_project`",
        status=403,
        text=("bigquery.jobs.create",),
    ),
    Refusal(
        "permission",
        "grant the role Monitoring Viewer (`roles/monitoring.viewer`) on each project of the setting `projects`",
        status=403,
        text=("monitoring.timeSeries.list",),
    ),
    Refusal(
        "permission",
        "enable the API that the message names in the project that it names, then run again",
        status=403,
        text=("has not been used in project", "it is disabled"),
    ),
    Refusal(
        "permission",
        "correct the settings `billing_table` and `location`, or grant the role BigQuery Data Viewer "
        "(`roles/bigquery.dataViewer`) on that table: who may not read it is not told whether it is there",
        status=403,
        text=("perhaps it does not exist",),
    ),
    Refusal(
        "permission",
        "grant the role BigQuery Data Viewer (`roles/bigquery.dataViewer`) on the table of the setting `billing_table`",
        status=403,
        text=("access denied", "bigquery.tables.getData"),
    ),
    Refusal(
        "request",
        "the dataset is in another location than the setting `location` says, or not there: correct the setting",
        status=404,
        text=("not found: dataset",),
    ),
    Refusal(
        "request",
        "correct the setting `billing_table`; an export that was just switched on has its table some hours later",
        status=404,
        text=("not found: table",),
    ),
    Refusal(
        "request",
        "no model was called in this project lately, so Monitoring has no such metric: leave the project out of the "
        "setting `projects`",
        status=404,
        text=("cannot find metric",),
    ),
    Refusal(
        "request",
        "the query would read more than is allowed: run fewer dates at once, or name the standard export's table, "
        "which is smaller than the detailed one",
        text=("limit for bytes billed",),
    ),
    Refusal(
        "request",
        "name the export's own table in the setting `billing_table`: a view or a copy has no `_PARTITIONTIME`",
        status=400,
        text=("_PARTITIONTIME",),
    ),
)
RIGHT = (
    "give the user or role the right that the message names; the policy is on the page of AWS Bedrock in docs/providers"
)
AWS_BEDROCK = (
    *(
        Refusal("throttled", "", code=code)
        for code in ("Throttling", "ThrottlingException", "RequestLimitExceeded", "LimitExceededException")
    ),
    Refusal("permission", RIGHT, code="AccessDenied"),
    Refusal("permission", RIGHT, code="AccessDeniedException"),
)
AZURE_OPENAI = (
    Refusal(
        "permission",
        "give the application the role Monitoring Reader on the subscription, or a role with the action that the "
        "message names; a new role takes minutes",
        code="AuthorizationFailed",
        text=("Microsoft.Insights/", "Microsoft.CognitiveServices/", "Microsoft.Resources/"),
    ),
    Refusal(
        "permission",
        "give the application the role Cost Management Reader on the subscription, or leave `cost` out of the YAML's "
        "`reports`; a new role takes minutes",
        code="AuthorizationFailed",
        text=("Microsoft.CostManagement/",),
    ),
    Refusal(
        "request",
        "the account or subscription was deleted meanwhile: run again, the list no longer has it",
        status=404,
        text=("was not found", "could not be found"),
    ),
    Refusal(
        "request",
        "the metrics that the account offers changed meanwhile: run again",
        status=400,
        text=("Failed to find metric configuration",),
    ),
    Refusal(
        "request", "Azure Monitor keeps 93 days of metrics: run dates of those", status=400, text=("retention period",)
    ),
)
