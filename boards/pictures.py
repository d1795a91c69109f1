"""Photographs boards with Chromium, and reads what it shows."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from instance import USER, Instance
from playwright.sync_api import Error, Page, Response, sync_playwright

from usage_ledger.core.errors import ConfigError

WIDTH, HEIGHT = 1600, 4000
"""Superset draws the charts that are in sight: in a window so high, all of them."""
PATIENCE = 300_000
"""Milliseconds until all charts of a board are drawn, also on a busy machine."""
BUSY = '[data-test="loading-indicator"], .loading, .ant-spin-spinning'
BROKEN = '[data-test="error-alert"], .ant-alert-error, [role="alert"].error'
TITLE = '[data-test="editable-title"], .header-title'
PARTS = ".dashboard-component-chart-holder, .dashboard-markdown"
HEIGHT_OF_BOARD = f"""() => 24 + Math.max(...[...document.querySelectorAll({PARTS!r})].map(
    (part) => Math.ceil(part.getBoundingClientRect().bottom)))"""


def chromium() -> str:
    """The browser's program. Raises `ConfigError`."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    raise ConfigError(
        "there is no Chromium", next_step="install it (Debian: apt-get install chromium), or add --no-pictures"
    )


@contextlib.contextmanager
def window(instance: Instance) -> Iterator[Page]:
    """A page in which Superset's administrator is logged in."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        try:
            page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, timezone_id="UTC")
            page.set_default_timeout(PATIENCE)
            page.goto(f"{instance.address}/login/", wait_until="domcontentloaded")
            page.fill("#username", USER)
            page.fill("#password", instance.password)
            page.press("#password", "Enter")
            page.wait_for_url(lambda url: "/login" not in url, wait_until="commit")
            yield page
        except Error as error:
            raise ConfigError(f"a board was not drawn in time: {str(error)[:300]}") from None
        finally:
            browser.close()


def photograph(page: Page, instance: Instance, slug: str, path: Path) -> dict[str, str]:
    """Save the picture of a board; the texts of its numbers, by title. Raises `ConfigError` for a broken chart."""
    faults: list[str] = []

    def note(response: Response) -> None:
        if "/api/v1/chart/data" in response.url and not response.ok:
            faults.append(f"a chart was refused ({response.status}: {response.text()[:200]})")

    page.on("response", note)
    page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    page.goto(f"{instance.address}/superset/dashboard/{slug}/", wait_until="domcontentloaded")
    page.wait_for_selector(PARTS)
    for _ in range(3):  # the filter of currencies chooses its first value, and charts are asked again
        page.wait_for_timeout(1500)
        page.wait_for_function(f"() => document.querySelectorAll({BUSY!r}).length === 0")
    page.set_viewport_size({"width": WIDTH, "height": page.evaluate(HEIGHT_OF_BOARD)})
    page.wait_for_timeout(1500)
    page.wait_for_function(f"() => document.querySelectorAll({BUSY!r}).length === 0")
    path.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=str(path))
    page.remove_listener("response", note)
    faults += [alert.inner_text()[:200] for alert in page.query_selector_all(BROKEN)]
    if faults:
        raise ConfigError(f"board {slug} is broken: {faults[0]}", next_step=f"see {path}")
    return {
        holder.query_selector(TITLE).inner_text(): number.inner_text()
        for holder in page.query_selector_all(PARTS)
        if (number := holder.query_selector(".header-line"))
    }
