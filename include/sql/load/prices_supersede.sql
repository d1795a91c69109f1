-- Rows that no longer hold stay, with the instant from which they do not.
UPDATE ledger.price AS price
SET superseded_at = %(at)s
FROM jsonb_to_recordset(%(rows)s) AS gone (
    provider text, connection_id text, model text, meter text, service_tier text, context_from bigint, region text,
    host text, currency text, per numeric, valid_from date
)
WHERE price.rank = %(rank)s AND price.origin = %(origin)s AND price.source = %(source)s
    AND price.superseded_at IS NULL
    AND (price.provider, price.connection_id, price.model, price.meter, price.service_tier, price.context_from)
        = (gone.provider, gone.connection_id, gone.model, gone.meter, gone.service_tier, gone.context_from)
    AND (price.region, price.host, price.currency, price.per, price.valid_from)
        = (gone.region, gone.host, gone.currency, gone.per, gone.valid_from)
