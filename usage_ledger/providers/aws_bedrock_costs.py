"""Cost Explorer's charges for Bedrock.

The services of a window whose names hold "Bedrock" are asked for first: models of other makers are sold under names of
their own. Charges are then asked for service by service, by type of record and of usage, of this account alone.
Source: https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_GetCostAndUsage.html.
"""

from datetime import timedelta
from functools import partial

from usage_ledger import model as m
from usage_ledger.providers.aws_bedrock_lines import LINE
from usage_ledger.providers.aws_json import question

explorer = partial(question, "ce", "us-east-1", "1.1")
PAGING = m.Cursor("NextPageToken", "NextPageToken", into="body")
PERIOD = {"TimePeriod": {"Start": "{date}", "End": "{end_date}"}}
SERVICES = m.Listing(
    explorer(
        "AWSInsightsIndexService.GetDimensionValues", {**PERIOD, "Dimension": "SERVICE", "SearchString": "Bedrock"}
    ),
    "DimensionValues",
    id="Value",
    label="service",
    paging=PAGING,
    form="whole",
)
CHARGES = explorer(
    "AWSInsightsIndexService.GetCostAndUsage",
    {
        **PERIOD,
        "Granularity": "DAILY",
        "Metrics": ["UnblendedCost", "UsageQuantity"],
        "GroupBy": [{"Type": "DIMENSION", "Key": key} for key in ("RECORD_TYPE", "USAGE_TYPE")],
        "Filter": {
            "And": [
                {"Dimensions": {"Key": key, "Values": [value]}}
                for key, value in (("SERVICE", "{service}"), ("LINKED_ACCOUNT", "{account}"))
            ]
        },
    },
)
KINDS = (
    *(("Usage", "Usage"), ("DiscountedUsage", "Usage"), ("SavingsPlanCoveredUsage", "Usage")),
    *(("Credit", "Credit"), ("Refund", "Credit"), ("Tax", "Tax"), ("Fee", "Purchase"), ("RIFee", "Purchase")),
    *(("SavingsPlanUpfrontFee", "Purchase"), ("SavingsPlanRecurringFee", "Purchase")),
    *(("SavingsPlanNegation", "Adjustment"), ("Enterprise Discount Program Discount", "Adjustment")),
    *(("Bundled Discount", "Adjustment"), ("Private Rate Discount", "Adjustment")),
    *(("Solution Provider Program Discount", "Adjustment"), ("Reseller Margin", "Adjustment")),
)
"""AWS's types of records, and our categories of charges."""
MONEY = m.RowSet(
    path="ResultsByTime/Groups",
    table="cost_daily",
    when=m.Day("^TimePeriod/Start"),
    basis="billed",
    constants=(("usage_type", "serverless"),),
    dimensions=(
        *m.dimensions(category="@service", line_item="Keys/usage_type"),
        m.Dimension("charge_category", ("Keys/record_type",), missing="required", values=KINDS),
        *LINE,
        *m.dimensions(currency="Metrics/UnblendedCost/Unit", unit="Metrics/UsageQuantity/Unit"),
    ),
    meters=(
        m.Meter("amount", "Metrics/UnblendedCost/Amount", "decimal"),
        m.Meter("quantity", "Metrics/UsageQuantity/Amount", "decimal"),
    ),
    ignored=("^TimePeriod/End", "^Total", "^Estimated"),
)
COST = m.Report(
    name="cost",
    source=m.HttpPages(CHARGES, PAGING, per=SERVICES),
    row_sets=(MONEY,),
    reshape=m.Positions("ResultsByTime/*/Groups", "Keys", ("record_type", "usage_type")),
    day="UTC",
    reach=timedelta(days=390),
    ignored=("GroupDefinitions", "DimensionValueAttributes"),
)
