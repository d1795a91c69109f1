"""Whose an answer is, by what its headers tell."""

import re
from collections.abc import Mapping

from usage_ledger.core.provider_errors import WrongAccount
from usage_ledger.model.provider import Provider


def require_own_answer(provider: Provider, headers: Mapping[str, str], account: str) -> bool:
    """Whether an answer's headers tell the connection's account; False when they do not tell any.

    Raises `WrongAccount` when they tell another one.
    """
    declared = provider.account_header
    sent = headers.get(declared.name, "").strip() if declared else ""
    if not declared or not all(re.fullmatch(declared.pattern, one) for one in (sent, account)):
        return False
    if sent != account:
        raise WrongAccount(f"the key does not see account {account}; it sees: {sent}")
    return True
