-- Each model, the one that it stands for where a list of names says it, and its family so far.
SELECT staged.id, coalesce(alias.parent_id, staged.id), model.family
FROM unnest(%(models)s::text[]) AS staged (id)
LEFT JOIN ledger.name AS alias ON alias.connection_id = %(connection_id)s AND alias.kind = 'model'
    AND alias.id = staged.id AND alias.valid_to IS NULL AND alias.parent_id <> ''
LEFT JOIN ledger.model AS model ON model.provider = %(provider)s AND model.model = staged.id
ORDER BY staged.id
