"""The views of connections, Dags and runs: figures equal the marts, foreign text is text, and every state has words."""

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from kit.fact_rows import add_use
from kit.filled_ledger import fill_ledger
from kit.page_client import page_client
from sqlalchemy import Engine

from usage_ledger.airflow.page import connection_routes
from usage_ledger.core.error_classes import ERROR_CLASSES
from usage_ledger.local.accounts import connection_of
from usage_ledger.page.calendar import COVERAGE, VERDICTS, Mark, calendar
from usage_ledger.page.causes import OF_KINDS, cause_of
from usage_ledger.page.connection import CARDS
from usage_ledger.page.render import number
from usage_ledger.page.schedule import Run, Schedule, Step
from usage_ledger.warehouse.engine import transaction

LAST = date(2026, 11, 19)
FIRST = LAST - timedelta(2)
TODAY = LAST + timedelta(1)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
ID = connection_of("fireworks")
HOSTILE = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>{{ 7*7 }}"


@pytest.fixture(scope="module")
def ledger(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """Three days of one vendor, and small connections written by hand."""
    fill_ledger(engine, Path(tmp_path_factory.mktemp("raw")), FIRST, LAST, providers=["fireworks"])
    for name in ("sick", "hostile", "gone", "other"):
        add(engine, "ops.connection", connection_id=name, provider="openai", account_id=f"org-{name}", timezone="UTC")
    with transaction(engine) as cursor:
        cursor.execute("UPDATE ops.connection SET retired_at = now() WHERE connection_id = 'gone'")
    report = {"connection_id": "sick", "since": NOON - timedelta(400)}
    fine = {"last_success_at": NOON}
    error = {"last_error_at": NOON, "last_error_message": "The key may not read it."}
    add(engine, "ops.connection_report", **report, **fine, **error, report="forbidden", last_error_class="NoPermission")
    add(engine, "ops.connection_report", **report, report="absent", absent=True, until=NOON)
    for name, state in (("holding", "held"), ("failing", "failed")):
        add(engine, "ops.connection_report", **report, **fine, report=name)
        add(engine, "ops.day", connection_id="sick", report=name, usage_date=LAST, day_zone="UTC", state=state)
    add(engine, "ops.connection_report", connection_id="hostile", report=HOSTILE, last_error_at=NOON,
        last_error_class="Shape", last_error_message=HOSTILE)  # fmt: skip
    add(engine, "ops.day", connection_id="hostile", report=HOSTILE, usage_date=LAST, day_zone="UTC", state="failed")
    load_id = add_load(engine, "hostile", "failed", report=HOSTILE, error_class="Shape", error_message=HOSTILE)
    add_event(engine, "hostile", "extract_failed", message=HOSTILE, next_step=HOSTILE, report=HOSTILE, load_id=load_id)
    add_use(engine, connection_id="hostile", usage_date=LAST, model=HOSTILE, region=HOSTILE, resource=HOSTILE,
            provider="openai", account_id="org-hostile")  # fmt: skip
    add_change(engine, "hostile", load_id, report=HOSTILE)
    add(engine, "ops.verdict", connection_id="hostile", usage_date=LAST, currency="USD", verdict="out_of_bounds",
        settled=True, blame='[{"line": "<script>", "cause": "<b>"}]')  # fmt: skip
    return engine


def add(engine: Engine, table: str, **values: Any) -> None:
    marks = ", ".join(["%s"] * len(values))
    with transaction(engine) as cursor:
        cursor.execute(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})", list(values.values()))


def add_load(engine: Engine, connection_id: str, state: str, **values: Any) -> str:
    load_id = str(uuid.uuid4())
    same = {"report": "usage", "window_from": FIRST, "window_to": TODAY, "declaration": "d", "run_id": "a_run"}
    add(engine, "ops.load", load_id=load_id, connection_id=connection_id, state=state, **(same | values))
    return load_id


def add_event(engine: Engine, connection_id: str, kind: str, **values: Any) -> None:
    same = {"severity": "error", "message": "m"}
    add(engine, "ops.event", connection_id=connection_id, kind=kind, **(same | values))


def add_change(engine: Engine, connection_id: str, load_id: str, **values: Any) -> None:
    same = {"report": "usage", "usage_date": LAST, "table_name": "usage_daily", "meter": "input_tokens",
            "dimensions": "{}", "old": 1000, "new": 1234, "cause": "provider", "detected_at": NOON}  # fmt: skip
    keys = {"connection_id": connection_id, "row_key": str(uuid.uuid4()), "new_load_id": load_id}
    add(engine, "ops.restatement", **keys, **(same | values))


@contextmanager
def asking(
    ledger: Engine,
    monkeypatch: pytest.MonkeyPatch,
    *ids: str,
    schedule: Schedule | None = None,
    run: Run | None = None,
    steps: tuple[Step, ...] = (),
) -> Iterator[TestClient]:
    """A person who may read these connections; what Airflow says is given."""
    monkeypatch.setattr(connection_routes, "schedule_of", lambda _id: schedule)
    monkeypatch.setattr(connection_routes, "schedules_of", lambda names: {one: schedule for one in names if schedule})
    monkeypatch.setattr(connection_routes, "run_of", lambda *_: (run, steps))
    with page_client(ledger, ids, TODAY) as client:
        yield client


def text_of(client: TestClient, address: str, status: int = 200, **question: str) -> str:
    answer = client.get(address, params=question)
    assert answer.status_code == status, answer.text
    return answer.text


def test_the_view_has_state_account_key_reports_and_links(ledger: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    schedule = Schedule(
        next_at=datetime(2026, 11, 21, 3, tzinfo=UTC),
        runs=(Run("scheduled__1", "running", "scheduled"),),
        waits=("cost waits until 2026-11-20 13:00:00 UTC; usage failed",),
    )
    with asking(ledger, monkeypatch, ID, schedule=schedule) as client:
        page = text_of(client, "/connection", id=ID)
        tab = text_of(client, "/dag", dag_id=f"usage_{ID}")
    for text in ("in use here since", "last answered", "2026-11-21 03:00 UTC", "waits until 2026-11-20 13:00:00 UTC"):
        assert text in page
    for link in (f"dags/usage_{ID}", f"dags/usage_{ID}/backfills", f"dags/usage_{ID}/runs/scheduled__1/tasks/extract"):
        assert f'href="{link}"' in page
    assert 'class="ul-tabs"' in page
    assert 'class="ul-tabs"' not in tab  # Airflow's own page of the Dag has the heading
    with transaction(ledger) as cursor:
        cursor.execute("SELECT report, loaded_days FROM marts.report_status WHERE connection_id = %s", [ID])
        reports = dict(cursor.fetchall())
        cursor.execute("SELECT tag, deployment FROM ops.credential WHERE connection_id = %s", [ID])
        [(tag, deployment)] = cursor.fetchall()
    assert {"usage", "cost"} <= set(reports)
    for report in reports:
        assert report in page
    assert tag not in page
    assert deployment not in page


def test_rows_by_model_equal_the_marts(ledger: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    with asking(ledger, monkeypatch, ID) as client:
        card = unescape(text_of(client, "/connection/card/rows", id=ID))
    with transaction(ledger) as cursor:
        for column, blank in (("model", "(no model)"), ("region", "(no region)"), ("report", "")):
            cursor.execute(
                f"SELECT coalesce(nullif({column}, ''), %s), count(*), sum(requests), sum(input_tokens),"
                f" sum(output_tokens) FROM ledger.usage_daily WHERE connection_id = %s AND breakdown = ''"
                f" GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 10",
                [blank, ID],
            )
            rows = cursor.fetchall()
            assert rows
            for name, *figures in rows:
                cells = "".join(f'<td class="ul-n">{number(figure)}</td>' for figure in figures)
                assert f'<td class="ul-text">{name}</td>{cells}' in card


def test_every_view_shows_foreign_text_as_text(ledger: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run("a_run", HOSTILE, "manual")
    schedule = Schedule(runs=(Run(HOSTILE, "running", "manual"),), waits=(f"{HOSTILE} waits until {HOSTILE}",))
    steps = (Step(HOSTILE, HOSTILE, 1, HOSTILE),)
    pages: dict[str, str] = {}
    with asking(ledger, monkeypatch, "hostile", schedule=schedule, run=run, steps=steps) as client:
        pages["connection"] = text_of(client, "/connection", id="hostile")
        pages["run"] = text_of(client, "/run", dag_id="usage_hostile", run_id="a_run")
        pages["list"] = text_of(client, "/connections", q=HOSTILE, state=HOSTILE)
        pages |= {name: text_of(client, f"/connection/card/{name}", id="hostile") for name in CARDS}
        for status, address, question in (
            (403, "/connection", {"id": HOSTILE}), (403, "/dag", {"dag_id": f"usage_{HOSTILE}"}),
            (200, "/dag", {"dag_id": HOSTILE}), (404, f"/connection/card/{HOSTILE}", {"id": "hostile"}),
        ):  # fmt: skip
            pages[f"{address} {status}"] = text_of(client, address, status, **question)
    for name, page in pages.items():
        for raw in ("<script", "<img", '<b>"', "onerror=alert(1)>"):
            assert raw not in page, name
    shown = [name for name, page in pages.items() if "&lt;script&gt;" in page]
    assert {"connection", "run", "list", "rows", "dates", "changes", "verdicts"} <= set(shown)


def test_held_failed_forbidden_and_absent_reports_have_their_words(
    ledger: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_event(ledger, "sick", "vanished", report="holding", usage_date=LAST, next_step="run it again")
    with asking(ledger, monkeypatch, "sick") as client:
        page = text_of(client, "/connection", id="sick")
        dates = text_of(client, "/connection/card/dates", id="sick")
    for word in (
        "forbidden",
        "absent",
        "held",
        "behind",
        "The key may not read it.",
        "run it again",
        "Airflow does not say",
    ):
        assert word in page
    assert re.search(r'>holding</td><td>\s*<span class="ul-state ul-warn">held</span>', dates)
    assert "1 failed" in dates
    assert "1 held" in dates
    assert ">H</text>" in dates  # not by colour alone
    assert ">F</text>" in dates


@pytest.mark.parametrize(
    ("name", "text"),
    [("gone", "It loads nothing any more"), ("other", "never"), ("unheard", "knows nothing of this connection")],
)
def test_a_connection_with_nothing_loaded_says_so_on_every_card(
    ledger: Engine, monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    with asking(ledger, monkeypatch, name) as client:
        assert text in text_of(client, "/connection", id=name)
        for card in CARDS:
            assert "<h2>" in text_of(client, f"/connection/card/{card}", id=name)


def test_who_may_not_read_the_dag_sees_nothing(ledger: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    with asking(ledger, monkeypatch, "sick") as client:
        questions = [
            ("/connection", {"id": ID}),
            ("/connection", {"id": "no such"}),
            ("/connection/card/rows", {"id": ID}),
            ("/dag", {"dag_id": f"usage_{ID}"}),
            ("/run", {"dag_id": f"usage_{ID}", "run_id": "x"}),
        ]
        refusals = {text_of(client, address, 403, **question) for address, question in questions}
        assert len(refusals) == 1
        listed = text_of(client, "/connections")
    assert ID not in listed
    assert "whose Dags you may not read" in listed
    assert "sick" in listed


def test_a_dag_of_no_connection_says_so(ledger: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    with asking(ledger, monkeypatch) as client:
        for address, more in (("/dag", {}), ("/run", {"run_id": "x"})):
            assert "loads no usage" in text_of(client, address, dag_id="example", **more)
            assert "view=overview" in text_of(client, address, dag_id="usage_alerts", **more)


def test_the_list_shows_who_needs_a_person_first_and_pages(ledger: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    many = [f"many_{number:03}" for number in range(120)]
    for name in many:
        add(ledger, "ops.connection", connection_id=name, provider="groq", account_id=f"A-{name}", timezone="UTC")
    ids = [*many, "sick", "unheard"]
    with asking(ledger, monkeypatch, *ids, schedule=Schedule(paused=True)) as client:
        first = text_of(client, "/connections")
        third = text_of(client, "/connections", page="3")
        beyond = text_of(client, "/connections", page="99")
        one = text_of(client, "/connections", q="a-MANY_007")
        none = text_of(client, "/connections", q="nowhere")
        sick = text_of(client, "/connections", state="failing")
        assert text_of(client, "/connections", 400, page="0")
    assert first.index(">sick<") < first.index(">many_000<")
    assert ">many_049<" not in first
    assert "Page 1 of 3" in first
    assert "page=2" in first
    assert "paused" in first
    assert ">unheard<" in first
    assert ">many_119<" in third
    assert third == beyond
    assert one.count("many_007</a>") == 1
    assert "many_008" not in one
    assert "No connection has this" in none
    assert "many_" not in sick


# Runs


def test_a_run_says_what_it_loaded_changed_and_held_and_why(ledger: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    common = {"run_id": "scheduled__2"}
    loaded = add_load(ledger, "other", "loaded", row_count=12, **common)
    held = add_load(ledger, "other", "held", report="cost", row_count=3, **common)
    add_load(ledger, "other", "failed", report="keys", error_class="NoPermission", error_message="403, no.", **common)
    add_load(ledger, "other", "loaded", report="elsewhere", run_id="scheduled__3")
    add_change(ledger, "other", loaded)
    add_event(ledger, "other", "vanished", message="it came back empty", report="cost", usage_date=LAST, load_id=held)
    steps = (Step("extract", "success", 1), Step("repair", "up_for_reschedule", 2, "keys waits until 13:00"))
    with asking(ledger, monkeypatch, "other", run=Run("scheduled__2", "running", "scheduled"), steps=steps) as client:
        page = text_of(client, "/run", dag_id="usage_other", run_id="scheduled__2")
    assert "Windows: 1 loaded, 1 held, 1 failed. 15 rows came, 1 of earlier dates with other figures." in page
    for text in ("<b>scope</b>: 403, no.", "it came back empty", "1,000", "1,234", "234", "keys waits until 13:00"):
        assert text in page
    assert 'href="dags/usage_other/runs/scheduled__2/tasks/repair"' in page
    assert "elsewhere" not in page
    assert "It loaded nothing" not in page


@pytest.mark.parametrize(
    ("loads", "run", "steps", "why"),
    [
        (
            [("failed", "BadKey", "wrong key")] * 2,
            Run("r", "failed", "manual"),
            (),
            "2 of 2 attempts failed: wrong key",
        ),
        ([("superseded", None, None)], None, (), "already had newer answers"),
        ([("landed", None, None)], Run("r", "failed", "manual"), (), "broken off"),
        ([], Run("r", "queued", "manual"), (), "waits for a slot"),
        ([], Run("r", "running", "manual"), (), "It goes on"),
        ([], Run("r", "failed", "manual"), (Step("extract", "failed", 4),), "Its task extract failed before anything"),
        ([], Run("r", "success", "manual"), (Step("extract", "success", 1),), "There was nothing to ask for"),
    ],
)
def test_a_run_that_loaded_nothing_says_why(
    ledger: Engine,
    monkeypatch: pytest.MonkeyPatch,
    loads: list[tuple[str, str | None, str | None]],
    run: Run | None,
    steps: tuple[Step, ...],
    why: str,
) -> None:
    run_id = f"r{uuid.uuid4().hex}"
    for number_, (state, error_class, message) in enumerate(loads):
        add_load(ledger, "other", state, run_id=run_id, report=f"r{number_}", error_class=error_class,
                 error_message=message)  # fmt: skip
    with asking(ledger, monkeypatch, "other", run=run, steps=steps) as client:
        page = text_of(client, "/run", dag_id="usage_other", run_id=run_id)
    assert "It loaded nothing." in page
    assert why in page


def test_an_unknown_run_is_no_page(ledger: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    with asking(ledger, monkeypatch, "other") as client:
        page = text_of(client, "/run", 404, dag_id="usage_other", run_id="no_such")
    assert "Neither the ledger nor Airflow knows a run of this id." in page


# Parts


@pytest.mark.parametrize(
    ("kind", "error_class", "message", "cause"),
    [
        ("extract_failed", "BadKey", "", "credential"),
        ("extract_failed", "NoPermission", "", "scope"),
        ("extract_failed", "RateLimited", "", "rate limit"),
        ("extract_failed", None, "WrongAccount: it is another's", "account"),
        ("transform_failed", "MissingField", "", "drift"),
        ("vanished", None, "", "held"),
        ("unknown_field", None, "", "drift"),
        ("load_failed", "WarehouseDown", "", "warehouse"),
        ("extract_failed", "ProviderDown", "", "provider"),
        ("rounded", None, "2 values", "note"),
        ("extract_failed", "OfAnOlderVersion", "", "note"),
    ],
)
def test_the_cause_of_an_event(kind: str, error_class: str | None, message: str, cause: str) -> None:
    assert cause_of(kind, error_class, message) == cause


def test_every_error_of_the_providers_side_has_a_cause() -> None:
    without = {"UsageLedgerError", "PersonMustAct", "TryAgain", "BadWindow", "OutOfReach", "OutOfMemory"}
    assert {name for name in ERROR_CLASSES if cause_of("", name) == "note"} <= without | {"ConservationBroken"}
    assert OF_KINDS


def test_a_calendar_tells_each_state_by_letter_and_in_words() -> None:
    for words in (COVERAGE, VERDICTS):
        letters = [letter for letter, _ in words.values()]
        assert len(set(letters)) == len(letters)
        marks = [Mark(FIRST + timedelta(number), "line", word) for number, word in enumerate(words)]
        picture = calendar(marks, FIRST, FIRST + timedelta(6), words)
        [line] = picture.lines
        assert [square.letter for square in line.squares] == letters
        assert line.counts == ", ".join(f"1 {word.replace('_', ' ')}" for word in words)
        assert len({square.x for square in line.squares}) == len(words)
    odd = calendar([Mark(FIRST, "line", "new_word")], FIRST, FIRST, COVERAGE)
    assert odd.lines[0].squares[0].letter == "?"
