"""A month of classes of service, batches and a price that changes, its contract, and what may be wrong with it."""

import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from kit.filled_ledger import fill_ledger
from usage_ledger.core.project import prices_folder
from usage_ledger.local.accounts import ACCOUNT
from usage_ledger.sandbox.fireworks.tiers import REPRICED_ON
from usage_ledger.sandbox.fireworks.truth import FireworksTruth

FIRST, LAST = date(2026, 10, 20), date(2026, 11, 19)
BAD_DAY = date(2026, 11, 12)
CONTRACT = """
prices:
  - {provider: fireworks, model: NVIDIA_H100_80GB, currency: USD, per: hour, meters: {accelerator_seconds: 7.20}}
  - {provider: fireworks, model: NVIDIA_B200_180GB, currency: USD, per: hour, meters: {accelerator_seconds: 10.80}}
  - provider: fireworks
    model: accounts/fireworks/models/qwen3-8b
    currency: USD
    per: 1M tokens
    meters: {training_tokens: 0.50}
  - provider: fireworks
    model: accounts/fireworks/models/whisper-v3
    currency: USD
    per: hour
    meters: {audio_seconds: 0.09}
  - provider: fireworks
    model: accounts/fireworks/models/deepseek-v4p1-flash
    tier: batch
    currency: USD
    per: 1M tokens
    meters: {uncached_input_tokens: 0.15, cached_input_tokens: 0.00375, output_tokens: 0.60}
"""
"""What the vendor's list does not say: machines, training, audio and batches."""


def write_prices(folder: Path, contract: str = CONTRACT) -> None:
    """The folder of a price book: the contract, and the project's own catalogue."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "contract.yaml").write_text(contract, encoding="utf-8")
    for catalogue in prices_folder().glob("catalogue-*.csv"):
        shutil.copy(catalogue, folder)


def fill_second_month(engine: Engine, root: Path) -> None:
    """Load the month. The price list is read after the first date, and on the day on which a price changes."""
    truth = FireworksTruth(account=ACCOUNT, tiers=True)
    day = timedelta(days=1)
    for first, last in ((FIRST, FIRST), (FIRST + day, REPRICED_ON - day), (REPRICED_ON, LAST)):
        morning = datetime.combine(last + day, time(3), UTC)
        fill_ledger(engine, root, first, last, providers=("fireworks",), truth=truth, now=morning)


@dataclass(frozen=True)
class Fault:
    """One way in which bill, usage or price book may be wrong."""

    name: str
    statements: tuple[str, ...]
    verdict: str
    """Of the days that it touches."""
    cause: str
    """Words that the first line to blame must have; '' where nothing is to blame."""
    line: str = ""
    """A part of the key of the line that must be named."""
    days: tuple[date, date] = (FIRST + timedelta(days=1), LAST)
    """The dates of which some must have the verdict: the first date knows no list."""
    conflict: bool = False
    """Whether two sources of a price must be reported."""


PRICE, QUANTITY = "unknown price for this line", "the quantity differs from what was metered"
UNMETERED = "billed, not metered"
OUT = "out_of_bounds"
LLM, GLM = "category LIKE 'LLM%'", "model LIKE '%glm-5p3'"


def _bill(name: str, factor: str, where: str, line: str, verdict: str = OUT, cause: str = PRICE) -> Fault:
    statement = f"UPDATE ledger.cost_daily SET amount = round(amount * {factor}, 9) WHERE breakdown = '' AND {where}"
    return Fault(f"bill: {name}", (statement,), verdict, cause, line)


def _use(name: str, meter: str, where: str, line: str) -> Fault:
    where = f"{where} AND usage_date = '{BAD_DAY}'"
    statement = f"UPDATE ledger.usage_daily SET {meter} = trunc({meter} * 0.99) WHERE breakdown = '' AND {where}"
    return Fault(f"usage: {name}, 1 % less on one day", (statement,), OUT, QUANTITY, line, (BAD_DAY, BAD_DAY))


def _missing(name: str, where: str, line: str, cause: str = QUANTITY) -> Fault:
    statement = f"DELETE FROM ledger.usage_daily WHERE breakdown = '' AND {where}"
    return Fault(f"usage: {name} is missing", (statement,), OUT, cause, line)


def _wrong_price(name: str, rank: int, verdict: str, cause: str) -> Fault:
    where = "model LIKE '%models/kimi-k3' AND meter = 'output_tokens' AND service_tier = 'standard'"
    if rank == 2:
        statement = f"UPDATE ledger.price SET amount = amount * 10 WHERE {where} AND rank = 2"
    else:
        statement = f"UPDATE ledger.price SET amount = amount * 10 WHERE {where} AND rank > 3"
    return Fault(name, (statement,), verdict, cause, "kimi" * bool(cause), conflict=True)


def faults() -> Iterator[Fault]:
    """What may be wrong, each from a clean month."""
    yield _bill("one SKU is 1 % dearer", "1.01", "category = 'LLM output tokens' AND model LIKE '%kimi-k3'", "kimi")
    yield _bill("one SKU is 25 % dearer", "1.25", "category LIKE '%(cached)' AND model LIKE '%glm-5p3'", "glm-5p3")
    yield _bill(
        "one SKU is at Priority's price", "1.5", "category = 'LLM output tokens' AND model LIKE '%glm-5p3'", "glm"
    )
    yield _bill(
        "a model is 25 % dearer, which is no class of service", "1.25", f"{LLM} AND model LIKE '%glm-5p3'", "glm"
    )
    yield _bill(
        "a model is at Priority's prices", "1.5", f"{LLM} AND model LIKE '%glm-5p3'", "glm", "explained", "priority"
    )
    yield _bill("all tokens are 1 % cheaper", "0.99", LLM, "accounts")
    yield _bill("GPU seconds of one type are 1 % dearer", "1.01", "accelerator = 'NVIDIA_B200_180GB'", "B200")
    yield _bill("training is 25 % dearer", "1.25", "usage_type = 'training'", "training")
    yield _bill("audio is 1 % cheaper", "0.99", "category = 'Audio Transcription'", "audio")
    yield _use("one model's output", "output_tokens", "model LIKE '%kimi-k3'", "kimi")
    yield _use("one deployment's GPU seconds", "accelerator_seconds", "deployment = 'ranker-2'", "B200")
    yield _use("audio", "audio_seconds", "audio_seconds > 0", "audio")
    yield _missing(
        "one key", "api_key_id = (SELECT min(api_key_id) FROM ledger.usage_daily WHERE api_key_id <> '')", "accounts"
    )
    yield _missing("one deployment", "deployment = 'ranker-1'", "H100", UNMETERED)
    yield Fault(
        "usage: one day's training is missing",
        (
            "DELETE FROM ledger.usage_daily WHERE usage_type = 'training' AND usage_date ="
            " (SELECT max(usage_date) FROM ledger.usage_daily WHERE usage_type = 'training')",
        ),
        OUT,
        UNMETERED,
        "training",
    )
    yield Fault(
        "usage: the cached share is not metered",
        ("UPDATE ledger.usage_daily SET cached_input_tokens = NULL WHERE breakdown = ''",),
        "reconciled",
        "",
    )
    yield _wrong_price("prices: the vendor's list is ten times too dear", 2, OUT, PRICE)
    yield _wrong_price("prices: the catalogues are ten times too dear", 4, "reconciled", "")
    yield Fault(
        "prices: a model has none",
        ("DELETE FROM ledger.price WHERE family LIKE '%kimi-k3'",),
        "unpriced",
        "no price is known",
        "kimi",
    )


@dataclass(frozen=True)
class Outcome:
    """What the verdict says of the days of a fault."""

    verdicts: dict[str, int]
    """How many days have which."""
    residual: Decimal
    """The sum of the days that have the fault's verdict."""
    blame: tuple[str, str]
    """Line and cause of the first line to blame, on the newest of these days."""
    conflicts: int


def outcome_of(cursor: Any, fault: Fault) -> Outcome:
    """Falsify the figures and read the verdicts; the caller rolls back."""
    for statement in fault.statements:
        cursor.execute(statement)
        assert cursor.rowcount > 0, f"{fault.name}: the statement changes no row"
    cursor.execute(
        "SELECT usage_date, verdict, residual, blame FROM marts.day_verdicts"
        " WHERE usage_date BETWEEN %s AND %s ORDER BY usage_date",
        fault.days,
    )
    days = cursor.fetchall()
    matching = [(residual, blame) for _, verdict, residual, blame in days if verdict == fault.verdict]
    blame = [(str(one["line"]), str(one["cause"])) for _, lines in matching[-1:] for one in lines[:1]]
    cursor.execute("SELECT count(*) FROM marts.price_conflicts WHERE model LIKE '%kimi-k3'")
    (conflicts,) = cursor.fetchone()
    return Outcome(
        dict(Counter(verdict for _, verdict, *_ in days)),
        sum((residual or Decimal() for residual, _ in matching), Decimal()),
        blame[0] if blame else ("", ""),
        int(conflicts),
    )
