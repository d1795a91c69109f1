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
SELECT
    day.connection_id, line.provider, line.report, day.usage_date, line.row_key, line.currency, line.amount,
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
FROM (SELECT DISTINCT connection_id, usage_date FROM ledger.cost_daily WHERE breakdown = '') AS day
CROSS JOIN LATERAL (
    WITH series AS MATERIALIZED (  -- once a day: the planner would work it out again for each line
        SELECT *
        FROM marts.matched_series
        WHERE connection_id = day.connection_id AND usage_date = day.usage_date
    ), side AS (  -- joined as in marts.matched_lines and marts.matched_metered
        SELECT
            series.line_key, lines.deployment, lines.api_key_id, lines.user_id, lines.project_id, lines.settled,
            lines.provider, lines.report, lines.row_key, lines.currency, lines.amount, lines.charge_category,
            NULL::text AS tag_team, NULL::numeric AS quantity
        FROM marts.bill_lines AS lines
        LEFT JOIN series ON series.billed AND lines.charge_category = 'Usage'
            AND series.model = lines.model AND series.meter = lines.meter AND series.tier = lines.tier
            AND series.context_window = lines.context_window AND series.accelerator = lines.accelerator
            AND series.deployment = lines.deployment AND series.region = lines.region AND series.host = lines.host
            AND series.project_id = lines.project_id AND series.currency = lines.currency
        WHERE lines.connection_id = day.connection_id AND lines.usage_date = day.usage_date
        UNION ALL
        SELECT
            series.line_key, deployment, metered.api_key_id, metered.user_id, project_id, bool_and(metered.settled), NULL,
            NULL, NULL, NULL, NULL, NULL, metered.tag_team, sum(metered.quantity)
        FROM marts.metered AS metered
        JOIN series USING (
            model, meter, tier, context_window, accelerator, deployment, region, host, project_id
        )
        WHERE NOT series.billed AND series.has_lines AND metered.connection_id = day.connection_id
            AND metered.usage_date = day.usage_date
        GROUP BY series.line_key, deployment, metered.api_key_id, metered.user_id, project_id, metered.tag_team
        HAVING sum(metered.quantity) > 0
    )
    SELECT
        *,
        array_agg(ROW (deployment, api_key_id, user_id, project_id, tag_team, quantity, settled))
            FILTER (WHERE row_key IS NULL) OVER (PARTITION BY line_key) AS pieces
    FROM side
) AS line
LEFT JOIN LATERAL unnest(line.pieces) AS used (
    deployment text, api_key_id text, user_id text, project_id text, tag_team text, quantity numeric, settled boolean
) ON ('' IN (line.deployment, used.deployment) OR line.deployment = used.deployment)
    AND ('' IN (line.api_key_id, used.api_key_id) OR line.api_key_id = used.api_key_id)
    AND ('' IN (line.user_id, used.user_id) OR line.user_id = used.user_id)
    AND ('' IN (line.project_id, used.project_id) OR line.project_id = used.project_id)
WHERE line.row_key IS NOT NULL
