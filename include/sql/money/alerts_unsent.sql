SELECT kind, name, period, level, currency, message, next_step, notify, sent_to
FROM ops.alert
WHERE sent_at IS NULL AND cleared_at IS NULL
ORDER BY first_at
