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
