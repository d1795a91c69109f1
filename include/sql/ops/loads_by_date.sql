-- The load of each date in the ledger.
SELECT report, usage_date, load_id::text
FROM ops.day
WHERE connection_id = %(connection_id)s AND load_id IS NOT NULL
ORDER BY report, usage_date
