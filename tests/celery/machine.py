"""A machine of a test: a folder, an environment and processes that know nothing of another machine's."""

import contextlib
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil
import pytest

from usage_ledger.core.project import ROOT
from usage_ledger.local.airflow_home import LOCAL_SETTINGS

PATH = f"{ROOT / '.venv' / 'bin'}:/usr/local/bin:/usr/bin:/bin:/usr/sbin"


class Machine:
    """What a container is to Compose; its folder is what `/opt/airflow` is in the image."""

    def __init__(self, folder: Path, environment: Mapping[str, str], volumes: Mapping[str, Path]) -> None:
        """`volumes` maps folders of the machine to those that it shares with others."""
        self.folder = folder
        for name in ("config", "tmp"):
            (folder / name).mkdir(parents=True)
        for name in ("dags", "plugins"):  # as Compose mounts them
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(LOCAL_SETTINGS, folder / "config")
        for name, place in volumes.items():
            (folder / name).symlink_to(place)
        self.environment = {
            "PATH": PATH,
            "HOME": str(folder),
            "TMPDIR": str(folder / "tmp"),
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            "AIRFLOW_HOME": str(folder),
            "USAGE_LEDGER_LOCAL": str(folder / "local"),
            **environment,
        }
        self._commands: dict[str, Sequence[str]] = {}
        self._started: dict[str, subprocess.Popen[bytes]] = {}
        self._earlier: dict[str, int] = {}

    def run(self, command: Sequence[str], stdin: str = "") -> str:
        """What a command prints. Fails the test when the command does."""
        done = subprocess.run(
            command,
            env=self.environment,
            cwd=self.folder,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        return done.stdout

    def start(self, name: str, command: Sequence[str]) -> None:
        """Start a program, its output in `<name>.log`."""
        self._commands[name] = command
        with self.log(name).open("ab") as output:
            self._earlier[name] = output.tell()
            self._started[name] = subprocess.Popen(
                command,
                env=self.environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def start_again(self) -> None:
        """Start the machine's programs, once nothing of them lives: so a container is started again."""
        self.kill()
        for name, command in self._commands.items():
            self.start(name, command)

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def said(self, name: str) -> str:
        """What a program printed since it was last started."""
        return self.log(name).read_bytes()[self._earlier[name] :].decode(errors="replace")

    def ended(self) -> list[str]:
        """The programs that ended by themselves."""
        return [name for name, process in self._started.items() if process.poll() is not None]

    def processes(self) -> list[psutil.Process]:
        """All of the machine's processes: those that work in its folder, and all that its programs began."""
        members: dict[int, psutil.Process] = {}
        for process in self._started.values():
            with contextlib.suppress(psutil.Error):
                program = psutil.Process(process.pid)
                members |= {one.pid: one for one in (program, *program.children(recursive=True))}
        for path in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError, psutil.Error):
                if (path / "cwd").readlink().is_relative_to(self.folder):
                    members[int(path.name)] = psutil.Process(int(path.name))
        return [one for one in members.values() if _lives(one)]

    def kill(self) -> None:
        """Kill every process of the machine at once, as a lost machine does."""
        while members := self.processes():
            for one in members:
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.kill()
            psutil.wait_procs(members, timeout=5)
            for process in self._started.values():
                process.poll()
        self._started.clear()

    def stop(self, seconds: float = 60) -> None:
        """Ask the programs to end, and end what is left."""
        self.ask_to_stop()
        until = time.monotonic() + seconds
        while self.processes() and time.monotonic() < until:
            self.ended()
            time.sleep(0.2)
        self.kill()

    def ask_to_stop(self) -> None:
        for process in self._started.values():
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def wait_until(ready: Callable[[], bool], what: str, seconds: float, every: float = 0.5) -> None:
    """Fails the test when it is not ready in time."""
    until = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > until:
            pytest.fail(f"waited {seconds:g} seconds for {what}")
        time.sleep(every)


def listening(processes: Sequence[psutil.Process]) -> set[str]:
    """The addresses at which processes wait for others."""
    addresses = set()
    for one in processes:
        try:
            found = one.net_connections(kind="inet")
        except psutil.Error:
            continue
        addresses |= {entry.laddr.ip for entry in found if entry.status == psutil.CONN_LISTEN}
    return addresses
