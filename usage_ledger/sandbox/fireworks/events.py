"""The file of `firectl billing export-metrics`: events that add up to the account's days, in the vendor's columns."""

import csv
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import TextIO

from usage_ledger.sandbox.fireworks.truth import FireworksTruth
from usage_ledger.sandbox.kit.slots import SLOT, instant_of, limit_of, midnight, slot_of

COLUMNS = (
    *("email", "start_time", "end_time", "usage_type", "accelerator_type", "accelerator_seconds", "base_model_name"),
    *("model_bucket", "parameter_count", "prompt_tokens", "completion_tokens"),
    *("cached_prompt_tokens", "uncached_prompt_tokens"),
)
OLDER = COLUMNS[:-2]
"""The columns of files from before the vendor split prompt tokens."""


def events(
    truth: FireworksTruth, start: date, end: date, *, parts: int = 1, now: datetime | None = None
) -> Iterator[dict[str, str]]:
    """Serverless and dedicated events of the UTC dates `[start, end)`.

    At most `parts` for a key, model and quarter of an hour. Audio events have no tokens; training is not in the file.
    """
    first, last = slot_of(midnight(start)), min(slot_of(midnight(end)), limit_of(now))
    labels = {model.model_id: model.label for model in truth.all_models}
    for slot in range(first, last):
        for pair in truth.all_pairs:
            amounts = [one.between(slot, slot + 1) for one in (pair.cached, pair.uncached, pair.output, pair.audio)]
            for number, (cached, uncached, output, audio) in enumerate(_shares(amounts, parts)):
                if cached or uncached or output or audio:
                    yield _event(slot, number, parts) | {
                        "email": f"{pair.key.owner}@{truth.account}.example",
                        "usage_type": pair.operation,
                        "base_model_name": pair.model_id,
                        "model_bucket": labels.get(pair.model_id, ""),
                        "prompt_tokens": str(cached + uncached),
                        "completion_tokens": str(output),
                        "cached_prompt_tokens": str(cached),
                        "uncached_prompt_tokens": str(uncached),
                    }
        for machine in truth.all_deployments:
            for _, seconds in machine.placements:
                if amount := seconds.between(slot, slot + 1):
                    yield _event(slot, 0, 1) | {
                        "usage_type": "DEDICATED_DEPLOYMENT_USAGE",
                        "accelerator_type": machine.accelerator,
                        "accelerator_seconds": str(amount),
                        "base_model_name": machine.base_model,
                    }


def write_events(
    file: TextIO,
    truth: FireworksTruth,
    start: date,
    end: date,
    *,
    parts: int = 1,
    columns: tuple[str, ...] = COLUMNS,
    now: datetime | None = None,
) -> int:
    """Write the file; returns how many events it has."""
    writer = csv.DictWriter(file, columns, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    count = 0
    for count, event in enumerate(events(truth, start, end, parts=parts, now=now), 1):  # noqa: B007
        writer.writerow(event)
    return count


def _shares(amounts: list[int], parts: int) -> Iterator[list[int]]:
    """Whole numbers that add up to the amounts."""
    for number in range(parts):
        yield [amount * (number + 1) // parts - amount * number // parts for amount in amounts]


def _event(slot: int, number: int, parts: int) -> dict[str, str]:
    instant = instant_of(slot) + SLOT * number / parts
    ended = instant + timedelta(seconds=2)
    return {"start_time": f"{instant:%Y-%m-%d %H:%M:%S} UTC", "end_time": f"{ended:%Y-%m-%d %H:%M:%S} UTC"}
