"""Texts that would be commands elsewhere are texts here."""

import json
import logging
from typing import Any

import pytest
from kit.fireworks_answers import serverless, usage
from kit.provider_site import FIRST, USAGE, Site

from usage_ledger.core import contract_errors, provider_errors
from usage_ledger.core.errors import one_line

COMMANDS = [
    "'); DROP TABLE ledger.usage_daily;--",
    "' OR 1=1 --",
    '"; SELECT pg_sleep(9); --',
    "\\.",
    "\\N",
    "\\",
    "\\x41",
    "a\tb",
    "a\nb",
    "a\r\nb",
    "a,b",
    'a"b""c',
    '"',
    "'",
    "${HOME}",
    "$(id)",
    "`id`",
    "{{ 7 * 7 }}",
    "{% raw %}",
    "%s%(connection_id)s",
    "{table}",
    "<script>alert(1)</script>",
    "=HYPERLINK(1)",
    "NULL",
    "null",
    "  ",
    "\u202e",
    "\x1b[31m",
    "\x07",
]


@pytest.mark.parametrize("text", COMMANDS)
def test_x1_a_text_is_stored_byte_for_byte_and_is_no_command(site: Site, text: str) -> None:
    group = {"model_name": text, "api_key_id": text, "api_key_name": text, "annotations.team": text}
    site.provider.answers[USAGE] = (200, usage(serverless(FIRST, "5", group=group, usageType=text)))
    for _ in range(2):  # compared with itself, too
        assert site.run(first=FIRST, last=FIRST, reports=("usage",)).failures == []
    rows = site.query(
        "SELECT model, api_key_id, tag_team, operation, input_tokens FROM ledger.usage_daily WHERE connection_id = %s",
        site.name,
    )
    assert rows == [(text, text, text, text, 5)]
    [(name,)] = site.query(
        "SELECT DISTINCT name FROM ledger.name WHERE connection_id = %s AND id = %s", site.name, text
    )
    assert name == text
    assert site.query("SELECT count(*) FROM ops.restatement WHERE connection_id = %s", site.name) == [(0,)]


@pytest.mark.parametrize(
    "text",
    [
        "two\nlines",
        "2026-11-20 03:00:00 INFO all is well",
        "\x1b[2J\x1b[31mred",
        "\r over the line",
        "\u2028\u2029\x85",
        "\x00\x07\x08",
        "<script>alert(1)</script>",
        "x" * 2**20,
    ],
    ids=["line end", "timestamp", "ansi", "return", "other line ends", "controls", "script", "1 MB"],
)
def test_x19_one_event_is_one_line_of_bounded_length(site: Site, text: str, caplog: pytest.LogCaptureFixture) -> None:
    """In the error, in the log and in the warehouse, whether the provider's words or a row's values hold it."""
    site.provider.answers[USAGE] = (400, json.dumps({"message": text}).encode())
    with caplog.at_level(logging.INFO, "usage_ledger"):
        [refused] = site.run(first=FIRST, last=FIRST, reports=("usage",)).failures
        row = serverless(FIRST, text, model="m")
        site.provider.answers[USAGE] = (200, usage(row))
        [broken] = site.run(first=FIRST, last=FIRST, reports=("usage",)).failures
    assert isinstance(refused, provider_errors.BadRequest)
    assert isinstance(broken, contract_errors.ContractBroken)
    told: list[Any] = [str(refused), str(broken)]
    told += [record.getMessage() for record in caplog.records if record.name.startswith("usage_ledger")]
    told += [part for event in site.events() for part in event[3:]]
    told += [message for (message,) in site.loads("error_message") if message]
    assert len(told) >= 6
    for line in told:
        assert line.isprintable()
        assert len(line) <= 2500
    assert one_line(text).isprintable()
    assert len(one_line(text)) <= 2000
