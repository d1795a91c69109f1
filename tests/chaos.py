"""Everything at once, at random: `python tests/chaos.py --rounds N [--seed S]`, or `make chaos ROUNDS=N`.

In each round the provider restates days and fails now and then; one or two processes load random dates of several
connections and are killed at a random instant or point; sometimes PostgreSQL goes down; and a reader looks all the
while. In the end the faults stop, one clean run goes over everything, held days are confirmed or released, and the
ledger must equal the truth. The seed decides what is tried; how the processes meet is the machine's affair.
"""

import argparse
import logging
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any

from kit.doomed import DONE, FAILED, HELD, Ended, Errand, Nursery, backends, crash_server, own_server, restart
from kit.ledger_laws import Query, Snapshot, false_successes, row_versions, unexplained
from kit.restating_provider import DAY, NOTHING, VERSIONS, Account, Faulty, expected, provider
from sqlalchemy import Engine, make_url

from usage_ledger.connections import Connection
from usage_ledger.core.errors import UsageLedgerError
from usage_ledger.core.warehouse_errors import WarehouseDown
from usage_ledger.pipeline.rebuild import release
from usage_ledger.warehouse.engine import transaction, warehouse_engine
from usage_ledger.warehouse.schema import ensure_schema

ZONES = ("UTC", "America/Los_Angeles", "Asia/Kathmandu")
DATES = tuple(date(2026, 10, 28) + DAY * number for number in range(10))
"""Over the end of a month and of Los Angeles' summer time."""
POINTS = {"extract": 24, "transform": 18, "validate": 14, "load": 44, "ask": 16, "write": 46}
"""About how many points a run passes."""
MAY_FAIL = {
    *("WarehouseDown", "ProviderDown", "RateLimited", "Unreachable", "IncompleteAnswer", "NotJson", "BadJson"),
    *("EmptyBody", "Shape", "MissingField", "NegativeCount", "WrongAccount"),
}
"""What the faults that are served may lead to. Any other failure would be one of the product."""
AN_HOUR = 3600


class Broken(Exception):
    """Something that must not happen did."""


class Reader:
    """Reads the ledger all the while, as a dashboard does, and notes what it must never see."""

    def __init__(self, engine: Engine, accounts: list[Account]) -> None:
        self.reads, self.wrong = 0, list[str]()
        self.may_vanish = False
        self._engine, self._accounts = warehouse_engine(engine.url), accounts
        self._had_rows: set[Any] = set()
        self._fetched: dict[Any, datetime] = {}
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._done.set()
        self._thread.join(30)
        self._engine.dispose()

    def _read(self) -> None:
        began = time.monotonic()
        while not self._done.wait(0.02):
            try:
                snapshot = Snapshot(query_of(self._engine), self._accounts)
            except UsageLedgerError:
                continue  # the server is on its way up again
            self.reads += 1
            self.wrong += snapshot.mixed()
            standing = {key for key, (_, _, found) in snapshot.days.items() if any(found)}
            # An emptied day is confirmed by a second answer an hour later, or by a person; not before.
            if not self.may_vanish and time.monotonic() - began < AN_HOUR:
                self.wrong += [f"{key} had rows, and has none" for key in self._had_rows - standing]
            self._had_rows |= standing
            for key, fetched_at in snapshot.fetched.items():
                if fetched_at < self._fetched.setdefault(key, fetched_at):
                    self.wrong.append(f"{key} went back from {self._fetched[key]} to {fetched_at}")
                self._fetched[key] = fetched_at


def query_of(engine: Engine) -> Query:
    def query(text: str, *values: Any) -> list[tuple[Any, ...]]:
        with transaction(engine) as cursor:
            cursor.execute(text, values)
            return list(cursor.fetchall())

    return query


def patient(query: Query) -> Query:
    """The same, which waits where the warehouse is on its way up."""

    def ask(text: str, *values: Any) -> list[tuple[Any, ...]]:
        for _ in range(600):
            try:
                return query(text, *values)
            except WarehouseDown:
                time.sleep(0.1)
        raise Broken("the warehouse did not come up")

    return ask


class Chaos:
    """One warehouse, one provider, three connections."""

    def __init__(self, rng: random.Random, server: Any, faulty: Faulty, url: str, nursery: Nursery, root: Path) -> None:
        self.rng, self.server, self.faulty, self.url, self.nursery, self.root = rng, server, faulty, url, nursery, root
        self.engine = warehouse_engine(make_url(server.get_uri("postgres")))
        ensure_schema(self.engine)
        self.query = patient(query_of(self.engine))
        self.accounts = [Account(f"chaos{number}", zone, DATES, faulty.app) for number, zone in enumerate(ZONES)]
        self._learn_truth()
        self.reader = Reader(self.engine, self.accounts)
        self.kills = self.restarts = 0
        self.ends: Counter[str] = Counter()

    def _learn_truth(self) -> None:
        """So that nobody waits for it later."""
        for account in self.accounts:
            for day in account.dates:
                for version in (*VERSIONS, NOTHING):
                    expected(account.name, version, "usage", day, account.zone)
                    expected(account.name, version, "cost", day, "UTC")

    def round(self) -> None:
        """One or two runs, and what happens to them."""
        self.faulty.share = self.rng.choice((0, 0.1, 0.3))
        self.restate()
        accounts = self.rng.choices(self.accounts, k=self.rng.choice((1, 1, 2)))
        if self.rng.random() < 0.5:
            accounts = [accounts[0]] * len(accounts)  # two of one connection at once
        running = [(self.nursery.start(self.errand(account)), self.deadly_instant()) for account in accounts]
        began = time.monotonic()
        for pid, instant in sorted(running, key=lambda one: one[1] or 0):
            if instant is not None:
                time.sleep(max(0.0, began + instant - time.monotonic()))
                self.nursery.kill(pid)
        if self.rng.random() < 0.2:
            self.restate()
        if self.rng.random() < 0.03:
            self.hit_warehouse()
        for pid, _ in running:
            self.judge(self.nursery.wait(pid))
        wrong = [one for account in self.accounts for one in false_successes(self.query, account)]
        if wrong:
            raise Broken("; ".join(wrong[:5]))

    def restate(self) -> None:
        """The provider changes its mind about some days; rarely it says that there was nothing."""
        for account in self.rng.sample(self.accounts, self.rng.randint(0, 2)):
            days = self.rng.sample(account.dates, self.rng.randint(1, 3))
            account.restate({day: self.rng.choice((*VERSIONS, *VERSIONS, NOTHING)) for day in days})

    def errand(self, account: Account) -> Errand:
        """A run over a few dates."""
        first = self.rng.randrange(len(DATES))
        last = min(first + self.rng.randint(0, 3), len(DATES) - 1)
        step = self.rng.choice(list(POINTS))
        crash_at = f"{step}:{self.rng.randint(1, POINTS[step])}" if self.rng.random() < 0.4 else ""
        return self.errand_of(
            account,
            first=str(DATES[first]),
            last=str(DATES[last]),
            crash_at=crash_at,
            expectations=self.rng.random() < 0.05,
        )

    def errand_of(self, account: Account, **more: Any) -> Errand:
        given = {
            "database": self.engine.url.render_as_string(hide_password=False),
            "url": self.url,
            "root": str(self.root),
            "name": account.name,
            "timezone": account.zone,
            "first": str(DATES[0]),
            "last": str(DATES[-1]),
        }
        return Errand(**given | more)

    def deadly_instant(self) -> float | None:
        """Seconds from now."""
        return self.rng.uniform(0, 0.4) if self.rng.random() < 0.35 else None

    def hit_warehouse(self) -> None:
        """Restart the server, fast or at once, or kill one of its processes, after which it restarts the others."""
        self.restarts += 1
        how = self.rng.choice((signal.SIGINT, signal.SIGQUIT, signal.SIGKILL))
        if how == signal.SIGKILL:
            crash_server(self.rng.choice(backends(self.query)), self.query)
        else:
            restart(self.server, how)

    def judge(self, ended: Ended) -> None:
        """A run may be killed, or fail as the faults make it fail; nothing else."""
        self.ends.update(ended.failures or ended.states or ["none"])
        if ended.killed:
            self.kills += 1
        elif ended.code not in (DONE, FAILED, HELD) or not set(ended.failures) <= MAY_FAIL:
            raise Broken(f"a run ended with {ended}")
        if self.reader.wrong:
            raise Broken("; ".join(self.reader.wrong[:5]))

    def verdict(self) -> list[str]:
        """The faults stop; what differs from the truth in the end."""
        self.faulty.share = 0
        self.reader.may_vanish = True
        found: list[str] = []
        for number, account in enumerate(self.accounts):
            ended = self.nursery.run(self.errand_of(account))
            if ended.code == HELD:
                self.settle(account, by_a_person=number % 2 == 1)
            elif ended.code != DONE:
                found.append(f"{account.name}: the clean run ended with {ended}")
            before = row_versions(self.query, account)
            again = self.nursery.run(self.errand_of(account, later=2 * AN_HOUR + 1, expectations=False))
            if again.code != DONE or row_versions(self.query, account) != before:
                found.append(f"{account.name}: running again changed something, or failed: {again}")
            found += unexplained(self.query, account, self.root)
        self.reader.stop()
        if self.reader.reads < 10:
            found.append(f"the reader looked {self.reader.reads} times")
        return found + Snapshot(self.query, self.accounts).differences() + self.reader.wrong

    def settle(self, account: Account, *, by_a_person: bool) -> None:
        """Days that came back empty: a second answer, two hours later, says the same; or a person releases them."""
        if not by_a_person:
            self.judge(self.nursery.run(self.errand_of(account, later=2 * AN_HOUR, expectations=False)))
            return
        connection = Connection(id=account.name, provider="fireworks", account=account.name, timezone=account.zone)
        held = "SELECT DISTINCT usage_date FROM ops.day WHERE connection_id = %s AND state = 'held'"
        for (day,) in self.query(held, account.name):
            release(connection, day, engine=self.engine, root=self.root)


@contextmanager
def chaos(seed: int) -> Iterator[Chaos]:
    folder = Path(tempfile.mkdtemp(prefix="ul"))
    rng = random.Random(seed)  # noqa: S311  no secret
    try:
        with (
            own_server(folder / "pg") as server,
            provider(random.Random(rng.random())) as (faulty, url),  # noqa: S311
            Nursery(folder / "told") as nursery,
        ):
            made = Chaos(rng, server, faulty, url, nursery, folder / "raw")
            try:
                yield made
            finally:
                made.reader.stop()
                made.engine.dispose()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> int:
    """0 when the ledger equals the truth."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**9))
    parser.add_argument("--more", action="store_true", help="tell how the runs ended and which faults were served")
    told = parser.parse_args()
    sys.stderr.write(f"seed {told.seed}\n")
    logging.getLogger("usage_ledger").setLevel(logging.CRITICAL)  # faults are meant here
    with chaos(told.seed) as tried:
        rounds = 0
        try:
            for rounds in range(1, told.rounds + 1):
                tried.round()
                if rounds == told.rounds // 2 and not tried.restarts:
                    tried.hit_warehouse()
            found = tried.verdict()
        except Broken as error:
            found = [str(error)]
        faults = sum(tried.faulty.served.values())
        did = f"seed {told.seed}, rounds {rounds}, kills {tried.kills}, restarts {tried.restarts}, faults {faults}"
        sys.stdout.write(f"{did}: {'ledger equals the truth' if not found else 'WRONG: ' + '; '.join(found[:20])}\n")
        if told.more:
            sys.stderr.write(f"{tried.reader.reads} reads, {dict(tried.ends)}, {tried.faulty.served}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
