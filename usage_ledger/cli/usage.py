"""The command that shows what a connection metered and was charged, as the ledger has it."""

from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from usage_ledger.cli.arguments import ConnectionId, WrongUsage, checked, require_dates
from usage_ledger.core.errors import BadWindow, ConfigError
from usage_ledger.core.windows import DAY, Window

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from usage_ledger.cli.usage_output import Answer, Stream
    from usage_ledger.model.provider import Provider
    from usage_ledger.warehouse.usage import DayState, Slice

UTC_DAYS = "utc_day"
"""The breakdown of the same traffic in days of UTC, where a connection's record is in days of another zone."""
NO_DATES = Window(date.min, date.min)
NOT_LOADED = "load them with `usage-ledger run`; `usage-ledger status` shows what is loaded"


class NothingLoaded(ConfigError):
    """The ledger holds none of these dates."""

    remedy = NOT_LOADED


def usage(
    connection_id: ConnectionId,
    first: Annotated[str | None, typer.Option("--from", metavar="YYYY-MM-DD", help="First usage date.")] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="YYYY-MM-DD", help="Last usage date, included.")] = None,
    start: Annotated[str | None, typer.Option("--start-time", help="The same as --from.")] = None,
    end: Annotated[str | None, typer.Option("--end-time", help="The date after the last one, not included.")] = None,
    usage_type: Annotated[str, typer.Option(help="all, serverless, dedicated-deployment, training, …")] = "all",
    group_by: Annotated[list[str] | None, typer.Option(metavar="DIMENSION", help="Repeat for more.")] = None,
    only: Annotated[list[str] | None, typer.Option("--filter", metavar="KEY=VALUE", help="Repeat for more.")] = None,
    timezone: Annotated[str | None, typer.Option(help="The zone of the days, such as UTC.")] = None,
    account_costs_only: Annotated[bool, typer.Option("--account-costs-only", help="No usage.")] = False,
    output: Annotated[str, typer.Option("--output", "-o", metavar="text|json", help="The form.")] = "text",
) -> None:
    """What the account was charged, then what was metered by day and dimension, from the ledger, for any range."""
    if output not in ("text", "json"):
        raise WrongUsage(f"--output {output[:40]!r} is no form", next_step="write text or json")
    window = _window(first, last, start, end)
    from usage_ledger.cli.context import command_engine
    from usage_ledger.cli.dimensions import dimension, filters, type_named
    from usage_ledger.cli.usage_output import print_answer
    from usage_ledger.warehouse.schema import ensure_schema

    chosen = [dimension(word, "--group-by") for word in group_by or ()]
    words, kind = filters(only or ()), type_named(usage_type)
    engine = command_engine()
    ensure_schema(engine)
    question = Question(engine, checked(connection_id), window)
    print_answer(
        question.answer(kind, chosen, words, timezone, costs_only=account_costs_only), as_json=output == "json"
    )


class OtherZone(WrongUsage):
    """The ledger has no days of that zone."""


class Question:
    """What is asked of a connection's dates."""

    def __init__(self, engine: "Engine", connection_id: str, window: Window = NO_DATES) -> None:
        """Raises `ConfigError` for a connection that the ledger does not have."""
        from usage_ledger.providers import provider_named
        from usage_ledger.warehouse.status import connections

        records = connections(engine, connection_id)
        if not records:
            raise ConfigError(
                f"the warehouse knows no connection {connection_id!r}",
                next_step="see `usage-ledger status` for those it knows",
            )
        self.engine, self.connection_id, self.window = engine, connection_id, window
        self.provider: Provider = provider_named(records[0]["provider"])
        self.account: str = records[0]["account_id"]

    def answer(
        self, usage_type: str, chosen: list[Any], words: dict[Any, list[str]], timezone: str | None, *, costs_only: bool
    ) -> "Answer":
        """Costs, usage, and notes. Raises `WrongUsage` for another zone, `NothingLoaded`."""
        from usage_ledger.cli.coverage import sentences
        from usage_ledger.cli.usage_output import Answer
        from usage_ledger.warehouse.usage import billed

        rows = self.record()
        bill_days = self.states(rows, "cost_daily")
        days: list[DayState] = []
        streams: list[Stream] | None = None
        notes: list[str] = []
        if not costs_only:
            rows, days = self.in_zone(timezone, usage_type)
            streams, notes = self._streams(rows, usage_type, chosen, words)
        both = list(dict.fromkeys([*bill_days, *days]))
        _require_any(both, self.connection_id, self.window)
        notes = [*sentences(both, self.connection_id), *notes]
        return Answer(self.window, billed(self.engine, rows), _zones(bill_days), streams, _zones(days), notes)

    def record(self, breakdown: str = "") -> "Slice":
        """The connection's rows of a cut."""
        from usage_ledger.warehouse.usage import Slice

        return Slice(self.connection_id, self.window, breakdown)

    def states(self, rows: "Slice", table: str, usage_type: str = "") -> "list[DayState]":
        """The state of each date of the reports that fill a table."""
        from usage_ledger.cli.coverage import effective, reports_with
        from usage_ledger.warehouse.usage import day_states

        reports = [report.name for report in reports_with(self.provider, table, rows.breakdown, usage_type)]
        return effective(day_states(self.engine, rows, reports), self.provider)

    def in_zone(self, timezone: str | None, usage_type: str = "") -> "tuple[Slice, list[DayState]]":
        """The usage in days of a zone: the record, else the cut in days of UTC. Raises `WrongUsage`."""
        record = self.record()
        days = self.states(record, "usage_daily", usage_type)
        zones = {day.day_zone for day in days if day.day_zone}
        if timezone is None or zones <= {timezone}:
            return record, days
        if timezone == "UTC":
            other = self.record(UTC_DAYS)
            utc = self.states(other, "usage_daily", usage_type)
            if {day.day_zone for day in utc} & {"UTC"}:
                return other, utc
        raise OtherZone(
            f"the days of {self.connection_id} are of {' and '.join(sorted(zones))}, and the ledger has none of "
            f"{timezone[:60]}",
            next_step=self._remedy(timezone),
        )

    def _remedy(self, timezone: str) -> str:
        """How a ledger gets days of the zone."""
        from usage_ledger.cli.coverage import reports_with

        other = [report.name for report in reports_with(self.provider, "usage_daily", UTC_DAYS)]
        if timezone == "UTC" and other:
            return f"name {other[0]} in the `reports` of its file, next to the others, and load the dates"
        return "leave --timezone out, or connect the account in that zone to a ledger of its own"

    def _streams(
        self, rows: "Slice", usage_type: str, chosen: list[Any], words: dict[Any, list[str]]
    ) -> "tuple[list[Stream], list[str]]":
        """The usage, and what of the question says nothing of it."""
        from usage_ledger.cli.dimensions import columns_of, grouping
        from usage_ledger.cli.usage_output import Stream
        from usage_ledger.warehouse.usage import metered, usage_types

        streams, notes = [], []
        for name in usage_types(self.engine, rows):
            if usage_type and name != usage_type:
                continue
            columns = columns_of(self.provider, name, rows.breakdown)
            if lacking := [one.word for one in words if not one.applies(name, columns)]:
                notes.append(f"usage of type {name} has no {', '.join(lacking)}: --filter leaves it out.")
                continue
            group = grouping(chosen, name, columns)
            only = {one.column: values for one, values in words.items()}
            wide = list(dict.fromkeys(one.column for one in group))
            streams.append(Stream(name, group, metered(self.engine, rows, name, wide, only)))
        used = {one for stream in streams for one in stream.group}
        notes += [
            f"no usage of these dates has {one.word}: nothing is grouped by it." for one in chosen if one not in used
        ]
        if words and not any(stream.rows for stream in streams):
            said = ", ".join(f"{one.word}={value}" for one, values in words.items() for value in values)
            notes.append(f"no row of these dates matches --filter {said}.")
        return streams, notes


def _window(first: str | None, last: str | None, start: str | None, end: str | None) -> Window:
    """The dates. Raises `BadWindow`."""
    from usage_ledger.console import day_option

    if (first or last) and (start or end):
        raise BadWindow("--from and --to say the dates, and --start-time and --end-time too", next_step="give one pair")
    if start is not None or end is not None:
        if start is None or end is None:
            raise BadWindow("only one of --start-time and --end-time is given", next_step="give both")
        window = Window(_midnight(start, "--start-time"), _midnight(end, "--end-time"))
        if window.days < 1:
            raise BadWindow(f"--end-time {end} is not after --start-time {start}", next_step="it is not included")
        return window
    if first is None and last is None:
        raise BadWindow("no dates are given", next_step="give --from and --to, both included")
    require_dates(first, last)
    return Window(day_option(first or "", "--from"), day_option(last or "", "--to") + DAY)


def _midnight(text: str, option: str) -> date:
    """A date, or its first instant. Raises `BadWindow` for another time: the ledger holds days."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise BadWindow(f"{option} {text[:40]!r} is no date", next_step="write it as YYYY-MM-DD") from None
    if (instant.hour, instant.minute, instant.second, instant.microsecond) != (0, 0, 0, 0):
        raise BadWindow(f"{option} {text[:40]!r} is within a day", next_step="the ledger holds days: give a date")
    return instant.date()


def _zones(days: "list[DayState]") -> str:
    return ", ".join(sorted({day.day_zone for day in days if day.day_zone}))


def _require_any(days: "list[DayState]", connection_id: str, window: Window) -> None:
    """Raises `NothingLoaded` when no date has an answer in the ledger."""
    from usage_ledger.cli.coverage import HELD_ANYWAY

    if not any(day.state in HELD_ANYWAY for day in days):
        raise NothingLoaded(f"the ledger holds nothing of {connection_id} for {window}")
