"""Fireworks AI's money: the rated lines of its bill, and its list of serverless prices.

A line names no model id but the display name of the price list, whose SKUs are its categories letter for letter: that
list gives a line its model. A name that is not on it leaves the model blank.
"""

import re
from functools import partial

from usage_ledger import model as m

WINDOW = (("startTime", "{start}"), ("endTime", "{end}"))
rows = partial(m.RowSet, optional=True)
SERIES = (("SERVERLESS", "serverless"), ("DEDICATED_DEPLOYMENT", "dedicated"), ("TRAINING", "training"))
GROUPING_PAIRS = (("groupingKey", "groupingValue"), ("secondaryGroupingKey", "secondaryGroupingValue"))
LINE = m.Pairs("line_item", GROUPING_PAIRS)
SERIES_AND_LINE = m.Pairs("line_item", (("series", "category"), *GROUPING_PAIRS))
SKUS = (
    ("LLM input tokens (cached)", "cached_input_tokens"),
    ("LLM input tokens (uncached)", "uncached_input_tokens"),
    ("LLM input tokens", "input_tokens"),
    ("LLM output tokens", "output_tokens"),
    ("Audio Transcription", "audio_seconds"),
)
"""By category of a line, and SKU of the price list: the meter."""
OTHER_METERS = (
    m.Rule(r"DEDICATED_DEPLOYMENT=.*|TRAINING=.*; accelerator_type=.*", "accelerator_seconds"),
    m.Rule(r"TRAINING=.*", "training_tokens"),
)
VARIANT = m.Pairs("service_tier", (("^id", "^usage_identifier"), ("^serverless_mode", "^service_tier")))
TIERS = (
    m.Rule(r"(?P<id>[^=]+)=(?P=id)?; [^=]*=(?P<tier>(?!default|standard)[^;]+)", r"\g<tier>"),
    m.Rule(r"(?P<id>[^=]+)=(?P=id)?; (?P<mode>(?!default|standard)[^=]+)=.*", r"\g<mode>"),
)
"""A variant with an id of its own has one price under it; others share the id, and are classes of service."""
STANDARD = m.OneOf("serverless_mode", ("default", "standard", ""))
IDS = ("usage_identifier", "id")
"""A variant has an id of its own, under which it is invoked."""
LIST = m.Request("/v1/serverless/models")
PAGING = m.Cursor("nextPageToken", "pageToken", spelling="next_page_token")


def of_group(column: str, key: str, value: str = r"\g<value>", pattern: str = "[^;]+") -> m.Derived:
    """A column whose value one of a line's grouping pairs has."""
    return m.Derived(column, LINE, (m.Rule(rf"(?:.*; )?(?:{key})(?P<value>{pattern})(?:; .*)?", value),))


LINE_ITEMS = rows(
    path="usageBuckets/lineItems",
    table="cost_daily",
    basis="rated",
    when=m.Bucket("^startTime", "^endTime"),
    constants=(("charge_category", "Usage"),),
    dimensions=(
        m.Dimension("usage_type", ("series",), values=SERIES),
        m.Dimension("category", ("category",)),
        LINE,
        m.Dimension("currency", ("totalCost/currencyCode",), missing="zero", form="upper"),
        m.Lookup("model", of_group("model", "model_bucket="), "data", id=("display_name",), value=IDS, prefer=STANDARD),
        of_group("model", "(?:base_)?model=", pattern="accounts/[^/]+/models/[^;/]+"),
        of_group("model", "model=", r"accounts/fireworks/models/\g<value>", "[^;/]+"),
        m.Derived("meter", "category", tuple(m.Rule(re.escape(sku), meter) for sku, meter in SKUS)),
        m.Derived("meter", SERIES_AND_LINE, OTHER_METERS),
        of_group("batch", "is_batch=", pattern="true"),
        of_group("accelerator", "accelerator_type="),
        of_group("deployment", "deployment(?:_name|_id)?=(?:accounts/[^/]+/deployments/)?"),
    ),
    meters=(
        m.Meter("quantity", "quantity", "decimal", absent="null", exact=False, double=True),
        m.Money("unit_price", "unitAmount", absent="null"),
        m.Money("amount", "totalCost", absent="zero"),
    ),
    repeats=True,
    credits=True,
)
MODELS = rows(
    path="data",
    table="",
    where=STANDARD,
    names=(m.NameOf("model", id="id", name="display_name"),),
    allow_extra_fields=True,
)
PRICE_LIST = rows(
    path="data/pricing",
    table="",
    prices=(
        m.PriceOf(
            model=m.Dimension("model", tuple(f"^{path}" for path in IDS)),
            meter=m.Dimension("meter", ("sku",), values=SKUS),
            amount="amount",
            per=m.Dimension(
                "unit", ("unit",), values=(("1M tokens", "1000000"), ("1K tokens", "1000"), ("second", "1"))
            ),
            tier=m.Derived("service_tier", VARIANT, TIERS),
            also="^aliases",
        ),
    ),
    allow_extra_fields=True,
)
SUMMARY = m.Request("/v1/accounts/{account}/billing/summary", (*WINDOW, ("granularity", "DAILY")))
COST = m.Report(
    name="cost",
    source=m.HttpPages(SUMMARY, lookup=m.Listing(LIST, "data", "id", "model", PAGING)),
    row_sets=(LINE_ITEMS,),
    day="UTC",
    totals=(m.Total("cost_daily", "amount", path="lineItems", field="totalCost"),),
)
PRICES = m.Report(
    name="prices", source=m.HttpPages(LIST, PAGING), row_sets=(MODELS, PRICE_LIST), day="UTC", snapshot=True
)
