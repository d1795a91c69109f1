"""What the executor's parent process loads and makes ready, so that its forked tasks have it.

Each line is what a task would otherwise do by itself, every time: a third of a second of processor in all.
"""

import contextlib
import gc

from airflow.sdk import ObjectStoragePath
from sqlalchemy import make_url

import usage_ledger.airflow.credentials
import usage_ledger.airflow.dag
import usage_ledger.airflow.task_log
import usage_ledger.pipeline.expectations
import usage_ledger.pipeline.load
import usage_ledger.pipeline.run
import usage_ledger.pipeline.transform
import usage_ledger.warehouse.schema  # noqa: F401
from usage_ledger.airflow.assets import table_asset
from usage_ledger.contracts.registry import arrow_schema, contract, tables
from usage_ledger.core.errors import UsageLedgerError
from usage_ledger.core.redaction import quiet_libraries
from usage_ledger.http.transport import trusted
from usage_ledger.pipeline.validate import check
from usage_ledger.providers import PROVIDERS
from usage_ledger.reading.layout import layout
from usage_ledger.storage.table_writer import TableWriter
from usage_ledger.warehouse.engine import warehouse_engine
from usage_ledger.warehouse.sql import statement

# Airflow looks through every package for one that knows an asset's kind of address, and a storage's. Not the storage
# itself: a thread may come along, on which no forked task could wait. First, because what is imported on the way makes
# Python forget which classes are no subclasses, and the checks ask for hundreds.
table_asset("any", "any")
ObjectStoragePath("file:///any")
quiet_libraries()  # each level that is set empties the caches of all loggers
warehouse_engine(make_url("postgresql+psycopg2://"))  # loads the driver, and connects to nothing
with contextlib.suppress(UsageLedgerError):  # a task that needs what is missing says so
    trusted()
    for table in tables():
        with contextlib.closing(TableWriter(arrow_schema(table))) as staged:
            check(contract(table), staged.written(), rows=0, window=None)
        statement("load/has_rows", contract(table))
    for report in (report for provider in PROVIDERS.values() for report in provider.reports):
        layout(report)
gc.freeze()  # what was made so far is no garbage: no pass walks it, and forked tasks go on sharing its pages
