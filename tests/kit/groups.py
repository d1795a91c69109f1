"""Which tests one worker runs, one after the other: those of a file, those of all files that use the local stack, and
those that share the wheel.

`--dist loadgroup` of pytest-xdist 3.8 writes a group into `Item._nodeid`, which pytest 9.2 no longer reads: it deals
the tests out one by one and says nothing. This scheduler needs only the node id.
"""

from functools import cache
from pathlib import Path

from xdist.scheduler import LoadScopeScheduling

from usage_ledger.core.project import ROOT

STACK = "stack"
WHEEL = "tests/install/"
"""Building the wheel costs more than any test of it."""
SLOWEST = (STACK, "tests/faults/test_kill.py", "tests/providers/test_suite.py", "tests/providers/test_wholeness.py")
"""These start first, so that no worker is left alone with one of them at the end."""
LAST = "tests/browser/test_pages.py"
"""This comes after the others of its group: it fills the stack's ledger, whose rows they count."""


@cache
def group_of_file(name: str) -> str:
    if name.startswith(WHEEL):
        return WHEEL
    path = Path(ROOT, name)
    uses_stack = path.is_file() and "pytest.mark.stack" in path.read_text(encoding="utf-8")
    return STACK if uses_stack else name


def group_of(node_id: str) -> str:
    """The group of a test: its file, or `stack`."""
    return group_of_file(node_id.split("::")[0])


def start_order(node_id: str) -> float:
    """A key to sort tests by; equal for all but the slowest groups."""
    group = group_of(node_id)
    after = node_id.startswith(LAST) / 2
    return (SLOWEST.index(group) if group in SLOWEST else len(SLOWEST)) + after


class GroupScheduling(LoadScopeScheduling):
    """Gives a whole group to one worker."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)
