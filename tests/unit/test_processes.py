"""What the local stack started is stopped whole, also when its first process was killed; nothing else is."""

import time
from pathlib import Path

import psutil
import pytest

from usage_ledger.local import processes

PARENT = ["bash", "-c", "sleep 300 & sleep 301"]


def started() -> list[psutil.Process]:
    """Starts a process with two children; the three, once they are there."""
    assert processes.start("mine", PARENT)
    mine = processes.recorded("mine")
    assert mine is not None
    leader = mine.alive()
    assert leader is not None
    deadline = time.monotonic() + 10
    while len(leader.children()) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    return [leader, *leader.children()]


def running(several: list[psutil.Process]) -> list[psutil.Process]:
    return [one for one in several if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.parametrize("killed", [False, True])
def test_a_process_is_stopped_with_all_that_it_began(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed: bool
) -> None:
    monkeypatch.setenv("USAGE_LEDGER_LOCAL", str(tmp_path))
    began = started()
    assert not processes.start("mine", PARENT)
    if killed:
        began[0].kill()
        began[0].wait(5)
    assert processes.stop(["mine"], seconds=5) == ["mine"]
    assert running(began) == []
    assert processes.stop(["mine"]) == []


def test_what_a_killed_process_left_is_ended_before_it_is_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("USAGE_LEDGER_LOCAL", str(tmp_path))
    before = started()
    before[0].kill()
    before[0].wait(5)
    assert len(running(before)) == 2
    after = started()
    assert (running(before), len(running(after))) == ([], 3)
    processes.stop(["mine"], seconds=5)
