"""The statements that are asked of a billing export, and the requests that carry them.

Identifiers come from the connection's settings, each of a strict form; every value is a named parameter. Columns are
named one by one, because the export gets more of them, and sent as text, because no decimal may pass through a number.
Money and amounts are binary floats in the export, or decimals in newer tables: each row's is read as a decimal of nine
places before anything is summed, so that no sum depends on the order of rows. Labels are not unfolded: a row would
count once for each. `_PARTITIONTIME` is when a row was appended, which is never before its use: it bounds the bytes
that are read. Vertex AI is known by its service's id, whose name is changing; Claude is billed under another service.
"""

import json
from typing import Any

from usage_ledger.model import Cursor, QueryJob, Request, Template

MOST_BYTES = 10 * 2**30
"""A query that would read more is refused and costs nothing. The columns read of a month are some hundred megabytes."""
JOBS = "/bigquery/v2/projects/{job_project}/queries"
BILLED = """
SELECT CAST(DATE(usage_start_time) AS STRING) AS usage_date, billing_account_id AS billing_account_id,
  project.id AS project_id, MAX(project.name) AS project_name,
  COALESCE(location.region, location.location, '') AS region, service.id AS service_id,
  sku.id AS sku_id, MAX(sku.description) AS sku_description,
  TRIM(REGEXP_REPLACE(LOWER(MAX(sku.description)), r'[^a-z0-9.]+', '-'), '-') AS sku_text,
  CONCAT(cost_type, ' ', IFNULL(usage.unit, ''), ' ',
    TRIM(REGEXP_REPLACE(LOWER(MAX(sku.description)), r'[^a-z0-9.]+', '-'), '-')) AS usage_text,
  usage.unit AS usage_unit, currency AS currency, cost_type AS cost_type, invoice.month AS invoice_month,
  CAST(SUM(CAST(usage.amount AS NUMERIC)) AS STRING) AS usage_amount,
  CAST(SUM(CAST(cost AS NUMERIC)) AS STRING) AS cost,
  CAST(SUM(IFNULL((SELECT SUM(CAST(c.amount AS NUMERIC)) FROM UNNEST(credits) AS c), 0)) AS STRING) AS credits,
  IF(SUM(IFNULL((SELECT SUM(CAST(c.amount AS NUMERIC)) FROM UNNEST(credits) AS c), 0)) = 0, 'no', 'yes') AS credited
FROM `{billing_table}`
WHERE _PARTITIONTIME >= TIMESTAMP_SUB(@start, INTERVAL 1 DAY)
  AND usage_start_time >= @start AND usage_start_time < @end
  AND (service.id = 'C7E2-9256-1C43' OR STARTS_WITH(sku.description, 'AI Dev Tools: Claude '))
GROUP BY usage_date, billing_account_id, project_id, region, service_id, sku_id, usage_unit, currency, cost_type,
  invoice_month
"""
EXPORTED = """
SELECT CAST(DATE(usage_start_time) AS STRING) AS usage_date,
  FORMAT_TIMESTAMP('%FT%TZ', MAX(export_time)) AS exported_at
FROM `{billing_table}`
WHERE _PARTITIONTIME >= TIMESTAMP_SUB(@start, INTERVAL 1 DAY) AND export_time > @start
  AND (service.id = 'C7E2-9256-1C43' OR STARTS_WITH(sku.description, 'AI Dev Tools: Claude '))
GROUP BY usage_date
"""
OWNERS = """
SELECT DISTINCT billing_account_id AS billing_account_id
FROM `{billing_table}`
WHERE _PARTITIONTIME >= TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 60 DAY)
UNION ALL SELECT CAST(NULL AS STRING)
"""
"""Always a row: the service leaves the list of rows out of an answer without any, and of one that is not complete."""


def query(statement: str, *instants: str, **more: Any) -> Request:
    """The request for a statement; `instants` are its parameters, each the placeholder of its name."""
    parameters = [
        {"name": name, "parameterType": {"type": "TIMESTAMP"}, "parameterValue": {"value": "{" + name + "}"}}
        for name in instants
    ]
    body = {"query": "{statement}", "useLegacySql": False, "parameterMode": "NAMED", "queryParameters": parameters}
    bounds = {"maxResults": 10_000, "timeoutMs": 10_000, "maximumBytesBilled": str(MOST_BYTES)}
    body |= bounds | {"location": "{location}", "labels": {"app": "usage_ledger"}, **more}
    return Request(JOBS, method="POST", reads_only=True, body=json.dumps(body), statement=Template(statement))


def job(statement: str, *instants: str) -> QueryJob:
    """The job of a statement: waited for, and read page by page."""
    bounds = (("location", "{jobReference/location}"), ("maxResults", "10000"), ("timeoutMs", "10000"))
    results, dry_run = Request(f"{JOBS}/{{jobReference/jobId}}", bounds), query(statement, *instants, dryRun=True)
    return QueryJob(query(statement, *instants), "jobComplete", results, Cursor("pageToken", "pageToken"), dry_run)
