"""Runs the four steps in processes of their own, which may be killed at any time.

`Nursery` is a process that has everything imported and forks a child for each errand in a few milliseconds; to
import Great Expectations takes seconds.
"""

import contextlib
import gc
import itertools
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Self

from kit.cluster import start_cluster

TESTS = Path(__file__).parent
NOW = datetime(2026, 11, 20, 13, 7, tzinfo=UTC)
KEY = "fw_the-one-that-opens"
DONE, FAILED, HELD, UNEXPECTED = 0, 1, 3, 70
"""How a child ends that is not killed; UNEXPECTED: by an error that is none of the product's."""


@dataclass(frozen=True, kw_only=True)
class Errand:
    """A run of one connection over dates, both included, and what is done to the process that makes it."""

    database: str
    """The engine's URL."""
    url: str
    """Where the provider is."""
    root: str
    name: str
    """The connection's id, and its account."""
    first: str
    last: str
    timezone: str = "UTC"
    crash_at: str = ""
    later: float = 0
    """How many seconds the child's clock is ahead."""
    gate: str = ""
    """A file; the child begins once it is there."""
    spare_memory: int = 0
    """Bytes of address space that the child may take beyond what it has."""
    expectations: bool = True
    """False: without Great Expectations, nine tenths of a small run's time, which touches no file and no warehouse."""
    polite: bool = False
    """The child ends itself tidily on SIGTERM, as the command does."""


@dataclass(frozen=True)
class Ended:
    """How a child ended: its exit code or less than zero a signal, and what its run reports."""

    code: int
    states: list[str] = field(default_factory=list)
    """Of each load that came to its end."""
    failures: list[str] = field(default_factory=list)
    """The class of each error of the product."""
    unexpected: str = ""

    @property
    def killed(self) -> bool:
        return self.code == -signal.SIGKILL


class Nursery:
    """Forks children for errands. Ends what it started."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "CRASH"))}
        self._process = subprocess.Popen(
            [sys.executable, str(TESTS / "doomed.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment | {"PYTHONPATH": f"{TESTS.parent}{os.pathsep}{TESTS}"},
            text=True,
        )
        self._numbers = itertools.count()
        self._one_at_a_time = threading.Lock()
        self._running: set[int] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for pid in list(self._running):
            self.kill(pid)
            with contextlib.suppress(AssertionError):
                self.wait(pid, 10)
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(20)
        assert self._process.stdout
        self._process.stdout.close()

    def start(self, errand: Errand) -> int:
        """The child's process id."""
        report = self._folder / f"report-{next(self._numbers)}"
        pid = int(self._ask({"errand": asdict(errand), "report": str(report)}))
        self._running.add(pid)
        return pid

    def kill(self, pid: int, by: signal.Signals = signal.SIGKILL) -> None:
        """A child that ended meanwhile is still there until `wait`."""
        os.kill(pid, by)

    def wait(self, pid: int, seconds: float = 60) -> Ended:
        """How the child ended; one that did not within the time is killed, and that is an error."""
        until = time.monotonic() + seconds
        while not (answer := self._ask({"wait": pid})):
            if time.monotonic() > until:
                os.kill(pid, signal.SIGKILL)
                raise AssertionError(f"a child did not end within {seconds} seconds")
            time.sleep(0.004)
        self._running.discard(pid)
        report = Path(answer["report"])
        text = report.read_text(encoding="utf-8") if report.exists() else "{}"
        report.unlink(missing_ok=True)
        return Ended(answer["code"], **json.loads(text))

    def run(self, errand: Errand, seconds: float = 60) -> Ended:
        return self.wait(self.start(errand), seconds)

    def _ask(self, command: dict[str, Any]) -> Any:
        assert self._process.stdin
        assert self._process.stdout
        with self._one_at_a_time:
            self._process.stdin.write(json.dumps(command) + "\n")
            self._process.stdin.flush()
            assert select.select([self._process.stdout], [], [], 60)[0], "the process that forks the children hangs"
            line = self._process.stdout.readline()
        assert line, "the process that forks the children ended"
        return json.loads(line)


@contextmanager
def own_server(folder: Path) -> Iterator[Any]:
    """A PostgreSQL server that a test may crash, in a folder whose name is short."""
    running = start_cluster(folder)
    try:
        yield running
    finally:
        running.ensure_postgres_running()  # where a test left it stopped
        running.cleanup()


def restart(server: Any, by: signal.Signals) -> None:
    """Stop the server, SIGINT fast or SIGQUIT immediately, and start it again."""
    import psutil

    process = psutil.Process(server.get_pid())
    process.send_signal(by)
    with contextlib.suppress(psutil.NoSuchProcess):
        process.wait(30)
    for again in range(10):
        try:
            server.ensure_postgres_running()
            return
        except Exception:
            if again == 9:
                raise
            time.sleep(3)  # a server that recovers takes its time on a busy machine


def backends(query: Callable[..., list[tuple[Any, ...]]]) -> list[int]:
    """The processes that serve the server's clients."""
    return [pid for (pid,) in query("SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'")]


def crash_server(backend: int, query: Callable[..., list[tuple[Any, ...]]]) -> None:
    """Kill one of the server's processes, and wait until it has ended all others, as it must: then it recovers."""
    import psutil

    others = backends(query)
    with contextlib.suppress(ProcessLookupError):
        os.kill(backend, signal.SIGKILL)
        until = time.monotonic() + 30
        while any(map(psutil.pid_exists, others)):
            assert time.monotonic() < until, "the server did not notice"
            time.sleep(0.01)


# The nursery's own process


def serve() -> None:
    """Reads commands from standard input, one a line, until it is closed."""
    _prepare()
    reports: dict[int, str] = {}
    for line in sys.stdin:
        command, answer = json.loads(line), None
        if "wait" in command:
            pid, status = os.waitpid(command["wait"], os.WNOHANG)
            answer = {"code": os.waitstatus_to_exitcode(status), "report": reports.pop(pid)} if pid else None
        else:
            answer = os.fork()
            if answer == 0:
                _end(Errand(**command["errand"]), Path(command["report"]))
            reports[answer] = command["report"]
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _prepare() -> None:
    """Import and warm up what every child needs; no thread may be left running."""
    import logging

    logging.disable(logging.CRITICAL)
    import h2.connection  # noqa: F401
    import httpcore  # noqa: F401

    import usage_ledger.pipeline.load
    import usage_ledger.pipeline.transform
    import usage_ledger.pipeline.validate  # noqa: F401
    from usage_ledger.contracts.registry import arrow_schema, contract
    from usage_ledger.http import transport
    from usage_ledger.http.auth import Credential
    from usage_ledger.http.client import Client
    from usage_ledger.providers.fireworks import FIREWORKS

    transport.trusted = cache(transport.trusted)  # to read the certificates takes a tenth of a small run

    for table in ("usage_daily", "cost_daily", "name_observation"):
        contract(table), arrow_schema(table)
    with Client(FIREWORKS, base_url="http://127.0.0.1:1", credential=Credential(KEY), account="warm"):
        pass
    gc.collect()
    gc.freeze()  # a child's collector need not touch, and so copy, what it shares


def _end(errand: Errand, report: Path) -> None:
    """Run in a child, which never returns."""
    code, outcome = UNEXPECTED, dict[str, Any]()
    try:
        code, outcome = _run(errand)
    except SystemExit as error:
        code = int(str(error.code))
    except BaseException as error:  # noqa: BLE001  whatever it is, the parent hears of it
        outcome = {"unexpected": f"{type(error).__name__}: {error}"[:2000]}
    finally:
        with contextlib.suppress(BaseException):
            fresh = report.with_suffix(".new")
            fresh.write_text(json.dumps(outcome), encoding="utf-8")
            fresh.replace(report)  # whole, or not there
        os._exit(code)


def _run(errand: Errand) -> tuple[int, dict[str, Any]]:
    from usage_ledger.connections import Connection
    from usage_ledger.core import crash
    from usage_ledger.core.errors import UsageLedgerError
    from usage_ledger.http.auth import Credential
    from usage_ledger.http.client import Client
    from usage_ledger.pipeline.plan import Dates
    from usage_ledger.pipeline.run import run_all
    from usage_ledger.warehouse.engine import warehouse_engine

    _let_be_traced()
    if errand.polite:
        from usage_ledger.local.stopping import end_on_sigterm

        end_on_sigterm()
    while errand.gate and not Path(errand.gate).exists():
        time.sleep(0.002)
    if errand.crash_at:
        os.environ[crash.VARIABLE] = errand.crash_at
    if errand.later:
        _set_clock(errand.later)
    if not errand.expectations:
        _leave_out_expectations()
    if errand.spare_memory:
        _limit_memory(errand.spare_memory)
    from sqlalchemy import make_url

    engine = warehouse_engine(make_url(errand.database))
    connection = Connection(id=errand.name, provider="fireworks", account=errand.name, timezone=errand.timezone)
    dates = Dates(date.fromisoformat(errand.first), date.fromisoformat(errand.last))
    with Client(
        connection.declared,
        base_url=errand.url,
        credential=Credential(KEY),
        account=errand.name,
        sleep=lambda _seconds: None,
    ) as client:
        try:
            ran = run_all(connection, dates, client=client, engine=engine, root=Path(errand.root), now=NOW)
        except UsageLedgerError as error:
            return FAILED, {"failures": [type(error).__name__]}
    outcome = {
        "states": [outcome.state for _, _, outcome in ran.loads],
        "failures": [type(failure).__name__ for failure in ran.failures],
    }
    return (FAILED if ran.failures else HELD if ran.held else DONE), outcome


def _let_be_traced() -> None:
    """By any process of the same user, where the kernel asks (Yama)."""
    import ctypes

    ctypes.CDLL(None).prctl(0x59616D61, ctypes.c_ulong(-1).value, 0, 0, 0)


def _set_clock(seconds: float) -> None:
    from usage_ledger.http import client

    class Later(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.now(tz) + timedelta(seconds=seconds)

    client.datetime = Later  # type: ignore[misc]


def _leave_out_expectations() -> None:
    from usage_ledger.pipeline import validate

    def check(table: Any, rows_table: Any, **_more: Any) -> Any:
        rows = rows_table.whole()
        return validate._type_findings(table, rows) or validate._null_findings(table, rows)

    validate.check = check  # type: ignore[assignment]


def _limit_memory(spare: int) -> None:
    import resource

    has = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (has + spare, has + spare))


if __name__ == "__main__":
    serve()
