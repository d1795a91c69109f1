"""What each task imports where it inherits nothing, such as in a pod: no task pays for another's packages."""

import pytest

from benchmarks.pod import TASKS, imported_by, measured
from usage_ledger.airflow import tasks


def test_the_tasks_are_those_of_the_dag() -> None:
    assert TASKS == tasks.TASKS
    assert "usage_ledger.pipeline.validate" in imported_by("validate")
    assert "usage_ledger.http.client" in imported_by("extract")  # by way of a function that the task calls


@pytest.mark.parametrize("task", ["extract", "transform", "load", "repair"])
def test_only_validate_imports_pandas_and_great_expectations(task: str) -> None:
    told = measured(task)
    names = set(map(str, told["names"]))  # type: ignore[call-overload]
    assert "usage_ledger.pipeline.run" in names or task == "repair"
    assert not {"pandas", "scipy", "great_expectations", "boto3", "azure", "google.auth"} & names
    assert int(str(told["modules"])) < 2100


def test_validate_imports_them() -> None:
    """Else the test above could not fail."""
    assert {"pandas", "great_expectations"} <= set(map(str, measured("validate")["names"]))  # type: ignore[call-overload]
