"""Writes a provider from the templates: `make new-provider NAME=acme`. Everything it writes is meant to be changed."""

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


def main(name: str) -> None:
    """Write the files of a provider and list it where providers are listed."""
    if not re.fullmatch(r"[a-z][a-z0-9]{1,30}", name):
        raise SystemExit(f"{name!r} is not a name for a provider: use lower-case letters and digits")
    words = {"name": name, "Name": name.capitalize(), "NAME": name.upper(), "title": name.capitalize()}
    files = {
        f"usage_ledger/providers/{name}.py": "provider.py.txt",
        f"usage_ledger/sandbox/{name}.py": "stand_in.py.txt",
        f"tests/providers/test_{name}.py": "test.py.txt",
        f"tests/fixtures/{name}_usage.json": "usage.json.txt",
    }
    known = [path for path in files if (ROOT / path).exists()]
    if known:
        raise SystemExit(f"{known[0]} is there already")
    for path, template in files.items():
        text = Template((TEMPLATES / template).read_text(encoding="utf-8")).substitute(words)
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_text(text, encoding="utf-8")
    for path, marker, line in LISTED:
        insert(ROOT / path, marker, Template(line).substitute(words))
    subprocess.run(  # noqa: S603  our own program
        [sys.executable, str(ROOT / "tests" / "kit" / "documentation.py")], check=True
    )
    sys.stdout.write("".join(f"wrote {path}\n" for path in files))


def insert(path: Path, before: str, text: str) -> None:
    """Write before the first place of a pattern."""
    whole = path.read_text(encoding="utf-8")
    found = re.search(before, whole)
    if found is None:
        raise SystemExit(f"{path.relative_to(ROOT)} has no place for it: nothing there matches {before!r}")
    path.write_text(whole[: found.start()] + text + whole[found.start() :], encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) == 2 else "")
