"""A program that ended is started again where a loss explains it, and there alone."""

from pathlib import Path

import pytest
from machine import Machine, wait_until
from restarts import MOST, Restarts

ENDS = ["sh", "-c", "echo 'redis.exceptions.ConnectionError: gone'; exit 1"]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine whose one program ends at once."""
    machine = Machine(tmp_path / "machine", {"QUEUE": "redis"}, {})
    machine.start("scheduler", ENDS)
    return machine


def watch_an_end(restarts: Restarts, machine: Machine) -> None:
    wait_until(lambda: bool(machine.ended()), "the program to end", 60, every=0.05)
    restarts.start_ended({"scheduler-1": machine})


@pytest.mark.parametrize(
    ("setting", "error", "seconds"),
    [("QUEUE", "ConnectionError", 0), ("OTHER", "ConnectionError", 60), ("QUEUE", "MemoryError", 60)],
)
def test_an_end_that_no_loss_explains_fails(machine: Machine, setting: str, error: str, seconds: float) -> None:
    restarts = Restarts()
    restarts.allow(setting, error, seconds)
    with pytest.raises(AssertionError, match="scheduler of scheduler-1 ended by itself"):
        watch_an_end(restarts, machine)


def test_a_program_that_ends_again_and_again_fails(machine: Machine) -> None:
    restarts = Restarts()
    restarts.allow("QUEUE", "ConnectionError", 600)
    for _ in range(MOST):
        watch_an_end(restarts, machine)
    assert [(one.machine, one.program) for one in restarts.all] == [("scheduler-1", "scheduler")] * MOST
    with pytest.raises(AssertionError, match="again and again"):
        watch_an_end(restarts, machine)
    assert machine.log("scheduler").read_text().count("gone") == MOST + 1
