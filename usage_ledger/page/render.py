"""Makes HTML of templates. Every value is escaped: names of keys and models are other people's text."""

from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from usage_ledger.page import address

FOLDER = Path(__file__).parent
NOTHING = "–"
CENT = Decimal("0.01")


def render(template: str, **context: Any) -> str:
    """The HTML of a template of `templates/`. Raises `UndefinedError` for a name that the context lacks."""
    return _ENVIRONMENT.get_template(template).render(**context)


def money(amount: Decimal | None, currency: str = "") -> str:
    """An amount to the cent, thousands apart; less than a cent is said so, and nothing is a dash."""
    if amount is None:
        return NOTHING
    unit = f" {currency}" if currency else ""
    if amount and abs(amount) < CENT:
        return f"{'>' if amount < 0 else '<'} {'-' if amount < 0 else ''}0.01{unit}"
    return f"{amount.quantize(CENT, ROUND_HALF_EVEN):,}{unit}"


def number(count: Decimal | int | None) -> str:
    """A count in full, thousands apart; what is not metered is a dash."""
    if count is None:
        return NOTHING
    return f"{count:,f}" if isinstance(count, Decimal) else f"{count:,}"


def percent(share: Decimal | None, places: int = 1) -> str:
    """A share of 1 in percent."""
    return NOTHING if share is None else f"{(share * 100).quantize(Decimal(1).scaleb(-places)):,} %"


def day(value: date | None) -> str:
    """A date in ISO form."""
    return NOTHING if value is None else f"{value:%Y-%m-%d}"


def instant(value: datetime | None) -> str:
    """An instant to the minute, UTC."""
    return NOTHING if value is None else f"{value.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def ago(value: datetime | None) -> str:
    """How long ago an instant was, in its largest unit."""
    if value is None:
        return "never"
    age = datetime.now(UTC) - value
    for unit, length in (("day", timedelta(days=1)), ("hour", timedelta(hours=1)), ("minute", timedelta(minutes=1))):
        if age >= length:
            count = age // length
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"


_ENVIRONMENT = Environment(
    loader=FileSystemLoader(FOLDER / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.filters |= {
    "money": money,
    "number": number,
    "percent": percent,
    "day": day,
    "instant": instant,
    "ago": ago,
}
_ENVIRONMENT.globals |= {"address": address}
