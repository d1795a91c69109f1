-- Teams that were changed or removed stay, with the instant of it.
UPDATE ledger.team
SET superseded_at = %(at)s
WHERE superseded_at IS NULL AND team = ANY(%(teams)s)
