"""A file of owners for whatever a ledger holds."""

from itertools import cycle
from pathlib import Path

from sqlalchemy import Engine

from usage_ledger.money.owners_check import unowned

TEAMS = ("search", "ads", "support")


def write_owners(engine: Engine, path: Path) -> int:
    """Give every key, deployment, project and user that nobody owns to one of three teams in turn; how many rules."""
    things = sorted({(one.connection_id, one.kind, one.id) for one in unowned(engine)})
    teams = "".join(f"  {team}: {{cost_center: '{number}'}}\n" for number, team in enumerate(TEAMS, 4711))
    rules = "".join(
        f"  - {{connection: {connection_id}, {kind}: '{name}', team: {team}}}\n"
        for (connection_id, kind, name), team in zip(things, cycle(TEAMS), strict=False)
    )
    path.write_text(f"teams:\n{teams}owners:\n{rules}", encoding="utf-8")
    return len(things)
