-- Dates whose rows contradict the provider's own total: held for it, or taken because a person released them.
SELECT usage_date
FROM ops.day
WHERE connection_id = %(connection_id)s AND report = %(report)s
    AND usage_date >= %(first)s AND usage_date < %(end)s
    AND (state = 'held' AND evidence ->> 'held_for' = 'TotalsMismatch' OR evidence ? 'total_difference')
