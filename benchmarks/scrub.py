"""Memory of extract for a large answer whose people become pseudonyms: megabytes beyond imports; prints JSON.

Run with a file to write the answer, of about 100 MiB, and with an address that serves it to land it.
"""

import json
import os
import random
import re
import secrets
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import usage_ledger.airflow.preload  # noqa: F401  as in a task: all imports, and a frozen collector
from usage_ledger.connections import connection_from
from usage_ledger.core.windows import DAY, Window
from usage_ledger.http.auth import Credential
from usage_ledger.http.client import Client
from usage_ledger.pipeline.extract import land

SIZE = 100 * 2**20
FIRST = date(2026, 10, 1)


def write(path: Path, size: int = SIZE, seed: int = 7) -> None:
    """Write one page of Anthropic's Claude Code report of about so many bytes."""
    drawn = random.Random(seed)  # noqa: S311  figures, no secrets
    with path.open("w", encoding="utf-8") as file:
        file.write('{"data": [')
        file.write(_row(drawn))
        while file.tell() < size:
            file.write("".join(f", {_row(drawn)}" for _ in range(1000)))
        file.write('], "has_more": false, "next_page": null}')


def _row(drawn: random.Random) -> str:
    row = {
        "date": f"{FIRST}T00:00:00Z",
        "actor": {"type": "user_actor", "email_address": f"person{drawn.randrange(10**6)}@acme.example"},
        "terminal_type": "vscode",
        "core_metrics": {"num_sessions": drawn.randrange(99), "commits_by_claude_code": drawn.randrange(9)},
        "tool_actions": {"edit_tool": {"accepted": drawn.randrange(999), "rejected": drawn.randrange(99)}},
    }
    return json.dumps(row)


def measure(url: str) -> dict[str, float]:
    """Land what the address serves; megabytes beyond those after the imports, and seconds."""
    os.environ["USAGE_LEDGER_PSEUDONYM_KEY"] = secrets.token_hex(32)
    connection = connection_from("bench", {"provider": "anthropic", "account": "bench"}, "bench")
    report = connection.declared.report("claude_code")
    key = f"sk-ant-admin01-{secrets.token_hex(32)}"
    base, started = peak(), time.perf_counter()
    with (
        tempfile.TemporaryDirectory() as root,
        Client(connection.declared, base_url=url, credential=Credential(key), account="bench") as client,
    ):
        land(connection, report, Window(FIRST, FIRST + DAY), "bench", client=client, root=Path(root))
    return {"peak_mb": peak() - base, "seconds": time.perf_counter() - started}


def peak() -> float:
    """Megabytes that this program held at most."""
    found = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text(encoding="ascii"))
    assert found is not None  # noqa: S101
    return int(found[1]) / 1024


if __name__ == "__main__":
    if sys.argv[1].startswith("http"):
        sys.stdout.write(json.dumps(measure(sys.argv[1])) + "\n")
    else:
        write(Path(sys.argv[1]))
