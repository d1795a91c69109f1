"""One page of OpenAI's buckets: sums of what was used or charged, grouped and filtered as requested."""

from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeVar

from usage_ledger.sandbox.kit.serving import Json
from usage_ledger.sandbox.kit.slots import SLOT
from usage_ledger.sandbox.openai.catalogue import Values
from usage_ledger.sandbox.openai.queries import BucketQuery, cursor

_SLOT_SECONDS = int(SLOT.total_seconds())


class Source(Protocol):
    """What adds up to rows: dimensions and running totals. Sources with equal dimensions differ in `part`."""

    @property
    def values(self) -> Values:
        """The dimensions."""

    @property
    def part(self) -> int:
        """Which of the sources with these dimensions it is."""

    @property
    def is_stored(self) -> bool:
        """Whether a bucket holds what is there at its end, instead of what came since its start."""

    def until(self, slot: int) -> dict[str, int]:
        """The running totals of all slots before `slot`."""


AnySource = TypeVar("AnySource", bound=Source)


def bucket_page(
    query: BucketQuery,
    sources: Iterable[AnySource],
    result: Callable[[AnySource, dict[str, int]], Json],
    *,
    whole: bool = False,
) -> Json:
    """The page that `query` asks for. `result` writes a row, from one of its sources and the sums of all.

    With `whole`, parts are rows of their own.
    """
    data, last = list[Json](), query.end
    for (first, last), rows in zip(query.buckets(), _rows(sources, query, whole), strict=True):
        results = [result(*row) for row in rows]
        data.append({"object": "bucket", "start_time": first, "end_time": last, "results": results})
    following = cursor(last, query.mark) if last < query.end else None
    return {"object": "page", "data": data, "has_more": following is not None, "next_page": following}


def _rows(
    sources: Iterable[AnySource], query: BucketQuery, whole: bool
) -> list[list[tuple[AnySource, dict[str, int]]]]:
    """The rows of each bucket. A quarter of an hour counts where it ends."""
    edges = [(first // _SLOT_SECONDS, after // _SLOT_SECONDS) for first, after in query.buckets()]
    entries: list[dict[Any, tuple[AnySource, dict[str, int]]]] = [{} for _ in edges]
    for source in sources:
        if not all(source.values.get(name) in allowed_values for name, allowed_values in query.filters.items()):
            continue
        identity = (*map(source.values.get, query.group_by), source.part if whole else 0)
        running = {slot: source.until(slot) for slot in {0, *(slot for edge in edges for slot in edge)}}
        for rows, (low, high) in zip(entries, edges, strict=True):
            before = running[0 if source.is_stored and low < high else low]
            amounts = {name: total - before[name] for name, total in running[high].items()}
            if any(amounts.values()):
                total = rows.setdefault(identity, (source, {}))[1]
                for name, amount in amounts.items():
                    total[name] = total.get(name, 0) + amount
    return [list(rows.values()) for rows in entries]
