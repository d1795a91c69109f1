"""Writes a provider from the templates: `make new-provider NAME=acme TITLE="Acme AI"`, all of it to be changed."""

import re
import subprocess
import sys
from pathlib import Path
from string import Template

ROOT = Path(__file__).resolve().parents[1]
TEMPLATES = Path(__file__).resolve().parent / "provider"


LISTED = (
    ("usage_ledger/providers/__init__.py", r"\n\nPROVIDERS", "\nfrom usage_ledger.providers.$name import $NAME"),
    ("usage_ledger/providers/__init__.py", r",?\s*\)\n\}", ", $NAME"),
    (
        "usage_ledger/sandbox/accounts.py",
        r"\n\n\nclass StandIn",
        "\nfrom usage_ledger.sandbox.$name import ${Name}Truth, ${name}_router",
    ),
    ("usage_ledger/sandbox/accounts.py", r"\}\n", '    "$name": StandIn(${Name}Truth, ${name}_router),\n'),
    ("docs/reliability.md", r"\n\nA prediction counts on", "\n| $title | to be written | to be written |"),
    ("docs/query.md", r"\n\n## Columns of the marts", "\n| $title | to be written | to be written | to be written |"),
)
"""Files, the text before which a line is written, and the line."""


def main(name: str, title: str = "") -> None:
    """Write the files of a provider, list it where providers are listed, and say what was done and what is next."""
    if not re.fullmatch(r"[a-z](_?[a-z0-9]){1,30}", name):
        raise SystemExit(f"{name!r} is not a name for a provider: use lower-case letters, digits, underscores between")
    parts = [part.capitalize() for part in name.split("_")]
    words = {"name": name, "Name": "".join(parts), "NAME": name.upper(), "title": title or " ".join(parts)}
    files = {
        f"usage_ledger/providers/{name}.py": "provider.py.txt",
        f"usage_ledger/sandbox/{name}.py": "stand_in.py.txt",
        f"tests/providers/test_{name}.py": "test.py.txt",
        f"tests/fixtures/{name}_usage.json": "usage.json.txt",
        f"tests/fixtures/{name}_cost.json": "cost.json.txt",
    }
    known = [path for path in files if (ROOT / path).exists()]
    if known:
        raise SystemExit(f"{known[0]} is there already")
    before = contents()
    for path, template in files.items():
        text = Template((TEMPLATES / template).read_text(encoding="utf-8")).substitute(words)
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_text(text, encoding="utf-8")
    for path, marker, line in LISTED:
        insert(ROOT / path, marker, Template(line).substitute(words))
    subprocess.run(  # noqa: S603  our own program
        [sys.executable, str(ROOT / "tests" / "kit" / "documentation.py")], check=True
    )
    tell(before, name)


def contents() -> dict[str, str]:
    """The files that may change, by path."""
    kinds = ("README.md", "docs/**/*.md", "usage_ledger/**/*.py", "tests/**/*.py", "tests/fixtures/*.json")
    paths = [path for kind in kinds for path in ROOT.glob(kind)]
    return {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in sorted(paths)}


def tell(before: dict[str, str], name: str) -> None:
    """Print every file that was written or changed, the next commands, and how to take it back."""
    after = contents()
    written = [path for path in after if path not in before]
    changed = [path for path in after if path in before and after[path] != before[path]]
    lines = [*(f"wrote {path}" for path in written), *(f"changed {path}" for path in changed)]
    lines += [
        f"next: .venv/bin/python -m pytest -q tests/providers -k {name}",
        f"then: change usage_ledger/providers/{name}.py to what the provider documents: CONTRIBUTING.md, 2 to 6",
        f"undo: rm {' '.join(written)}; git restore {' '.join(changed)}",
    ]
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def insert(path: Path, before: str, text: str) -> None:
    """Write before the first place of a pattern."""
    whole = path.read_text(encoding="utf-8")
    found = re.search(before, whole)
    if found is None:
        raise SystemExit(f"{path.relative_to(ROOT)} has no place for it: nothing there matches {before!r}")
    path.write_text(whole[: found.start()] + text + whole[found.start() :], encoding="utf-8")


if __name__ == "__main__":
    main(*(sys.argv[1:] or [""]))
