"""One release at a time: the warehouse keeps which one brought it up to date last, and refuses older ones."""

import re
from collections.abc import Collection, Mapping

from sqlalchemy import Engine

from usage_ledger import __version__
from usage_ledger.core.warehouse_errors import WarehouseRefused
from usage_ledger.warehouse.engine import transaction
from usage_ledger.warehouse.sql import statement

RELEASE = "release"
"""The part of the schema's state that names the release."""
_step = re.compile(r"\d{3}_")


def require_release(engine: Engine) -> None:
    """Read alone: for a step that begins where an earlier one has brought the schema up to date.

    Raises `WarehouseRefused` when a newer release has done so since, `WarehouseDown`.
    """
    with transaction(engine) as cursor:
        cursor.execute(statement("schema/has_parts"))
        if cursor.fetchone() != (True,):
            return
        cursor.execute(statement("schema/release"), {"part": RELEASE})
        row = cursor.fetchone()
    if row:
        refuse_newer({RELEASE: row[0]}, ())


def refuse_newer(applied: Mapping[str, str], current: Collection[str]) -> None:
    """Raises `WarehouseRefused` where the parts of a warehouse are of a newer release than this process."""
    release = applied.get(RELEASE, "")
    unknown = [part for part in applied if _step.match(part) and part not in current]
    if release and _order(release) > _order(__version__):
        raise WarehouseRefused(
            f"this process has usage-ledger {__version__}, and the warehouse was brought up to date by {release}",
            next_step=f"nothing was written; install usage-ledger {release} here, or restore the backup from before",
        )
    if current and unknown:
        raise WarehouseRefused(
            f"the warehouse has the schema step {max(unknown)}, which this process, usage-ledger {__version__}, "
            "does not know",
            next_step="nothing was written; install the release that made it here, or restore the backup from before",
        )


def _order(release: str) -> list[int]:
    """`0.10.1` after `0.9.0`."""
    return [int(number) for number in re.findall(r"\d+", release)]
