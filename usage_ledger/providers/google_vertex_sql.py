"""The statements that are asked of a billing export, and the requests that carry them.

Identifiers come from the connection's settings, each of a strict form; every value is a named parameter. Each column is
named, because the export gets more of them, and each is sent as text, because no decimal may pass through a number.
Each row's money and amount is a binary float in the export, or a decimal in newer tables: it is read as a decimal of 9
places before anything is summed, so that no sum depends on the order of rows. Labels are never unfolded: a row would
count once for each. `_PARTITIONTIME` is when a row was appended, which is never before its use: it bounds the bytes.
"""

import json
from typing import Any

from usage_ledger.model import Cursor, QueryJob, Request

OF_VERTEX = """(service.id IN UNNEST(SPLIT(CONCAT('C7E2-9256-1C43,', @services)))
    OR STARTS_WITH(sku.description, 'AI Dev Tools: Claude '))"""
"""Vertex AI, the services that a connection adds, and Claude, which is billed under Vertex AI Search."""
WORDS = "TRIM(REGEXP_REPLACE(LOWER(MAX(sku.description)), r'[^a-z0-9.]+', '-'), '-')"
BILLED = f"""
SELECT CAST(DATE(usage_start_time) AS STRING) AS usage_date, billing_account_id AS billing_account_id,
  project.id AS project_id, MAX(project.name) AS project_name,
  COALESCE(location.region, location.location, '') AS region, service.id AS service_id,
  sku.id AS sku_id, MAX(sku.description) AS sku_description, {WORDS} AS sku_text,
  CONCAT(cost_type, ' ', IFNULL(usage.unit, ''), ' ', {WORDS}) AS usage_text,
  usage.unit AS usage_unit, currency AS currency, cost_type AS cost_type, invoice.month AS invoice_month,
  CAST(SUM(CAST(usage.amount AS NUMERIC)) AS STRING) AS usage_amount,
  CAST(SUM(CAST(cost AS NUMERIC)) AS STRING) AS cost,
  CAST(NULLIF(SUM(IFNULL((SELECT SUM(CAST(c.amount AS NUMERIC)) FROM UNNEST(credits) AS c), 0)), 0) AS STRING) AS credits
FROM `{{billing_table}}`
WHERE _PARTITIONTIME >= TIMESTAMP_SUB(@start, INTERVAL 1 DAY) AND usage_start_time >= @start AND usage_start_time < @end
  AND {OF_VERTEX}
GROUP BY usage_date, billing_account_id, project_id, region, service_id, sku_id, usage_unit, currency, cost_type, invoice_month
"""
EXPORTED = f"""
SELECT CAST(DATE(usage_start_time) AS STRING) AS usage_date,
  FORMAT_TIMESTAMP('%FT%TZ', MAX(export_time)) AS exported_at
FROM `{{billing_table}}`
WHERE _PARTITIONTIME >= TIMESTAMP_SUB(@since, INTERVAL 1 DAY) AND export_time > @since AND {OF_VERTEX}
GROUP BY usage_date
"""
OWNERS = """
SELECT DISTINCT billing_account_id AS billing_account_id
FROM `{billing_table}`
WHERE _PARTITIONTIME >= TIMESTAMP_SUB(@end, INTERVAL 60 DAY)
"""
MOST_BYTES = 10 * 2**30
"""Of a query; the service refuses one that would read more. A month of an export is a few hundred megabytes."""


def query(statement: str, *instants: str, **more: Any) -> Request:
    """The request for a statement; `instants` are those of its parameters that are placeholders of the same name."""
    kinds = {name: "TIMESTAMP" for name in instants} | {"services": "STRING"}
    parameters = [
        {"name": name, "parameterType": {"type": kind}, "parameterValue": {"value": "{" + name + "}"}}
        for name, kind in kinds.items()
        if f"@{name}" in statement
    ]
    body = {
        "query": "{statement}",
        "useLegacySql": False,
        "parameterMode": "NAMED",
        "queryParameters": parameters,
        "location": "{location}",
        "maxResults": 10_000,
        "timeoutMs": 10_000,
        "maximumBytesBilled": str(MOST_BYTES),
        "labels": {"app": "usage_ledger"},
        **more,
    }
    return Request(
        "/bigquery/v2/projects/{job_project}/queries",
        method="POST",
        reads_only=True,
        body=json.dumps(body),
        statement=statement,
    )


def job(statement: str, *instants: str) -> QueryJob:
    """The job of a statement, whose results are waited for and read page by page."""
    return QueryJob(
        query(statement, *instants),
        "jobComplete",
        Request(
            "/bigquery/v2/projects/{job_project}/queries/{jobReference/jobId}",
            (("location", "{jobReference/location}"), ("maxResults", "10000"), ("timeoutMs", "10000")),
        ),
        Cursor("pageToken", "pageToken"),
        check=query(statement, *instants, dryRun=True),
    )
