-- What was metered, with the lines of the bill that it belongs to: marts.metered and a key that marts.matched_lines
-- has as well. A key without lines is use that no line bills.
-- line_key: What is compared: connection, date and this key join usage and its lines.
-- billed: True where the bill has a line for it.
-- connection_id: The connection that fetched the row.
-- provider: The vendor.
-- report: The endpoint it came from.
-- usage_date: The date of the bucket.
-- row_key: Identifies the row within connection, report and date.
-- usage_type: What kind of use, in our words.
-- model: The model, as the provider reported it.
-- family: The name under which the model is compared with bills and price lists.
-- meter: What is counted, in the words of docs/reconciliation.md.
-- quantity: How much, exactly; never null or 0.
-- tier: The class of service; '' where the row does not say it.
-- tier_open: True where the vendor names no class of service: the use may be of several.
-- context_window: The vendor's class of context length.
-- accelerator: The accelerator type.
-- deployment: The dedicated deployment.
-- region: Where it ran.
-- host: Who served it.
-- project_id: The vendor's id of the project or workspace.
-- api_key_id: The API key's id.
-- user_id: The vendor's id of the user.
-- tag_team: Custom tag `team`.
-- tag_project: Custom tag `project`.
-- tag_environment: Custom tag `environment`.
-- settled: True when the provider's figures for the date are no longer re-read.
CREATE VIEW marts.matched_metered AS
SELECT series.line_key, series.has_lines AS billed, metered.*
FROM marts.metered AS metered
JOIN marts.matched_series AS series USING (
    connection_id, usage_date, model, meter, tier, context_window, accelerator, deployment, region, host, project_id
)
WHERE NOT series.billed
