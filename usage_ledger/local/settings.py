"""Where the local stack lives, its ports, and the environment its processes get."""

import json
import os
import sys
from pathlib import Path

from usage_ledger.core.errors import ConfigError
from usage_ledger.core.project import CHECKOUT, connections_folder, home, local_folder
from usage_ledger.http.address import allowed_hosts
from usage_ledger.storage.objects import FOLDERS

AIRFLOW_PORT = ("USAGE_LEDGER_AIRFLOW_PORT", 8080)
SANDBOX_PORT = ("USAGE_LEDGER_SANDBOX_PORT", 8600)
WAREHOUSE_PORT = "USAGE_LEDGER_WAREHOUSE_PORT"
LOGIN = "admin"


def port(setting: tuple[str, int]) -> int:
    """A port from its environment variable, else as the stack last had it, else its default. Raises `ConfigError`."""
    name, default = setting
    value = os.environ.get(name) or _remembered().get(name) or str(default)
    if not value.isascii() or not value.isdigit() or not 0 < int(value) < 65536:
        raise ConfigError(f"{name} is {value!r}, which is no port", next_step=f"set it to a number, such as {default}")
    return int(value)


def warehouse_port() -> int | None:
    """The port at which BI tools of this machine reach the embedded PostgreSQL; None when it has its socket alone.

    Remembered as other ports are; 0 closes it again. Raises `ConfigError`.
    """
    value = os.environ.get(WAREHOUSE_PORT) or _remembered().get(WAREHOUSE_PORT) or "0"
    return None if value == "0" else port((WAREHOUSE_PORT, 5433))


def airflow_home() -> Path:
    return local_folder() / "airflow"


def postgres_folder() -> Path:
    return local_folder() / "postgres"


def write_private(path: Path, text: str) -> None:
    """A file that only its owner can read, from its first byte on."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    path.chmod(0o600)


def program(name: str) -> str:
    """An executable of the environment that this runs in."""
    return str(Path(sys.executable).parent / name)


def stack_environment() -> dict[str, str]:
    """What the stack's processes see beyond the caller's environment."""
    own, folder = f"127.0.0.1:{port(SANDBOX_PORT)}", str(local_folder() / "sandbox")
    owners = os.environ.get("USAGE_LEDGER_OWNERS") or str(local_folder() / "owners.yaml")
    folders = [one for one in os.environ.get(FOLDERS, "").split(":") if one and one != folder]
    return {
        "AIRFLOW_HOME": str(airflow_home()),
        "USAGE_LEDGER_LOCAL": str(local_folder()),
        "USAGE_LEDGER_CONNECTIONS": str(connections_folder().absolute()),
        "USAGE_LEDGER_ALLOWED_HOSTS": ",".join(sorted(allowed_hosts() | {own})),
        FOLDERS: ":".join([*folders, folder]),  # the sandbox writes stores there
        AIRFLOW_PORT[0]: str(port(AIRFLOW_PORT)),
        SANDBOX_PORT[0]: str(port(SANDBOX_PORT)),
        WAREHOUSE_PORT: str(warehouse_port() or 0),
        **({"USAGE_LEDGER_OWNERS": owners} if Path(owners).is_file() else {}),  # the demo has one of its own
    }


def remember_environment() -> None:
    """Keep the stack's environment for commands of other shells."""
    path = local_folder() / "environment.json"
    path.write_text(json.dumps(stack_environment(), indent=1), encoding="utf-8")


def adopt_environment() -> None:
    """Where no other Airflow home is set, speak with the local stack's: same home, hosts and connections.

    Outside a checkout there is no local stack, and Airflow's home is its own default.
    """
    if not CHECKOUT:
        os.environ.setdefault("AIRFLOW_HOME", str(home()))
    elif os.environ.get("AIRFLOW_HOME", str(airflow_home())) == str(airflow_home()):
        for name, value in _remembered().items():
            os.environ.setdefault(name, value)


def _remembered() -> dict[str, str]:
    path = local_folder() / "environment.json"
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}
