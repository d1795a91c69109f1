"""Google Vertex AI: tokens and money per project, region and SKU, from the billing export in BigQuery.

Measures: what Cloud Billing exports of Vertex AI, and of Claude, which is billed under Vertex AI Search.
The record: `billing`. Report `requests`, off by default, counts the same traffic in Cloud Monitoring, with calls, for
the projects of the setting `projects`: breakdown `monitoring`, never to be added to the record.
Grain: a UTC day x project x region x SKU; money also by unit, currency, kind of cost and month of the invoice.
Units: tokens, characters and images where the SKU's unit is `count`; money in the account's currency, before credits,
which are rows of their own, as taxes and adjustments are. Model, direction, modality and class of a SKU, and what a row
of money is for, are read from its text, by the rules in `google_vertex_skus.py`; one that no rule knows has its
cost, no tokens, and an event. Provisioned throughput is a purchase.
Token meaning: input SKUs and caching SKUs are disjoint, and `input_tokens` is their sum. Thinking is part of the
output.
Cost of asking: a run sends three queries, each billed for the bytes of the columns that it reads, at least 10 MB.
Limits: 10 GB a query; one of more is refused and costs nothing. A view or a copy of the table is not read.
Lag: rows come within a day, sometimes later, and further rows correct them for weeks: 35 days are read again, by one
query. A scheduled run first asks which dates got rows since they were read, and reads those too, however old:
`lookback_days: 7` is enough where bytes matter. Days are UTC, the console's are Pacific: a month equals the bill by
`invoice_month`, not by day.
Rights: BigQuery Data Viewer (`roles/bigquery.dataViewer`) on the export's table, BigQuery Job User
(`roles/bigquery.jobUser`) on the project that runs the queries, Monitoring Viewer (`roles/monitoring.viewer`) for
`requests`. A custom role is narrower; whatever the role, the token asked for can only read.
Not given: calls and users in billing; finality; dates before the export began or that its table let expire; places of a
row's money beyond nine.
Source: https://docs.cloud.google.com/billing/docs/how-to/export-data-bigquery-tables. Last checked: 2026-11-28.
"""

from datetime import timedelta
from functools import partial

from usage_ledger import model as m
from usage_ledger.providers.google_vertex_monitoring import MONITORING
from usage_ledger.providers.google_vertex_skus import BATCH, BOUGHT, CHARGED, COLUMNS, COUNTED, METERS, OTHER_ROWS
from usage_ledger.providers.google_vertex_sql import BILLED, EXPORTED, OWNERS, job, query
from usage_ledger.providers.refusals import GOOGLE as REFUSALS

PARSED = tuple(m.Derived(column, "sku_text", rules) for column, rules in COLUMNS)
TEXT = (m.Rule(r"\s*(.*?)\s*", r"\1"),)


row_set = partial(m.RowSet, path="rows", when=m.Day("usage_date"))
USAGE = row_set(
    label="usage",
    table="usage_daily",
    where=m.Matches("usage_text", COUNTED),
    others="report",
    dimensions=(
        *m.dimensions(project_id="project_id", region="region", resource="sku_id"),
        *PARSED,
        *(m.Derived("operation", "sku_description", TEXT), m.Derived("batch", "sku_text", BATCH)),
    ),
    meters=METERS,
    sum_over=("invoice_month", "currency"),
    names=(m.NameOf("project", id="project_id", name="project_name"),),
)
NOT_COUNTED = row_set(table="", when=None, label="not_counted", where=m.Matches("usage_text", OTHER_ROWS))
cost = partial(
    row_set,
    table="cost_daily",
    basis="billed",
    ignored=("billing_account_id", "project_name", "usage_unit", "usage_text"),
)
BILL = (
    *m.dimensions(category="service_id", sku_id="sku_id", region="region", project_id="project_id"),
    *m.dimensions(invoice_month="invoice_month", unit="usage_unit"),
    m.Dimension("currency", ("currency",), missing="required"),
    *PARSED,
    m.Derived("line_item", "sku_description", TEXT),
    m.Derived("batch", "sku_text", BATCH),
)
CHARGES = (("regular", "Usage"), ("tax", "Tax"), ("adjustment", "Adjustment"), ("rounding_error", "Adjustment"))
COST = cost(
    label="cost",
    dimensions=(
        *(*BILL, m.Dimension("charge_category", ("cost_type",), missing="required", values=CHARGES)),
        *(m.Derived("charge_category", "usage_text", BOUGHT), m.Derived("meter", "usage_text", CHARGED)),
    ),
    meters=(m.Meter("amount", "cost", "decimal"), m.Meter("quantity", "usage_amount", "decimal", absent="null")),
)
CREDIT = cost(
    label="credits",
    where=m.OneOf("credited", ("yes",)),
    constants=(("charge_category", "Credit"),),
    dimensions=BILL,
    meters=(m.Meter("amount", "credits", "decimal"),),
    sum_over=("cost_type",),
)
GOOGLE_VERTEX_AI = m.Provider(
    name="google_vertex_ai",
    title="Google Vertex AI",
    seller=m.Seller("Google Cloud", "Vertex AI", part="Project"),
    base_url="https://bigquery.googleapis.com",
    hosts=("bigquery.googleapis.com", "monitoring.googleapis.com"),
    auth=m.ServiceAccount(
        tuple(f"https://www.googleapis.com/auth/{name}" for name in ("cloud-platform.read-only", "monitoring.read"))
    ),
    accounts=m.Listing(query(OWNERS, timeoutMs=50_000), "rows", "f/0/v", "account", may_be_empty=True),
    account=m.Setting(
        "account",
        "Billing account",
        "The billing account's id, as in Billing, Account management: 01AB23-45CD67-89EF01.",
        pattern=r"[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}",
    ),
    settings=(
        m.Setting(
            "billing_table",
            "Export table",
            "The table of the billing export, standard or detailed: project.dataset.table.",
            pattern=r"[a-z][a-z0-9-]{4,28}[a-z0-9]\.[A-Za-z0-9_]{1,1024}\.[A-Za-z0-9_-]{1,1024}",
            required=True,
        ),
        m.Setting("job_project", "Job project", "The id of the project that runs and pays the queries.", required=True),
        m.Setting("location", "Location", "Where the export's dataset is: EU, US, europe-west4, ….", required=True),
        m.Setting("projects", "Monitored projects", "Ids of projects for report `requests`.", repeated=True),
    ),
    requests_per_minute=60,
    docs="https://docs.cloud.google.com/billing/docs/how-to/export-data-bigquery-tables",
    key_help="a service account's key, the JSON file (IAM, Service accounts, Keys)",
    refusals=REFUSALS,
    error_codes=("error/errors/0/reason",),
    reports=(
        m.Report(
            name="billing",
            source=job(BILLED, "start", "end"),
            row_sets=(USAGE, NOT_COUNTED, COST, CREDIT),
            day="UTC",
            longest=timedelta(days=36),
            settle_days=35,
            reshape=m.Table("schema/fields", "rows", cells=("f", "v"), empty=("totalRows", "0")),
            marks=(m.Mark("errors", absent=True, otherwise="refuse"), m.Mark("jobComplete", is_=True)),
            account="rows/*/f/1/v",
            touched=m.Touched(job(EXPORTED, "start"), day="usage_date", at="exported_at"),
        ),
        MONITORING,
    ),
)
