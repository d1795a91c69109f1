"""The classes that declare a provider. A provider is data: instances of these classes and nothing else.

`request` declares requests, `auth` how they authenticate, `source` where pages come from, `rows` what answers mean,
`provider` the vendor. Alternatives are types, so that an invalid combination cannot be written.
"""

from usage_ledger.model.auth import Auth, ClientCredentials, HeaderKey, ServiceAccount, SignedJwt, SigV4
from usage_ledger.model.provider import AccountHeader, Provider, Report, Setting
from usage_ledger.model.refusal import Refusal
from usage_ledger.model.request import Cursor, Link, Mark, Offset, Paging, Request, Template
from usage_ledger.model.reshape import Columns, Reshape, Series, Table
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
    RowSet,
    RunningTotal,
    Total,
    When,
    dimensions,
    from_parent,
)
from usage_ledger.model.source import Batch, Discovery, Each, Fixed, HttpPages, Listing, PerSetting, QueryJob, Source

__all__ = [
    "AccountHeader",
    "Auth",
    "Balance",
    "Batch",
    "Bucket",
    "ClientCredentials",
    "Columns",
    "Count",
    "Cursor",
    "Day",
    "Dimension",
    "Discovery",
    "Each",
    "Fixed",
    "HeaderKey",
    "HttpPages",
    "Link",
    "Listing",
    "Lookup",
    "Mark",
    "Meter",
    "Moment",
    "Money",
    "NameOf",
    "Offset",
    "Paging",
    "Pairs",
    "PerSetting",
    "Provider",
    "QueryJob",
    "Refusal",
    "Report",
    "Request",
    "Reshape",
    "RowSet",
    "RunningTotal",
    "Series",
    "ServiceAccount",
    "Setting",
    "SigV4",
    "SignedJwt",
    "Source",
    "Table",
    "Template",
    "Total",
    "When",
    "dimensions",
    "from_parent",
]
