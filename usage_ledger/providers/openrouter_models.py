"""OpenRouter's models: their names, and what they cost at their top provider, in dollars for one of each meter.

Not read: `overrides`, the prices of long prompts. A router's price is -1: it depends on the model that it picks.
"""

from usage_ledger import model as m

PRICED = (
    ("prompt", "uncached_input_tokens"),
    ("input_cache_read", "cached_input_tokens"),
    ("input_cache_write", "cache_write_tokens"),
    ("completion", "output_tokens"),
    ("request", "requests"),
    ("image", "images"),
    ("web_search", "web_searches"),
)
"""By field of a model's prices: the meter."""


def price(field: str, meter: str) -> m.PriceOf:
    """What one of a meter costs at the model's top provider. A variant, such as `:free`, is a class of service."""
    variant = m.Derived("service_tier", "id", (m.Rule(r"[^:]+:(?P<variant>.+)", r"\g<variant>"),))
    return m.PriceOf(m.Dimension("model", ("canonical_slug",)), meter, f"pricing/{field}", tier=variant)


MODELS = m.Report(
    name="models",
    source=m.HttpPages(m.Request("/api/v1/models", (("output_modalities", "all"),))),
    row_sets=(
        m.RowSet(
            path="data",
            table="",
            names=(m.NameOf("model", id="canonical_slug", name="name"),),
            prices=tuple(price(field, meter) for field, meter in PRICED),
            allow_extra_fields=True,
        ),
    ),
    day="UTC",
    snapshot=True,
    ignored=("links", "total_count"),
)
