-- Deployments, keys, projects, users and tags that cost money or were metered on dates on which nobody owned them: most money first.
WITH billed AS (
    SELECT connection_id, thing.kind, thing.id, allocated.currency, sum(allocated.amount) AS amount,
        max(allocated.usage_date) AS last_date
    FROM marts.allocated_cost AS allocated
    CROSS JOIN LATERAL (
        SELECT kind, id
        FROM (VALUES
            (1, 'deployment', allocated.deployment), (2, 'api_key', allocated.api_key_id),
            (3, 'project', allocated.project_id), (4, 'user', allocated.user_id), (5, 'tag_team', allocated.tag_team)
        ) AS named (place, kind, id)
        WHERE id <> ''
        ORDER BY place
        LIMIT 1
    ) AS thing
    WHERE allocated.method = 'no owner'
    GROUP BY connection_id, thing.kind, thing.id, allocated.currency
), metered AS (
    SELECT dated.connection_id, thing.kind, thing.id, max(dated.usage_date) AS last_date
    FROM (
        SELECT DISTINCT connection_id, usage_date, deployment, api_key_id, user_id, project_id, tag_team
        FROM ledger.usage_daily
        WHERE breakdown IN ('', 'api_key')
    ) AS dated
    CROSS JOIN LATERAL (
        SELECT kind, id
        FROM (VALUES
            (1, 'deployment', dated.deployment), (2, 'api_key', dated.api_key_id), (3, 'project', dated.project_id), (5, 'tag_team', dated.tag_team)
        ) AS named (place, kind, id)
        WHERE id <> ''
        ORDER BY place
        LIMIT 1
    ) AS thing
    WHERE NOT EXISTS (
        SELECT FROM marts.owners AS owners
        WHERE owners.connection_id IN ('', dated.connection_id)
            AND owners.valid_from <= dated.usage_date AND dated.usage_date < owners.valid_to
            AND (owners.kind, owners.id) IN (
                ('deployment', dated.deployment), ('api_key', dated.api_key_id), ('user', dated.user_id),
                ('project', dated.project_id), ('tag_team', dated.tag_team), ('connection', dated.connection_id)
            )
    )
    GROUP BY dated.connection_id, thing.kind, thing.id
)
SELECT connection_id, kind, id, coalesce(named.name, ''), billed.currency, billed.amount,
    greatest(billed.last_date, metered.last_date)
FROM billed
FULL JOIN metered USING (connection_id, kind, id)
LEFT JOIN LATERAL (
    SELECT name.name
    FROM ledger.name AS name
    WHERE name.connection_id = coalesce(billed.connection_id, metered.connection_id)
        AND name.kind = coalesce(billed.kind, metered.kind) AND name.id = coalesce(billed.id, metered.id)
    ORDER BY name.valid_from DESC
    LIMIT 1
) AS named ON true
ORDER BY abs(billed.amount) DESC NULLS LAST, connection_id, kind, id
