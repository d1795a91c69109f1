"""What commands cost their own process: `python benchmarks/commands.py`.

A local stack's PostgreSQL and its Airflow's metadata in a folder of their own, the stand-in for a provider, and no
warehouse named in the environment. Prints, of the fastest of some rounds: seconds of processor, seconds until the first
byte is on the screen, modules, and which large packages the command imported.
"""

import argparse
import json
import os
import pty
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from usage_ledger.local import airflow_home, postgres
from usage_ledger.local.settings import remember_environment
from usage_ledger.sandbox.app import create_app, running
from usage_ledger.sandbox.fireworks.truth import FireworksTruth

LARGE = (
    *("airflow", "great_expectations", "pandas", "scipy", "numpy", "pyarrow"),
    *("sqlalchemy", "pydantic", "httpx", "rich", "boto3", "azure", "google.auth"),
)
KEY = "fw_benchmarkOfCommands0123"
PROGRAM = """
import atexit, json, os, sys
def told():
    import resource
    used = resource.getrusage(resource.RUSAGE_SELF)
    with open(os.environ["TOLD"], "w") as file:
        json.dump([used.ru_utime + used.ru_stime, sorted(sys.modules)], file)
atexit.register(told)
from usage_ledger.cli import main
main()
"""
DATES = ("--from", "2026-10-31", "--to", "2026-11-02")
COMMANDS: dict[str, tuple[str, ...]] = {
    "--help": ("--help",),
    "run --help": ("run", "--help"),
    "status": ("status",),
    "run, three days": ("run", "acme", *DATES),
    "run again": ("run", "acme", *DATES),
    "run --strict": ("run", "acme", *DATES, "--strict"),
    "rebuild": ("rebuild", "acme"),
    "usage": ("usage", "acme", *DATES),
}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=3)
    rounds = options.parse_args().rounds
    with tempfile.TemporaryDirectory(prefix="ul") as name, site(Path(name)) as environment:
        sys.stdout.write("command            processor s  first byte s  modules  large packages\n")
        for title, words in COMMANDS.items():
            best = min((measured(words, environment) for _ in range(rounds)), key=lambda one: one["processor"])
            large = ", ".join(one for one in LARGE if one in best["names"])
            figures = "{processor:11.2f}  {first:12.2f}  {modules:7}".format(**best)
            sys.stdout.write(f"{title:17}{figures}  {large}\n")


@contextmanager
def site(folder: Path) -> Iterator[dict[str, str]]:
    """The environment of a person whose stack's database runs, with a connection `acme` to the stand-in."""
    (folder / "connections").mkdir()
    (folder / "connections" / "acme.yaml").write_text("provider: fireworks\naccount: acme\n", encoding="utf-8")
    clear = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "USAGE_"))}
    app = create_app([FireworksTruth(account="acme")], KEY, now=lambda: datetime.now(UTC))
    with running(app) as url:
        own = {
            "USAGE_LEDGER_LOCAL": str(folder / "local"),
            "USAGE_LEDGER_CONNECTIONS": str(folder / "connections"),
            "USAGE_LEDGER_RAW": str(folder / "raw"),
            "USAGE_LEDGER_ALLOWED_HOSTS": url.removeprefix("http://"),
        }
        os.environ.clear()
        os.environ.update(clear | own)
        (folder / "local").mkdir()
        remember_environment()
        postgres.start()
        try:
            airflow_home.write()
            airflow_home.migrate()
            key = json.dumps({"conn_type": "fireworks", "host": url, "password": KEY})
            yield dict(os.environ) | {"AIRFLOW_CONN_ACME": key}
        finally:
            postgres.stop()


def measured(words: tuple[str, ...], environment: dict[str, str]) -> dict[str, Any]:
    """One run of a command at a terminal."""
    with tempfile.NamedTemporaryFile() as told:
        screen, terminal = pty.openpty()
        begun = time.perf_counter()
        done = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *words],
            env=environment | {"TOLD": told.name, "COLUMNS": "160"},
            stdout=terminal,
            stderr=terminal,
        )
        os.close(terminal)
        first, text = None, b""
        while chunk := _read(screen):
            first = first or time.perf_counter() - begun
            text += chunk
        os.close(screen)
        if done.wait() != 0:
            raise SystemExit(text.decode())
        processor, names = json.loads(Path(told.name).read_bytes())
    return {"processor": processor, "first": first, "modules": len(names), "names": set(names)}


def _read(screen: int) -> bytes:
    """What is next on the screen; nothing at its end."""
    try:
        return os.read(screen, 1 << 16)
    except OSError:
        return b""


if __name__ == "__main__":
    main()
