-- Findings of a kind that are none any more.
UPDATE ops.alert SET cleared_at = clock_timestamp()
WHERE kind = %(kind)s AND cleared_at IS NULL AND NOT (name, period::text, level, currency) IN (
    SELECT key ->> 0, key ->> 1, key ->> 2, key ->> 3 FROM jsonb_array_elements(%(keys)s::jsonb) AS key
)
