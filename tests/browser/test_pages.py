"""Every view of the Usage page in Chromium, as a person sees it: light and dark, wide and narrow, by keyboard."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from kit.browser import NARROW, WIDE, Visit, chromium, findings, flaws, token_of, visit
from kit.filled_ledger import fill_ledger
from kit.stack import Stack
from sqlalchemy import make_url

from usage_ledger.warehouse.engine import warehouse_engine

pytestmark = pytest.mark.stack

FILLED = ("openai", "anthropic", "aws_bedrock")
DAYS = 14
FRAGMENT = ".ul-root"
READ = f"document.querySelector('{FRAGMENT}') && !document.querySelector('.ul-wait, [aria-busy=true]')"
"""The fragment is there, and so are its cards."""
VIEWS = {
    "overview": "plugin/usage",
    "connections": "plugin/usage?view=connections",
    "connection": "plugin/usage?view=connection&id=openai_demo",
    "explore": "plugin/usage?view=explore&by=day&by=connection",
    "explore by names": "plugin/usage?view=explore&by=model&by=key",
    "dag tab": "dags/usage_in_utc/plugin/usage_of_dag",
    "run tab": "dags/usage_in_utc/runs/{run}/plugin/usage_of_run",
    "home panel": "",
}
HIDDEN_COPY = """
INSERT INTO dag
SELECT (jsonb_populate_record(d, jsonb_build_object('dag_id', %s::text, 'is_paused', true, 'is_stale', true))).*
FROM dag AS d WHERE d.dag_id = 'usage_in_utc'
"""
"""The Dag of a connection that no file describes any more: Airflow lists it, and runs nothing of it."""


@pytest.fixture(scope="module")
def filled(stack: Stack) -> Iterator[Stack]:
    """The stack, with two weeks of three providers more; what its other tests left is there too."""
    stack.wait_for_runs("usage_in_utc", 1)
    now = datetime.now(UTC)
    last = now.date() - timedelta(days=1)
    engine = warehouse_engine(make_url(f"postgresql://postgres@/ledger?host={stack.folder / 'postgres'}"))
    first = last - timedelta(days=DAYS - 1)
    fill_ledger(engine, stack.folder / "raw", first, last, providers=FILLED, now=now)
    engine.dispose()
    dags = [f"usage_{name}_demo" for name in FILLED]
    for dag in dags:
        stack.query(HIDDEN_COPY, "airflow", dag)
    yield stack
    stack.query("DELETE FROM dag WHERE dag_id = ANY (%s)", "airflow", dags)


@pytest.fixture(scope="module")
def person(filled: Stack) -> Iterator[Visit]:
    """One who is logged in, before a wide window in light colours."""
    with chromium() as browser, visit(browser, filled.address, token=token_of(filled.address)) as one:
        yield one


@pytest.fixture
def at(person: Visit) -> Iterator[Visit]:
    """The same, with nothing left of what went wrong in the test before."""
    person.take()
    yield person
    person.page.unroute_all()


def opened(at: Visit, path: str) -> Visit:
    """The view at a path, light and wide, read to its end."""
    at.open(path, FRAGMENT)
    at.dress("light", WIDE)
    at.page.wait_for_function(READ)
    return at


def table_of(at: Visit) -> list[list[str]]:
    """The cells of the table that Explore shows: the exact figure where a cell has one, else its text."""
    cells = "row => [...row.cells].map(cell => (cell.title || cell.innerText).trim())"
    return list(at.page.evaluate(f"[...document.querySelectorAll('{FRAGMENT} tbody tr')].map({cells})"))


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_looks_right_in_both_themes_and_widths(at: Visit, filled: Stack, name: str) -> None:
    path = VIEWS[name]
    opened(at, path.format(run=min(filled.runs("usage_in_utc"))) if "{run}" in path else path)
    wrong = {"light": findings(at.page, FRAGMENT), "light, wide": flaws(at.page, FRAGMENT)}
    at.dress("light", NARROW)
    wrong["light, narrow"] = flaws(at.page, FRAGMENT)
    at.dress("dark", NARROW)
    wrong |= {"dark": findings(at.page, FRAGMENT), "dark, narrow": flaws(at.page, FRAGMENT)}
    at.dress("dark", WIDE)
    wrong["dark, wide"] = flaws(at.page, FRAGMENT)
    assert {where: found for where, found in wrong.items() if found} == {}
    assert at.take() == ([], [], [])
    assert not at.page.locator(f"{FRAGMENT} .ul-problem").count()


def test_the_keyboard_reaches_every_view_and_the_filters(at: Visit) -> None:
    opened(at, VIEWS["overview"])
    at.page.locator("body").press("Tab")
    tab_to(at, "a[href*='view=explore']")
    at.page.keyboard.press("Enter")
    at.page.wait_for_url("**/plugin/usage?view=explore*")
    at.page.locator("form.ul-form").wait_for()
    tab_to(at, "select[name=by]")
    tab_to(at, ".ul-filters summary")
    at.page.keyboard.press("Enter")
    tab_to(at, "input[name=model]")
    at.page.keyboard.type("no-such-model")
    at.page.keyboard.press("Enter")
    at.page.wait_for_url("**model=no-such-model*")
    at.page.get_by_text("Nothing was metered or charged").wait_for()


def tab_to(at: Visit, selector: str) -> None:
    """Press Tab until the element that has the focus is a selector's; it is seen to have it."""
    for _ in range(60):
        if at.page.evaluate("what => document.activeElement.matches(what)", f"{FRAGMENT} {selector}"):
            assert at.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none", selector
            return
        at.page.keyboard.press("Tab")
    pytest.fail(f"the keyboard does not reach {selector}")


def test_an_address_is_a_question_that_can_be_shared(at: Visit) -> None:
    opened(at, "plugin/usage?view=explore&by=provider&by=model&measure=input_tokens")
    asked = table_of(at)
    assert asked
    address = at.page.url
    at.page.locator(f"{FRAGMENT} tbody a").first.click()
    at.page.wait_for_function("before => location.href !== before", arg=address)
    at.page.locator(".ul-chips li").first.wait_for()
    narrowed = table_of(at)
    assert narrowed != asked
    shared = at.page.url.removeprefix(f"{at.address}/")
    at.page.go_back()
    at.page.locator(".ul-chips li").first.wait_for(state="detached")
    at.page.wait_for_function(READ)
    assert (at.page.url, table_of(at)) == (address, asked)
    assert table_of(opened(at, shared)) == narrowed


@pytest.mark.parametrize("question", ["colour=red", "from=2026-13-01", "by=nobody", "measure=%27%3B--"])
def test_a_wrong_question_gets_a_page_with_a_next_step(at: Visit, question: str) -> None:
    opened(at, f"plugin/usage?view=explore&{question}")
    problem = at.page.locator(f"{FRAGMENT} .ul-problem").inner_text()
    assert "What to do:" in problem
    assert "Traceback" not in problem
    assert findings(at.page, FRAGMENT) == []
    _, failures, strangers = at.take()
    assert [line.split(" ")[0] for line in failures] == ["400"]
    assert strangers == []


def test_a_server_that_does_not_answer_ends_in_a_sentence(at: Visit) -> None:
    opened(at, VIEWS["overview"])
    at.page.evaluate(
        "AbortSignal.timeout = (given => wait => given.call(AbortSignal, wait / 100))(AbortSignal.timeout)"
    )
    at.page.route("**/usage-ledger/explore*", lambda _: None)
    at.page.locator(".ul-tabs a[href*='view=explore']").click()
    at.page.get_by_text("The server did not answer within 30 seconds").wait_for()
    at.page.route("**/usage-ledger/overview*", lambda route: route.abort())
    at.page.evaluate("history.back()")
    at.page.get_by_text("The server cannot be reached").wait_for()


CHARGED = """
SELECT
    currency, basis,
    sum(amount) FILTER (WHERE usage_date >= %s),
    sum(amount) FILTER (WHERE usage_date BETWEEN %s AND %s)
FROM marts.daily_cost WHERE 'usage_' || connection_id = ANY (%s) GROUP BY currency, basis
"""
CENT = Decimal("0.01")


def test_the_figures_are_those_of_the_ledger(at: Visit, filled: Stack) -> None:
    """The overview to the cent and Explore exactly; both of the connections whose Dags the person may read."""
    last = datetime.now(UTC).date() - timedelta(days=1)
    month, first = last.replace(day=1), last - timedelta(days=29)
    dags = [dag for (dag,) in filled.query("SELECT dag_id FROM dag", "airflow")]
    charged = filled.query(CHARGED, "ledger", month, first, last, dags)
    assert len(charged) >= 2

    opened(at, VIEWS["overview"])
    shown = {}
    for part in at.page.locator(f"{FRAGMENT} .ul-card").first.locator(".ul-grid > div").all():
        title, figure = part.locator(".ul-mute").first.inner_text(), part.locator(".ul-figure").inner_text()
        shown[title] = None if figure == "–" else Decimal(figure.split(" ")[0].replace(",", ""))
    assert {title: amount for title, amount in shown.items() if amount is not None} == {
        f"{currency}, {basis}": amount.quantize(CENT, ROUND_HALF_EVEN)
        for currency, basis, amount, _ in charged
        if amount is not None
    }

    opened(at, f"plugin/usage?view=explore&by=connection&from={first}&to={last}")
    heads = at.page.locator(f"{FRAGMENT} thead th").all_inner_texts()
    table = table_of(at)
    sums: dict[str, Decimal] = {}
    for currency, _, _, amount in charged:
        sums[currency] = sums.get(currency, Decimal(0)) + (amount or 0)
    for currency, amount in sums.items():
        place = heads.index(f"Cost, {currency}")
        assert sum(Decimal(line[place]) for line in table if line[place] not in ("", "–")) == amount, currency
