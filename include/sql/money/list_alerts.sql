-- Alerts, newest first: those that have not ended, or all.
SELECT kind, name, period, level, message, next_step, notify, sent_to, first_at, sent_at, cleared_at
FROM ops.alert
WHERE cleared_at IS NULL OR %(every)s
ORDER BY first_at DESC, kind, name, period DESC, level
