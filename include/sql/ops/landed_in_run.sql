-- A window that this run has landed and no step has taken up: a second try need not fetch it again.
SELECT load_id::text
FROM ops.load
WHERE connection_id = %(connection_id)s AND report = %(report)s AND run_id = %(run_id)s AND state = 'landed'
    AND window_from = %(first)s AND window_to = %(end)s AND declaration = %(declaration)s
ORDER BY started_at DESC
LIMIT 1
