"""What a person reads of a failure: a sentence, where, and the next step; nothing of how it is made."""

import ast
import json
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import httpx
import pytest
from kit.answering import Account, Answer, sample
from kit.plain_words import LONGEST, faults_of

from usage_ledger.core import error_classes, errors
from usage_ledger.core.project import ROOT
from usage_ledger.http.error_mapping import error_for_break
from usage_ledger.json.problems import problem_of

DAY = date(2026, 11, 10)
SENTENCE = 400
"""Characters of the fixed part of a message."""


@pytest.mark.parametrize(
    "message",
    ["httpx.ReadTimeout", "(ConnectError)", "Expected `int`, got `str`", "expect_column_values_to_be_in_set(x)", "x\ny",
     "at `$.data`", "x" * (LONGEST + 1), "[Errno 111] Connection refused"],
)  # fmt: skip
def test_what_is_no_message_for_people_is_recognised(message: str) -> None:
    assert faults_of(message)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "Expected `int | str | null`, got `float` - at `$.serverlessCosts[...].promptTokens`",
            "`serverlessCosts.promptTokens` is a number with a fraction, not a whole number, a string or null",
        ),
        ("Expected `array | null`, got `str` - at `$.data`", "`data` is a string, not a list or null"),
        ("Expected `object`, got `array`", "the answer is a list, not an object"),
        ("Expected `str`, got `object` - at `$.data[3].id`", "`data[3].id` is an object, not a string"),
        ("Integer value out of range - at `$.data[...].n`", "Integer value out of range (`data.n`)"),
        ("JSON is malformed: invalid character (byte 3)", "JSON is malformed: invalid character (byte 3)"),
    ],
)
def test_a_problem_of_a_document_is_said_in_plain_words(text: str, sentence: str) -> None:
    assert problem_of(text) == sentence


def row(**more: Any) -> dict[str, Any]:
    one: dict[str, Any] = json.loads(sample("fw-row-without-api-key"))["serverlessCosts"][0]
    return one | {"group": {**one["group"], "api_key_id": "key_1"}} | more


WRONG: dict[str, Any] = {
    "a fraction": {"serverlessCosts": [row(promptTokens=1.5)]},
    "a list": {"serverlessCosts": [row(promptTokens=[1])]},
    "a word": {"serverlessCosts": [row(promptTokens="many")]},
    "a group that is text": {"serverlessCosts": [row(group="x" * 3000)]},
    "a time that is a number": {"serverlessCosts": [row(startTime=5)]},
    "a time that is a word": {"serverlessCosts": [row(startTime="today")]},
    "rows that are text": {"serverlessCosts": "x" * 3000},
    "rows that are numbers": {"serverlessCosts": [1, 2]},
    "negative": {"serverlessCosts": [row(promptTokens="-7")]},
    "below the cached": {"serverlessCosts": [row(promptTokens="1", cachedPromptTokens="9")]},
    "two that contradict": {"serverlessCosts": [row(promptTokens="5"), row(promptTokens="7")]},
    "too large": {"serverlessCosts": [row(promptTokens="9" * 40)]},
    "renamed": {"serverlessCost": [row()]},
    "a list as answer": [1],
    "text as answer": "x",
    "cut off": b'{"serverlessCosts": [',
    "no JSON": b"\xff\xfe",
    "nothing": b"",
    "a web page": b"<html>" + b"x" * 5000,
    "an error": {"error": {"message": "no", "code": 13}},
    "an error without words": {"error": {}},
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_spoiled_answer_is_told_in_plain_words(account: Callable[..., Account], wrong: Any) -> None:
    fireworks = account("fireworks")
    fireworks.server.answers |= {
        "/v1/accounts": Answer({"accounts": [{"name": f"accounts/{fireworks.account}"}]}),
        "/users": Answer({"users": []}),
        "/billingUsage": Answer(wrong),
    }
    ran = fireworks.run(DAY, reports=("usage",))
    loads = fireworks.query("SELECT error_message FROM ops.load WHERE connection_id = %s AND error_message IS NOT NULL")
    texts = [*map(str, ran.failures), *(text for (text,) in loads), *(text for _, _, text in fireworks.events())]
    assert texts
    assert {text: faults for text in texts if (faults := faults_of(text))} == {}


def test_rows_that_contradict_each_other_are_told_with_their_columns(account: Callable[..., Account]) -> None:
    fireworks = account("fireworks")
    fireworks.server.answers |= {
        "/v1/accounts": Answer({"accounts": [{"name": f"accounts/{fireworks.account}"}]}),
        "/users": Answer({"users": []}),
        "/billingUsage": Answer({"serverlessCosts": [row(completionTokens="5"), row(completionTokens="7")]}),
    }
    (failure,) = fireworks.run(DAY, reports=("usage",)).failures
    assert "serverlessCosts[1] repeats [0] with other values: output_tokens=5 and 7" in str(failure)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (httpx.ConnectError("[Errno 111] Connection refused"), "x cannot be reached (Connection refused)"),
        (
            httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed (_ssl.c:1006)"),
            "x cannot be reached (certificate verify failed: self-signed)",
        ),
        (httpx.ConnectError(""), "x cannot be reached (the connection failed)"),
        (httpx.ConnectTimeout("timed out"), "x did not answer in time (no connection)"),
        (httpx.ReadTimeout(""), "x did not answer in time (the connection is open, and nothing comes)"),
        (httpx.RemoteProtocolError("peer closed connection"), "x broke off its answer"),
        (httpx.RemoteProtocolError("illegal status line"), "x does not answer in HTTP"),
    ],
)
def test_a_connection_that_fails_is_told_without_the_classes_of_a_library(
    error: httpx.TransportError, sentence: str
) -> None:
    assert error_for_break("x", error).what == sentence


def family(kind: type[Exception]) -> Iterator[type[Exception]]:
    yield kind
    for one in kind.__subclasses__():
        yield from family(one)


ERRORS = {kind.__name__: kind for kind in family(errors.UsageLedgerError)}


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Where an error of ours is made."""
    for path in sorted((ROOT / "usage_ledger").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                if name in ERRORS:
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", node


def test_no_message_of_the_code_names_a_class_or_is_long() -> None:
    assert error_classes
    assert len(list(calls())) > 100
    wrong = []
    for place, call in calls():
        texts = [one.value for one in ast.walk(call) if isinstance(one, ast.Constant) and isinstance(one.value, str)]
        names = [one.attr for one in ast.walk(call) if isinstance(one, ast.Attribute) and one.attr == "__name__"]
        faults = [fault for text in texts for fault in faults_of(text.strip("\n"))]
        if names or faults or sum(map(len, texts)) > SENTENCE:
            wrong.append((place, names, faults))
    assert wrong == []


@pytest.mark.parametrize("kind", [kind for kind in ERRORS.values() if getattr(kind, "remedy", "")])
def test_every_next_step_is_a_short_sentence_without_internals(kind: type[errors.UsageLedgerError]) -> None:
    assert faults_of(kind.remedy) == []
    assert len(kind.remedy) <= 200
