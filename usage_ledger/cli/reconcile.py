"""The command that says whether the bill equals what was metered, day by day."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from usage_ledger.cli.arguments import HELD, ConnectionId, Json, WrongUsage, checked, require_dates
from usage_ledger.core.errors import ConfigError

if TYPE_CHECKING:
    from usage_ledger.money.verdict import DayVerdict


def reconcile(
    connection_id: ConnectionId,
    first: Annotated[str, typer.Option("--from", metavar="YYYY-MM-DD", help="First day of the bill.")],
    last: Annotated[str, typer.Option("--to", metavar="YYYY-MM-DD", help="Last day, included.")],
    as_of: Annotated[str | None, typer.Option("--as-of", metavar="TIME", help="What was said then (ISO 8601).")] = None,
    json: Json = False,
) -> None:
    """Does it equal the bill: each day's verdict, the difference and the first cause; exit code 3 where one differs."""
    require_dates(first, last)
    from usage_ledger.cli.context import command_engine
    from usage_ledger.money.verdict import day_verdicts, record_verdicts

    engine, moment = command_engine(), _instant(as_of)
    if not moment:
        record_verdicts(engine, checked(connection_id))
    days = day_verdicts(engine, checked(connection_id), date.fromisoformat(first), date.fromisoformat(last), moment)
    if not days:
        raise ConfigError(
            f"there is no verdict on {connection_id} from {first} to {last}" + (f" as of {as_of}" if as_of else ""),
            next_step=f"`usage-ledger status {connection_id}` shows which dates are loaded",
        )
    _print(days, as_json=json)
    if any(day.verdict == "out_of_bounds" for day in days):
        raise typer.Exit(HELD)


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise WrongUsage(f"--as-of {text[:40]!r} is no time", next_step="write 2026-11-20T12:00:00Z") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _print(days: "list[DayVerdict]", *, as_json: bool) -> None:
    if as_json:
        import json

        typer.echo(json.dumps([_document(day) for day in days], indent=2))
        return
    for day in days:
        figures = "".join(f"{_money(amount):>14}" for amount in (day.charged, day.rated, day.residual))
        typer.echo(f"{day.usage_date}  {day.verdict:<14}{figures}  {day.currency or '-':<4} {day.cause}".rstrip())


def _money(amount: Decimal | None) -> str:
    return "-" if amount is None else f"{amount:.4f}"


def _document(day: "DayVerdict") -> dict[str, Any]:
    """Amounts as texts, so that no reader rounds them."""
    return {
        "usage_date": day.usage_date.isoformat(),
        "currency": day.currency,
        "verdict": day.verdict,
        **{
            name: None if amount is None else str(amount)
            for name, amount in (("charged", day.charged), ("rated", day.rated), ("residual", day.residual))
        },
        "settled": day.settled,
        "said_at": day.said_at.isoformat(),
        "cause": day.cause,
        "blame": day.blame,
    }
