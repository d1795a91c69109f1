"""What Compose does by `restart: unless-stopped`: it starts again what ended, each time after a longer pause.

It hides an end that nothing explains; so only what `allow` names may end, and not again and again.
"""

import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from machine import Machine

PAUSE = 0.1
"""Seconds before a program's first restart, as Docker has it; each later one waits twice as long."""
MOST = 3
"""Restarts of one program; with one more it cannot live."""
_reason = re.compile(r"^\W*(?:\w+\.)*\w+(?:Error|Exception): .*$", re.MULTILINE)


class Restart(NamedTuple):
    """A program that ended by itself and was started again; why is its last exception."""

    at: datetime
    machine: str
    program: str
    reason: str


class Restarts:
    """All restarts of a run, and what may end now."""

    def __init__(self) -> None:
        self.all: list[Restart] = []
        self._setting, self._error, self._until = "", "", 0.0

    def allow(self, setting: str, error: str, seconds: float) -> None:
        """Let the programs that have a setting end with an error, for so long."""
        self._setting, self._error, self._until = setting, error, time.monotonic() + seconds

    def start_ended(self, machines: Mapping[str, Machine]) -> None:
        """Start what ended by itself. Fails the test when nothing explains the end, or it comes too often."""
        for place, machine in machines.items():
            for program in machine.ended():
                said = machine.said(program)
                reason = (_reason.findall(said) or ["it named no exception"])[-1].strip()
                earlier = sum(one.machine == place for one in self.all)
                what = f"{program} of {place} ended by itself: {reason}\n{said[-4000:]}"
                assert self._explains(machine, reason), what
                assert earlier < MOST, f"again and again, {earlier} times before, {what}"
                self.all.append(Restart(datetime.now(UTC), place, program, reason))
                time.sleep(PAUSE * 2**earlier)
                machine.start_again()

    def _explains(self, machine: Machine, reason: str) -> bool:
        return time.monotonic() < self._until and self._setting in machine.environment and self._error in reason
