"""Price lists of the stand-ins in the price book: first sight, a change, a model that left, and lists out of order."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from kit.filled_ledger import fill_ledger
from kit.staged_loads import Desk
from sqlalchemy import Engine

from usage_ledger.sandbox.fireworks.truth import FireworksTruth
from usage_ledger.storage.listed_price import ListedPrice
from usage_ledger.storage.staged import Staged
from usage_ledger.warehouse.ledger import apply_load

Query = Callable[..., list[tuple[Any, ...]]]
FIRST, LAST = date(2026, 11, 16), date(2026, 11, 19)


class Lists(Desk):
    """A connection with a report `prices`."""

    def take(self, day: int, *prices: tuple[str, str], hour: int = 3) -> dict[str, int]:
        fetched = datetime(2026, 6, day, hour, tzinfo=UTC)
        load = self.incoming([], fetched.date(), fetched_at=fetched, report="prices", has_days=False)
        listed = [ListedPrice(model, "output_tokens", "standard", "USD", "1000000", amount) for model, amount in prices]
        staged = Staged(load.load_id, load.staged.tables, prices=listed)
        return apply_load(self.engine, replace(load, staged=staged, provider="fireworks")).changed


@pytest.fixture
def desk(engine: Engine, request: pytest.FixtureRequest) -> Lists:
    return Lists(engine, request.node.name)


def book(query: Query, connection: str) -> list[tuple[Any, ...]]:
    rows = query(
        "SELECT model, extract(day from valid_from)::int, nullif(valid_to, 'infinity'), amount FROM ledger.price"
        " WHERE connection_id = %s AND superseded_at IS NULL ORDER BY model, valid_from",
        connection,
    )
    return [(model, first, end.day if end else None, str(amount.normalize())) for model, first, end, amount in rows]


def test_a_list_is_valid_from_the_date_on_which_it_was_fetched(desk: Lists, query: Query) -> None:
    assert desk.take(3, ("glm", "4.4"), ("old", "1"))["price"] == 2
    assert desk.take(4, ("glm", "4.4"), ("old", "1"))["price"] == 0
    assert desk.take(5, ("glm", "4.5"))["price"] == 5
    assert book(query, desk.connection_id) == [("glm", 3, 5, "4.4"), ("glm", 5, None, "4.5"), ("old", 3, 5, "1")]


def test_of_two_lists_of_a_date_the_newest_counts_in_any_order(desk: Lists, query: Query) -> None:
    desk.take(3, ("glm", "4.5"), hour=9)
    desk.take(3, ("glm", "4.4"), hour=3)
    assert book(query, desk.connection_id) == [("glm", 3, None, "4.5")]
    desk.take(3, ("glm", "4.6"), hour=12)
    assert book(query, desk.connection_id) == [("glm", 3, 3, "4.5"), ("glm", 3, None, "4.6")]


def test_the_first_list_counts_for_the_month_before_it(desk: Lists, query: Query) -> None:
    desk.take(3, ("glm", "4.5"))
    desk.take(5, ("glm", "4.5"), ("new", "1"))
    rows = query("SELECT model, valid_from FROM ledger.price WHERE connection_id = %s ORDER BY 1", desk.connection_id)
    (glm, since), (new, sight) = rows
    assert (glm, new, sight - since) == ("glm", "new", timedelta(days=31 + 2))


def test_a_list_that_comes_late_decides_the_dates_up_to_the_next(desk: Lists, query: Query) -> None:
    desk.take(3, ("glm", "4.4"))
    desk.take(9, ("glm", "4.4"))
    desk.take(6, ("glm", "5"))
    assert book(query, desk.connection_id) == [("glm", 3, 6, "4.4"), ("glm", 6, 9, "5"), ("glm", 9, None, "4.4")]


def test_an_empty_list_takes_nothing_away_and_is_reported(desk: Lists, query: Query) -> None:
    desk.take(3, ("glm", "4.4"))
    desk.take(4)
    assert book(query, desk.connection_id) == [("glm", 3, None, "4.4")]
    events = query("SELECT kind FROM ops.event WHERE connection_id = %s", desk.connection_id)
    assert ("prices_absent",) in events


@pytest.fixture(scope="module")
def filled(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """Some days of Fireworks and OpenRouter; the lists are of the day after."""
    root: Path = tmp_path_factory.mktemp("raw")
    fill_ledger(engine, root, FIRST, LAST, providers=("fireworks", "openrouter"))
    return engine


def test_every_line_of_text_costs_what_the_list_says(filled: Engine, query: Query) -> None:
    """The stand-in cuts each line to whole nano-dollars."""
    lines = query(
        "SELECT line.model, line.meter, line.quantity, line.amount, price.amount / price.per"
        " FROM ledger.cost_daily AS line"
        " LEFT JOIN ledger.price AS price ON price.connection_id = line.connection_id AND price.model = line.model"
        " AND price.meter = line.meter AND price.service_tier = 'standard'"
        " WHERE line.provider = 'fireworks' AND line.report = 'cost' AND line.category LIKE 'LLM %%'"
    )
    models = FireworksTruth(seed=1, account="x").all_models
    assert {(model, meter) for model, meter, *_ in lines} == {
        (model.model_id, meter)
        for model in models
        for meter in ("cached_input_tokens", "uncached_input_tokens", "output_tokens")
    }
    for _, _, quantity, amount, price in lines:
        assert 0 <= quantity * price - amount < Decimal("0.000000001")


def test_every_line_says_what_it_is_for(filled: Engine, query: Query) -> None:
    assert query(
        "SELECT category, model, meter, accelerator FROM ledger.cost_daily WHERE provider = 'fireworks'"
        " AND report = 'cost' AND category NOT LIKE 'LLM %%' GROUP BY 1, 2, 3, 4 ORDER BY 1, 4"
    ) == [
        ("Audio Transcription", "accounts/fireworks/models/whisper-v3", "audio_seconds", ""),
        ("Dedicated deployments", "", "accelerator_seconds", "NVIDIA_B200_180GB"),
        ("Dedicated deployments", "", "accelerator_seconds", "NVIDIA_H100_80GB"),
    ]


def prices_of(query: Query, model: str) -> Sequence[tuple[Any, ...]]:
    rows = query(
        "SELECT meter, service_tier, amount, per, rank, origin, valid_from, valid_to = 'infinity' FROM ledger.price"
        " WHERE model = %s ORDER BY service_tier, meter",
        model,
    )
    return [(meter, tier, str(amount.normalize()), int(per), *rest) for meter, tier, amount, per, *rest in rows]


def test_a_list_of_the_vendor_has_rank_two(filled: Engine, query: Query) -> None:
    more = (2, "list", date(2026, 10, 20), True)
    assert prices_of(query, "accounts/fireworks/models/deepseek-v4p1-flash") == [
        ("cached_input_tokens", "priority", "0.01125", 1_000_000, *more),
        ("output_tokens", "priority", "1.8", 1_000_000, *more),
        ("uncached_input_tokens", "priority", "0.45", 1_000_000, *more),
        ("cached_input_tokens", "standard", "0.0075", 1_000_000, *more),
        ("output_tokens", "standard", "1.2", 1_000_000, *more),
        ("uncached_input_tokens", "standard", "0.3", 1_000_000, *more),
    ]


def test_prices_for_one_token_are_exact_and_a_variant_is_a_tier(filled: Engine, query: Query) -> None:
    more = (2, "list", date(2026, 10, 20), True)
    assert prices_of(query, "deepseek/deepseek-v4-20260115") == [
        ("output_tokens", "free", "0", 1, *more),
        ("uncached_input_tokens", "free", "0", 1, *more),
        ("output_tokens", "standard", "0.0000011", 1, *more),
        ("uncached_input_tokens", "standard", "2.8E-7", 1, *more),
    ]
    assert prices_of(query, "openrouter/auto") == []
