-- Dates that are loaded, empty or held. An unsettled one was read inside its look-back and never since; a held one
-- waits for a person.
SELECT usage_date, state <> 'held' AND NOT settled AS unsettled
FROM ops.day
WHERE connection_id = %(connection_id)s AND report = %(report)s AND state <> 'failed'
    AND usage_date >= %(first)s AND usage_date < %(end)s
