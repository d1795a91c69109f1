"""Which predictions a request asks for: a window and a place in it, read strictly."""

import binascii
from base64 import b64decode, b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Self
from urllib.parse import parse_qs, urlencode

from starlette.datastructures import QueryParams

from usage_ledger.sandbox.kit.queries import parse_instant
from usage_ledger.sandbox.kit.serving import Call, Refusal
from usage_ledger.sandbox.kit.slots import slot_of
from usage_ledger.sandbox.replicate.account import ReplicateAccount
from usage_ledger.sandbox.replicate.predictions import MICROSECOND, Prediction

_WEB_HISTORY = timedelta(days=14)


def problem(status: int, title: str, detail: str) -> Refusal:
    """Problem details, RFC 7807."""
    return Refusal(status, {"title": title, "detail": detail, "status": status})


def _instant(params: QueryParams, name: str, default: datetime) -> datetime:
    text = params.get(name)
    if text is None:
        return default
    try:
        moment = parse_instant(text)
    except ValueError:
        moment = None
    if moment is None:
        raise problem(422, "Unprocessable Entity", f"{name} must be an ISO 8601 date-time with a zone")
    return moment


class Window(NamedTuple):
    """The predictions that a list is about: created in `[after, before)`, from one source or '' for all."""

    after: datetime
    before: datetime
    source: str

    @classmethod
    def read(cls, params: QueryParams, account: ReplicateAccount, now: datetime) -> Self:
        """From the query string; raises `Refusal`."""
        after = max(_instant(params, "created_after", account.start), account.start)
        before = min(_instant(params, "created_before", now), now)
        source = params.get("source")
        if source not in (None, "web"):
            raise problem(422, "Unprocessable Entity", "source must be web")
        return cls(max(after, now - _WEB_HISTORY) if source else after, before, source or "")

    def newest_first(self, account: ReplicateAccount) -> Iterator[Prediction]:
        """The window's predictions, from its end."""
        if self.after < self.before:
            for slot in range(slot_of(self.before - MICROSECOND), slot_of(self.after) - 1, -1):
                yield from filter(self._holds, reversed(account.predictions_in(slot)))

    def oldest_first(self, account: ReplicateAccount) -> Iterator[Prediction]:
        """The window's predictions, from its start."""
        if self.after < self.before:
            for slot in range(slot_of(self.after), slot_of(self.before - MICROSECOND) + 1):
                yield from filter(self._holds, account.predictions_in(slot))

    def _holds(self, prediction: Prediction) -> bool:
        return self.after <= prediction.created_at < self.before and self.source in ("", prediction.source)


class Cursor(NamedTuple):
    """A place in the list: a page holds what was created before `position`, or after it with `back`."""

    position: datetime
    back: bool = False

    def written(self) -> str:
        """As the documentation's sample cursors are: base64 of a query string."""
        reverse = {"r": "1"} if self.back else {}
        return b64encode(urlencode(reverse | {"p": str(self.position)}).encode()).decode()

    @classmethod
    def read(cls, text: str) -> Self:
        """From the query string; raises `Refusal`."""
        try:
            fields = parse_qs(b64decode(text, validate=True).decode(), strict_parsing=True)
            return cls(datetime.fromisoformat(fields["p"][0]).astimezone(UTC), fields.get("r") == ["1"])
        except (binascii.Error, KeyError, ValueError, OverflowError):
            raise problem(404, "Not Found", "Invalid cursor") from None


ReplicateCall = Call[ReplicateAccount]


def address_of(call: ReplicateCall, cursor: str) -> str:
    """The same list at another place of it."""
    url = call.request.url
    base = "http://api.replicate.com" if call.truth.http_next else f"{url.scheme}://{url.netloc}"
    others = [(name, value) for name, value in call.params.multi_items() if name != "cursor"]
    return f"{base}{url.path}?{urlencode([*others, ('cursor', cursor)])}"
