"""Usage Ledger: what AI providers metered, who used it, and whether it equals the bill."""

import logging
import os
import zoneinfo

__version__ = "0.1.0"

# Great Expectations reads this when it is imported: nothing here reports to anyone.
os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")

# Days begin where the pinned package `tzdata` says, not where the host's own files do: the same on every worker.
zoneinfo.reset_tzpath(to=())
logging.getLogger("great_expectations").setLevel(logging.WARNING)  # it tells of each of its functions
