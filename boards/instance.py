"""A Superset of our own on this machine's loopback: its files in one folder, its process stopped at the end."""

import contextlib
import hashlib
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil

from usage_ledger.core.errors import ConfigError, Unreachable
from usage_ledger.core.project import ROOT
from usage_ledger.http.error_mapping import reason_of
from usage_ledger.local.processes import free_port
from usage_ledger.local.settings import write_private

PYTHON = ROOT / ".venv-boards" / "bin" / "python"
LOCK = ROOT / "requirements-boards.lock"
USER = "admin"
PATIENCE = 1800.0
"""Seconds in which Superset makes its database, and in which it starts, also on a busy machine."""
SETTINGS = """
SECRET_KEY = {key!r}
SUPERSET_WEBSERVER_TIMEOUT = 600
SQLALCHEMY_DATABASE_URI = "sqlite:///{home}/superset.db"
TALISMAN_ENABLED = False
AUTH_RATE_LIMITED = False
SQLLAB_BACKEND_PERSISTENCE = False
"""


class Instance:
    """Superset's REST API, as its administrator. Each method raises `ConfigError` or `Unreachable`."""

    def __init__(self, address: str, password: str) -> None:
        self.address, self.password = address, password
        self._http = httpx.Client(base_url=address, trust_env=False, timeout=180)
        login = {"username": USER, "password": password, "provider": "db", "refresh": False}
        token = self.send("POST", "/api/v1/security/login", json=login).json()["access_token"]
        self._http.headers["Authorization"] = f"Bearer {token}"
        self._http.headers["X-CSRFToken"] = self.send("GET", "/api/v1/security/csrf_token/").json()["result"]
        self._http.headers["Referer"] = address

    def send(self, method: str, path: str, **content: Any) -> httpx.Response:
        """The answer to a request that Superset must accept."""
        try:
            answer = self._http.request(method, path, **content)
        except httpx.TransportError as error:
            raise Unreachable(
                f"Superset did not answer {method} {path} ({reason_of(error)})", next_step="see its log"
            ) from None
        if not answer.is_success:
            raise ConfigError(f"Superset refused {method} {path} ({answer.status_code}: {answer.text[:500]})")
        return answer

    def charts(self) -> dict[str, dict[str, Any]]:
        """What Superset has of each chart, by title."""
        question = {"q": "(page_size:200)"}
        charts = self.send("GET", "/api/v1/chart/", params=question).json()["result"]
        return {chart["slice_name"]: chart for chart in charts}


@contextlib.contextmanager
def superset(home: Path) -> Iterator[Instance]:
    """A fresh Superset that listens on a free port of the loopback, and ends with the block."""
    if not PYTHON.is_file():
        raise ConfigError("Superset is not installed", next_step="run `make boards`")
    password = _prepare(home)
    port, log = free_port(), home / "superset.log"
    command = [str(PYTHON.with_name("superset")), "run", "--host", "127.0.0.1", "--port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=_environment(home), cwd=home, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        try:
            address = f"http://127.0.0.1:{port}"
            _wait(process, f"{address}/health", log)
            yield Instance(address, password)
        finally:
            _end(process)


def _prepare(home: Path) -> str:
    """The administrator's password. Superset's database is made once for each lock file, and copied for each start."""
    home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o700)
    stamp, made, database = home / "made-of", home / "superset.made.db", home / "superset.db"
    wanted_stamp = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if not stamp.is_file() or stamp.read_text(encoding="utf-8") != wanted_stamp:
        password = secrets.token_urlsafe(18)
        write_private(home / "password", password)
        write_private(home / "key", secrets.token_urlsafe(48))
        _write_settings(home)
        database.unlink(missing_ok=True)
        log = home / "prepare.log"
        with log.open("wb") as output:
            done = subprocess.run(
                [str(PYTHON), str(Path(__file__).with_name("prepare.py"))],
                env=_environment(home) | {"BOARDS_PASSWORD": password},
                cwd=home,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                timeout=PATIENCE,
                check=False,
            )
        if done.returncode:
            raise ConfigError("Superset could not make its own database", next_step=f"see {log}")
        database.rename(made)
        stamp.write_text(wanted_stamp, encoding="utf-8")
    _write_settings(home)
    shutil.copyfile(made, database)
    return (home / "password").read_text(encoding="utf-8")


def _write_settings(home: Path) -> None:
    key = (home / "key").read_text(encoding="utf-8")
    write_private(home / "superset_config.py", SETTINGS.format(key=key, home=home))


def _environment(home: Path) -> dict[str, str]:
    """Nothing of the caller's but what a process needs; no telemetry."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return kept | {
        "SUPERSET_HOME": str(home),
        "SUPERSET_CONFIG_PATH": str(home / "superset_config.py"),
        "FLASK_APP": "superset.app:create_app()",
        "SCARF_ANALYTICS": "false",
        "PYTHONDONTWRITEBYTECODE": "1",
        "TZ": "UTC",
    }


def _wait(process: subprocess.Popen[bytes], address: str, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(address, trust_env=False, timeout=10).is_success:
                return
        if process.poll() is not None:
            raise ConfigError("Superset ended while it was starting", next_step=f"see {log}")
        time.sleep(0.5)
    raise ConfigError(f"Superset was not ready after {PATIENCE:g} seconds", next_step=f"see {log}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Stop the process and what it began."""
    with contextlib.suppress(psutil.NoSuchProcess):
        members = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
        for one in members:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.terminate()
        _, left = psutil.wait_procs(members, timeout=15)
        for one in left:
            one.kill()
    process.wait()
