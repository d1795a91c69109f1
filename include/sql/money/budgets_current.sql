SELECT name, team, connection_id, amount, currency, warn_at, forecast, notify, valid_from, valid_to
FROM ledger.budget
WHERE superseded_at IS NULL
