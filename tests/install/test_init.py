"""What `usage-ledger init` finds wrong: one sentence each with what to do, and nothing is written."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from kit.command import Done, ledger_command
from sqlalchemy import Engine

from usage_ledger.airflow import dags, installation, raise_for_broken_files, versions
from usage_ledger.airflow.dag_files import DAG_FILES
from usage_ledger.core.errors import ConfigError


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, str]:
    """An Airflow whose database and key are as they should be; the settings that its configuration answers with."""
    settings = {
        "dags_folder": str(tmp_path / "dags"),
        "plugins_folder": str(tmp_path / "plugins"),
        "secret_mask_adapter": installation.MASKER,
        "executor": "LocalExecutor",
    }
    monkeypatch.setattr("airflow.configuration.conf.get", lambda _section, name, **_: settings.get(name, ""))

    @contextmanager
    def no_tables() -> Iterator[Any]:
        yield SimpleNamespace(get_bind=lambda: None)

    monkeypatch.setattr(installation, "metadata", no_tables)
    monkeypatch.setattr("sqlalchemy.inspect", lambda _bind: SimpleNamespace(has_table=lambda _name: True))
    monkeypatch.setattr("airflow.models.crypto.get_fernet", lambda: SimpleNamespace(is_encrypted=True))
    monkeypatch.setattr(installation, "ensure_pools", lambda: ["fireworks"])
    for name, file in ("USAGE_LEDGER_OWNERS", "owners.yaml"), ("USAGE_LEDGER_BUDGETS", "budgets.yaml"):
        monkeypatch.setenv(name, str(tmp_path / "include" / file))
    monkeypatch.setenv("USAGE_LEDGER_PRICES", str(tmp_path / "include" / "prices"))
    return settings


def init(engine: Engine, folder: Path, *words: str, code: int, **environment: str) -> Done:
    with ledger_command(engine, folder, **environment) as run:
        return run("init", *words, code=code)


def written(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.*") if path.is_file())


def test_what_is_not_there_is_written_once(airflow: dict[str, str], engine: Engine, tmp_path: Path) -> None:
    done = init(engine, tmp_path, code=0)
    assert "made the pools fireworks" in done.stdout
    files = ["dags/" + name for name in sorted(DAG_FILES)]
    settings = ["include/budgets.yaml", "include/owners.yaml", "include/prices/contract.yaml"]
    assert written(tmp_path) == files + settings
    assert f"wrote {tmp_path}/dags/usage_ledger.py" in done.stdout
    (tmp_path / "include/owners.yaml").write_text("teams: {}\nowners: []\n# mine\n")
    assert "wrote" not in init(engine, tmp_path, code=0).stdout
    assert "# mine" in (tmp_path / "include/owners.yaml").read_text()


def test_another_folder_gets_the_dag_files(airflow: dict[str, str], engine: Engine, tmp_path: Path) -> None:
    init(engine, tmp_path, "--dags", str(tmp_path / "repository" / "dags"), code=0)
    assert (tmp_path / "repository/dags/usage_ledger.py").is_file()
    assert not (tmp_path / "dags").exists()


def old_plugin(folder: Path) -> None:
    (folder / "plugins").mkdir()
    (folder / "plugins" / "usage_ledger_plugin.py").write_text(
        "from usage_ledger.airflow import listener\nclass UsageLedgerPlugin(AirflowPlugin): ...\n"
    )


WRONG = {
    "an Airflow that is too old": ("Airflow 3.1.8", "install apache-airflow 3.2 or newer"),
    "an Airflow that is too new": ("Airflow 4.0.0", "older than 4"),
    "a plugin that is loaded twice": ("usage_ledger_plugin.py", "delete that file"),
    "a Dags folder that is a file": ("cannot be written", "usage-ledger init --dags"),
    "a metadata database without tables": ("is empty", "airflow db migrate"),
    "an empty Fernet key": ("stored in clear", "AIRFLOW__CORE__FERNET_KEY"),
    "a warehouse that is down": ("does not answer", "check that the database"),
    "a warehouse role without rights": ("may not create schemas", "GRANT CREATE ON DATABASE"),
    "raw storage that is no place": ("names no place", "set an absolute path"),
    "raw storage that cannot be written": ("cannot be used", "let this user write in the folder"),
    "raw storage without its extra": ("of the extra `abfs`", "pip install"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_one_sentence_and_nothing_is_written(
    what: str, airflow: dict[str, str], engine: Engine, administer: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environment = {}
    match what:
        case "an Airflow that is too old":
            monkeypatch.setattr(versions, "version", lambda _name: "3.1.8")
        case "an Airflow that is too new":
            monkeypatch.setattr(versions, "version", lambda _name: "4.0.0")
        case "a plugin that is loaded twice":
            old_plugin(tmp_path)
        case "a Dags folder that is a file":
            (tmp_path / "dags").write_text("")
        case "a metadata database without tables":
            monkeypatch.setattr("sqlalchemy.inspect", lambda _bind: SimpleNamespace(has_table=lambda _name: False))
        case "an empty Fernet key":
            monkeypatch.setattr("airflow.models.crypto.get_fernet", lambda: SimpleNamespace(is_encrypted=False))
        case "a warehouse that is down":
            environment["AIRFLOW_CONN_USAGE_WAREHOUSE"] = "postgres://a:b@127.0.0.1:1/x"
        case "a warehouse role without rights":
            administer("CREATE ROLE guest_of_init LOGIN")
            place = f"{engine.url.database}?host={engine.url.query['host']}"
            administer(f"CREATE DATABASE other_{engine.url.database}")
            environment["AIRFLOW_CONN_USAGE_WAREHOUSE"] = f"postgres://guest_of_init@/other_{place}"
        case "raw storage that is no place":
            environment["USAGE_LEDGER_RAW"] = "relative/folder"
        case "raw storage that cannot be written":
            (tmp_path / "a_file").write_text("")
            environment["USAGE_LEDGER_RAW"] = str(tmp_path / "a_file" / "raw")
        case "raw storage without its extra":
            environment["USAGE_LEDGER_RAW"] = "abfs://container/raw"
    before = written(tmp_path)

    done = init(engine, tmp_path, code=1, **environment)

    said, to_do = WRONG[what]
    shown = " ".join((done.stdout + done.stderr).split())
    assert said in shown and to_do in shown
    assert written(tmp_path) == before
    assert len(done.stderr.splitlines()) == 1


def test_machines_apart_are_told_what_they_must_share(
    airflow: dict[str, str], engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    airflow |= {"executor": "CeleryExecutor", "secret_mask_adapter": ""}
    shown = init(engine, tmp_path, code=0, USAGE_LEDGER_RAW="").stdout
    assert "USAGE_LEDGER_RAW" in shown and "USAGE_LEDGER_PSEUDONYM_KEY" in shown and installation.MASKER in shown


@pytest.mark.parametrize("build", [dags, raise_for_broken_files])
@pytest.mark.parametrize("found", ["3.1.8", "4.0.0"])
def test_a_dag_file_says_which_airflow_it_needs(build: Any, found: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "version", lambda _name: found)
    with pytest.raises(ConfigError, match=rf"does not work with Airflow {found}.*3\.2 or newer"):
        build()


def test_the_range_of_releases_is_that_of_the_package() -> None:
    [needed] = [one for one in metadata.requires("usage-ledger") or [] if one.startswith("apache-airflow<")]
    first, last = (".".join(map(str, one)) for one in (versions.FIRST, versions.NEXT_MAJOR[:1]))
    assert needed == f"apache-airflow<{last},>={first}"
