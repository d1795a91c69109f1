-- Every model of a provider, the one that it stands for where a list of names says it, and its family so far.
SELECT model.model, coalesce(alias.parent_id, model.model), model.family
FROM ledger.model AS model
LEFT JOIN LATERAL (
    SELECT name.parent_id
    FROM ledger.name AS name
    JOIN ops.connection AS connection USING (connection_id)
    WHERE connection.provider = model.provider AND name.kind = 'model' AND name.id = model.model
        AND name.valid_to IS NULL AND name.parent_id <> ''
    ORDER BY connection_id
    LIMIT 1
) AS alias ON true
WHERE model.provider = %(provider)s
ORDER BY model.model
