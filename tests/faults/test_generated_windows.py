"""Generated answers of several dates: each date becomes the rows that it becomes alone, or fails as it does alone.

`WINDOWS` says how many (30 else, and 1,000 in `make soak`), `SEED` repeats a run.
"""

import json
import os
import random
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from kit.answers import DAY, DOCUMENT_SPOILS, Json, usage_document
from kit.fixed_client import FixedClient

from usage_ledger.connections import Connection
from usage_ledger.core.contract_errors import ContractBroken
from usage_ledger.core.windows import Window
from usage_ledger.pipeline.extract import land
from usage_ledger.pipeline.transform import stage
from usage_ledger.providers.fireworks import FIREWORKS
from usage_ledger.storage.landing import load_folder
from usage_ledger.storage.manifest import manifest_of
from usage_ledger.storage.staged import Staged, open_table

WINDOWS = int(os.environ.get("WINDOWS") or (1_000 if os.environ.get("ANSWERS") else 30))
SEED = int(os.environ.get("SEED") or random.SystemRandom().randrange(2**32))
FIRST = date(2016, 1, 1)
NOW = datetime(2026, 11, 20, tzinfo=UTC)
CONNECTION = Connection(id="generated", provider="fireworks", account="acme")
REPORT = FIREWORKS.report("usage")
OF_ROWS = ("a field dropped", "a field renamed", "a hostile value", "an unknown field", "a row repeated")
Rows = list[dict[str, Any]]


def documents(drawn: random.Random) -> dict[date, Json]:
    """One answer for each of some dates; about half of them are spoiled."""
    made: dict[date, Json] = {}
    for day in (FIRST + DAY * number for number in range(drawn.randint(2, 6))):
        made[day] = usage_document(drawn, day)
        for name in drawn.sample(OF_ROWS, drawn.choice((0, 0, 1, 2))):
            DOCUMENT_SPOILS[name](made[day], drawn)
    return made


def staged(document: Json, window: Window, root: Path) -> tuple[Staged, Rows]:
    load_id = f"{random.getrandbits(128):032x}"
    body = json.dumps(document).encode("utf-8", "surrogatepass")
    client: Any = FixedClient(body, requested_at=NOW, account="acme")
    _, uri = land(CONNECTION, REPORT, window, load_id, client=client, root=root)
    folder = load_folder(root, uri)
    result = stage(CONNECTION, REPORT, manifest_of(folder), folder, root)
    rows = open_table(root, load_id, "usage_daily").whole().drop_columns(["load_id"]).to_pylist()
    return result, sorted(rows, key=lambda row: (row["usage_date"], row["row_key"]))


def alone(day: date, document: Json, root: Path) -> Rows | ContractBroken:
    """The rows of a date that is answered alone, or its error."""
    try:
        return staged(document, Window(day, day + DAY), root)[1]
    except ContractBroken as error:
        return error


def merged(made: dict[date, Json]) -> Json:
    arrays = {name for document in made.values() for name in document}
    return {name: [row for document in made.values() for row in document.get(name) or ()] for name in sorted(arrays)}


def compare(made: dict[date, Json], root: Path) -> str:
    """How the window ended, once it is compared with its dates."""
    window = Window(min(made), max(made) + DAY)
    by_date = {day: alone(day, document, root) for day, document in made.items()}
    bad = {day: error for day, error in by_date.items() if isinstance(error, ContractBroken)}
    whole = [error for error in bad.values() if not error.by_date]
    try:
        result, rows = staged(merged(made), window, root)
    except ContractBroken as error:
        assert whole or set(error.by_date) == set(made) == set(bad), (SEED, error)
        return "an answer that is wrong as a whole" if whole else "every date failed"
    assert not whole, (SEED, whole)
    assert set(result.failed) == set(bad), SEED
    for day, failure in result.failed.items():
        assert failure.error_class == type(bad[day]).__name__, (SEED, failure, bad[day])
    assert rows == [row for day, of_day in by_date.items() if day not in bad for row in of_day], SEED  # type: ignore[union-attr]
    return "some dates failed" if bad else "every date stands"


def test_each_date_of_a_window_becomes_what_it_is_alone(tmp_path: Path) -> None:
    drawn = random.Random(SEED)  # noqa: S311  answers, no secrets
    endings = Counter(compare(documents(drawn), tmp_path / str(number)) for number in range(WINDOWS))
    assert endings["some dates failed"] > WINDOWS / 10, (SEED, endings)
    assert endings["every date stands"] > 0, (SEED, endings)
