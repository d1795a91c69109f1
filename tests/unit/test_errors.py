"""Every error says in one line what happened, where, and what to do next."""

import json
import pickle
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

import usage_ledger
from usage_ledger.console import causes, print_run
from usage_ledger.core import contract_errors, errors, provider_errors
from usage_ledger.core.error_classes import ERROR_CLASSES, MODULES
from usage_ledger.core.redaction import MASK, protect
from usage_ledger.http.error_mapping import MEANINGS

FAMILIES = (errors.PersonMustAct, errors.TryAgain)
ALL = list(ERROR_CLASSES.values())
LEAVES = [found for found in ALL if not found.__subclasses__()]


def test_an_error_says_what_where_and_the_next_step() -> None:
    error = provider_errors.BadKey("the key was refused.", connection="acme", report="usage", window="2026-09-01")
    assert str(error) == (
        "the key was refused (connection acme, report usage, window 2026-09-01): "
        "store a valid key with `usage-ledger connect` or in the Airflow connection's password."
    )


def test_a_place_that_is_not_known_is_not_named() -> None:
    assert (
        str(provider_errors.TooLarge("it is large", report="cost"))
        == "it is large (report cost): ask for fewer days at once."
    )
    assert str(errors.UsageLedgerError("it broke")) == "it broke."


def test_what_a_request_was_repeated_for_is_named() -> None:
    error = provider_errors.TooLarge("it is large", report="usage").about(labels={"region": "eu-central-1"})
    assert str(error.about(labels={"region": "other"})) == (
        "it is large (report usage, region eu-central-1): ask for fewer days at once."
    )


def test_the_first_to_know_the_place_is_kept() -> None:
    error = contract_errors.Shape("odd", report="usage").about(connection="acme", report="cost", window="2026-09-01")
    assert (error.connection, error.report, error.window) == ("acme", "usage", "2026-09-01")


def test_the_callers_next_step_replaces_the_default() -> None:
    assert str(provider_errors.BadKey("no", next_step="ask Jo")) == "no: ask Jo."


def test_every_error_tells_a_next_step_by_itself() -> None:
    assert [cls.__name__ for cls in LEAVES if not cls("it happened").next_step] == []


@pytest.mark.parametrize("cls", ALL)
def test_every_error_is_one_sentence_on_one_line(cls: type[errors.UsageLedgerError]) -> None:
    text = str(cls("broken\r\nhere\x1b[31m\x00\u2028\x85 now", connection="acme", next_step="look again"))
    assert text.isprintable()
    assert text.startswith("broken\\r\\nhere\\x1b[31m")
    assert text.endswith(" (connection acme): look again.")


@pytest.mark.parametrize("cls", ALL)
def test_every_error_has_one_docstring_line_and_one_family(cls: type[errors.UsageLedgerError]) -> None:
    assert cls.__doc__
    if cls is not errors.UsageLedgerError:
        assert len(cls.__doc__.strip().splitlines()) == 1
        assert sum(issubclass(cls, family) for family in FAMILIES) == 1


def test_long_texts_are_cut() -> None:
    assert len(provider_errors.BadRequest("x" * 10_000).what) <= 2000


def test_a_key_is_in_no_part_of_an_error() -> None:
    key = "fw_error-secret-7Hq2LmZx"
    protect(key)
    error = provider_errors.BadRequest(f"refused {key}\n", next_step=f"do not send {key}")
    for text in (str(error), repr(error), str(error.args), error.what):
        assert key not in text
    assert MASK in error.what


def test_a_rate_limit_keeps_its_wait() -> None:
    error = provider_errors.RateLimited("slow down", retry_after=7.5, report="usage")
    assert (error.retry_after, error.report, str(error.args)) == (7.5, "usage", "('slow down',)")


def test_an_error_survives_a_process_boundary() -> None:
    sent = provider_errors.RateLimited("slow down", retry_after=7.5, connection="acme", next_step="wait")
    came = pickle.loads(pickle.dumps(sent))  # noqa: S301  our own bytes
    assert (str(came), came.retry_after) == (str(sent), 7.5)


def test_a_cause_that_fails_several_reports_is_one_line_that_names_them() -> None:
    failures = [
        provider_errors.BadKey("Fireworks AI answered 401", connection="acme", report="usage", window="2026-11-01"),
        provider_errors.BadKey("Fireworks AI answered 401", connection="acme", report="cost", window="2026-11-01"),
        provider_errors.BadKey("Fireworks AI answered 401", connection="acme", report="cost", window="2026-11-02"),
        provider_errors.BadKey("Fireworks AI answered 401", connection="other", report="usage"),
        provider_errors.NoPermission("Fireworks AI answered 403", connection="acme", report="usage"),
    ]
    lines = causes(failures)
    assert len(lines) == 3
    assert lines[0].startswith(
        "Fireworks AI answered 401 (connection acme, reports usage, cost, windows 2026-11-01, 2026-11-02): "
    )
    assert lines[1:] == [str(failures[3]), str(failures[4])]


def test_a_run_prints_a_cause_once(capsys: pytest.CaptureFixture[str]) -> None:
    failures = [provider_errors.BadKey("no", connection="acme", report=name) for name in ("usage", "cost", "api_keys")]
    print_run(SimpleNamespace(loads=[], failures=failures, notes=[]), as_json=False)
    [line] = capsys.readouterr().err.splitlines()
    assert "(connection acme, reports usage, cost, api_keys)" in line
    print_run(SimpleNamespace(loads=[], failures=failures, notes=[]), as_json=True)
    assert len(json.loads(capsys.readouterr().out)["failures"]) == 3


def test_every_module_of_errors_is_looked_up_by_name() -> None:
    files = (Path(usage_ledger.__file__).parent / "core").glob("*errors.py")
    assert {path.stem for path in files} == {module.__name__.rpartition(".")[2] for module in MODULES}
    assert {"BadKey", "Shape", "RawGone", "WarehouseDown", "ConfigError"} <= set(ERROR_CLASSES)


def test_every_error_is_made_somewhere() -> None:
    """What nothing raises is no error: its words belong where they are used."""
    code = "".join(path.read_text(encoding="utf-8") for path in Path(usage_ledger.__file__).parent.rglob("*.py"))
    unused = [cls for cls in LEAVES if not re.search(rf"(?<!class ){cls.__name__}\(", code)]
    assert [cls.__name__ for cls in unused if cls not in MEANINGS.values()] == []
