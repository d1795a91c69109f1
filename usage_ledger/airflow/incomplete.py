"""Keys that were stored in Airflow's form and that no connection's file makes a Dag of."""

import contextlib
from typing import NamedTuple

from usage_ledger.airflow.credentials import airflow_is_set_up
from usage_ledger.airflow.metadata import AskAirflow, read_keys
from usage_ledger.connections import all_connections, connection_files
from usage_ledger.core.project import connections_folder
from usage_ledger.providers import PROVIDERS


class Incomplete(NamedTuple):
    """A stored key without a file."""

    connection_id: str
    provider: str

    @property
    def sentence(self) -> str:
        """What it lacks, and how it gets it."""
        path = connections_folder() / f"{self.connection_id}.yaml"
        return (
            f"{self.connection_id}: incomplete: Airflow has its key, and no file makes a Dag of it: write {path} with"
            f" `provider: {self.provider}` and `account: …`, or run"
            f" `usage-ledger connect {self.provider} {self.connection_id} --account …`"
        )


def incomplete_connections() -> list[Incomplete]:
    """Stored keys whose connection has no file, and that no file names as its `credential`.

    An empty list where there is no Airflow, or one that Airflow alone can ask: its import would cost a command seconds.
    """
    files = connection_files()
    used = {path.stem for path in files} | {one.credential for one in all_connections(files)[0]}
    if airflow_is_set_up():
        with contextlib.suppress(AskAirflow):
            return [Incomplete(*key) for key in read_keys(tuple(PROVIDERS)) if key[0] not in used]
    return []
