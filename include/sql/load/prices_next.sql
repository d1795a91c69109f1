-- The date of the next list that was loaded; that of this one where a newer list of the same date was.
SELECT min(window_from)
FROM ops.load
WHERE connection_id = %(connection_id)s AND report = %(report)s AND state = 'loaded'
    AND (window_from, fetched_at) > (%(first)s, %(fetched_at)s)
