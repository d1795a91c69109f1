"""Writers and readers at once, lost and long-held locks, a warehouse that is full, down, closed or altered by hand.

After each: no date is half of one load and half of another, what stood before stands, and the same load goes in
once the fault is over.
"""

import contextlib
import itertools
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from kit.doomed import DONE, Errand, Nursery
from kit.landed_by_hand import Account, sent
from kit.provider_site import DAY, NOW, TRUTHS
from kit.small_disk import small_disk
from kit.staged_loads import T0, Desk, Row, called, used
from sqlalchemy import Engine, make_url

from usage_ledger.core.errors import TryAgain
from usage_ledger.core.warehouse_errors import WarehouseDown, WarehouseDrift, WarehouseFull, WarehouseRefused
from usage_ledger.local.postgres import program
from usage_ledger.warehouse import engine as engines
from usage_ledger.warehouse.engine import in_transaction, transaction, warehouse_engine
from usage_ledger.warehouse.incoming import Outcome
from usage_ledger.warehouse.ledger import apply_load
from usage_ledger.warehouse.schema import ensure_schema
from usage_ledger.warehouse.sql import statement

D1 = date(2026, 5, 31)
D2 = D1 + DAY
"""Two dates of two months, so of two partitions."""
HOUR = timedelta(hours=1)
WRITERS = 8
ROUNDS = int(os.environ.get("ROUNDS", "60"))
READS = 50 * ROUNDS
PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
_numbers = itertools.count()


def ask(engine: Engine, text: str, *values: Any) -> list[tuple[Any, ...]]:
    with transaction(engine) as cursor:
        cursor.execute(text, values)
        return list(cursor.fetchall()) if cursor.description else []


def content(engine: Engine) -> dict[str, list[tuple[Any, ...]]]:
    """All that a load may change, but for the attempts in `ops.load`."""
    tables = ("ledger.usage_daily", "ledger.cost_daily", "ledger.name", "ops.day", "ops.restatement", "ops.event")
    return {table: ask(engine, f"SELECT t::text FROM {table} AS t ORDER BY 1") for table in tables}


def tokens(desk: Desk) -> dict[tuple[date, str], int]:
    rows = "SELECT usage_date, model, input_tokens FROM ledger.usage_daily WHERE connection_id = %s"
    return {(day, model): count for day, model, count in ask(desk.engine, rows, desk.connection_id)}


def session(engine: Engine) -> Any:
    """A session by hand, as a person or another program has one."""
    return psycopg2.connect(engine.url.set(drivername="postgresql").render_as_string(hide_password=False))


def eventually(holds: Callable[[], Any], seconds: float = 15) -> None:
    """Waits for what another session is about to do."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)


def waiting(engine: Engine, count: int = 1) -> bool:
    """Whether so many sessions of the database wait for a lock."""
    rows = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    return bool(ask(engine, rows)[0][0] == count)


@pytest.fixture
def desk(engine: Engine) -> Desk:
    return Desk(engine, f"acme{next(_numbers)}")


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The longest that each wait before another try might have been; none is waited."""
    longest: list[float] = []

    def jitter(_shortest: float, most: float) -> float:
        longest.append(most)
        return 0

    monkeypatch.setattr(engines.random, "uniform", jitter)
    return longest


@contextmanager
def locked(engine: Engine, connection_id: str) -> Iterator[None]:
    """Another session holds the lock of the connection's report `usage`."""
    with transaction(engine) as cursor:
        cursor.execute(statement("load/lock"), {"connection_id": connection_id, "report": "usage"})
        yield


@pytest.fixture(scope="module")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    """Runs whole runs in processes of their own, as tasks are."""
    with Nursery(tmp_path_factory.mktemp("nursery")) as made:
        yield made


# Two at once


@pytest.mark.parametrize("isolation", ["read committed", "serializable"])
@pytest.mark.parametrize("newest_first", [False, True])
def test_c1_two_loads_of_one_day_at_once_queue_and_the_newest_answer_stands(
    engine: Engine, naps: list[float], newest_first: bool, isolation: str
) -> None:
    """Neither fails nor is tried again, whatever isolation the database has by default: who waited sees the other."""
    ask(engine, f"ALTER DATABASE {engine.url.database} SET default_transaction_isolation = '{isolation}'")
    desk = Desk(warehouse_engine(engine.url), f"acme{next(_numbers)}")
    try:
        desk.load([used(D1, "a", 1), used(D1, "old", 1)], D1)
        older = desk.incoming([used(D1, "a", 2), used(D1, "older", 2)], D1, fetched_at=T0 + HOUR)
        newer = desk.incoming([used(D1, "a", 3)], D1, fetched_at=T0 + 2 * HOUR)
        queue = (newer, older) if newest_first else (older, newer)
        told: list[Future[Outcome]] = []
        with ThreadPoolExecutor(2) as pool:
            with locked(engine, desk.connection_id):
                for number, incoming in enumerate(queue, 1):
                    told.append(pool.submit(apply_load, desk.engine, incoming))
                    eventually(lambda number=number: waiting(engine, number))
                assert not any(future.done() for future in told)
            states = [future.result(20).state for future in told]
        assert states == ["loaded", "superseded" if newest_first else "loaded"]
        assert tokens(desk) == {(D1, "a"): 3}
        days = "SELECT state, fetched_at, row_count FROM ops.day WHERE connection_id = %s"
        assert ask(engine, days, desk.connection_id) == [("loaded", T0 + 2 * HOUR, 1)]
        assert naps == []
    finally:
        desk.engine.dispose()
        ask(engine, f"ALTER DATABASE {engine.url.database} RESET default_transaction_isolation")


def test_c2_an_older_answer_changes_no_date_that_newer_data_stand_for(desk: Desk) -> None:
    """It is `superseded` where it says nothing new; dates that only it knows are loaded."""
    desk.load([used(D2, "a", 2)], D1, D2)
    older = desk.load([used(day, "a", 1) for day in (D1, D2, D2 + DAY)], D1, D2 + DAY, fetched_at=T0 - HOUR)
    assert (older.state, older.superseded) == ("loaded", [D1, D2])
    assert tokens(desk) == {(D2, "a"): 2, (D2 + DAY, "a"): 1}
    days = "SELECT usage_date, state, fetched_at FROM ops.day WHERE connection_id = %s ORDER BY 1"
    told = [(D1, "empty", T0), (D2, "loaded", T0), (D2 + DAY, "loaded", T0 - HOUR)]
    assert ask(desk.engine, days, desk.connection_id) == told
    before = content(desk.engine)
    assert desk.load([], D1, D2 + DAY, fetched_at=T0 - 2 * HOUR).state == "superseded"
    assert content(desk.engine) == before


# Many at once


@dataclass
class Battle:
    """What came of eight writers on one connection and window, and of a reader meanwhile."""

    states: list[str] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)
    reads: int = 0
    mixed: list[Any] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)
    final: set[tuple[Any, ...]] = field(default_factory=set)
    days: list[tuple[Any, ...]] = field(default_factory=list)


def rows_of_version(version: int) -> list[Row]:
    """As many rows a date as the version says, every one with the version as its meter."""
    return [used(day, f"m{number}", version) for day in (D1, D2) for number in range(2 + version % 4)]


READ = """
SELECT usage_date, count(*), min(input_tokens), max(input_tokens), count(DISTINCT load_id)
FROM ledger.usage_daily WHERE connection_id = 'busy' GROUP BY 1
"""


def whole(found: list[tuple[Any, ...]]) -> bool:
    """Both dates, each of one and the same version, none of its rows missing and no other's left."""
    versions = {version for _, _, least, most, _ in found for version in (least, most)}
    return len(found) == 2 and len(versions) == 1 and all(row[1] == 2 + row[2] % 4 for row in found)


@pytest.fixture(scope="module")
def battle(engine: Engine) -> Battle:
    Desk(engine, "busy").load(rows_of_version(0), D1, D2, fetched_at=T0 - DAY)
    came = Battle()
    made = [warehouse_engine(engine.url) for _ in range(WRITERS)]  # as each task has its own
    done = threading.Event()

    def read() -> None:
        with closing(engine.raw_connection()) as connection, closing(connection.cursor()) as cursor:
            while not done.is_set() or came.reads < READS:
                cursor.execute(READ)
                found = cursor.fetchall()
                connection.commit()  # each read sees what is committed by then
                came.reads += 1
                came.seen.update(row[2] for row in found)
                if not whole(found):
                    came.mixed.append(found)
                time.sleep(0.002)

    def write(writer: int) -> None:
        desk = Desk(made[writer], "busy")
        for number in range(ROUNDS):
            version = number * WRITERS + writer + 1
            try:
                came.states.append(
                    desk.load(rows_of_version(version), D1, D2, fetched_at=T0 + timedelta(seconds=version)).state
                )
            except Exception as error:  # noqa: BLE001  whatever reaches the caller counts
                came.errors.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        with ThreadPoolExecutor(WRITERS) as pool:
            list(pool.map(write, range(WRITERS)))
    finally:
        done.set()
        reader.join()
        for one in made:
            one.dispose()
    standing = "SELECT usage_date, input_tokens FROM ledger.usage_daily WHERE connection_id = 'busy'"
    came.final = set(ask(engine, standing))
    came.days = ask(engine, "SELECT DISTINCT fetched_at, state FROM ops.day WHERE connection_id = 'busy'")
    return came


def test_c3_eight_writers_of_one_window_never_fail_and_the_newest_answer_stands(battle: Battle) -> None:
    """60 rounds in the ordinary run, 200 in `make soak`; ROUNDS in the environment says how many."""
    assert battle.errors == []
    assert len(battle.states) == WRITERS * ROUNDS
    assert set(battle.states) <= {"loaded", "superseded"}
    newest = WRITERS * ROUNDS
    assert battle.final == {(day, newest) for day in (D1, D2)}
    assert battle.days == [(T0 + timedelta(seconds=newest), "loaded")]


def test_c12_a_reader_meanwhile_sees_whole_days_of_one_load_alone(battle: Battle) -> None:
    assert battle.mixed == []
    assert battle.reads >= READS
    assert len(battle.seen) > min(20, ROUNDS)


def test_c4_a_backfill_of_400_days_beside_a_daily_run_ends_as_one_after_the_other(
    empty_database: Callable[..., Engine], provider: Any, nursery: Nursery, tmp_path: Path
) -> None:
    """In 13 windows of at most 31 days; the daily run does not wait for the backfill's end.

    Here each is a process of its own; in Airflow both take slots of the provider's pool.
    """
    name, url = "acme399", provider[1]
    last = NOW.date() - DAY
    spans = {"backfill": (last - 399 * DAY, last), "daily": (last - 3 * DAY, last)}
    parallel, sequential = empty_database(), empty_database()
    for one in (parallel, sequential):
        ensure_schema(one)

    def start(engine: Engine, which: str, **more: Any) -> int:
        first, end = spans[which]
        database = engine.url.render_as_string(hide_password=False)
        root = str(tmp_path / str(engine.url.database))
        dates = {"first": str(first), "last": str(end)}
        return nursery.start(
            Errand(database=database, url=url, root=root, name=name, **dates, expectations=False, **more)
        )

    gate = tmp_path / "gate"
    running = {which: start(parallel, which, gate=str(gate)) for which in spans}
    gate.touch()
    assert nursery.wait(running["daily"]).code == DONE
    ahead = ask(parallel, "SELECT count(*) FROM ops.load WHERE state = 'loaded'")[0][0]
    assert nursery.wait(running["backfill"], 120).code == DONE
    for which in spans:
        assert nursery.wait(start(sequential, which), 120).code == DONE

    facts = "SELECT (to_jsonb(t) - 'load_id')::text FROM {} AS t ORDER BY 1"
    for table in ("ledger.usage_daily", "ledger.cost_daily", "ledger.name"):
        rows = ask(parallel, facts.format(table))
        assert rows
        assert rows == ask(sequential, facts.format(table))
    days = "SELECT report, usage_date, state, row_count FROM ops.day ORDER BY 1, 2"
    assert ask(parallel, days) == ask(sequential, days)
    truth = TRUTHS[name].expected_usage(spans["backfill"][0], NOW.date(), "UTC")
    assert len(truth) == 400
    summed = ask(parallel, "SELECT usage_date, sum(input_tokens) FROM ledger.usage_daily GROUP BY 1")
    assert dict(summed) == {day: meters["input_tokens"] for day, meters in truth.items()}
    windows = "SELECT report, count(*), max(window_to - window_from) FROM ops.load GROUP BY 1 ORDER BY 1"
    assert [row for row in ask(parallel, windows) if row[0] in ("cost", "usage")] == [
        ("cost", 13 + 1, 31),
        ("usage", 13 + 1, 31),
    ]
    assert ahead < 2 * (13 + 1)


# Lost against another transaction


def test_c5_a_load_that_a_deadlock_ended_goes_in_whole_at_the_next_try(
    engine: Engine, desk: Desk, naps: list[float]
) -> None:
    """A session by hand holds a row and waits for the load's lock; the load holds the lock and comes to the row."""
    desk.load([used(D1, "a", 1), used(D1, "b", 1)], D1)
    incoming = desk.incoming([used(D1, "a", 2), used(D1, "c", 2)], D1, fetched_at=T0 + HOUR)
    with closing(session(engine)) as other, closing(session(engine)) as gate, ThreadPoolExecutor(2) as pool:
        gate.cursor().execute("LOCK TABLE ops.restatement IN EXCLUSIVE MODE")  # the load stops between lock and rows
        cursor = other.cursor()
        cursor.execute("SET deadlock_timeout = '60s'")  # the load's session, not this one, finds the deadlock
        cursor.execute("SELECT FROM ledger.usage_daily WHERE connection_id = %s FOR UPDATE", (desk.connection_id,))
        entering = pool.submit(apply_load, desk.engine, incoming)
        eventually(lambda: waiting(engine, 1))
        values = {"connection_id": desk.connection_id, "report": "usage"}
        asking = pool.submit(cursor.execute, statement("load/lock"), values)
        eventually(lambda: waiting(engine, 2))
        gate.rollback()
        asking.result(30)  # granted when the load was rolled back
        eventually(lambda: len(naps) == 1)
        assert not entering.done()
        assert tokens(desk) == {(D1, "a"): 1, (D1, "b"): 1}
        other.commit()
        assert entering.result(30).changed == {"usage_daily": 3}
    assert tokens(desk) == {(D1, "a"): 2, (D1, "c"): 2}
    assert len(naps) == 1
    restated = "SELECT count(*) FROM ops.restatement WHERE connection_id = %s"
    assert ask(engine, restated, desk.connection_id) == [(3,)]


FAILING = """
CREATE SEQUENCE failures;
CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF nextval('failures') <= TG_ARGV[1]::bigint THEN
        RAISE EXCEPTION 'made to fail' USING ERRCODE = TG_ARGV[0];
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER failing BEFORE UPDATE ON ops.load FOR EACH ROW WHEN (NEW.state = 'loaded')
    EXECUTE FUNCTION fail('{code}', '{times}')
"""


@pytest.mark.parametrize(
    ("code", "times", "error"),
    [
        ("40001", 5, None),
        ("40001", 6, WarehouseDown),
        ("40P01", 5, None),
        ("40P01", 6, WarehouseDown),
        ("23505", 1, None),
        ("23505", 2, WarehouseRefused),
    ],
)
def test_c6_what_lost_a_race_is_tried_again_whole_five_times_and_a_doubled_key_once(
    engine: Engine, desk: Desk, naps: list[float], code: str, times: int, error: type[Exception] | None
) -> None:
    """With growing, random waits. A key that is doubled twice is a defect, and the error says so."""
    desk.load([used(D1, "a", 1)], D1)
    before = content(engine)
    incoming = desk.incoming([used(D1, "a", 2)], D1, fetched_at=T0 + HOUR)
    ask(engine, FAILING.format(code=code, times=times))
    try:
        if error is None:
            assert apply_load(engine, incoming).changed == {"usage_daily": 1}
        else:
            with pytest.raises(error) as raised:
                apply_load(engine, incoming)
            assert type(raised.value) is error
            assert ("it is a defect" in str(raised.value)) is (code == "23505")
            assert content(engine) == before
    finally:
        tries = ask(engine, "SELECT last_value FROM failures")
        ask(engine, "DROP FUNCTION fail() CASCADE; DROP SEQUENCE failures")
    retries = 5 if code[:2] == "40" else 1
    assert tries == [(1 + retries,)]
    assert naps == sorted(naps)
    assert len(naps) == retries
    assert sum(naps) < 10
    apply_load(engine, incoming)
    assert tokens(desk) == {(D1, "a"): 2}


def test_c7_a_lock_that_is_not_to_be_had_is_left_after_a_minute_and_a_dead_client_loses_its_own(
    engine: Engine, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both limits are the transaction's own; shortened here. Nothing is written, and the next try goes in."""
    limits = "SELECT current_setting('lock_timeout'), current_setting('idle_in_transaction_session_timeout')"
    assert in_transaction(engine, lambda cursor: (cursor.execute(limits), cursor.fetchone())[1]) == ("1min", "5min")
    with closing(engine.raw_connection()) as connection, closing(connection.cursor()) as cursor:
        cursor.execute(limits)
        assert cursor.fetchone() == ("0", "0")

    desk.load([used(D1, "a", 1)], D1)
    before = content(engine)
    incoming = desk.incoming([used(D1, "a", 2)], D1, fetched_at=T0 + HOUR)
    monkeypatch.setitem(engines.WAITS, "lock", "300ms")
    with locked(engine, desk.connection_id):
        began = time.monotonic()
        with pytest.raises(WarehouseDown, match="lock timeout") as raised:
            apply_load(engine, incoming)
        assert 0.2 < time.monotonic() - began < 10
    assert isinstance(raised.value, TryAgain)
    assert content(engine) == before

    monkeypatch.setitem(engines.WAITS, "lock", "20s")
    monkeypatch.setitem(engines.WAITS, "idle", "300ms")
    forsaken = transaction(warehouse_engine(engine.url))
    with ThreadPoolExecutor(1) as pool, pytest.raises(WarehouseDown), forsaken as dead:
        dead.execute(statement("load/lock"), {"connection_id": desk.connection_id, "report": "usage"})
        entering = pool.submit(apply_load, engine, incoming)
        assert entering.result(20).changed == {"usage_daily": 1}
        dead.execute("SELECT 1")
    assert tokens(desk) == {(D1, "a"): 2}


# A warehouse that is full, down, closed


@pytest.fixture
def cramped() -> Iterator[Engine]:
    """A warehouse whose tables lie on a file system of 24 MB; its log of changes does not."""
    folder = Path(tempfile.mkdtemp(prefix="ul"))  # short enough for a socket's path
    (folder / "small").mkdir()
    make = 'exec >"$3/log" 2>&1; "$0" -D "$2" -U postgres --auth=trust --no-sync && exec "$1" -D "$2" -k "$3" -h ""'
    places = (program("initdb"), program("postgres"), folder / "data", folder)
    # As a user other than root, which a server refuses to be.
    other = ("unshare", "--user", "--map-user=1000", "--map-group=1000", "sh", "-c", make, *map(str, places))
    uri = f"postgresql://postgres@/{{}}?host={folder}"
    try:
        with small_disk(folder / "small", "24m", other):
            with contextlib.suppress(AssertionError):
                eventually(lambda: _answers(uri.format("postgres")), 20)
            if not _answers(uri.format("postgres")):
                pytest.skip(f"no server of one's own starts here: {(folder / 'log').read_text()[-200:]}")
            with closing(psycopg2.connect(host=str(folder), user="postgres", dbname="postgres")) as connection:
                connection.autocommit = True
                cursor = connection.cursor()
                cursor.execute(f"CREATE TABLESPACE small LOCATION '{folder / 'small'}'")
                cursor.execute("CREATE DATABASE warehouse TABLESPACE small")
            engine = warehouse_engine(make_url(uri.format("warehouse")))
            ensure_schema(engine)
            yield engine
            engine.dispose()
    finally:
        shutil.rmtree(folder)


def _answers(uri: str) -> bool:
    try:
        psycopg2.connect(uri, connect_timeout=1).close()
    except psycopg2.OperationalError:
        return False
    return True


def test_c8_a_full_disk_rolls_the_load_back_and_the_same_load_goes_in_once_there_is_space(cramped: Engine) -> None:
    """A person must act: space does not come by itself within the minutes that a task waits."""
    desk = Desk(cramped, "acme")
    rows = [used(D1, f"m{number}", number) for number in range(2000)]
    desk.load(rows[:50], D1)
    before = content(cramped)
    incoming = desk.incoming(rows, D1, fetched_at=T0 + HOUR)
    ask(cramped, "CREATE TABLE filler (x integer)")
    for rows_at_once in (30_000, 3000, 200):
        with contextlib.suppress(WarehouseFull):
            while True:
                ask(cramped, "INSERT INTO filler SELECT generate_series(1, %s)", rows_at_once)
    with pytest.raises(WarehouseFull, match=r"disk is full .*No space left") as raised:
        apply_load(cramped, incoming)
    assert not isinstance(raised.value, TryAgain)
    assert "free space" in str(raised.value)
    assert content(cramped) == before
    ask(cramped, "DROP TABLE filler")
    assert apply_load(cramped, incoming).changed == {"usage_daily": 1950}
    assert len(tokens(desk)) == 2000


@pytest.fixture
def humble(
    server: Any, administer: Callable[[str], None], empty_database: Callable[..., Engine]
) -> Iterator[tuple[Engine, str]]:
    """A warehouse of a role that must give a password, and the role."""
    role = f"loader_{os.getpid()}_{next(_numbers)}"
    administer(f"CREATE ROLE {role} LOGIN PASSWORD 'the-right-one'")
    hba = Path(server.pgdata) / "pg_hba.conf"
    trusting = hba.read_text(encoding="utf-8")
    engine = empty_database(role)
    ensure_schema(engine)
    try:
        with hba.open("w", encoding="utf-8") as file:
            file.write(f"local all {role} scram-sha-256\n{trusting}")
        administer("SELECT pg_reload_conf()")
        protected = warehouse_engine(engine.url.set(password="the-right-one"))
        yield protected, role
        protected.dispose()
    finally:
        hba.write_text(trusting, encoding="utf-8")
        administer("SELECT pg_reload_conf()")


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("down", WarehouseDown),
        ("too many connections", WarehouseDown),
        ("read-only", WarehouseDown),
        ("wrong password", WarehouseRefused),
        ("may not log in", WarehouseRefused),
    ],
)
def test_c9_a_warehouse_that_is_not_to_be_had_costs_the_load_alone(
    humble: tuple[Engine, str], administer: Callable[[str], None], tmp_path: Path, fault: str, error: type[Exception]
) -> None:
    """Pages and Parquet stay, so that the load alone is repeated.

    It is tried again, but for a role that is not let in: access that is refused is never tried again, since servers
    lock out who knocks too often.
    """
    engine, role = humble
    account = Account(engine, tmp_path, "acme")
    account.whole([sent(D1, "a", "1")], D1, D1)
    load_id = account.landed([sent(D1, "a", "2")], D1, D1, T0 + HOUR)
    account.transform(load_id)
    account.validate(load_id)
    before = content(engine)
    files = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    broken, heal = engine.url, ""
    if fault == "down":
        broken = broken.set(port=1)
    elif fault == "wrong password":
        broken = broken.set(password="the-wrong-one")
    else:
        harm, heal = {
            "too many connections": (f"ROLE {role} CONNECTION LIMIT 0", f"ROLE {role} CONNECTION LIMIT -1"),
            "read-only": (
                f"ROLE {role} SET default_transaction_read_only = on",
                f"ROLE {role} RESET default_transaction_read_only",
            ),
            "may not log in": (f"ROLE {role} NOLOGIN", f"ROLE {role} LOGIN"),
        }[fault]
        engine.dispose()
        administer(f"ALTER {harm}")
    account.engine = warehouse_engine(broken)
    with pytest.raises(error) as raised:
        account.load(load_id)
    assert type(raised.value) is error
    assert isinstance(raised.value, TryAgain) is (error is WarehouseDown)
    assert "-one" not in str(raised.value)  # of the password
    account.engine.dispose()
    if heal:
        administer(f"ALTER {heal}")
    account.engine = engine
    assert content(engine) == before
    assert account.load(load_id).changed["usage_daily"] == 1
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == files


@pytest.fixture
def pooled(server: Any, empty_database: Callable[..., Engine], tmp_path: Path) -> Iterator[tuple[Engine, Engine, int]]:
    """A warehouse straight and through a PgBouncer that lends two sessions, a transaction at a time; and its port."""
    if PGBOUNCER is None:
        pytest.skip("the program pgbouncer is not installed")
    straight = empty_database()
    folder = str(make_url(server.get_uri()).query["host"])
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    settings = tmp_path / "pgbouncer.ini"
    settings.write_text(
        f"[databases]\n* = host={folder} user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n"
        "unix_socket_dir =\nauth_type = any\nadmin_users = postgres\npool_mode = transaction\ndefault_pool_size = 2\n"
    )
    owner = Path(folder).stat()  # it may reach the socket, and is not root
    who: dict[str, Any] = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    with settings.open() as told:
        bouncer = subprocess.Popen([PGBOUNCER, "/dev/stdin"], stdin=told, stderr=subprocess.DEVNULL, **who)
    through = warehouse_engine(straight.url.set(host="127.0.0.1", port=port, query={}))
    try:
        eventually(lambda: _answers(f"postgres://postgres@127.0.0.1:{port}/postgres"))
        yield straight, through, port
    finally:
        through.dispose()
        bouncer.terminate()
        bouncer.wait(20)


def test_c10_whole_runs_work_through_pgbouncer_in_transaction_mode(
    pooled: tuple[Engine, Engine, int], provider: Any, nursery: Nursery, tmp_path: Path
) -> None:
    """Four runs and idle clients share two sessions; no setting, lock or table of one is left to the next."""
    straight, through, port = pooled
    assert ensure_schema(through)
    names = [f"acme{number}" for number in range(390, 394)]
    first, last = NOW.date() - 2 * DAY, NOW.date() - DAY
    with contextlib.ExitStack() as clients:
        for _ in range(3):  # connected, and outside of a transaction: they hold no session
            idle = clients.enter_context(closing(through.raw_connection()))
            idle.cursor().execute("SELECT 1")
            idle.rollback()
        running = [
            nursery.start(
                Errand(
                    database=through.url.render_as_string(hide_password=False),
                    url=provider[1],
                    root=str(tmp_path / "raw"),
                    name=name,
                    first=str(first),
                    last=str(last),
                )
            )
            for name in names
        ]
        for pid in running:
            ended = nursery.wait(pid)
            assert (ended.code, ended.failures, ended.unexpected) == (DONE, [], "")
        with closing(psycopg2.connect(f"postgres://postgres@127.0.0.1:{port}/pgbouncer")) as console:
            console.autocommit = True
            cursor = console.cursor()
            cursor.execute("SHOW POOLS")
            columns = [column.name for column in cursor.description or ()]
            pools = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
            cursor.execute("SHOW STATS")
            assert cursor.fetchall()
        [pool] = [pool for pool in pools if pool["database"] == straight.url.database]
        assert pool["pool_mode"] == "transaction"
        assert pool["cl_active"] >= 3
        assert 0 < pool["sv_active"] + pool["sv_idle"] + pool["sv_used"] <= 2
    for name in names:
        rows = "SELECT usage_date, sum(input_tokens) FROM ledger.usage_daily WHERE connection_id = %s GROUP BY 1"
        truth = TRUTHS[name].expected_usage(first, last + DAY, "UTC")
        assert dict(ask(straight, rows, name)) == {day: meters["input_tokens"] for day, meters in truth.items()}
    assert ask(straight, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [(0,)]
    assert ask(straight, "SELECT count(*) FROM pg_class WHERE relname ~ '^staged_'") == [(0,)]
    with closing(session(through)) as later, closing(later.cursor()) as cursor:
        cursor.execute("SELECT current_setting('lock_timeout'), current_setting('idle_in_transaction_session_timeout')")
        assert cursor.fetchone() == ("0", "0")


# A warehouse that was altered by hand

NOTHING = "CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"
ON_PART = "ledger.usage_daily_2026_05"


@pytest.mark.parametrize(
    ("done", "undone", "told"),
    [
        (
            "ALTER TABLE ledger.usage_daily DROP COLUMN training_tokens CASCADE",
            "ALTER TABLE ledger.usage_daily ADD COLUMN training_tokens bigint",
            "column training_tokens of ledger.usage_daily is missing, and should be bigint",
        ),
        (
            "ALTER TABLE ledger.usage_daily RENAME COLUMN job_id TO job",
            "ALTER TABLE ledger.usage_daily RENAME COLUMN job TO job_id",
            "column job_id of ledger.usage_daily is missing, and should be text",
        ),
        (
            "ALTER TABLE ledger.usage_daily ALTER COLUMN job_id TYPE varchar(20)",
            'ALTER TABLE ledger.usage_daily ALTER COLUMN job_id TYPE text COLLATE "C"',
            r"column job_id of ledger.usage_daily is character varying\(20\), and should be text",
        ),
        (
            "ALTER TABLE ledger.usage_daily ALTER COLUMN audio_seconds TYPE double precision",
            "ALTER TABLE ledger.usage_daily ALTER COLUMN audio_seconds TYPE numeric(38,9)",
            r"column audio_seconds of ledger.usage_daily is double precision, and should be numeric\(38,9\)",
        ),
        (
            "ALTER TABLE ops.name_observation ALTER COLUMN id TYPE varchar(20)",
            'ALTER TABLE ops.name_observation ALTER COLUMN id TYPE text COLLATE "C"',
            r"column id of ops.name_observation is character varying\(20\), and should be text",
        ),
        (
            f"{NOTHING}; CREATE TRIGGER note AFTER INSERT ON ledger.usage_daily FOR EACH ROW EXECUTE FUNCTION noted()",
            "DROP FUNCTION noted() CASCADE",
            "ledger.usage_daily has the trigger note",
        ),
        (
            f"{NOTHING}; CREATE TRIGGER mine BEFORE INSERT ON {ON_PART} FOR EACH ROW EXECUTE FUNCTION noted()",
            "DROP FUNCTION noted() CASCADE",
            "ledger.usage_daily has the trigger mine",
        ),
        (
            "ALTER TABLE ledger.usage_daily ALTER COLUMN requests SET DEFAULT 0",
            "ALTER TABLE ledger.usage_daily ALTER COLUMN requests DROP DEFAULT",
            "column requests of ledger.usage_daily has 0 default, and should have none",
        ),
        (
            "ALTER TABLE ledger.usage_daily ALTER COLUMN model SET DEFAULT 'x'",
            "ALTER TABLE ledger.usage_daily ALTER COLUMN model SET DEFAULT ''",
            "column model of ledger.usage_daily has 'x'::text default, and should have ''::text",
        ),
        (
            "ALTER TABLE ledger.usage_daily ALTER COLUMN model DROP DEFAULT",
            "ALTER TABLE ledger.usage_daily ALTER COLUMN model SET DEFAULT ''",
            "column model of ledger.usage_daily has no default, and should have ''::text",
        ),
        (
            "ALTER TABLE ledger.usage_daily ADD COLUMN note text",
            "ALTER TABLE ledger.usage_daily DROP COLUMN note",
            None,
        ),
    ],
)
def test_c11_a_fact_table_altered_by_hand_is_refused_before_anything_is_written(
    altered: Engine, done: str, undone: str, told: str | None
) -> None:
    """The error names column and table. A column more is let be: a newer version may have added it."""
    desk = Desk(altered, f"acme{next(_numbers)}")
    desk.load([used(D1, "a", 1)], D1, names=[called(D1, "k", "first")])
    ask(altered, done)
    try:
        before = content(altered)
        incoming = desk.incoming([used(D1, "a", 2)], D1, fetched_at=T0 + HOUR, names=[called(D2, "k", "second")])
        if told is None:
            assert apply_load(altered, incoming).changed["usage_daily"] == 1
        else:
            with pytest.raises(WarehouseDrift, match=told):
                apply_load(altered, incoming)
            assert content(altered) == before
    finally:
        ask(altered, undone)
    apply_load(altered, incoming)
    assert tokens(desk) == {(D1, "a"): 2}


@pytest.fixture(scope="module")
def altered(empty_database: Callable[..., Engine]) -> Engine:
    """A warehouse without marts, which would hold on to the columns."""
    made = empty_database()
    ensure_schema(made)
    ask(made, "DROP SCHEMA marts CASCADE")
    return made
