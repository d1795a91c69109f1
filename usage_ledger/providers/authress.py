"""Authress: permission checks per resource, operation and result, from the audit stream that the customer archives.

Authress has no public endpoint for usage, billing or call counts. It has an audit stream, which the customer sends to
AWS EventBridge or Google Pub/Sub and archives in an object store. The ledger reads that archive.
Measures: permission checks (events `AuthorizationRequest`), as many as each event's `count` says. Not the bill: other
calls are billed too and are in no event, and checks that a client answers from its cache never reach Authress. If
"operation" is to mean the route of the API, no documented source exists: here it is the action that was checked.
Grain: a local day of `time` x resource, action and result. A resource has its leading slash and an action is in lower
case, as Authress compares them. Nothing else of a path is folded, so there is a row for each object.
Archive: the setting `events` names it, such as `s3://conn@bucket/prefix`. Its objects lie below `YYYY/MM/DD/`, by
arrival in UTC, as Amazon Data Firehose writes them: any number of JSON documents, with line breaks or without, gzipped
or not. The envelope is that of EventBridge; that of Pub/Sub is not published and is refused.
Units: permission checks, whole numbers.
Limits: the events begin with the day on which the stream was set up; older ones cannot be had.
Lag: an event may come late or twice. A date is read from the objects of its own day and of the next one, three days
are read again, and an event counts once, by its `eventId`.
A date on which no event of any kind arrived is not empty, because the stream may be off: it fails, and says so.
Names: roles and service clients over REST, with a token that the access key signs.
Unknown: what a `count` above 1 means, whether every check is sent, and the words for results other than `ALLOWED`.
Privacy: whose access was checked, and who changed what, is cut before anything is stored.
Rights: for the archive the policy below, with the names of your bucket and prefix (on Google Cloud Storage
`roles/storage.objectViewer`). The access key needs to read roles and clients, and must not be allowed to check the
permissions of users or to make their tokens.
Source: https://authress.io/knowledge-base/docs/account-management/aws-event-bridge-audit-trail.
Last checked: 2026-11-28.
"""

from datetime import timedelta

from usage_ledger import model as m

CHECKS = m.RowSet(
    path="documents",
    table="usage_daily",
    when=m.Moment("time", event_id="detail/eventId"),
    where=m.OneOf("detail-type", ("AuthorizationRequest",)),
    constants=(("usage_type", "authorization"),),
    dimensions=(
        m.Dimension("resource", ("detail/resource/resourceUri",), missing="required", form="path"),
        m.Dimension("operation", ("detail/permission/action",), missing="required", form="lower"),
        m.Dimension("status", ("detail/authorizationResult",), missing="required"),
    ),
    meters=(m.Meter("requests", "detail/count"),),
    ignored=("version", "id", "source", "account", "region", "resources", "detail/loginResult", "detail/subType"),
)
ACCOUNT = "https://{account}.api.authress.io"

AUTHRESS = m.Provider(
    name="authress",
    title="Authress",
    base_url="https://api.authress.io",
    hosts=("api.authress.io", "{account}.api.authress.io"),
    auth=m.SignedJwt(),
    accounts=m.Listing(m.Request("/v1/accounts", base=ACCOUNT), "accounts", "accountId", "account"),
    account=m.Setting(
        "account", "Account", "The account's id, the third part of an access key.", r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}"
    ),
    settings=(
        m.Setting(
            "events",
            "Archive of the audit stream",
            "Where the stream's events are archived, such as s3://conn@bucket/prefix: the only source of usage.",
            r"[!-~]{1,500}",
            required=True,
        ),
    ),
    requests_per_minute=60,
    docs="https://authress.io/knowledge-base/docs/account-management/aws-event-bridge-audit-trail",
    key_help="an access key of a service client that may read roles and clients (Authress, Service clients)",
    error_messages=("title",),
    reports=(
        m.Report(
            name="checks",
            source=m.Objects("events", "{yyyy}/{mm}/{dd}/"),
            row_sets=(CHECKS,),
            longest=timedelta(days=1),
            older="Events of dates before the stream was set up do not exist.",
            cut=tuple(f"documents/*/detail/{name}" for name in ("user", "changes", "triggeredBy")),
        ),
        m.Report(
            name="roles",
            source=m.HttpPages(m.Request("/v1/roles", base=ACCOUNT)),
            row_sets=(m.RowSet("roles", "", names=(m.NameOf("role", "roleId", "name"),), allow_extra_fields=True),),
            snapshot=True,
        ),
        m.Report(
            name="clients",
            source=m.HttpPages(
                m.Request("/v1/clients", (("limit", "20"),), base=ACCOUNT), m.Cursor("pagination/next/cursor", "cursor")
            ),
            row_sets=(
                m.RowSet(
                    "clients", "", names=(m.NameOf("service_account", "clientId", "name"),), allow_extra_fields=True
                ),
            ),
            snapshot=True,
        ),
    ),
)
