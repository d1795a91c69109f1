"""A client without a network: the same rows for every report, and lists by their path."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from usage_ledger.http.fill import Values, fill_request
from usage_ledger.http.page import Call, Page
from usage_ledger.model import Paging, Request
from usage_ledger.providers.fireworks import FIREWORKS

BASE = "http://provider"
REQUESTED_AT = datetime(2026, 11, 20, tzinfo=UTC)


def list_of_accounts(*names: str) -> dict[str, bytes]:
    """The list that says which accounts a key sees."""
    return {"/v1/accounts": json.dumps({"accounts": [{"name": f"accounts/{name}"} for name in names]}).encode()}


class FixedClient:
    """Answers with these bodies, one a page; a path in `lists` with its body."""

    base_url = BASE
    answers_tell_account = False

    def __init__(
        self,
        *bodies: bytes,
        lists: Mapping[str, bytes] | None = None,
        requested_at: datetime = REQUESTED_AT,
        account: str = "acme",
    ) -> None:
        self.bodies, self.requested_at, self.account = bodies, requested_at, account
        self.lists = list_of_accounts(account) if lists is None else lists
        self.calls: Counter[str] = Counter()

    def call_of(self, request: Request, values: Values) -> Call:
        return fill_request(request, {"account": self.account, **values}, FIREWORKS, BASE)

    def pages(self, call: Call, _paging: Paging | None, _inspect: Any = None) -> Iterator[Page]:
        self.calls[call.path] += 1
        for body in [self.lists[call.path]] if call.path in self.lists else self.bodies:
            yield Page(call, body, 200, self.requested_at)
