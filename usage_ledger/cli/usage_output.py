"""How `usage-ledger usage` prints an answer: tables for people, or JSON in the shape of a vendor's own command."""

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from itertools import groupby
from typing import Any

from usage_ledger.cli.dimensions import DEDICATED, TRAINING, Dimension
from usage_ledger.console import table
from usage_ledger.contracts.registry import contract
from usage_ledger.core.numbers import EXACT
from usage_ledger.core.redaction import redact
from usage_ledger.core.windows import DAY, Window
from usage_ledger.warehouse.usage import Metered, Number, meters

LINE = ("usage_type", "charge_category", "category", "line_item", "quantity", "unit", "basis", "currency", "amount")
TOKENS = {
    "promptTokens": "input_tokens",
    "cachedPromptTokens": "cached_input_tokens",
    "uncachedPromptTokens": "uncached_input_tokens",
    "completionTokens": "output_tokens",
    "audioInputSeconds": "audio_seconds",
}
FIELDS: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    DEDICATED: (
        {
            "deploymentId": "deployment",
            "acceleratorType": "accelerator",
            "baseModel": "model",
            "usageType": "operation",
            "placement": "region",
        },
        {"acceleratorSeconds": "accelerator_seconds"},
    ),
    TRAINING: (
        {
            "jobId": "job_id",
            "jobType": "operation",
            "trainingSessionId": "resource",
            "usageType": "variant",
            "acceleratorType": "accelerator",
            "baseModel": "model",
        },
        {"tokens": "training_tokens", "acceleratorSeconds": "accelerator_seconds"},
    ),
}
OTHERS = ({"modelName": "model", "apiKeyId": "api_key_id", "usageType": "operation"}, TOKENS)
"""Columns and meters of a row, by the names of their fields; each further meter has its column's name."""


@dataclass(frozen=True)
class Stream:
    """The usage of one type, and what it is grouped by."""

    usage_type: str
    group: tuple[Dimension, ...]
    rows: list[Metered]

    def metered(self) -> list[str]:
        """The meters that any row has."""
        return [name for name in meters() if any(row.meters[name] is not None for row in self.rows)]


@dataclass(frozen=True)
class Answer:
    """What is printed: the lines of the bill, the usage by stream, and what a reader must know of the dates."""

    window: Window
    bill: list[dict[str, Any]]
    bill_zone: str
    streams: list[Stream] | None
    zone: str
    notes: list[str]


def print_answer(answer: Answer, *, as_json: bool) -> None:
    """Costs, then usage, on standard output; what is not whole, on standard error."""
    if as_json:
        _print_json(answer)
    else:
        _print_costs(answer)
        for stream in answer.streams or ():
            if stream.rows:
                _print_stream(stream, answer.zone)
    for note in answer.notes:
        sys.stderr.write(f"usage-ledger: {redact(note)}\n")


def _print_costs(answer: Answer) -> None:
    lines = [[line[name] for name in LINE] for line in answer.bill]
    blank = [""] * (len(LINE) - 3)
    lines += [["total", *blank[1:], total["basis"], total["currency"], total["amount"]] for total in _totals(answer)]
    table(f"Account costs, {answer.window}, days of {answer.bill_zone or 'no zone'}", LINE, _whole(lines), whole=True)


def _print_stream(stream: Stream, zone: str) -> None:
    names = stream.metered()
    columns = ["date", *(one.word for one in stream.group), *names]
    rows: list[list[Any]] = [
        [str(row.usage_date), *(row.columns[one.column] for one in stream.group), *(row.meters[n] for n in names)]
        for row in stream.rows
    ]
    total = [_sum(name, [row.meters[name] for row in stream.rows]) for name in names]
    rows.append(["total", *("" for _ in stream.group), *total])
    table(f"Usage: {stream.usage_type or 'no type'}, days of {zone}", columns, rows, whole=True)


def _whole(lines: list[list[Any]]) -> list[list[Any]]:
    """A quantity of a total is none: in the table it is empty, as a number that was not sent."""
    place = LINE.index("quantity")
    return [[None if n == place and value == "" else value for n, value in enumerate(line)] for line in lines]


def _sum(meter: str, values: Iterable[Number | None]) -> Number | None:
    """The sum of what was metered; None for a gauge, and where nothing was."""
    numbers = [value for value in values if value is not None]
    names = {column.name: column for column in contract("usage_daily").columns}
    if not numbers or (meter in names and not names[meter].additive):
        return None
    return sum(numbers) if all(isinstance(one, int) for one in numbers) else _exact(numbers)


def _exact(numbers: Iterable[Number]) -> Decimal:
    total = Decimal(0)
    for number in numbers:
        total = EXACT.add(total, Decimal(number))
    return total


def _totals(answer: Answer) -> list[dict[str, Any]]:
    """The sum of each currency and basis, which are never added."""
    kinds = groupby(answer.bill, lambda line: (line["currency"], line["basis"]))
    return [
        {"currency": currency, "basis": basis, "amount": _exact(line["amount"] for line in lines)}
        for (currency, basis), lines in kinds
    ]


def _print_json(answer: Answer) -> None:
    import msgspec

    document: dict[str, Any] = {
        "from": str(answer.window.first),
        "to": str(answer.window.end - DAY),
        "costTimezone": answer.bill_zone,
        "accountCosts": [_line(line) for line in answer.bill],
        "accountTotals": [_line(total) for total in _totals(answer)],
    }
    if answer.streams is not None:
        names = dict.fromkeys(["serverless", DEDICATED, TRAINING, *(stream.usage_type for stream in answer.streams)])
        rows = {stream.usage_type: [_row(stream, row) for row in stream.rows] for stream in answer.streams}
        document |= {"usageTimezone": answer.zone} | {f"{name}Costs": rows.get(name, []) for name in names}
    encoded = msgspec.json.Encoder(decimal_format="number").encode(document)
    sys.stdout.write(redact(msgspec.json.format(encoded, indent=2).decode()) + "\n")


def _line(line: Mapping[str, Any]) -> dict[str, Any]:
    """Amounts as text, which no reader rounds."""
    return {_camel(name): _plain(value) if isinstance(value, Decimal) else value for name, value in line.items()}


def _row(stream: Stream, row: Metered) -> dict[str, Any]:
    columns, named = FIELDS.get(stream.usage_type, OTHERS)
    others = [name for name in stream.metered() if name not in (*named.values(), "uncached_input_tokens")]
    amounts = {field: row.meters[name] for field, name in named.items()}
    amounts |= {_camel(name): row.meters[name] for name in others}
    return {
        "startTime": _instant(row.start),
        "endTime": _instant(row.end),
        **{field: row.columns[name] for field, name in columns.items()},
        **{name: str(value) if isinstance(value, int) else _number(value) for name, value in amounts.items()},
        "group": {one.word: row.columns[one.column] for one in stream.group},
    }


def _number(value: Decimal | None) -> Decimal | None:
    return value if value is None else Decimal(_plain(value))


def _plain(value: Decimal) -> str:
    """Every digit, without an exponent or zeros at the end."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _instant(value: datetime) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _camel(name: str) -> str:
    first, *more = name.split("_")
    return first + "".join(part.capitalize() for part in more)
