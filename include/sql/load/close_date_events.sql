-- Dates that a load brought are no longer held or failed for answers no newer than its own; rows of a later date say
-- that use went on.
UPDATE ops.event AS event
SET closed_at = clock_timestamp(), closed_by = %(load_id)s
FROM ops.load AS attempt
WHERE event.connection_id = %(connection_id)s AND event.report = %(report)s AND event.closed_at IS NULL
    AND attempt.load_id = event.load_id AND coalesce(attempt.fetched_at, event.at) <= %(fetched_at)s
    AND (
        (event.kind = ANY(%(of_date)s) AND event.usage_date = ANY(%(dates)s::date[]))
        OR (event.kind = 'rows_stopped' AND event.usage_date < %(newest_rows)s)
    )
