-- Dates that the ledger can speak of: loaded, empty or held. One that was read inside its look-back and never since is
-- unsettled: it is read again; not without end, for what a provider never closes would be asked for daily.
SELECT usage_date, state <> 'held' AND NOT settled AND fetched_at < usage_date + 60 AS unsettled
FROM ops.day
WHERE connection_id = %(connection_id)s AND report = %(report)s AND state <> 'failed'
    AND usage_date >= %(first)s AND usage_date < %(end)s
