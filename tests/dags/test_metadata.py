"""Connections read from Airflow's metadata database without Airflow: the same answers as Airflow's own."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import make_url

from usage_ledger.airflow.incomplete import incomplete_connections
from usage_ledger.airflow.metadata import AskAirflow, Stored, read_connection
from usage_ledger.core.errors import CannotDecrypt
from usage_ledger.providers import PROVIDERS

KEY, OLD_KEY, FOREIGN_KEY = (Fernet.generate_key().decode() for _ in range(3))
PASSWORD = "fw_50%-of+/=%\"'&ü"
EXTRA = {"account": "acme", "setting": 'a "quoted" one', "number": 1}
WHOLE = Stored("fireworks", "https://api.fireworks.ai", "someone", PASSWORD, 443, "usage", EXTRA)

STORE = """
import json, os, sys
from airflow.models import Base, Connection, Pool
from airflow.models.crypto import get_fernet
from airflow.settings import engine
from airflow.utils.session import create_session
Base.metadata.create_all(engine, [Base.metadata.tables[name] for name in ("team", "connection", "slot_pool")])
for conn_id, (key, values) in json.loads(sys.argv[1]).items():
    os.environ["AIRFLOW__CORE__FERNET_KEY"] = key
    get_fernet.cache_clear()
    with create_session() as session:
        session.add(Connection(conn_id=conn_id, **values))
with create_session() as session:
    session.add(Pool(pool="fireworks", slots=1, include_deferred=False))
    session.add(Pool(pool="openai", slots=0, include_deferred=False))
"""
ASK = """
import dataclasses, json, sys
from usage_ledger.airflow.credentials import find
from usage_ledger.airflow.store import missing_pools
from usage_ledger.core.errors import UsageLedgerError
def answer(ask, *arguments):
    try:
        result = ask(*arguments)
    except UsageLedgerError as error:
        return [type(error).__name__, str(error)]
    return dataclasses.asdict(result) if dataclasses.is_dataclass(result) else result
answers = {name: answer(find, name) for name in sys.argv[1:]} | {"pools": answer(missing_pools)}
print(json.dumps([answers, any(name.partition(".")[0] == "airflow" for name in sys.modules)]))
"""


def run(home: Path, script: str, *arguments: str, **settings: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    environment |= {"AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False", **settings}
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def both_ways(home: Path, *names: str, **settings: str) -> dict[str, Any]:
    """The answers without Airflow, once Airflow has given the same; `AIRFLOW_CONFIG` makes that the way."""
    of_airflow, imported = json.loads(run(home, ASK, *names, AIRFLOW_CONFIG=str(home / "airflow.cfg"), **settings))
    assert imported
    answers, imported = json.loads(run(home, ASK, *names, **settings))
    assert not imported
    assert answers == of_airflow
    return dict(answers)


def write_home(folder: Path, address: str, key: str = KEY) -> Path:
    folder.mkdir(exist_ok=True)
    escaped = address.replace("%", "%%")
    text = f"[core]\nfernet_key = {key}\n[database]\nsql_alchemy_conn = {escaped}\n"
    (folder / "airflow.cfg").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def address(server: Any, administer: Callable[[str], None]) -> Iterator[str]:
    name = f"airflow_{uuid.uuid4().hex}"
    administer(f"CREATE DATABASE {name}")
    url = make_url(server.get_uri(name))
    yield f"postgresql+psycopg2://{url.username}@/{name}?host={quote(str(url.query['host']))}"
    administer(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def home(address: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Airflow's home, and a database with what Airflow itself stored."""
    home = write_home(tmp_path_factory.mktemp("home"), address, f"{KEY},{OLD_KEY}")
    short = {"conn_type": "fireworks", "password": PASSWORD, "extra": '{"a": 1}'}
    whole = {"host": WHOLE.host, "login": "someone", "port": 443, "schema": "usage", "extra": json.dumps(EXTRA)}
    connections = {
        "whole": (KEY, short | whole),
        "bare": (KEY, {"conn_type": "postgres"}),
        "older": (OLD_KEY, short),
        "foreign": (FOREIGN_KEY, short),
        "clear": ("", short),
    }
    run(home, STORE, json.dumps(connections))
    return home


@pytest.fixture
def here(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home, of this process."""
    for name in [name for name in os.environ if name.startswith("AIRFLOW")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AIRFLOW_HOME", str(home))
    return home


def test_the_answers_are_airflows_own_and_airflow_is_not_imported(home: Path) -> None:
    answers = both_ways(home, "whole", "bare", "older", "clear", "absent", "foreign")
    assert Stored(**answers["whole"]) == WHOLE
    assert Stored(**answers["bare"]) == Stored("postgres")
    assert Stored(**answers["older"]) == Stored(**answers["clear"])
    assert answers["older"]["password"] == PASSWORD
    assert answers["absent"] is None
    kind, text = answers["foreign"]
    assert kind == "CannotDecrypt"
    assert PASSWORD not in text
    assert answers["pools"] == sorted({"default_pool", *PROVIDERS} - {"fireworks"})


def test_a_key_of_the_environment_comes_before_those_of_the_file(home: Path) -> None:
    answers = both_ways(home, "whole", "foreign", "clear", AIRFLOW__CORE__FERNET_KEY=FOREIGN_KEY)
    assert (answers["whole"][0], answers["foreign"]["password"]) == ("CannotDecrypt", PASSWORD)
    answers = both_ways(home, "whole", "clear", AIRFLOW__CORE__FERNET_KEY="")
    assert (answers["whole"][0], answers["clear"]["password"]) == ("CannotDecrypt", PASSWORD)


def test_a_database_that_does_not_answer_is_named_as_airflow_names_it(tmp_path: Path) -> None:
    gone = write_home(tmp_path / "gone", f"postgresql+psycopg2://postgres@/airflow?host={quote(str(tmp_path))}")
    answers, imported = json.loads(run(gone, ASK, "whole"))
    assert imported
    assert answers["whole"][0] == answers["pools"][0] == "ConfigError"
    assert "metadata database does not answer" in answers["whole"][1]


def test_this_home_is_read(here: Path) -> None:
    assert read_connection("whole") == WHOLE
    with pytest.raises(CannotDecrypt):
        read_connection("foreign")


def test_the_form_stores_the_port_that_it_tests_with(home: Path) -> None:
    """Airflow refuses to test a stored connection with another port, and the form sends 0 for a hidden one."""
    script = """
import json, sys
from airflow.models import Connection
from airflow.utils.session import create_session
from usage_ledger.airflow.store import keep_ports
keep_ports()
rows = {"ours": ("openai", None), "chosen": ("openai", 443), "theirs": ("postgres", None)}
with create_session() as session:
    session.add_all(Connection(conn_id=name, conn_type=kind, port=port) for name, (kind, port) in rows.items())
with create_session() as session:
    ours = Connection.conn_id.in_(rows)  # another row's key cannot be decrypted
    print(json.dumps(dict(tuple(row) for row in session.query(Connection.conn_id, Connection.port).filter(ours))))
    session.query(Connection).filter(ours).delete(synchronize_session=False)
"""
    # Airflow 3.2 writes its log to standard output too.
    assert json.loads(run(home, script).splitlines()[-1]) == {"ours": 0, "chosen": 443, "theirs": None}


def test_keys_without_a_file_are_incomplete(here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of our types alone, and none that another connection asks with."""
    monkeypatch.setenv("USAGE_LEDGER_CONNECTIONS", str(tmp_path))
    (tmp_path / "older.yaml").write_text("provider: fireworks\naccount: acme\n", encoding="utf-8")
    (tmp_path / "other.yaml").write_text("provider: fireworks\naccount: b\ncredential: clear\n", encoding="utf-8")
    found = incomplete_connections()
    assert found == [("foreign", "fireworks"), ("whole", "fireworks")]
    assert str(tmp_path / "foreign.yaml") in found[0].sentence
    assert "usage-ledger connect fireworks foreign" in found[0].sentence
    monkeypatch.setenv("AIRFLOW_CONFIG", "/elsewhere.cfg")  # which Airflow alone reads
    assert incomplete_connections() == []


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("AIRFLOW_CONFIG", "/elsewhere.cfg"),
        ("AIRFLOW_HOME", ""),
        ("AIRFLOW_HOME", "/nowhere"),
        ("AIRFLOW__CORE__FERNET_KEY", "$FROM_ANOTHER_VARIABLE"),
        ("AIRFLOW__CORE__FERNET_KEY_CMD", "cat key"),
        ("AIRFLOW__CORE__FERNET_KEY_SECRET", "key"),
        ("AIRFLOW__CORE__MULTI_TEAM", "True"),
        ("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "sqlite:////tmp/airflow.db"),
        ("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "no address"),
        ("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", ""),
        ("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_CMD", "cat address"),
        ("AIRFLOW__DATABASE__SQL_ALCHEMY_CONNECT_ARGS", "my.module.arguments"),
        ("AIRFLOW__DATABASE__SQL_ALCHEMY_SCHEMA", "airflow"),
        ("AIRFLOW__SECRETS__BACKEND", "airflow.secrets.local_filesystem.LocalFilesystemBackend"),
    ],
)
def test_what_only_airflow_can_read_is_left_to_it(
    here: Path, monkeypatch: pytest.MonkeyPatch, setting: str, value: str
) -> None:
    monkeypatch.setenv(setting, value)
    with pytest.raises(AskAirflow):
        read_connection("whole")


@pytest.mark.parametrize(
    ("line", "instead"),
    [
        ("[database]\n", "[secrets]\nbackend = airflow.secrets.local_filesystem.LocalFilesystemBackend\n[database]\n"),
        ("[database]\n", "[secrets]\nbackend = %(absent)s\n[database]\n"),
        ("[database]\n", "[database\n"),
        ("fernet_key =", "fernet_key_cmd = cat"),
        ("fernet_key =", "other ="),  # then Airflow makes one
    ],
)
def test_a_file_that_only_airflow_can_read_is_left_to_it(
    here: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, line: str, instead: str
) -> None:
    text = (here / "airflow.cfg").read_text(encoding="utf-8")
    assert line in text
    (tmp_path / "airflow.cfg").write_text(text.replace(line, instead), encoding="utf-8")
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    with pytest.raises(AskAirflow):
        read_connection("whole")
