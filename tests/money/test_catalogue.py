"""The file of public prices: what it holds, and what a newer conversion makes of an older one."""

import importlib
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from usage_ledger.core.errors import ConfigError
from usage_ledger.core.project import ROOT
from usage_ledger.money.billed_meters import UNITS
from usage_ledger.money.catalogue import catalogue_file, read_catalogue
from usage_ledger.providers import PROVIDERS
from usage_ledger.warehouse.price_book import OPEN

sys.path.insert(0, str(ROOT / "catalogues"))
convert = importlib.import_module("convert")
from_litellm = importlib.import_module("from_litellm")
Row = importlib.import_module("rows").Row

PATH = catalogue_file(ROOT / "include" / "prices")
assert PATH is not None
OLD, NEW = date(2026, 11, 29), date(2026, 12, 24)


def row(amount: str, first: date = date.min, end: date = date.max, *, source: str = "LiteLLM", tier: str = "") -> Any:
    return Row("openai", "gpt-5-mini", "output_tokens", tier, 0, "", Decimal(amount), 10**6, first, end, source)


def test_the_file_is_small_and_names_what_it_is_made_of() -> None:
    assert PATH is not None
    text = PATH.read_text(encoding="utf-8")
    assert len(text) < 1_500_000
    head = [line for line in text.splitlines()[:10] if line.startswith("#")]
    for package, name in (("genai-prices", "genai-prices"), ("litellm", "LiteLLM")):
        lock = (ROOT / "requirements-prices.lock").read_text(encoding="utf-8")
        pinned = next(line for line in lock.splitlines() if line.startswith(f"{package}=="))
        version = pinned.split("==")[1].split()[0]
        assert any(line.startswith(f"# {name} {version}: ") and "MIT License" in line for line in head)


def test_its_words_are_ours_and_no_price_is_there_twice() -> None:
    assert PATH is not None
    listed = read_catalogue(PATH)
    assert {source: len(rows) > 5000 for source, rows in listed.items()} == {"genai-prices": True, "LiteLLM": True}
    for rows in listed.values():
        assert {one.provider for one in rows} <= set(PROVIDERS)
        assert {one.meter for one in rows} <= set(UNITS)
        by_key = {(one.key, one.valid_from): one for one in rows}
        assert len(by_key) == len(rows)
        assert all(one.valid_from < one.valid_to for one in rows)
    assert min(one.amount for one in listed["LiteLLM"]) > 0


def test_prices_that_are_known_by_hand() -> None:
    assert PATH is not None
    listed = read_catalogue(PATH)
    told = {
        source: {
            (one.meter, one.service_tier, one.amount * 1000000 / one.per)
            for one in rows
            if (one.provider, one.model, one.valid_to) == ("openai", "gpt-5-mini", OPEN)
        }
        for source, rows in listed.items()
    }
    expected = {
        ("uncached_input_tokens", "standard", Decimal("0.25")),
        ("cached_input_tokens", "standard", Decimal("0.025")),
        ("output_tokens", "standard", Decimal(2)),
    }
    assert expected <= told["genai-prices"]
    assert expected | {("output_tokens", "flex", Decimal(1))} <= told["LiteLLM"]


def test_a_changed_price_ends_on_the_new_date_and_a_removed_one_stays() -> None:
    gone = row("3", tier="batch")
    assert convert.join_history([row("2"), gone], [row("2.5")], NEW) == [row("2", end=NEW), row("2.5", first=NEW), gone]
    assert convert.join_history([row("2")], [row("2.0")], NEW) == [row("2")]
    # A third conversion goes on from the second.
    second = [row("2", end=OLD), row("2.5", first=OLD)]
    assert convert.join_history(second, [row("2.5")], NEW) == second
    assert convert.join_history(second, [row("3")], NEW) == [
        row("2", end=OLD),
        row("2.5", OLD, NEW),
        row("3", first=NEW),
    ]


def test_numbers_of_the_map_are_texts_and_zero_is_no_price() -> None:
    entry = {
        "mode": "chat", "input_cost_per_token": "1.25e-06", "output_cost_per_token": "0.0",
        "input_cost_per_token_above_200k_tokens_priority": "0.0000025", "output_vector_size": "3072",
    }  # fmt: skip
    assert from_litellm._prices(entry) == {
        ("uncached_input_tokens", "standard", 0): (Decimal("1.25"), 10**6),
        ("uncached_input_tokens", "priority", 200000): (Decimal("2.5"), 10**6),
    }


@pytest.mark.parametrize(
    ("name", "provider", "sold"),
    [
        ("fireworks_ai/accounts/fireworks/models/glm-5p3", "fireworks", ("accounts/fireworks/models/glm-5p3", "")),
        ("azure/eu/gpt-4.1", "azure_openai", ("gpt-4.1", "eu")),
        ("bedrock/us-gov-west-1/a.b-v1:0", "aws_bedrock", ("a.b-v1:0", "us-gov-west-1")),
        ("bedrock/us-east-1/1-month-commitment/a.b", "aws_bedrock", None),
        ("groq/openai/gpt-oss-120b", "groq", ("openai/gpt-oss-120b", "")),
        ("1024-x-1024/dall-e-3", "openai", None),
    ],
    ids=["fireworks", "zone", "region", "commitment", "groq", "size"],
)
def test_a_name_of_the_map_is_a_model_and_a_region(name: str, provider: str, sold: tuple[str, str] | None) -> None:
    assert from_litellm._sold(name, provider) == sold


def test_a_file_that_is_no_catalogue_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "catalogue-2026-11-29.csv"
    path.write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="write it with `make prices`"):
        read_catalogue(path)
