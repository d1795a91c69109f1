"""Every class of error by its name, as `ops.load` records it."""

from types import ModuleType

from usage_ledger.core import contract_errors, errors, provider_errors, storage_errors, warehouse_errors
from usage_ledger.core.errors import UsageLedgerError

MODULES: tuple[ModuleType, ...] = (errors, provider_errors, contract_errors, storage_errors, warehouse_errors)
ERROR_CLASSES: dict[str, type[UsageLedgerError]] = {
    name: value
    for module in MODULES
    for name, value in vars(module).items()
    if isinstance(value, type) and issubclass(value, UsageLedgerError)
}
"""Name to class. A record of an older version may hold a name that is not in it."""
OF_ONE_ANSWER = (
    provider_errors.AccessDenied,
    provider_errors.BadRequest,
    provider_errors.BadHttp,
    provider_errors.RedirectRefused,
    provider_errors.TooLarge,
    provider_errors.HostRefused,
    provider_errors.RateLimited,
    provider_errors.ProviderDown,
    provider_errors.IncompleteAnswer,
    contract_errors.ContractBroken,
    errors.Unreachable,
)


def is_harmless(error: UsageLedgerError, *, snapshot: bool) -> bool:
    """Whether no figure is missing by an error: a list could not be had, or the account does not have the report."""
    return isinstance(error, provider_errors.NoReport) or (snapshot and is_of_one_answer(error))


def is_of_one_answer(error: UsageLedgerError) -> bool:
    """Whether an error is about what one request brought: not the key, the storage or a setting."""
    return isinstance(error, OF_ONE_ANSWER) and not isinstance(error, provider_errors.CONCERNS_EVERY_REPORT)
