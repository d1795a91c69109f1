"""With which exception a task ends where a person must act."""

from airflow.sdk.exceptions import AirflowFailException

from usage_ledger.airflow.versions import has_retry_policy
from usage_ledger.core.errors import PersonMustAct


def failure(kind: type[PersonMustAct]) -> type[Exception]:
    """The error of ours, which a retry policy knows; Airflow's own before it had such policies."""
    return kind if has_retry_policy() else AirflowFailException
