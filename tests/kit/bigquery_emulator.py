"""A BigQuery on this machine, `bqemulator`, in an environment of its own that `make bigquery` makes.

It differs from the service: a missing table or column is 200 with `errors` and no rows, the location and
`maximumBytesBilled` are not looked at, a job is complete at once, and no credential is asked for.
"""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from kit.debian_programs import free_port, serving
from usage_ledger.core.project import ROOT

PYTHON = ROOT / ".venv-bigquery" / "bin" / "python"
STARTS_WITHIN = 60.0
WHERE = "import duckdb, duckdb_extension_spatial as spatial, json; print(json.dumps([duckdb.__version__,\
 duckdb.sql('PRAGMA platform').fetchone()[0], spatial.__path__[0]]))"


class BigQuery:
    """The emulator at a port of 127.0.0.1."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx.Client(base_url=f"{url}/bigquery/v2", timeout=60, trust_env=False)

    def create(self, table: str, fields: Sequence[Mapping[str, Any]], *, location: str = "EU") -> None:
        """Make a table, `project.dataset.table`, and its dataset where there is none."""
        project, dataset, name = table.split(".")
        answer = self._http.post(
            f"/projects/{project}/datasets",
            json={"datasetReference": {"projectId": project, "datasetId": dataset}, "location": location},
        )
        assert answer.status_code in (200, 409), answer.text
        reference = {"projectId": project, "datasetId": dataset, "tableId": name}
        body = {"tableReference": reference, "schema": {"fields": fields}, "timePartitioning": {"type": "DAY"}}
        self._http.post(f"/projects/{project}/datasets/{dataset}/tables", json=body).raise_for_status()

    def insert(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append rows to a table."""
        project, dataset, name = table.split(".")
        path = f"/projects/{project}/datasets/{dataset}/tables/{name}/insertAll"
        answer = self._http.post(path, json={"rows": [{"json": row} for row in rows]})
        assert answer.status_code == 200 and not answer.json().get("insertErrors"), answer.text

    def close(self) -> None:
        self._http.close()


def _home(folder: Path) -> Path:
    """A home directory in which DuckDB finds its spatial extension: it would download it otherwise."""
    where = subprocess.run([PYTHON, "-c", WHERE], capture_output=True, text=True, check=True, timeout=STARTS_WITHIN)
    version, platform, package = json.loads(where.stdout)
    extensions = folder / ".duckdb" / "extensions" / f"v{version}" / platform
    extensions.mkdir(parents=True)
    name = "spatial.duckdb_extension"
    (extensions / name).symlink_to(Path(package, "extensions", f"v{version}", name))
    return folder


@contextmanager
def bigquery(folder: Path) -> Iterator[BigQuery]:
    """A running emulator, empty. Without its environment the test is skipped."""
    if not PYTHON.exists():
        pytest.skip("the BigQuery emulator is not installed: `make bigquery` makes its environment")
    port = free_port()
    command = [str(PYTHON), "-m", "bqemulator", "start", "--rest-port", str(port), "--grpc-port", "0"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(_home(folder))}
    url = f"http://127.0.0.1:{port}"
    with serving(command, f"{url}/healthz", folder, environment):
        emulator = BigQuery(url)
        yield emulator
        emulator.close()
