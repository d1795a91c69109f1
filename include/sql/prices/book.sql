-- The book's prices of a provider, and of one connection where one is named, as they were recorded at an instant.
SELECT
    model, meter, service_tier, context_from, region, host, amount, per, currency, valid_from, valid_to, rank, source,
    connection_id, family, recorded_at
FROM ledger.price
WHERE provider = %(provider)s AND (%(connection_id)s IS NULL OR connection_id IN ('', %(connection_id)s))
    AND (%(date)s IS NULL OR valid_from <= %(date)s AND %(date)s < valid_to)
    AND CASE WHEN %(as_of)s IS NULL THEN superseded_at IS NULL
        ELSE recorded_at <= %(as_of)s AND coalesce(superseded_at > %(as_of)s, true) END
ORDER BY model, meter, service_tier, context_from, region, host, rank, source, valid_from
