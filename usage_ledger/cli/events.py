"""The command that compares a file of events, as a vendor exports it, with the ledger."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from usage_ledger.cli.arguments import HELD, Json, WrongUsage, checked
from usage_ledger.core.errors import ConfigError

if TYPE_CHECKING:
    from usage_ledger.cli.usage import Question
    from usage_ledger.core.windows import Window
    from usage_ledger.model.event_file import EventFile
    from usage_ledger.money.event_check import Comparison
    from usage_ledger.money.event_file import Events

SHOWN = 50
"""Differences that are printed as a table; --json has all."""


class CannotCompare(ConfigError):
    """The ledger lacks what the file is to be compared with."""


def import_events(
    provider: Annotated[str, typer.Argument(metavar="PROVIDER", help="Whose file it is: fireworks.")],
    connection_id: Annotated[str, typer.Argument(metavar="ID", help="The connection of the same account.")],
    path: Annotated[Path, typer.Argument(metavar="FILE", help="The CSV file of the vendor's own command.")],
    json: Json = False,
) -> None:
    """Check a vendor's file of events, store it without people, and compare it with the ledger's days of UTC."""
    from usage_ledger.cli.usage import Question

    declared = _declared(provider)
    from usage_ledger.cli.context import command_engine, command_root
    from usage_ledger.money.event_check import window_of
    from usage_ledger.money.event_file import read_events
    from usage_ledger.storage.event_files import land_events
    from usage_ledger.warehouse.schema import ensure_schema

    engine = command_engine()
    ensure_schema(engine)
    question = Question(engine, checked(connection_id))
    if question.provider.name != provider:
        raise WrongUsage(f"{connection_id} is a connection of {question.provider.title}", next_step="name it instead")
    events = read_events(path, declared)
    question.window = window = window_of(events)
    uri, before = land_events(
        command_root(),
        provider,
        connection_id,
        question.account,
        window,
        events.packed,
        name=path.name,
        pseudonyms=list(declared.people),
        dropped=list(events.dropped),
        now=datetime.now(UTC),
    )
    notes = [f"the file was landed before, at {before:%Y-%m-%d %H:%M} UTC; it is compared again."] if before else []
    comparison, more = _compare(question, declared, events)
    _print(events, window, comparison, uri, [*notes, *_said(events), *more], as_json=json)
    if comparison.differences:
        raise typer.Exit(HELD)


def _declared(provider: str) -> "EventFile":
    """What the provider's file holds. Raises `WrongUsage` for one without."""
    from usage_ledger.providers import PROVIDERS

    files = {name: one.events for name, one in PROVIDERS.items() if one.events}
    if provider not in files:
        raise WrongUsage(f"{provider[:40]!r} has no file of events", next_step=f"allowed: {', '.join(files)}")
    return files[provider]


def _compare(question: "Question", declared: "EventFile", events: "Events") -> "tuple[Comparison, list[str]]":
    """The comparison, and what a reader must know of its dates. Raises `CannotCompare`, naming the dates."""
    from usage_ledger.cli.coverage import HELD_ANYWAY, sentences
    from usage_ledger.cli.usage import OtherZone
    from usage_ledger.money.event_check import compare

    try:
        rows, days = question.in_zone("UTC")
    except OtherZone as error:
        raise CannotCompare(f"the file cannot be compared: {error.what}", next_step=error.next_step) from None
    said = sentences(days, question.connection_id)
    if not days or any(day.state not in HELD_ANYWAY for day in days):
        what = said[0] if said else f"{question.connection_id} has no usage of {question.window}."
        raise CannotCompare(f"the file cannot be compared: {what}", next_step="then import the file again")
    return compare(question.engine, rows, declared, events), said


def _said(events: "Events") -> list[str]:
    notes = []
    if events.dropped:
        notes.append(f"columns that are not declared are not stored: {', '.join(events.dropped)}.")
    if events.over_midnight:
        notes.append(f"{events.over_midnight:,} events end on a later UTC date; they count on that of their beginning.")
    return notes


def _print(
    events: "Events", window: "Window", comparison: "Comparison", uri: str, notes: list[str], *, as_json: bool
) -> None:
    import sys

    from usage_ledger.console import print_json, say, table
    from usage_ledger.core.redaction import redact

    verdict = "differ" if comparison.differences else "equal"
    rows: list[dict[str, Any]] = [
        {"usage_date": one.usage_date, **one.columns, "meter": one.meter, "file": one.file, "ledger": one.ledger}
        for one in comparison.differences
    ]
    if as_json:
        counts = {"events": events.count, "dates": window.days, "equal": comparison.equal, "landed": uri}
        print_json({"verdict": verdict, **counts, "differences": rows})
    else:
        names = list(dict.fromkeys(name for row in rows for name in row))
        say(
            f"{verdict}: {events.count:,} events of {window}, {comparison.equal:,} sums by day and model are equal"
            + (f", {len(rows):,} differ" if rows else "")
            + f" ({', '.join(comparison.meters)})"
        )
        if rows:
            names = sorted(names, key=lambda name: name in ("meter", "file", "ledger"))
            table("", names, [[row.get(name, "") for name in names] for row in rows[:SHOWN]], whole=True)
    if comparison.lacking:
        notes.append(f"the file has no {', '.join(comparison.lacking)}: not compared.")
    if len(rows) > SHOWN:
        notes.append(f"{len(rows) - SHOWN:,} more sums differ; --json has all.")
    for note in notes:
        sys.stderr.write(f"usage-ledger: {redact(note)}\n")
