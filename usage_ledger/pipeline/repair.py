"""Repair: load what a run could not load at once, window by window.

A run lands a first portion of each report's windows in bulk. What lies beyond that portion, and what a provider did
not answer in time, is left to this step: each window goes through extract, transform, validate and load by itself, so
that a long fill grows as it goes and a report that must wait delays no other.
"""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Engine

from usage_ledger.connections import Connection
from usage_ledger.core.error_classes import ERROR_CLASSES, is_harmless
from usage_ledger.core.errors import PersonMustAct, TryAgain, UsageLedgerError
from usage_ledger.core.provider_errors import CONCERNS_EVERY_REPORT, AccessDenied, NoReport, RateLimited
from usage_ledger.core.windows import Window
from usage_ledger.http.client import Client
from usage_ledger.model.provider import Report
from usage_ledger.pipeline.extract import extract
from usage_ledger.pipeline.key_use import remember_key
from usage_ledger.storage.files import AnyPath
from usage_ledger.warehouse import loads
from usage_ledger.warehouse.incoming import Outcome

log = logging.getLogger(__name__)

PORTION = 3
"""Windows of a report that a run lands in bulk: a daily run's look-back and late dates, a quarter of a fill."""
NEVER = -1
"""`not_before` of a window that only a person can mend."""
LONGEST = 3 * 86400
"""Seconds after its start that a run waits for nothing more; the next run takes what it left."""
DONE = ("loaded", "held", "superseded")


@dataclass(frozen=True, slots=True)
class Remaining:
    """A window that a run has not loaded; `not_before` is the Unix second of its next request: 0 now, or `NEVER`."""

    report: Report
    window: Window
    not_before: int = 0


@dataclass(frozen=True, slots=True)
class Missing:
    """A window that repair could not load, why, and the Unix second of the next try; None when there is none."""

    report: str
    window: Window
    error: UsageLedgerError
    until: int | None


@dataclass
class Repaired:
    """What repair loaded, and what is still missing."""

    outcomes: list[Outcome] = field(default_factory=list)
    missing: list[Missing] = field(default_factory=list)


def portion(planned: Iterable[tuple[Report, Window]]) -> tuple[list[tuple[Report, Window]], list[Remaining]]:
    """The newest windows of each report, `PORTION` at most and oldest first, and the windows that remain."""
    by_report: dict[str, list[tuple[Report, Window]]] = {}
    for report, window in planned:
        by_report.setdefault(report.name, []).append((report, window))
    first = [pair for pairs in by_report.values() for pair in pairs[-PORTION:]]
    return first, [Remaining(*pair) for pairs in by_report.values() for pair in pairs[:-PORTION]]


class Repair:
    """One pass over what a run left. `wait(error, tries)` is the seconds until the next try, None to give up."""

    def __init__(
        self,
        connection: Connection,
        *,
        client: Callable[[], Client],
        engine: Engine,
        root: AnyPath,
        run_id: str,
        wait: Callable[[TryAgain, int], float | None],
        now: Callable[[], float] = time.time,
    ) -> None:
        self.connection, self.engine, self.root, self.run_id = connection, engine, root, run_id
        self._client, self._now, self._wait = client, now, wait
        self._not_before: dict[str, int] = {}
        self._until: float = 0
        self._refused: dict[str, UsageLedgerError] = {}
        self._absent: set[str] = set()
        self._done = Repaired()
        self._key_used = False

    def run(self, remaining: Sequence[Remaining], load_ids: Sequence[str], *, since: int) -> Repaired:
        """Load the windows that remain and the loads handed over, newest first; what is loaded is not asked again.

        Raises `BadKey` and `WrongAccount` at once, for they concern every report. Other failures are in `missing`.
        """
        attempts: dict[tuple[str, Window], list[loads.Load]] = {}
        for attempt in loads.loads_of_run(self.engine, self.connection.id, self.run_id, since=since, load_ids=load_ids):
            attempts.setdefault((attempt.report, attempt.window), []).append(attempt)
        self._until = since + LONGEST
        waiting = {(one.report.name, one.window): one for one in remaining}
        for one in remaining:
            if one.not_before > self._now():
                self._not_before[one.report.name] = max(one.not_before, self._not_before.get(one.report.name, 0))
        declared = self.connection.declared
        for report, window in sorted(
            waiting.keys() | attempts.keys(), key=lambda key: (-key[1].end.toordinal(), key[0])
        ):
            left = waiting.get((report, window)) or Remaining(declared.report(report), window)
            self._window(left, attempts.get((report, window), []))
        return self._done

    def _window(self, left: Remaining, attempts: Sequence[loads.Load]) -> None:
        report, name = left.report, left.report.name
        if done := [attempt for attempt in attempts if attempt.state in DONE]:
            if error := _recorded(done[-1]):  # dates that failed: another try would bring the same
                self._miss(left, error, None)
            return
        last = attempts[-1] if attempts else None
        if last and (final := _final(last)):
            if is_harmless(final, snapshot=report.snapshot):
                self._leave(report, final)
            else:
                self._miss(left, final, None)
            return
        if name in self._absent:
            return
        if left.not_before == NEVER:
            self._miss(left, PersonMustAct("it was not fetched", next_step="see the log of extract"), None)
            return
        if refused := self._refused.get(name):
            self._miss(left, refused, None)
            return
        landed = [attempt for attempt in attempts if attempt.manifest_uri]
        if not landed and (until := self._not_before.get(name, 0)) > self._now():
            why = (last and last.error_message) or "the provider asked to wait"
            self._miss(left, TryAgain(why), until)
            return
        try:
            load_id = landed[-1].load_id if landed else self._extract(report, left.window)
            outcome = self._steps(load_id)
            self._done.outcomes.append(outcome)
            if outcome.error:
                self._failed(left, outcome.error, tries=len(attempts))
                return
            log.info("%s %s is loaded", name, left.window)
        except CONCERNS_EVERY_REPORT:
            raise
        except UsageLedgerError as error:
            self._failed(left, error, tries=len(attempts) + 1 - len(landed))

    def _failed(self, left: Remaining, error: UsageLedgerError, *, tries: int) -> None:
        name = left.report.name
        if error.harmless:
            log.warning("%s", error)
            self._leave(left.report, error)
            return
        if isinstance(error, AccessDenied):
            self._refused[name] = error
        log.error("%s", error)
        wait = self._wait(error, tries) if isinstance(error, TryAgain) and self._now() < self._until else None
        until = None if wait is None else int(self._now() + wait) + 1
        if isinstance(error, RateLimited) and error.retry_after is not None:
            if until is None:  # its other windows would be refused as well
                self._refused[name] = error
            else:
                self._not_before[name] = until
        self._miss(left, error, until)

    def _leave(self, report: Report, error: UsageLedgerError) -> None:
        """Miss no window of a list, nor of a report that the account does not have: that is not asked for again."""
        if isinstance(error, NoReport):
            self._absent.add(report.name)

    def _miss(self, left: Remaining, error: UsageLedgerError, until: int | None) -> None:
        self._done.missing.append(Missing(left.report.name, left.window, error, until))

    def _extract(self, report: Report, window: Window) -> str:
        client, engine = self._client(), self.engine
        load_id = extract(
            self.connection, report, window, client=client, engine=engine, root=self.root, run_id=self.run_id
        )
        if not self._key_used:
            remember_key(self.connection.id, client, engine)
        self._key_used = True
        return load_id

    def _steps(self, load_id: str) -> Outcome:
        from usage_ledger.pipeline.load import load
        from usage_ledger.pipeline.transform import transform
        from usage_ledger.pipeline.validate import validate

        for step in (transform, validate):
            step(self.connection, load_id, engine=self.engine, root=self.root)
        return load(self.connection, load_id, engine=self.engine, root=self.root)


def _final(attempt: loads.Load) -> UsageLedgerError | None:
    """The recorded failure of an attempt that only a person can mend."""
    return _recorded(attempt) if attempt.state == "failed" else None


def _recorded(attempt: loads.Load) -> UsageLedgerError | None:
    """The error that an attempt ended with, when only a person can mend it."""
    kind = ERROR_CLASSES.get(attempt.error_class or "")
    if kind is None or issubclass(kind, TryAgain):
        return None
    error = kind((attempt.error_message or kind.__name__).rstrip("."))
    error.next_step = ""  # the recorded text says it
    return error
