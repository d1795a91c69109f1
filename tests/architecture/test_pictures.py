"""The pictures of the documentation are those that `make screenshots` takes, and each is shown somewhere."""

import re
from pathlib import Path

import screenshots

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "docs" / "pictures"
SHOWN = re.compile(r"!\[[^\]]+\]\(([^)\s]+)\)|\b(?:src|srcset)=\"([^\"]+)\"")
MOST_BYTES = 400_000
PNG = b"\x89PNG\r\n\x1a\n"


def shown(page: Path) -> set[Path]:
    """The pictures of a page, also those of its other theme."""
    return {
        (page.parent / (link or other)).resolve() for link, other in SHOWN.findall(page.read_text(encoding="utf-8"))
    }


def test_the_readme_shows_the_page_and_a_board() -> None:
    assert {path.name for path in shown(ROOT / "README.md")} >= {"overview.png", screenshots.BOARD}


def test_every_picture_is_taken_by_the_command_and_shown_in_a_page() -> None:
    taken = {*(f"{name}.png" for name in screenshots.TAKEN), screenshots.BOARD}
    assert {path.name for path in PICTURES.iterdir()} == taken
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    pictures = {path for page in pages for path in shown(page)}
    assert {path for path in PICTURES.iterdir() if path not in pictures} == set()
    assert {path for path in pictures if not path.is_file()} == set()


def test_a_picture_is_small_and_is_one() -> None:
    for path in PICTURES.iterdir():
        assert path.read_bytes().startswith(PNG), path.name
        assert path.stat().st_size <= MOST_BYTES, path.name
