-- What vendors' lists and bills say, to compare the prices of contracts with.
SELECT provider, connection_id, model, family, meter, service_tier, context_from, region, host, currency, amount, per,
    valid_from, valid_to
FROM ledger.price
WHERE origin IN ('list', 'bill') AND superseded_at IS NULL
