"""Writes `include/prices/catalogue-<date>.csv` from the data of two public catalogues: `make prices`.

What the file of an earlier date holds stays: a price that is another one now ends on the new date, and one that left
its catalogue stays.
"""

import csv
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path

import from_genai_prices
import from_litellm
from rows import Row

MILLION = 10**6
FOLDER = Path(__file__).resolve().parents[1] / "include" / "prices"
HEAD = """\
# Public prices in US dollars, by two catalogues, converted on {today} by `make prices`: docs/prices.md.
# genai-prices {genai}: {rows[genai-prices]} rows. MIT License, Copyright (c) Pydantic Services Inc.
# LiteLLM {litellm}: {rows[LiteLLM]} rows. MIT License, Copyright (c) Berri AI.
# Blank: tier standard, any context, any region, per 1000000, since ever, still.
"""


def join_history(old: Iterable[Row], new: Iterable[Row], today: date) -> list[Row]:
    """The new rows, and of the old ones what was before: dates that the new ones do not decide."""
    before: dict[tuple[object, ...], list[Row]] = defaultdict(list)
    for row in old:
        before[row.key].append(row)
    after: dict[tuple[object, ...], list[Row]] = defaultdict(list)
    for row in new:
        after[row.key].append(row)
    joined: list[Row] = []
    for key in before.keys() | after.keys():
        joined += _of_key(before[key], after[key], today)
    return sorted(set(joined), key=lambda row: (row.source, *row))


def _of_key(before: list[Row], after: list[Row], today: date) -> list[Row]:
    if not before or not after or len(after) > 1 or after[0].valid_from != date.min:
        return after or before  # the catalogue has dates of its own, or has left it out
    (new,) = after
    newest = max(before, key=lambda row: row.valid_from)
    if (newest.amount, newest.per) == (new.amount, new.per):
        return before
    ended = [row._replace(valid_to=min(row.valid_to, today)) for row in before if row.valid_from < today]
    return [*ended, new._replace(valid_from=today)]


def read_file(path: Path) -> list[Row]:
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return [_parse(row) for row in csv.DictReader(lines)]


def _parse(row: dict[str, str]) -> Row:
    first = date.fromisoformat(row["valid_from"]) if row["valid_from"] else date.min
    end = date.fromisoformat(row["valid_to"]) if row["valid_to"] else date.max
    return Row(
        row["provider"], row["model"], row["meter"], row["service_tier"] or "standard", int(row["context_from"] or 0),
        row["region"], Decimal(row["amount"]), int(row["per"] or MILLION), first, end, row["source"],
    )  # fmt: skip


def _texts(row: Row) -> dict[str, str]:
    texts = {name: str(value) for name, value in row._asdict().items()}
    texts["amount"] = f"{row.amount.normalize():f}"
    texts["service_tier"] = row.service_tier.replace("standard", "")
    texts["per"] = "" if row.per == MILLION else str(row.per)
    texts["context_from"] = str(row.context_from or "")
    texts["valid_from"] = "" if row.valid_from == date.min else row.valid_from.isoformat()
    texts["valid_to"] = "" if row.valid_to == date.max else row.valid_to.isoformat()
    return texts


def main() -> None:
    today = date.fromisoformat(sys.argv[1]) if len(sys.argv) > 1 else datetime.now(UTC).date()
    former = sorted(FOLDER.glob("catalogue-*.csv"))
    old = [row for path in former for row in read_file(path)]
    rows = join_history(old, [*from_genai_prices.read_rows(), *from_litellm.read_rows()], today)
    versions = {"genai": version("genai-prices"), "litellm": version("litellm")}
    path = FOLDER / f"catalogue-{today}.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(HEAD.format(today=today, rows=Counter(row.source for row in rows), **versions))
        writer = csv.DictWriter(file, Row._fields, lineterminator="\n")
        writer.writeheader()
        writer.writerows(map(_texts, rows))
    for one in former:
        if one != path:
            one.unlink()
    sys.stdout.write(f"{path.name}: {len(rows)} prices\n")


if __name__ == "__main__":
    main()
