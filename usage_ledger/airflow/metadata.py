"""Reads Airflow's metadata database without importing Airflow, whose import costs a command more than its work.

Only where the answer is certain to be Airflow's own: a PostgreSQL whose address and Fernet key stand in `airflow.cfg`
or in the environment, without a secrets backend that would be asked first. All else raises `AskAirflow`.
"""

import contextlib
import json
import os
from collections.abc import Collection
from configparser import ConfigParser
from configparser import Error as ConfigParserError
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg2
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from usage_ledger.core.errors import CannotDecrypt

DRIVERS = ("postgresql", "postgresql+psycopg2")
CONNECTION = """
SELECT conn_type, host, login, password, is_encrypted, port, schema, extra, is_extra_encrypted
FROM connection
WHERE conn_id = %(connection_id)s AND team_name IS NULL
"""
KEYS = "SELECT conn_id, conn_type FROM connection WHERE conn_type = ANY(%(types)s) ORDER BY conn_id"
POOLS = "SELECT pool FROM slot_pool WHERE slots <> 0"


class AskAirflow(Exception):
    """The configuration, the database or a row is of a kind that Airflow alone reads, or explains."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A connection as stored; `password` is not shown."""

    conn_type: str
    host: str | None = None
    login: str | None = None
    password: str | None = field(default=None, repr=False)
    port: int | None = None
    schema: str | None = None
    extra: dict[str, Any] = field(default_factory=dict, repr=False)


def read_connection(connection_id: str) -> Stored | None:
    """A connection of the metadata database, decrypted; None when it has none.

    Raises `AskAirflow`, and `CannotDecrypt` when no Fernet key of the configuration fits.
    """
    settings = _configuration()
    keys = _setting(settings, "core", "fernet_key")
    if keys is None:
        raise AskAirflow
    rows = _read(settings, CONNECTION, {"connection_id": connection_id})
    if not rows:
        return None
    [(conn_type, host, login, password, is_encrypted, port, schema, extra, is_extra_encrypted)] = rows
    try:
        password = _decrypt(password, keys) if is_encrypted else password
        extra = _decrypt(extra, keys) if is_extra_encrypted else extra
    except ValueError:
        raise CannotDecrypt("the stored key cannot be decrypted", connection=connection_id) from None
    return Stored(conn_type, host, login, password, port, schema, _parse_extra(extra))


def read_pools() -> set[str]:
    """The names of the pools that have slots. Raises `AskAirflow`."""
    return {name for (name,) in _read(_configuration(), POOLS, {})}


def read_keys(types: Collection[str]) -> list[tuple[str, str]]:
    """The id and type of every stored connection of these types, by id. Raises `AskAirflow`."""
    return [(str(name), str(kind)) for name, kind in _read(_configuration(), KEYS, {"types": list(types)})]


def _configuration() -> ConfigParser:
    """Airflow's configuration file, where no setting names another source of connections."""
    path = Path(os.environ.get("AIRFLOW_HOME", ""), "airflow.cfg")
    if not os.environ.get("AIRFLOW_HOME") or "AIRFLOW_CONFIG" in os.environ:
        raise AskAirflow
    settings = ConfigParser()
    try:
        if not settings.read(path, encoding="utf-8"):
            raise AskAirflow
    except (OSError, ValueError, ConfigParserError):
        raise AskAirflow from None
    multi_team = _setting(settings, "core", "multi_team") or "False"
    elsewhere = ("secrets", "backend"), ("database", "sql_alchemy_connect_args"), ("database", "sql_alchemy_schema")
    if multi_team.lower() != "false" or any(_setting(settings, section, name) for section, name in elsewhere):
        raise AskAirflow
    return settings


def _setting(settings: ConfigParser, section: str, name: str) -> str | None:
    """A setting from the environment, else from the file; None without one.

    Raises `AskAirflow` for a value that a command, a secrets backend or another variable gives.
    """
    variable = f"AIRFLOW__{section}__{name}".upper()
    for source in ("_cmd", "_secret"):
        if variable + source.upper() in os.environ or settings.has_option(section, name + source):
            raise AskAirflow
    try:
        value = os.environ.get(variable, settings.get(section, name, fallback=None))
    except ConfigParserError:
        raise AskAirflow from None
    if value and ("$" in value or value.startswith("~")):
        raise AskAirflow
    return value


def _read(settings: ConfigParser, statement: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    """The rows of a statement; where the database does not answer, Airflow is asked, and says why."""
    try:
        url = make_url(_setting(settings, "database", "sql_alchemy_conn") or "")
    except (ArgumentError, ValueError):
        raise AskAirflow from None
    if url.drivername not in DRIVERS:
        raise AskAirflow
    arguments, options = url.get_dialect()().create_connect_args(url)
    options.setdefault("connect_timeout", 10)
    try:
        with contextlib.closing(psycopg2.connect(*arguments, **options)) as connection, connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return list(cursor.fetchall())
    except psycopg2.Error:
        raise AskAirflow from None


def _decrypt(text: str | None, keys: str) -> str | None:
    """A text in clear, as one of the keys between commas decrypts it. Raises `ValueError` when none does."""
    from cryptography.fernet import Fernet, InvalidToken, MultiFernet

    if not text:
        return text
    try:
        return MultiFernet([Fernet(key) for key in keys.split(",")]).decrypt(text).decode()
    except InvalidToken:
        raise ValueError("no key fits") from None


def _parse_extra(extra: str | None) -> dict[str, Any]:
    try:
        document = json.loads(extra) if extra else {}
    except ValueError:
        raise AskAirflow from None
    if not isinstance(document, dict):
        raise AskAirflow
    return document
