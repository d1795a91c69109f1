"""Makes the ledger's teams and owners equal to `include/owners.yaml`, and shows what that moved.

A rule is never edited but for `superseded_at`. A change moves the dates that it is for and no other; where those are
loaded, it shows as a restatement.
"""

import hashlib
import json
import shutil
import subprocess
import uuid
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path

from psycopg2.extensions import cursor as Cursor  # noqa: N812
from sqlalchemy import Engine

from usage_ledger.core.project import owners_file
from usage_ledger.money.owners_file import ALWAYS, NEVER, Owners, Rule, Team, read_owners
from usage_ledger.money.team_costs import record_team_costs
from usage_ledger.warehouse.engine import in_transaction
from usage_ledger.warehouse.sql import statement


@dataclass(frozen=True, slots=True)
class Change:
    """What was written: rules and teams, and the dates whose cost by team is another one now."""

    written: int = 0
    superseded: int = 0
    dates: tuple[date, ...] = ()
    source_commit: str = ""

    def __str__(self) -> str:
        if not self.written and not self.superseded:
            return "owners: nothing changed"
        moved = f"; the cost of {len(self.dates)} dates moved, from {self.dates[0]}" if self.dates else ""
        return f"owners of {self.source_commit}: {self.written} written, {self.superseded} superseded{moved}"


def apply_owners(engine: Engine, path: Path | None = None) -> Change:
    """Bring teams and rules up to date. Without a file what was applied stays. Raises `ConfigError`."""
    path = path or owners_file()
    if not path.is_file():
        return Change()
    owners = read_owners(path)
    if in_transaction(engine, lambda cursor: _same(cursor, owners)):
        return Change()
    record_team_costs(engine)  # what each day cost before the change
    change, change_id = in_transaction(engine, lambda cursor: _apply(cursor, owners, path))
    record_team_costs(engine)
    dates = in_transaction(engine, lambda cursor: _moved(cursor, change_id))
    return replace(change, dates=dates)


def _same(cursor: Cursor, owners: Owners) -> bool:
    rules, teams = _in_force(cursor)
    return rules == set(owners.rules) and teams == set(owners.teams)


def _in_force(cursor: Cursor) -> tuple[set[Rule], set[Team]]:
    """The rules and teams that hold now."""
    cursor.execute(statement("owners/rules"))
    rules = {Rule(*row) for row in cursor.fetchall()}
    cursor.execute(statement("owners/teams"))
    return rules, {Team(team, center, tuple(notify)) for team, center, notify in cursor.fetchall()}


def _apply(cursor: Cursor, owners: Owners, path: Path) -> tuple[Change, str]:
    """Write what differs, and which dates' costs it makes due; the change's id beside it."""
    cursor.execute(statement("owners/lock"))
    ((at,),) = cursor.fetchall()
    rules, teams = _in_force(cursor)
    new_rules, gone_rules = set(owners.rules) - rules, rules - set(owners.rules)
    new_teams, gone_teams = set(owners.teams) - teams, teams - set(owners.teams)
    change_id = str(uuid.uuid4())
    values = {"at": at, "change_id": change_id, "source_commit": source_commit(path)}
    moved = new_rules | gone_rules
    values |= {
        "first": _text(min((rule.valid_from for rule in moved), default=NEVER)),
        "end": _text(max((rule.valid_to for rule in moved), default=NEVER)),
    }
    superseded = {"rules": [rule.rule_id for rule in gone_rules], "teams": [team.team for team in gone_teams]}
    for name in ("rules", "teams"):
        cursor.execute(statement(f"owners/supersede_{name}"), values | superseded)
    cursor.execute(statement("owners/insert_rules"), values | {"rows": _rows(map(_row, new_rules))})
    cursor.execute(statement("owners/insert_teams"), values | {"rows": _rows(map(asdict, new_teams))})
    if moved:
        cursor.execute(statement("owners/due"), values)
    written, gone = len(new_rules) + len(new_teams), len(gone_rules) + len(gone_teams)
    return Change(written, gone, source_commit=str(values["source_commit"])), change_id


def _moved(cursor: Cursor, change_id: str) -> tuple[date, ...]:
    cursor.execute(statement("owners/moved"), {"change_id": change_id})
    return tuple(day for (day,) in cursor.fetchall())


def _row(rule: Rule) -> dict[str, object]:
    values = asdict(rule) | {"rule_id": rule.rule_id}
    values |= {"valid_from": _text(rule.valid_from), "valid_to": _text(rule.valid_to)}
    del values["keys"]
    return values


def _rows(rows: Iterable[dict[str, object]]) -> str:
    return json.dumps(list(rows))


def _text(day: date) -> str:
    return {ALWAYS: "-infinity", NEVER: "infinity"}.get(day, day.isoformat())


def source_commit(path: Path) -> str:
    """The Git revision that last changed the file, `-dirty` where it differs; the hash of its content without Git."""
    revision = _git(path, "log", "-1", "--format=%H")
    if revision:
        return revision + ("-dirty" if _git(path, "status", "--porcelain") else "")
    return "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()


def _git(path: Path, *words: str) -> str:
    """What Git says of a file; '' where there is no Git, or it does not know the file."""
    program = shutil.which("git")
    if not program:
        return ""
    command = [program, "-C", str(path.absolute().parent), *words, "--", path.name]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
