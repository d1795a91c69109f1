"""`usage-ledger` as a person or a script uses it: exit codes, one line of error, data on standard output."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from kit.provider_site import Overruled
from sqlalchemy import Engine

from usage_ledger import __version__
from usage_ledger.console import print_status
from usage_ledger.sandbox.app import create_app, running
from usage_ledger.sandbox.fireworks.truth import FireworksTruth

KEY = "fw_commandLineKey0123456789"
COMMAND = str(Path(sys.executable).parent / "usage-ledger")
FIRST, LAST, END = date(2026, 10, 31), date(2026, 11, 2), date(2026, 11, 3)


@dataclass
class Person:
    """Somebody at a terminal with one connection, `acme`, whose key and warehouse are in the environment."""

    folder: Path
    environment: dict[str, str]

    def runs(self, *arguments: str, given: str = "", **more: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [COMMAND, *arguments],
            env=self.environment | more,
            input=given,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert "Traceback" not in done.stderr
        assert KEY not in done.stdout + done.stderr
        return done

    def fails(self, *arguments: str, code: int = 1, given: str = "", **more: str) -> str:
        """The one line on standard error."""
        done = self.runs(*arguments, given=given, **more)
        assert done.returncode == code, (done.stdout, done.stderr)
        assert done.stdout.strip() == ""
        (line,) = done.stderr.strip().splitlines()
        assert line.startswith("usage-ledger: ")
        return line


@pytest.fixture(scope="module")
def truth() -> FireworksTruth:
    return FireworksTruth(account="acme")


@pytest.fixture(scope="module")
def provider(truth: FireworksTruth) -> Iterator[str]:
    with running(create_app([truth], KEY, now=lambda: datetime.now(UTC))) as url:
        yield url


@pytest.fixture
def person(tmp_path: Path, engine: Engine, provider: str) -> Person:
    connections = tmp_path / "connections"
    connections.mkdir()
    (connections / "acme.yaml").write_text(
        "provider: fireworks\naccount: acme\ntimezone: America/Los_Angeles\n", encoding="utf-8"
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "USAGE_"))}
    socket = engine.url.query["host"]
    host = provider.removeprefix("http://")
    return Person(
        tmp_path,
        kept
        | {
            "USAGE_LEDGER_LOCAL": str(tmp_path / "local"),
            "USAGE_LEDGER_CONNECTIONS": str(connections),
            "USAGE_LEDGER_RAW": str(tmp_path / "raw"),
            "USAGE_LEDGER_ALLOWED_HOSTS": host,
            "USAGE_LEDGER_RETRY_SCALE": "0",
            "AIRFLOW_CONN_USAGE_WAREHOUSE": f"postgres://postgres@/{engine.url.database}?host={socket}",
            "AIRFLOW_CONN_ACME": json.dumps({"conn_type": "fireworks", "host": provider, "password": KEY}),
        },
    )


RANGE = ("--from", str(FIRST), "--to", str(LAST))


def test_run_loads_a_range_over_a_clock_change_and_says_what_it_did(
    person: Person, truth: FireworksTruth, query: Callable[..., list[Any]]
) -> None:
    done = person.runs("run", "acme", *RANGE, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert [(load["report"], load["state"]) for load in told["loads"]] == [
        ("usage", "loaded"),
        ("cost", "loaded"),
        ("prices", "loaded"),
        ("api_keys", "loaded"),
    ]
    assert told["failures"] == []
    expected = truth.expected_usage(FIRST, END, "America/Los_Angeles")
    rows = query("SELECT usage_date, sum(input_tokens), sum(audio_seconds) FROM ledger.usage_daily GROUP BY 1")
    assert {day: (int(tokens), Decimal(seconds)) for day, tokens, seconds in rows} == {
        day: (values["input_tokens"], values["audio_seconds"]) for day, values in expected.items()
    }
    again = json.loads(person.runs("run", "acme", *RANGE, "--json").stdout)
    assert [load["changed"] for load in again["loads"]] == [0, 0, 0, 0]


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "acme", "--from", "2026-13-01", "--to", "2026-10-02"),
        ("run", "acme", "--from", "2026-10-01", "--to", "yesterday"),
        ("run", "acme", "--from", "2026-10-01"),
        ("rebuild", "acme", "--from", "2026-10-02", "--to", "2026-10-01"),
        ("release", "acme", "--date", "2026-02-30"),
    ],
)
def test_a_wrong_date_fails_before_anything_large_is_imported(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """Without a warehouse, a connection or Airflow; half a second of processor is what a person notices."""
    program = (
        "import resource, sys\n"
        "from usage_ledger.cli import main\n"
        "try:\n    main()\n"
        "except SystemExit as ended:\n"
        "    large = {'airflow', 'sqlalchemy', 'pyarrow', 'httpx', 'pandas', 'pydantic'} & set(sys.modules)\n"
        "    print(ended.code, sorted(large), resource.getrusage(resource.RUSAGE_SELF).ru_utime)\n"
    )
    command = [sys.executable, "-c", program, *arguments]
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "USAGE_LEDGER_LOCAL": str(tmp_path / "local")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("usage-ledger: ")
    code, large, seconds = done.stdout.replace("[]", "none").split()
    assert (code, large) == ("2", "none")
    assert float(seconds) <= 0.5


LARGE = ("airflow", "great_expectations", "pandas", "scipy", "boto3", "azure", "google.auth")
LARGER = (*LARGE, "sqlalchemy", "pyarrow", "httpx", "pydantic", "numpy", "psycopg2")
TELLING = """
import atexit, sys
from usage_ledger.cli import main
atexit.register(lambda: print("\\nlarge:", *(set({large}) & set(sys.modules)), file=sys.stderr))
{before}
main()
"""


def large_imports(person: Person, *words: str, large: tuple[str, ...] = LARGE, before: str = "") -> set[str]:
    """Which of these packages a command has imported at its end; `before` it another line of Python is run."""
    done = subprocess.run(
        [sys.executable, "-c", TELLING.format(large=large, before=before), *words],
        env=person.environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stderr.splitlines()[-1].removeprefix("large:").split())


@pytest.mark.parametrize("words", [("--help",), ("run", "--help"), ("version",)], ids=" ".join)
def test_help_imports_nothing_large(person: Person, words: tuple[str, ...]) -> None:
    assert large_imports(person, *words, large=LARGER) == set()


def test_no_command_imports_what_it_does_not_need(person: Person) -> None:
    commands = [
        ("check", "acme"),
        ("run", "acme", *RANGE),
        ("status",),
        ("status", "acme"),
        ("usage", "acme", *RANGE),
        ("rebuild", "acme", *RANGE),
    ]
    assert [(words, large) for words in commands if (large := large_imports(person, *words))] == []


def test_a_strict_run_asks_great_expectations(person: Person) -> None:
    assert {"great_expectations", "pandas"} <= large_imports(person, "run", "acme", *RANGE, "--strict")


def test_a_run_is_on_the_screen_before_anything_large_is_imported(person: Person) -> None:
    shown = "import usage_ledger.console as c; c.Progress.__enter__ = lambda _: sys.exit()"
    assert large_imports(person, "run", "acme", *RANGE, large=LARGER, before=shown) == set()


@pytest.mark.parametrize("command", [("run", "acme"), ("check", "acme"), ("status",)])
def test_a_malformed_setting_ends_a_command_with_one_line(person: Person, command: tuple[str, ...]) -> None:
    done = person.runs(*command, USAGE_LEDGER_RETRY_SCALE="half")
    assert done.returncode == 1
    assert done.stderr == (
        "usage-ledger: USAGE_LEDGER_RETRY_SCALE is 'half': set a number from 0 to 9999, such as 1 or 0.5, "
        "or leave it empty.\n"
    )


def test_status_tells_coverage_as_data_and_as_a_table(person: Person) -> None:
    person.runs("run", "acme", *RANGE)
    told = json.loads(person.runs("status", "acme", "--json").stdout)
    assert told["connections"][0]["connection_id"] == "acme"
    loaded = [days for days in told["days"] if days["state"] == "loaded" and days["report"] == "usage"]
    assert (loaded[-1]["first"], loaded[-1]["last"]) == (str(FIRST), str(LAST))
    table = person.runs("status")
    assert (table.returncode, "acme" in table.stdout) == (0, True)


def test_a_day_that_vanished_is_held_with_exit_code_3(
    person: Person, truth: FireworksTruth, query: Callable[..., list[Any]]
) -> None:
    person.runs("run", "acme", *RANGE)
    before = query("SELECT count(*) FROM ledger.usage_daily")
    unused = FireworksTruth(account="acme", since=date(2026, 11, 15))
    with running(create_app([unused], KEY, now=lambda: datetime.now(UTC))) as url:
        done = person.runs(
            "run",
            "acme",
            *RANGE,
            AIRFLOW_CONN_ACME=json.dumps({"conn_type": "fireworks", "host": url, "password": KEY}),
            USAGE_LEDGER_ALLOWED_HOSTS=url.removeprefix("http://"),
        )
    assert done.returncode == 3, (done.stdout, done.stderr)
    assert "held" in done.stdout
    assert query("SELECT count(*) FROM ledger.usage_daily") == before


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("run", "acme", "--from", "2026-11-02", "--to", "2026-11-01"), 2, "swap"),
        (("run", "acme", "--from", "2026-11-02"), 2, "give both"),
        (("run", "acme", "--from", "2026-11-02", "--to", "2999-01-01"), 2, "not over yet"),
        (("run", "acme", "--from", "yesterday", "--to", "2026-11-01"), 2, "YYYY-MM-DD"),
        (("run", "nobody"), 1, "acme"),
        (("run", "../acme"), 2, "lower-case"),
        (("status", "nobody"), 1, "usage-ledger status"),
        (("connect", "nobody", "other", "--account", "x"), 2, "fireworks"),
        (("connect", "fireworks", "Other-1", "--account", "x"), 2, "lower-case"),
        (("connect", "fireworks", "other", "--account", "x", "--timezone", "Mars/Olympus"), 2, "Mars/Olympus"),
        (("connect", "fireworks", "other", "--account", "x", "--at", "25:00"), 2, "HH:MM"),
        (("connect", "fireworks", "other", "--account", "a b"), 2, "account"),
    ],
)
def test_what_a_person_can_get_wrong_is_one_line_that_helps(
    person: Person, arguments: tuple[str, ...], code: int, words: str
) -> None:
    assert words in person.fails(*arguments, code=code, given=KEY)


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("AIRFLOW_CONN_ACME", "", "has no connection 'acme' with a key"),
        ("USAGE_LEDGER_ALLOWED_HOSTS", "", "USAGE_LEDGER_ALLOWED_HOSTS"),
        ("AIRFLOW_CONN_USAGE_WAREHOUSE", "postgres://nobody@127.0.0.1:1/none", "the warehouse does not answer"),
    ],
)
def test_a_setting_that_is_wrong_is_named(person: Person, setting: str, value: str, words: str) -> None:
    assert words in person.fails("run", "acme", *RANGE, **{setting: value})


def test_a_wrong_key_fails_the_run_and_is_not_shown(person: Person, provider: str) -> None:
    wrong = "fw_thisIsNotTheKeyAtAll"
    told = json.dumps({"conn_type": "fireworks", "host": provider, "password": wrong})
    done = person.runs("run", "acme", *RANGE, AIRFLOW_CONN_ACME=told)
    assert done.returncode == 1
    assert "401" in done.stderr
    assert "usage-ledger connect" in done.stderr
    assert wrong not in done.stdout + done.stderr


def test_check_says_what_the_key_can_read(person: Person) -> None:
    told = json.loads(person.runs("check", "acme", "--json").stdout)
    assert told["reads"] == ["usage", "cost", "prices", "api_keys"]
    assert told["refused"] == {}


def test_check_fails_with_a_reason_when_the_key_may_not_read_a_chosen_report(
    person: Person, truth: FireworksTruth
) -> None:
    site = Overruled(create_app([truth], KEY, now=lambda: datetime.now(UTC)))
    site.answers["/billingUsage"] = (403, b'{"message": "no access"}')
    with running(site) as url:
        told = {
            "AIRFLOW_CONN_ACME": json.dumps({"conn_type": "fireworks", "host": url, "password": KEY}),
            "USAGE_LEDGER_ALLOWED_HOSTS": url.removeprefix("http://"),
        }
        done = person.runs("check", "acme", **told)
    assert (done.returncode, "cannot read usage" in done.stdout) == (1, True), (done.stdout, done.stderr)
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("usage-ledger: ")
    assert "the key may not read usage" in line


def test_metadata_that_do_not_answer_are_named(person: Person) -> None:
    """Whoever speaks with an Airflow other than the local stack's may find its database down."""
    nowhere = "postgresql+psycopg2://airflow@127.0.0.1:1/airflow"
    elsewhere = {"AIRFLOW_HOME": str(person.folder / "airflow"), "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": nowhere}
    assert "metadata database does not answer" in person.fails("pools", **elsewhere)


def test_connect_stores_no_key_where_there_is_no_airflow(person: Person, provider: str) -> None:
    arguments = ("connect", "fireworks", "acme_two", "--account", "acme", "--host", provider)
    assert "no Airflow" in person.fails(*arguments, given=KEY, AIRFLOW_HOME=str(person.folder / "airflow"))
    assert not (person.folder / "connections" / "acme_two.yaml").exists()


def test_the_version_is_an_option_and_a_command(person: Person) -> None:
    told = {person.runs(words).stdout for words in ("version", "--version")}
    assert told == {f"{__version__}\n"}


def test_psql_takes_its_own_arguments(person: Person) -> None:
    done = person.runs("psql", "-tA", "-c", "SELECT 6 * 7")
    assert (done.returncode, done.stdout, done.stderr) == (0, "42\n", "")


def hear_ctrl_c() -> None:
    """In the command's process, before it: a shell lets what it runs in the background ignore Ctrl-C, and so do we."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_ends_a_command_with_a_line(person: Person) -> None:
    """While it waits for a provider that never answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host = f"127.0.0.1:{silent.getsockname()[1]}"
        told = json.dumps({"conn_type": "fireworks", "host": f"http://{host}", "password": KEY})
        running = subprocess.Popen(
            [COMMAND, "run", "acme", *RANGE],
            env=person.environment | {"AIRFLOW_CONN_ACME": told, "USAGE_LEDGER_ALLOWED_HOSTS": host},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=hear_ctrl_c,
        )
        silent.settimeout(120)
        with silent.accept()[0]:
            running.send_signal(signal.SIGINT)
            output, errors = running.communicate(timeout=60)
    stopped = "usage-ledger: stopped by Ctrl-C; what was not committed is rolled back: run it again.\n"
    assert (running.returncode, output, errors) == (130, "", stopped)


def test_a_narrow_terminal_gets_lines_instead_of_a_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failure = "Fireworks AI answered 401: no such key (connection acme, report usage): store a valid key."
    row = dict.fromkeys(("failed_days", "held_days"), 0) | {
        "connection_id": "acme",
        "provider": "fireworks",
        "state": "failing",
        "newest_loaded_date": FIRST,
        "missing_days": 1234,
        "last_success_at": None,
        "last_error_message": failure,
        "newest_event": "Fireworks AI answered 401: no such key",
        "newest_event_next_step": "store a valid key",
    }
    print_status([row], [], [], as_json=False)
    wide = capsys.readouterr().out
    monkeypatch.setattr("usage_ledger.console.WIDTH", 80)
    print_status([row], [], [], as_json=False)
    narrow = capsys.readouterr().out
    assert "newest_loaded_date  2026-10-31\nmissing_days        1,234\n" in narrow
    assert "last_success_at" in wide
    assert "last_success_at" not in narrow  # nothing is there
    assert narrow.count("no such key") == wide.count("no such key") == 1
    event = {"at": None, "message": "Fireworks AI answered 401: no such key", "next_step": "store a valid key"}
    print_status([row], [], [event], as_json=False)
    assert capsys.readouterr().out.count("no such key") == 1


def test_help_names_every_command_and_needs_no_airflow(person: Person) -> None:
    told = person.runs("--help").stdout
    for command in ("connect", "check", "run", "status", "disconnect", "sandbox", "pools", "psql"):
        assert command in told
