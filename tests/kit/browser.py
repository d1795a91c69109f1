"""Debian's Chromium, headless, at the pages of a local stack; it reaches this machine alone."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from usage_ledger.core.project import ROOT

CHROMIUM = Path(os.environ.get("CHROMIUM") or "/usr/bin/chromium")
SCRIPTS = ROOT / "tests" / "browser"
AXE = SCRIPTS / "node_modules" / "axe-core" / "axe.min.js"
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars"),
    # What is not on this machine goes to a proxy that does not exist.
    *("--proxy-server=http://127.0.0.1:9", "--proxy-bypass-list=127.0.0.1;localhost;[::1]"),
)
LOOPBACK = ("127.0.0.1", "localhost", "::1")
Theme = Literal["light", "dark"]
WIDE, NARROW = 1280, 768
PATIENCE = 90_000
"""Milliseconds in which a page must show what it is asked for, also on a busy machine."""


@dataclass
class Visit:
    """A page of a person who is logged in, and what went wrong on it."""

    page: Page
    address: str
    errors: list[str] = field(default_factory=list)
    """Console errors and exceptions of scripts."""
    failures: list[str] = field(default_factory=list)
    """Requests that failed, and answers of 400 and above."""
    strangers: list[str] = field(default_factory=list)
    """Requests that would have left this machine."""

    def open(self, path: str, shows: str) -> None:
        """Go to a path of Airflow, such as `plugin/usage`, and wait until a selector is visible."""
        self.page.goto(f"{self.address}/{path}", wait_until="domcontentloaded")
        self.page.locator(shows).first.wait_for()

    def dress(self, theme: Theme, width: int) -> None:
        """Another theme and width of the page that is open, as the switch in the side bar and the window do it."""
        self.page.set_viewport_size({"width": width, "height": 900})
        self.page.evaluate(
            """theme => {
                localStorage.setItem("theme", theme)
                window.dispatchEvent(new StorageEvent("storage", {key: "theme", newValue: theme}))
            }""",
            theme,
        )
        self.page.wait_for_function("theme => document.documentElement.classList.contains(theme)", arg=theme)

    def take(self) -> tuple[list[str], list[str], list[str]]:
        """Errors, failures and strangers since the last call."""
        lists = (self.errors[:], self.failures[:], self.strangers[:])
        for one in (self.errors, self.failures, self.strangers):
            one.clear()
        return lists


@contextmanager
def chromium() -> Iterator[Browser]:
    """A running Chromium. Skips the test, with the reason, where there is none."""
    if not os.access(CHROMIUM, os.X_OK):
        pytest.skip(f"{CHROMIUM} is not here: `apt-get install chromium`, or set CHROMIUM to its path")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def visit(
    browser: Browser, address: str, *, token: str, theme: Theme = "light", width: int = WIDE, height: int = 900
) -> Iterator[Visit]:
    """A fresh profile at a stack's address, logged in by a token of its `/auth/token`."""
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=theme, locale="en-GB")
    context.set_default_timeout(PATIENCE)
    context.add_init_script(f"localStorage.getItem('theme') ?? localStorage.setItem('theme', '{theme}')")
    context.add_cookies([{"name": "_token", "value": token, "url": address, "httpOnly": True, "sameSite": "Lax"}])
    try:
        yield watch(context, context.new_page(), address)
    finally:
        context.close()


def token_of(address: str, name: str = "admin") -> str:
    """What Airflow gives a person of the local stack who logs in, whose password is the name."""
    login = {"username": name, "password": name}
    answer = httpx.post(f"{address}/auth/token", json=login, trust_env=False, timeout=PATIENCE / 1000)
    return str(answer.raise_for_status().json()["access_token"])


def watch(context: BrowserContext, page: Page, address: str) -> Visit:
    """Collect what goes wrong on a page from now on."""
    one = Visit(page, address)

    def request(sent: Any) -> None:
        parts = urlsplit(sent.url)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.hostname not in LOOPBACK:
            one.strangers.append(sent.url)

    def response(answer: Any) -> None:
        if answer.status >= 400:
            one.failures.append(f"{answer.status} {answer.request.method} {answer.url}")

    def failed(sent: Any) -> None:
        # What the page itself no longer wants, such as a poll of the page before, is no failure.
        if sent.failure != "net::ERR_ABORTED":
            one.failures.append(f"{sent.failure} {sent.method} {sent.url}")

    page.on("console", lambda message: message.type == "error" and one.errors.append(message.text))
    page.on("pageerror", lambda error: one.errors.append(str(error)))
    page.on("request", request)
    page.on("response", response)
    page.on("requestfailed", failed)
    return one


def require_axe() -> str:
    """The checker of accessibility. Skips the test, with the reason, where it is not installed."""
    if not AXE.exists():
        pytest.skip("axe-core is not installed: `make axe` installs it (Node.js and npm are needed)")
    return AXE.read_text(encoding="utf-8")


def findings(page: Page, within: str) -> list[str]:
    """What axe-core finds serious or critical within a selector: rule, impact, and where."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(require_axe())
    answer = page.evaluate("within => axe.run(within, {resultTypes: ['violations']})", within)
    return [
        f"{one['id']} ({one['impact']}): {node['html'][:160]} {(node.get('any') or [{}])[0].get('message', '')}"
        for one in answer["violations"]
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


def flaws(page: Page, within: str) -> list[str]:
    """What a person would see as wrong within a selector: too wide, cut, or one text over another."""
    return [str(one) for one in page.evaluate((SCRIPTS / "looks.js").read_text(encoding="utf-8"), within)]
