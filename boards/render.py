"""Boards as a person sees them: start Superset, import boards/superset, ask every chart, compare, photograph, stop.

`.venv/bin/python boards/render.py` needs the local stack's PostgreSQL, and Superset in `.venv-boards`: `make boards`.
"""

import argparse
import contextlib
import json
import secrets
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bundle import DATABASE, zip_of
from charts import FIGURES, bundle, differences, rows_of
from instance import USER, Instance, superset
from psycopg2 import sql
from sqlalchemy import Engine

from usage_ledger.airflow.credentials import local_url
from usage_ledger.console import say, table
from usage_ledger.core.errors import ConfigError, UsageLedgerError
from usage_ledger.core.project import local_folder
from usage_ledger.local.postgres import LEDGER, running_pid
from usage_ledger.warehouse.engine import transaction, warehouse_engine
from usage_ledger.warehouse.schema import READER, ensure_schema

LOGIN = "usage_boards"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--to", type=Path, help="the folder of the pictures; .local/boards if none is named")
    options.add_argument("--no-pictures", action="store_true", help="ask the charts alone: needs no Chromium")
    options.add_argument("--stay", action="store_true", help="leave Superset up until Ctrl-C, and say where it is")
    chosen = options.parse_args()
    folder = (chosen.to or local_folder() / "boards").absolute()
    try:
        render(None if chosen.no_pictures else folder, stay=chosen.stay)
    except UsageLedgerError as error:
        sys.stderr.write(f"boards: {error}\n")
        sys.exit(1)


def render(folder: Path | None, *, stay: bool = False) -> None:
    """The whole of it; pictures go to the folder. Raises `UsageLedgerError`."""
    began = time.monotonic()
    engine = warehouse()
    home = local_folder() / "boards" / "superset"
    with login(engine) as password, superset(home) as instance:
        say(f"  Superset is up after {time.monotonic() - began:.0f} s")
        put_boards(instance, password)
        compare(instance, engine)
        if folder:
            picture(instance, folder)
        if stay:
            say(f"Superset: {instance.address}/dashboard/list/  (login {USER}, password {instance.password})")
            say("Stop:     Ctrl-C")
            with contextlib.suppress(KeyboardInterrupt):
                signal.pause()
    say(f"  done and stopped after {time.monotonic() - began:.0f} s")


def warehouse() -> Engine:
    """The local stack's. Raises `ConfigError` when it does not run."""
    if running_pid() is None:
        raise ConfigError("the local stack is not running", next_step="run `make demo`, then `make boards` again")
    engine = warehouse_engine(local_url(LEDGER))
    ensure_schema(engine)
    return engine


@contextlib.contextmanager
def login(engine: Engine) -> Iterator[str]:
    """The password of a login that is a member of bi_reader and nothing else, for the time of the block."""
    password, name = secrets.token_urlsafe(18), sql.Identifier(LOGIN)
    with transaction(engine) as cursor:
        cursor.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(name))
        make = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {} IN ROLE {}")
        cursor.execute(make.format(name, sql.Literal(password), sql.Identifier(READER)))
    try:
        yield password
    finally:
        with transaction(engine) as cursor:
            cursor.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(name))


def put_boards(instance: Instance, password: str) -> None:
    """Import the bundle; its password goes beside it, as a person types it into Superset's form."""
    address = f"postgresql+psycopg2://{LOGIN}@/{LEDGER}?host={local_folder() / 'postgres'}"
    instance.send(
        "POST",
        "/api/v1/dashboard/import/",
        files={"formData": ("boards.zip", zip_of(address), "application/zip")},
        data={"passwords": json.dumps({DATABASE: password}), "overwrite": "true"},
    )


def compare(instance: Instance, engine: Engine) -> None:
    """Ask every chart for its rows, and each number for the same from SQL. Raises `ConfigError` when they differ."""
    here, files = instance.charts(), bundle("charts")
    with transaction(engine) as cursor:
        cursor.execute("SELECT DISTINCT currency FROM marts.daily_cost ORDER BY currency")
        currencies = [currency for (currency,) in cursor.fetchall()]
    shown, faults = [], []
    for stem, chart in files.items():
        ids = here[chart["slice_name"]]
        money = "currency_format" in chart["params"] or "Share without" in str(chart["params"].get("metric"))
        rows = rows_of(instance, ids["id"], ids["datasource_id"], chart)
        statement = FIGURES / f"{stem}.sql"
        figures = []
        if chart["viz_type"] == "big_number_total":
            for values in [{"currency": one} for one in currencies] if money else [{}]:
                numbers = rows_of(instance, ids["id"], ids["datasource_id"], chart, **values)
                number = next(iter(numbers[0].values())) if numbers else None
                with transaction(engine) as cursor:
                    text = statement.read_text(encoding="utf-8")
                    faults += differences(chart["slice_name"], text, cursor, number, values)
                figures.append(f"{number} {values.get('currency', '')}".strip())
        shown.append((stem, len(rows), ", ".join(figures)))
    table("Charts", ["chart", "rows", "equal to SQL over the marts"], shown)
    if faults:
        raise ConfigError("; ".join(faults))


def picture(instance: Instance, folder: Path) -> None:
    """Save a picture of each board."""
    from pictures import photograph, window

    with window(instance) as page:
        for stem, board in bundle("dashboards").items():
            path = folder / f"board-{stem}.png"
            numbers = photograph(page, instance, board["slug"], path)
            say(f"  {path}: " + ", ".join(f"{title} {text}" for title, text in numbers.items()))


if __name__ == "__main__":
    main()
