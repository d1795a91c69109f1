"""What commands print: tables for people, JSON for programs, progress and logs on standard error."""

import json
import logging
import sys
from collections.abc import Iterable, Sequence
from copy import copy
from datetime import date, datetime
from decimal import Decimal
from types import TracebackType
from typing import Any, Self

from usage_ledger.core.errors import BadWindow, UsageLedgerError
from usage_ledger.core.numbers import EXACT
from usage_ledger.core.redaction import RedactingFilter, redact

Record = dict[str, Any]
WIDTH = 160
"""Of a table that goes to a file or a pipe."""
WIDEST = 4000
"""Of a table of which nothing may be cut."""
WIDE_ENOUGH = 100
"""Of a terminal in which a table of sentences can be read."""


def say(text: str) -> None:
    """A line for the person at the terminal."""
    sys.stdout.write(redact(text) + "\n")


def print_json(document: Any) -> None:
    """JSON on standard output; decimals as text, so that no digit is lost."""
    sys.stdout.write(redact(json.dumps(document, default=_plain, indent=2, ensure_ascii=False)) + "\n")


def log_to_stderr(*, debug: bool) -> None:
    """Our log on standard error: silent but with --debug, since commands tell their own errors."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(RedactingFilter())
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    logger = logging.getLogger("usage_ledger")
    logger.handlers = [handler]
    logger.propagate = False
    logger.setLevel(logging.DEBUG if debug else logging.CRITICAL)
    logging.getLogger("great_expectations").setLevel(logging.ERROR)


def day_option(text: str, option: str) -> date:
    """A date given as an option. Raises `BadWindow`."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadWindow(f"{option} {text[:40]!r} is no date", next_step="write it as YYYY-MM-DD") from None


def table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], *, whole: bool = False, narrow: bool = False
) -> None:
    """A table on standard output; where it is `whole`, as wide as its longest texts, so that nothing is cut.

    Where it is `narrow` and the terminal is too, a line for each value that is there, row by row.
    """
    from rich import box
    from rich.console import Console
    from rich.measure import Measurement
    from rich.table import Table

    grid = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for number, name in enumerate(columns):
        right = bool(rows) and all(isinstance(row[number], int | Decimal | None) for row in rows)
        grid.add_column(name, justify="right" if right else "left", overflow="fold", no_wrap=right or whole)
    for row in rows:
        grid.add_row(*(redact(_shown(value)) for value in row))
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    if narrow and console.width < min(
        WIDE_ENOUGH, Measurement.get(console, console.options.update(max_width=WIDEST), grid).maximum
    ):
        _print_lines(title, columns, rows)
        return
    if whole:
        wide = console.options.update(max_width=WIDEST)
        console = Console(width=max(console.width, Measurement.get(console, wide, grid).maximum))
    console.print(grid)


def _print_lines(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Each row as lines of a name and a value, without the values that are empty."""
    width = max(map(len, columns))
    blocks = []
    for row in rows:
        shown = [(name, redact(_shown(value))) for name, value in zip(columns, row, strict=True)]
        blocks.append("\n".join(f"{name:<{width}}  {text}" for name, text in shown if text))
    say(f"{title}\n" + "\n\n".join(blocks) + "\n")


class Progress:
    """A progress bar on standard error, where that is a terminal."""

    def __init__(self, title: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        console = Console(stderr=True)
        self._bar = Progress(*columns, console=console, disable=not console.is_terminal)
        self._task = self._bar.add_task(title, total=None)
        self._title = title

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def begin(self, steps: int) -> None:
        self._bar.update(self._task, total=steps)

    def advance(self, step: str) -> None:
        self._bar.update(self._task, advance=1, description=f"{self._title} {step}")

    def reach(self, steps: int, text: str) -> None:
        self._bar.update(self._task, completed=steps, description=f"{self._title} {text}")


def print_run(ran: Any, *, as_json: bool) -> None:
    """What `usage-ledger run` did; failures go to standard error, a line for each cause."""
    rows = [
        (
            report,
            str(window),
            outcome.state,
            outcome.rows,
            sum(outcome.changed.values()),
            [str(day) for day in outcome.held],
            [str(day) for day in outcome.failed],
        )
        for report, window, outcome in ran.loads
    ]
    names = ("report", "window", "state", "rows", "changed", "held", "failed")
    if as_json:
        print_json(
            {
                "loads": [dict(zip(names, row, strict=True)) for row in rows],
                "failures": [{"error": type(failure).__name__, "message": str(failure)} for failure in ran.failures],
                "notes": [redact(note) for note in ran.notes],
            }
        )
    else:
        table("", names, [(*row[:5], *map(", ".join, row[5:])) for row in rows])
    for note in ran.notes:
        sys.stderr.write(f"usage-ledger: {redact(note)}\n")
    for cause in causes(ran.failures):
        sys.stderr.write(f"usage-ledger: {redact(cause)}\n")


def causes(failures: Iterable[UsageLedgerError]) -> list[str]:
    """A sentence for each cause, naming every report and window that failed by it."""
    groups: dict[tuple[type, str, str, str], list[UsageLedgerError]] = {}
    for failure in failures:
        key = (type(failure), failure.what, failure.next_step, failure.connection)
        groups.setdefault(key, []).append(failure)
    sentences = []
    for group in groups.values():
        error = copy(group[0])
        error.report = ", ".join(dict.fromkeys(failure.report for failure in group if failure.report))
        error.window = ", ".join(dict.fromkeys(failure.window for failure in group if failure.window))
        sentences.append(str(error))
    return sentences


def print_status(
    connections: Sequence[Record],
    days: Sequence[Record],
    events: Sequence[Record],
    incomplete: Sequence[str] = (),
    *,
    as_json: bool,
) -> None:
    """What `usage-ledger status` found; `incomplete` are sentences on keys that no file makes a Dag of."""
    if as_json:
        document = {"connections": connections, "days": days, "events": events, "incomplete": incomplete}
        print_json(document)
        return
    shown = ("connection_id", "provider", "state", "newest_loaded_date", "missing_days", "failed_days", "held_days")
    table(
        "Connections",
        (*shown, "last_success_at"),
        [[row[name] for name in (*shown, "last_success_at")] for row in connections],
        narrow=True,
    )
    for row in connections:
        for sentence in _news(row, events):
            say(f"{row['connection_id']}: {sentence}")
    for sentence in incomplete:
        say(sentence)
    for title, records in (("Days", days), ("Events", events)):
        if records:
            table(title, list(records[0]), [list(record.values()) for record in records], narrow=True)


def _news(row: Record, events: Sequence[Record]) -> list[str]:
    """The open error of a connection and its newest event: what neither the other nor the list of events says."""
    error, event = row["last_error_message"] or "", row["newest_event"] or ""
    if any(one["message"] and one["message"].rstrip(".") in error for one in events):
        error = ""
    if events or event.rstrip(".") in (row["last_error_message"] or ""):
        event = ""
    return [text for text in (error, event and f"{event}: {row['newest_event_next_step']}") if text]


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    if isinstance(value, Decimal):
        return f"{value.normalize(EXACT):,f}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return str(value)


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)
