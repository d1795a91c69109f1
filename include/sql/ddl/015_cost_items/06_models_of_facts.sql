-- The models of the facts so far. Their families follow from the rules of each provider.
INSERT INTO ledger.model (provider, model, family)
SELECT provider, model, model
FROM (
    SELECT provider, model FROM ledger.usage_daily
    UNION
    SELECT provider, model FROM ledger.cost_daily
) AS facts
WHERE model <> ''
