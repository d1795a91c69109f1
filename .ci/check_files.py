"""Refuses files that must not enter the history: those with a private key in them, and those of over 2 MB."""

import re
import sys
from collections.abc import Iterable
from pathlib import Path

LARGEST = 2_000_000
PRIVATE_KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\r?\n")


def refusals(paths: Iterable[Path]) -> list[str]:
    """A sentence for each file that must not be committed."""
    sentences = []
    for path in paths:
        content = path.read_bytes()
        if len(content) > LARGEST:
            sentences.append(f"{path} has {len(content):,} bytes; at most {LARGEST:,} may be committed")
        if PRIVATE_KEY.search(content):
            sentences.append(f"{path} has a private key in it: take it out, and replace the key if it was ever in use")
    return sentences


if __name__ == "__main__":
    found = refusals(Path(name) for name in sys.argv[1:])
    sys.stderr.writelines(f"{sentence}\n" for sentence in found)
    sys.exit(bool(found))
