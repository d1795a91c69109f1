-- The teams that there are now.
SELECT team, cost_center, notify
FROM ledger.team
WHERE superseded_at IS NULL
