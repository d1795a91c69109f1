"""The demo's teams: a file of owners of its own, so that spend by team can be seen before anybody writes one."""

import os
from itertools import cycle
from pathlib import Path

from sqlalchemy import Engine

from usage_ledger.core.project import local_folder, owners_file
from usage_ledger.money.owners import apply_owners
from usage_ledger.money.owners_check import unowned
from usage_ledger.money.owners_file import read_owners

SETTING = "USAGE_LEDGER_OWNERS"
TEAMS = (("search", "4711"), ("support", "4712"), ("research", "4713"))
WITHOUT_OWNER = 9
"""Of so many keys one has no owner: there always is one."""
KINDS = ("api_key", "deployment")
"""A project is nobody's, so that what names no key has no owner either."""
HEAD = "# Who owns which key of the demo: docs/owners.md. Change it, then: usage-ledger owners apply\n"


def demo_owners() -> Path:
    """The file; where it is there, the local stack reads it in place of `include/owners.yaml`."""
    return local_folder() / "owners.yaml"


def begin_owners() -> None:
    """Make the file, empty, before Airflow starts: unless somebody has owners of their own."""
    if os.environ.get(SETTING) or read_owners(owners_file()).teams:
        return
    path = demo_owners()
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.write_text(f"{HEAD}teams: {{}}\nowners: []\n", encoding="utf-8")


def give_owners(engine: Engine) -> bool:
    """Give the keys and deployments that were seen to teams in turn, once; True where the file is in use."""
    path = demo_owners()
    if not path.exists() or Path(os.environ.get(SETTING) or path) != path:
        return False
    if not read_owners(path).teams:
        things = sorted({(one.connection_id, one.kind, one.id) for one in unowned(engine) if one.kind in KINDS})
        path.write_text(_document(things), encoding="utf-8")
    apply_owners(engine, path)
    return True


def _document(things: list[tuple[str, str, str]]) -> str:
    teams = "".join(f'  {team}: {{cost_center: "{number}"}}\n' for team, number in TEAMS)
    rules = [
        f"  - {{connection: {connection_id}, {kind}: '{name}', team: {team}}}\n"
        for place, ((connection_id, kind, name), (team, _)) in enumerate(zip(things, cycle(TEAMS), strict=False), 1)
        if place % WITHOUT_OWNER
    ]
    return f"{HEAD}teams:\n{teams}owners:\n{''.join(rules)}" if rules else f"{HEAD}teams: {{}}\nowners: []\n"
