"""Injections into the Usage page: in every parameter of the Explore view, and in the names and ids of the ledger.

One has succeeded when the page holds markup that is not ours, a row outside the filter, a formula as a cell of the CSV,
a header that was sent along, or when the server fails. Markup is looked for in the parsed document.
"""

import csv
import io
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from fastapi.testclient import TestClient
from kit.explore_ledger import FIRST, READABLE, TODAY, name_things, own_things, write_ledger
from kit.fact_rows import add_line, add_use
from sqlalchemy import Engine

from usage_ledger.money.team_costs import record_team_costs
from usage_ledger.page.explore import MOST_CSV_LINES
from usage_ledger.page.question import DIMENSIONS
from usage_ledger.page.reader import Reader

FREE = ("connection", "provider", "model", "key", "team", "project", "region", "currency")
"""Parameters that take any text."""
FIXED = ("by", "measure", "from", "to")
SQL = (
    "' OR '1'='1",
    "') OR true --",
    "x'] ) OR true --",
    "'; DROP VIEW marts.daily_cost; --",
    "' UNION SELECT * FROM ledger.cost_daily --",
    "\\' OR 1=1 --",
    "%(connections)s",
    "'||pg_sleep(600)||'",
    "{a,b}') OR (true",
    "$$) OR true --",
)
MARKUP = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</title></svg><svg/onload=alert(1)>",
    "javascript:alert(1)",
    "</textarea></option></select><iframe srcdoc='<script>1</script>'>",
    "&lt;u&gt;<u>",
    "<!--<base href=//evil.example>",
)
TEMPLATES = (
    "{{191*679}}",
    "{% include 'layout.html' %}",
    "${191*679}",
    "{{ view.__class__.__mro__ }}",
    "#{191*679}",
    "%{191*679}",
)
HEADERS = (
    "a\r\nset-cookie: stolen=1",
    "a\nlocation: //evil.example",
    "\r\n\r\n<script>1</script>",
    "a\u2028x: 1",
    "x\x85y: 1",
)
PATHS = ("../../../../etc/passwd", "..%2f..%2fetc%2fpasswd", "/etc/passwd", "file:///etc/passwd", "page/session")
ODD = (
    "\0",
    "a\0b",
    "\u202e\u2066abc",
    "\ud7ff\U0010ffff",
    "é" * 400,
    "a" * 20_000,
    "🤖" * 120,
    "\x1b[31m",
    "ﬃ\u0301" * 50,
)
FORMULAS = (
    '=cmd|"/c calc"!A1',
    "+1+1",
    "-2+3",
    "@SUM(A1)",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "  =1+1",
    "\u00a0=1+1",
    "\u3000=1+1",
    "\ufeff=1+1",
    "\u200b=1+1",
    "\u202e=1+1",
    "＝1+1",
    "＋1",
    "－1",
    "＠SUM(A1)",
    "﹦1+1",
    "\x0b=1",
    '=HYPERLINK("//evil.example","x")',
)
STORED = (*MARKUP, *TEMPLATES, *FORMULAS, *SQL, "a\r\nb: c", "../../x", "\u202eabc", "🤖" * 120, '"', "'", "a,b;c\td")
ATTACKS = [
    *((name, text) for name in (*FREE, *FIXED) for text in (*SQL, *MARKUP)),
    *((name, text) for name in FREE for text in (TEMPLATES[0], HEADERS[0], FORMULAS[0], ODD[0])),
    *(("model", text) for text in (*TEMPLATES, *HEADERS, *PATHS, *ODD, *FORMULAS)),
    *((name, text) for name in FIXED for text in (*TEMPLATES, *HEADERS[:2], *PATHS[:1], *ODD[:3])),
    *((text, "x") for text in (*MARKUP, *SQL[:2], *TEMPLATES[:1], *HEADERS[:1], *ODD[:1], "view.__class__")),
]
A_FORMULA = re.compile(
    r"[\s\u0000-\u0020\u00a0\u200b-\u200f\u2028-\u202f\u2060\u3000\ufeff]*[=+\-@＝＋－＠﹦﹢﹣﹫]|[\t\r\n]"
)
A_NUMBER = re.compile(r"-?\d+(\.\d+)?|\d{4}-\d{2}-\d{2}|true|false|")
TAGS = re.compile(
    "a|b|bdi|button|code|datalist|details|div|form|h[1-3]|i|input|label|li|line|nav|option|p|pre|rect|section|select|small"
    "|span|summary|svg|table|tbody|td|text|tfoot|th|thead|title|tr|ul"
)
ATTRIBUTES = re.compile(
    "action|aria-current|aria-label|autocomplete|class|colspan|data-route|dominant-baseline|download|height|href|id|list"
    "|max|method|name|placeholder|required|role|scope|selected|size|tabindex|text-anchor|title|type|value|viewbox|width"
    "|[xy][12]?"
)


class Markup(HTMLParser):
    """What a document holds that no template of ours writes."""

    def __init__(self) -> None:
        super().__init__()
        self.strange: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.strange += [] if TAGS.fullmatch(tag) else [tag]
        self.strange += [name for name, _ in attrs if not ATTRIBUTES.fullmatch(name)]
        for name, value in attrs:
            if name in ("href", "action") and not (value or "").startswith(("plugin/usage", "usage-ledger/")):
                self.strange.append(f"{name}={value}")


def strange(document: str) -> list[str]:
    parser = Markup()
    parser.feed(document)
    parser.close()
    return parser.strange + [mark for mark in ("<!", "<?") if mark in document]  # comments and the like, also unclosed


@pytest.fixture(scope="module")
def client(engine: Engine) -> Iterator[TestClient]:
    """The page's routes, as someone who may read two of three connections; every text of STORED is in the ledger."""
    from airflow.api_fastapi.core_api.security import get_user

    from usage_ledger.airflow.page import access, app, asking

    write_ledger(engine)
    for number, text in enumerate(STORED):
        same = {"usage_date": FIRST, "api_key_id": text, "project_id": text, "model": text, "region": text}
        add_use(engine, **same, input_tokens=number + 1)
        add_line(engine, number + 1, **same)
    name_things(engine, (("acme", kind, text, text) for kind in ("api_key", "project", "model") for text in STORED))
    own_things(engine, (("project", text, text) for text in STORED))
    record_team_costs(engine)
    reader = Reader(engine, timeout=100)  # what sleeps for longer is a failure of the server
    replaced = {
        get_user: lambda: "somebody",
        access.readable_connections: lambda: READABLE,
        asking.current_reader: lambda: reader,
        asking.today: lambda: TODAY,
    }
    app.app.dependency_overrides |= replaced
    with pytest.MonkeyPatch.context() as patch, TestClient(app.app, raise_server_exceptions=False) as opened:
        patch.setattr("usage_ledger.page.explore.MOST_LINES", MOST_CSV_LINES)  # one answer for page and file
        yield opened
    app.app.dependency_overrides.clear()


def ask(client: TestClient, file: str, *pairs: tuple[str, str]) -> Any:
    dates = [(name, day) for name, day in (("from", str(FIRST)), ("to", str(TODAY))) if name not in dict(pairs)]
    query = urlencode([*pairs, *dates], quote_via=quote, errors="surrogatepass")
    return client.get(f"/{file}?{query}")


def test_there_are_two_hundred_injections() -> None:
    assert len(set(ATTACKS)) + len(STORED) * 5 >= 200
    assert len(set(ATTACKS)) >= 200


def successes(client: TestClient, name: str, text: str) -> list[str]:
    """What an injection into a parameter has done; nothing, where it did not succeed."""
    done: list[str] = []
    for file in ("explore", "explore.csv"):
        answer = ask(client, file, (name, text))
        if answer.status_code not in (200, 400, 403) or "Traceback" in answer.text:
            done.append(f"{file}: {answer.status_code}")
        if {"set-cookie", "location", "b"} & set(answer.headers) or answer.headers[
            "x-content-type-options"
        ] != "nosniff":
            done.append(f"{file}: headers {answer.headers}")
        if answer.headers["content-type"].startswith("text/csv"):
            done += cells_that_are_formulas(answer.text)
            done += rows_outside(answer.text, name, text)
        else:
            done += strange(answer.text)
        if str(191 * 679) in answer.text:
            done.append(f"{file}: a template of somebody else was rendered")
    return done


def cells_that_are_formulas(text: str) -> list[str]:
    cells = (cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row)
    return [cell for cell in cells if A_FORMULA.match(cell) and not A_NUMBER.fullmatch(cell)]


def rows_outside(text: str, name: str, value: str) -> list[str]:
    """Rows of a CSV although the filter names what nothing has, or what the ledger has as a text of STORED."""
    if name not in FREE:
        return []
    header, *rows = csv.reader(io.StringIO(text, newline=""))
    if name == "currency":
        return [cell for cell in header if cell.startswith("cost_")]
    within = value in STORED and name in ("model", "key", "team", "project", "region")
    # One date and one connection have each text of STORED.
    return [str(row) for row in rows if not within or row[:2] != [str(FIRST), "acme"]]


@pytest.mark.parametrize("name", sorted({name for name, _ in ATTACKS}), ids=lambda name: repr(name)[:30])
def test_no_injection_into_a_parameter_succeeds(client: TestClient, name: str) -> None:
    texts = [text for other, text in dict.fromkeys(ATTACKS) if other == name]
    assert {text: done for text in texts if (done := successes(client, name, text))} == {}


@pytest.mark.parametrize("name", [name for name in DIMENSIONS if name not in ("day", "connection", "provider")])
@pytest.mark.parametrize("measure", ["cost", "input_tokens"])
def test_no_name_or_id_of_the_ledger_is_markup_or_a_formula(client: TestClient, name: str, measure: str) -> None:
    for by in ((name,), ("day", name), (name, "connection")):
        pairs = [*(("by", one) for one in by), ("measure", measure)]
        page, file = (ask(client, route, *pairs) for route in ("explore", "explore.csv"))
        assert (page.status_code, file.status_code) == (200, 200)
        assert strange(page.text) == []
        assert cells_that_are_formulas(file.text) == []
        rows = list(csv.reader(io.StringIO(file.text, newline="")))
        cells = {cell for row in rows for cell in row}
        assert set(STORED) <= cells | {cell.removeprefix("'") for cell in cells}


def test_a_filter_on_each_text_of_the_ledger_finds_its_row_alone(client: TestClient) -> None:
    for number, text in enumerate(STORED):
        rows = list(csv.DictReader(io.StringIO(ask(client, "explore.csv", ("by", "model"), ("model", text)).text)))
        assert [row["input_tokens"] for row in rows] == [str(number + 1)], text


def test_the_file_is_a_file_whatever_is_asked(client: TestClient) -> None:
    answer = ask(client, "explore.csv", ("key", 'x"; filename="evil.html'))
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="usage.csv"'
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_connection_of_somebody_else_is_refused_as_one_that_is_not_there(client: TestClient) -> None:
    texts = {ask(client, "explore", ("connection", one)).text for one in ("other", "nowhere", "a' OR true --")}
    assert len(texts) == 1
    assert ask(client, "explore.csv", ("connection", "other")).status_code == 403


# That the tests above can see


@pytest.mark.parametrize("text", MARKUP[:2] + MARKUP[3:4] + MARKUP[5:])
def test_markup_would_be_seen(text: str) -> None:
    assert strange(f"<p title='x'>{text}</p>")
    assert strange(f"<a href='{MARKUP[4]}'>x</a>")


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_would_be_seen(text: str) -> None:
    assert cells_that_are_formulas(f'a,"{text.replace(chr(34), chr(34) * 2)}"\r\n')
