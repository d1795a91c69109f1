"""The files of contract prices: what they say, and a sentence with file, line and key for each mistake."""

import re
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from usage_ledger.core.errors import ConfigError
from usage_ledger.core.project import ROOT
from usage_ledger.money.billed_meters import UNITS, per_of
from usage_ledger.money.contract_prices import read_contracts
from usage_ledger.money.price_checks import check_neighbours, doubts
from usage_ledger.warehouse.price_book import OPEN, Price

GOOD = """\
prices:
  - provider: openai
    model: gpt-5-mini
    per: 1M tokens
    currency: USD
    from: 2026-11-10
    meters:
      uncached_input_tokens: 0.20
      output_tokens: 1.60
"""
OTHER = Price(
    "openai", "", "gpt-5-mini", "gpt-5-mini", "output_tokens", "standard", 0, "", "", "USD", Decimal(2),
    Decimal(1000000), date.min,
)  # fmt: skip


def read(folder: Path, text: str, name: str = "contract.yaml") -> list[Price]:
    (folder / name).write_text(text, encoding="utf-8")
    return [line.price for line in read_contracts(folder)]


def test_a_price_is_read_with_every_digit(tmp_path: Path) -> None:
    prices = read(tmp_path, GOOD.replace("1.60", "0.100000000000000001"))
    assert [(one.meter, one.amount, one.per, one.valid_from, one.valid_to) for one in prices] == [
        ("uncached_input_tokens", Decimal("0.20"), 1000000, date(2026, 11, 10), OPEN),
        ("output_tokens", Decimal("0.100000000000000001"), 1000000, date(2026, 11, 10), OPEN),
    ]
    assert {(one.provider, one.connection_id, one.model, one.service_tier) for one in prices} == {
        ("openai", "", "gpt-5-mini", "standard")
    }


MISTAKES = {
    "no such provider": (
        "provider: openai",
        "provider: opnai",
        r"line 2, `provider`: there is no provider 'opnai': did you mean `openai`\?",
    ),
    "no provider": ("provider: openai\n    model", "model", r"line 2, `provider`: it is missing"),
    "no such key": ("currency:", "curency:", r"line 5, `curency`: there is no such key: did you mean `currency`\?"),
    "no such meter": (
        "output_tokens",
        "outptu_tokens",
        r"line 9, `meters.outptu_tokens`: there is no such meter: did you mean .output_tokens`\?",
    ),
    "negative": ("1.60", "-1.60", r"line 9, `meters.output_tokens`: the price -1.60 is negative"),
    "no number": ("1.60", "a lot", r"line 9, `meters.output_tokens`: 'a lot' is no number"),
    "infinite": ("1.60", ".inf", r"line 9, .* inf is no number"),
    "too many digits": ("1.60", "0.1000000000000000001", r"line 9, .* has too many digits"),
    "no currency of ISO 4217": ("USD", "USB", r"line 5, `currency`: 'USB' is no currency"),
    "no date": ("2026-11-10", "10.11.2026", r"line 6, `from`: '10.11.2026' is no date"),
    "no day of a month": ("2026-11-10", "2026-11-31", r"contract.yaml"),
    "ends before it begins": (
        "from: 2026-11-10",
        "from: 2026-11-10\n    until: 2026-11-10",
        r"line 7, `until`: 2026-11-10 is not after 2026-11-10",
    ),
    "no unit of the meter": (
        "1M tokens",
        "1M seconds",
        r"line 4, `per`: uncached_input_tokens is not sold per '1M seconds'",
    ),
    "no unit": ("    per: 1M tokens\n", "", r"line 2, `per`: it is missing"),
    "a percent sign inside": ("gpt-5-mini", "gpt-%-mini", r"line 3, `model`: `%` is not at the end"),
    "no meters": (GOOD[GOOD.index("    meters") :], "", r"line 2, `meters`: no meter has a price"),
    "a tier in capitals": ("    per:", "    tier: Priority\n    per:", r"line 4, `tier`: 'Priority' is no"),
    "no tokens of context": (
        "    per:",
        "    context_from: -1\n    per:",
        r"line 4, `context_from`: -1 is no number of tokens",
    ),
    "twice the same key": ("    per:", "    model: other\n    per:", r"line 4, `model` is there twice"),
    "no list": (GOOD, "prices: 1", r"line 1, `prices`: it is no list"),
    "nothing": (GOOD, "", r"line 1: it has no list `prices`"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, mistake: str) -> None:
    before, after, message = MISTAKES[mistake]
    assert before in GOOD
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, GOOD.replace(before, after))
    assert str(caught.value).startswith("contract.yaml")
    said = str(caught.value).replace("key `prices[0].", "`").replace("key `prices`", "`prices`")
    assert re.search(message, said), said


def test_overlapping_dates_are_refused_across_files(tmp_path: Path) -> None:
    read(tmp_path, GOOD, "a.yaml")
    with pytest.raises(ConfigError, match=r"^b.yaml, line 8, .*its dates overlap those of a.yaml, line 8, key"):
        read(tmp_path, GOOD.replace("2026-11-10", "2026-12-01"), "b.yaml")
    ended = GOOD.replace("from: 2026-11-10", "until: 2026-11-10")
    assert len(read(tmp_path, ended, "b.yaml")) == 4


@pytest.mark.parametrize(
    ("amount", "times"), [("1600", "800 times what"), ("0.0016", "1250 times below what")], ids=["above", "below"]
)
def test_a_price_a_thousand_times_its_neighbours_is_refused(tmp_path: Path, amount: str, times: str) -> None:
    (tmp_path / "contract.yaml").write_text(GOOD.replace("1.60", amount), encoding="utf-8")
    with pytest.raises(ConfigError, match=rf"line 9, key .*output_tokens`: the price is {times} others say, 2 for"):
        check_neighbours(read_contracts(tmp_path), [OTHER])
    (tmp_path / "contract.yaml").write_text(GOOD, encoding="utf-8")
    check_neighbours(read_contracts(tmp_path), [OTHER])


def test_an_unknown_model_is_doubted_with_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "contract.yaml").write_text(GOOD.replace("gpt-5-mini", "gpt-5-mni"), encoding="utf-8")
    lines = read_contracts(tmp_path)
    (doubt,) = doubts(lines, {"openai": {("gpt-5-mini", "gpt-5-mini"), ("tts-1", "tts-1")}}, None)
    assert doubt.startswith("contract.yaml, line 3, key `prices[0].model`: openai has no model 'gpt-5-mni'")
    assert "the nearest are gpt-5-mini" in doubt
    assert not doubts(lines, {"openai": {("gpt-5-mni", "")}}, {})


def test_an_unknown_connection_is_doubted(tmp_path: Path) -> None:
    text = GOOD.replace("provider: openai", "provider: openai\n    connection: acme_prd")
    (tmp_path / "contract.yaml").write_text(text, encoding="utf-8")
    lines = read_contracts(tmp_path)
    models = {"openai": {("gpt-5-mini", "")}}
    (doubt,) = doubts(lines, models, {"acme_prod": "openai", "acme_test": "fireworks"})
    assert "line 3, key `prices[0].connection`: openai has no connection 'acme_prd': it has acme_prod" in doubt
    assert not doubts(lines, models, {"acme_prd": "openai"})


@pytest.mark.parametrize(
    ("per", "meter", "count"),
    [
        ("1M tokens", "output_tokens", 1000000),
        ("1K tokens", "tokens", 1000),
        ("hour", "accelerator_seconds", 3600),
        ("1 minute", "audio_seconds", 60),
        ("1K searches", "web_searches", 1000),
        ("1 GiB day", "storage_byte_hours", 2**30 * 24),
        ("0 tokens", "tokens", None),
        ("1G tokens", "tokens", None),
        ("hour", "output_tokens", None),
    ],
)
def test_a_unit_of_a_meter(per: str, meter: str, count: int | None) -> None:
    assert per_of(per, meter) == count


def test_the_meters_are_those_of_the_manual() -> None:
    page = (ROOT / "docs" / "reconciliation.md").read_text(encoding="utf-8")
    table = page[page.index("| Meter |") :].split("\n\n")[0]
    cells = [row.split("|")[1] for row in table.splitlines()[2:]]
    assert {name for cell in cells for name in re.findall(r"`(\w+)`", cell)} == set(UNITS)
