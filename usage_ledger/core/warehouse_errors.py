"""What can go wrong with the warehouse, and with a load's proof."""

from usage_ledger.core.errors import PersonMustAct, TryAgain

# A person must act


class WarehouseRefused(PersonMustAct):
    """The warehouse is there but does not let us do our work."""

    remedy = "check the rights of the role in the Airflow connection usage_warehouse"


class WarehouseDrift(WarehouseRefused):
    """A fact table is not what its contract says: somebody changed it by hand."""

    remedy = "nothing was written; undo the change, or bring it as a schema step with its contract"


class WarehouseFull(WarehouseRefused):
    """The warehouse has no disk space left."""

    remedy = "nothing was written and landed pages are kept; free space there, the next run loads them"


class ConservationBroken(PersonMustAct):
    """Sums in raw, Parquet and warehouse differ; the load was rolled back."""

    remedy = "nothing was written; report this with the load id, it is a defect"


# Try again


class WarehouseDown(TryAgain):
    """The warehouse does not answer, or a lock was not to be had in time."""

    remedy = "check that the database of the Airflow connection usage_warehouse is up; landed pages are kept"
