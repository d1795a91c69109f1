-- One that is to be notified has got it; `sent_at` once all have.
UPDATE ops.alert SET
    sent_to = sent_to || %(target)s::text,
    sent_at = CASE WHEN %(targets)s::text[] <@ (sent_to || %(target)s::text) THEN clock_timestamp() END
WHERE kind = %(kind)s AND name = %(name)s AND period = %(period)s AND level = %(level)s AND currency = %(currency)s
