"""The words in which a provider is declared. A provider is data: these classes, filled in, and nothing else.

`request` says how to ask, `rows` what an answer means, `provider` who the vendor is. Alternatives are types, so that
what cannot go together cannot be written together.
"""

from usage_ledger.model.provider import Auth, HeaderKey, Provider, Report, Setting
from usage_ledger.model.request import Cursor, HttpPages, Link, Listing, Offset, Paging, PerSetting, Request, Source
from usage_ledger.model.rows import (
    Balance,
    Bucket,
    Count,
    Day,
    Dimension,
    Lookup,
    Meter,
    Moment,
    Money,
    NameOf,
    Pairs,
    Reshape,
    RowSet,
    Series,
    Table,
    Total,
    When,
    dimensions,
    from_parent,
)

__all__ = [
    "Auth",
    "Balance",
    "Bucket",
    "Count",
    "Cursor",
    "Day",
    "Dimension",
    "HeaderKey",
    "HttpPages",
    "Link",
    "Listing",
    "Lookup",
    "Meter",
    "Moment",
    "Money",
    "NameOf",
    "Offset",
    "Paging",
    "Pairs",
    "PerSetting",
    "Provider",
    "Report",
    "Request",
    "Reshape",
    "RowSet",
    "Series",
    "Setting",
    "Source",
    "Table",
    "Total",
    "When",
    "dimensions",
    "from_parent",
]
