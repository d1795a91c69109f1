"""The production shape on loopback: every service of docker-compose.yaml that Airflow has, and two workers.

Its settings are the file's; what `otherwise` holds differs, and says why.
"""

import json
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from kit.debian_programs import free_port
from kit.moto_server import MotoServer
from machine import Machine, wait_until
from production import Production, secret_names
from restarts import Restarts
from servers import Postgres, Redis, pgbouncer, postgres, redis

METADATA, LEDGER = "airflow", "usage_ledger"
LOGIN = "admin"
CONTROL = ("airflow-api-server", "airflow-dag-processor", "airflow-triggerer")
CELERY, LOCAL = "CeleryExecutor", "LocalExecutor"
COMPONENTS = ("scheduler", "dag_processor", "triggerer")
SIMPLE = "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"
CONNECT = """
import json, sys
from usage_ledger.airflow.credentials import warehouse_url
from usage_ledger.airflow.onboarding import connect
from usage_ledger.http.credential import Credential
from usage_ledger.warehouse.engine import warehouse_engine

engine = warehouse_engine(warehouse_url())
for name, document, key, settings, host in json.load(sys.stdin):
    settings = {one: value if isinstance(value, str) else tuple(value) for one, value in settings.items()}
    connect(name, document, Credential(key, settings, host=host), engine=engine)
"""
"""What `usage-ledger connect` does, for several accounts in one process; keys come by standard input."""


@dataclass
class Cluster:
    """The machines and servers of one run, and how to speak with them."""

    folder: Path
    executor: str
    postgres: Postgres
    redis: Redis
    production: Production
    address: str
    variables: dict[str, str]
    more: dict[str, str]
    volumes: dict[str, Path]
    machines: dict[str, Machine] = field(default_factory=dict)
    restarts: Restarts = field(default_factory=Restarts)

    def metadata(self, text: str, *values: object) -> list[tuple[Any, ...]]:
        """Rows of Airflow's own database."""
        return self.postgres.query(METADATA, text, *values)

    def ledger(self, text: str, *values: object) -> list[tuple[Any, ...]]:
        """Rows of the warehouse."""
        return self.postgres.query(LEDGER, text, *values)

    def api(self) -> httpx.Client:
        login = {"username": LOGIN, "password": LOGIN}
        answer = httpx.post(f"{self.address}/auth/token", json=login, trust_env=False, timeout=60).raise_for_status()
        headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        return httpx.Client(base_url=self.address, headers=headers, trust_env=False, timeout=60)

    def machine(self, name: str, service: str, **more: str) -> Machine:
        """A new machine with the environment of a service."""
        environment = {**self.production.environment(service), **self.more, **more}
        folder = self.folder / name
        self.machines[name] = Machine(folder, environment, self.volumes)
        return self.machines[name]

    def start_worker(self, name: str) -> None:
        """Start a Celery worker. Two of one host need names; containers have host names of their own."""
        command = self.production.command("airflow-worker")
        self.machines[name].start("airflow-worker", [*command, "--celery-hostname", f"{name}@%h"])

    def connect(self, accounts: Sequence[tuple[str, dict[str, Any], Any]]) -> None:
        """Connect accounts, as connection's id, document and credential, by the service of commands."""
        lines = [(name, document, own.key, dict(own.settings), own.host) for name, document, own in accounts]
        self.machine("commands", "usage-ledger").run([sys.executable, "-c", CONNECT], stdin=json.dumps(lines))


@contextmanager
def cluster(executor: str, provider: str, stores: Path) -> Iterator[Cluster]:
    """All of it, started and healthy; `provider` is the address of the stand-ins. Nothing is left of it."""
    folder = Path(tempfile.mkdtemp(prefix="ul"))
    folder.chmod(0o755)  # the server of PostgreSQL is another user's where this is root's
    ports = {name: free_port() for name in ("api", "postgres", "pgbouncer", "redis")}
    address = f"http://127.0.0.1:{ports['api']}"
    variables = {name: secrets.token_hex(32) for name in secret_names()}
    variables["AIRFLOW_FERNET_KEY"] = _fernet_key()
    variables["AIRFLOW_BASE_URL"] = address
    variables["USAGE_LEDGER_ALLOWED_HOSTS"] = provider.removeprefix("http://")
    passwords = folder / "passwords.json"
    passwords.write_text(json.dumps({LOGIN: LOGIN}), encoding="utf-8")
    logs, connections = folder / "logs", folder / "connections"
    logs.mkdir()
    connections.mkdir()
    with ExitStack() as until_the_end:
        until_the_end.callback(shutil.rmtree, folder, ignore_errors=True)
        store = MotoServer()
        until_the_end.callback(store.stop)
        httpx.post(f"{store.url}/moto-api/reset", trust_env=False)  # moto's state is the process's
        database = until_the_end.enter_context(postgres(folder / "postgres", ports["postgres"]))
        database.make_database(METADATA, "airflow", variables["AIRFLOW_DATABASE_PASSWORD"])
        database.make_database(LEDGER, "usage_ledger", variables["WAREHOUSE_PASSWORD"])
        users = {"usage_ledger": variables["WAREHOUSE_PASSWORD"]}
        until_the_end.enter_context(pgbouncer(folder / "pgbouncer", ports["pgbouncer"], database, users))
        queue = until_the_end.enter_context(redis(folder / "redis", ports["redis"], variables["REDIS_PASSWORD"]))
        places = {
            "airflow-database:5432": f"127.0.0.1:{ports['postgres']}",
            "warehouse:5432": f"127.0.0.1:{ports['pgbouncer']}",
            "redis:6379": f"127.0.0.1:{ports['redis']}",
            "http://object-store:7070": store.url,
            "http://airflow-api-server:8080": address,
            "/opt/airflow/include/connections": str(connections),
        }
        otherwise = {
            "AIRFLOW__CORE__EXECUTOR": executor,
            # The image has FAB, the lock has not.
            "AIRFLOW__CORE__AUTH_MANAGER": SIMPLE,
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{LOGIN}:admin",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
            # A container has an address of its own.
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(ports["api"]),
            "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_HOST": "127.0.0.1",
            # A stand-in's store is a folder; and no wait before a retry is waited out.
            "USAGE_LEDGER_STORES": str(stores),
            "USAGE_LEDGER_RETRY_SCALE": "0.02",
        }
        production = Production(variables, places)
        made = Cluster(folder, executor, database, queue, production, address, variables, otherwise, {"logs": logs})
        until_the_end.callback(_stop, made)
        _start(made)
        yield made


def _start(made: Cluster) -> None:
    init = made.machine("init", "airflow-init")
    shell = made.production.command("airflow-init")
    script = shell[-1].partition("# By standard input")[0]  # what follows makes FAB's first account
    assert "usage-ledger pools" in script
    init.run([*shell[:-1], script])
    for service in CONTROL:
        made.machine(service, service).start(service, made.production.command(service))
    for name in ("scheduler-1", "scheduler-2")[: 1 + (made.executor == CELERY)]:
        port = {"AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT": str(free_port())}
        forks = made.production.environment("airflow-worker") if made.executor == LOCAL else {}
        made.machine(name, "airflow-scheduler", **(forks | made.more | port))
        # With the LocalExecutor it would serve the logs of its tasks, at every address.
        quiet = [] if made.executor == CELERY else ["--skip-serve-logs"]
        made.machines[name].start("airflow-scheduler", [*made.production.command("airflow-scheduler"), *quiet])
    for name in ("worker-1", "worker-2") if made.executor == CELERY else ():
        made.machine(name, "airflow-worker")
        made.start_worker(name)
    wait_until(lambda: _healthy(made), "Airflow to be healthy", 600)


def _healthy(made: Cluster) -> bool:
    for machine in made.machines.values():
        for name in machine.ended():
            raise AssertionError(f"{name} ended: {machine.log(name).read_text(errors='replace')[-3000:]}")
    try:
        state = httpx.get(f"{made.address}/api/v2/monitor/health", trust_env=False, timeout=30).json()
    except (httpx.HTTPError, ValueError):
        return False
    return all(
        (state.get(name) or {}).get("status") == "healthy" for name in ("scheduler", "dag_processor", "triggerer")
    )


def _stop(made: Cluster) -> None:
    for machine in made.machines.values():
        machine.ask_to_stop()
    for machine in made.machines.values():
        machine.stop(30)


def _fernet_key() -> str:
    import base64

    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
