-- What a report said of this kind is over.
UPDATE ops.event
SET closed_at = clock_timestamp(), closed_by = %(load_id)s
WHERE connection_id = %(connection_id)s AND report = %(report)s AND kind = %(kind)s AND closed_at IS NULL
