"""One page of Anthropic's buckets of usage or cost."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from usage_ledger.sandbox.anthropic.queries import AnthropicCall, instant, invalid, limit, one, paged, read_cursor
from usage_ledger.sandbox.kit.paging import page_token
from usage_ledger.sandbox.kit.serving import Json
from usage_ledger.sandbox.kit.slots import SLOT, rfc3339, slot_of

Results = Callable[[int, int], Iterable[Json]]
"""The rows of the slots `[first, last)`."""
Pages = Mapping[str, tuple[timedelta, int, int]]
"""By bucket width: its length, and how many buckets a page holds by default and at most."""
DAILY_PAGES: Pages = {"1d": (timedelta(days=1), 7, 31)}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def buckets(call: AnthropicCall, pages: Pages, results: Results) -> Json:
    """One page of the buckets that end by `ending_at`, the running one at the very last."""
    params, now = call.params, call.now
    width, default, largest = pages[one(params, "bucket_width", pages, "1d")]
    size, start = limit(params, default, largest), instant(params, "starting_at")
    first, last = (start - _EPOCH) // width, (now - _EPOCH) // width + 1
    if "ending_at" in params:
        end = instant(params, "ending_at")
        if end <= start:
            raise invalid("ending_at: must be after starting_at")
        last = min(last, (end - _EPOCH) // width)
    (first,) = read_cursor(params, 1) or (first,)
    final = max(min(last, first + size), first)
    edges = [_EPOCH + number * width for number in range(first, final + 1)]
    # Requests all end in the first minute of their slot, so that buckets of a minute add up to those of an hour.
    slots = [min(-((_EPOCH - edge) // SLOT), slot_of(now)) for edge in edges]
    data: list[Json] = [
        {"starting_at": rfc3339(begin), "ending_at": rfc3339(stop), "results": list(results(low, high))}
        for (begin, low), (stop, high) in pairwise(zip(edges, slots, strict=True))
    ]
    return paged(data, page_token(final) if final < last else None)
