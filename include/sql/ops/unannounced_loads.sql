-- Loads that ended in the ledger and that no asset event told of, and whether another run than this one made them.
SELECT load_id::text, run_id <> %(run_id)s
FROM ops.load
WHERE connection_id = %(connection_id)s AND announced_at IS NULL AND state IN ('loaded', 'held', 'superseded')
