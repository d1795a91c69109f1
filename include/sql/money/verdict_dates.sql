-- The dates of a connection to compare: those loaded since the last comparison, those whose prices changed since, and
-- those that were never compared. True for those that prices alone may have changed.
SELECT usage_date, bool_and(NOT loaded) AS by_price
FROM (
    SELECT
        day.usage_date,
        done.checked_at IS NULL OR day.fetched_at >= done.checked_at
            OR coalesce(load.ended_at, load.started_at) >= done.checked_at OR NOT EXISTS (
                SELECT FROM ops.verdict AS verdict
                WHERE verdict.connection_id = day.connection_id AND verdict.usage_date = day.usage_date
            ) AS loaded,
        EXISTS (
            SELECT FROM ops.price_change AS change
            WHERE change.provider = connection.provider AND change.connection_id IN (day.connection_id, '')
                AND change.changed_at >= done.checked_at AND change.valid_from <= day.usage_date
                AND day.usage_date < change.valid_to
        ) AS repriced
    FROM ops.day AS day
    JOIN ops.connection AS connection USING (connection_id)
    LEFT JOIN ops.verdict_check AS done USING (connection_id)
    LEFT JOIN ops.load AS load ON load.load_id = day.load_id
    WHERE day.connection_id = %(connection_id)s
) AS days
WHERE loaded OR repriced
GROUP BY usage_date
ORDER BY usage_date
