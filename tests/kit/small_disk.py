"""A file system of a few megabytes that one process and its children see; it is gone when they end."""

import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

MOUNT = 'mount -t tmpfs -o "size=$1" none "$0" && echo mounted && shift && exec "$@"'


@contextmanager
def small_disk(folder: Path, size: str, command: Sequence[str] = ("cat",)) -> Iterator[int]:
    """Runs a command that sees the small file system at the folder; its process id.

    Others see it as `root_of(process id) / folder`. Skips the test where such a mount is not permitted.
    """
    if not shutil.which("unshare"):
        pytest.skip("the program unshare is not installed, so no small file system can be mounted")
    running = subprocess.Popen(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", MOUNT, str(folder), size, *command],  # noqa: S607
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert running.stdin
    assert running.stdout
    try:
        first = running.stdout.readline()
        if first != "mounted\n":
            pytest.skip(f"mounting a small file system is not permitted here: {first.strip()}")
        yield running.pid
    finally:
        running.stdin.close()
        running.send_signal(signal.SIGINT)
        try:
            running.wait(20)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait(20)
        running.stdout.close()


def root_of(process_id: int) -> Path:
    """The root of all folders as that process sees them."""
    return Path(f"/proc/{process_id}/root")
