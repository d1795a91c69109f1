"""Kills at every step, at system calls, by signals, for want of memory, of the warehouse's processes, of its reply.

After each: no date is half of one and half of another state; the next run, with nothing tidied up, makes the ledger
equal to what the provider says; and a run after that rewrites no row.
"""

import contextlib
import itertools
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import psycopg2
import pytest
from kit.doomed import DONE, FAILED, KEY, NOW, UNEXPECTED, Ended, Errand, Nursery, crash_server, own_server, restart
from kit.ledger_laws import Snapshot, false_successes, row_versions, unexplained
from kit.restating_provider import DAY, VERSIONS, Account, Faulty, Version
from kit.restating_provider import provider as serving
from kit.scripted_server import Scripted
from sqlalchemy import Engine, make_url

from usage_ledger.connections import Connection
from usage_ledger.core import crash
from usage_ledger.core.errors import ConfigError, UsageLedgerError
from usage_ledger.http import transport
from usage_ledger.http.auth import Credential
from usage_ledger.http.client import Client
from usage_ledger.pipeline import validate
from usage_ledger.pipeline.load import load
from usage_ledger.pipeline.plan import Dates
from usage_ledger.pipeline.run import Ran, extract_all, new_run_id, planned, run_all
from usage_ledger.pipeline.transform import transform
from usage_ledger.providers.fireworks import FIREWORKS
from usage_ledger.warehouse import loads
from usage_ledger.warehouse.engine import transaction, warehouse_engine
from usage_ledger.warehouse.registration import register
from usage_ledger.warehouse.schema import ensure_schema

FIRST = date(2026, 10, 31)
"""Two dates of two months; the second has 25 hours."""
ZONE = "America/Los_Angeles"
ALL = os.environ.get("KILLS") == "all"
AT_ONCE = 2
FOUR_STEPS = ("extract", "transform", "validate", "load")
both = pytest.mark.parametrize("again", [False, True], ids=["first_load", "restated_day"])
Query = Callable[..., list[tuple[Any, ...]]]
Item = TypeVar("Item")
Result = TypeVar("Result")
_numbers = itertools.count()


def connection_of(account: Account) -> Connection:
    return Connection(id=account.name, provider="fireworks", account=account.name, timezone=account.zone)


@dataclass
class Place:
    """A warehouse, a provider, and a folder, where children run."""

    engine: Engine
    provider: Faulty
    url: str
    root: Path
    nursery: Nursery

    def query(self, text: str, *values: Any) -> list[tuple[Any, ...]]:
        with transaction(self.engine) as cursor:
            cursor.execute(text, values)
            return list(cursor.fetchall())

    def account(self, days: int = 2) -> Account:
        """An account that no connection knows yet."""
        dates = tuple(FIRST + DAY * number for number in range(days))
        return Account(f"killed{next(_numbers)}", ZONE, dates, self.provider.app)

    def errand(self, account: Account, **more: Any) -> Errand:
        given = {
            "database": self.engine.url.render_as_string(hide_password=False),
            "url": self.url,
            "root": str(self.root),
            "name": account.name,
            "first": str(account.dates[0]),
            "last": str(account.dates[-1]),
            "timezone": account.zone,
            "expectations": False,
        }
        return Errand(**given | more)

    def run(self, account: Account, engine: Engine | None = None) -> Ran:
        """A run in this process."""
        connection, dates = connection_of(account), Dates(account.dates[0], account.dates[-1])
        with self.client(account) as client:
            return run_all(connection, dates, client=client, engine=engine or self.engine, root=self.root, now=NOW)

    def client(self, account: Account) -> Client:
        return Client(
            FIREWORKS, base_url=self.url, credential=Credential(KEY), account=account.name, sleep=lambda _seconds: None
        )

    def known(self, again: bool) -> Account:
        """An account that is to be loaded for the first time, or was, and has restated every day since."""
        account = self.account()
        if again:
            assert self.run(account).failures == []
            self.restate(account)
        return account

    def restate(self, account: Account) -> None:
        """Another version of every day."""
        number = VERSIONS.index(account.now[account.dates[0]]) + 1
        account.restate(dict.fromkeys(account.dates, VERSIONS[number % len(VERSIONS)]))

    def mixed(self, account: Account) -> list[str]:
        return [*Snapshot(self.query, [account]).mixed(), *false_successes(self.query, account)]

    def try_again(self, account: Account) -> None:
        """What Airflow does after a kill: the same task again, for the loads it had, and then those after it."""
        unfinished = "SELECT run_id FROM ops.load WHERE connection_id = %s AND state <> 'loaded' AND run_id = ("
        unfinished += "SELECT run_id FROM ops.load WHERE connection_id = %s ORDER BY started_at DESC LIMIT 1)"
        runs = self.query(unfinished, account.name, account.name)
        run_id = runs[0][0] if runs else new_run_id()  # killed before it said anything, or when all was done
        landed = "SELECT load_id::text FROM ops.load WHERE run_id = %s AND manifest_uri IS NOT NULL ORDER BY started_at"
        connection, dates = connection_of(account), Dates(account.dates[0], account.dates[-1])
        ids = [load_id for (load_id,) in self.query(landed, run_id)]
        if len(ids) < len(connection.chosen_reports):
            reports = {report.name: connection.lookback(report) for report in connection.chosen_reports}
            register(self.engine, connection.id, connection.provider, connection.account, connection.timezone, reports)
            asked = planned(connection, dates, engine=self.engine, now=NOW)
            with self.client(account) as client:
                done = extract_all(connection, asked, client=client, engine=self.engine, root=self.root, run_id=run_id)
            assert done.failures == []
            assert set(ids) <= set(done.load_ids)  # what was landed is not fetched again
            ids = done.load_ids
        for load_id in ids:
            state = loads.load_by_id(self.engine, load_id).state
            if state == "landed":
                transform(connection, load_id, engine=self.engine, root=self.root)
            if state in ("landed", "transformed"):
                validate.validate(connection, load_id, engine=self.engine, root=self.root)
            assert load(connection, load_id, engine=self.engine, root=self.root).state == "loaded"

    def converges(self, account: Account, *, twice: bool = False, same_task: bool = False) -> None:
        """One clean run, or the same task again, makes the ledger equal to the truth; one more rewrites nothing."""
        assert self.mixed(account) == []
        if same_task:
            self.try_again(account)
        else:
            assert self.run(account).failures == []
        assert Snapshot(self.query, [account]).differences() == []
        assert unexplained(self.query, account, self.root) == []
        if twice:
            rows = row_versions(self.query, account)
            assert len(rows) > 20
            assert self.run(account).failures == []
            assert row_versions(self.query, account) == rows


@pytest.fixture(scope="module")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    with Nursery(tmp_path_factory.mktemp("nursery")) as made:
        yield made


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Faulty, str, Path]]:
    with serving(random.Random(1)) as (faulty, url):  # noqa: S311  no secret
        yield faulty, url, tmp_path_factory.mktemp("raw")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs in this process do without Great Expectations, which takes nine tenths of their time."""

    def check(table: Any, rows_table: Any, **_more: Any) -> list[Any]:
        rows = rows_table.whole()
        return validate._type_findings(table, rows) or validate._null_findings(table, rows)

    monkeypatch.setattr(validate, "check", check)
    monkeypatch.setattr(transport, "trusted", certificates)


certificates = cache(transport.trusted)
"""Read once; it takes a tenth of a small run."""


@pytest.fixture
def place(engine: Engine, site: tuple[Faulty, str, Path], nursery: Nursery, quick: None) -> Place:
    return Place(engine, *site, nursery)


@pytest.fixture(scope="module")
def fragile(site: tuple[Faulty, str, Path], nursery: Nursery) -> Iterator[tuple[Any, Place]]:
    """A place with a PostgreSQL server of its own."""
    folder = Path(tempfile.mkdtemp(prefix="ul"))
    try:
        with own_server(folder / "pg") as server:
            engine = warehouse_engine(make_url(server.get_uri("postgres")))
            ensure_schema(engine)
            yield server, Place(engine, *site, nursery)
            engine.dispose()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def side_by_side(work: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """The results of all, as many at once as there are processors here."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(work, items))


def until(true: Callable[[], Any], seconds: float = 60) -> Any:
    """Waits until something is true, and returns it."""
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.01)
    return found


# K1


@both
def test_k1_a_kill_at_any_point_of_a_step_leaves_whole_days_and_the_next_run_converges(
    place: Place, again: bool
) -> None:
    """Each point of each step in turn, until a run survives; then below the steps: amid an answer, amid a file."""
    kills: Counter[str] = Counter()

    def step_by_step(walk: tuple[str, int, int]) -> None:
        step, first, stride = walk
        account = place.known(again)
        for number in itertools.count(first, stride):
            # The checks themselves are part of the step validate alone.
            told = place.errand(account, crash_at=f"{step}:{number}", expectations=step == "validate")
            ended = place.nursery.run(told)
            if not ended.killed:
                assert (ended.code, ended.failures) == (DONE, []), (step, number, ended)
                break
            place.converges(account, same_task=kills[step] % 2 == 1)
            kills[step] += 1
            if again:
                place.restate(account)
            else:
                account = place.account()
        place.converges(account, twice=True)

    walks = [("load", 1, 2), ("load", 2, 2)]  # two, to be walked side by side
    if ALL or not again:  # what comes before the load does not know whether it is the first
        walks += [(step, 1, 1) for step in ("extract", "transform", "validate")]
        walks += [(step, 1, 1 if ALL else 4) for step in ("ask", "write")]
    side_by_side(step_by_step, walks)
    assert sum(kills[step] for step in FOUR_STEPS) >= 20, kills
    assert {step for step in kills if kills[step] >= 3} == {step for step, _, _ in walks}, kills


def test_a_crash_that_is_told_wrongly_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = ("", "load", "load:", "load:0", "load:-1", "load:x", "load:1:2", "rest:1", "LOAD:1", " load:1", "load:1\n")
    for told in wrong:
        monkeypatch.setenv(crash.VARIABLE, told)
        with pytest.raises(ConfigError, match="CRASH_AT"):
            crash.point("extract")


def test_a_crash_point_counts_its_own_step_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[tuple[int, int]] = []
    monkeypatch.setattr(crash.os, "kill", lambda *told: killed.append(told))
    monkeypatch.setattr(crash, "_passed", {})
    crash.point("load")  # nobody asked for a crash
    monkeypatch.setenv(crash.VARIABLE, "load:2")
    for step, so_far in (("load", 0), ("extract", 0), ("extract", 0), ("load", 1), ("load", 1)):
        crash.point(step)
        assert killed == [(os.getpid(), signal.SIGKILL)] * so_far


# K2

STRACE = shutil.which("strace")


def traced(place: Place, account: Account, call: str, number: int, folder: Path) -> tuple[Ended, list[str]]:
    """A run that strace kills at the n-th call (0: never); how it ended, and the calls it made."""
    gate, log = folder / f"gate{next(_numbers)}", folder / f"log{next(_numbers)}"
    pid = place.nursery.start(place.errand(account, gate=str(gate)))
    inject = [f"--inject={call}:signal=KILL:when={number}"] if number else []
    tracer = subprocess.Popen(
        [str(STRACE), "-f", "-p", str(pid), "-e", f"trace={call}", *inject, "-o", str(log)],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert tracer.stderr
        line = tracer.stderr.readline()
        if "attached" not in line:
            place.nursery.kill(pid)
            place.nursery.wait(pid)
            pytest.skip(f"strace may not attach here: {line.strip()[:200]}")
        gate.touch()
        ended = place.nursery.wait(pid)
        tracer.wait(20)
    finally:
        tracer.kill()
        tracer.wait(20)
        tracer.stderr.close()
    return ended, re.findall(rf"^\d+ +{call}\(", log.read_text(encoding="utf-8", errors="replace"), re.MULTILINE)


@pytest.mark.parametrize("call", ["write", "fsync", "rename", "sendto"])
def test_k2_a_kill_at_any_system_call_that_stores_or_sends_leaves_whole_days_and_the_next_run_converges(
    place: Place, call: str, tmp_path: Path
) -> None:
    """Over a whole run; a sample of the calls, with KILLS=all every one of them."""
    if STRACE is None:
        pytest.skip("strace is not installed")
    whole = [traced(place, place.known(again), call, 0, tmp_path) for again in (False, True)]
    assert [ended.code for ended, _ in whole] == [DONE, DONE]
    numbers = range(1, min(len(calls) for _, calls in whole) + 1)
    assert len(numbers) >= 10
    sample = numbers if ALL else sorted(random.Random(call).sample(numbers, 8))  # noqa: S311  no secret

    def kill(number: int) -> None:
        account = place.known(again=number % 2 == 0)
        ended, calls = traced(place, account, call, number, tmp_path)
        assert ended.killed, (number, ended)
        assert len(calls) == number
        place.converges(account, same_task=number % 3 == 0)

    side_by_side(kill, sample)


# K3


@contextmanager
def blocked(place: Place) -> Iterator[Callable[[], int]]:
    """No load can record its days, so that its transaction waits with all its rows; gives the waiting backend's pid."""
    with closing(psycopg2.connect(_dsn(place.engine))) as connection, connection.cursor() as cursor:
        cursor.execute("LOCK TABLE ops.day IN SHARE MODE")
        waiting = "SELECT pid FROM pg_locks WHERE NOT granted AND relation = 'ops.day'::regclass"
        yield lambda: until(lambda: place.query(waiting))[0][0]


def _dsn(engine: Engine) -> str:
    url = engine.url
    return f"dbname={url.database} user={url.username} host={url.host or url.query['host']}"


def _amid_a_request(place: Place, account: Account) -> tuple[Ended, float]:
    silent = Scripted()
    enough = threading.Event()
    silent.replies = [lambda _connection: enough.wait(30) and None]
    try:
        pid = place.nursery.start(place.errand(account, url=silent.url, polite=True))
        until(lambda: silent.requests)
        return _terminated(place, pid)
    finally:
        enough.set()
        silent.close()


def _amid_a_transaction(place: Place, account: Account) -> tuple[Ended, float]:
    with blocked(place) as waits:
        pid = place.nursery.start(place.errand(account, polite=True))
        waits()
        return _terminated(place, pid)


def _amid_a_transaction_that_could_go_on(place: Place, account: Account) -> tuple[Ended, float]:
    """What it waited for is there at once, before the process is ended from without."""
    with blocked(place) as waits:
        pid = place.nursery.start(place.errand(account, polite=True))
        waits()
        place.nursery.kill(pid, signal.SIGTERM)
    began = time.monotonic()
    return place.nursery.wait(pid, 15), time.monotonic() - began


def _while_others_load(place: Place, account: Account) -> tuple[Ended, float]:
    """Another load of the connection has the lock, which may take a minute."""
    with closing(psycopg2.connect(_dsn(place.engine))) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(hashtextextended(%s || '/usage', 7423))", (account.name,))
        pid = place.nursery.start(place.errand(account, polite=True))
        waiting = "SELECT 1 FROM pg_locks WHERE NOT granted AND locktype = 'advisory'"
        until(lambda: place.query(waiting))
        return _terminated(place, pid)


def halves(place: Place) -> set[Path]:
    """Files begun and not finished: a process that is killed leaves them, one that is asked to end does not."""
    return set(place.root.rglob(".*.tmp"))


def _terminated(place: Place, pid: int) -> tuple[Ended, float]:
    place.nursery.kill(pid, signal.SIGTERM)
    began = time.monotonic()
    return place.nursery.wait(pid, 15), time.monotonic() - began


@pytest.mark.parametrize(
    ("amid", "again"),
    [
        (_amid_a_request, False),
        (_amid_a_transaction, False),
        (_amid_a_transaction_that_could_go_on, False),
        (_amid_a_transaction_that_could_go_on, True),
        (_while_others_load, True),
    ],
)
def test_k3_a_terminated_run_rolls_back_and_ends_within_ten_seconds(
    place: Place, amid: Callable[[Place, Account], tuple[Ended, float]], again: bool
) -> None:
    """With code 143, as a process that SIGTERM ends; the ledger is what it was."""
    account = place.known(again)
    before, unfinished = Snapshot(place.query, [account]).days, halves(place)
    ended, seconds = amid(place, account)
    assert (ended.code, ended.unexpected) == (128 + signal.SIGTERM, "")
    assert seconds < 10
    assert Snapshot(place.query, [account]).days == before
    assert halves(place) == unfinished
    place.converges(account, twice=True)


def test_the_terminated_command_says_so_in_one_line(place: Place, tmp_path: Path) -> None:
    account = place.account()
    (tmp_path / "connections").mkdir()
    (tmp_path / "connections" / f"{account.name}.yaml").write_text(
        f"provider: fireworks\naccount: {account.name}\ntimezone: {ZONE}\n", encoding="utf-8"
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "USAGE_", "CRASH"))}
    url = place.engine.url
    environment = kept | {
        "USAGE_LEDGER_LOCAL": str(tmp_path / "local"),
        "USAGE_LEDGER_CONNECTIONS": str(tmp_path / "connections"),
        "USAGE_LEDGER_RAW": str(place.root),
        "USAGE_LEDGER_ALLOWED_HOSTS": place.url.removeprefix("http://"),
        "AIRFLOW_CONN_USAGE_WAREHOUSE": f"postgres://postgres@/{url.database}?host={url.query['host']}",
        f"AIRFLOW_CONN_{account.name.upper()}": json.dumps(
            {"conn_type": "fireworks", "host": place.url, "password": KEY}
        ),
    }
    command = [str(Path(sys.executable).parent / "usage-ledger"), "run", account.name]
    dates = ["--from", str(account.dates[0]), "--to", str(account.dates[-1])]
    with blocked(place) as waits:
        running = subprocess.Popen(
            [*command, *dates], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            waits()
            running.terminate()
            began = time.monotonic()
            told, errors = running.communicate(timeout=15)
        finally:
            running.kill()
            running.wait(20)
    assert time.monotonic() - began < 10
    assert (running.returncode, told) == (128 + signal.SIGTERM, "")
    (line,) = errors.splitlines()
    assert line.startswith("usage-ledger: stopped by SIGTERM")
    place.converges(account)


# K4


class LostReply:
    """Stands before PostgreSQL, on loopback; at the n-th COMMIT it waits for the reply and cuts the connection."""

    COMMIT = b"Q\x00\x00\x00\x0bCOMMIT\x00"
    COMMITTED = b"C\x00\x00\x00\x0bCOMMIT\x00"

    def __init__(self, engine: Engine) -> None:
        self._socket = next(Path(str(engine.url.query["host"])).glob(".s.PGSQL.*[0-9]"))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.lose_reply(0)
        query = {"sslmode": "disable", "gssencmode": "disable"}
        port = self._listener.getsockname()[1]
        self.engine = warehouse_engine(engine.url.set(host="127.0.0.1", port=port, query=query))
        self._threads = [threading.Thread(target=self._serve, daemon=True)]
        self._threads[0].start()

    def lose_reply(self, number: int, *, of_loads: bool = False) -> None:
        """To the n-th COMMIT from now on; or to the n-th of a load, which is known by its COPY."""
        self.commits, self.lose, self.of_loads, self.lost = 0, number, of_loads, False

    def close(self) -> None:
        self.engine.dispose()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._pass_on, args=(client,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _pass_on(self, client: socket.socket) -> None:
        """Asks and answers alternate, so one thread serves both ways."""
        import select

        with client, socket.socket(socket.AF_UNIX) as server, contextlib.suppress(OSError):
            server.connect(str(self._socket))
            losing, copied, seen = False, False, b""
            while True:
                for ready in select.select([client, server], [], [])[0]:
                    part = ready.recv(1 << 16)
                    if not part:
                        return
                    if ready is client:
                        copied |= part.startswith(b"Q") and b"COPY " in part
                        if part.endswith(self.COMMIT):
                            counts = copied or not self.of_loads
                            self.commits += counts
                            losing, copied, seen = counts and self.commits == self.lose, False, b""
                        server.sendall(part)
                    elif losing:
                        seen += part
                        if self.COMMITTED in seen:
                            self.lost = True
                            return
                    else:
                        client.sendall(part)


@both
def test_k4_a_commit_whose_reply_was_lost_is_done_and_the_next_try_changes_nothing(place: Place, again: bool) -> None:
    """Each COMMIT of a whole first run in turn, and each of a load that restates; the load is known by its row."""
    proxy = LostReply(place.engine)
    try:
        loads = 0
        account = place.known(again)
        for number in itertools.count(1):
            proxy.engine.dispose()
            proxy.lose_reply(number, of_loads=again)
            try:
                failures = place.run(account, proxy.engine).failures
            except UsageLedgerError as error:
                failures = [error]
            if not proxy.lost:
                break
            assert [type(failure).__name__ for failure in failures] == ["WarehouseDown"], number
            loads += _try_loads_again(place, account)
            place.converges(account)
            if again:
                place.restate(account)
            else:
                account = place.account()
        assert failures == []
        assert number > (3 if again else 20)
        assert loads == 4  # one of each report
        place.converges(account, twice=True)
    finally:
        proxy.close()


def _try_loads_again(place: Place, account: Account) -> int:
    """Try the loads again that were committed while their task believes that they failed; how many those are."""
    failed = place.query(
        "SELECT load_id::text FROM ops.load WHERE connection_id = %s AND state = 'loaded' AND error_class IS NOT NULL",
        account.name,
    )
    connection = connection_of(account)
    for (load_id,) in failed:
        told = "SELECT kind, message FROM ops.event WHERE connection_id = %s ORDER BY at"
        before = row_versions(place.query, account), place.query(told, account.name)
        outcome = load(connection, load_id, engine=place.engine, root=place.root)
        assert (outcome.state, set(outcome.changed.values())) == ("loaded", {0})
        assert (row_versions(place.query, account), place.query(told, account.name)) == before
        found = "SELECT state, error_class FROM ops.load WHERE load_id = %s"
        assert place.query(found, load_id) == [("loaded", None)]
    return len(failed)


# K6


def test_k6_a_process_without_memory_fails_by_name_or_dies_and_the_others_live(place: Place) -> None:
    """With more and more memory until a run survives. A large answer of one connection; another runs beside it."""
    large, small = place.account(days=6), place.account()
    large.restate(dict.fromkeys(large.dates, Version(keys=40, models=6)))
    ends: Counter[str] = Counter()
    for megabytes in (*range(2, 48, 4), 64, 96, 128, 192, 256, 512, 1024, 2048):
        pid = place.nursery.start(place.errand(large, spare_memory=megabytes << 20))
        other = place.nursery.run(place.errand(small))
        assert (other.code, other.failures) == (DONE, [])
        ended = place.nursery.wait(pid)
        assert place.mixed(large) == []
        if ended.code == DONE:
            break
        if ended.code == UNEXPECTED:
            assert "memory" in ended.unexpected.lower(), ended
        ends.update(ended.failures if ended.code == FAILED else ["died"])
    assert ended.code == DONE
    assert ends["OutOfMemory"] > 0, ends
    kinds = place.query(
        "SELECT DISTINCT error_class FROM ops.load WHERE connection_id = %s AND error_class ~ 'Memory'", large.name
    )
    assert kinds == [("OutOfMemory",)]
    for account in (large, small):
        place.converges(account)


# K7, K8


def disturb(place: Place, account: Account, blow: Callable[[int], None]) -> None:
    """A blow at the warehouse amid a load's transaction, by its backend's pid; the next run converges."""
    before = {key: found for key, (_, _, found) in Snapshot(place.query, [account]).days.items()}
    with contextlib.suppress(psycopg2.Error), blocked(place) as waits:
        pid = place.nursery.start(place.errand(account))
        blow(waits())
    ended = place.nursery.wait(pid)
    assert ended.code == FAILED, ended
    assert set(ended.failures) == {"WarehouseDown"}
    until(lambda: _answers(place))
    after = {key: found for key, (_, _, found) in Snapshot(place.query, [account]).days.items() if any(found)}
    assert {key: found for key, found in after.items() if key[1] == "usage"} == {
        key: found for key, found in before.items() if key[1] == "usage"
    }
    place.converges(account, twice=True)


def _answers(place: Place) -> bool:
    try:
        return place.query("SELECT 1") == [(1,)]
    except UsageLedgerError:
        return False


@both
def test_k7_a_killed_backend_costs_the_load_and_nothing_else(
    fragile: tuple[Any, Place], quick: None, again: bool
) -> None:
    """PostgreSQL restarts all its processes; the run fails as WarehouseDown, for a task to try again."""
    _, place = fragile
    disturb(place, place.known(again), lambda backend: crash_server(backend, place.query))


@both
@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGQUIT], ids=["fast", "immediate"])
def test_k8_a_restarted_server_costs_the_load_and_nothing_else(
    fragile: tuple[Any, Place], quick: None, by: signal.Signals, again: bool
) -> None:
    """The run fails as WarehouseDown, for a task to try again; its task does so after minutes, not a run by itself."""
    server, place = fragile
    disturb(place, place.known(again), lambda _backend: restart(server, by))
