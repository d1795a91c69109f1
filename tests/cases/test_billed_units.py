"""What official models are billed by: images, characters, seconds, pixels, tokens; and durations by clock order."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from kit import vendor_rows as vendor
from kit.answering import Account, Answer, sample
from kit.vendor_rows import DAY, changed

Accounts = Callable[..., Account]


def prediction(**metrics: Any) -> Any:
    return changed(vendor.REPLICATE.row, "metrics", {"predict_time": 1.4} | metrics)


def test_predictions_are_counted_in_the_units_that_they_are_billed_by(account: Accounts) -> None:
    ours = account("replicate")
    assert vendor.REPLICATE.load(ours, sample("re-billing-metrics")) == []
    columns = "model, variant, images, characters, videos, video_seconds, compute_seconds"
    assert ours.usage(columns) == [
        ("acme/image", "pro", 2, None, None, None, Decimal("6.1")),
        ("acme/speech", "", None, 812, None, None, Decimal("1.5")),
        ("acme/video", "", None, None, 1, Decimal(8), Decimal("60.5")),
    ]
    assert ours.events() == []


@pytest.mark.parametrize(
    ("metric", "value", "column", "expected"),
    [
        ("token_input_count", 48.0, "input_tokens", 48),
        ("token_output_count", 212, "output_tokens", 212),
        ("character_output_count", 5, "characters", 5),
        ("audio_output_duration_seconds", 7.25, "audio_seconds", Decimal("7.25")),
        ("video_output_total_pixel_count", 7372800, "video_pixels", 7372800),
        ("generic_output_count", 3, "results", 3),
        ("audio_output_count", 2, "results", 2),
        ("training_step_count", 1000, "training_steps", 1000),
    ],
)
def test_each_unit_has_its_column(account: Accounts, metric: str, value: Any, column: str, expected: Any) -> None:
    ours = account("replicate")
    assert vendor.REPLICATE.run(ours, prediction(**{metric: value})) == []
    assert ours.usage(column) == [(expected,)]
    assert ours.events() == []


def test_tokens_in_both_spellings_count_once_and_must_agree(account: Accounts) -> None:
    ours = account("replicate")
    assert vendor.REPLICATE.run(ours, prediction(token_input_count=48, input_token_count=48.0)) == []
    assert ours.usage("input_tokens") == [(48,)]
    [failure] = vendor.REPLICATE.run(ours, prediction(token_input_count=48, input_token_count=49))
    assert "token_input_count" in str(failure)
    assert ours.usage("input_tokens") == [(48,)]


@pytest.mark.parametrize(
    ("changes", "seconds", "order"),
    [
        (
            {"metrics": {}, "started_at": "2026-11-10T09:14:02.600Z", "completed_at": "2026-11-10T09:14:02.500Z"},
            "0",
            True,
        ),
        ({"metrics": {"predict_time": -0.000003}}, "0", True),
        ({"metrics": {"predict_time": 3e-06}}, "0.000003", False),
        ({"started_at": "2026-11-10T09:14:02.100Z"}, "1.4", False),
    ],
)
def test_a_duration_below_zero_by_clock_order_is_zero_and_reported(
    account: Accounts, changes: dict[str, Any], seconds: str, order: bool
) -> None:
    ours = account("replicate")
    assert vendor.REPLICATE.run(ours, dict(vendor.REPLICATE.row) | changes) == []
    assert ours.usage("compute_seconds") == [(Decimal(seconds),)]
    assert [(kind, severity) for kind, severity, _ in ours.events()] == ([("clock_order", "info")] if order else [])
    assert ours.days("predictions") == {DAY: "loaded"}


def test_trainings_are_a_report_of_their_own_and_only_of_their_date(account: Accounts) -> None:
    ours = account("replicate")
    training = changed(vendor.REPLICATE.row, "metrics", {"predict_time": 502.713876, "training_step_count": 1000})
    earlier = dict(training) | {"id": "t1", "created_at": "2026-11-09T23:59:59Z"}
    assert vendor.REPLICATE.run(ours, vendor.REPLICATE.row) == []
    ours.server.answers["/v1/trainings"] = Answer(vendor.REPLICATE.answer(dict(training) | {"id": "t2"}, earlier))
    assert ours.run(DAY, reports=("predictions", "trainings")).failures == []
    assert ours.usage("usage_type, requests, compute_seconds, training_steps") == [
        ("serverless", 1, Decimal("1.4"), None),
        ("training", 1, Decimal("502.713876"), 1000),
    ]
