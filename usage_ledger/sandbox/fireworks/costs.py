"""The body of `billing/summary`: rated line items per UTC day, in whole nanodollars."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import groupby

from usage_ledger.sandbox.fireworks.account import (
    ACCELERATOR_PICO,
    AUDIO_MODEL,
    AUDIO_PICO_PER_TENTH,
    TRAINING_PICO,
    FireworksAccount,
)
from usage_ledger.sandbox.fireworks.tiers import is_batch, price_on
from usage_ledger.sandbox.kit.serving import Json
from usage_ledger.sandbox.kit.slots import Day, instant_of, rfc3339
from usage_ledger.sandbox.kit.streams import Stream

_NANO = 10**9
_BATCH, _IN_BATCH = ("is_batch", "false"), ("is_batch", "true")
_ONE = ("", "")
CACHED, UNCACHED, OUTPUT = "LLM input tokens (cached)", "LLM input tokens (uncached)", "LLM output tokens"


@dataclass(frozen=True, slots=True)
class Tariff:
    """One line of the bill: what is counted, in steps of `10**-places` units, at `pico` picodollars a step."""

    category: str
    grouping: tuple[str, str]
    secondary: tuple[str, str]
    series: str
    pico: int
    streams: tuple[Stream, ...]
    places: int = 0
    model: int | None = None
    """The position of a model whose price depends on the day."""

    def pico_on(self, day: date) -> int:
        """The price of a step on a UTC date."""
        return (
            self.pico if self.model is None else price_on(self.pico, self.model, day, batch=self.secondary == _IN_BATCH)
        )

    def nanos(self, steps: int, day: date) -> int:
        """The cost of a day's steps. What is below a nanodollar is dropped, once per line and day."""
        return steps * self.pico_on(day) // 1000


def _serverless(account: FireworksAccount) -> Iterator[Tariff]:
    numbers = {key.key_id: number for number, key in enumerate(account.all_keys)}
    for number, model in enumerate(account.all_models):
        used = [pair for pair in account.all_pairs if pair.model_id == model.model_id]
        batched = [pair for pair in used if account.tiers and is_batch(numbers[pair.key.key_id], number)]
        for pairs, secondary in (([pair for pair in used if pair not in batched], _BATCH), (batched, _IN_BATCH)):
            for category, pico, streams in (
                (CACHED, model.cached_pico, [pair.cached for pair in pairs]),
                (UNCACHED, model.uncached_pico, [pair.uncached for pair in pairs]),
                (OUTPUT, model.output_pico, [pair.output for pair in pairs]),
            ):
                bucket, place = ("model_bucket", model.label), number if account.tiers else None
                yield Tariff(category, bucket, secondary, "SERVERLESS", pico, tuple(streams), model=place)
    audio = tuple(pair.audio for pair in account.all_pairs if pair.model_id == AUDIO_MODEL)
    label = ("model", AUDIO_MODEL.rsplit("/", 1)[-1])
    yield Tariff("Audio Transcription", label, _ONE, "SERVERLESS", AUDIO_PICO_PER_TENTH, audio, places=1)


def tariffs(account: FireworksAccount) -> tuple[Tariff, ...]:
    """Every line that a day's bill of the account can have."""
    lines = list(_serverless(account))
    machines = account.all_deployments
    for accelerator, pico in ACCELERATOR_PICO.items():
        seconds = [s for machine in machines if machine.accelerator == accelerator for _, s in machine.placements]
        key = ("accelerator_type", accelerator)
        lines.append(Tariff("Dedicated deployments", key, _ONE, "DEDICATED_DEPLOYMENT", pico, tuple(seconds)))
    jobs = sorted(account.all_jobs, key=lambda job: job.base_model)
    for base_model, group in groupby(jobs, lambda job: job.base_model):
        tokens = tuple(job.tokens for job in group)
        lines.append(Tariff("Fine-tuning", ("base_model", base_model), _ONE, "TRAINING", TRAINING_PICO, tokens))
    return tuple(lines)


def money(nanos: int) -> Json:
    """A `google.type.Money` in US dollars, from nanodollars."""
    units, rest = divmod(nanos, _NANO)
    return {"currencyCode": "USD", "units": str(units), "nanos": rest}


def _line_item(tariff: Tariff, steps: int, nanos: int, day: date) -> Json:
    return {
        "category": tariff.category,
        "groupingKey": tariff.grouping[0],
        "groupingValue": tariff.grouping[1],
        "secondaryGroupingKey": tariff.secondary[0],
        "secondaryGroupingValue": tariff.secondary[1],
        "series": tariff.series,
        "quantity": Decimal(steps).scaleb(-tariff.places) if tariff.places else steps,
        # Money cannot hold less than a nanodollar: the unit price of a fraction is cut, the total is not.
        "unitAmount": money(tariff.pico_on(day) * 10**tariff.places // 1000),
        "totalCost": money(nanos),
    }


def summary_answer(lines: Sequence[Tariff], days: Sequence[Day], daily: bool, limit: int) -> Json:
    """The whole body for UTC `days`: the range's line items and, when `daily`, a bucket per day that has any.

    Slots from `limit` on are not over yet and cost nothing.
    """
    edges = [min(edge, limit) for edge in (days[0].first, *(day.last for day in days))] if days else []
    totals = [[sum(meter.until(edge) for meter in line.streams) for edge in edges] for line in lines]
    steps_of_range, nanos_of_range = [0] * len(lines), [0] * len(lines)
    buckets: list[Json] = []
    for place, day in enumerate(days):
        items = []
        for number, (line, total) in enumerate(zip(lines, totals, strict=True)):
            steps = total[place + 1] - total[place]
            nanos = line.nanos(steps, day.date)
            steps_of_range[number] += steps
            nanos_of_range[number] += nanos
            if steps:
                items.append(_line_item(line, steps, nanos, day.date))
        if daily and items:
            start, end = rfc3339(instant_of(day.first)), rfc3339(instant_of(day.last))
            buckets.append({"startTime": start, "endTime": end, "lineItems": items})
    whole = zip(lines, steps_of_range, nanos_of_range, strict=True)
    return {
        "lineItems": [_line_item(line, steps, nanos, days[-1].date) for line, steps, nanos in whole if steps],
        "usageBuckets": buckets,
    }
