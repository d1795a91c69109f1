INSERT INTO ops.price_change (
    changed_at, who, provider, connection_id, model, meter, service_tier, context_from, region, host, currency, rank,
    origin, source, per, old, new, valid_from, valid_to
)
SELECT %(at)s, %(who)s, provider, connection_id, model, meter, service_tier, context_from, region, host, currency,
    %(rank)s, %(origin)s, %(source)s, per, old, new, valid_from, valid_to
FROM jsonb_to_recordset(%(rows)s) AS change (
    provider text, connection_id text, model text, meter text, service_tier text, context_from bigint, region text,
    host text, currency text, per numeric, old numeric, new numeric, valid_from date, valid_to date
)
