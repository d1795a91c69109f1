-- Dates that the ledger can speak of: loaded, empty or held; unsettled is one that was read inside its look-back and
-- never since. A held one waits for a person.
SELECT usage_date, state <> 'held' AND NOT settled AS unsettled
FROM ops.day
WHERE connection_id = %(connection_id)s AND report = %(report)s AND state <> 'failed'
    AND usage_date >= %(first)s AND usage_date < %(end)s
