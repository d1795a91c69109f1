"""Prints every locked package with its licence, as a Markdown table: `make licences`.

The packages' own metadata say it. Exits 1 where a licence is not among those that are known below.
"""

import re
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

LOCK = Path(__file__).resolve().parents[1] / "requirements.lock"
PERMISSIVE = re.compile(
    r"MIT|MIT-0|MIT No Attribution|BSD|0BSD|ISC|Apache|PSF|Python Software Foundation|CNRI-Python|Zlib|CC0|Unlicense"
)
COPYLEFT = {
    "MPL": "changes to its own files must be published",
    "LGPL": "may be used by a program under another licence; changes to it must be published",
    "Lesser General Public": "may be used by a program under another licence; changes to it must be published",
    "Artistic": "of the licences that it offers, the Artistic one",
    "GPL": "a program that includes it must be under the GPL",
}
"""What a licence asks for beyond a notice, the mildest first."""
OF_SOURCE = {"openlineage-sql": "Apache-2.0"}
"""Of packages whose metadata say nothing: the licence of the repository that they are built from."""


def locked(text: str) -> Iterator[tuple[str, str]]:
    """Name and version of each package of a lock file."""
    return (found.groups() for found in re.finditer(r"(?m)^([A-Za-z0-9][\w.-]*)==([^\s\\;]+)", text))  # type: ignore[misc]


def licence_of(package: Distribution) -> str:
    """What a package says of itself: the expression, else the classifiers, else the first line of the field."""
    metadata = package.metadata
    classifiers = [one.split(" :: ")[-1] for one in metadata.get_all("Classifier") or [] if one.startswith("License")]
    field = (metadata.get("License") or "").strip().splitlines()
    return (
        metadata.get("License-Expression")
        or "; ".join(sorted(one for one in classifiers if one != "OSI Approved"))
        or (field[0] if field else "")
    )


def remark(licence: str) -> str | None:
    """What a licence asks for: nothing beyond a notice, or what is copyleft in it; None where it is not known."""
    for name, consequence in COPYLEFT.items():
        if name in licence:
            return consequence
    return "" if PERMISSIVE.search(licence) else None


def rows(text: str) -> Iterator[tuple[str, str, str, str | None]]:
    """Name, version, licence and remark of each locked package; one for another platform or Python is not installed."""
    for name, version in locked(text):
        try:
            licence = licence_of(distribution(name)) or OF_SOURCE.get(name, "")
        except PackageNotFoundError:
            yield name, version, "", "not installed here: for another platform or Python"
        else:
            yield name, version, licence, remark(licence)


def main() -> int:
    listed = list(rows(LOCK.read_text(encoding="utf-8")))
    sys.stdout.write("| Package | Version | Licence | Asks for, beyond a notice |\n| --- | --- | --- | --- |\n")
    for name, version, licence, asks in listed:
        sys.stdout.write(f"| {name} | {version} | {licence} | {'**not known**' if asks is None else asks} |\n")
    unknown = [name for name, _, _, asks in listed if asks is None]
    if unknown:
        sys.stderr.write(f"the licence of {', '.join(unknown)} is not known: read it, and add it to .ci/licences.py\n")
    return bool(unknown)


if __name__ == "__main__":
    sys.exit(main())
