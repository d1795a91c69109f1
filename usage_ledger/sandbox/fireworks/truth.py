"""An invented Fireworks account: what its API answers, and what is true.

The answers and the truth read the same running totals, and share nothing else: the answers go through grouped rows,
the `expected_*` methods add the meters up, over days that they find slot by slot.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cached_property
from zoneinfo import ZoneInfo

from usage_ledger.sandbox.fireworks.account import (
    ACCELERATOR_PICO,
    AUDIO_PICO_PER_TENTH,
    TRAINING_PICO,
    FireworksAccount,
    Model,
    Pair,
)
from usage_ledger.sandbox.fireworks.costs import Tariff, summary_answer, tariffs
from usage_ledger.sandbox.fireworks.tiers import is_batch, price_on
from usage_ledger.sandbox.fireworks.usage import (
    Source,
    dedicated_sources,
    serverless_sources,
    training_sources,
    usage_answer,
)
from usage_ledger.sandbox.kit.serving import Json
from usage_ledger.sandbox.kit.slots import limit_of, local_days
from usage_ledger.sandbox.kit.streams import Stream
from usage_ledger.sandbox.kit.totals import slots_of_dates


def _between(streams: Iterable[Stream], first: int, last: int) -> int:
    return sum(meter.between(first, last) for meter in streams)


@dataclass(frozen=True)
class FireworksTruth(FireworksAccount):
    """An account, its answers, and what is true of it.

    Wherever `now` is an argument, only quarters of an hour that are over by then count; without it, all do.
    """

    @cached_property
    def _sources(self) -> dict[str, tuple[Source, ...]]:
        return {
            "SERVERLESS": tuple(serverless_sources(self.all_pairs)),
            "DEDICATED_DEPLOYMENT": tuple(dedicated_sources(self.all_deployments)),
            "TRAINING": tuple(training_sources(self.all_jobs)),
        }

    @cached_property
    def _tariffs(self) -> tuple[Tariff, ...]:
        return tariffs(self)

    def usage(
        self,
        start: date,
        end: date,
        zone: str,
        group_by: Sequence[str],
        usage_type: str = "",
        *,
        now: datetime | None = None,
    ) -> Json:
        """The JSON body of `billingUsage` for the local dates `[start, end)` of `zone`.

        Counts are strings as in proto3 JSON; seconds of audio are an exact `Decimal`, to be written as a number.
        `usage_type` is `SERVERLESS`, `DEDICATED_DEPLOYMENT`, `TRAINING`, or everything.
        """
        everything = usage_type in ("", "USAGE_TYPE_UNSPECIFIED")
        sources = {name: rows for name, rows in self._sources.items() if everything or name == usage_type}
        return usage_answer(sources, local_days(start, end, ZoneInfo(zone)), group_by, limit_of(now))

    def summary(self, start: date, end: date, daily: bool, *, now: datetime | None = None) -> Json:
        """The JSON body of `billing/summary` for the UTC dates `[start, end)`, with a bucket per day if `daily`."""
        return summary_answer(self._tariffs, local_days(start, end, UTC), daily, limit_of(now))

    def expected_usage(
        self, start: date, end: date, zone: str, *, now: datetime | None = None
    ) -> dict[date, dict[str, int | Decimal]]:
        """Totals per local date and meter: tokens as `int`, seconds as `Decimal`. Idle dates hold zeros."""
        pairs = self.all_pairs
        seconds = [meter for machine in self.all_deployments for _, meter in machine.placements]
        expected: dict[date, dict[str, int | Decimal]] = {}
        for day, (first, last) in slots_of_dates(start, end, limit_of(now), ZoneInfo(zone)).items():
            cached = _between((pair.cached for pair in pairs), first, last)
            expected[day] = {
                "input_tokens": cached + _between((pair.uncached for pair in pairs), first, last),
                "cached_input_tokens": cached,
                "output_tokens": _between((pair.output for pair in pairs), first, last),
                "audio_seconds": Decimal(_between((pair.audio for pair in pairs), first, last)) / 10,
                "accelerator_seconds": Decimal(_between(seconds, first, last)),
                "training_tokens": _between((job.tokens for job in self.all_jobs), first, last),
            }
        return expected

    def expected_by_model(
        self, start: date, end: date, zone: str, *, now: datetime | None = None
    ) -> dict[tuple[date, str], dict[str, int]]:
        """Serverless `input_tokens` and `output_tokens` per (local date, model id) that was used."""
        named = [(pair.model_id, pair) for pair in self.all_pairs]
        return self._expected_tokens(named, slots_of_dates(start, end, limit_of(now), ZoneInfo(zone)))

    def expected_by_api_key(
        self, start: date, end: date, zone: str, *, now: datetime | None = None
    ) -> dict[tuple[date, str], dict[str, int]]:
        """Serverless `input_tokens` and `output_tokens` per (local date, key id) that was used."""
        named = [(pair.key.key_id, pair) for pair in self.all_pairs]
        return self._expected_tokens(named, slots_of_dates(start, end, limit_of(now), ZoneInfo(zone)))

    def expected_cost(self, start: date, end: date, *, now: datetime | None = None) -> dict[date, Decimal]:
        """US dollars per UTC date of `[start, end)`. Each line of a day's bill is cut to whole nanodollars."""
        return {
            day: Decimal(sum(self._nanos(day, first, last))) / 10**9
            for day, (first, last) in slots_of_dates(start, end, limit_of(now)).items()
        }

    def _nanos(self, day: date, first: int, last: int) -> Iterable[int]:
        for number, model in enumerate(self.all_models):
            for batch in (False, True):
                used = [pair for pair in self.all_pairs if self._used(pair, model, number, batch=batch)]
                for pico, streams in (
                    (model.cached_pico, [pair.cached for pair in used]),
                    (model.uncached_pico, [pair.uncached for pair in used]),
                    (model.output_pico, [pair.output for pair in used]),
                ):
                    price = price_on(pico, number, day, batch=batch) if self.tiers else pico
                    yield _between(streams, first, last) * price // 1000
        tenths = _between((pair.audio for pair in self.all_pairs), first, last)
        yield tenths * AUDIO_PICO_PER_TENTH // 1000
        for accelerator, pico in ACCELERATOR_PICO.items():
            machines = [machine for machine in self.all_deployments if machine.accelerator == accelerator]
            seconds = [meter for machine in machines for _, meter in machine.placements]
            yield _between(seconds, first, last) * pico // 1000
        yield _between((job.tokens for job in self.all_jobs), first, last) * TRAINING_PICO // 1000

    def _used(self, pair: Pair, model: Model, number: int, *, batch: bool) -> bool:
        in_batch = self.tiers and is_batch(self.all_keys.index(pair.key), number)
        return pair.model_id == model.model_id and in_batch == batch

    @staticmethod
    def _expected_tokens(
        named: Sequence[tuple[str, Pair]], spans: dict[date, tuple[int, int]]
    ) -> dict[tuple[date, str], dict[str, int]]:
        expected: dict[tuple[date, str], dict[str, int]] = {}
        for day, (first, last) in spans.items():
            for name, pair in named:
                read = _between((pair.cached, pair.uncached), first, last)
                written = pair.output.between(first, last)
                if not read and not written and not pair.audio.between(first, last):
                    continue
                total = expected.setdefault((day, name), {"input_tokens": 0, "output_tokens": 0})
                total["input_tokens"] += read
                total["output_tokens"] += written
        return expected
