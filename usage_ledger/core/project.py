"""Where the project's own files are, and a deployment's: SQL, contracts, connections."""

import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
ROOT = PACKAGE.parent
CHECKOUT = (ROOT / "pyproject.toml").is_file()
"""A checkout has pyproject.toml beside the package, and its folders are read there; a wheel holds copies inside."""
_FILES = ROOT if CHECKOUT else PACKAGE
SQL = _FILES / "include" / "sql"
CONTRACTS = _FILES / "data_contracts"
CATALOGUES = _FILES / "include" / "prices"
"""The folder of the public prices that come with the package."""
TEMPLATES = _FILES / "include"
"""The folder of the empty files of owners, budgets and prices."""
BOARDS = _FILES / "boards" / "superset"


def home() -> Path:
    """The folder that a deployment's own files are in: the checkout; without one, Airflow's home."""
    return ROOT if CHECKOUT else Path(os.environ.get("AIRFLOW_HOME") or "~/airflow").expanduser()


def connections_folder() -> Path:
    """The folder of connection YAML files: `USAGE_LEDGER_CONNECTIONS`, or `include/connections`."""
    return Path(os.environ.get("USAGE_LEDGER_CONNECTIONS") or home() / "include" / "connections")


def prices_folder() -> Path:
    """The folder of the price book's files: `USAGE_LEDGER_PRICES`, or `include/prices`."""
    return Path(os.environ.get("USAGE_LEDGER_PRICES") or home() / "include" / "prices")


def owners_file() -> Path:
    """The YAML file of teams and owners: `USAGE_LEDGER_OWNERS`, or `include/owners.yaml`."""
    return Path(os.environ.get("USAGE_LEDGER_OWNERS") or home() / "include" / "owners.yaml")


def budgets_file() -> Path:
    """The YAML file of budgets: `USAGE_LEDGER_BUDGETS`, or `include/budgets.yaml`."""
    return Path(os.environ.get("USAGE_LEDGER_BUDGETS") or home() / "include" / "budgets.yaml")


def local_folder() -> Path:
    """The local stack's own folder (databases, Airflow home, raw pages): `USAGE_LEDGER_LOCAL`, or `.local`."""
    return Path(os.environ.get("USAGE_LEDGER_LOCAL") or home() / ".local").absolute()
