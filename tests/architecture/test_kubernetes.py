"""The production shape on Kubernetes (deploy/kubernetes), checked as text: neither Helm nor a cluster is needed.

`tests/fixtures/airflow-chart.yaml` has the facts of the official chart, and the client of Kubernetes those of a pod.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes.client import ApiClient

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "kubernetes"
KNOWN: dict[str, list[str]] = yaml.safe_load((ROOT / "tests/fixtures/airflow-chart.yaml").read_text())
VALUES: dict[str, Any] = yaml.safe_load((FOLDER / "values.yaml").read_text())
CELERY: dict[str, Any] = yaml.safe_load((FOLDER / "values.celery.yaml").read_text())
POD: dict[str, Any] = yaml.safe_load((FOLDER / "pod_template.yaml").read_text())
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())
[CONTAINER] = POD["spec"]["containers"]
WORKER = COMPOSE["services"]["airflow-worker"]["environment"]

TYPES = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}
OPENS_AIRFLOW = ("SQL_ALCHEMY_CONN", "FERNET", "fernet", "JWT", "jwt", "SECRET_KEY", "metadata_secret")


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Each path below a value, as the fixture writes it, and the type of what is there."""
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            free = path in ("config", "extraConfigMaps") or path.startswith("config.")
            yield from leaves(inner, f"{path}.{'*' if free else name}".lstrip("."))
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, f"{path}[]")
    else:
        yield path, TYPES[type(value)]


def refused(values: dict[str, Any]) -> set[tuple[str, str]]:
    """What the chart does not take."""
    return {(path, kind) for path, kind in leaves(values) if kind not in KNOWN.get(path, [])}


def round_trip(pod: dict[str, Any]) -> Any:
    """The pod as Kubernetes' own client reads and writes it: without the fields that a pod does not have."""
    client = ApiClient()
    read = client.deserialize(json.dumps(pod), "V1Pod", "application/json")
    return client.sanitize_for_serialization(read)


def settings() -> dict[str, str]:
    """What no secret is, for every process."""
    found: dict[str, str] = yaml.safe_load(VALUES["extraConfigMaps"]["usage-ledger"]["data"])
    return found


@pytest.mark.parametrize("values", [VALUES, CELERY], ids=["values.yaml", "values.celery.yaml"])
def test_the_chart_takes_the_values(values: dict[str, Any]) -> None:
    assert not refused(values)


@pytest.mark.parametrize(
    "values",
    [{"executer": "KubernetesExecutor"}, {"apiServer": {"env": [{"name": "A", "from": "b"}]}}, {"executor": 3}],
)
def test_the_facts_of_the_chart_refuse_another_name_or_type(values: dict[str, Any]) -> None:
    assert refused(values)


def test_every_fact_of_the_chart_is_used() -> None:
    assert set(KNOWN) == {path for values in (VALUES, CELERY) for path, _ in leaves(values)}


def test_the_pod_has_only_fields_that_a_pod_has() -> None:
    assert round_trip(POD) == POD


@pytest.mark.parametrize("field", ["volumeMount", "valuesFrom", "imagePolicy"])
def test_a_field_that_a_pod_does_not_have_is_noticed(field: str) -> None:
    broken = {**POD, "spec": {**POD["spec"], "containers": [{**CONTAINER, field: "any"}]}}
    assert round_trip(broken) != broken


def test_a_pod_knows_nothing_that_opens_airflow() -> None:
    text = json.dumps(POD)
    assert not [word for word in OPENS_AIRFLOW if word in text]
    assert POD["spec"]["automountServiceAccountToken"] is False
    assert VALUES["data"]["metadataSecretName"] not in {
        one["valueFrom"]["secretKeyRef"]["name"] for one in CONTAINER["env"] if "valueFrom" in one
    }


def test_a_pod_is_no_root_and_may_not_become_it() -> None:
    assert POD["spec"]["securityContext"]["runAsNonRoot"] is True
    assert CONTAINER["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    assert POD["spec"]["restartPolicy"] == "Never"
    assert CONTAINER["name"] == "base"  # else Airflow puts a second container beside it


def test_a_pod_has_what_a_worker_of_the_compose_file_has_for_tasks() -> None:
    named = {one["name"] for one in CONTAINER["env"]} | set(settings())
    for_tasks = {name for name in WORKER if name.startswith(("USAGE_LEDGER", "AIRFLOW_CONN", "CONNECTION_CHECK"))}
    assert for_tasks <= named
    assert {one["configMapRef"]["name"] for one in CONTAINER["envFrom"] if "configMapRef" in one} == {"usage-ledger"}
    assert set(VALUES["extraConfigMaps"]) == {"usage-ledger"}
    workers = {one["name"] for one in CELERY["workers"]["celery"]["env"]}
    assert {name for name in for_tasks if name not in settings()} - {"CONNECTION_CHECK_MAX_COUNT"} <= workers


def test_the_settings_of_airflow_are_those_of_the_compose_file() -> None:
    ours = {f"AIRFLOW__{section}__{one}".upper() for section, options in VALUES["config"].items() for one in options}
    assert {name for name in WORKER if name.startswith(("AIRFLOW__WORKERS__", "AIRFLOW__SCHEDULER__"))} <= ours
    for section, options in (*VALUES["config"].items(), *CELERY["config"].items()):
        for option, value in options.items():
            name = f"AIRFLOW__{section}__{option}".upper()
            own = ("AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES", "AIRFLOW__CELERY__WORKER_CONCURRENCY")
            if name in WORKER and name not in own:
                assert str(value) == WORKER[name], name
    assert VALUES["config"]["logging"]["secret_mask_adapter"] == "usage_ledger.core.redaction.mask_adapter"


def test_secrets_are_named_and_not_written() -> None:
    for values in (VALUES, CELERY):
        for path, _ in leaves(values):
            assert not re.search(r"(?i)password|(?<!pseudonym)[-_]?token$", path), path
    told = re.findall(r"^#   (\S+) {2,}", (FOLDER / "values.yaml").read_text(), re.MULTILINE)
    assert told == ["airflow", "usage-ledger", "usage-ledger-raw"]


def test_the_pools_are_made_before_a_task_needs_one() -> None:
    assert "usage-ledger pools" in VALUES["migrateDatabaseJob"]["args"][-1]


def test_the_image_is_that_of_the_project() -> None:
    assert VALUES["defaultAirflowTag"] == COMPOSE["x-image"]["image"].partition(":")[2]
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert f"ARG AIRFLOW={VALUES['airflowVersion']}-python3.11" in dockerfile
    assert "FROM project AS baked" in dockerfile
