"""Every command of the recipes in docs/query.md, in order, against the stand-in; their sums are those of its truth."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from usage_ledger.core.project import ROOT
from usage_ledger.sandbox.app import create_app, running
from usage_ledger.sandbox.fireworks.truth import FireworksTruth

KEY = "fw_theKeyOfTheRecipes0123456789"
ZONE = "America/Los_Angeles"
TRUTH = FireworksTruth(account="acme")


def recipes() -> list[list[str]]:
    """The words of each command of the section."""
    page = (ROOT / "docs" / "query.md").read_text(encoding="utf-8")
    section = page.partition("### Recipes\n")[2].partition("\n##")[0]
    return [shlex.split(line) for line in section.splitlines() if line.startswith("usage-ledger ")]


def dates(words: list[str]) -> tuple[date, date]:
    """The first date of a command, and the one after its last."""
    first, last = (date.fromisoformat(words[words.index(option) + 1]) for option in ("--from", "--to"))
    return first, last + timedelta(1)


@pytest.fixture(scope="module")
def printed(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Any]]:
    """Runs a recipe; one of usage as JSON."""
    folder: Path = tmp_path_factory.mktemp("recipes")
    (folder / "connections").mkdir()
    (folder / "connections" / "acme_prod.yaml").write_text(f"provider: fireworks\naccount: acme\ntimezone: {ZONE}\n")
    with running(create_app([TRUTH], KEY, now=lambda: datetime.now(UTC))) as url:
        environment = {n: v for n, v in os.environ.items() if not n.startswith(("AIRFLOW", "USAGE_"))} | {
            "USAGE_LEDGER_LOCAL": str(folder / "local"),
            "USAGE_LEDGER_CONNECTIONS": str(folder / "connections"),
            "USAGE_LEDGER_RAW": str(folder / "raw"),
            "USAGE_LEDGER_ALLOWED_HOSTS": url.removeprefix("http://"),
            "AIRFLOW_CONN_USAGE_WAREHOUSE": (
                f"postgres://postgres@/{engine.url.database}?host={engine.url.query['host']}"
            ),
            "AIRFLOW_CONN_ACME_PROD": json.dumps({"conn_type": "fireworks", "host": url, "password": KEY}),
        }

        def run(words: list[str]) -> Any:
            more = ["-o", "json"] if words[1] == "usage" and "-o" not in words else []
            command = [str(Path(sys.executable).parent / words[0]), *words[1:], *more]
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, timeout=300, check=False, cwd=folder
            )
            assert done.returncode == 0, done.stderr
            assert [line for line in done.stderr.splitlines() if "is not loaded" in line] == []
            return json.loads(done.stdout, parse_float=Decimal) if words[1] == "usage" else done.stdout

        yield run


def by(rows: list[dict[str, Any]], *words: str) -> dict[tuple[str, ...], tuple[int, int]]:
    """Tokens in and out by group, over all dates."""
    sums: dict[tuple[str, ...], tuple[int, int]] = {}
    for row in rows:
        place = tuple(row["group"].get(word, "") for word in words)
        read, written = sums.get(place, (0, 0))
        sums[place] = read + int(row["promptTokens"]), written + int(row["completionTokens"])
    return {place: both for place, both in sums.items() if any(both)}


def of_truth(words: tuple[str, ...], first: date, end: date) -> dict[tuple[str, ...], tuple[int, int]]:
    return by(TRUTH.usage(first, end, ZONE, words)["serverlessCosts"], *words)


def test_the_recipes_add_up_to_the_truth(printed: Callable[..., Any]) -> None:
    backfill, keys, models, one_key, teams, bill = recipes()
    assert backfill[:3] == ["usage-ledger", "run", "acme_prod"]
    first, end = dates(backfill)
    assert (end - first).days == 90
    assert "loaded" in printed(backfill)

    rows = printed(keys)["serverlessCosts"]
    names = ("api_key_name",)
    # On the date on which the second key is renamed, the ledger has one name and the vendor two.
    renamed, calm = {("search",), ("search-v2",)}, of_truth(names, *dates(keys))
    assert {key: both for key, both in by(rows, *names).items() if key not in renamed} == {
        key: both for key, both in calm.items() if key not in renamed
    }
    assert sum(read for read, _ in by(rows, *names).values()) == sum(read for read, _ in calm.values())

    both = ("model_name", "api_key_id")
    assert by(printed(models)["serverlessCosts"], *both) == of_truth(both, *dates(models)) != {}

    answer = printed(one_key)
    mine = {
        place[1:]: tokens
        for place, tokens in of_truth(("api_key_name", "model_name"), *dates(one_key)).items()
        if place[0] == "support-bot"
    }
    assert by(answer["serverlessCosts"], "model_name") == mine != {}
    assert answer["dedicatedCosts"] == []

    tagged = [
        row | {"group": {"team": row["group"].get("annotations.team", "") or row["group"].get("team", "")}}
        for row in TRUTH.usage(*dates(teams), ZONE, ("annotations.team",))["serverlessCosts"]
    ]
    assert by(printed(teams)["serverlessCosts"], "team") == by(tagged, "team") != {}

    (total,) = printed(bill)["accountTotals"]
    assert Decimal(total["amount"]) == sum(TRUTH.expected_cost(*dates(bill)).values())
