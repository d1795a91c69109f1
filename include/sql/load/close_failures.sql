-- A load that came through ends what went wrong with answers no newer than its own, once no date of their windows is
-- failed any more, or held for a total.
UPDATE ops.event AS event
SET closed_at = clock_timestamp(), closed_by = %(load_id)s
FROM ops.load AS attempt
WHERE event.connection_id = %(connection_id)s AND event.report = %(report)s AND event.closed_at IS NULL
    AND event.usage_date IS NULL AND event.kind = ANY(%(kinds)s)
    AND attempt.load_id = event.load_id AND coalesce(attempt.fetched_at, event.at) <= %(fetched_at)s
    AND NOT EXISTS (
        SELECT FROM ops.day
        WHERE day.connection_id = event.connection_id AND day.report = event.report
            AND day.usage_date >= attempt.window_from AND day.usage_date < attempt.window_to
            AND day.state = CASE event.kind WHEN 'totals_mismatch' THEN 'held' ELSE 'failed' END
    )
