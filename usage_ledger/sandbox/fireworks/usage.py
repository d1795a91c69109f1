"""The body of `billingUsage`: metered rows per local day, grouped as requested."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from usage_ledger.sandbox.fireworks.account import TAGS, Deployment, Pair, TagStyle, TrainingJob
from usage_ledger.sandbox.kit.serving import Json
from usage_ledger.sandbox.kit.slots import FOREVER, Day, instant_of, rfc3339
from usage_ledger.sandbox.kit.streams import Stream

ANNOTATIONS = tuple(f"annotations.{tag}" for tag in TAGS)
SERVERLESS = ("model_name", "api_key_id", "api_key_name", *ANNOTATIONS)
DEDICATED = ("deployment_name", "accelerator_type", *ANNOTATIONS)
TRAINING = ("job_id", "job_type", "usage_type", "accelerator_type", "base_model", *ANNOTATIONS)
DIMENSIONS = frozenset((*SERVERLESS, *DEDICATED, *TRAINING))
USAGE_TYPES = ("USAGE_TYPE_UNSPECIFIED", "SERVERLESS", "DEDICATED_DEPLOYMENT", "TRAINING")


@dataclass(frozen=True, slots=True)
class Source:
    """A part of a row: dimension values, meters, and the slots `[first, last)` in which the values hold."""

    values: dict[str, str]
    meters: tuple[Stream, ...]
    tag_style: TagStyle = "prefixed"
    first: int = 0
    last: int = FOREVER


@dataclass(slots=True)
class Row:
    """The sums of all sources that share a day and every requested grouping."""

    start: str
    end: str
    group: dict[str, str]
    values: Mapping[str, str]
    amounts: list[int]


def _annotated(tags: Mapping[str, str]) -> dict[str, str]:
    return {f"annotations.{tag}": value for tag, value in tags.items()}


def serverless_sources(pairs: Iterable[Pair]) -> Iterator[Source]:
    """One source per pair and name of its key."""
    for pair in pairs:
        meters = (pair.cached, pair.uncached, pair.output, pair.audio)
        shared = {"model_name": pair.model_id, "api_key_id": pair.key.key_id, "operation": pair.operation}
        for name, first, last in pair.key.names:
            values = shared | {"api_key_name": name} | _annotated(pair.tags)
            yield Source(values, meters, pair.key.tag_style, first, last)


def dedicated_sources(deployments: Iterable[Deployment]) -> Iterator[Source]:
    """One source per deployment and placement."""
    for deployment in deployments:
        shared = {
            "deployment_name": deployment.name,
            "accelerator_type": deployment.accelerator,
            "base_model": deployment.base_model,
        }
        for placement, seconds in deployment.placements:
            yield Source(shared | {"placement": placement} | _annotated(deployment.tags), (seconds,))


def training_sources(jobs: Iterable[TrainingJob]) -> Iterator[Source]:
    """One source per job."""
    for job in jobs:
        values = {
            "job_id": job.job_id,
            "job_type": "SUPERVISED_FINE_TUNING",
            "usage_type": "",
            "accelerator_type": "",
            "base_model": job.base_model,
            "session": job.session,
        }
        yield Source(values | _annotated(job.tags), (job.tokens,))


def _group(source: Source, dimensions: Sequence[str]) -> dict[str, str]:
    # Seen live: an untagged call has no key at all or an empty value, and a tag is spelled with or without its prefix.
    group = {}
    for dimension in dimensions:
        if dimension in source.values:
            plain = source.tag_style == "plain"
            group[dimension.removeprefix("annotations.") if plain else dimension] = source.values[dimension]
        elif source.tag_style == "blank":
            group[dimension] = ""
    return group


def grouped_rows(
    sources: Iterable[Source], dimensions: Sequence[str], fixed: Sequence[str], days: Sequence[Day], limit: int
) -> list[Row]:
    """Rows by day: sums of `sources` over everything but `dimensions` (shown in `group`) and `fixed` (not shown).

    Slots from `limit` on are not over yet and count for nothing. A day of zeros has no row.
    """
    edges = [days[0].first, *(day.last for day in days)] if days else []
    bounds = [(rfc3339(instant_of(day.first)), rfc3339(instant_of(day.last))) for day in days]
    entries: list[dict[tuple[str, ...], Row]] = [{} for _ in days]
    for source in sources:
        slots = [min(max(edge, source.first), source.last, limit) for edge in edges]
        totals = [[meter.until(slot) for slot in slots] for meter in source.meters]
        identity = tuple(source.values.get(name, "") for name in (*dimensions, *fixed))
        group = _group(source, dimensions)
        for number, (start, end) in enumerate(bounds):
            amounts = [total[number + 1] - total[number] for total in totals]
            if not any(amounts):
                continue
            row = entries[number].get(identity)
            if row is None:
                entries[number][identity] = Row(start, end, group, source.values, amounts)
            else:
                row.amounts = [one + other for one, other in zip(row.amounts, amounts, strict=True)]
    return [row for rows in entries for row in rows.values()]


def _serverless(row: Row) -> Json:
    cached, uncached, output, tenths = row.amounts
    return {
        "startTime": row.start,
        "endTime": row.end,
        "modelName": row.group.get("model_name", ""),
        "apiKeyId": row.group.get("api_key_id", ""),
        "promptTokens": str(cached + uncached),
        "cachedPromptTokens": str(cached),
        "uncachedPromptTokens": str(uncached),
        "completionTokens": str(output),
        "audioInputSeconds": Decimal(tenths).scaleb(-1) if tenths else 0,
        "costNanoUsd": 0,
        "usageType": row.values["operation"],
        "group": row.group,
    }


def _dedicated(row: Row) -> Json:
    return {
        "startTime": row.start,
        "endTime": row.end,
        "deploymentId": row.group.get("deployment_name", ""),
        "acceleratorType": row.group.get("accelerator_type", ""),
        "acceleratorSeconds": str(row.amounts[0]),
        "baseModel": row.values["base_model"] if "deployment_name" in row.group else "",
        "usageType": "",
        "placement": row.values["placement"],
        "group": row.group,
    }


def _training(row: Row) -> Json:
    one_job = "job_id" in row.group
    tags = {name.removeprefix("annotations."): row.values[name] for name in ANNOTATIONS if name in row.values}
    return {
        "startTime": row.start,
        "endTime": row.end,
        "jobId": row.group.get("job_id", ""),
        "jobType": row.group.get("job_type", ""),
        "trainingSessionId": row.values["session"] if one_job else "",
        "tokens": str(row.amounts[0]),
        "acceleratorSeconds": "0",
        "acceleratorType": "",
        "baseModel": row.group.get("base_model", ""),
        "usageType": "",
        "annotations": tags if one_job else {},
        "group": row.group,
    }


class Shape(NamedTuple):
    """How the rows of one usage type are grouped and written.

    The first `by_default` of `valid` group when none of them is requested; `fixed` always separate rows.
    """

    array: str
    usage_type: str
    valid: tuple[str, ...]
    by_default: int
    fixed: tuple[str, ...]
    build: Callable[[Row], Json]


_SHAPES = (
    Shape("serverlessCosts", "SERVERLESS", SERVERLESS, 1, ("operation",), _serverless),
    Shape("dedicatedCosts", "DEDICATED_DEPLOYMENT", DEDICATED, 2, ("placement",), _dedicated),
    Shape("trainingCosts", "TRAINING", TRAINING, 5, (), _training),
)


def usage_answer(
    sources: Mapping[str, Iterable[Source]], days: Sequence[Day], group_by: Sequence[str], limit: int
) -> Json:
    """The whole body. `sources` are keyed by usage type; a type that is missing stays an empty array."""
    answer: Json = {}
    for shape in _SHAPES:
        requested = [name for name in dict.fromkeys(group_by) if name in shape.valid]
        dimensions = requested or shape.valid[: shape.by_default]
        rows = grouped_rows(sources.get(shape.usage_type, ()), dimensions, shape.fixed, days, limit)
        answer[shape.array] = [shape.build(row) for row in rows]
    return answer
