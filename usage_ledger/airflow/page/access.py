"""Who may see what: Airflow's own rights on Dags decide."""

from typing import Annotated, Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import Depends, HTTPException

from usage_ledger.airflow.dag import ALERTS, PREFIX


def readable_connections(user: GetUserDep) -> frozenset[str]:
    """The ids of the connections whose Dags the person may read."""
    manager: Any = get_auth_manager()
    dags: set[str] = manager.get_authorized_dag_ids(user=user, method="GET")
    return frozenset(dag.removeprefix(PREFIX) for dag in dags if dag.startswith(PREFIX) and dag != ALERTS)


Readable = Annotated[frozenset[str], Depends(readable_connections)]


def require(readable: frozenset[str], connection_id: str) -> str:
    """The id. Raises HTTP 403 with one text for a connection that is not there and for one of somebody else."""
    if connection_id not in readable:
        raise HTTPException(403, "there is no connection of this id whose Dag you may read")
    return connection_id
