-- Whether a load of exactly this window is in the ledger.
SELECT EXISTS (
    SELECT FROM ops.load
    WHERE connection_id = %(connection_id)s AND report = %(report)s AND state = 'loaded'
        AND window_from = %(first)s AND window_to = %(end)s
)
