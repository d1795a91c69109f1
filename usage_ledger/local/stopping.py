"""Ends a command soon, and with one line, when the system asks it to: SIGTERM. Ctrl-C gets the same line."""

import os
import signal
import sys
import threading
import time
from types import FrameType
from typing import NoReturn

GRACE = 2.0
"""Seconds in which a command that was asked to end may still tidy up."""
INTERRUPTED = 128 + signal.SIGINT
"""The exit code of a command that Ctrl-C stopped."""
MESSAGE = "usage-ledger: stopped by {}; what was not committed is rolled back: run it again.\n"
_said = threading.Event()


def end_on_sigterm() -> None:
    """From now on SIGTERM ends this process with code 143, as it would have, but tidied up and with a word.

    Python calls a handler between instructions of its own, not while a driver waits for the warehouse. Then a thread,
    which is told through a pipe, ends the process after `GRACE`; the warehouse rolls back by itself.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    signal.signal(signal.SIGTERM, _stop)
    threading.Thread(target=_watch, args=(reading,), daemon=True).start()


def _stop(_number: int, _frame: FrameType | None) -> NoReturn:
    say_stopped("SIGTERM")
    raise SystemExit(128 + signal.SIGTERM)


def _watch(reading: int) -> None:
    while os.read(reading, 1) != bytes([signal.SIGTERM]):
        pass
    time.sleep(GRACE)
    say_stopped("SIGTERM")
    os._exit(128 + signal.SIGTERM)


def say_stopped(by: str) -> None:
    """Say once, on standard error, what stopped the command, and that nothing is half done."""
    if not _said.is_set():
        _said.set()
        os.write(sys.stderr.fileno(), MESSAGE.format(by).encode())
