"""Commands and tasks find raw storage by one rule."""

from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from usage_ledger.airflow import tasks
from usage_ledger.cli.context import command_root
from usage_ledger.core.errors import ConfigError
from usage_ledger.core.project import local_folder


@pytest.fixture
def roots(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The raw storage of a command and that of a task for one value of USAGE_LEDGER_RAW."""
    monkeypatch.setattr("usage_ledger.airflow.credentials.warehouse_url", lambda: None)
    monkeypatch.setattr("usage_ledger.warehouse.engine.warehouse_engine", lambda _: None)
    monkeypatch.setattr("usage_ledger.airflow.task_log.redact_task_log", lambda: None)
    monkeypatch.setattr(tasks, "find_connection", lambda _: None)

    def resolve(value: str) -> tuple[Any, Any]:
        monkeypatch.setenv("USAGE_LEDGER_RAW", value)
        return command_root(), tasks._resources("acme")[2]

    return resolve


@pytest.mark.parametrize("value", ["/data/raw", "file:///data/raw", "file://localhost/data/raw"])
def test_a_path_and_a_file_uri_are_local_for_commands_and_tasks(roots: Any, value: str) -> None:
    assert roots(value) == (Path("/data/raw"), Path("/data/raw"))


def test_without_a_value_it_is_in_the_local_folder(roots: Any) -> None:
    assert roots("") == (local_folder() / "raw", local_folder() / "raw")


def test_a_bucket_is_the_same_for_commands_and_tasks(roots: Any) -> None:
    command, task = roots("s3://bucket/raw")
    assert (str(command), str(task)) == ("s3://bucket/raw", "s3://bucket/raw")


@pytest.mark.parametrize(
    "value",
    [
        "raw",
        "./raw",
        "s3:/bucket",
        "s3://",
        "s3:///raw",
        "S3:bucket",
        "ftp://host/raw",
        "file://data/raw",
        "s3://[x",
        " /raw",
    ],
)
def test_what_names_no_place_is_refused_in_a_sentence(roots: Any, value: str) -> None:
    with pytest.raises(ConfigError, match="USAGE_LEDGER_RAW") as refused:
        roots(value)
    assert repr(value) in str(refused.value)
    assert "absolute path" in str(refused.value)


@pytest.mark.parametrize(
    ("value", "missing"),
    [
        ("s3://bucket/raw", "s3fs"),
        ("s3://bucket/raw", "apache-airflow-providers-amazon"),
        ("gs://bucket/raw", "gcsfs"),
        ("abfs://container@account.dfs.core.windows.net/raw", "adlfs"),
    ],
)
def test_a_cloud_without_its_extra_is_one_line_that_names_it_and_the_command(
    roots: Any, monkeypatch: pytest.MonkeyPatch, value: str, missing: str
) -> None:
    """Commands and tasks say it when they ask where raw storage is: before they write, or ask a provider."""
    version = metadata.version

    def without(name: str) -> str:
        if name == missing:
            raise metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(metadata, "version", without)
    scheme = value.partition(":")[0]
    with pytest.raises(ConfigError) as refused:
        roots(value)
    assert f"USAGE_LEDGER_RAW begins with {scheme}://" in str(refused.value)
    assert missing in str(refused.value)
    assert f'pip install "usage-ledger[{scheme}]"' in str(refused.value)
    assert "\n" not in str(refused.value)
