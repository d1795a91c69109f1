"""The events of the audit stream: permission checks, and what else the stream holds.

User ids are `USER-CANARY-…`: nothing that identifies a person may be stored.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from usage_ledger.sandbox.authress.account import AuthressAccount, Check
from usage_ledger.sandbox.kit.serving import Json
from usage_ledger.sandbox.kit.slots import instant_of, rfc3339
from usage_ledger.sandbox.kit.streams import stable

HOUR = timedelta(hours=1)
CANARY = "USER-CANARY"
_SLOTS = 4
_BATCH = timedelta(hours=3)
_LATE = timedelta(hours=20)


@dataclass(frozen=True, slots=True)
class Event:
    """One event; `count` equal checks of it. A check of '' is an event of another kind."""

    event_id: str
    time: datetime
    count: int
    check: Check | None
    arrivals: tuple[datetime, ...]
    """When the archive gets it: nearly always once, soon after it happened."""


def events_of_hour(account: AuthressAccount, hour: datetime) -> Iterator[Event]:
    """The events of the hour that begins at an instant: at most one for each check, and one of another kind."""
    first = (hour - datetime(1970, 1, 1, tzinfo=UTC)) // HOUR * _SLOTS
    if instant_of(first) < account.start:
        return
    for number, check in enumerate(account.checks):
        if count := check.stream.between(first, first + _SLOTS):
            yield _event(account, hour, number, count, check)
    yield _event(account, hour, len(account.checks), 1, None)


def _event(account: AuthressAccount, hour: datetime, number: int, count: int, check: Check | None) -> Event:
    lot = stable("event", account.seed, account.account, hour, number)
    time = hour + timedelta(seconds=lot % 3600)
    soon = time + timedelta(seconds=20 + lot % 90)
    arrivals = (time + _LATE,) if lot % 29 == 0 else (soon, soon + _BATCH) if lot % 13 == 0 else (soon,)
    return Event(f"evt_{lot:016x}", time, count, check, arrivals)


def written(event: Event) -> Json:
    """An event as the customer's bus hands it on."""
    return {
        "version": "0",
        "id": event.event_id.replace("evt_", "bus_"),
        "detail-type": "AuthorizationRequest" if event.check else _other(event),
        "source": "aws.partner/authress.example",
        "account": "111122223333",
        "time": rfc3339(event.time),
        "region": "eu-west-1",
        "resources": [],
        "detail": _check(event, event.check) if event.check else _rest(event),
    }


def _other(event: Event) -> str:
    return ("LoginRequest", "UserLogin", "AccessChanged")[event.time.hour % 3]


def _check(event: Event, check: Check) -> Json:
    return {
        "eventId": event.event_id,
        "count": event.count,
        "user": {"userId": f"{CANARY}-{event.event_id[-3:]}"},
        "resource": {"resourceUri": check.resource},
        "permission": {"action": check.action},
        "authorizationResult": check.result,
    }


def _rest(event: Event) -> Json:
    user = {"userId": f"{CANARY}-{event.event_id[-3:]}"}
    if _other(event) == "AccessChanged":
        change = {**user, "resourceUri": "/documents/doc_1", "operation": "ADDED"}
        return {"eventId": event.event_id, "triggeredBy": {"recordId": "rec_1"}, "changes": [change]}
    return {"eventId": event.event_id, "user": user, "loginResult": "SUCCESS", "subType": "Login"}
