"""The operator of a connection's tasks: a Python function, whose lineage OpenLineage's provider may ask for."""

from typing import Any

from airflow.providers.standard.operators.python import PythonOperator


class StepOperator(PythonOperator):
    """Calls a task's function. OpenLineage's names for what is read, once at the end of a task, however it ended."""

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:
        """The task's `OperatorLineage`; called in the task's process, or in a fork of it."""
        from usage_ledger.airflow.lineage import lineage_of
        from usage_ledger.airflow.observed import task

        return lineage_of(task)
