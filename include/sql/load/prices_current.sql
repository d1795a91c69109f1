-- What the price book holds now of one source.
SELECT provider, connection_id, model, family, meter, service_tier, context_from, region, host, currency, amount, per,
    valid_from, valid_to
FROM ledger.price
WHERE rank = %(rank)s AND origin = %(origin)s AND source = %(source)s AND superseded_at IS NULL
