"""Azure OpenAI: tokens and requests of each deployment, also of Foundry's other models, and what they cost.

Measures: Azure Monitor's daily totals (`usage`) of every account of the kinds OpenAI and AIServices in the
subscriptions named: tokens, their cached and audio parts, images, requests by status code. The family "Models"
(`InputTokens`, `ModelRequests`) is the record. The older family (`ProcessedPromptTokens`, `AzureOpenAIRequests`) counts
the same traffic of OpenAI models: it is the breakdown `azure_openai_metrics`, to compare and never to add. `cost` is
what Cost Management charges these accounts, by meter: the figure that equals the bill.
Grain: a UTC day x account x deployment x region x model x version (x status); money: a UTC day x account x meter. The
region is the account's: where a global deployment computed is not told. `service_tier` is the deployment's class.
Units: tokens and requests as decimals of whole numbers; money as JSON numbers, rounded to 18 places, in the bill's
currency, before tax; a negative line (a refund) is a credit. Model, meter, class and unit of a charge are read from
its meter's name, by the rules in `azure_openai_lines.py`; its quantity is in thousands or millions of tokens.
Token meaning: figures as sent. Cached and audio tokens and images are rows of their own. Cache metrics exist for
Anthropic's models alone: of others the cached part is not metered, which is not zero.
Limits: 93 days of metrics, 30 a request; 20 metrics a request, each with all the dimensions that it splits by. A name
that an account does not offer would refuse the whole request: its metrics are listed first, and one that
offers none of the record's is reported.
Lag: metrics come within minutes, and three days are read again. Costs come within a day and move until the bill is
closed, so seven days are read again. A deployment that rested has a zero, or no total and then no row. What a deleted
deployment used stays, without its class. Azure serves nothing more of a deleted account; what was loaded stays.
Rights: Monitoring Reader on each subscription, which includes the lists; Cost Management Reader for `cost`. Narrower
than Monitoring Reader is this role of four actions; where `/subscriptions` lists none by it, `check` says so: then add
`Microsoft.Resources/subscriptions/read`. `check` names an action that is missing; new roles take minutes.
Not given: whether `InputTokens` includes cached, audio and image tokens; whether batch deployments are counted; the
deployment of a charge, and the unit of its quantity (its meter's is taken); charges of models from the marketplace
where they are another resource's; the national clouds, whose tokens are issued elsewhere.
Source: https://learn.microsoft.com/azure/azure-monitor/reference/supported-metrics. Last checked: 2026-11-29.
"""

from datetime import timedelta

from usage_ledger import model as m
from usage_ledger.providers.azure_openai_lines import FAMILIES, LINE
from usage_ledger.providers.azure_openai_metrics import DEPLOYMENTS, MAKERS, USAGE
from usage_ledger.providers.refusals import AZURE_OPENAI as REFUSALS

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
CHARGES = m.Request(
    "/subscriptions/{subscription}/providers/Microsoft.CostManagement/query",
    (("api-version", "2025-03-01"),),
    method="POST",
    reads_only=True,
    no_content=True,
    body="""{
    "type": "ActualCost", "timeframe": "Custom", "timePeriod": {"from": "{start}", "to": "{last}"},
    "dataset": {
        "granularity": "Daily", "aggregation": {
            "totalCost": {"name": "Cost", "function": "Sum"}, "quantity": {"name": "UsageQuantity", "function": "Sum"}},
        "grouping": [{"type": "Dimension", "name": "ResourceId"}, {"type": "Dimension", "name": "Meter"}],
        "filter": {"dimensions": {
            "name": "ResourceType", "operator": "In", "values": ["microsoft.cognitiveservices/accounts"]}}
    }}""",
)
COST = m.Report(
    name="cost",
    source=m.HttpPages(CHARGES, m.Link("properties/nextLink"), per=m.PerSetting("subscriptions", "subscription")),
    row_sets=(
        m.RowSet(
            path="rows",
            table="cost_daily",
            basis="billed",
            when=m.Day("UsageDate", form="digits"),
            constants=(("charge_category", "Usage"),),
            dimensions=(
                m.Dimension("project_id", ("@subscription",)),
                m.Dimension("resource", ("ResourceId",), missing="error", form="lower"),
                m.Dimension("line_item", ("Meter",), missing="error"),
                m.Dimension("currency", ("Currency",), missing="required", form="upper"),
                *LINE,
            ),
            meters=(
                m.Meter("amount", "Cost", "decimal", exact=False, double=True),
                m.Meter("quantity", "UsageQuantity", "decimal", exact=False, double=True, absent="null"),
            ),
            repeats=True,
            credits=True,
        ),
    ),
    day="UTC",
    longest=timedelta(days=31),
    settle_days=7,
    reshape=m.Table("properties/columns", "properties/rows"),
    ignored=("id", "name", "type", "location", "sku", "eTag"),
)
DEPLOYED = m.Report(
    name="deployments",
    source=m.HttpPages(DEPLOYMENTS.request, DEPLOYMENTS.paging, per=DEPLOYMENTS.per),
    row_sets=(
        m.RowSet(
            path="value",
            table="",
            names=(
                m.NameOf(
                    "deployment",
                    id="id",
                    name="name",
                    parent="@resource",
                    tags=("sku/name", "properties/model/name", "properties/model/version"),
                ),
            ),
            allow_extra_fields=True,
        ),
    ),
    snapshot=True,
    cut=MAKERS,
)
AZURE_OPENAI = m.Provider(
    name="azure_openai",
    title="Azure OpenAI",
    seller=m.Seller("Microsoft", part="Subscription"),
    base_url="https://management.azure.com",
    hosts=("management.azure.com",),
    accounts=m.Listing(
        m.Request("/subscriptions", (("api-version", "2022-12-01"),)),
        "value",
        "tenantId",
        "account",
        m.Link("nextLink"),
    ),
    account=m.Setting("account", "Tenant", "The id of the subscriptions' Entra tenant.", pattern=UUID),
    account_parts=m.Parts("subscriptions", id="subscriptionId"),
    settings=(
        m.Setting("client_id", "Client id", "The application's id.", pattern=UUID, required=True, part_of_key=True),
        m.Setting("tenant_id", "Tenant of the application", "Where it is not the account.", pattern=UUID),
        m.Setting("subscriptions", "Subscriptions", "Ids to read.", pattern=UUID, repeated=True, required=True),
    ),
    requests_per_minute=300,
    docs="https://learn.microsoft.com/azure/azure-monitor/reference/supported-metrics",
    key_help="a client secret of an Entra application (portal.azure.com, App registrations, Certificates & secrets)",
    auth=m.ClientCredentials(scope="https://management.azure.com/.default"),
    refusals=REFUSALS,
    reports=(USAGE, COST, DEPLOYED),
    families=FAMILIES,
)
