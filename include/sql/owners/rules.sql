-- The rules that hold now.
SELECT connection_id, kind, id, team, app, valid_from, valid_to
FROM ledger.owner_rule
WHERE superseded_at IS NULL
