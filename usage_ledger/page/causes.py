"""The cause of an event in one word or two: whose turn it is."""

import re
from collections.abc import Iterable
from typing import Any

from usage_ledger.core import contract_errors, errors, provider_errors, storage_errors, warehouse_errors
from usage_ledger.core.error_classes import ERROR_CLASSES
from usage_ledger.page.reader import Row

_STORAGE = tuple(kind for kind in ERROR_CLASSES.values() if kind.__module__ == storage_errors.__name__)
OF_ERRORS: tuple[tuple[str, tuple[type[Exception], ...]], ...] = (
    ("credential", (provider_errors.BadKey, errors.NoConnection, errors.CannotDecrypt)),
    ("account", (provider_errors.WrongAccount, provider_errors.AccountBlocked, provider_errors.WrongPlace)),
    ("scope", (provider_errors.AccessDenied,)),
    ("rate limit", (provider_errors.RateLimited,)),
    ("drift", (contract_errors.ContractBroken, warehouse_errors.WarehouseDrift)),
    ("warehouse", (warehouse_errors.WarehouseRefused, warehouse_errors.WarehouseDown)),
    ("storage", _STORAGE),
    ("provider", (provider_errors.ProviderDown, provider_errors.IncompleteAnswer, provider_errors.BadRequest)),
    ("network", (errors.Unreachable, provider_errors.BadHttp, provider_errors.RedirectRefused)),
    ("settings", (errors.ConfigError, provider_errors.HostRefused, provider_errors.TooLarge)),
)
OF_KINDS = {
    **dict.fromkeys(("vanished", "totals_mismatch"), "held"),
    **dict.fromkeys(("names_missing", "lesser_question", "report_absent", "account_not_told"), "scope"),
    **dict.fromkeys(("unknown_field", "unknown_meter", "unknown_value", "date_failed", "contract_warning"), "drift"),
    **dict.fromkeys(("figures_dropped", "rows_stopped", "nothing_stored", "running_total_differs"), "figures"),
    **dict.fromkeys(("price_conflict", "prices_changed"), "prices"),
}


def cause_of(kind: str, error_class: str | None, message: str = "") -> str:
    """By the kind of event, else by the class of error, that of its load or the one that its text begins with."""
    if kind in OF_KINDS:
        return OF_KINDS[kind]
    begins = re.match(r"(\w+):", message)
    for name in (begins and begins[1], error_class):
        error = ERROR_CLASSES.get(name or "")
        for cause, classes in OF_ERRORS:
            if error and issubclass(error, classes):
                return cause
    return "note"


def with_causes(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Events with the cause of each."""
    return [row | {"cause": cause_of(row["kind"], row["error_class"], row["message"])} for row in rows]
