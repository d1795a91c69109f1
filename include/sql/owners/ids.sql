-- Every id that a rule can name, as far as the ledger has it.
SELECT DISTINCT usage.connection_id, thing.kind, thing.id
FROM (
    SELECT DISTINCT connection_id, deployment, api_key_id, user_id, project_id, tag_team FROM ledger.usage_daily
    UNION
    SELECT DISTINCT connection_id, deployment, api_key_id, user_id, project_id, '' FROM ledger.cost_daily
) AS usage
CROSS JOIN LATERAL (VALUES
    ('deployment', usage.deployment), ('api_key', usage.api_key_id), ('user', usage.user_id),
    ('project', usage.project_id), ('tag_team', usage.tag_team)
) AS thing (kind, id)
WHERE thing.id <> ''
UNION
SELECT connection_id, kind, id FROM ledger.name
UNION
SELECT connection_id, 'user', owner_id FROM ledger.name WHERE kind = 'api_key' AND owner_id <> ''
UNION
SELECT connection_id, 'connection', connection_id FROM ops.connection
