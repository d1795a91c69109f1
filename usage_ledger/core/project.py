"""Where the project's own files are: SQL, contracts, connections."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SQL = ROOT / "include" / "sql"
CONTRACTS = ROOT / "data_contracts"


def connections_folder() -> Path:
    """The folder of connection YAML files: `USAGE_LEDGER_CONNECTIONS`, or `include/connections`."""
    return Path(os.environ.get("USAGE_LEDGER_CONNECTIONS") or ROOT / "include" / "connections")


def local_folder() -> Path:
    """The local stack's own folder (databases, Airflow home, raw pages): `USAGE_LEDGER_LOCAL`, or `.local`."""
    return Path(os.environ.get("USAGE_LEDGER_LOCAL") or ROOT / ".local").absolute()
