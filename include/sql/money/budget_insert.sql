INSERT INTO ledger.budget (
    name, team, connection_id, amount, currency, warn_at, forecast, notify, valid_from, valid_to, source_commit
) VALUES (
    %(name)s, %(team)s, %(connection_id)s, %(amount)s, %(currency)s, %(warn_at)s::numeric[], %(forecast)s,
    %(notify)s::text[], %(valid_from)s, %(valid_to)s, %(source_commit)s
)
