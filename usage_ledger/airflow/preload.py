"""What the executor's parent process loads, so that its forked tasks have it: imports alone."""

import gc

import great_expectations  # noqa: F401
import pandas  # noqa: F401

import usage_ledger.airflow.connections
import usage_ledger.airflow.dag
import usage_ledger.airflow.task_log
import usage_ledger.airflow.tasks
import usage_ledger.http.client
import usage_ledger.pipeline.load
import usage_ledger.pipeline.run
import usage_ledger.pipeline.transform
import usage_ledger.pipeline.validate
import usage_ledger.warehouse.schema  # noqa: F401

gc.freeze()  # what was imported is no garbage: no pass walks it, and forked tasks go on sharing its pages
