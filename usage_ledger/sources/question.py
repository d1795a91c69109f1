"""In which form a report is asked for: in full, or in a lesser form where the vendor refuses the full one."""

from dataclasses import dataclass, replace

from usage_ledger.model.request import Request
from usage_ledger.model.source import HttpPages, Objects, QueryJob, Source

REFUSED = 400
"""The status by which a vendor refuses a grouping."""


@dataclass
class Question:
    """The form in which one window is asked for, and what the vendor said to the fuller forms on the way."""

    form: int = 0
    """0 is the full question, n the n-th of its lesser forms."""
    refusal: str = ""

    def requests(self, source: HttpPages) -> list[Request]:
        """The requests to try, the fullest first."""
        return [_without(source.request, source.lesser[:form]) for form in range(self.form, len(source.lesser) + 1)]

    def lacks(self, source: Source) -> str:
        """What the answer is not grouped by, because the vendor refused it, such as `api_key_id`."""
        return ", ".join(groupings(source)[: self.form])


def groupings(source: Source) -> tuple[str, ...]:
    """The groupings that a vendor may refuse."""
    match source:
        case HttpPages(lesser=lesser):
            return lesser
        case QueryJob() | Objects():
            return ()


def _without(request: Request, groupings: tuple[str, ...]) -> Request:
    query = [
        (name, tuple(one for one in value if one not in groupings) if isinstance(value, tuple) else value)
        for name, value in request.query
    ]
    return replace(request, query=tuple(query)) if groupings else request
