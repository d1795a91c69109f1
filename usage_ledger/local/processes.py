"""Starts the stack's processes, remembers exactly which ones they are, and stops those and no others."""

import contextlib
import json
import os
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psutil

from usage_ledger.core.errors import ConfigError
from usage_ledger.core.project import local_folder
from usage_ledger.local.settings import stack_environment


@dataclass(frozen=True, slots=True)
class Process:
    """One of the stack's processes, known by pid and start time: a pid alone may have been given to another."""

    name: str
    pid: int
    created: float

    def alive(self) -> psutil.Process | None:
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.created) < 0.01 and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return None
        return process if same else None


def start(name: str, command: list[str]) -> bool:
    """Start a process in a session of its own, its output in `.local/logs/<name>.log`; False when it runs already."""
    process_before = recorded(name)
    if process_before is not None and process_before.alive():
        return False
    if process_before is not None:
        stop([name], seconds=5)  # what a killed one left behind
    log = log_file(name)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603  our own programs, fixed arguments
            command,
            env=os.environ | stack_environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=local_folder(),
        )
    path = _record(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    created = psutil.Process(process.pid).create_time()
    path.write_text(json.dumps({"pid": process.pid, "created": created}), encoding="utf-8")
    return True


def stop(names: list[str], seconds: float = 60) -> list[str]:
    """Ask the processes to end, then their descendants, then end what is left; the names of those stopped."""
    members_of = {name: _members(process) for name in names if (process := recorded(name))}
    for name, members in members_of.items():
        process = recorded(name)
        leader = process.alive() if process else None
        for one in [leader] if leader else members:  # of a killed process the children are left
            with contextlib.suppress(psutil.NoSuchProcess):
                (one.terminate if leader else one.kill)()
    _, left = psutil.wait_procs([one for members in members_of.values() for one in members], timeout=seconds)
    for one in left:
        if one.is_running():
            one.kill()
    psutil.wait_procs(left, timeout=5)
    for name in names:
        _record(name).unlink(missing_ok=True)
    return [name for name, members in members_of.items() if members]


def recorded(name: str) -> Process | None:
    """The process started under a name, dead or alive."""
    path = _record(name)
    if not path.is_file():
        return None
    record = json.loads(path.read_text(encoding="utf-8"))
    return Process(name, record["pid"], record["created"])


def log_file(name: str) -> Path:
    return local_folder() / "logs" / f"{name}.log"


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def require_free(port: int, setting: str) -> None:
    """Raises `ConfigError`, naming the port and the setting that moves it, when something listens there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise ConfigError(
                f"port {port} is taken by another program", next_step=f"set {setting} to a free port"
            ) from None


def _record(name: str) -> Path:
    return local_folder() / "run" / f"{name}.json"


def _members(process: Process) -> list[psutil.Process]:
    """The process and all that it began: its session, which outlives it, and which is nobody else's."""
    with contextlib.suppress(psutil.Error):
        if abs(psutil.Process(process.pid).create_time() - process.created) >= 0.01:
            return []  # the pid is another program's now
    members = []
    for one in psutil.process_iter():
        with contextlib.suppress(OSError, psutil.Error):
            if os.getsid(one.pid) == process.pid and one.status() != psutil.STATUS_ZOMBIE:
                members.append(one)
    return members
