"""What the local stack started is stopped whole, also when its first process was killed; nothing else is."""

import time
from pathlib import Path

import psutil
import pytest

from usage_ledger.local import processes

PARENT = ["bash", "-c", "sleep 300 & sleep 301"]


@pytest.mark.parametrize("killed", [False, True])
def test_a_process_is_stopped_with_all_that_it_began(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed: bool
) -> None:
    monkeypatch.setenv("USAGE_LEDGER_LOCAL", str(tmp_path))
    assert processes.start("mine", PARENT)
    assert not processes.start("mine", PARENT)
    mine = processes.recorded("mine")
    assert mine is not None
    leader = mine.alive()
    assert leader is not None
    deadline = time.monotonic() + 10
    while len(leader.children()) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    began = [leader, *leader.children()]
    if killed:
        leader.kill()
        leader.wait(5)
    assert processes.stop(["mine"], seconds=5) == ["mine"]
    assert [one for one in began if one.is_running() and one.status() != psutil.STATUS_ZOMBIE] == []
    assert processes.stop(["mine"]) == []
