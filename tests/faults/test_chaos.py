"""Hundreds of random kills, restarts, restatements and bad answers, and the truth's verdict; see `tests/chaos.py`."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROUNDS = int(os.environ.get("ROUNDS") or 40)
"""`make soak` makes 200."""


def test_after_random_kills_restarts_and_bad_answers_the_ledger_equals_the_truth() -> None:
    """As a person runs it. The seed differs each time; what fails is tried again with the seed that it tells."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "chaos.py"), "--rounds", str(ROUNDS)],
        env={name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "USAGE_", "CRASH"))}
        | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    summary = re.fullmatch(
        rf"seed \d+, rounds {ROUNDS}, kills (\d+), restarts (\d+), faults (\d+): ledger equals the truth\n", done.stdout
    )
    assert summary, (done.stdout, done.stderr)
    assert done.returncode == 0
    kills, restarts, faults = map(int, summary.groups())
    assert kills > ROUNDS * 0.3
    assert restarts > 0
    assert faults > ROUNDS * 0.15
