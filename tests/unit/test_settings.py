"""A malformed setting names itself, its value and what is allowed, and counts as its default."""

import pytest

from usage_ledger.airflow.retry_policy import retries
from usage_ledger.core.errors import ConfigError
from usage_ledger.core.settings import malformed_settings, require_settings
from usage_ledger.http.retry import scale

SETTINGS = ("USAGE_LEDGER_TASK_RETRIES", "USAGE_LEDGER_RETRY_SCALE")


@pytest.fixture(autouse=True)
def _unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("value", ["three", "3x", "-1", "nan", "inf", " 3", "1e3", "٣", "99999", "3\n"])
def test_a_malformed_number_names_itself_and_counts_as_the_default(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    assert (retries(), scale()) == (3, 1.0)
    [error] = malformed_settings()
    assert name in str(error)
    assert "number from 0 to" in str(error)
    assert "\n" not in str(error)
    with pytest.raises(ConfigError, match=name):
        require_settings()


@pytest.mark.parametrize(
    ("tries", "factor", "expected"), [("", "", (3, 1.0)), ("0", "0", (0, 0.0)), ("7", "0.02", (7, 0.02))]
)
def test_a_number_that_is_allowed_counts(
    monkeypatch: pytest.MonkeyPatch, tries: str, factor: str, expected: tuple[int, float]
) -> None:
    monkeypatch.setenv("USAGE_LEDGER_TASK_RETRIES", tries)
    monkeypatch.setenv("USAGE_LEDGER_RETRY_SCALE", factor)
    assert (retries(), scale()) == expected
    require_settings()
