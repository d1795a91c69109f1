"""The documentation says what is true: its SQL runs, its tables and names are those of the code.

`make docs` writes the parts that are made of the code; see tests/kit/documentation.py.
"""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import typer
from kit import documentation
from sqlalchemy import Engine
from typer.main import get_command

from usage_ledger.cli import app, arguments
from usage_ledger.connections import Connection
from usage_ledger.core.windows import first_instant
from usage_ledger.http.auth import Credential
from usage_ledger.http.client import Client
from usage_ledger.model import HeaderKey
from usage_ledger.pipeline.plan import Dates
from usage_ledger.pipeline.run import run_all
from usage_ledger.providers import PROVIDERS
from usage_ledger.sandbox.app import create_app, running
from usage_ledger.sandbox.fireworks.truth import FireworksTruth
from usage_ledger.warehouse.marts import mart_comments, mart_name, marts

ROOT = Path(__file__).resolve().parents[2]
KEY = "fw_the-one-that-opens"
NAMES = (
    "README",
    "CONTRIBUTING",
    "CHANGELOG",
    "SECURITY",
    "docs/install",
    *(f"docs/{page}" for page in ("connect", "query", "operate", "troubleshoot")),
)
NAMES += tuple(f"docs/{page}" for page in ("architecture", "reliability", "scaling"))
NAMES += tuple(f"docs/{page}" for page in ("reconciliation", "prices", "owners", "budgets", "focus", "boards"))
NAMES += tuple(f"docs/{page}" for page in ("bi", "glossary", "alerts", "permissions", "first-hour", "explore"))
NAMES += ("docs/observability",)
PAGES = {name: (ROOT / f"{name}.md").read_text(encoding="utf-8") for name in NAMES}
PAGES |= {f"docs/providers/{path.stem}": path.read_text(encoding="utf-8") for path in ROOT.glob("docs/providers/*.md")}
README = PAGES["README"]
QUERIES = PAGES["docs/query"]
MANUAL = "\n".join(PAGES[f"docs/{name}"] for name in ("connect", "query", "operate", "troubleshoot"))
SETTING = re.compile(r"USAGE_LEDGER_[A-Z_]*[A-Z]")
Query = Callable[..., list[tuple[Any, ...]]]


def blocks(language: str, text: str = MANUAL) -> list[str]:
    """The fenced blocks of a language, less the indentation of a list that they stand in."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^\1```$", text, re.MULTILINE | re.DOTALL)
    return [re.sub(rf"^{indent}", "", block, flags=re.MULTILINE) for indent, block in found]


def table_under(heading: str, text: str = MANUAL) -> list[list[str]]:
    """The rows of the one table whose first heading cell is this, split into cells."""
    found = re.findall(rf"^\| {re.escape(heading)} \|.*\n\|[ |-]+\|\n((?:\|.*\n)+)", text, re.MULTILINE)
    assert len(found) == 1, f"{len(found)} tables begin with {heading!r}"
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in found[0].splitlines()]


def code_spans(text: str) -> list[str]:
    """What stands between single backquotes, outside of fenced blocks; a line break in it is a blank."""
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", re.sub(r"(?s)```.*?```", "", text))]


# SQL

SQL = blocks("sql")
TITLES = [
    "spend per day",
    "yesterday",
    "spend per month",
    "month to date by team",
    "by team and project",
    "top keys",
    "cost per model",
    "cost per million tokens",
    "tokens per model",
    "tokens a second",
    "per API key",
    "cut by user",
    "cut by key",
    "missing days",
    "what changed",
    "how long",
]


@pytest.fixture(scope="module")
def loaded(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> date:
    """The sandbox's usage of yesterday and of four days ago, half of which came late; returns yesterday.

    The dates are real ones, because the examples and the calendar of the marts look at today.
    """
    now = datetime.now(UTC)
    newest = now.date() - timedelta(1)
    early = newest - timedelta(3)
    connection = Connection(id="acme_prod", provider="fireworks", account="acme", timezone="UTC")
    clock = [first_instant(early, connection.zone) + timedelta(hours=12)]
    app = create_app([FireworksTruth(account="acme")], KEY, now=lambda: clock[0])
    root = tmp_path_factory.mktemp("raw")
    with running(app) as url:
        for day, sandbox_now in ((early, clock[0]), (early, now), (newest, now)):
            clock[0] = sandbox_now
            with Client(connection.declared, base_url=url, credential=Credential(KEY), account="acme") as client:
                ran = run_all(connection, Dates(day, day), client=client, engine=engine, root=root, now=now)
            assert ran.failures == []
            assert not ran.held
    return newest


def test_there_is_an_example_for_each_question() -> None:
    assert len(SQL) == len(TITLES)


def test_the_readme_has_three_of_the_examples() -> None:
    examples = blocks("sql", README)
    assert len(examples) == 3
    assert set(examples) <= set(SQL)


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= 200


@pytest.mark.parametrize("number", range(len(TITLES)), ids=TITLES)
def test_an_example_answers_with_rows(loaded: date, query: Query, number: int) -> None:
    """Fireworks sends no other cuts: tests/warehouse/test_spend_marts.py has them."""
    new_month = TITLES[number] == "month to date by team" and (loaded + timedelta(1)).day == 1
    assert bool(query(SQL[number].rstrip("; \n"))) is not (TITLES[number].startswith("cut") or new_month)


def test_the_examples_add_up_to_the_ledger(loaded: date, query: Query) -> None:
    answers = {title: query(text.rstrip("; \n")) for title, text in zip(TITLES, SQL, strict=True)}
    spend, months, models, rates = (answers[title] for title in ("spend per day", "spend per month", *TITLES[8:10]))
    keys, missing, changed, lags = (answers[title] for title in ("per API key", *TITLES[-3:]))
    assert sum(row[4] for row in months) == sum(row[4] for row in spend)
    assert not any(row[9] for row in months)
    for title, place in (("by team and project", 3), ("top keys", 5), ("cost per model", 3)):
        assert sum(row[place] or 0 for row in answers[title]) == sum(row[4] for row in spend)
    assert sum(row[4] for row in spend) == query("SELECT sum(amount) FROM ledger.cost_daily WHERE breakdown = ''")[0][0]
    tokens = query("SELECT sum(input_tokens) FROM ledger.usage_daily WHERE usage_type = 'serverless'")[0][0]
    assert sum(row[2] for row in models) == sum(row[3] for row in keys) == tokens
    assert sum(row[2] * 86_400 for row in rates) == pytest.approx(tokens)
    assert {(row[1], row[2], row[3]) for row in missing} >= {
        (report, "missing", loaded - timedelta(n)) for report in ("usage", "cost") for n in (1, 2)
    }
    moved = {row[2]: row[7] for row in changed}
    assert moved["input_tokens"] > 0
    assert moved["amount"] > 0
    assert {row[1] for row in changed} == {loaded - timedelta(3)}
    assert {(row[4], row[6], row[7], row[8], row[9], row[10]) for row in lags} == {(3, 1, 1, 3, 0, 0)}


def test_the_examples_query_marts_alone() -> None:
    read = {view for text in SQL for view in re.findall(r"\b(?:FROM|JOIN)\s+(\S+)", text)}
    assert {view.split(".")[0] for view in read} == {"marts"}
    assert len(read) == len(SQL) - 1, "two ask for cost per model"


# Tables


STALE = "run: make docs"


def test_what_is_made_of_the_code_is_as_the_code_says() -> None:
    files = documentation.generated()
    assert [str(path.relative_to(ROOT)) for path, text in files.items() if path.read_text("utf-8") != text] == [], STALE
    assert {path for path in ROOT.glob("docs/providers/*.md") if path not in files} == set(), STALE


def test_every_generated_table_has_its_place() -> None:
    places = [(match[2], match[3]) for text in PAGES.values() for match in documentation.GENERATED.finditer(text)]
    assert sorted(name for name, _ in places) == sorted([*documentation.TABLES, "columns"])
    assert {table for name, table in places if name == "columns"} == {"usage_daily", "cost_daily"}


def test_a_stale_table_would_be_seen() -> None:
    stale = QUERIES.replace("| `row_key` | uuid |", "| `row_key` | text |")
    assert stale != QUERIES
    assert documentation.with_tables(stale) == QUERIES
    empty = "<!-- columns:cost_daily -->\n<!-- end -->"
    assert documentation.with_tables(empty) != empty


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_providers_page_says_what_is_in_its_file(name: str) -> None:
    provider, text = PROVIDERS[name], PAGES[f"docs/providers/{name}"]
    assert [row[0].strip("`") for row in table_under("Report | Fetched from", text)] == [
        report.name for report in provider.reports
    ]
    meters = {meter.column for report in provider.reports for rows in report.row_sets for meter in rows.meters}
    assert meters <= {span for row in table_under("Report | Array", text) for span in code_spans(row[3])}
    facts = {row[0]: row[1] for row in table_under("Connection", text)}
    assert facts["key"] == provider.key_help
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", facts["date checked"])
    assert re.search(r"https://\S+", facts["documentation"])
    assert {"Limits", "What it measures", "Grain", "Units"} <= set(re.findall(r"(?m)^## (.+)$", text))


def test_every_column_of_a_mart_is_described() -> None:
    for path in marts():
        about, columns = mart_comments(path)
        assert f"<code>marts.{mart_name(path)}</code>" in QUERIES
        assert about in QUERIES
        assert all(f"| `{name}` | {text} |" in QUERIES for name, text in columns.items())


def test_the_table_of_marts_names_every_mart() -> None:
    assert sorted(row[0] for row in table_under("View")) == sorted(f"`marts.{mart_name(path)}`" for path in marts())


def test_the_table_of_providers_names_every_report() -> None:
    rows = {row[0]: row for row in table_under("Provider", README)}
    assert list(rows) == [f"[{one.title}](docs/providers/{one.name}.md)" for one in PROVIDERS.values()]
    for provider, row in zip(PROVIDERS.values(), rows.values(), strict=True):
        assert row[1]
        named = {span for cell in row[2:5] for span in code_spans(cell)}
        assert named == {report.name for report in provider.reports}
    days = {row[0]: row[4] for row in table_under("Report | Fetched from", PAGES["docs/providers/fireworks"])}
    zone = "the connection's time zone"
    snapshot = "snapshot, fetched daily"
    assert days == {
        "`usage`": zone,
        "`usage_utc`": "UTC",
        "`cost`": "UTC",
        "`key_cost`": "UTC",
        "`rates`": zone,
        "`prices`": snapshot,
        "`api_keys`": snapshot,
    }


def test_the_table_of_token_meanings_names_every_provider() -> None:
    assert [row[0] for row in table_under("Of")] == [provider.title for provider in PROVIDERS.values()]


def test_the_tables_of_wholeness_and_accounts_name_every_provider() -> None:
    titles = sorted(provider.title for provider in PROVIDERS.values())
    page = PAGES["docs/reliability"]
    assert (
        sorted(row[0] for row in table_under("Provider | That an answer is whole | A total of its own", page)) == titles
    )
    assert sorted(row[0] for row in table_under("Provider | What tells the account of a key", page)) == titles


@pytest.mark.parametrize("name", [name for name, one in PROVIDERS.items() if not isinstance(one.auth, HeaderKey)])
def test_a_policy_to_paste_is_on_the_page_of_each_provider_with_roles(name: str) -> None:
    [_, rights] = PAGES[f"docs/providers/{name}"].split("## Rights\n")
    policies = [json.loads(text) for text in blocks("json", rights.partition("\n## ")[0])]
    assert policies
    assert all(one.keys() & {"Statement", "Actions", "includedPermissions"} for one in policies)


def test_the_table_of_yaml_keys_is_that_of_the_model() -> None:
    fields = {name: field for name, field in Connection.model_fields.items() if name != "id"}
    told = {row[0].strip("`"): row[2] for row in table_under("Key")}
    assert list(told) == list(fields)
    assert {name for name, default in told.items() if default == "required"} == {
        name for name, field in fields.items() if field.is_required()
    }
    assert told["timezone"] == f"`{fields['timezone'].default}`"
    assert told["at"] == f"`{fields['at'].default:%H:%M}`"


def test_the_yaml_example_is_a_connection(tmp_path: Path) -> None:
    from usage_ledger.connections import read_connection

    (example,) = blocks("yaml", PAGES["docs/connect"])
    path = tmp_path / "acme_prod.yaml"
    path.write_text(example, encoding="utf-8")
    assert read_connection(path).account == "acme"


def sources() -> dict[Path, str]:
    folders = [
        ROOT / name for name in ("usage_ledger", "dags", "plugins", "docker-compose.yaml", "Dockerfile", ".env.example")
    ]
    paths = [path for folder in folders for path in ([folder] if folder.is_file() else folder.rglob("*.py"))]
    return {path: path.read_text(encoding="utf-8") for path in [*paths, ROOT / "Makefile"]}


def test_the_table_of_settings_names_what_the_code_reads() -> None:
    read = {name for text in sources().values() for name in SETTING.findall(text)}
    told = {row[0].strip("`") for row in table_under("Environment variable")}
    assert {name for name in told if SETTING.fullmatch(name)} == read
    assert {name for text in PAGES.values() for name in SETTING.findall(text)} - {
        "AIRFLOW_CONN_USAGE_WAREHOUSE"
    } == read


def test_the_exit_codes_are_those_of_the_command() -> None:
    told = {int(row[0]): re.split(r"[:,]", row[1])[0] for row in table_under("Exit code")}
    names = ("DONE", "FAILED", "WRONG_USAGE", "HELD")
    assert told == {getattr(arguments, name): name.lower().replace("_", " ") for name in names}


# Words


def glossary() -> dict[str, str]:
    """The meaning of each word of the glossary."""
    rows = re.findall(r"(?m)^\| (?!Word|---|20)([^|]+) \| ([^|]+) \|$", PAGES["docs/glossary"])
    return {word.strip("`"): meaning for words, meaning in rows for word in words.split(", ")}


def test_the_glossary_has_each_word_once_and_others_use_it() -> None:
    words = re.findall(r"(?m)^\| (?!Word|---|20)([^|]+) \| [^|]+ \|$", PAGES["docs/glossary"])
    assert len(", ".join(words).split(", ")) == len(glossary())
    others = " ".join(text.lower() for page, text in PAGES.items() if page != "docs/glossary")
    assert [word for word in glossary() if word.lower() not in others] == []


def test_a_word_that_contributors_are_to_write_is_in_the_glossary() -> None:
    words = [word for row in table_under("Write", PAGES["CONTRIBUTING"]) for word in row[0].split(", ")]
    assert [word for word in words if word.strip("`") not in glossary()] == []


def test_the_glossary_has_every_basis_verdict_and_state() -> None:
    bases = {
        value
        for name in ("usage_daily", "cost_daily")
        for values in re.findall(
            r"validValues: \[((?:metered|billed)[^\]]*)\]", (ROOT / f"data_contracts/{name}.yaml").read_text("utf-8")
        )
        for value in values.split(", ")
    }
    verdicts = {row[0].strip("`") for row in table_under("Verdict | Means", PAGES["docs/reconciliation"])}
    assert len(bases) == 4
    assert len(verdicts) == 7
    assert bases <= set(code_spans(glossary()["basis"]))
    assert verdicts == set(code_spans(glossary()["verdict"]))
    assert {"loaded", "empty", "held", "failed", "missing", "behind"} <= glossary().keys()


SPLIT_OR_FILLED = re.compile(r'"\s*\n\s*f?"|\{[^{}]*\}')
"""Where a text goes on in the next line's literal, and the placeholders of an f-string."""


def strange_parts(message: str, code: str) -> list[str]:
    """Parts of the texts quoted in a message, between `…`, that no text of the code has."""
    quoted = [span for span in code_spans(message) if not span.startswith("usage-ledger ")]
    parts = [part.strip(" :0123456789") for span in quoted for part in re.split(r"…|Fireworks AI", span)]
    return [part for part in parts if part not in code]


def test_the_messages_are_texts_of_the_product() -> None:
    code = SPLIT_OR_FILLED.sub("", "\n".join(text for path, text in sources().items() if path.suffix == ".py"))
    assert {row[0]: strange for row in table_under("Message") if (strange := strange_parts(row[0], code))} == {}
    first = table_under("Message", PAGES["docs/first-hour"])
    assert {
        row[0]: strange
        for row in first
        if (strange := strange_parts(row[0].replace("OpenAI ans", "Fireworks AI ans"), code))
    } == {}
    assert strange_parts("`the key does not see account …; he sees: …`", code) == ["; he sees"]


# Commands, targets, files


def command_lines(text: str) -> list[list[str]]:
    """The words of every `usage-ledger …` in code spans and untyped blocks."""
    lines = [line for block in blocks("", text) for line in block.splitlines()] + code_spans(text)
    calls = [found[1] for line in lines if (found := re.search(r"(?:^|[ /])usage-ledger ((?!:)[a-z-].*)", line))]
    return [shlex.split(re.split(r"\s{2,}|#|;", call)[0]) for call in calls]


def unknown_words(words: list[str]) -> list[str]:
    """The first words that are no command, and the options that the command has not."""
    command: Any = get_command(app)
    known = {option for param in command.params for option in param.opts}
    for word in words:
        if word == "…":
            continue
        if word.startswith("--"):
            if word not in known:
                return [word]
        elif isinstance(command, typer.core.TyperGroup):
            if word not in command.commands:
                return [word]
            command = command.commands[word]
            known = {option for param in command.params for option in param.opts}
    return []


@pytest.mark.parametrize("page", PAGES)
def test_every_command_exists(page: str) -> None:
    calls = command_lines(PAGES[page])
    assert {" ".join(words): unknown for words in calls if (unknown := unknown_words(words))} == {}


def test_the_manual_names_the_commands_that_people_use() -> None:
    named = {words[0] for words in command_lines(MANUAL)}
    assert {"connect", "check", "run", "status", "disconnect", "pools", "psql", "rebuild", "release"} <= named


def test_a_command_that_does_not_exist_would_be_seen() -> None:
    text = "`usage-ledger remake acme` and `usage-ledger run acme --until 2026-01-01`, `usage-ledger status acme`"
    assert [unknown_words(words) for words in command_lines(text)] == [["remake"], ["--until"], []]


@pytest.mark.parametrize("page", PAGES)
def test_every_make_target_exists(page: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    told = [*code_spans(PAGES[page]), *(line for block in blocks("", PAGES[page]) for line in block.splitlines())]
    named = {found[1] for line in told if (found := re.match(r"(?:Stop: +)?make ([a-z-]+)", line))}
    assert named <= targets
    assert page not in ("README", "CONTRIBUTING") or "test" in named


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings."""
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in re.findall(r"(?m)^#+ (.+)$", text)}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    here = ROOT / f"{page}.md"
    for link in re.findall(r"\]\(([^)\s]+)\)", PAGES[page]):
        name, _, anchor = link.partition("#")
        path = (here.parent / name) if name else here
        assert path.exists(), link
        assert not anchor or anchor in anchors(path.read_text(encoding="utf-8")), link


def test_every_page_is_linked_from_another() -> None:
    linked = {
        ((ROOT / f"{page}.md").parent / link).resolve()
        for page, text in PAGES.items()
        for link in re.findall(r"\]\(([^)#\s]+)\)", text)
    }
    assert {page for page in PAGES if page != "README" and ROOT / f"{page}.md" not in linked} == set()


@pytest.mark.parametrize("page", PAGES)
def test_files_that_are_named_exist(page: str) -> None:
    """Of the project's own folders; `<…>` and `…` stand for names to choose, and the example's file is one."""
    folders = ("usage_ledger", "include", "tests", "dags", "plugins", "data_contracts", "docs")
    for span in code_spans(PAGES[page]):
        path = span.split()[-1].rstrip("/")
        if path.split("/")[0] in folders and "/" in path and not re.search(r"[<…]|acme", path):
            assert (ROOT / path).exists(), span


def test_the_downstream_example_is_scheduled_on_the_asset_that_loads_announce(tmp_path: Path) -> None:
    (example,) = blocks("python", PAGES["docs/operate"])
    script = tmp_path / "example.py"
    more = """
from usage_ledger.airflow.assets import table_asset
made = refresh_dashboard()
assert made.timetable.asset_condition.objects == (table_asset("acme_prod", "usage_daily"),), made.timetable
"""
    script.write_text(example + more, encoding="utf-8")
    environment = os.environ | {"AIRFLOW_HOME": str(tmp_path / "airflow")}
    done = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
