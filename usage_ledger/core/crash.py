"""Ends this process at a chosen place, so that a test can prove what a crash there leaves behind.

`CRASH_AT=load:7` kills the process at the seventh point of the step load that it passes, as a power cut would: with
SIGKILL, so that nothing is tidied up. Without that variable a point is one look-up.
"""

import os
import re
import signal
from typing import IO, Any

from usage_ledger.core.errors import ConfigError

VARIABLE = "CRASH_AT"
STEPS = ("extract", "transform", "validate", "load", "ask", "write")
"""The four steps, and what happens below them: a request to a provider, a file written to local storage."""

_form = re.compile(r"([a-z]+):([1-9][0-9]{0,8})")
_passed: dict[str, int] = {}


def point(step: str) -> None:
    """A place where the process may be told to die. Raises `ConfigError` for a CRASH_AT that means nothing."""
    setting = os.environ.get(VARIABLE)
    if setting is not None:
        _pass(step, setting)


def within(step: str, file: IO[bytes]) -> Any:
    """The file itself; where a crash is asked for, one with a point before each part that is read."""
    return file if os.environ.get(VARIABLE) is None else _Parts(step, file)


class _Parts:
    def __init__(self, step: str, file: IO[bytes]) -> None:
        self._step, self._file = step, file

    def read(self, size: int = -1) -> bytes:
        point(self._step)
        return self._file.read(size)


def _pass(step: str, setting: str) -> None:
    match = _form.fullmatch(setting)
    if not match or match[1] not in STEPS:
        raise ConfigError(
            f"{VARIABLE} is {setting[:40]!r}, which is no point of a step",
            next_step=f"leave it unset, or say <step>:<n> with one of {', '.join(STEPS)} and n from 1",
        )
    _passed[step] = _passed.get(step, 0) + 1
    if step == match[1] and _passed[step] == int(match[2]):
        os.kill(os.getpid(), signal.SIGKILL)
