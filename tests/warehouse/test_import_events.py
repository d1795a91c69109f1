"""`usage-ledger import`: a vendor's file of events next to the ledger's days, and each way in which it can be wrong."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from kit.command import Ledger, ledger_command
from sqlalchemy import Engine

from usage_ledger.connections import Connection
from usage_ledger.core.pseudonym import pseudonym
from usage_ledger.http.auth import Credential
from usage_ledger.http.client import Client
from usage_ledger.model import EventFile
from usage_ledger.pipeline.plan import Dates
from usage_ledger.pipeline.run import run_all
from usage_ledger.providers.fireworks_events import EVENTS
from usage_ledger.sandbox.app import create_app, running
from usage_ledger.sandbox.fireworks.events import COLUMNS, OLDER, write_events
from usage_ledger.sandbox.fireworks.truth import FireworksTruth
from usage_ledger.storage.landing import landed_pages
from usage_ledger.storage.manifest import manifest_of

KEY = "fw_the-one-that-opens"
NOW = datetime(2026, 11, 20, 13, 7, tzinfo=UTC)
FIRST, LAST, END = date(2026, 10, 16), date(2026, 11, 15), date(2026, 11, 16)
TRUTH = FireworksTruth(account="acme")
ABROAD = FireworksTruth(seed=2, account="abroad")
BOTH = FireworksTruth(seed=3, account="both")
ZONE = "America/Los_Angeles"
MOST_MEMORY = 300 * 2**20
Write = Callable[..., Path]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("events")


@pytest.fixture(scope="module")
def command(engine: Engine, folder: Path) -> Iterator[Ledger]:
    accounts = (
        ("acme", "UTC", FIRST, None),
        ("abroad", ZONE, LAST, None),
        ("both", ZONE, LAST, ("usage", "usage_utc")),
    )
    with running(create_app([TRUTH, ABROAD, BOTH], KEY, now=lambda: NOW)) as url:
        for account, zone, first, reports in accounts:
            connection = Connection(id=account, provider="fireworks", account=account, timezone=zone, reports=reports)
            with Client(connection.declared, base_url=url, credential=Credential(KEY), account=account) as client:
                ran = run_all(
                    connection, Dates(first, LAST), client=client, engine=engine, root=folder / "raw", now=NOW
                )
            assert ran.failures == []
    with ledger_command(engine, folder) as made:
        yield made


@pytest.fixture(scope="module")
def day(folder: Path) -> str:
    """A file of one day, as text."""
    path = folder / "day.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        assert write_events(file, TRUTH, LAST, END) > 1000
    return path.read_text(encoding="utf-8")


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def file(content: str | bytes, name: str = "events.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return file


def test_200000_events_of_31_days_are_equal_in_little_memory(command: Ledger, engine: Engine, folder: Path) -> None:
    path = folder / "events.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        count = write_events(file, TRUTH, FIRST, END, parts=4)
    assert count > 200_000
    program = (
        "import sys\n"
        "from usage_ledger.cli import main\n"
        "try:\n    main()\n"
        "except SystemExit as ended:\n    code = ended.code\n"
        "peak = next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM'))\n"
        "print(code, peak, file=sys.stderr)\n"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "USAGE_"))} | {
        "USAGE_LEDGER_LOCAL": str(folder / "local"),
        "USAGE_LEDGER_RAW": str(folder / "raw"),
        "AIRFLOW_CONN_USAGE_WAREHOUSE": f"postgres://postgres@/{engine.url.database}?host={engine.url.query['host']}",
    }
    words = [sys.executable, "-c", program, "import", "fireworks", "acme", str(path), "--json"]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=300, check=False)
    code, peak = done.stderr.splitlines()[-1].split()
    told = json.loads(done.stdout)
    assert (code, told["verdict"], told["events"], told["dates"], told["differences"]) == ("0", "equal", count, 31, [])
    assert told["equal"] > 31 * 5 * 3
    assert int(peak) * 1024 <= MOST_MEMORY, f"{int(peak) / 1024:.0f} MiB"


def test_nothing_of_the_file_enters_the_facts_and_people_are_hidden(
    command: Ledger, day: str, write: Write, folder: Path, content: Callable[..., dict[str, str]]
) -> None:
    before = content()
    done = command("import", "fireworks", "acme", str(write(day)), "--json", code=0)
    assert content() == before
    landed = Path(json.loads(done.stdout)["landed"]).parent
    assert landed.is_relative_to(folder / "raw" / "_imports" / "fireworks")
    manifest = manifest_of(landed)
    ((page, stored),) = landed_pages(landed, manifest)
    assert (page.path, manifest.pseudonyms, manifest.window_from) == ("events.csv", ["email"], LAST)
    text = stored.decode()
    assert "@" not in text
    assert len(text.splitlines()) == len(day.splitlines())
    owner = TRUTH.all_keys[0].owner
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("USAGE_LEDGER_LOCAL", str(folder / "local"))
        assert pseudonym(f"{owner}@acme.example").startswith("p_")
    assert not any(path.suffix == ".csv" for path in (folder / "raw").rglob("*"))
    again = command("import", "fireworks", "acme", str(write(day, "copy.csv")), code=0)
    assert "the file was landed before, at" in again.stderr
    assert len(list((folder / "raw" / "_imports").rglob(landed.name))) == 1


def test_what_differs_is_named(command: Ledger, day: str, write: Write) -> None:
    lines = day.splitlines(keepends=True)
    number = next(n for n, line in enumerate(lines) if "kimi-k3" in line)
    fields = lines[number].rstrip("\n").split(",")
    output = COLUMNS.index("completion_tokens")
    fields[output] = str(int(fields[output]) + 7)
    lines[number] = ",".join(fields) + "\n"
    done = command("import", "fireworks", "acme", str(write("".join(lines))), "--json", code=3)
    told = json.loads(done.stdout)
    assert told["verdict"] == "differ"
    ((one),) = told["differences"]
    assert (one["usage_date"], one["meter"], one["model"][-7:]) == (str(LAST), "output_tokens", "kimi-k3")
    assert int(one["file"]) - int(one["ledger"]) == 7
    text = command("import", "fireworks", "acme", str(write("".join(lines))), code=3).stdout
    assert text.startswith("differ: ")
    assert f"{int(one['file']):,}" in text


def test_a_model_that_one_side_alone_has_differs(command: Ledger, day: str, write: Write) -> None:
    lines = [line for line in day.splitlines(keepends=True) if "glm-5p3" not in line]
    done = command("import", "fireworks", "acme", str(write("".join(lines))), "--json", code=3)
    differences = json.loads(done.stdout)["differences"]
    assert {(one["model"][-7:], one["file"]) for one in differences} == {("glm-5p3", None)}
    assert {one["meter"] for one in differences} == {"input_tokens", "cached_input_tokens", "output_tokens"}
    doubled = day + "".join(line for line in day.splitlines(keepends=True)[1:] if "NVIDIA_H100" in line)
    done = command("import", "fireworks", "acme", str(write(doubled)), "--json", code=3)
    assert {(one["meter"], one["accelerator"]) for one in json.loads(done.stdout)["differences"]} == {
        ("accelerator_seconds", "NVIDIA_H100_80GB")
    }


def test_a_file_without_the_split_is_compared_but_for_it(command: Ledger, folder: Path) -> None:
    path = folder / "older.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        write_events(file, TRUTH, LAST, END, columns=OLDER)
    assert len(OLDER) == 11
    done = command("import", "fireworks", "acme", str(path), code=0)
    assert "the file has no cached_input_tokens: not compared." in done.stderr
    assert done.stdout.startswith("equal: ")


FORMS = {
    "windows line ends": lambda text: text.replace("\n", "\r\n"),
    "a byte order mark": lambda text: "\ufeff" + text,
    "quoted fields": lambda text: (
        "\n".join(",".join(f'"{field}"' for field in line.split(",")) for line in text.splitlines()) + "\n"
    ),
    "blank lines": lambda text: text.replace("\n", "\n\n"),
    "columns in another order": lambda text: (
        "\n".join(",".join(line.split(",")[::-1]) for line in text.splitlines()) + "\n"
    ),
    "another column": lambda text: (
        "\n".join(line + (",note" if n == 0 else ",x@y.example") for n, line in enumerate(text.splitlines())) + "\n"
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_file_of_another_form_is_equal(command: Ledger, day: str, write: Write, form: str) -> None:
    done = command("import", "fireworks", "acme", str(write(FORMS[form](day))), code=0)
    assert done.stdout.startswith("equal: ")
    assert ("columns that are not declared are not stored: note." in done.stderr) == (form == "another column")


GOOD = {
    "email": "dana@acme.example", "start_time": "2026-11-15 08:11:02 UTC", "end_time": "2026-11-15 08:11:03 UTC",
    "usage_type": "TEXT_COMPLETION_INFERENCE_USAGE", "accelerator_type": "", "accelerator_seconds": "",
    "base_model_name": "accounts/fireworks/models/glm-5p3", "model_bucket": "GLM 5.3", "parameter_count": "1",
    "prompt_tokens": "1210", "completion_tokens": "96", "cached_prompt_tokens": "900", "uncached_prompt_tokens": "310",
}  # fmt: skip
HEADER = ",".join(COLUMNS) + "\n"


def line(**changes: str) -> str:
    return ",".join((GOOD | changes)[name] for name in COLUMNS) + "\n"


WRONG: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "the file is empty"),
    "only blank lines": ("\n\n", "the file is empty"),
    "only a header": (HEADER, "the file has a header and no events"),
    "no column": (HEADER.replace("prompt_tokens,completion", "tokens,completion"), "has no column prompt_tokens"),
    "twice": ("email," + HEADER, "the header, line 1, has 'email' twice"),
    "half a split": (HEADER.replace(",uncached_prompt_tokens", ""), "has only one of cached_prompt_tokens and unc"),
    "cut off": (HEADER + line() + line()[:-20], "line 3 is the last one and has no line end: the file is cut off"),
    "a field less": (HEADER + line() + "a,b\n", "1 of 2 rows is wrong: line 3, 2 fields where the header has 13"),
    "no instant": (
        HEADER + line(start_time="2026-11-15T08:11:02Z"),
        "line 2, start_time: '2026-11-15T08:11:02Z' is no instant such as 2026-11-03 08:11:02 UTC",
    ),
    "no date": (HEADER + line(end_time="2026-02-30 08:11:02 UTC"), "line 2, end_time: '2026-02-30 08:11:02 UTC' is"),
    "backwards": (HEADER + line(end_time="2026-11-15 08:11:01 UTC"), "is before start_time"),
    "a fraction": (HEADER + line(completion_tokens="1.0"), "completion_tokens: '1.0' is not a whole number in plain d"),
    "negative": (HEADER + line(completion_tokens="-5"), "line 2, completion_tokens: the count '-5' is negative"),
    "an exponent": (HEADER + line(prompt_tokens="1e3"), "prompt_tokens: '1e3' is not a whole number"),
    "too large": (HEADER + line(prompt_tokens="9" * 19), "is larger than"),
    "negative seconds": (HEADER + line(accelerator_seconds="-1.5"), "accelerator_seconds: -1.5 is negative"),
    "no number": (HEADER + line(accelerator_seconds="NaN"), "accelerator_seconds: 'NaN' is not a finite decimal"),
    "a wrong split": (HEADER + line(cached_prompt_tokens="901"), "prompt_tokens: 1210 is not 901 and 310"),
    "half a row's split": (HEADER + line(cached_prompt_tokens=""), "only one of it and uncached_prompt_tokens has"),
    "no text": (HEADER.encode() + b"\xff" + line().encode(), "line 2 is not UTF-8 text"),
    "a broken quotation": (HEADER + '"a"b' + line(), "1 of 1 rows is wrong: line 2, ',' expected after '\"'"),
    "a long line": (HEADER + "x" * 2**20 + "\n", "line 2 is too long"),
    "several rows": (
        HEADER + line(completion_tokens="-5") * 5,
        "5 of 5 rows are wrong: line 2, completion_tokens: the count '-5' is negative; line 3",
    ),
    "an address out of place": (HEADER + line(prompt_tokens="lee@acme.example"), "prompt_tokens: 'p_"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_file_gets_one_sentence_and_is_not_stored(
    command: Ledger, write: Write, folder: Path, name: str
) -> None:
    content, sentence = WRONG[name]
    before = sorted((folder / "raw").rglob("*"))
    done = command("import", "fireworks", "acme", str(write(content)), code=1)
    (said,) = done.stderr.splitlines()
    assert sentence in said
    assert said.startswith("usage-ledger: events.csv: ")
    assert "@" not in said
    assert done.stdout == ""
    assert sorted((folder / "raw").rglob("*")) == before


def test_the_good_row_is_good(command: Ledger, write: Write) -> None:
    done = command("import", "fireworks", "acme", str(write(HEADER + line())), "--json", code=3)
    (one,) = [
        one
        for one in json.loads(done.stdout)["differences"]
        if "glm" in one["model"] and one["meter"] == "cached_input_tokens"
    ]
    assert one["file"] == "900"


def test_an_event_over_midnight_counts_on_the_date_of_its_beginning(command: Ledger, day: str, write: Write) -> None:
    late = line(start_time="2026-11-15 23:59:59 UTC", end_time="2026-11-16 00:00:09 UTC")
    done = command("import", "fireworks", "acme", str(write(day + late)), "--json", code=3)
    assert "1 events end on a later UTC date" in done.stderr
    assert {one["usage_date"] for one in json.loads(done.stdout)["differences"]} == {str(LAST)}


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("groq", "acme"), 2, "'groq' has no file of events: allowed: fireworks"),
        (("fireworks", "nobody"), 1, "the warehouse knows no connection 'nobody'"),
        (("fireworks", "abroad"), 1, "cannot be compared: the days of abroad are of America/Los_Angeles"),
    ],
    ids=["provider", "connection", "zone"],
)
def test_what_cannot_be_compared_is_said(
    command: Ledger, day: str, write: Write, words: tuple[str, str], code: int, sentence: str
) -> None:
    (said,) = command("import", *words, str(write(day)), code=code).stderr.splitlines()
    assert sentence in said


def test_days_of_another_zone_are_compared_by_the_report_of_utc_days(command: Ledger, folder: Path) -> None:
    path = folder / "both.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        write_events(file, BOTH, LAST, END)
    done = command("import", "fireworks", "both", str(path), code=0)
    assert done.stdout.startswith("equal: ")
    for zone, more in ((ZONE, ()), (ZONE, ("--timezone", ZONE)), ("UTC", ("--timezone", "UTC"))):
        done = command("usage", "both", "--from", str(LAST), "--to", str(LAST), "-o", "json", *more, code=0)
        told = json.loads(done.stdout)
        expected = BOTH.expected_usage(LAST, END, zone)[LAST]["input_tokens"]
        assert sum(int(row["promptTokens"]) for row in told["serverlessCosts"]) == expected
        assert told["usageTimezone"] == zone


def test_dates_that_are_not_loaded_are_named(command: Ledger, write: Write) -> None:
    outside = line(start_time="2026-11-18 08:11:02 UTC", end_time="2026-11-18 08:11:03 UTC")
    done = command("import", "fireworks", "acme", str(write(HEADER + line() + outside)), code=1)
    assert "the file cannot be compared: usage of 2026-11-16 to 2026-11-18 is not loaded" in done.stderr
    missing = command("import", "fireworks", "acme", "/nowhere/events.csv", code=1).stderr
    assert "events.csv cannot be read: No such file or directory" in missing


def test_the_declaration_has_the_columns_of_the_vendors_file() -> None:
    declared: EventFile = EVENTS
    assert set(declared.columns) == set(COLUMNS)
    assert len(COLUMNS) == 13
    assert set(declared.required) == set(OLDER) - {"email", "model_bucket", "parameter_count"}
