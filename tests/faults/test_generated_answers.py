"""Generated and spoiled answers: the ledger equals the sums of each, or a named error says why not. Nothing between.

`ANSWERS` says how many (1,000 else, and 20,000 in `make soak`), `SEED` repeats a run; `make answers ANSWERS=1000000`
takes the time for more.
"""

import json
import os
import random
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from kit.answers import DAY, Answer, answer_of, recipes
from kit.fixed_client import FixedClient
from kit.staged_loads import parquet
from sqlalchemy import Engine

from usage_ledger.connections import Connection
from usage_ledger.core.errors import UsageLedgerError
from usage_ledger.core.windows import Window
from usage_ledger.pipeline.extract import land
from usage_ledger.pipeline.transform import stage
from usage_ledger.providers.fireworks import FIREWORKS
from usage_ledger.reading import node, rows
from usage_ledger.reading.names import NAMES
from usage_ledger.storage.landing import load_folder
from usage_ledger.storage.manifest import manifest_of
from usage_ledger.storage.staged import Staged, StagedTable, open_table
from usage_ledger.warehouse import loads
from usage_ledger.warehouse.incoming import Incoming
from usage_ledger.warehouse.ledger import apply_load

ANSWERS = int(os.environ.get("ANSWERS") or 1_000)
SEED = int(os.environ.get("SEED") or random.SystemRandom().randrange(2**32))
FIRST = date(2016, 1, 1)
BATCH = 60
NOW = datetime(2026, 11, 20, tzinfo=UTC)
EXACT = Context(prec=100)
ACCOUNT = "acme"
PATHS = {
    "serverlessCosts": {
        "promptTokens": "input_tokens",
        "cachedPromptTokens": "cached_input_tokens",
        "completionTokens": "output_tokens",
        "audioInputSeconds": "audio_seconds",
    },
    "dedicatedCosts": {"acceleratorSeconds": "accelerator_seconds"},
    "trainingCosts": {"tokens": "training_tokens", "acceleratorSeconds": "accelerator_seconds"},
}
Sums = dict[str, Decimal]


def summed(answer: Answer) -> Sums:
    """What the answer says, added up with the standard library alone."""
    text = answer.body.decode("utf-8-sig", "surrogatepass")
    document = json.loads(text, parse_float=Decimal)
    found: Sums = defaultdict(Decimal)
    for array, meters in PATHS.items() if answer.report == "usage" else ():
        for row in document.get(array) or ():
            for name, column in meters.items():
                if row.get(name) is not None:
                    found[column] = EXACT.add(found[column], EXACT.quantize(Decimal(str(row[name])), Decimal("1e-9")))
    for bucket in document.get("usageBuckets") or () if answer.report == "cost" else ():
        for item in bucket.get("lineItems") or ():
            paid = item.get("totalCost") or {}  # proto3 JSON leaves out what is zero
            amount = Decimal(str(paid.get("units") or 0)) + Decimal(str(paid.get("nanos") or 0)).scaleb(-9)
            if not paid.get("currencyCode"):
                assert amount == 0, "money without a currency was taken"
                continue
            name = f"amount {paid['currencyCode'].upper()}"
            found[name] = EXACT.add(found[name], amount)
    return dict(found)


@dataclass
class Bench:
    """Takes answers one by one, each for a day of its own, and compares the ledger with them batch by batch."""

    engine: Engine
    query: Callable[..., list[tuple[Any, ...]]]
    root: Path
    ended: Counter[str] = field(default_factory=Counter)
    waiting: dict[str, list[tuple[date, Sums, Staged, dict[str, pa.Table]]]] = field(
        default_factory=lambda: {"usage": [], "cost": []}
    )
    taken: int = 0
    batches: int = 0

    def day_of_next(self) -> date:
        return FIRST + DAY * (self.taken % 3000)

    def take(self, recipe: tuple[int, list[str]]) -> None:
        """One answer: staged, to be compared; or refused by name."""
        day = self.day_of_next()
        self.taken += 1
        answer = answer_of(*recipe, day)
        report, load_id = FIREWORKS.report(answer.report), f"{self.taken:032x}"
        connection = Connection(id="generated", provider="fireworks", account=ACCOUNT)
        try:
            _, uri = land(
                connection,
                report,
                Window(day, day + DAY),
                load_id,
                client=FixedClient(answer.body, requested_at=NOW, account=ACCOUNT),
                root=self.root,
            )  # type: ignore[arg-type]
            folder = load_folder(self.root, uri)
            staged = stage(connection, report, manifest_of(folder), folder, self.root)
        except UsageLedgerError as error:
            assert str(error).isprintable()
            self.ended[type(error).__name__] += 1
            return
        finally:
            shutil.rmtree(self.root / "fireworks", ignore_errors=True)
        tables = {name: open_table(self.root, load_id, name).whole() for name in staged.tables}
        shutil.rmtree(self.root / "_staged", ignore_errors=True)
        if staged.mismatch:
            self.ended["held"] += 1
            return
        self.ended["accepted"] += 1
        batch = self.waiting[answer.report]
        batch.append((day, summed(answer), staged, tables))
        if len(batch) == BATCH:
            self.flush(answer.report)

    def flush(self, report: str) -> None:
        """Enter the waiting answers of a report as one load and compare each day of the ledger with its answer."""
        batch, self.waiting[report] = self.waiting[report], []
        if not batch:
            return
        self.batches += 1
        name, declared = f"generated_{self.batches}", FIREWORKS.report(report)
        load_id = f"{self.batches:08x}-0000-4000-8000-000000000000"
        days = [day for day, *_ in batch]
        incoming = Incoming(
            load_id=load_id,
            connection_id=name,
            report=report,
            window=Window(min(days), max(days) + DAY),
            day_zone=ZoneInfo("UTC"),
            fetched_at=NOW,
            declaration="d",
            lookback=timedelta(),
            tables={table: parquet(_joined(batch, table, name, load_id)) for table in declared.tables},
            names=_joined(batch, NAMES, name, load_id) if any(NAMES in found for *_, found in batch) else None,
            staged=Staged(load_id, {table: _added(batch, table) for table in declared.tables}),
        )
        loads.begin(self.engine, load_id, name, report, incoming.window, "d", "generated")
        assert apply_load(self.engine, incoming).held == []
        ledger = self._ledger(name)
        for day, expected, *_ in batch:
            told = {key: value for key, value in expected.items() if value}
            assert ledger.get(day, {}) == told, (day, SEED)

    def _ledger(self, name: str) -> dict[date, Sums]:
        """The sums of each date: of every meter but a bill line's quantity and price, which are not added up."""
        rows = self.query(
            "SELECT usage_date, meter, sum(quantity) FROM marts.usage_meters WHERE connection_id = %s GROUP BY 1, 2"
            " UNION ALL SELECT usage_date, 'amount ' || currency, sum(amount) FROM ledger.cost_daily"
            " WHERE connection_id = %s GROUP BY 1, 2",
            name,
            name,
        )
        found: dict[date, Sums] = defaultdict(dict)
        for day, key, value in rows:
            if value:
                found[day][key] = value
        return found


def _joined(batch: list[Any], name: str, connection_id: str, load_id: str) -> pa.Table:
    table = pa.concat_tables([found[name] for *_, found in batch if name in found])
    for column, value in (("connection_id", connection_id), ("load_id", load_id.replace("-", ""))):
        at = table.column_names.index(column)
        table = table.set_column(at, table.schema.field(at), pa.repeat(pa.scalar(value), table.num_rows))
    return table


def _added(batch: list[Any], name: str) -> StagedTable:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    rows = 0
    for _, _, staged, _ in batch:
        rows += staged.tables[name].rows
        for key, value in staged.tables[name].sums.items():
            sums[key] = EXACT.add(sums[key], Decimal(value))
    return StagedTable(rows, rows, {key: f"{value:f}" for key, value in sums.items()})


@pytest.fixture
def bench(engine: Engine, query: Any, tmp_path: Path) -> Iterator[Bench]:
    memory = Path("/dev/shm")  # noqa: S108  a private folder below it: nothing here has to outlive the test
    root = memory / f"answers-{os.getpid()}" if memory.is_dir() else tmp_path
    root.mkdir(mode=0o700, exist_ok=True)
    yield Bench(engine, query, root)
    shutil.rmtree(root, ignore_errors=True)


def test_every_answer_becomes_its_sums_or_a_named_error(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    @seed(SEED)
    @settings(
        max_examples=ANSWERS,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(recipe=recipes)
    def run(recipe: tuple[int, list[str]]) -> None:
        bench.take(recipe)

    run()
    for report in bench.waiting:
        bench.flush(report)
    with capsys.disabled():
        told = ", ".join(f"{number:,} {name}" for name, number in bench.ended.most_common())
        print(f"\nseed {SEED}, {bench.taken:,} answers: {told}")  # noqa: T201
    assert bench.taken >= ANSWERS
    assert bench.ended["accepted"] > bench.taken / 10
    assert bench.taken - bench.ended["accepted"] > bench.taken / 10


@pytest.mark.parametrize(
    "recipe",
    [(12943844, ["a hostile value"]), (15712010, ["a bit flipped", "a bit flipped", "a field renamed"])],
    ids=["a_currency_without_letters", "an_address_beside_what_is_no_json"],
)
def test_an_answer_that_once_broke_the_transform(bench: Bench, recipe: tuple[int, list[str]]) -> None:
    bench.take(recipe)
    for report in bench.waiting:
        bench.flush(report)
    assert sum(bench.ended.values()) == bench.taken == 1


def test_texts_that_are_worked_out_once_are_those_that_each_row_would_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same tables, sums and notes, or the same error, for answers of up to three pages."""
    rng = random.Random(SEED)  # noqa: S311
    connection = Connection(id="generated", provider="fireworks", account=ACCOUNT)
    ended: Counter[str] = Counter()
    for number in range(150):
        spoils = [[], [], ["a field renamed"], ["a hostile value"], ["a bit flipped"]]
        answers = [answer_of(rng.randrange(2**24), rng.choice(spoils), FIRST + DAY * page) for page in range(3)]
        report = FIREWORKS.report(answers[0].report)
        bodies = [answer.body for answer in answers if answer.report == answers[0].report]
        window = Window(FIRST, FIRST + DAY * 3)
        results = []
        for way in ("packed", "each combination once", "row by row"):
            if way != "packed":
                monkeypatch.setattr(node.Node, "packed_objects", {})
            if way == "row by row":
                monkeypatch.setattr(rows, "stand_alone", lambda _rows: False)
            root = tmp_path / f"{number} {len(results)}"
            try:
                client: Any = FixedClient(*bodies, requested_at=NOW, account=ACCOUNT)
                _, uri = land(connection, report, window, f"{number:032x}", client=client, root=root)
                folder = load_folder(root, uri)
                staged = stage(connection, report, manifest_of(folder), folder, root)
                tables = {name: open_table(root, staged.load_id, name).whole() for name in staged.tables}
                results.append((staged, tables))
            except UsageLedgerError as error:
                results.append((type(error), str(error)))
        monkeypatch.undo()
        assert results[0] == results[1] == results[2], (number, SEED)
        ended["accepted" if isinstance(results[0][0], Staged) else "refused"] += 1
    assert min(ended["accepted"], ended["refused"]) > 10, ended
