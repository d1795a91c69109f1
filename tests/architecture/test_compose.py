"""The production shape (docker-compose.yaml, Dockerfile, .env.example), checked as text: no engine is needed.

`tests/fixtures/compose-spec.json` is the Compose Specification's own schema, unmodified, under the Apache
License 2.0.
"""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from usage_ledger.airflow.dag import task_defaults
from usage_ledger.local.airflow_home import WAITS

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yaml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
ENV_EXAMPLE = (ROOT / ".env.example").read_text()

ONE_SHOT = {"airflow-init", "usage-ledger"}
LONG_RUNNING = sorted(set(SERVICES) - ONE_SHOT)
WORKERS = sorted(name for name, service in SERVICES.items() if "worker" in service.get("command", ""))
BUILT_IMAGE = COMPOSE["x-image"]["image"]

# ${NAME}, ${NAME:-default}, ${NAME:?message}; a doubled dollar is a literal one.
VARIABLE = re.compile(r"(?<!\$)\$\{(?P<name>\w+)(?P<operator>:?[-?+])?(?P<word>[^}]*)\}")
SECRET_NAME = re.compile(r"PASSWORD|SECRET(?!_MASK)|_KEY|TOKEN")
# A tag that names at least major and minor version; more may follow (18.6-trixie, v1.8.0).
VERSION_TAG = re.compile(r"v?\d+\.\d+[\w.-]*")

OPENS_AIRFLOW = ("SQL_ALCHEMY_CONN", "FERNET", "JWT", "API__SECRET_KEY", "ADMIN", "airflow-database")


def without_comments(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))


def variables() -> list[re.Match[str]]:
    return list(VARIABLE.finditer(without_comments(TEXT)))


def documented() -> dict[str, str]:
    lines = without_comments(ENV_EXAMPLE).split()
    return dict(line.split("=", 1) for line in lines)


def secrets() -> set[str]:
    return {match["name"] for match in variables() if SECRET_NAME.search(match["name"])}


def pinned_in_lock(distribution: str) -> str:
    lock = (ROOT / "requirements.lock").read_text()
    found = re.search(rf"^{re.escape(distribution)}==([^\s\\]+)", lock, re.MULTILINE)
    assert found, f"requirements.lock does not pin {distribution}"
    return found[1]


def environment(service: str) -> dict[str, str]:
    found: dict[str, str] = SERVICES[service].get("environment", {})
    return found


def test_the_file_is_valid_by_the_compose_specification() -> None:
    schema = json.loads((ROOT / "tests/fixtures/compose-spec.json").read_text())
    jsonschema.validators.validator_for(schema)(schema).validate(COMPOSE)


def test_the_schema_refuses_an_unknown_key() -> None:
    schema = json.loads((ROOT / "tests/fixtures/compose-spec.json").read_text())
    broken = {**COMPOSE, "services": {**SERVICES, "redis": {**SERVICES["redis"], "helthcheck": {}}}}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validators.validator_for(schema)(schema).validate(broken)


def test_the_image_holds_the_airflow_of_the_lock() -> None:
    [tag] = re.findall(r"^ARG AIRFLOW=(\S+)$", DOCKERFILE, re.MULTILINE)
    assert tag == f"{pinned_in_lock('apache-airflow')}-python3.11"
    assert "FROM apache/airflow:${AIRFLOW} AS project" in DOCKERFILE
    assert f"AIRFLOW=slim-{tag} " in DOCKERFILE


def test_every_image_is_pinned_to_a_version() -> None:
    images = {service["image"] for service in SERVICES.values()}
    loose = {image for image in images if not VERSION_TAG.fullmatch(image.partition(":")[2])}
    assert not loose


def test_the_built_image_carries_the_version_of_the_project() -> None:
    found = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert found
    assert f"usage-ledger:{found[1]}" == BUILT_IMAGE


def test_no_secret_has_a_default() -> None:
    assert len(secrets()) == 10
    lenient = {m[0] for m in variables() if m["name"] in secrets() and m["operator"] != ":?"}
    assert not lenient


def test_every_variable_that_is_no_secret_has_a_default() -> None:
    bare = {m[0] for m in variables() if m["name"] not in secrets() and m["operator"] != ":-"}
    assert not bare


def test_no_secret_is_written_down() -> None:
    """A value under a name that sounds secret is either a variable or absent."""
    for service in SERVICES:
        for name, value in environment(service).items():
            if SECRET_NAME.search(name):
                assert VARIABLE.search(str(value)), f"{service}: {name}"


def test_compose_and_the_example_name_the_same_variables() -> None:
    assert {match["name"] for match in variables()} == set(documented())


def test_the_example_holds_no_secret_and_the_true_defaults() -> None:
    defaults = {m["name"]: m["word"] if m["operator"] == ":-" else "" for m in variables()}
    assert documented() == defaults


def test_every_variable_of_the_example_is_explained_and_every_secret_has_its_command() -> None:
    lines = ENV_EXAMPLE.splitlines()
    for number, line in enumerate(lines):
        if line and not line.startswith("#"):
            assert lines[number - 1].startswith("# ") or lines[number - 1].startswith("#   "), line
            if SECRET_NAME.search(line.partition("=")[0]):
                assert lines[number - 1].startswith("#   openssl rand "), line


def test_secrets_inside_addresses_are_made_of_safe_letters() -> None:
    """A password with / or @ would break the address that it is part of."""
    inside = set(re.findall(r"://[^\s@]*:\$\{(\w+)", without_comments(TEXT)))
    assert inside == {"AIRFLOW_DATABASE_PASSWORD", "REDIS_PASSWORD", "WAREHOUSE_PASSWORD"}
    for name in inside:
        assert re.search(rf"^#   openssl rand -hex \d+\n{name}=$", ENV_EXAMPLE, re.MULTILINE), name


@pytest.mark.parametrize("name", LONG_RUNNING)
def test_a_long_running_service_has_a_health_check_and_restarts(name: str) -> None:
    check = SERVICES[name]["healthcheck"]
    assert check["test"][0] in {"CMD", "CMD-SHELL"}
    assert {"interval", "timeout", "retries", "start_period"} <= set(check)
    assert SERVICES[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", sorted(ONE_SHOT))
def test_a_one_shot_service_does_not_restart(name: str) -> None:
    assert SERVICES[name]["restart"] == "no"


def test_a_service_waits_for_health_or_completion() -> None:
    for name, service in SERVICES.items():
        for other, how in service.get("depends_on", {}).items():
            wanted = "service_completed_successfully" if other == "airflow-init" else "service_healthy"
            assert how["condition"] == wanted, f"{name} on {other}"


def test_everything_of_airflow_waits_for_the_pools() -> None:
    assert "usage-ledger pools" in SERVICES["airflow-init"]["command"][-1]
    direct = {name for name, service in SERVICES.items() if "airflow-init" in service.get("depends_on", {})}
    for name in WORKERS:
        assert set(SERVICES[name]["depends_on"]) & direct, name
    built = {name for name, service in SERVICES.items() if service["image"] == BUILT_IMAGE}
    assert built - direct - set(WORKERS) == {"airflow-init"}


def test_ports_listen_on_loopback_unless_told_otherwise() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("${BIND_ADDRESS:-127.0.0.1}:") for port in published)


def test_there_is_a_worker() -> None:
    assert WORKERS == ["airflow-worker"]


@pytest.mark.parametrize("name", WORKERS)
def test_a_worker_knows_nothing_that_opens_airflow(name: str) -> None:
    rendered = json.dumps(SERVICES[name])
    for forbidden in OPENS_AIRFLOW:
        assert forbidden not in rendered, forbidden
    assert not set(SERVICES[name]["networks"]) & set(SERVICES["airflow-database"]["networks"])


@pytest.mark.parametrize("name", [*WORKERS, "airflow-scheduler"])
def test_a_message_is_not_delivered_twice_while_its_task_may_run(name: str) -> None:
    seconds = int(environment(name)["AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT"])
    assert seconds > 2 * task_defaults()["execution_timeout"].total_seconds()


@pytest.mark.parametrize("name", WORKERS)
def test_a_worker_has_what_tasks_need(name: str) -> None:
    assert {
        "AIRFLOW__CELERY__BROKER_URL",
        "AIRFLOW__CELERY__RESULT_BACKEND",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL",
        "AIRFLOW_CONN_USAGE_WAREHOUSE",
        "AWS_SECRET_ACCESS_KEY",
    } <= set(environment(name))
    assert environment(name)["AIRFLOW__CELERY__RESULT_BACKEND"].startswith("redis://")


def test_the_api_server_reads_the_warehouse_for_the_page_and_makes_no_pseudonyms() -> None:
    knowing = {name for name in SERVICES if "AIRFLOW_CONN_USAGE_WAREHOUSE" in environment(name)}
    assert knowing == {"airflow-api-server", "airflow-worker", "usage-ledger"}
    makers = {name for name in SERVICES if "USAGE_LEDGER_PSEUDONYM_KEY" in environment(name)}
    assert makers == {"airflow-worker", "usage-ledger"}


def test_the_image_has_what_a_worker_loads_beforehand() -> None:
    [line] = [line for line in DOCKERFILE.splitlines() if "airflow_local_settings.py" in line]
    source, target = line.split()[-2:]
    assert (ROOT / source).is_file()
    assert target == "config/"


def test_only_the_makers_and_checkers_of_tokens_know_the_jwt_secret() -> None:
    knowing = {name for name in SERVICES if "AIRFLOW__API_AUTH__JWT_SECRET" in environment(name)}
    assert knowing == {"airflow-api-server", "airflow-scheduler"}


def test_every_airflow_process_has_the_settings_of_the_project() -> None:
    wanted = {
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__TEST_CONNECTION": "Disabled",
        "AIRFLOW__LOGGING__SECRET_MASK_ADAPTER": "usage_ledger.core.redaction.mask_adapter",
        # Seconds that matter on one machine matter on several.
        **{f"AIRFLOW__WORKERS__{name.upper()}": value for name, value in WAITS["workers"].items()},
        "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": WAITS["scheduler"]["orphaned_tasks_check_interval"],
    }
    for name, service in SERVICES.items():
        if service["image"] == BUILT_IMAGE:
            assert wanted.items() <= environment(name).items(), name
            assert environment(name)["USAGE_LEDGER_RAW"].startswith("s3://"), name


def test_code_and_configuration_are_mounted_read_only() -> None:
    """Only the command line may write, and only the folder of connections."""
    writable = {
        (name, volume)
        for name, service in SERVICES.items()
        for volume in service.get("volumes", [])
        if volume.startswith("./") and not volume.endswith(":ro")
    }
    assert writable == {("usage-ledger", "./include/connections:/opt/airflow/include/connections")}


def test_named_volumes_and_networks_are_declared_and_used() -> None:
    volumes = {v.partition(":")[0] for s in SERVICES.values() for v in s.get("volumes", []) if v[0] != "."}
    assert volumes == set(COMPOSE["volumes"])
    assert {network for s in SERVICES.values() for network in s["networks"]} == set(COMPOSE["networks"])


def test_the_build_takes_only_what_the_image_needs() -> None:
    patterns = without_comments((ROOT / ".dockerignore").read_text()).split()
    assert patterns[0] == "*"
    copied = re.findall(r"^COPY --chown=\S+ (.+) \S+$", DOCKERFILE, re.MULTILINE)
    sources = {source for line in copied for source in line.split()}
    within = {source for source in sources if any(source.startswith(f"{folder}/") for folder in sources)}
    assert {pattern[1:] for pattern in patterns if pattern.startswith("!")} == sources - within
