"""What can go wrong with raw storage: landed pages and staged Parquet."""

from usage_ledger.core.errors import PersonMustAct, TryAgain

# A person must act


class StorageRefused(PersonMustAct):
    """Raw storage cannot be written or read."""

    remedy = "check USAGE_LEDGER_RAW and its permissions and free space"


class RawGone(StorageRefused):
    """What was landed, or said to be, is not in raw storage."""

    remedy = (
        "the warehouse keeps its rows; point USAGE_LEDGER_RAW at the storage it was landed in, or run the window "
        "again to fetch it anew"
    )


class StagedUnusable(StorageRefused):
    """The staged Parquet of a load is gone, damaged, or of another version of the contract."""

    remedy = "it is made anew from the landed pages: clear the load's transform in Airflow, or `usage-ledger rebuild`"


class RawCorrupt(PersonMustAct):
    """A landed page is not what its manifest says."""

    remedy = "run the window again to fetch it anew"


# Try again


class StorageDown(TryAgain):
    """Raw storage does not answer, or is busy."""

    remedy = "it is tried again by itself; see the storage's own status page if it lasts"
