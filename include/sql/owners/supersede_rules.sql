-- Rules that no longer hold stay, with the instant from which they do not.
UPDATE ledger.owner_rule
SET superseded_at = %(at)s
WHERE superseded_at IS NULL AND rule_id = ANY(%(rules)s)
