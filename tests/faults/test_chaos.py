"""Hundreds of random kills, restarts, restatements and bad answers, and the truth's verdict; see `tests/chaos.py`."""

import os
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

from fastapi import FastAPI
from kit.half_answers import HalfAnswers
from providers.spoiled import Spoiled, everyone
from sqlalchemy import Engine

from usage_ledger.sandbox.app import running

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
        timeout=300 + 10 * ROUNDS,
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


def test_answers_that_are_not_whole_take_nothing_away_however_often_they_come(
    engine: Engine, query: Any, tmp_path: Path
) -> None:
    """Of every provider and report, each two hours after the last; no token and no cent of what is loaded goes."""
    seed = random.SystemRandom().randrange(10**9)
    site = Spoiled(everyone())
    with running(cast(FastAPI, site)) as url:
        tried = HalfAnswers(random.Random(seed), site, url, engine, query, tmp_path)  # noqa: S311
        lost = [one for _ in range(ROUNDS) for one in tried.round()]
        assert lost == [], f"seed {seed}"
        assert tried.verdict() == [], f"seed {seed}"
    assert sum(tried.served.values()) == ROUNDS
    assert all(rows for _, rows in tried.before.values())
