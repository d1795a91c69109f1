"""Points of several metrics become one wide row a date: each fills the meters that read its metric."""

import time
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kit.answering import Account, Answer
from kit.points_provider import DAY, HOUR, MIDNIGHT, POINTS, provider, series, staged

from usage_ledger import model as m
from usage_ledger.core import contract_errors
from usage_ledger.core.errors import ConfigError, UsageLedgerError
from usage_ledger.providers import PROVIDERS

NEXT = DAY + timedelta(days=1)
READ_BY = {
    "InputTokens": ("input_tokens",),
    "CacheReadTokens": ("input_tokens", "cached_input_tokens"),
    "Invocations": ("requests",),
}


def rows(
    *columns: str, of: m.RowSet = POINTS, series: tuple[dict[str, Any], ...], **more: Any
) -> list[tuple[Any, ...]]:
    """Columns of the rows that are made of some series, in their order."""
    _, table = staged(provider(of, **more.pop("report", {})), {"series": series}, **more)
    return sorted(zip(*(table.column(name).to_pylist() for name in columns), strict=True), key=str)


def error(*answered: dict[str, Any], of: m.RowSet = POINTS, **more: Any) -> type[Exception]:
    """The error that some series are refused with, as a window or on the only dates that they have."""
    with pytest.raises(UsageLedgerError) as caught:
        rows("requests", of=of, series=answered, **more)
    return type(caught.value)


def failed(*answered: dict[str, Any], of: m.RowSet = POINTS) -> dict[Any, str]:
    """The dates that are left out, and why."""
    note, _ = staged(provider(of), {"series": answered})
    return {day: failure.error_class for day, failure in note.failed.items()}


def test_points_of_several_metrics_become_one_row_a_date(account: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PROVIDERS, "stratus", provider())
    one: Account = account("stratus")
    answered = [
        series("InputTokens", "a", (0, 100.0), (23, "2.5E1"), (24, 7)),
        series("CacheReadTokens", "a", (0, 40)),
        series("Invocations", "a", (0, 3), (1, 4), (23, 0)),
        series("InvocationsTotal", "b", (5, 9)),
    ]
    one.server.answers |= {"/account": Answer({"id": "x"}), "/metrics": Answer({"series": answered})}
    assert one.run(DAY, NEXT).failures == []
    assert one.usage("usage_date, model, requests, input_tokens, cached_input_tokens, output_tokens") == [
        (DAY, "a", 7, 165, 40, None),
        (DAY, "b", 9, None, None, None),
        (NEXT, "a", None, 7, None, None),
    ]
    bounds = one.usage("bucket_start AT TIME ZONE 'UTC', bucket_end - bucket_start")
    assert {(str(start), length) for start, length in bounds} == {
        ("2026-11-10 00:00:00", timedelta(days=1)),
        ("2026-11-11 00:00:00", timedelta(days=1)),
    }
    [(sums,)] = one.query("SELECT sums FROM ops.load WHERE connection_id = %s")
    assert sums["usage_daily"] == {"rows": 3, "requests": "16", "input_tokens": "172", "cached_input_tokens": "40"}
    evidence = one.query("SELECT usage_date, evidence FROM ops.day WHERE connection_id = %s ORDER BY 1")
    assert evidence == [(DAY, {"points": [1, 3]}), (NEXT, {"points": [1, 1]})]
    assert one.events() == []


def test_an_instant_at_the_end_of_its_step_belongs_to_the_date_before_midnight() -> None:
    ending = replace(POINTS, when=m.Point("at", HOUR, edge="end", clock="epoch"))
    sent = series("Invocations", "a", (1, 1), (24, 2), (25, 4), (48, 8))
    assert rows("usage_date", "requests", of=ending, series=(sent,)) == [(DAY, 3), (NEXT, 12)]
    for outside in (0, 49):
        assert error(series("Invocations", "a", (outside, 1)), of=ending) is contract_errors.OutOfWindow


@pytest.mark.parametrize(
    ("at", "kind"),
    [
        (-1, contract_errors.OutOfWindow),
        (48, contract_errors.OutOfWindow),
        (MIDNIGHT + 1800, contract_errors.BadBucket),
        (MIDNIGHT + 0.5, contract_errors.BadBucket),
        (f"{MIDNIGHT}000", contract_errors.BadBucket),
        ("2026-11-10T00:00:00Z", contract_errors.BadBucket),
        ("1e-400", contract_errors.BadBucket),
        ("1e9999", contract_errors.BadBucket),
        ({"time": 0}, contract_errors.BadBucket),
        ([], contract_errors.BadBucket),
        (None, contract_errors.MissingField),
    ],
)
def test_a_point_outside_of_the_window_or_off_the_steps_of_a_date_is_refused(at: Any, kind: type[Exception]) -> None:
    assert error(series("Invocations", "a", (0, 1), (at, 1))) is kind


@pytest.mark.parametrize("at", [str(MIDNIGHT), float(MIDNIGHT), f"{MIDNIGHT}.0", "1.7942688E9"])
def test_two_points_of_one_metric_and_instant_fail_their_date_alone(at: Any) -> None:
    twice = series("Invocations", "a", (0, 1), (24, 5)), series("Invocations", "a", (at, 1))
    assert failed(*twice) == {DAY: "DuplicateRow"}
    other = series("InputTokens", "a", (at, 1))
    assert rows("usage_date", "requests", "input_tokens", series=(twice[0], other)) == [(DAY, 1, 1), (NEXT, 5, None)]


def test_a_metric_that_no_meter_reads_fails_its_date() -> None:
    assert failed(series("Invocations", "a", (0, 1), (24, 5)), series("Errors", "a", (0, 1))) == {DAY: "MissingField"}


def test_an_absent_value_is_an_error_only_where_its_meter_reads_the_row() -> None:
    row_set = replace(POINTS, meters=(*POINTS.meters[:2], replace(POINTS.meters[2], absent="zero")))
    sent = series("Invocations", "a", (0, None), (1, 2)), series("InputTokens", "a", (24, None))
    note, table = staged(provider(row_set), {"series": sent})
    assert table.column("requests").to_pylist() == [2]
    assert {day: failure.error_class for day, failure in note.failed.items()} == {NEXT: "NullRequired"}
    assert [(one.kind, one.message[:8]) for one in note.notes] == [("absent_zero", "1 values")]


@pytest.mark.parametrize(
    ("value", "exact", "scale", "expected"),
    [
        ("918233.5", True, "1", contract_errors.FractionalCount),
        ("9.18233E5", True, "1", 918233),
        (918233.0, True, "1", 918233),
        ("66.6633333333", False, "300", 19999),
        ("0.0116666", False, "300", 3),
        ("0.5", False, "1", 0),
        ("1.5", False, "1", 2),
        ("9223372036854775807", True, "1", contract_errors.OutOfRange),
        ("9223372036854775808", True, "1", contract_errors.OutOfRange),
        ("1E400", False, "1", contract_errors.OutOfRange),
        ("-1", True, "1", contract_errors.NegativeCount),
        ("NaN", False, "1", contract_errors.NotFinite),
    ],
)
def test_decimals_in_a_whole_column_are_whole_or_rounded_point_by_point(
    value: Any, exact: bool, scale: str, expected: Any
) -> None:
    meter = m.Meter("requests", "value", form="decimal", scale=Decimal(scale), exact=exact)
    of, sent = replace(POINTS, meters=(meter,)), series("x", "a", *((hour, value) for hour in (0, 1, 24, 25)))
    if isinstance(expected, type):
        assert error(sent, of=of) is expected
        return
    note, table = staged(provider(of), {"series": [sent]})
    assert table.column("requests").to_pylist() == [2 * expected] * 2
    assert [(one.kind, one.message[:8]) for one in note.notes] == ([] if exact else [("rounded", "4 values")])


def test_a_scale_counts_for_whole_numbers_too() -> None:
    meter = m.Meter("requests", "value", scale=Decimal(300))
    assert rows("requests", of=replace(POINTS, meters=(meter,)), series=(series("x", "a", (0, 2)),)) == [(600,)]


def test_two_meters_of_a_column_read_rows_of_their_own() -> None:
    thousands = m.Meter("characters", "value", scale=Decimal(1000), where=m.OneOf("^metric", ("k{char}",)))
    single = m.Meter("characters", "value", where=m.OneOf("^metric", ("Characters",)))
    sent = series("k{char}", "a", (0, 2)), series("Characters", "a", (0, 5), (24, 1))
    assert rows("characters", of=replace(POINTS, meters=(thousands, single)), series=sent) == [(1,), (2005,)]
    both = replace(single, where=m.Matches("^metric", ".*[cC]har.*"))
    assert failed(*sent, of=replace(POINTS, meters=(thousands, both))) == {DAY: "ConflictingRows"}
    for wrong in ((thousands, replace(single, where=None)), (*POINTS.meters, m.Count("requests"))):
        assert error(*sent, of=replace(POINTS, meters=wrong)) is ConfigError


def test_a_condition_reads_what_the_request_was_repeated_for() -> None:
    kinds = {"requests": "r", "images": "i"}
    meters = [m.Meter(name, "value", where=m.OneOf("@kind", (kind,))) for name, kind in kinds.items()]
    of = replace(POINTS, meters=tuple(meters), sum_over=("@kind", "at"))
    sent = series("x", "a", (0, 2), (24, 3))
    assert rows("requests", "images", of=of, series=(sent,), labels={"kind": "i"}) == [(None, 2), (None, 3)]
    assert error(sent, of=of) is contract_errors.MissingField


@pytest.mark.parametrize("step", [timedelta(), -HOUR, timedelta(hours=5), timedelta(days=2)])
def test_a_step_divides_a_day(step: timedelta) -> None:
    with pytest.raises(ConfigError, match="does not divide a day"):
        m.Point("at", step)


def test_points_of_a_zone_tile_its_dates() -> None:
    sent = series("Invocations", "a", (-1, 1), (22, 2))
    zone = {"zone": "Europe/Berlin", "report": {"day": "zone"}}
    assert rows("usage_date", "requests", series=(sent,), **zone) == [(DAY, 3)]
    assert error(sent, **zone | {"zone": "Asia/Kolkata"}) is contract_errors.BadBucket


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([*READ_BY]), st.sampled_from("ab"), st.integers(0, 47), st.integers(0, 2**53)),
        min_size=1,
        unique_by=lambda one: one[:3],
    )
)
def test_every_value_is_in_exactly_the_meters_that_read_it(points: list[tuple[str, str, int, int]]) -> None:
    """By sums over all points, of columns with nulls and without."""
    expected: Counter[str] = Counter()
    for metric, _, _, number in points:
        expected.update(dict.fromkeys(READ_BY[metric], number))
    note, table = staged(provider(), {"series": [series(metric, model, at) for metric, model, *at in points]})
    assert {name: int(total) for name, total in note.tables["usage_daily"].sums.items()} == expected
    for column in ("input_tokens", "cached_input_tokens", "requests"):
        values = [value for value in table.column(column).to_pylist() if value is not None]
        assert (sum(values) if values else None) == expected.get(column)
    assert table.num_rows == len({(model, hour // 24) for _, model, hour, _ in points})


def test_each_of_many_different_decimals_costs_what_the_first_cost() -> None:
    """To look each up among all others took minutes: eight times as many then take 64 times as long, not 8 times."""
    row_set = replace(POINTS, meters=(m.Meter("audio_seconds", "value", form="decimal"),))

    def seconds(models: int) -> float:
        rates = [series("x", f"model-{n}", *((hour, f"{n}.{hour:03}1") for hour in range(48))) for n in range(models)]
        began = time.process_time()
        _, table = staged(provider(row_set), {"series": rates})
        assert table.num_rows == 2 * models
        return time.process_time() - began

    seconds(10)
    assert seconds(2000) < 24 * seconds(250)
