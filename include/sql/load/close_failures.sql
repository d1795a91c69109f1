-- A load that came through ends what failed before it, and what it failed at itself.
UPDATE ops.event
SET closed_at = clock_timestamp(), closed_by = %(load_id)s
WHERE connection_id = %(connection_id)s AND report = %(report)s AND closed_at IS NULL AND usage_date IS NULL
    AND kind = ANY(%(failures)s) AND (at < %(fetched_at)s OR load_id = %(load_id)s)
