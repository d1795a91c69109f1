INSERT INTO ledger.model (provider, model, family)
SELECT %(provider)s, changed.model, changed.family
FROM unnest(%(models)s::text[], %(families)s::text[]) AS changed (model, family)
ON CONFLICT (provider, model) DO UPDATE SET family = EXCLUDED.family
