"""`usage-ledger usage` says what the stand-in's own answer says, for any range, grouping and filter."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from kit.command import Ledger, ledger_command
from sqlalchemy import Engine

from usage_ledger.connections import Connection
from usage_ledger.http.auth import Credential
from usage_ledger.http.client import Client
from usage_ledger.pipeline.plan import Dates
from usage_ledger.pipeline.run import run_all
from usage_ledger.sandbox.app import create_app, running
from usage_ledger.sandbox.fireworks.truth import FireworksTruth

KEY = "fw_the-one-that-opens"
NOW = datetime(2026, 11, 20, 13, 7, tzinfo=UTC)
FIRST, LAST, END = date(2026, 10, 10), date(2026, 11, 15), date(2026, 11, 16)
ZONES = {"utc": "UTC", "angeles": "America/Los_Angeles"}
TRUTHS = {name: FireworksTruth(seed=number, account=name) for number, name in enumerate(ZONES)}
RANGE = ("--from", str(FIRST), "--to", str(LAST))
COUNTS = (
    ("serverlessCosts", ("promptTokens", "cachedPromptTokens", "uncachedPromptTokens", "completionTokens")),
    ("serverlessCosts", ("audioInputSeconds",)),
    ("dedicatedCosts", ("acceleratorSeconds",)),
    ("trainingCosts", ("tokens",)),
)
DIMENSIONS = [
    ("model_name", "api_key_id"),
    ("api_key_id",),
    ("api_key_name", "annotations.team"),
    ("model_name", "annotations.project", "annotations.environment", "deployment_name"),
    ("accelerator_type", "job_id", "base_model"),
    (),
]

Query = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture(scope="module")
def command(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    root: Path = tmp_path_factory.mktemp("ledger")
    with running(create_app(list(TRUTHS.values()), KEY, now=lambda: NOW)) as url:
        for name, zone in ZONES.items():
            connection = Connection(id=name, provider="fireworks", account=name, timezone=zone)
            with Client(connection.declared, base_url=url, credential=Credential(KEY), account=name) as client:
                ran = run_all(connection, Dates(FIRST, LAST), client=client, engine=engine, root=root / "raw", now=NOW)
            assert ran.failures == []
    with ledger_command(engine, root) as made:
        yield made


def sums(rows: list[dict[str, Any]], names: tuple[str, ...]) -> dict[tuple[Any, ...], list[Decimal]]:
    """By bucket and group: an untagged call has no key, or an empty value, and a tag may lack its prefix."""
    added: dict[tuple[Any, ...], list[Decimal]] = defaultdict(lambda: [Decimal(0)] * len(names))
    for row in rows:
        group = {key.removeprefix("annotations."): value for key, value in row["group"].items() if value}
        amounts = [Decimal(row[name] or 0) for name in names]
        if any(amounts):
            place = (row["startTime"], row["endTime"], *sorted(group.items()))
            added[place] = [one + other for one, other in zip(added[place], amounts, strict=True)]
    return dict(added)


def bare(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same rows with deployments by their last segment, as the ledger has them."""
    return [
        row | {"group": {k: v.split("/")[-1] if k == "deployment_name" else v for k, v in row["group"].items()}}
        for row in rows
    ]


@pytest.mark.parametrize("name", ZONES)
@pytest.mark.parametrize("words", DIMENSIONS, ids=["-".join(words) or "none" for words in DIMENSIONS])
def test_the_rows_of_37_days_are_those_of_the_vendors_own_answer(
    command: Ledger, name: str, words: tuple[str, ...]
) -> None:
    done = command("usage", name, *RANGE, *options("--group-by", words), "-o", "json")
    printed = json.loads(done.stdout, parse_float=Decimal)
    answer = TRUTHS[name].usage(FIRST, END, ZONES[name], words, now=NOW)
    for array, meters in COUNTS:
        assert sums(printed[array], meters) == sums(bare(answer[array]), meters)
        assert sums(printed[array], meters)
    assert printed["usageTimezone"] == ZONES[name]
    assert isinstance(printed["serverlessCosts"][0]["promptTokens"], str)


def options(option: str, values: tuple[str, ...]) -> list[str]:
    return [word for value in values for word in (option, value)]


def test_the_costs_are_those_of_the_bill(command: Ledger) -> None:
    done = command("usage", "angeles", *RANGE, "--account-costs-only", "-o", "json")
    printed = json.loads(done.stdout)
    expected = sum(TRUTHS["angeles"].expected_cost(FIRST, END).values())
    assert [(total["currency"], Decimal(total["amount"])) for total in printed["accountTotals"]] == [("USD", expected)]
    assert sum(Decimal(line["amount"]) for line in printed["accountCosts"]) == expected
    assert printed["costTimezone"] == "UTC"
    assert "serverlessCosts" not in printed


def test_a_filter_of_one_key_ors_and_two_keys_and(command: Ledger) -> None:
    keys = [key.key_id for key in TRUTHS["utc"].all_keys]
    model = TRUTHS["utc"].all_models[0].model_id
    narrow = options("--filter", (f"api_key_id={keys[0]}", f"api_key_id={keys[2]}", f"model_name={model}"))
    done = command(
        "usage", "utc", *RANGE, "--group-by", "api_key_id", "--group-by", "model_name", *narrow, "-o", "json"
    )
    rows = json.loads(done.stdout)["serverlessCosts"]
    assert {(row["group"]["api_key_id"], row["group"]["model_name"]) for row in rows} == {
        (keys[0], model),
        (keys[2], model),
    }
    truth = TRUTHS["utc"].usage(FIRST, END, "UTC", ("api_key_id", "model_name"), now=NOW)["serverlessCosts"]
    chosen = [row for row in truth if row["group"]["api_key_id"] in (keys[0], keys[2]) and row["modelName"] == model]
    assert sum(int(row["promptTokens"]) for row in rows) == sum(int(row["promptTokens"]) for row in chosen) > 0
    assert "usage of type dedicated has no api_key_id, model_name: --filter leaves it out." in done.stderr


def test_the_text_has_the_total_of_each_meter_and_of_each_currency(command: Ledger) -> None:
    done = command("usage", "utc", *RANGE, "--usage-type", "serverless", "--group-by", "model")
    expected = TRUTHS["utc"].expected_usage(FIRST, END, "UTC")
    tokens = sum(day["input_tokens"] for day in expected.values())
    assert f"{tokens:,}" in done.stdout.splitlines()[-2]
    assert "Usage: serverless, days of UTC" in done.stdout
    assert "Usage: dedicated" not in done.stdout
    cost = sum(TRUTHS["utc"].expected_cost(FIRST, END).values())
    assert f"{Decimal(cost).normalize():,f}" in done.stdout


def test_what_was_not_metered_is_empty_and_not_zero(command: Ledger, query: Query) -> None:
    of_the_date = "WHERE connection_id = 'utc' AND usage_date = %s AND usage_type = 'serverless'"
    before = query(f"SELECT row_key, cached_input_tokens FROM ledger.usage_daily {of_the_date}", FIRST)
    blank = f"UPDATE ledger.usage_daily SET cached_input_tokens = NULL {of_the_date} RETURNING 1"
    assert len(query(blank, FIRST)) == len(before) > 0
    one_date = ("usage", "utc", "--from", str(FIRST), "--to", str(FIRST))
    row = json.loads(command(*one_date, "-o", "json").stdout)["serverlessCosts"][0]
    assert (row["cachedPromptTokens"], row["uncachedPromptTokens"]) == (None, None)
    assert int(row["promptTokens"]) > 0
    assert "cached_input_tokens" not in command(*one_date, "--usage-type", "serverless").stdout
    for row_key, cached in before:
        back = (
            "UPDATE ledger.usage_daily SET cached_input_tokens = %s WHERE row_key = %s AND usage_date = %s RETURNING 1"
        )
        assert query(back, cached, row_key, FIRST)


def test_dates_that_are_not_loaded_are_said(command: Ledger) -> None:
    done = command("usage", "utc", "--from", "2026-10-08", "--to", "2026-10-11")
    assert done.returncode == 0
    assert (
        "usage-ledger: usage of 2026-10-08 to 2026-10-09 is not loaded, and not in these figures: "
        "usage-ledger run utc --from 2026-10-08 --to 2026-10-09." in done.stderr.splitlines()
    )
    done = command("usage", "utc", "--from", "2026-11-15", "--to", "2026-11-15")
    assert "is not settled" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("usage", "utc", *RANGE, "--group-by", "modell"), 2, "'modell' is no dimension: did you mean model"),
        (("usage", "utc", *RANGE, "--filter", "keyname=x"), 2, "--filter 'keyname' is no dimension: did you mean"),
        (("usage", "utc", *RANGE, "--filter", "model"), 2, "--filter 'model' has no value: write it as KEY=VALUE"),
        (("usage", "utc", *RANGE, "--usage-type", "gpu"), 2, "'gpu' is no usage type"),
        (("usage", "utc", *RANGE, "-o", "xml"), 2, "--output 'xml' is no form"),
        (
            ("usage", "angeles", *RANGE, "--timezone", "UTC"),
            2,
            "are of America/Los_Angeles, and the ledger has none of UTC",
        ),
        (("usage", "utc", *RANGE, "--timezone", "Europe/Berlin"), 2, "are of UTC, and the ledger has none of Europe/B"),
        (("usage", "utc"), 2, "no dates are given"),
        (("usage", "utc", "--from", "2026-10-12", "--to", "2026-10-10"), 2, "--from 2026-10-12 is after --to"),
        (("usage", "utc", "--start-time", "2026-10-12"), 2, "only one of --start-time and --end-time is given"),
        (("usage", "utc", *RANGE, "--start-time", "2026-10-12"), 2, "give one pair"),
        (("usage", "utc", "--start-time", "2026-10-12", "--end-time", "2026-10-12"), 2, "is not after --start-time"),
        (("usage", "utc", "--start-time", "2026-10-12 08:00:00", "--end-time", "2026-10-13"), 2, "is within a day"),
        (("usage", "utc", "--from", "2026-01-01", "--to", "2026-01-02"), 1, "the ledger holds nothing of utc for"),
        (("usage", "other", *RANGE), 1, "the warehouse knows no connection 'other'"),
    ],
    ids=lambda value: str(value[2:4]) if isinstance(value, tuple) else None,
)
def test_a_mistake_gets_one_sentence(command: Ledger, arguments: tuple[str, ...], code: int, sentence: str) -> None:
    done = command(*arguments, code=code)
    (line,) = done.stderr.splitlines()
    assert sentence in line
    assert done.stdout == ""


def test_the_vendors_own_options_say_the_same_dates(command: Ledger) -> None:
    same = command("usage", "utc", "--start-time", "2026-11-01", "--end-time", "2026-11-03 00:00:00", "-o", "json")
    assert same.stdout == command("usage", "utc", "--from", "2026-11-01", "--to", "2026-11-02", "-o", "json").stdout


def test_a_filter_that_no_row_has_is_said(command: Ledger) -> None:
    done = command("usage", "utc", *RANGE, "--usage-type", "serverless", "--filter", "model=none", "--group-by", "host")
    assert "no row of these dates matches --filter model=none." in done.stderr
    assert "no usage of these dates has host: nothing is grouped by it." in done.stderr
