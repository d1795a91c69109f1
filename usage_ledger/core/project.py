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


def local_folder() -> Path:
    """The local stack's own folder (databases, Airflow home, raw pages): `USAGE_LEDGER_LOCAL`, or `.local`."""
    return Path(os.environ.get("USAGE_LEDGER_LOCAL") or ROOT / ".local").absolute()
