"""Airflow imports this file from its `config` folder in each of its processes, before anything else of ours.

The process that forks tasks loads what they need once, so that no task pays for the import: the scheduler with the
LocalExecutor, a Celery worker else. The local stack and the image put the file there.
"""

import sys

from airflow.configuration import conf

_FORKS = "worker" in sys.argv or ("scheduler" in sys.argv and "LocalExecutor" in conf.get("core", "executor"))
if _FORKS:
    import usage_ledger.airflow.preload  # noqa: F401
