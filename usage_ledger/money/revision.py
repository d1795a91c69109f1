"""The Git revision of a file that people write: who changed a budget or an owner is in its history."""

import shutil
import subprocess
from pathlib import Path


def source_commit(path: Path) -> str:
    """The commit that wrote the file last, with `+` while it differs from it; '' where there is no Git to ask."""
    git = shutil.which("git")
    if git is None or not path.is_file():
        return ""
    commit = _answer(git, path, "log", "-1", "--format=%H")
    return commit + ("+" if commit and _answer(git, path, "status", "--porcelain") else "")


def _answer(git: str, path: Path, *words: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603  our own words
            [git, "-C", str(path.parent), *words, "--", path.name],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
