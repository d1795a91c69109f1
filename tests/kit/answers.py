"""Answers of Fireworks that nobody has seen: generated from a number, then spoiled in ways that have names."""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from hypothesis import strategies as st

Json = dict[str, Any]
DAY = timedelta(days=1)
WORDS = (
    "m",
    "M",
    "modèle",
    "😀",
    "a b",
    "accounts/fireworks/models/x",
    "",
    "'); DROP TABLE x;--",
    "\\N",
    "\u202e",
    "é",
    "é",
)
HOSTILE = (
    *(
        "",
        " ",
        "7 ",
        "+7",
        "007",
        "1_000",
        "1e3",
        "12.5",
        "-1",
        "-0",
        "٣",
        "NaN",
        "Infinity",
        "1e400",
        "0x10",
        "9" * 30,
    ),
    *(
        str(2**63 - 1),
        str(2**63),
        str(2**53 + 1),
        0,
        -1,
        7,
        12.5,
        2**63,
        2**64,
        True,
        False,
        None,
        [],
        {},
        [7],
        {"a": 1},
    ),
    *("x" * 5000, "\x00", "a\x00b", "\ud800", "{{ 7 }}", "${x}", "2026-11-11T00:00:00Z", "=HYPERLINK(1)"),
)


@dataclass(frozen=True)
class Answer:
    """An answer to a question for one day, and how it was spoiled."""

    report: str
    body: bytes
    spoils: tuple[str, ...]


def usage_document(drawn: random.Random, day: date) -> Json:
    """A good `billingUsage` answer of one day: no key twice but for rows split by the key's name."""
    bounds = {"startTime": f"{day}T00:00:00Z", "endTime": f"{day + DAY}T00:00:00Z"}

    def count(most: int = 10**12) -> Any:
        value = drawn.choice((0, 1, drawn.randint(0, most), drawn.randint(0, 10**4)))
        return value if drawn.random() < 0.2 else str(value)

    def tags() -> Json:
        form = drawn.choice(("annotations.team", "team"))
        return drawn.choice(({}, {form: drawn.choice(WORDS)}, {form: None}))

    serverless, identities = [], set()
    for _ in range(drawn.randint(0, 8)):
        group = {"model_name": drawn.choice(WORDS), "api_key_id": drawn.choice(("k1", "k2", "K1", ""))} | tags()
        team = group.get("annotations.team") or group.get("team") or ""
        if (identity := (group["model_name"], group["api_key_id"], team)) in identities:
            continue
        identities.add(identity)
        for name in drawn.sample(("web", "batch", "naïve"), drawn.choice((1, 1, 1, 2))):
            prompt = drawn.randint(0, 10**12)
            row = {**bounds, "promptTokens": str(prompt), "completionTokens": count(), "usageType": "TEXT"}
            row["group"] = group | {"api_key_name": name}
            if drawn.random() < 0.7:
                cached = drawn.randint(0, prompt)
                row |= {"cachedPromptTokens": str(cached), "uncachedPromptTokens": str(prompt - cached)}
            if drawn.random() < 0.3:
                row["audioInputSeconds"] = drawn.choice((0, 1.5, 12.25, 3, "0.5", 0.1))
            serverless.append(row)
    dedicated = [
        {
            **bounds,
            "deploymentId": f"d{n}",
            "acceleratorType": "H100",
            "acceleratorSeconds": count(86400),
            "baseModel": "b",
        }
        for n in range(drawn.randint(0, 3))
    ]
    training = [
        {**bounds, "jobId": f"j{n}", "jobType": "SFT", drawn.choice(("tokens", "acceleratorSeconds")): count()}
        for n in range(drawn.randint(0, 2))
    ]
    document = {"serverlessCosts": serverless, "dedicatedCosts": dedicated, "trainingCosts": training}
    return {name: rows for name, rows in document.items() if rows or drawn.random() < 0.7}


def cost_document(drawn: random.Random, day: date) -> Json:
    """A good billing summary of one day, with its totals or without."""

    def money(currency: str) -> Json:
        units, nanos = drawn.choice((0, 3, drawn.randint(0, 10**9))), drawn.choice((0, drawn.randint(0, 999_999_999)))
        sign = drawn.choice((1, 1, 1, -1))
        return {"currencyCode": currency, "units": str(sign * units), "nanos": sign * nanos}

    items = [
        {
            "category": drawn.choice(("Inference", "Fine-tuning")),
            "series": drawn.choice(("SERVERLESS", "TRAINING", "VIDEO")),
            "groupingKey": "model",
            "groupingValue": f"{drawn.choice(WORDS)}{n}",
            "quantity": drawn.choice((1, 2.5, "17580572", 0)),
            "totalCost": money(drawn.choice(("USD", "USD", "EUR"))),
        }
        for n in range(drawn.randint(0, 6))
    ]
    document: Json = {
        "usageBuckets": [{"startTime": f"{day}T00:00:00Z", "endTime": f"{day + DAY}T00:00:00Z", "lineItems": items}]
    }
    return document | ({"lineItems": items} if drawn.random() < 0.5 else {})


def _rows(document: Json) -> list[Json]:
    """Every object of the document that is a row."""
    rows = [row for array in document.values() if isinstance(array, list) for row in array if isinstance(row, dict)]
    inner = [row.get("lineItems") for row in rows]
    return rows + [item for items in inner if isinstance(items, list) for item in items if isinstance(item, dict)]


def _place(document: Json, drawn: random.Random) -> tuple[Json, str] | None:
    rows = [row for row in _rows(document) if row]
    if not rows:
        return None
    row = drawn.choice(rows)
    name = drawn.choice(sorted(row))
    inner = row[name]
    if isinstance(inner, dict) and inner and drawn.random() < 0.7:
        return inner, drawn.choice(sorted(inner))
    return row, name


def _dropped(document: Json, drawn: random.Random) -> None:
    if place := _place(document, drawn):
        place[0].pop(place[1])


def _renamed(document: Json, drawn: random.Random) -> None:
    if place := _place(document, drawn):
        place[0][f"{place[1]}V2"] = place[0].pop(place[1])


def _hostile(document: Json, drawn: random.Random) -> None:
    if place := _place(document, drawn):
        place[0][place[1]] = drawn.choice(HOSTILE)


def _unknown(document: Json, drawn: random.Random) -> None:
    if place := _place(document, drawn):
        place[0]["reasoningTokens"] = drawn.choice(HOSTILE)


def _repeated(document: Json, drawn: random.Random) -> None:
    arrays = [array for array in document.values() if isinstance(array, list) and array]
    if arrays:
        array = drawn.choice(arrays)
        array.insert(drawn.randint(0, len(array)), drawn.choice(array))


def _shifted(document: Json, drawn: random.Random) -> None:
    rows = [row for row in _rows(document) if "startTime" in row]
    if rows:
        row = drawn.choice(rows)
        row[drawn.choice(("startTime", "endTime"))] = drawn.choice(
            ("2026-01-01T00:00:00Z", "2026-01-01", "2026-01-01T00:00:00", "2027-02-29T00:00:00Z", 1790000000, None)
        )


def _renamed_array(document: Json, drawn: random.Random) -> None:
    if document:
        name = drawn.choice(sorted(document))
        document[f"{name}Next"] = document.pop(name)


def _wrong_total(document: Json, drawn: random.Random) -> None:
    if isinstance(document.get("lineItems"), list):
        document["lineItems"] = [
            json.loads(json.dumps(item)) | {"totalCost": {"currencyCode": "USD", "units": str(drawn.randint(0, 99))}}
            for item in document["lineItems"]
            if isinstance(item, dict)
        ]


DOCUMENT_SPOILS: dict[str, Callable[[Json, random.Random], None]] = {
    "a field dropped": _dropped,
    "a field renamed": _renamed,
    "a hostile value": _hostile,
    "an unknown field": _unknown,
    "a row repeated": _repeated,
    "a bucket shifted": _shifted,
    "an array renamed": _renamed_array,
    "a wrong total": _wrong_total,
}


def _flipped(body: bytes, drawn: random.Random) -> bytes:
    at = drawn.randrange(len(body))
    return body[:at] + bytes([body[at] ^ (1 << drawn.randrange(8))]) + body[at + 1 :]


def _cut(body: bytes, drawn: random.Random) -> bytes:
    return body[: drawn.randrange(len(body))]


def _digit(body: bytes, drawn: random.Random) -> bytes:
    digits = [at for at, one in enumerate(body) if 48 <= one <= 57]
    if not digits:
        return body
    at = drawn.choice(digits)
    return body[:at] + drawn.choice((b"9", b"-1", b"1e3", b"0.5", b"00", b"")) + body[at + 1 :]


BODY_SPOILS: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "a bit flipped": _flipped,
    "cut off": _cut,
    "a digit altered": _digit,
}
SPOILS = (*DOCUMENT_SPOILS, *BODY_SPOILS)


def answer_of(seed: int, spoils: list[str], day: date) -> Answer:
    """The answer for a day that a number and a list of spoils stand for."""
    drawn = random.Random(seed)  # noqa: S311  answers, no secrets
    report = drawn.choice(("usage", "usage", "usage", "cost"))
    document = usage_document(drawn, day) if report == "usage" else cost_document(drawn, day)
    for name in spoils:
        if name in DOCUMENT_SPOILS:
            DOCUMENT_SPOILS[name](document, drawn)
    body = json.dumps(document, ensure_ascii=drawn.random() < 0.5).encode("utf-8", "surrogatepass")
    for name in spoils:
        if name in BODY_SPOILS and body:
            body = BODY_SPOILS[name](body, drawn)
    return Answer(report, body, tuple(spoils))


recipes = st.tuples(st.integers(0, 2**63), st.lists(st.sampled_from(SPOILS), max_size=3))
"""What an answer is made of: a number, and how it is spoiled."""
