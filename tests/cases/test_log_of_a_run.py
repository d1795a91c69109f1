"""What the log of a run says in a few lines, so that nobody has to ask the warehouse what a green task did."""

import logging
from collections.abc import Callable
from datetime import date

import pytest
from kit.answering import Account, Answer
from kit.fireworks_answers import serverless, usage

DAY = date(2026, 11, 26)


def test_the_log_says_what_was_landed_staged_checked_and_loaded(
    account: Callable[..., Account], caplog: pytest.LogCaptureFixture
) -> None:
    fireworks = account("fireworks")
    fireworks.server.answers["/users"] = Answer({"users": []})
    fireworks.server.answers["/billingUsage"] = Answer(usage(serverless(DAY), serverless(DAY, model="another")))
    with caplog.at_level(logging.INFO, logger="usage_ledger.pipeline"):
        assert fireworks.run(DAY, reports=("usage",)).failures == []
    [(load_id, uri)] = fireworks.query(
        "SELECT load_id::text, manifest_uri FROM ops.load WHERE connection_id = %s AND report = 'usage'"
    )
    size = len(usage(serverless(DAY), serverless(DAY, model="another")))
    lines = [record.getMessage() for record in caplog.records if record.getMessage().startswith(f"usage {DAY}")]
    assert lines == [
        f"usage {DAY}: 1 requests answered, 1 pages of rows, {size} bytes",
        f"usage {DAY}: load {load_id} is landed at {uri}",
        f"usage {DAY}: 2 rows of usage_daily staged",
        f"usage {DAY}: the contract holds, 0 warnings",
        f"usage {DAY}: loaded, 2 rows, 2 changed (load {load_id})",
    ]


def test_the_log_names_dates_that_are_held(account: Callable[..., Account], caplog: pytest.LogCaptureFixture) -> None:
    fireworks = account("fireworks")
    fireworks.server.answers["/users"] = Answer({"users": []})
    fireworks.server.answers["/accounts"] = Answer({"accounts": [{"name": f"accounts/{fireworks.account}"}]})
    for rows in ([serverless(DAY)], []):
        fireworks.server.answers["/billingUsage"] = Answer(usage(*rows))
        caplog.clear()
        with caplog.at_level(logging.INFO, logger="usage_ledger.pipeline"):
            assert fireworks.run(DAY, reports=("usage",)).failures == []
    assert f"usage {DAY}: held, 0 rows, 0 changed, held {DAY}" in caplog.text
