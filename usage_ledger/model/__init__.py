"""The classes that declare a provider. A provider is data: instances of these classes and nothing else.

`request` declares requests, `each` what they are repeated for, `auth` how they authenticate, `source` where pages come
from, `rows` what answers mean (with `when`, `where` and `dimension`), `provider` the vendor. Alternatives are types, so
that an invalid combination cannot be written.
"""

from usage_ledger.model.auth import Auth, ClientCredentials, HeaderKey, ServiceAccount, SignedJwt, SigV4
from usage_ledger.model.dimension import Derived, Dimension, Lookup, Pairs, Rule, dimensions, from_parent
from usage_ledger.model.each import Catalogue, Each, Fixed, Listing, PerSetting, Selection
from usage_ledger.model.event_file import EventFile, EventSum, Split
from usage_ledger.model.mark import AnyMark, EachOf, Echo, Fewer, Mark
from usage_ledger.model.provider import AccountHeader, Parts, Provider, Report, Seller, Setting
from usage_ledger.model.refusal import Refusal
from usage_ledger.model.request import Cursor, Link, Offset, OwnServer, Paging, Request, Template
from usage_ledger.model.reshape import Columns, Named, Positions, Reshape, Series, Table
from usage_ledger.model.rows import Balance, Count, Meter, Money, NameOf, PriceOf, RowSet, RunningTotal, Total
from usage_ledger.model.source import Batch, Discovery, Forgotten, HttpPages, Objects, QueryJob, Source, Touched
from usage_ledger.model.when import Bucket, Day, Moment, Point, When
from usage_ledger.model.where import Matches, OneOf, Where

__all__ = [
    "AccountHeader",
    "AnyMark",
    "Auth",
    "Balance",
    "Batch",
    "Bucket",
    "Catalogue",
    "ClientCredentials",
    "Columns",
    "Count",
    "Cursor",
    "Day",
    "Derived",
    "Dimension",
    "Discovery",
    "Each",
    "EachOf",
    "Echo",
    "EventFile",
    "EventSum",
    "Fewer",
    "Fixed",
    "Forgotten",
    "HeaderKey",
    "HttpPages",
    "Link",
    "Listing",
    "Lookup",
    "Mark",
    "Matches",
    "Meter",
    "Moment",
    "Money",
    "NameOf",
    "Named",
    "Objects",
    "Offset",
    "OneOf",
    "OwnServer",
    "Paging",
    "Pairs",
    "Parts",
    "PerSetting",
    "Point",
    "Positions",
    "PriceOf",
    "Provider",
    "QueryJob",
    "Refusal",
    "Report",
    "Request",
    "Reshape",
    "RowSet",
    "Rule",
    "RunningTotal",
    "Selection",
    "Seller",
    "Series",
    "ServiceAccount",
    "Setting",
    "SigV4",
    "SignedJwt",
    "Source",
    "Split",
    "Table",
    "Template",
    "Total",
    "Touched",
    "When",
    "Where",
    "dimensions",
    "from_parent",
]
