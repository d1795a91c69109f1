"""Servers from Debian's packages, unpacked into a folder outside of the repository: nothing is installed.

`.ci/run` unpacks them. Without them the tests that need one are skipped, and say so.
"""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

UNPACKED = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "usage-ledger" / "programs"
"""Where each package has a folder of its name."""
SECONDS = 30


def program(package: str, name: str) -> str:
    """The path of a program: on the path, among the system's, or unpacked. Skips the test without it."""
    unpacked = [UNPACKED / package / "usr" / folder for folder in ("bin", "sbin")]
    path = shutil.which(name, path=os.pathsep.join(map(str, (os.environ.get("PATH", ""), "/usr/sbin", *unpacked))))
    if not path:
        pytest.skip(f"{name} is not here: `apt-get download {package}`, then `dpkg -x` into {UNPACKED / package}")
    return path


def free_port() -> int:
    """A loopback port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def serving(
    command: Sequence[str], health: str, folder: Path, environment: Mapping[str, str] | None = None
) -> Iterator[None]:
    """Run a server in a folder until the context ends; it is up once `health` answers 200."""
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, cwd=folder, env=environment)
        try:
            until = time.monotonic() + SECONDS
            while not _healthy(health):
                if process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(f"{command[0]} does not serve: {log.read_text(errors='replace')[-2000:]}")
                time.sleep(0.05)
            yield
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _healthy(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False, timeout=5).status_code == 200
    except httpx.TransportError:
        return False
