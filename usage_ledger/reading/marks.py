"""The marks of a page: what it says of itself, of what was asked, and of the limit at which it was cut."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Raw

from usage_ledger.core.contract_errors import BadBucket, ContractBroken
from usage_ledger.core.errors import ConfigError, one_line
from usage_ledger.core.provider_errors import NoPermission, NotWhole
from usage_ledger.http.page import Call, Page
from usage_ledger.http.paging import names_next
from usage_ledger.json.document import document_of
from usage_ledger.json.packed import Packed
from usage_ledger.json.parts import parts
from usage_ledger.model.mark import AnyMark, EachOf, Echo, Fewer, Mark
from usage_ledger.model.provider import Report
from usage_ledger.model.request import Paging
from usage_ledger.reading.days import instant
from usage_ledger.reading.declared import paging_of

ABSENT = Raw(b"")
_Object = dict[str, Raw]


def require_marks(report: Report, page: Page) -> None:
    """Look at a page's marks. A large body is read part by part, where its lists have marks.

    Raises `NotWhole` for a page that is to be asked for again, `ContractBroken` for one that a mark refuses, and
    `NoPermission` where it says that the key may not read this.
    """
    paging = paging_of(report.source)
    lengths: Counter[AnyMark] = Counter()
    names: dict[EachOf, list[Any]] = {mark: [] for mark in report.marks if isinstance(mark, EachOf)}
    unseen = dict.fromkeys(report.marks)
    for fields in _fields(report.marks, page):
        for mark in report.marks:
            head, *rest = mark.path.split("/")
            if head not in fields:
                continue
            unseen.pop(mark, None)
            for value in _values(fields[head], rest):
                if isinstance(mark, EachOf):
                    names[mark].append(_decoded(mark, value))
                elif isinstance(mark, Fewer):
                    before = 0 if rest else lengths[mark]  # an outermost list comes in parts
                    lengths[mark] = before + _require_fewer(mark, value, before)
                else:
                    _require(mark, value, page, paging)
    for mark in unseen:
        if isinstance(mark, Fewer):
            _require_fewer(mark, ABSENT, 0)
        elif not isinstance(mark, EachOf):
            _require(mark, ABSENT, page, paging)
    for each, answered in names.items():
        lacking = [name for name in str(_sent(each, page.call)).split(",") if name not in answered]
        if lacking:
            raise _error(each, f"`{each.path}` is nowhere {', '.join(lacking)}, which was asked for", None)


def _fields(marks: Sequence[AnyMark], page: Page) -> Iterator[Mapping[str, Raw]]:
    """The outermost fields; of a large body also its lists, part by part."""
    yield page.fields
    if isinstance(page.body, Packed) and any(mark.path.split("/")[0] not in page.fields for mark in marks):
        for part in parts(page.body.chunks()):
            if part.startswith(b"{"):
                fields = msgspec.json.decode(part, type=_Object)
                yield {name: value for name, value in fields.items() if name not in page.fields}


def _values(value: Raw, path: Sequence[str]) -> Iterator[Raw]:
    """The values at a path below a value; `ABSENT` for each place that lacks it."""
    if not path:
        yield value
        return
    kind: Any = list[Raw] if path[0] == "*" else _Object
    try:
        inner = msgspec.json.decode(value, type=kind)
    except msgspec.ValidationError:
        yield ABSENT
        return
    for one in inner if path[0] == "*" else [inner.get(path[0], ABSENT)]:
        if bytes(one) or len(path) == 1:
            yield from _values(one, path[1:])
        else:
            yield ABSENT


def _decoded(mark: AnyMark, raw: Raw) -> Any:
    """A value; None where there is none."""
    return document_of(bytes(raw), f"`{mark.path}`") if bytes(raw) else None


def _require(mark: Mark | Echo, raw: Raw, page: Page, paging: Paging | None) -> None:
    value = _decoded(mark, raw)
    if isinstance(mark, Echo):
        sent = _sent(mark, page.call)
        if not _is_echo(value, sent):
            raise _error(mark, f"`{mark.path}` is {_shown(value)}, and {_shown(sent)} was asked for", value)
        return
    accepted = [mark.is_] if mark.while_more is None or not names_next(paging, page) else [mark.is_, mark.while_more]
    is_one = any(value == one and type(value) is type(one) for one in accepted if one is not None)
    if is_one or (mark.absent and value in (None, "", [], {})):
        return
    if mark.forbidden is not None and value == mark.forbidden:
        raise NoPermission(f"the answer says that the key may not read all of it: `{mark.path}` is {_shown(value)}")
    expected = " or ".join([*(repr(one) for one in accepted if one is not None), *(["absent"] if mark.absent else [])])
    raise _error(mark, f"`{mark.path}` is {_shown(value)}, not {expected}", value)


def _require_fewer(mark: Fewer, raw: Raw, before: int) -> int:
    """The length of a list, or of a part of one after `before` items."""
    try:
        count = len(msgspec.json.decode(raw, type=list[Raw]))
    except msgspec.DecodeError:
        raise _error(mark, f"`{mark.path}` is no list", None) from None
    if before + count >= mark.than:
        raise _error(mark, f"`{mark.path}` has {before + count} items, and the provider cuts it at {mark.than}", count)
    return count


def _error(mark: AnyMark, what: str, value: Any) -> NotWhole | ContractBroken:
    """For a value that is not there: that the page is to be asked for again."""
    text = f"the answer does not say that it is whole: {what}"
    return NotWhole(text) if mark.otherwise == "again" or value is None else ContractBroken(text)


def _sent(mark: Echo | EachOf, call: Call) -> Any:
    """What was sent. Raises `ConfigError` where nothing was."""
    query = dict(call.query)
    if mark.parameter in query:
        return query[mark.parameter]
    value: Any = json.loads(call.body) if call.body else None
    for name in mark.parameter.split("/"):
        value = value.get(name) if isinstance(value, dict) else None
    if value is None:
        raise ConfigError(
            f"the mark {mark.path} compares `{mark.parameter}`, which {call.path} does not send",
            next_step="name a query parameter, or a path in the body",
        )
    return value


def _is_echo(value: Any, sent: Any) -> bool:
    if value is None:
        return False
    if value == sent or (isinstance(value, int) and not isinstance(value, bool) and str(value) == sent):
        return True
    instants = _instants(value) if isinstance(value, str) and isinstance(sent, str) else None
    return instants is not None and instants == _instants(sent)


def _instants(text: str) -> list[datetime] | None:
    """The instants of a time, or of an interval of two; None for any other text."""
    try:
        return [instant("", one) for one in text.split("/")]
    except BadBucket:
        return None


def _shown(value: Any) -> str:
    return one_line(repr(value), 80)
