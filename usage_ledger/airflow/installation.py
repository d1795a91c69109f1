"""Puts the package into an Airflow that is there: looks at everything first, and writes where nothing is missing."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from usage_ledger.airflow.credentials import WAREHOUSE, metadata, quiet_airflow, warehouse_url
from usage_ledger.airflow.dag_files import DAG_FILES, dag_files_there, plugin_copies
from usage_ledger.airflow.store import ensure_pools
from usage_ledger.airflow.versions import has_retry_policy, require_airflow_version
from usage_ledger.core.errors import ConfigError, UsageLedgerError
from usage_ledger.core.project import TEMPLATES, budgets_file, connections_folder, owners_file, prices_folder
from usage_ledger.core.pseudonym import SETTING as KEY_SETTING
from usage_ledger.storage.probe import probe
from usage_ledger.storage.root import SETTING as RAW
from usage_ledger.storage.root import raw_root
from usage_ledger.warehouse.engine import transaction, warehouse_engine
from usage_ledger.warehouse.sql import statement

MASKER = "usage_ledger.core.redaction.mask_adapter"
OLDEST_SERVER = 15


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of one thing. With a `next_step` a person must act, before anything is written if it `blocks`."""

    thing: str
    what: str
    next_step: str = ""
    blocks: bool = True

    @property
    def state(self) -> str:
        if not self.next_step:
            return "ok"
        return "missing" if self.blocks else "advice"


def inspect(dags: Path) -> Iterator[Finding]:
    """A finding for each thing that the package needs of its Airflow. Writes nothing but, for a moment, one object in
    raw storage.

    `dags` is the folder that the Dag files are for.
    """
    yield from _finding_of("Airflow", _airflow)
    yield from _finding_of("Dag files", lambda: _dags_folder(dags))
    yield from _finding_of("plugin", _plugin)
    yield from _finding_of("connections", _connections)
    [answers] = _finding_of("metadata", _metadata)
    yield answers
    if answers.state == "ok":  # before, Airflow may have written its first configuration only just now
        yield from _finding_of("Fernet key", _fernet_key)
    yield from _finding_of("warehouse", _warehouse)
    yield from _finding_of("raw storage", _raw_storage)
    yield from _advice()


def install(dags: Path) -> list[str]:
    """Write what is not there yet: Dag files, folders and files of settings, pools. Returns a sentence for each.

    Raises `ConfigError` for a place that cannot be written.
    """
    done = [] if dag_files_there(dags) else [_write(dags / name, text) for name, text in DAG_FILES.items()]
    folder = connections_folder()
    if not folder.is_dir():
        _make(folder)
        done.append(f"made {folder}")
    files = {"owners.yaml": owners_file(), "budgets.yaml": budgets_file()}
    files["prices/contract.yaml"] = prices_folder() / "contract.yaml"
    done += [
        _write(path, (TEMPLATES / name).read_text(encoding="utf-8"))
        for name, path in files.items()
        if not path.exists()
    ]
    if pools := ensure_pools():
        done.append(f"made the pools {', '.join(pools)}")
    return done


def dags_folder() -> Path:
    """Airflow's own Dags folder."""
    quiet_airflow()
    from airflow.configuration import conf

    return Path(conf.get("core", "dags_folder"))


def _finding_of(thing: str, look: Callable[[], str]) -> Iterator[Finding]:
    try:
        yield Finding(thing, look())
    except UsageLedgerError as error:
        yield Finding(thing, error.what, error.next_step or error.remedy)


def _airflow() -> str:
    release = require_airflow_version()
    return release if has_retry_policy() else f"{release}, which has no retry policies: waits are those of the tasks"


def _dags_folder(dags: Path) -> str:
    if there := dag_files_there(dags):
        return f"{', '.join(there)} of {dags}"
    _require_writable(dags, "put the two files there by your deployment: `usage-ledger init --dags FOLDER` writes them")
    return f"{dags} can be written"


def _plugin() -> str:
    from importlib.metadata import entry_points

    quiet_airflow()
    from airflow.configuration import conf

    registered = list(entry_points(group="airflow.plugins", name="usage_ledger"))
    if not registered:
        raise ConfigError("its entry point is not registered", next_step="install usage-ledger with pip again")
    if copies := plugin_copies(Path(conf.get("core", "plugins_folder"))):
        raise ConfigError(
            f"the plugin would be loaded twice: it registers by itself, and by {', '.join(copies)}",
            next_step="delete that file",
        )
    return "registers by its entry point"


def _connections() -> str:
    folder = connections_folder()
    _require_writable(folder, "make it writable, or set USAGE_LEDGER_CONNECTIONS to a folder that is")
    return str(folder)


def _metadata() -> str:
    quiet_airflow()
    from sqlalchemy import inspect as schema_of

    with metadata() as session:
        migrated = schema_of(session.get_bind()).has_table("slot_pool")
    if not migrated:
        raise ConfigError("Airflow's metadata database is empty", next_step="run `airflow db migrate`")
    return "the metadata database answers"


def _fernet_key() -> str:
    from airflow.models.crypto import get_fernet

    if not get_fernet().is_encrypted:
        raise ConfigError(
            "it is empty, so keys would be stored in clear",
            next_step="set AIRFLOW__CORE__FERNET_KEY to the output of"
            " `python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'`",
        )
    return "keys are stored encrypted"


def _warehouse() -> str:
    engine = warehouse_engine(warehouse_url())
    try:
        with transaction(engine) as cursor:
            cursor.execute(statement("schema/server"))
            [(version, may_make_schemas)] = cursor.fetchall()
    finally:
        engine.dispose()
    where = f"{engine.url.host or 'local socket'}, database {engine.url.database}"
    if version < OLDEST_SERVER * 10_000:
        raise ConfigError(
            f"{where} is PostgreSQL {version // 10_000}", next_step=f"use PostgreSQL {OLDEST_SERVER} or newer"
        )
    if not may_make_schemas:
        raise ConfigError(
            f"{where}: the role {engine.url.username} may not create schemas",
            next_step=f'run `GRANT CREATE ON DATABASE "{engine.url.database}" TO "{engine.url.username}"`',
        )
    return f"PostgreSQL {version // 10_000} at {where}"


def _raw_storage() -> str:
    root = raw_root()
    probe(root)
    return f"{root} can be written"


def _advice() -> Iterator[Finding]:
    """What works without, but should be known before the first run."""
    from airflow.configuration import conf

    if conf.get("logging", "secret_mask_adapter", fallback="") != MASKER:
        yield Finding(
            "masking",
            "Airflow masks keys as they are, and not their encodings",
            f"export AIRFLOW__LOGGING__SECRET_MASK_ADAPTER={MASKER}",
            blocks=False,
        )
    if "Local" in (executor := conf.get("core", "executor")):
        return
    for setting, holds in ((RAW, "raw storage"), (KEY_SETTING, "the key of pseudonyms")):
        if not os.environ.get(setting):
            yield Finding(
                setting,
                f"tasks run by {executor}, and {holds} is a file of each machine",
                f"export {setting}=… wherever tasks run, with one value for all",
                blocks=False,
            )
    if not os.environ.get(f"AIRFLOW_CONN_{WAREHOUSE.upper()}"):
        yield Finding(
            WAREHOUSE,
            "each task asks Airflow for it",
            f"export AIRFLOW_CONN_{WAREHOUSE.upper()}=… where tasks run saves a request",
            blocks=False,
        )


def _require_writable(folder: Path, next_step: str) -> None:
    """Raises `ConfigError` unless files can be made in the folder, or the folder can be made. Writes nothing."""
    nearest = folder
    while not nearest.exists() and nearest != nearest.parent:
        nearest = nearest.parent
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK) or _is_read_only(nearest):
        raise ConfigError(f"the folder {folder} cannot be written", next_step=next_step)


def _is_read_only(folder: Path) -> bool:
    """Whether the file system is: the superuser has every right, and may not write there all the same."""
    return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"the folder {folder} cannot be made: {error.strerror}") from None


def _write(path: Path, text: str) -> str:
    _make(path.parent)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from None
    return f"wrote {path}"
