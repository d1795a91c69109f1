"""Airflow's home in the local stack: one complete configuration, a login, what the scheduler loads beforehand."""

import base64
import configparser
import json
import os
import secrets
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path
from urllib.parse import quote

from usage_ledger.core.errors import ConfigError
from usage_ledger.core.project import ROOT
from usage_ledger.local.postgres import METADATA
from usage_ledger.local.settings import (
    AIRFLOW_PORT,
    LOGIN,
    airflow_home,
    port,
    postgres_folder,
    program,
    stack_environment,
    write_private,
)

LOCAL_SETTINGS = Path(__file__).parents[1] / "airflow" / "airflow_local_settings.py"
"""Loads beforehand, in the process that forks tasks, what they need."""


WAITS = {
    "workers": {
        "min_heartbeat_interval": "1",  # after a task ends its slot waits for this heartbeat
        # A busy machine answers late, and Airflow fails a task whose start is not confirmed within five seconds.
        "execution_api_timeout": "60",
        "execution_api_retries": "10",
    },
    # What a killed scheduler left running goes on within two minutes of the next one's start, not within six.
    "scheduler": {"scheduler_idle_sleep_time": "0.5", "orphaned_tasks_check_interval": "60"},
    # A new connection's Dag shows within seconds.
    "dag_processor": {"refresh_interval": "5", "min_file_process_interval": "5"},
}


def write() -> Path:
    """Write what is missing, or what another port changed; secrets are made once. Returns the home."""
    home = airflow_home()
    (home / "config").mkdir(parents=True, exist_ok=True)
    home.chmod(0o700)
    path = home / "airflow.cfg"
    current = configparser.ConfigParser(interpolation=None)
    current.read(path, encoding="utf-8")
    settings = configparser.ConfigParser(interpolation=None)
    settings.read_dict(_settings(home, current))
    if current != settings:
        _write_settings(path, settings)
    passwords = home / "passwords.json"
    if not passwords.exists():
        write_private(passwords, json.dumps({LOGIN: LOGIN}))
    shutil.copyfile(LOCAL_SETTINGS, home / "config" / LOCAL_SETTINGS.name)
    return home


def migrate() -> None:
    """Bring Airflow's metadata up to date, before any process starts. Raises `ConfigError`."""
    home, airflow = airflow_home(), version("apache-airflow-core")
    mark = home / "migrated"
    if mark.exists() and mark.read_text(encoding="utf-8") == airflow:
        return
    done = subprocess.run(  # noqa: S603  our own program, fixed arguments
        [program("airflow"), "db", "migrate"],
        env=os.environ | stack_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        log = home / "migrate.log"
        log.write_text(done.stdout + done.stderr, encoding="utf-8")
        raise ConfigError("Airflow's metadata database could not be migrated", next_step=f"see {log}")
    mark.write_text(airflow, encoding="utf-8")


def _settings(home: Path, current: configparser.ConfigParser) -> dict[str, dict[str, str]]:
    def keep(section: str, option: str, fresh: str) -> str:
        return current.get(section, option, fallback="") or fresh

    address = f"http://127.0.0.1:{port(AIRFLOW_PORT)}"
    socket = quote(str(postgres_folder()), safe="/").replace("%", "%%")  # Airflow interpolates its configuration
    return {
        "core": {
            "dags_folder": str(ROOT / "dags"),
            "plugins_folder": str(ROOT / "plugins"),
            "executor": "LocalExecutor",
            "load_examples": "False",
            # An import error is its sentence, which names the file to correct; the Dag processor's log has the rest.
            "dagbag_import_error_tracebacks": "False",
            "parallelism": "6",
            "fernet_key": keep("core", "fernet_key", base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()),
            "test_connection": "Enabled",
            "execution_api_server_url": f"{address}/execution/",
            "simple_auth_manager_users": f"{LOGIN}:admin",
            "simple_auth_manager_passwords_file": str(home / "passwords.json"),
        },
        "database": {"sql_alchemy_conn": f"postgresql+psycopg2://postgres@/{METADATA}?host={socket}"},
        "api": {
            "host": "127.0.0.1",
            "port": str(port(AIRFLOW_PORT)),
            "base_url": address,
            "workers": "1",
            "secret_key": keep("api", "secret_key", secrets.token_urlsafe(48)),
        },
        "api_auth": {"jwt_secret": keep("api_auth", "jwt_secret", secrets.token_urlsafe(64))},
        **WAITS,
        "logging": {
            "base_log_folder": str(home / "logs"),
            "secret_mask_adapter": "usage_ledger.core.redaction.mask_adapter",
        },
    }


def _write_settings(path: Path, parser: configparser.ConfigParser) -> None:
    write_private(path, "")
    with path.open("w", encoding="utf-8") as file:
        parser.write(file)
