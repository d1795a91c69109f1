-- What lasts of the alerts about these names, or about all; the newest first.
SELECT kind, name, period, level, message, next_step, first_at
FROM marts.alerts
WHERE cleared_at IS NULL AND (%(all)s OR name = ANY (%(ids)s))
ORDER BY first_at DESC, kind, name
LIMIT 20
