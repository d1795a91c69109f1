"""What each id was called, and when: `ledger.name` from the names that loads have seen."""

import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from kit.staged_loads import DAY, T0, Desk, Row, called, used
from sqlalchemy import Engine

from usage_ledger.storage.staged import Staged
from usage_ledger.warehouse.ledger import apply_load

D1 = date(2026, 6, 1)
D2, D3, D4 = (D1 + n * DAY for n in (1, 2, 3))
HOUR = timedelta(hours=1)
Query = Callable[..., list[tuple[Any, ...]]]
_numbers = itertools.count(1)


@pytest.fixture
def desk(engine: Engine) -> Desk:
    return Desk(engine, f"named{next(_numbers)}")


@pytest.fixture
def names(desk: Desk, query: Query) -> Callable[..., list[tuple[Any, ...]]]:
    """Intervals of `ledger.name`, oldest first: the columns asked for, and from when until when."""
    return lambda columns="name", connection_id=None: query(
        f"SELECT {columns}, valid_from, valid_to FROM ledger.name WHERE connection_id = %s ORDER BY id, valid_from",
        connection_id or desk.connection_id,
    )


def see(desk: Desk, *seen: Row, hours: float = 0) -> Any:
    """A load that saw these names, and nothing else."""
    incoming = desk.incoming([], D1, names=seen, report="api_keys", has_days=False, fetched_at=T0 + hours * HOUR)
    return apply_load(desk.engine, incoming).changed


def test_a_rename_ends_one_interval_where_the_next_begins(desk: Desk, names: Any) -> None:
    see(desk, called(D1, "k", "old"), called(D2, "k", "old"), called(D3, "k", "new"), called(D1, "other", "steady"))
    assert names("id, name") == [("k", "old", D1, D3), ("k", "new", D3, None), ("other", "steady", D1, None)]
    see(desk, called(D4, "k", "old"), hours=1)
    assert names("id, name")[:3] == [("k", "old", D1, D3), ("k", "new", D3, D4), ("k", "old", D4, None)]


def test_an_earlier_date_that_is_loaded_later_moves_the_beginning(desk: Desk, names: Any) -> None:
    see(desk, called(D3, "k", "bot"))
    see(desk, called(D1, "k", "bot"), hours=1)
    assert names() == [("bot", D1, None)]
    see(desk, called(D2, "k", "interlude"), hours=2)
    assert names() == [("bot", D1, D2), ("interlude", D2, D3), ("bot", D3, None)]


def test_the_first_report_for_a_day_stands(desk: Desk, names: Any) -> None:
    see(desk, called(D1, "k", "then"))
    assert see(desk, called(D1, "k", "now"), hours=1) == {"name": 0}
    assert names() == [("then", D1, None)]
    see(desk, called(D1, "k", "before"), hours=-1)
    assert names() == [("before", D1, None)]


def test_what_is_not_told_on_a_day_is_carried_on_from_the_day_before(desk: Desk, names: Any) -> None:
    see(desk, called(D2, "k", "bot", owner_id="dana", tags='{"team":"x"}', parent_id="p"))
    see(desk, called(D1, "k", "bot"), called(D3, "k", "bot"), called(D4, "k", "bot", owner_id="lee"), hours=1)
    assert names("name, owner_id, tags, parent_id") == [
        ("bot", None, None, None, D1, D2),
        ("bot", "dana", '{"team":"x"}', "p", D2, D4),
        ("bot", "lee", '{"team":"x"}', "p", D4, None),
    ]


A1, B1, B2 = called(D1, "k", "a"), called(D1, "k", "b"), called(D2, "k", "b")


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param([A1, B1, B2, called(D2, "k", "c")], id="names"),
        pytest.param([A1 | {"owner_id": "dana"}, B1, B2], id="owner told first"),
        pytest.param([A1, B1 | {"owner_id": "dana"}, B2], id="owner told later"),
    ],
)
def test_the_order_of_loads_does_not_matter(engine: Engine, names: Any, seen: Sequence[Row]) -> None:
    results = {}
    for order in itertools.permutations(range(len(seen))):
        desk = Desk(engine, f"named{next(_numbers)}")
        for number in order:
            see(desk, seen[number], hours=number)
        results[order] = tuple(names("name, owner_id", desk.connection_id))
    assert len(set(results.values())) == 1, results


def test_the_same_names_again_rewrite_nothing(desk: Desk, content: Any, versions: Any) -> None:
    seen = [called(D1, "k", "old", owner_id="dana"), called(D2, "k", "new"), called(D2, "other", "x")]
    assert see(desk, *seen) == {"name": 3}
    before, rows = content("ops.name_observation"), versions()
    assert see(desk, *seen) == {"name": 0}
    assert see(desk, *seen, hours=5) == {"name": 0}
    assert (content("ops.name_observation"), versions()) == (before, rows)


def test_names_of_another_connection_stay(engine: Engine, desk: Desk, names: Any) -> None:
    other = Desk(engine, f"{desk.connection_id}_other")
    see(other, called(D1, "k", "theirs"))
    see(desk, called(D1, "k", "ours"))
    assert names() == [("ours", D1, None)]
    assert names(connection_id=other.connection_id) == [("theirs", D1, None)]


class LingeringNotes(list[Any]):
    """Notes that are read when a load has written its names, and has yet to commit."""

    def __init__(self, go_on: threading.Event) -> None:
        super().__init__()
        self.reached, self.go_on = threading.Event(), go_on

    def __iter__(self) -> Iterator[Any]:
        self.reached.set()
        self.go_on.wait(20)
        return super().__iter__()


def test_two_reports_that_see_one_id_at_once_leave_intervals_that_do_not_overlap(
    engine: Engine, desk: Desk, names: Any
) -> None:
    """The usage report and the list of keys name the same key, each in its own task."""
    first = desk.incoming([used(D1, "a", 1)], D1, names=[called(D1, "k", "bot")])
    notes = LingeringNotes(threading.Event())
    first = replace(first, staged=Staged(first.load_id, first.staged.tables, notes))
    second = threading.Thread(target=see, args=(desk, called(D2, "k", "bot", owner_id="dana")))
    lingering = threading.Thread(target=apply_load, args=(engine, first))
    lingering.start()
    try:
        assert notes.reached.wait(20)
        second.start()
        second.join(1)  # done by then, or waiting for the first one
    finally:
        notes.go_on.set()
        lingering.join(20)
        second.join(20)
    assert names("name, owner_id") == [("bot", None, D1, D2), ("bot", "dana", D2, None)]
