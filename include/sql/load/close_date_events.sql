-- Dates that a load brought are no longer held or failed; rows of a later date say that use went on.
UPDATE ops.event
SET closed_at = clock_timestamp(), closed_by = %(load_id)s
WHERE connection_id = %(connection_id)s AND report = %(report)s AND closed_at IS NULL
    AND (at < %(fetched_at)s OR load_id = %(load_id)s)
    AND (
        (kind = ANY(%(of_date)s) AND usage_date = ANY(%(dates)s::date[]))
        OR (kind = 'rows_stopped' AND usage_date < %(newest_rows)s)
    )
