-- The newest date with rows before an empty one, where the empty one is no ordinary rest: the same weekday had rows in
-- each of the three weeks before, or it is the third empty date in a row after a week with two empty dates at most.
-- No row when there is an event about it since.
SELECT before.usage_date, before.row_count
FROM (
    SELECT usage_date, row_count
    FROM ops.day
    WHERE connection_id = %(connection_id)s AND report = %(report)s AND state = 'loaded'
        AND usage_date < %(usage_date)s
    ORDER BY usage_date DESC
    LIMIT 1
) AS before
WHERE NOT EXISTS (
    SELECT FROM ops.event
    WHERE connection_id = %(connection_id)s AND report = %(report)s AND kind = 'rows_stopped'
        AND ops.event.usage_date > before.usage_date
) AND EXISTS (
    SELECT FROM ops.day
    WHERE connection_id = %(connection_id)s AND report = %(report)s
        AND usage_date BETWEEN %(usage_date)s::date - 21 AND %(usage_date)s::date - 1
    HAVING count(*) FILTER (WHERE state = 'loaded' AND usage_date IN (
            %(usage_date)s::date - 7, %(usage_date)s::date - 14, %(usage_date)s::date - 21)) = 3
        OR count(*) FILTER (WHERE state = 'empty' AND usage_date >= %(usage_date)s::date - 2) = 2
            AND count(*) FILTER (WHERE state = 'empty'
                AND usage_date BETWEEN before.usage_date - 6 AND before.usage_date) <= 2
)
