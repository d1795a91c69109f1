INSERT INTO ledger.price (
    provider, connection_id, model, family, meter, service_tier, context_from, region, host, currency, amount, per,
    valid_from, valid_to, rank, origin, source, load_id, recorded_at
)
SELECT provider, connection_id, model, family, meter, service_tier, context_from, region, host, currency, amount, per,
    valid_from, valid_to, %(rank)s, %(origin)s, %(source)s, %(load_id)s, %(at)s
FROM jsonb_to_recordset(%(rows)s) AS new_price (
    provider text, connection_id text, model text, family text, meter text, service_tier text, context_from bigint,
    region text, host text, currency text, amount numeric, per numeric, valid_from date, valid_to date
)
