"""The kit of the browser tests notices what it is there for: each page here is wrong in one way."""

from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from kit.browser import Visit, chromium, findings, flaws, visit
from playwright.sync_api import Browser

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A page</title>
<link rel="icon" href="data:,"></head><body style="margin: 0">{}</body></html>"""
Show = Callable[[str], Visit]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def show(browser: Browser) -> Iterator[Show]:
    """Opens a page of this body."""
    body = [""]

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.path == "/"
            self.send_response(200 if known else 404)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(PAGE.format(body[0]).encode() if known else b"")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        with visit(browser, f"http://127.0.0.1:{server.server_port}", token="none") as one:

            def opened(html: str) -> Visit:
                body[0] = f'<main id="all" style="min-height: 9px">{html}</main>'
                one.open("", "#all")
                one.page.wait_for_load_state("networkidle")
                return one

            yield opened
    finally:
        server.shutdown()
        server.server_close()


GOOD = '<h1>Usage</h1><p style="width: 300px">Some words.</p><a href="#all">a link</a>'


def test_a_good_page_has_no_flaw(show: Show) -> None:
    one = show(GOOD)
    assert one.take() == ([], [], [])
    assert flaws(one.page, "#all") == []
    assert findings(one.page, "#all") == []


@pytest.mark.parametrize(
    ("html", "flaw"),
    [
        ('<p style="width: 2000px">wide</p>', "the page is 2000 wide"),
        ('<p style="width: 40px; overflow: hidden; white-space: nowrap">a long label</p>', "cut by"),
        ('<svg width="40" height="20"><text x="0" y="15">a long label</text></svg>', "cut by"),
        ('<p>below</p><p style="margin-top: -32px">above</p>', 'lies over "'),
        ("<svg><text y='20'>one label</text><text x='9' y='22'>another</text></svg>", 'lies over "'),
    ],
)
def test_a_flaw_is_noticed(show: Show, html: str, flaw: str) -> None:
    found = flaws(show(html).page, "#all")
    assert [one for one in found if flaw in one], found


@pytest.mark.parametrize(
    "html",
    [
        '<div style="width: 90px; overflow-x: auto"><p style="width: 900px">a table that scrolls</p></div>',
        '<p style="position: absolute; width: 1px; height: 1px; overflow: hidden">for readers of the screen</p>',
        "<p>one line<br>and another <b>in bold</b> letters</p>",
    ],
)
def test_what_is_meant_is_no_flaw(show: Show, html: str) -> None:
    assert flaws(show(html).page, "#all") == []


def test_pale_letters_and_a_field_without_a_label_are_found(show: Show) -> None:
    found = findings(show('<p style="color: #ccc">pale</p><input>').page, "#all")
    assert sorted(one.split(" ")[0] for one in found) == ["color-contrast", "label"]


def test_errors_failures_and_strangers_are_collected(show: Show) -> None:
    one = show('<script>console.error("bad"); throw Error("worse")</script><img alt="" src="http://192.0.2.1/a.png">')
    one.page.evaluate("fetch('/missing')")
    errors, failures, strangers = one.take()
    assert [text for text in errors if text in ("bad", "worse")] == ["bad", "worse"]
    assert strangers == ["http://192.0.2.1/a.png"]
    assert sorted(line.split(" ")[0] for line in failures) == ["404", "net::ERR_PROXY_CONNECTION_FAILED"]


def test_the_theme_is_airflows(show: Show) -> None:
    script = """<script>
        const dress = theme => { document.documentElement.className = theme }
        dress(localStorage.theme)
        addEventListener("storage", event => dress(event.newValue))
    </script>"""
    one = show(script)
    assert one.page.evaluate("document.documentElement.className") == "light"
    one.dress("dark", 768)
    assert one.page.evaluate("[document.documentElement.className, innerWidth]") == ["dark", 768]
