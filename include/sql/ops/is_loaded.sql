-- A load of exactly this window that is in the ledger.
SELECT load_id
FROM ops.load
WHERE connection_id = %(connection_id)s AND report = %(report)s AND state = 'loaded'
    AND window_from = %(first)s AND window_to = %(end)s
LIMIT 1
