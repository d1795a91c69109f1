-- Every bill line cut by what was metered for it: one row per line and deployment, key, user, project and tag of that use;
-- one row where nothing was. What a line names itself counts before what was metered.
-- connection_id: The connection that fetched the line.
-- provider: The vendor.
-- report: The endpoint it came from.
-- usage_date: The local date of the bucket, in the report's day zone.
-- row_key: Identifies the line within connection, report and date.
-- currency: ISO 4217 code of the amount.
-- amount: The whole line's amount, in every row of it: marts.allocated_cost has the parts.
-- charge_category: FOCUS word for the class of charge.
-- deployment: The dedicated deployment.
-- api_key_id: The API key's id.
-- user_id: The vendor's id of the user.
-- project_id: The vendor's id of the project or workspace.
-- tag_team: Custom tag `team`.
-- names: Whether the line itself names a deployment, a key, a user or a user's key, a project.
-- quantity: What was metered of the part, in the line's meter; 1 where nothing was.
-- settled: True when the provider's figures for the date are no longer re-read.
CREATE VIEW marts.bill_parts AS
WITH side AS (
    SELECT
        connection_id, usage_date, line_key, deployment, api_key_id, user_id, project_id, settled, provider, report,
        row_key, currency, amount, charge_category, NULL::text AS tag_team, NULL::numeric AS quantity
    FROM marts.matched_lines
    UNION ALL
    SELECT
        connection_id, usage_date, line_key, deployment, api_key_id, user_id, project_id, bool_and(settled), NULL, NULL,
        NULL, NULL, NULL, NULL, tag_team, sum(quantity)
    FROM marts.matched_metered
    WHERE billed
    GROUP BY connection_id, usage_date, line_key, deployment, api_key_id, user_id, project_id, tag_team
    HAVING sum(quantity) > 0
), line AS (  -- by a window and not by a join: no guess of the planner makes it slow
    SELECT
        *,
        array_agg(ROW (deployment, api_key_id, user_id, project_id, tag_team, quantity, settled))
            FILTER (WHERE row_key IS NULL) OVER (PARTITION BY connection_id, usage_date, line_key) AS pieces
    FROM side
)
SELECT
    line.connection_id, line.provider, line.report, line.usage_date, line.row_key, line.currency, line.amount,
    line.charge_category,
    coalesce(nullif(line.deployment, ''), used.deployment, '') AS deployment,
    coalesce(nullif(line.api_key_id, ''), used.api_key_id, '') AS api_key_id,
    coalesce(nullif(line.user_id, ''), used.user_id, '') AS user_id,
    coalesce(nullif(line.project_id, ''), used.project_id, '') AS project_id,
    coalesce(used.tag_team, '') AS tag_team,
    ARRAY[
        line.deployment <> '', line.api_key_id <> '', line.api_key_id || line.user_id <> '', line.project_id <> ''
    ] AS names,
    coalesce(used.quantity, 1) AS quantity, line.settled AND coalesce(used.settled, true) AS settled
FROM line
LEFT JOIN LATERAL unnest(line.pieces) AS used (
    deployment text, api_key_id text, user_id text, project_id text, tag_team text, quantity numeric, settled boolean
) ON ('' IN (line.deployment, used.deployment) OR line.deployment = used.deployment)
    AND ('' IN (line.api_key_id, used.api_key_id) OR line.api_key_id = used.api_key_id)
    AND ('' IN (line.user_id, used.user_id) OR line.user_id = used.user_id)
    AND ('' IN (line.project_id, used.project_id) OR line.project_id = used.project_id)
WHERE line.row_key IS NOT NULL
