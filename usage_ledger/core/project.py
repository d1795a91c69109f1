"""Where the project's own files are: SQL, contracts, connections."""

import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
ROOT = PACKAGE.parent
# A checkout has pyproject.toml beside the package, and its folders are read there; a wheel holds copies inside.
_FILES = ROOT if (ROOT / "pyproject.toml").is_file() else PACKAGE
SQL = _FILES / "include" / "sql"
CONTRACTS = _FILES / "data_contracts"


def connections_folder() -> Path:
    """The folder of connection YAML files: `USAGE_LEDGER_CONNECTIONS`, or `include/connections`."""
    return Path(os.environ.get("USAGE_LEDGER_CONNECTIONS") or ROOT / "include" / "connections")


def prices_folder() -> Path:
    """The folder of the price book's files: `USAGE_LEDGER_PRICES`, or `include/prices`."""
    return Path(os.environ.get("USAGE_LEDGER_PRICES") or ROOT / "include" / "prices")


def owners_file() -> Path:
    """The YAML file of teams and owners: `USAGE_LEDGER_OWNERS`, or `include/owners.yaml`."""
    return Path(os.environ.get("USAGE_LEDGER_OWNERS") or ROOT / "include" / "owners.yaml")


def budgets_file() -> Path:
    """The YAML file of budgets: `USAGE_LEDGER_BUDGETS`, or `include/budgets.yaml`."""
    return Path(os.environ.get("USAGE_LEDGER_BUDGETS") or ROOT / "include" / "budgets.yaml")


def local_folder() -> Path:
    """The local stack's own folder (databases, Airflow home, raw pages): `USAGE_LEDGER_LOCAL`, or `.local`."""
    return Path(os.environ.get("USAGE_LEDGER_LOCAL") or ROOT / ".local").absolute()
