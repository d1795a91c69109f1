"""The whole stack: up, down, and whether it is well."""

import json
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from usage_ledger.core import redaction
from usage_ledger.core.errors import ConfigError, Unreachable
from usage_ledger.core.project import local_folder
from usage_ledger.http.error_mapping import reason_of
from usage_ledger.local import airflow_home, postgres, processes, settings
from usage_ledger.local.settings import (
    AIRFLOW_PORT,
    LOGIN,
    SANDBOX_PORT,
    port,
    program,
    remember_environment,
    write_private,
)

AIRFLOW = {
    "api-server": ["api-server"],
    "scheduler": ["scheduler", "--skip-serve-logs"],
    "dag-processor": ["dag-processor"],
    "triggerer": ["triggerer", "--skip-serve-logs"],
}
COMPONENTS = ("metadatabase", "scheduler", "dag_processor", "triggerer")


PATIENCE = 600.0
"""Seconds in which all of it starts, also on a busy machine; a process that ends is noticed at once."""


def up(report: Callable[[str], None], *, sandbox: bool = False, seconds: float = PATIENCE) -> None:
    """Start what does not run, and wait until all of it is healthy. Raises `ConfigError`."""
    redaction.no_memory_dump()  # keys pass through all of it
    _require_ports(sandbox)
    postgres.require_port()
    folder = local_folder()
    folder.mkdir(parents=True, exist_ok=True)
    remember_environment()
    report("PostgreSQL")
    postgres.start()
    airflow_home.write()
    report("Airflow's metadata")
    airflow_home.migrate()
    if sandbox:
        start_sandbox()
    report("Airflow")
    for name, arguments in AIRFLOW.items():
        processes.start(name, [program("airflow"), *arguments])
    wait_until_healthy(seconds)


def down() -> list[str]:
    """Stop what the stack started, and nothing else; what was stopped."""
    stopped = processes.stop([*AIRFLOW, "sandbox"])
    if postgres.stop():
        stopped.append("postgres")
    return stopped


def address() -> str:
    return f"http://127.0.0.1:{port(AIRFLOW_PORT)}"


def sandbox_address() -> str:
    return f"http://127.0.0.1:{port(SANDBOX_PORT)}"


def sandbox_key_file() -> Path:
    """The sandbox's key, made once, readable by its owner alone."""
    path = local_folder() / "sandbox.key"
    if not path.exists():
        write_private(path, f"fw_{secrets.token_urlsafe(24)}")
    return path


def start_sandbox() -> None:
    """Serve the stand-in provider."""
    key = str(sandbox_key_file())
    processes.start(
        "sandbox",
        [
            program("usage-ledger"),
            "sandbox",
            "--port",
            str(port(SANDBOX_PORT)),
            "--key-file",
            key,
            "--account",
            "sandbox",
        ],
    )
    _wait(lambda: httpx.get(f"{sandbox_address()}/healthz", trust_env=False).status_code == 200, 30, "sandbox")


def wait_until_healthy(seconds: float) -> None:
    """Until the API answers that all four components are healthy. Raises `ConfigError` naming the log to read."""

    def healthy() -> bool:
        state = httpx.get(f"{address()}/api/v2/monitor/health", trust_env=False).json()
        return all((state.get(name) or {}).get("status") == "healthy" for name in COMPONENTS)

    _wait(healthy, seconds, "api-server")


READS = 3
"""How often a resource is asked for when no answer comes: a loaded machine may need longer than a minute."""


class AirflowApi:
    """Airflow's REST API, as its local login. Each method raises `Unreachable` when no answer came in time."""

    def __init__(self) -> None:
        self._http = httpx.Client(base_url=address(), trust_env=False, timeout=30)
        answer = self._send("POST", "/auth/token", json={"username": LOGIN, "password": _password()})
        if answer.status_code not in (200, 201):
            raise ConfigError(f"Airflow refused the local login ({answer.status_code})", next_step="see passwords.json")
        self._http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def get(self, path: str, **parameters: Any) -> Any:
        """A resource; None when it does not exist."""
        for attempt in range(1, READS + 1):
            try:
                answer = self._send("GET", f"/api/v2{path}", params=parameters)
            except Unreachable:
                if attempt == READS:
                    raise
            else:
                return None if answer.status_code == 404 else answer.raise_for_status().json()
        raise AssertionError("unreachable")

    def post(self, path: str, document: dict[str, Any]) -> httpx.Response:
        """The answer. After `Unreachable` Airflow may have done it all the same: look before asking again."""
        return self._send("POST", f"/api/v2{path}", json=document)

    def _send(self, method: str, path: str, **content: Any) -> httpx.Response:
        try:
            return self._http.request(method, path, **content)
        except httpx.TransportError as error:
            raise Unreachable(
                f"Airflow did not answer {method} {path} ({reason_of(error)})",
                next_step=f"see {processes.log_file('api-server')}, and run the command again",
            ) from None


def _password() -> str:
    path = settings.airflow_home() / "passwords.json"
    return str(json.loads(path.read_text(encoding="utf-8"))[LOGIN])


def _require_ports(sandbox: bool) -> None:
    ports = [("api-server", AIRFLOW_PORT)] + ([("sandbox", SANDBOX_PORT)] if sandbox else [])
    for name, setting in ports:
        process = processes.recorded(name)
        if process is None or not process.alive():
            processes.require_free(port(setting), setting[0])


def _wait(ready: Callable[[], bool], seconds: float, name: str) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            if ready():
                return
        except (httpx.HTTPError, ValueError):
            pass
        for started in [*AIRFLOW, "sandbox"]:
            process = processes.recorded(started)
            if process is not None and process.alive() is None:
                raise ConfigError(
                    f"{started} ended while the stack was starting", next_step=f"see {processes.log_file(started)}"
                )
        if time.monotonic() > deadline:
            raise ConfigError(
                f"{name} was not ready after {seconds:g} seconds", next_step=f"see {processes.log_file(name)}"
            )
        time.sleep(0.3)
