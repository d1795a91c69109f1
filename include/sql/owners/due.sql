-- The dates of which a change of rules may move the cost: those that have a bill or use of what a changed rule names.
WITH rule AS (
    SELECT connection_id, kind, id, valid_from, valid_to
    FROM ledger.owner_rule
    WHERE change_id = %(change_id)s OR superseded_at = %(at)s
), changed AS (
    SELECT * FROM rule
    UNION ALL
    SELECT named.connection_id, 'api_key', named.id, rule.valid_from, rule.valid_to  -- a user's rule owns the user's keys
    FROM rule
    JOIN ledger.name AS named ON named.kind = 'api_key' AND named.owner_id = rule.id
        AND rule.connection_id IN ('', named.connection_id)
    WHERE rule.kind = 'user'
), named AS (
    SELECT DISTINCT connection_id, usage_date, deployment, api_key_id, user_id, project_id, tag_team
    FROM ledger.usage_daily
    WHERE breakdown IN ('', 'utc_day') AND usage_date >= %(first)s AND usage_date < %(end)s
    UNION
    SELECT DISTINCT connection_id, usage_date, deployment, api_key_id, user_id, project_id, ''
    FROM ledger.cost_daily
    WHERE breakdown = '' AND usage_date >= %(first)s AND usage_date < %(end)s
)
INSERT INTO ops.team_cost_due (connection_id, usage_date, cause, change_id)
SELECT DISTINCT named.connection_id, named.usage_date, 'owner', %(change_id)s::uuid
FROM named
CROSS JOIN LATERAL (VALUES
    ('deployment', named.deployment), ('api_key', named.api_key_id), ('user', named.user_id),
    ('project', named.project_id), ('tag_team', named.tag_team), ('connection', named.connection_id)
) AS thing (kind, id)
JOIN changed ON changed.kind = thing.kind AND changed.id = thing.id
    AND changed.connection_id IN ('', named.connection_id)
    AND changed.valid_from <= named.usage_date AND named.usage_date < changed.valid_to
