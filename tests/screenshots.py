"""The pictures of the documentation, taken from the demo that runs: `make demo`, then `make screenshots`."""

import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import httpx
from kit.browser import CHROMIUM, Theme, Visit, chromium, token_of, visit

from usage_ledger.core.project import ROOT
from usage_ledger.local import stack
from usage_ledger.local.accounts import connection_of
from usage_ledger.local.settings import program

PICTURES = ROOT / "docs" / "pictures"
READ = "!document.querySelector('.ul-wait, [aria-busy=true]')"
BOARDS = ROOT / ".venv-boards" / "bin" / "python"
BOARD = "board-spend.png"


@dataclass(frozen=True)
class Picture:
    """A page of Airflow, and what must be visible on it before the picture is taken."""

    path: str
    shows: str
    height: int
    theme: Theme = "light"
    width: int = 1280


CONNECTION = connection_of("openai")
BACKFILLED = f"usage_{connection_of('fireworks')}"
TAKEN = {
    "overview": Picture("plugin/usage", ".ul-root .ul-chart", 1000),
    "overview-dark": Picture("plugin/usage", ".ul-root .ul-chart", 1000, "dark"),
    "connection": Picture(f"plugin/usage?view=connection&id={CONNECTION}", ".ul-root table", 1200),
    "explore": Picture("plugin/usage?view=explore&by=model&by=key", ".ul-root table", 1000),
    "dag-grid": Picture(f"dags/{BACKFILLED}", f"a[href*='/dags/{BACKFILLED}/runs/']", 720, width=1760),
}


def main() -> int:
    """Take every picture that can be taken here, and say of the others why not."""
    address = stack.address()
    if not _runs(address):
        sys.stderr.write(f"screenshots: no demo runs at {address}: run `make demo`, then this again\n")
        return 1
    if not CHROMIUM.exists():
        sys.stderr.write(f"screenshots: {CHROMIUM} is not here: install Debian's chromium, or set CHROMIUM\n")
        return 1
    PICTURES.mkdir(exist_ok=True)
    token = token_of(address)
    with chromium() as browser:
        for name, picture in TAKEN.items():
            size = {"width": picture.width, "height": picture.height}
            with visit(browser, address, token=token, theme=picture.theme, **size) as person:
                _take(person, picture, PICTURES / f"{name}.png")
    _take_board()
    return 0


def _runs(address: str) -> bool:
    try:
        return httpx.get(f"{address}/api/v2/monitor/health", trust_env=False, timeout=60).is_success
    except httpx.TransportError:
        return False


def _take(person: Visit, picture: Picture, path: Path) -> None:
    person.open(picture.path, picture.shows)
    person.page.wait_for_function(READ)
    person.page.wait_for_load_state("networkidle")
    person.page.mouse.move(0, 0)
    person.page.wait_for_timeout(1000)  # what moves has come to rest
    person.page.screenshot(path=path, animations="disabled")
    sys.stdout.write(f"  {path.relative_to(ROOT)}: {path.stat().st_size // 1000} kB\n")


def _take_board() -> None:
    """The board comes from a Superset of its own, which starts for minutes."""
    if not BOARDS.exists():
        sys.stdout.write(f"  {BOARD} is left as it is: `make boards` makes the environment of Superset\n")
        return
    with tempfile.TemporaryDirectory() as folder:
        command = [program("python"), str(ROOT / "boards" / "render.py"), "--to", folder]
        subprocess.run(command, check=True)
        shutil.copyfile(Path(folder, BOARD), PICTURES / BOARD)


if __name__ == "__main__":
    sys.exit(main())
